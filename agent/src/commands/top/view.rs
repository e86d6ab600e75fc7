//! Keys, answers and time become what is on the screen.
//!
//! In: keys, answers, time since some beginning, the screen's size. Out:
//! [`View`]. Invariant: pure: no terminal, no clock; the selection stays with its
//! container, wherever it moves to. Lacks on purpose: drawing.

use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::answers::{Answers, Status};
use super::model::{self, Container, Sort};
use super::page::Told;
use super::rate::Rates;
use super::shown::Shown;
use super::{help, sections};

/// Longest filter.
const FILTER_MAX: usize = 64;

/// Which screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Screen {
    #[default]
    List,
    /// All of one container.
    Container(Shown),
    Help,
}

/// What a key asks of whoever has the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    GoOn,
    Quit,
}

/// The terminal's size in cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: u16,
    pub(super) rows: u16,
}

impl Size {
    /// Rows of a page to scroll: all but the header and the keys.
    pub(super) fn page_rows(self) -> usize {
        usize::from(self.rows).saturating_sub(3).max(1)
    }
}

/// What is on the screen.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) status: Status,
    /// In the order that is shown, the filter not yet applied.
    pub(super) containers: Vec<Container>,
    /// When the daemon answered last.
    pub(super) answered: Option<Duration>,
    /// Why it does not answer, since when.
    pub(super) away: Option<(Duration, Shown)>,
    pub(super) paused: bool,
    pub(super) sort: Sort,
    pub(super) filter: String,
    /// The filter before the one that is being typed.
    pub(super) typing: Option<String>,
    pub(super) screen: Screen,
    pub(super) scroll: usize,
    /// The selected container; none is the first.
    selected: Option<Shown>,
    rates: Rates,
}

impl View {
    /// Takes in an answer.
    pub(super) fn answered(&mut self, at: Duration, answers: Answers) {
        self.away = None;
        self.answered = Some(at);
        let counts = model::counts(&answers);
        self.rates.take(at, &answers.status.run, counts);
        if self.paused {
            return;
        }
        let joined = model::joined(answers, &self.rates);
        self.status = joined.status;
        self.containers = joined.containers;
        model::sort(&mut self.containers, self.sort);
    }

    /// Takes in that there is none.
    pub(super) fn unanswered(&mut self, at: Duration, why: &str) {
        let since = self.away.as_ref().map_or(at, |(since, _)| *since);
        self.away = Some((since, Shown::from(why)));
    }

    /// The containers that the filter lets through.
    pub(super) fn rows(&self) -> Vec<&Container> {
        let wanted = self.filter.to_lowercase();
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        let containers = self.containers.iter();
        containers
            .filter(|one| has(&one.name) || has(&one.image) || has(one.standing.label()))
            .collect()
    }

    /// Which of the rows is selected.
    pub(super) fn index(&self, rows: &[&Container]) -> usize {
        let selected = self.selected.as_ref();
        let at = selected.and_then(|name| rows.iter().position(|one| one.name == *name));
        at.unwrap_or(0)
    }

    /// The container whose page is open, if it is still there.
    pub(super) fn opened(&self) -> Option<&Container> {
        let Screen::Container(name) = &self.screen else {
            return None;
        };
        self.containers.iter().find(|one| one.name == *name)
    }

    /// The lines of the open page.
    pub(super) fn page(&self, columns: u16) -> Vec<Told> {
        let columns = usize::from(columns);
        match (&self.screen, self.opened()) {
            (Screen::List, _) => Vec::new(),
            (Screen::Help, _) => help::help(&self.status, columns),
            (Screen::Container(_), Some(container)) => sections::container(container, columns),
            (Screen::Container(name), None) => {
                let mut page = super::page::Page::of(columns);
                page.head(&format!("{name} is not there any more"));
                page.lines
            }
        }
    }

    /// Does what a key asks for.
    pub(super) fn key(&mut self, key: KeyEvent, size: Size) -> Next {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c' | 'C')) {
            return Next::Quit;
        }
        if self.typing.is_some() {
            self.typed(key.code, control);
            return Next::GoOn;
        }
        match key.code {
            KeyCode::Char('q') => return Next::Quit,
            KeyCode::Char(' ') => self.paused = !self.paused,
            KeyCode::Char('?') | KeyCode::F(1) => {
                let screen = match self.screen {
                    Screen::Help => Screen::List,
                    Screen::List | Screen::Container(_) => Screen::Help,
                };
                self.show(screen);
            }
            code => match self.screen {
                Screen::List => self.list_key(code, size),
                Screen::Container(_) | Screen::Help => self.page_key(code, size),
            },
        }
        Next::GoOn
    }

    fn show(&mut self, screen: Screen) {
        self.screen = screen;
        self.scroll = 0;
    }

    fn list_key(&mut self, code: KeyCode, size: Size) {
        match code {
            KeyCode::Char('/') => self.typing = Some(self.filter.clone()),
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Char('s' | '>') => self.order(1),
            KeyCode::Char('<') => self.order(Sort::ALL.len() - 1),
            KeyCode::Enter | KeyCode::Right => {
                let rows = self.rows();
                let name = rows.get(self.index(&rows)).map(|one| one.name.clone());
                if let Some(name) = name {
                    self.selected = Some(name.clone());
                    self.show(Screen::Container(name));
                }
            }
            code => {
                let rows = self.rows();
                let last = rows.len().saturating_sub(1);
                let to = moved(code, self.index(&rows), last, size.page_rows());
                self.selected = match to {
                    // Who has not moved, or is back at the top, stays there.
                    0 => None,
                    to => rows.get(to).map(|one| one.name.clone()),
                };
            }
        }
    }

    fn page_key(&mut self, code: KeyCode, size: Size) {
        match code {
            KeyCode::Esc | KeyCode::Left | KeyCode::Backspace => self.show(Screen::List),
            code => {
                let rows = size.page_rows();
                let last = self.page(size.columns).len().saturating_sub(rows);
                self.scroll = moved(code, self.scroll.min(last), last, rows);
            }
        }
    }

    fn order(&mut self, steps: usize) {
        let at = Sort::ALL.iter().position(|sort| *sort == self.sort);
        let next = (at.unwrap_or(0) + steps) % Sort::ALL.len();
        self.sort = Sort::ALL.get(next).copied().unwrap_or_default();
        model::sort(&mut self.containers, self.sort);
    }

    fn typed(&mut self, code: KeyCode, control: bool) {
        match code {
            KeyCode::Enter => self.typing = None,
            KeyCode::Esc => self.filter = self.typing.take().unwrap_or_default(),
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char('u') if control => self.filter.clear(),
            KeyCode::Char(character) if !control && self.filter.len() < FILTER_MAX => {
                // What is pasted may hold anything as well.
                self.filter.push_str(&Shown::from(&*character.to_string()));
            }
            _ => {}
        }
    }
}

/// Where a key leads in `0..=last`.
fn moved(code: KeyCode, from: usize, last: usize, page: usize) -> usize {
    let to = match code {
        KeyCode::Up | KeyCode::Char('k') => from.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') => from + 1,
        KeyCode::PageUp => from.saturating_sub(page),
        KeyCode::PageDown => from + page,
        KeyCode::Home | KeyCode::Char('g') => 0,
        KeyCode::End | KeyCode::Char('G') => last,
        _ => from,
    };
    to.min(last)
}

#[cfg(test)]
mod tests;
