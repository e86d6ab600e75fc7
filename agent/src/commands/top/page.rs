//! Texts become lines of a page.
//!
//! In: texts with their tones. Out: [`Told`] lines. Invariant: no line is wider
//! than the page. Lacks on purpose: what the texts say.

use super::look::Tone;
use super::shown::wrapped;

/// A line with its tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) tone: Tone,
    pub(super) text: String,
}

/// Lines as they grow.
pub(super) struct Page {
    pub(super) width: usize,
    pub(super) lines: Vec<Told>,
}

impl Page {
    /// Nothing yet, of that many columns.
    pub(super) fn of(width: usize) -> Page {
        Page {
            width,
            lines: Vec::new(),
        }
    }

    /// Adds a text, on as many lines as it takes.
    pub(super) fn say(&mut self, tone: Tone, indent: usize, text: &str) {
        let text = format!("{}{text}", " ".repeat(indent));
        let lines = wrapped(&text, self.width, indent + 2);
        self.lines
            .extend(lines.into_iter().map(|text| Told { tone, text }));
    }

    /// Begins a section.
    pub(super) fn head(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.say(Tone::Plain, 0, "");
        }
        self.say(Tone::Head, 0, text);
    }
}
