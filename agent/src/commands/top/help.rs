//! The keys, and how the daemon is, become lines to scroll through.
//!
//! In: a [`Status`], a width. Out: [`Told`] lines. Invariant: pure. Lacks on
//! purpose: what a key does, which `view` knows.

use super::answers::Status;
use super::look::Tone;
use super::page::{Page, Told};

const KEYS: [(&str, &str); 12] = [
    ("Up Down j k", "the container before, the next; scroll"),
    ("PgUp PgDn Home End", "the same by the screen, to the ends"),
    ("Enter", "all of one container"),
    ("Esc", "back; without a page open, end the filter"),
    (
        "/",
        "only containers whose name, image or state has this in it",
    ),
    ("s  < >", "the next order; the one before, the next"),
    ("Space", "hold still, and go on"),
    ("?", "this page"),
    ("q  Ctrl-C", "quit"),
    (
        "degraded",
        "its writes under a write root keep failing while it runs on",
    ),
    ("refused now", "something was refused in the last seconds"),
    ("sealed", "its root is read-only, and nothing was refused"),
];

/// The keys, and how the daemon is.
pub(super) fn help(status: &Status, width: usize) -> Vec<Told> {
    let mut page = Page::of(width);
    page.head("KEYS AND WORDS");
    for (key, what) in KEYS {
        page.say(Tone::Plain, 2, &format!("{key:18}  {what}"));
    }
    page.head("THE DAEMON");
    for runtime in &status.runtimes {
        let (tone, state) = match runtime.up {
            true => (Tone::Good, "answers"),
            false => (Tone::Bad, "does not answer"),
        };
        page.say(
            tone,
            2,
            &format!("{} at {} {state}", runtime.runtime, runtime.endpoint),
        );
    }
    for part in &status.waits_for {
        page.say(Tone::Warning, 2, &format!("it still waits for {part}"));
    }
    for attached in &status.hooks {
        page.say(
            Tone::Plain,
            2,
            &format!("{} hooks by {}", attached.count, attached.backend),
        );
    }
    for loss in &status.losses {
        let text = format!("lost: {} ({}/{})", loss.count, loss.stage, loss.reason);
        page.say(Tone::Bad, 2, &text);
    }
    if !status.not_measured.is_empty() {
        page.head("NOT MEASURED");
    }
    for hook in &status.not_measured {
        let text = format!("{}: {} ({})", hook.hook, hook.purpose, hook.reason);
        page.say(Tone::Plain, 2, &text);
    }
    page.lines
}
