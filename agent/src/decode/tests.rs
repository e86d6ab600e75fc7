//! Records of every kind, and bytes of no kind.

use std::mem::offset_of;

use super::*;
use proptest::prelude::*;

const NAME_LEN: usize = offset_of!(Sample, name_len);
const BASE_LEN: usize = offset_of!(Sample, base_len);
const LAYOUT: usize = offset_of!(Sample, layout);

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
    bytes[BASE_LEN..BASE_LEN + 2].copy_from_slice(&300u16.to_ne_bytes());
    bytes[LAYOUT] = wire::SMALL;
    bytes[NAME_LEN..NAME_LEN + 2].copy_from_slice(&300u16.to_ne_bytes());
    assert_eq!(
        sample(&bytes),
        Err(DecodeError::Length {
            what: "name",
            value: 300,
            limit: 256
        })
    );
}

/// A small record of a refused open, with these bytes at these places.
fn record(parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; size_of::<SmallRecord>()];
    let key = [
        (offset_of!(wire::CountKey, operation), 1),
        (offset_of!(wire::CountKey, errno), 13),
        (offset_of!(wire::CountKey, backend), 1),
        (offset_of!(Sample, hook), 1),
        (LAYOUT, wire::SMALL),
    ];
    for (at, byte) in key {
        bytes[at] = byte;
    }
    for (at, part) in parts {
        bytes[*at..at + part.len()].copy_from_slice(part);
    }
    bytes
}

#[test]
fn what_a_security_module_told_is_carried_until_its_nul() {
    let at = offset_of!(Sample, lsm);
    let denial = sample(&record(&[
        (
            offset_of!(wire::CountKey, lsm),
            &[wire::Lsm::Apparmor as u8],
        ),
        (at + offset_of!(wire::LsmDetail, requested), &[2]),
        (
            at + offset_of!(wire::LsmDetail, subject),
            b"docker-default\0rest",
        ),
        (at + offset_of!(wire::LsmDetail, class), &[b'x'; 24]),
        (offset_of!(Sample, open_flags), &[0x41]),
    ]))
    .unwrap();
    assert_eq!(denial.lsm, Some(Lsm::Apparmor));
    assert_eq!(denial.lsm_detail.requested, 2);
    assert_eq!(denial.lsm_detail.subject, b"docker-default");
    assert_eq!(denial.lsm_detail.object, b"");
    assert_eq!(denial.lsm_detail.class, [b'x'; 24]);
    assert_eq!(denial.open_flags, 0x41);
    assert_eq!(denial.credentials, None);
}

#[test]
fn a_module_of_another_version_is_refused() {
    assert_eq!(
        sample(&record(&[(offset_of!(wire::CountKey, lsm), &[99])])),
        Err(DecodeError::Number {
            what: "security module",
            value: 99
        })
    );
}

#[test]
fn credentials_say_how_much_of_them_was_carried() {
    let at = offset_of!(Sample, credentials);
    let map = at + offset_of!(wire::Credentials, uid_map);
    let mut parts = record(&[
        (at + offset_of!(wire::Credentials, capabilities), &[2]),
        (at + offset_of!(wire::Credentials, groups_len), &[40]),
        (at + offset_of!(wire::Credentials, user_namespace), &[7]),
        (
            at + offset_of!(wire::Credentials, groups),
            &[10, 0, 0, 0, 11],
        ),
        (map, &[1]),
        (
            map + offset_of!(wire::IdMap, extents),
            &[0, 0, 0, 0, 0xe8, 3, 0, 0, 1],
        ),
        (at + offset_of!(wire::Credentials, gid_map), &[9]),
    ]);
    let credentials = sample(&parts).unwrap().credentials.unwrap();
    assert_eq!((credentials.groups_len, credentials.groups.len()), (40, 16));
    assert_eq!(credentials.groups[..2], [10, 11]);
    assert!(!credentials.has_all_groups());
    assert!(credentials.has_capability(1));
    assert_eq!(credentials.uid_map.inside(1000).id(), Some(0));
    assert_eq!(credentials.gid_map, IdMap::Unread);
    parts[at + offset_of!(wire::Credentials, groups_len)] = 2;
    let credentials = sample(&parts).unwrap().credentials.unwrap();
    assert_eq!(credentials.groups, [10, 11]);
    assert!(credentials.has_all_groups());
}

proptest! {
    #[test]
    fn no_bytes_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..13_000), layout in 0u8..4) {
        if let Some(at) = bytes.get_mut(LAYOUT) {
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
