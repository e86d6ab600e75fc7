//! Patterns of containers' names and ids.
//!
//! In: a pattern, where `*` is any run of characters, and a name. Out: whether
//! it fits. Invariant: the time is bounded by the product of both lengths.
//! Lacks on purpose: anything but `*`.

/// Shortest beginning of an id that stands for the id, as runtimes show it.
const ID_MIN: usize = 12;

/// Does the pattern fit the whole name, or is it the beginning of an id?
pub fn matches(pattern: &str, name: &str) -> bool {
    if pattern.len() >= ID_MIN && name.starts_with(pattern) {
        let id = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if id(pattern) && id(name) {
            return true;
        }
    }
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(head) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let tail = pieces.pop().unwrap_or_default();
    // The first place of each piece leaves the most to those that follow.
    for piece in pieces {
        match name.find(piece) {
            Some(at) => name = &name[at + piece.len()..],
            None => return false,
        }
    }
    name.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn names_patterns_and_ids() {
        for (pattern, name, expected) in [
            ("web", "web", true),
            ("web", "web-1", false),
            ("*", "anything", true),
            ("*", "", true),
            ("web-*", "web-1", true),
            ("*-1", "web-1", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
            ("c0ffee11c0ff", "c0ffee11c0ffee11", true),
            ("c0ffee11", "c0ffee11c0ffee11", false),
            ("longer-than-twelve", "longer-than-twelve-1", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
