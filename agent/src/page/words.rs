//! Labels, times and names as a page shows them.
//!
//! In: states, labels, times, names. Out: text or a piece of HTML. Invariant:
//! what a container chose is escaped as everywhere else, and then as HTML by
//! maud. Lacks on purpose: the pages.

use std::time::{Duration, SystemTime};

use maud::{Markup, html};

use crate::amount::span;
use crate::denial::{Container, escape};
use crate::overview::State;

/// A state in words.
pub(super) const fn state(state: State) -> &'static str {
    match state {
        State::FailingToStart => "failing to start",
        State::Degraded => "degraded",
        State::Pressure => "under pressure",
        State::Refused => "writes refused",
        State::WritableRoot => "writable root",
        State::Unknown => "not known",
        State::Sealed => "sealed and healthy",
    }
}

/// What a state means, in one sentence.
pub(super) const fn meaning(state: State) -> &'static str {
    match state {
        State::FailingToStart => "It is refused something and ends at once, again and again.",
        State::Degraded => "It runs, and writes under a write root keep failing.",
        State::Pressure => "A tmpfs is nearly full, or all of them take much of the memory limit.",
        State::Refused => "Something was refused, but it does not keep failing.",
        State::WritableRoot => "Its root file system can be written.",
        State::Unknown => "Whether its root can be written is not known.",
        State::Sealed => "Its root is read-only, and nothing was refused.",
    }
}

/// A state as a badge; the colour says nothing that the words do not.
pub(super) fn badge(of: State) -> Markup {
    html! { span class={ "badge " (of.label()) } title=(meaning(of)) { (state(of)) } }
}

/// A label of the catalog in words: `read_only_mount` is "read-only mount".
pub(super) fn plain(label: &str) -> String {
    label.replace("read_only", "read-only").replace('_', " ")
}

/// A raw text of a container's choice.
pub(super) fn text(raw: &str) -> String {
    escape(raw.as_bytes())
}

/// A text that is escaped already: only what moves or hides is replaced, so that
/// a backslash stays one.
pub(super) fn kept(escaped: &str) -> String {
    let parts: Vec<_> = escaped
        .split('\\')
        .map(|part| escape(part.as_bytes()))
        .collect();
    parts.join("\\")
}

/// The same over several lines, as a change to copy has them.
pub(super) fn lines(escaped: &str) -> String {
    let lines: Vec<_> = escaped.split('\n').map(kept).collect();
    lines.join("\n")
}

/// Namespace and pod, where there are any.
pub(super) fn place(container: &Container) -> Option<String> {
    match (container.namespace.is_empty(), container.pod.is_empty()) {
        (true, true) => None,
        (false, true) => Some(text(&container.namespace)),
        (true, false) => Some(text(&container.pod)),
        (false, false) => Some(format!(
            "{}/{}",
            text(&container.namespace),
            text(&container.pod)
        )),
    }
}

/// A time as its distance from now, with the time itself for machines and on hover.
pub(super) fn ago(time: SystemTime, now: SystemTime) -> Markup {
    // Seconds are enough; what lies ahead by a clock's step is now.
    let exact = humantime::format_rfc3339_seconds(time).to_string();
    let distance = now.duration_since(time).unwrap_or_default();
    html! { time datetime=(exact) title=(exact) { (distance_words(distance)) } }
}

fn distance_words(distance: Duration) -> String {
    match distance.as_secs() {
        0..2 => "just now".to_owned(),
        seconds => format!("{} ago", span(seconds)),
    }
}

/// A number with thin gaps between thousands, as columns of numbers want it.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `1 refusal`, `2 refusals`.
pub(super) fn counted(many: u64, one: &str) -> String {
    match many {
        1 => format!("1 {one}"),
        many => format!("{} {one}s", number(many)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_labels_are_read_easily() {
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(number(999), "999");
        assert_eq!(counted(1, "refusal"), "1 refusal");
        assert_eq!(counted(0, "refusal"), "0 refusals");
        assert_eq!(plain("read_only_mount"), "read-only mount");
        assert_eq!(plain("tmpfs_full_bytes"), "tmpfs full bytes");
    }

    #[test]
    fn escapes_stay_and_controls_do_not() {
        assert_eq!(
            kept("/a\\x0a\u{1b}[2J\u{202e}"),
            "/a\\x0a\\x1b[2J\\xe2\\x80\\xae"
        );
        assert_eq!(text("a\\"), "a\\x5c");
        assert_eq!(lines("a\n\tb"), "a\n\\x09b");
    }
}
