//! Whose a lock on a file is.
//!
//! In: an open file, the kernel's list of locks. Out: a process. Invariant: what the
//! list does not show, such as a process of another pid namespace, is `None`. Lacks
//! on purpose: taking locks.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;

/// The kernel's list of locks.
const LOCKS: &str = "/proc/locks";

/// Who has the lock, where the kernel's list shows it.
pub(super) fn holder(directory: &File) -> Option<u32> {
    let inode = directory.metadata().ok()?.ino();
    holder_in(&fs::read_to_string(LOCKS).ok()?, inode)
}

/// A line is `1: FLOCK  ADVISORY  WRITE 123 00:1b:4711 0 EOF`.
fn holder_in(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let kind = words.nth(1)?;
        let (pid, file) = (words.nth(2)?, words.next()?);
        let number = file.rsplit(':').next()?.parse::<u64>().ok()?;
        let pid = pid.parse::<u32>().ok().filter(|pid| *pid > 0)?;
        (kind == "FLOCK" && number == inode).then_some(pid)
    })
}

#[cfg(test)]
mod tests {
    use super::holder_in;

    #[test]
    fn the_holder_of_a_lock_is_found() {
        let locks = "1: POSIX  ADVISORY  WRITE 7 00:1b:99 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 812 00:1b:99 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 900 00:1b:98 0 EOF\n";
        assert_eq!(holder_in(locks, 99), Some(812));
        assert_eq!(holder_in(locks, 98), None);
    }
}
