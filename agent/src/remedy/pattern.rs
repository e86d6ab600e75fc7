//! Patterns of paths: `/var/cache/*/**` and the paths they fit.
//!
//! In: a pattern from our own tables, and a path. Out: whether it fits.
//! Invariant: the time is bounded by the lengths of both; no path is resolved.
//! Lacks on purpose: character classes and braces.

/// Does the whole path fit? `*` is any run of characters within a component,
/// `**` any number of components, none included.
pub fn fits(pattern: &str, path: &str) -> bool {
    sequence(&parts(pattern), &parts(path), |pattern, part| {
        *pattern == "**" && part.is_none() || part.is_some_and(|part| word(pattern, part))
    })
}

fn parts(text: &str) -> Vec<&str> {
    text.split('/').filter(|part| !part.is_empty()).collect()
}

/// One component.
fn word(pattern: &str, part: &str) -> bool {
    let pattern: Vec<u8> = pattern.bytes().collect();
    let part: Vec<u8> = part.bytes().collect();
    sequence(&pattern, &part, |pattern, byte| match byte {
        None => *pattern == b'*',
        Some(byte) => pattern == byte,
    })
}

/// Matches two sequences. `fit(x, None)` tells whether x stands for any run;
/// going back to the latest such x alone is enough, since it takes what it must.
fn sequence<T>(pattern: &[T], text: &[T], fit: impl Fn(&T, Option<&T>) -> bool) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut retry = None;
    while read < text.len() {
        if pattern.get(at).is_some_and(|x| fit(x, None)) {
            retry = Some((at, read));
            at += 1;
        } else if pattern.get(at).is_some_and(|x| fit(x, Some(&text[read]))) {
            at += 1;
            read += 1;
        } else if let Some((any, from)) = retry {
            retry = Some((any, from + 1));
            at = any + 1;
            read = from + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|x| fit(x, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_paths() {
        for (pattern, path, expected) in [
            ("/tmp", "/tmp", true),
            ("/tmp", "/tmp/x", false),
            ("/tmp/**", "/tmp", true),
            ("/tmp/**", "/tmp/a/b", true),
            ("**/__pycache__/**", "/app/__pycache__", true),
            ("**/__pycache__/**", "/app/a/__pycache__/x.pyc", true),
            ("**/__pycache__/**", "/app/pycache/x", false),
            ("**/*.pyc", "/a/b.pyc", true),
            ("**/*.pyc", "/a/b.pyc/c", false),
            ("**/*.pyc.*", "/a/b.pyc.1234", true),
            ("/home/*/.cache/**", "/home/me/.cache/x", true),
            ("/home/*/.cache/**", "/home/.cache/x", false),
            ("**/a/**/b", "/x/a/y/a/b", true),
            ("**/a/**/b", "/x/a/y/c", false),
            ("**", "/", true),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }
}
