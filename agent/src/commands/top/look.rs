//! Tones become what a terminal shows.
//!
//! In: a [`Tone`], whether colours are allowed. Out: styles. Invariant: a tone is
//! never the only sign of anything: the words beside it say the same. Lacks on
//! purpose: themes.

use ratatui::style::{Color, Modifier, Style};

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Head,
    Faint,
    Good,
    Warning,
    Bad,
}

/// How tones look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Are colours allowed?
    pub(super) coloured: bool,
}

impl Look {
    pub(super) fn of(self, tone: Tone) -> Style {
        let plain = Style::new();
        let colour = |colour: Color| match self.coloured {
            true => plain.fg(colour),
            false => plain,
        };
        match tone {
            Tone::Plain => plain,
            Tone::Head => plain.add_modifier(Modifier::BOLD),
            Tone::Faint => plain.add_modifier(Modifier::DIM),
            Tone::Good => colour(Color::Green),
            Tone::Warning => colour(Color::Yellow),
            Tone::Bad => colour(Color::Red).add_modifier(Modifier::BOLD),
        }
    }

    /// The row that Enter opens; it has a mark as well.
    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
