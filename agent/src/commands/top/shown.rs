//! Text of an answer becomes text that a terminal's cell may hold.
//!
//! In: text of anybody's choice. Out: [`Shown`]. Invariant: no character of it
//! moves the cursor, is invisible, changes the direction of writing or stands on
//! another one; what does is escaped, so that nothing else enters a frame. Lacks
//! on purpose: cutting, which whoever knows the width does.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::report::printable;

/// Text that may be shown as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Shown(String);

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        let mut clean = String::with_capacity(text.len());
        for character in printable(text).chars() {
            if character.width().unwrap_or(0) > 0 {
                clean.push(character);
                continue;
            }
            let mut utf8 = [0; 4];
            for byte in character.encode_utf8(&mut utf8).bytes() {
                clean.push_str(&format!("\\x{byte:02x}"));
            }
        }
        Shown(clean)
    }
}

impl Deref for Shown {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Shown::from(&*String::deserialize(deserializer)?))
    }
}

/// Several lines of text, such as a patch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ShownLines(pub(super) Vec<Shown>);

impl<'de> Deserialize<'de> for ShownLines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(ShownLines(text.lines().map(Shown::from).collect()))
    }
}

/// Columns that the text takes.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// The end of a text that is too long, which tells more than its beginning.
pub(super) fn tail(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mark = if columns > 6 { "..." } else { "" };
    let mut left = columns - mark.len();
    let kept = text.char_indices().rev().take_while(|(_, character)| {
        let wide = character.width().unwrap_or(0);
        let fits = wide <= left;
        left = left.saturating_sub(wide);
        fits
    });
    let begin = kept.last().map_or(text.len(), |(at, _)| at);
    format!("{mark}{}", &text[begin..])
}

/// The beginning of a text that is too long.
pub(super) fn head(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let kept = text.char_indices().find(|(_, character)| {
        used += character.width().unwrap_or(0);
        used > columns
    });
    text.get(..kept.map_or(text.len(), |(at, _)| at))
        .unwrap_or(text)
}

/// The text in exactly that many columns.
pub(super) fn padded(text: &str, columns: usize) -> String {
    let mut text = tail(text, columns);
    let missing = columns.saturating_sub(width(&text));
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

/// The text at the right end of that many columns.
pub(super) fn right(text: &str, columns: usize) -> String {
    let text = tail(text, columns);
    let missing = columns.saturating_sub(width(&text));
    " ".repeat(missing) + &text
}

/// Lines of at most that many columns, broken between words where that is
/// possible; those after the first begin with `indent` blanks.
pub(super) fn wrapped(text: &str, columns: usize, indent: usize) -> Vec<String> {
    let columns = columns.max(1);
    let indent = if indent * 2 < columns { indent } else { 0 };
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let wide = width(word.trim_end());
        let begin = if lines.len() > 1 { indent } else { 0 };
        if used > begin && used + wide > columns {
            lines.push(" ".repeat(indent));
            used = indent;
        }
        for character in word.chars() {
            let wide = character.width().unwrap_or(0);
            if used + wide > columns {
                if character == ' ' {
                    continue;
                }
                lines.push(" ".repeat(indent));
                used = indent;
            }
            if let Some(line) = lines.last_mut() {
                line.push(character);
            }
            used += wide;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_invisible_or_stands_on_another() {
        let text = "a\u{1b}[2J\n\u{202e}\u{0301}\u{200d}\u{fe0f}\\x41漢é";
        assert_eq!(
            &*Shown::from(text),
            "a\\x1b[2J\\x0a\\xe2\\x80\\xae\\xcc\\x81\\xe2\\x80\\x8d\\xef\\xb8\\x8f\\x41漢é"
        );
        let lines: ShownLines = serde_json::from_str(r#""a:\n  - \u001b""#).unwrap();
        assert_eq!(lines.0, [Shown::from("a:"), Shown::from("  - \u{1b}")]);
    }

    #[test]
    fn long_texts_keep_their_ends() {
        assert_eq!(tail("/var/cache/nginx", 10), "...e/nginx");
        assert_eq!(tail("/var/cache", 4), "ache");
        assert_eq!(tail("ab", 2), "ab");
        assert_eq!(tail("漢漢漢漢漢", 8), "...漢漢");
        assert_eq!(tail("ab", 0), "");
        assert_eq!(padded("漢", 4), "漢  ");
        assert_eq!(
            [head("漢a", 2), head("漢a", 1), head("ab", 9)],
            ["漢", "", "ab"]
        );
        assert_eq!(right("12", 4), "  12");
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(
            wrapped("mount a tmpfs at /run", 10, 2),
            ["mount a ", "  tmpfs at", "  /run"]
        );
        assert_eq!(wrapped("abcdefghij", 4, 0), ["abcd", "efgh", "ij"]);
        assert_eq!(wrapped("漢漢", 1, 0).len(), 3);
        assert_eq!(wrapped("", 5, 2), [""]);
    }
}
