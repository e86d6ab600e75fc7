//! A path as the container sees it, and how bytes of its choice are shown.
//!
//! In: bytes. Out: [`ContainerPath`]; printable text. Invariant: what is shown
//! stays on one line and fools no terminal. Lacks on purpose: resolving.

use std::borrow::Cow;
use std::fmt;

/// A path as the container sees it: any bytes but NUL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerPath {
    /// The bytes; absolute where `resolution` is `Absolute`.
    pub bytes: Vec<u8>,
    /// How much of it is certain.
    pub resolution: Resolution,
}

/// How certain a [`ContainerPath`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// From the container's root, whole.
    Absolute,
    /// The name as passed; where it starts from is not known.
    Relative,
    /// Cut off at a limit, or with a part that could not be read.
    Partial,
    /// There is no path to tell (not measured, or none exists).
    Absent,
}

impl Resolution {
    /// The name used in events.
    pub const fn label(self) -> &'static str {
        match self {
            Resolution::Absolute => "absolute",
            Resolution::Relative => "relative",
            Resolution::Partial => "partial",
            Resolution::Absent => "absent",
        }
    }
}

impl fmt::Display for ContainerPath {
    /// Printable text on one line: bytes that are not printable UTF-8, and the
    /// backslash, become `\xNN` escapes, so that no terminal or log is fooled.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_escaped(&self.bytes, f)
    }
}

/// Writes arbitrary bytes as printable text on one line (see [`ContainerPath`]'s `Display`).
pub fn escape(bytes: &[u8]) -> String {
    struct Escaped<'a>(&'a [u8]);
    impl fmt::Display for Escaped<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            fmt_escaped(self.0, f)
        }
    }
    Escaped(bytes).to_string()
}

/// The same of a text, which stays as it is where nothing in it is escaped.
pub fn escape_text(text: &str) -> Cow<'_, str> {
    match text.contains(is_escaped) {
        true => Cow::Owned(escape(text.as_bytes())),
        false => Cow::Borrowed(text),
    }
}

/// Bidirectional and other invisible format characters can make a terminal show a path
/// that it is not; they are escaped with the controls, and so is what YAML takes for no
/// character.
fn is_escaped(c: char) -> bool {
    c == '\\'
        || c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn fmt_escaped(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use fmt::Write as _;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_escaped(c) {
                let mut utf8 = [0; 4];
                for byte in c.encode_utf8(&mut utf8).bytes() {
                    write!(f, "\\x{byte:02x}")?;
                }
            } else {
                f.write_char(c)?;
            }
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_bytes_stay_on_one_printable_line() {
        let path = ContainerPath {
            bytes: b"/a\nb\x1b[2J\\\xff\xe2\x80\xae\"".to_vec(),
            resolution: Resolution::Absolute,
        };
        assert_eq!(
            path.to_string(),
            "/a\\x0ab\\x1b[2J\\x5c\\xff\\xe2\\x80\\xae\""
        );
        assert_eq!(
            escape("a\u{fffe}\u{fffd}".as_bytes()),
            "a\\xef\\xbf\\xbe\u{fffd}"
        );
    }
}
