//! Records of every kind, and bytes of no kind.

use super::*;
use proptest::prelude::*;

fn joined(flags: u16, name: &str, base: &[&str]) -> (String, Resolution) {
    let path = path(
        flags,
        name.as_bytes(),
        base.iter().map(|part| part.as_bytes()),
    );
    (String::from_utf8(path.bytes).unwrap(), path.resolution)
}

const BOTH: u16 = PathFlags::NAME | PathFlags::BASE;

#[test]
fn paths_are_joined_and_marked() {
    let absolute = |text: &str| (text.to_owned(), Resolution::Absolute);
    let partial = |text: &str| (text.to_owned(), Resolution::Partial);
    assert_eq!(
        joined(PathFlags::NAME, "/var//run/./a", &[]),
        absolute("/var/run/a")
    );
    assert_eq!(joined(BOTH, "/a", &["b"]), absolute("/a"));
    // An empty component is a mount crossing.
    assert_eq!(joined(BOTH, "d/../c", &["a", "", "b"]), absolute("/a/b/c"));
    assert_eq!(joined(BOTH, "../../..", &["a"]), absolute("/"));
    assert_eq!(joined(PathFlags::BASE, "", &["a", "b"]), absolute("/a/b"));
    assert_eq!(
        joined(PathFlags::NAME, "a/b", &[]),
        ("a/b".to_owned(), Resolution::Relative)
    );
    assert_eq!(
        joined(BOTH | PathFlags::BASE_DELETED, "c", &["a"]),
        partial("/a/c")
    );
    assert_eq!(
        joined(BOTH | PathFlags::NAME_UNREADABLE, "", &["a"]),
        partial("/a")
    );
    assert_eq!(joined(PathFlags::NAME_UNREADABLE, "", &[]), partial(""));
    assert_eq!(joined(0, "", &[]), (String::new(), Resolution::Absent));
}

#[test]
fn a_short_record_says_how_short() {
    assert_eq!(
        sample(&[0; 10]),
        Err(DecodeError::Short {
            length: 10,
            needed: size_of::<Sample>()
        })
    );
    assert_eq!(
        cgroup(&[0; 10]),
        Err(DecodeError::Short {
            length: 10,
            needed: size_of::<CgroupEvent>()
        })
    );
}

#[test]
fn a_length_past_its_array_is_refused() {
    let mut bytes = vec![0; size_of::<SmallRecord>()];
    bytes[102..104].copy_from_slice(&300u16.to_ne_bytes());
    bytes[123] = wire::SMALL;
    bytes[100..102].copy_from_slice(&300u16.to_ne_bytes());
    assert_eq!(
        sample(&bytes),
        Err(DecodeError::Length {
            what: "name",
            value: 300,
            limit: 256
        })
    );
}

proptest! {
    #[test]
    fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..13_000), layout in 0u8..4) {
        if let Some(at) = bytes.get_mut(123) {
            *at = layout;
        }
        let _ = sample(&bytes);
        let _ = cgroup(&bytes);
    }

    #[test]
    fn a_rooted_path_is_absolute_and_normal(name in prop::collection::vec(any::<u8>(), 0..64)) {
        let path = path(BOTH, &name, [b"a".as_slice(), b"b"].into_iter());
        prop_assert_eq!(path.bytes.first(), Some(&b'/'));
        let parts: Vec<&[u8]> = path.bytes[1..].split(|byte| *byte == b'/').collect();
        prop_assert!(parts == [b"".as_slice()] || parts.iter().all(|p| !matches!(*p, b"" | b"." | b"..")));
    }
}
