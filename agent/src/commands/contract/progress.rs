//! How the watching goes, on standard error.
//!
//! In: the time gone, a [`Tally`]. Out: a bar on a terminal, plain lines
//! elsewhere. Invariant: standard output is left to the contract; a container's
//! name moves no cursor; plain lines are few. Lacks on purpose: deciding anything.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::gather::Tally;
use super::print;
use crate::contract::Size;

/// Least time between two plain lines.
const QUIET: Duration = Duration::from_secs(10);
/// Names that are told.
const NAMES_MAX: usize = 4;

/// What shows it.
pub(super) enum Progress {
    Bar(ProgressBar),
    Lines { told: Tally, at: Duration },
}

impl Progress {
    pub(super) fn begin(time: Duration) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress::Lines {
                told: Tally::default(),
                at: Duration::ZERO,
            };
        }
        let bar = ProgressBar::with_draw_target(Some(time.as_secs()), ProgressDrawTarget::stderr());
        // A template that is wrong would be a defect; then the usual one serves.
        if let Ok(style) = ProgressStyle::with_template("[{elapsed}/{eta}] {wide_bar} {msg}") {
            bar.set_style(style);
        }
        Progress::Bar(bar)
    }

    pub(super) fn show(&mut self, gone: Duration, tally: &Tally) {
        match self {
            Progress::Bar(bar) => {
                bar.set_position(gone.as_secs());
                bar.set_message(sentence(tally));
            }
            Progress::Lines { told, at } => {
                let first = told.containers == 0 && tally.containers > 0;
                if told != tally && (first || gone >= *at + QUIET) {
                    print::line(&sentence(tally));
                    told.clone_from(tally);
                    *at = gone;
                }
            }
        }
    }

    pub(super) fn end(self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// `web: 3 write roots, 12Mi written, 4 refusals`.
fn sentence(tally: &Tally) -> String {
    if tally.containers == 0 {
        return "waiting for the container".to_owned();
    }
    let mut names = tally
        .names
        .iter()
        .take(NAMES_MAX)
        .cloned()
        .collect::<Vec<_>>();
    if tally.names.len() > NAMES_MAX {
        names.push("...".to_owned());
    }
    format!(
        "{}: {} write roots, {} written, {} refusals",
        names.join(", "),
        tally.roots,
        Size::about(tally.bytes),
        tally.refusals
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_told_in_a_line() {
        assert_eq!(sentence(&Tally::default()), "waiting for the container");
        let tally = Tally {
            containers: 5,
            names: ["a", "b", "c", "d", "e"].map(str::to_owned).into(),
            roots: 2,
            bytes: 3 << 20,
            refusals: 4,
        };
        assert_eq!(
            sentence(&tally),
            "a, b, c, d, ...: 2 write roots, 3Mi written, 4 refusals"
        );
    }
}
