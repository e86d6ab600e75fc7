//! What is on the screen becomes a frame.
//!
//! In: a [`View`], the time, a [`Look`]. Out: cells. Invariant: pure; any size
//! does, down to one cell: what has no room is left out, the last first. Lacks on
//! purpose: keys, and the terminal.

mod list;
mod lower;

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::look::{Look, Tone};
use super::shown::{tail, width};
use super::view::{Screen, View};
use super::words::time;

/// A frame that is being filled from the top.
struct Canvas<'a, 'b> {
    frame: &'a mut Frame<'b>,
    look: Look,
    /// What is left.
    area: Rect,
}

impl Canvas<'_, '_> {
    /// Puts a line into the next row, if there is one.
    fn line(&mut self, parts: Vec<(Style, String)>) {
        if self.area.height == 0 {
            return;
        }
        let spans: Vec<_> = parts
            .into_iter()
            .map(|(style, text)| Span::styled(text, style))
            .collect();
        let row = Rect {
            height: 1,
            ..self.area
        };
        self.frame.render_widget(Line::from(spans), row);
        self.area.y += 1;
        self.area.height -= 1;
    }

    fn tone(&self, tone: Tone) -> Style {
        self.look.of(tone)
    }

    fn columns(&self) -> usize {
        usize::from(self.area.width)
    }

    fn rows(&self) -> usize {
        usize::from(self.area.height)
    }
}

/// Draws everything.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View, now: Duration, look: Look) {
    let area = frame.area();
    let mut canvas = Canvas { frame, look, area };
    header(&mut canvas, view, now);
    let footer = Rect {
        y: area.bottom().saturating_sub(1),
        height: 1,
        ..area
    };
    let has_footer = canvas.area.height > 1;
    if has_footer {
        canvas.area.height -= 1;
    }
    match view.screen {
        Screen::List => {
            list::draw(&mut canvas, view);
            lower::draw(&mut canvas, view);
        }
        Screen::Container(_) | Screen::Help => page(&mut canvas, view),
    }
    if has_footer {
        canvas.area = footer;
        keys(&mut canvas, view);
    }
}

fn header(canvas: &mut Canvas<'_, '_>, view: &View, now: Duration) {
    let (tone, link) = link(view, now);
    let title = format!("sealwatch {}  ", view.status.node);
    let mut order = format!("by {}", view.sort.label());
    if !view.filter.is_empty() {
        order.push_str(&format!("  only {}", view.filter));
    }
    let left = canvas.columns().saturating_sub(width(&title));
    let gap = left.saturating_sub(width(&link) + width(&order));
    let mut parts = vec![(canvas.tone(Tone::Head), title), (canvas.tone(tone), link)];
    if gap > 1 {
        parts.push((Style::new(), " ".repeat(gap)));
        parts.push((canvas.tone(Tone::Faint), order));
    }
    canvas.line(parts);
    let (tone, daemon) = daemon(view);
    let style = canvas.tone(tone);
    canvas.line(vec![(style, daemon)]);
}

/// Does it answer?
fn link(view: &View, now: Duration) -> (Tone, String) {
    if let Some((since, why)) = &view.away {
        let seconds = time(now.saturating_sub(*since).as_secs());
        return (Tone::Bad, format!("AWAY for {seconds}: {why}"));
    }
    match view.answered {
        None => (Tone::Faint, "asking".to_owned()),
        Some(_) if view.paused => (Tone::Warning, "PAUSED".to_owned()),
        Some(at) => match now.saturating_sub(at).as_secs() {
            0..5 => (Tone::Good, "live".to_owned()),
            late => (Tone::Warning, format!("no answer for {}", time(late))),
        },
    }
}

/// How the daemon is, on one line; the rest is on the page of help.
fn daemon(view: &View) -> (Tone, String) {
    let status = &view.status;
    let mut tone = Tone::Faint;
    let mut parts: Vec<String> = Vec::new();
    if !status.waits_for.is_empty() {
        let parts_: Vec<&str> = status.waits_for.iter().map(|part| &**part).collect();
        parts.push(format!("waits for {}", parts_.join(", ")));
    }
    let hooks = status.hooks.iter();
    let hooks: Vec<_> = hooks
        .map(|by| format!("{} {}", by.count, by.backend))
        .collect();
    if !hooks.is_empty() {
        parts.push(format!("hooks: {}", hooks.join(", ")));
    }
    match status.not_measured.len() {
        0 => {}
        some => parts.push(format!("{some} not measured")),
    }
    for runtime in &status.runtimes {
        let state = if runtime.up { "up" } else { "DOWN" };
        if !runtime.up {
            tone = Tone::Warning;
        }
        parts.push(format!("{} {state}", runtime.runtime));
    }
    let lost = status.losses.iter().map(|loss| loss.count);
    match lost.fold(0, u64::saturating_add) {
        0 => parts.push("nothing lost".to_owned()),
        lost => {
            tone = Tone::Warning;
            parts.push(format!("{lost} LOST"));
        }
    }
    (tone, parts.join("  "))
}

fn page(canvas: &mut Canvas<'_, '_>, view: &View) {
    let lines = view.page(canvas.area.width);
    let from = view.scroll.min(lines.len().saturating_sub(canvas.rows()));
    let rows = canvas.rows();
    for told in lines.into_iter().skip(from).take(rows) {
        let style = canvas.tone(told.tone);
        canvas.line(vec![(style, told.text)]);
    }
}

fn keys(canvas: &mut Canvas<'_, '_>, view: &View) {
    if view.typing.is_some() {
        let text = tail(&view.filter, canvas.columns().saturating_sub(8));
        let style = canvas.tone(Tone::Head);
        return canvas.line(vec![(style, format!("only: {text}_"))]);
    }
    let text = match view.screen {
        Screen::List => "q quit  ? help  Enter open  / filter  s sort  Space pause",
        Screen::Container(_) => "Esc back  Up Down scroll  ? help  Space pause  q quit",
        Screen::Help => "Esc back  Up Down scroll  q quit",
    };
    let style = canvas.tone(Tone::Faint);
    canvas.line(vec![(style, text.to_owned())]);
}

#[cfg(test)]
mod tests;
