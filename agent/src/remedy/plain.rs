//! Text that a container chose becomes a plain word, or nothing.
//!
//! In: escaped text of unknown origin. Out: the same text, where shell, YAML,
//! AppArmor and a reader all take it for one plain word. Invariant: no quote,
//! space, glob or escape gets through, and no word that is advice by itself, so
//! that a hostile name can neither end a command nor speak in our voice. Lacks
//! on purpose: quoting, which every format would do in a way of its own.

/// Longest word that is repeated in advice.
const MAX_BYTES: usize = 256;

/// What no advice may say, in lower case: each of these switches a protection
/// off, asks for root, or opens a file to everybody.
pub(super) const FORBIDDEN: [&str; 14] = [
    "unconfined",
    "privileged",
    "runasuser: 0",
    "runasgroup: 0",
    "--user 0",
    "label=disable",
    "label:disable",
    "chmod 777",
    "chmod 0777",
    "mode=777",
    "mode=0777",
    "setenforce",
    "permissive",
    "readonlyrootfilesystem: false",
];

/// The text, if it is a plain word.
pub fn plain(text: &str) -> Option<&str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._/@+-".contains(&byte);
    let whole = !text.is_empty() && text.len() <= MAX_BYTES && text.bytes().all(allowed);
    let lower = text.to_ascii_lowercase();
    (whole && !FORBIDDEN.iter().any(|word| lower.contains(word))).then_some(text)
}

/// The text, if it is an absolute path in plain words without `.` and `..`.
pub fn plain_path(text: &str) -> Option<&str> {
    let rest = plain(text)?.strip_prefix('/')?;
    let clean = |part: &str| !part.is_empty() && part != "." && part != "..";
    rest.split('/').all(clean).then_some(text)
}

/// The path for a sentence; `otherwise` stands for what is better not repeated.
pub(super) fn shown<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    plain_path(text).unwrap_or(otherwise)
}

/// A name for a volume or a profile made of a path or image: a DNS label.
pub fn slug(text: &str) -> String {
    let mut name = String::new();
    for byte in text.bytes().take(MAX_BYTES) {
        if byte.is_ascii_alphanumeric() {
            name.push(byte.to_ascii_lowercase().into());
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if name.len() == 50 {
            break;
        }
    }
    let name = name.trim_end_matches('-');
    plain(name).unwrap_or("extra").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_get_through() {
        assert_eq!(
            plain_path("/var/run/a-b_c.d@e+f"),
            Some("/var/run/a-b_c.d@e+f")
        );
        for text in [
            "",
            "var",
            "/",
            "/a//b",
            "/a/../b",
            "/a/.",
            "/a b",
            "/a\\x0a",
            "/a'b",
            "/a\"b",
            "/a$b",
            "/a`b",
            "/a;b",
            "/a:b",
            "/a,b",
            "/a*b",
            "/a{b",
            "/a#b",
            "/ä",
            "/unConfined",
            "/x/privileged",
        ] {
            assert_eq!(plain_path(text), None, "{text}");
        }
        assert_eq!(plain_path(&format!("/{}", "a".repeat(MAX_BYTES))), None);
    }

    #[test]
    fn slugs_are_dns_labels() {
        assert_eq!(slug("/var/lib/My_App."), "var-lib-my-app");
        assert_eq!(slug("registry.example/nginx-unprivileged:1"), "extra");
        assert_eq!(slug("///"), "extra");
        assert!(slug(&"a.".repeat(99)).len() <= 50);
    }
}
