//! Events become lines on standard output.
//!
//! In: an event's JSON. Out: the same, or text for people. Invariant: a line is
//! written whole and at once; colours only for a terminal whose user has not
//! forbidden them. Lacks on purpose: the words, which `line` has.

use std::io::{self, IsTerminal as _, Write};

use super::line::Lines;
use crate::commands::stdout::no_color;

/// Where the events go.
pub(super) struct Output<W> {
    to: W,
    /// None passes the JSON on.
    lines: Option<Lines>,
}

impl Output<io::Stdout> {
    /// As JSON, or as text.
    pub(super) fn to_stdout(json: bool) -> Self {
        let to = io::stdout();
        let coloured = to.is_terminal() && !no_color();
        Output {
            lines: (!json).then(|| Lines::new(coloured)),
            to,
        }
    }
}

impl<W: Write> Output<W> {
    /// Writes one event.
    pub(super) fn event(&mut self, json: &str) -> io::Result<()> {
        let text = match &mut self.lines {
            Some(lines) => lines.of(json),
            None => format!("{json}\n"),
        };
        self.to.write_all(text.as_bytes())?;
        self.to.flush()
    }
}
