//! Patterns of containers' names and ids, and of pods.
//!
//! In: a pattern, where `*` is any run of characters, and a name or container.
//! Out: whether it fits. Invariant: the time is bounded by the product of both
//! lengths. Lacks on purpose: anything but `*`.

use crate::denial::Container;

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

/// Does the pattern fit the container: its name or id, or, where there is a
/// slash, `NAMESPACE/POD` or `NAMESPACE/POD/CONTAINER`? A runtime's name has no
/// slash.
pub fn fits(pattern: &str, container: &Container) -> bool {
    if !pattern.contains('/') {
        return matches(pattern, &container.name) || matches(pattern, &container.id);
    }
    let mut parts = pattern.splitn(3, '/');
    let mut part = |name: &str| parts.next().is_none_or(|part| matches(part, name));
    !container.pod.is_empty()
        && part(&container.namespace)
        && part(&container.pod)
        && part(&container.name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{fits, matches};
    use crate::denial::{Container, Runtime};

    #[test]
    fn containers_by_name_id_and_pod() {
        let docker = Container {
            name: "web".to_owned(),
            ..Container::unnamed(&"c0ffee11".repeat(8), Runtime::Docker)
        };
        let pod = Container {
            namespace: "shop".to_owned(),
            pod: "cart-7d-x2".to_owned(),
            ..docker.clone()
        };
        for (pattern, of_docker, of_pod) in [
            ("web", true, true),
            ("c0ffee11c0ff", true, true),
            ("shop/cart-7d-x2", false, true),
            ("shop/cart-*/web", false, true),
            ("shop/cart-*/db", false, false),
            ("*/*", false, true),
            ("/", false, false),
            ("stage/cart-7d-x2/web", false, false),
        ] {
            assert_eq!(fits(pattern, &docker), of_docker, "{pattern}");
            assert_eq!(fits(pattern, &pod), of_pod, "{pattern}");
        }
    }

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

    /// The meaning, without a thought of how long it takes.
    fn plainly(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|at| plainly(rest, &name[at..])),
            Some((byte, rest)) => name
                .split_first()
                .is_some_and(|(first, more)| first == byte && plainly(rest, more)),
        }
    }

    proptest! {
        #[test]
        fn a_star_is_any_run(pattern in "[ab*]{0,8}", name in "[ab]{0,12}") {
            let meant = plainly(pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(matches(&pattern, &name), meant);
        }

        #[test]
        fn no_pattern_makes_it_panic(pattern: String, name: String) {
            let container = Container {
                pod: name.clone(),
                ..Container::unnamed(&name, Runtime::Docker)
            };
            let _ = (matches(&pattern, &name), fits(&pattern, &container));
        }
    }
}
