//! Texts of /proc become who a process is.
//!
//! In: `status` and `uid_map` of a process. Out: [`User`]. Invariant: pure; the
//! effective user id, as the host and as the container see it. Lacks on purpose:
//! capabilities, and processes other than the first.

/// As whom a container's first process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// As the host sees it.
    pub host_uid: u32,
    /// As the container sees it; none where its user namespace does not know it.
    pub uid: Option<u32>,
}

/// From both texts; none where they are not what the kernel writes.
pub(super) fn user(status: &[u8], uid_map: &[u8]) -> Option<User> {
    // The first line holds a name of the process's choice; the kernel keeps
    // newlines out of it.
    let status = String::from_utf8_lossy(status);
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    // Real, effective, saved, file system.
    let host_uid = uids.split_whitespace().nth(1)?.parse().ok()?;
    let map = std::str::from_utf8(uid_map).ok()?;
    Some(User {
        host_uid,
        uid: map.lines().find_map(|line| inside(line, host_uid)),
    })
}

/// `first-inside first-outside count`.
fn inside(line: &str, host_uid: u32) -> Option<u32> {
    let mut numbers = line.split_whitespace().map(str::parse::<u32>);
    let mut next = || numbers.next()?.ok();
    let (first_inside, first_outside, count) = (next()?, next()?, next()?);
    let offset = host_uid.checked_sub(first_outside)?;
    (offset < count).then(|| first_inside.checked_add(offset))?
}

/// Clock ticks after boot at which a process was started, from its `stat`: with
/// its number that names it for ever.
pub(super) fn started(stat: &[u8]) -> Option<u64> {
    // The name in brackets may hold brackets and blanks.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&stat[end + 1..]).ok()?;
    // Field 22; the first after the name is field 3.
    rest.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_effective_user_is_told_as_both_see_it() {
        let of = |uid: u32, map: &str| {
            let status = format!("Name:\t\u{fffd}(x)\nState:\tS\nUid:\t1\t{uid}\t3\t4\nGid:\t7\n");
            user(status.as_bytes(), map.as_bytes())
        };
        let whole = "         0          0 4294967295\n";
        let told = |host_uid, uid| Some(User { host_uid, uid });
        assert_eq!(of(0, whole), told(0, Some(0)));
        assert_eq!(of(10_001, whole), told(10_001, Some(10_001)));
        assert_eq!(of(100_000, "0 100000 65536\n"), told(100_000, Some(0)));
        assert_eq!(of(1_000, "0 100000 65536\n"), told(1_000, None));
        let two = "0 1000 1\n1 100000 65536\n";
        assert_eq!(of(1_000, two), told(1_000, Some(0)));
        assert_eq!(of(100_004, two), told(100_004, Some(5)));
        assert_eq!(user(b"Name:\tx\n", whole.as_bytes()), None);
        assert_eq!(user(b"Uid:\tx\n", whole.as_bytes()), None);
    }

    #[test]
    fn a_start_is_read_behind_any_name() {
        let rest = (3..=22)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(" ");
        let stat = format!("12 (a) b (c\u{fffd}) {rest} 23\n");
        assert_eq!(started(stat.as_bytes()), Some(22));
        assert_eq!(started(b"12 (a) S"), None);
        assert_eq!(started(b""), None);
    }

    #[test]
    fn this_process_is_somebody() {
        let read = |name: &str| std::fs::read(format!("/proc/self/{name}")).unwrap();
        // SAFETY: takes no pointers and cannot fail.
        let euid = unsafe { libc::geteuid() };
        let own = user(&read("status"), &read("uid_map")).unwrap();
        assert_eq!((own.host_uid, own.uid), (euid, Some(euid)));
        assert!(started(&read("stat")).unwrap() > 0);
    }

    proptest! {
        #[test]
        fn any_name_is_read_over(name in "[ -~]{0,64}", host in any::<u32>(), start in any::<u64>()) {
            let status = format!("Name:\t{name}\nState:\tS\nUid:\t1\t{host}\t3\t4\n");
            let told = user(status.as_bytes(), b"0 0 4294967295\n").unwrap();
            prop_assert_eq!(told.host_uid, host);
            let stat = format!("7 ({name}) S {} {start} 1", ["9"; 18].join(" "));
            prop_assert_eq!(started(stat.as_bytes()), Some(start));
        }

        #[test]
        fn no_text_makes_it_panic(a: Vec<u8>, b in "[0-9 \n-]{0,80}") {
            let _ = (user(&a, b.as_bytes()), started(&a), started(b.as_bytes()));
            let _ = user(b"Uid:\t1\t7\n", b.as_bytes());
        }
    }
}
