//! A directory becomes what lies below it.
//!
//! In: its path on the host, and someone who allows each step. Out: bytes and
//! entries. Invariant: bounded in entries, in depth, in descriptors and in
//! memory; no link is followed, no other file system entered, and nothing
//! opened but directories, so that no FIFO or device can keep the walk; hard
//! links count once. Lacks on purpose: contents, names, order.

use std::collections::HashSet;
use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, RawDir, ResolveFlags, StatxFlags, openat, openat2, statx,
};
use rustix::io::Errno;

use super::Unmeasured;

/// Directories within directories that are walked.
pub const DEPTH_MAX: usize = 64;
/// `st_blocks` counts these, whatever the file system's own.
const BLOCK: u64 = 512;
const NAMES_BYTES: usize = 32 * 1024;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Blocks on the disk, in bytes.
    pub bytes: u64,
    /// Entries below the directory.
    pub entries: u64,
    /// There is more than was looked at.
    pub truncated: bool,
}

/// What the one who allows a step says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One more entry.
    Go,
    /// No more: what was found is a lower bound.
    Stop,
}

struct Directory {
    fd: OwnedFd,
    /// Of the directories in it that are not walked yet.
    names: Vec<CString>,
}

struct Walk<'a> {
    allow: &'a mut dyn FnMut() -> Step,
    found: Found,
    /// Files with several names, by inode number.
    linked: HashSet<u64>,
    stopped: bool,
}

/// Walks below a directory of the host, whose root is at `host`; `allow` is asked before each entry.
pub fn walk(host: &str, path: &str, allow: &mut dyn FnMut() -> Step) -> Result<Found, Unmeasured> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let host = openat(
        CWD,
        host,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(because)?;
    // Links on the way to the layer are the host's own; the layer is none.
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let top = openat2(host, path, flags, Mode::empty(), resolve).map_err(because)?;
    let own = statx(&top, c"", AtFlags::EMPTY_PATH, StatxFlags::BLOCKS).map_err(because)?;
    let mut walk = Walk {
        allow,
        found: Found {
            bytes: own.stx_blocks * BLOCK,
            ..Found::default()
        },
        linked: HashSet::new(),
        stopped: false,
    };
    let names = walk.read(&top).map_err(because)?;
    let mut stack = vec![Directory { fd: top, names }];
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    while let Some(above) = stack.last_mut() {
        let Some(name) = above.names.pop() else {
            stack.pop();
            continue;
        };
        if walk.stopped || stack.len() >= DEPTH_MAX {
            walk.found.truncated = true;
            continue;
        }
        let Some(above) = stack.last() else { break };
        let opened = openat2(&above.fd, &name, flags, Mode::empty(), resolve);
        match opened.and_then(|fd| Ok((walk.read(&fd)?, fd))) {
            Ok((names, fd)) => stack.push(Directory { fd, names }),
            // It went away, or was swapped for something else meanwhile.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(_) => walk.found.truncated = true,
        }
    }
    Ok(walk.found)
}

impl Walk<'_> {
    /// Counts the entries of a directory; returns the names of those that are
    /// directories themselves.
    fn read(&mut self, directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
        let mut names = Vec::new();
        let mut buffer = [MaybeUninit::<u8>::uninit(); NAMES_BYTES];
        let mut entries = RawDir::new(directory.as_fd(), &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if [c".", c".."].contains(&name) {
                continue;
            }
            if self.stopped || (self.allow)() == Step::Stop {
                (self.stopped, self.found.truncated) = (true, true);
                return Ok(Vec::new());
            }
            let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
            let wanted =
                StatxFlags::TYPE | StatxFlags::BLOCKS | StatxFlags::INO | StatxFlags::NLINK;
            let seen = match statx(directory, name, flags | AtFlags::STATX_DONT_SYNC, wanted) {
                Ok(seen) => seen,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno),
            };
            self.found.entries += 1;
            let is_directory = FileType::from_raw_mode(seen.stx_mode.into()) == FileType::Directory;
            if is_directory || seen.stx_nlink < 2 || self.linked.insert(seen.stx_ino) {
                self.found.bytes += seen.stx_blocks * BLOCK;
            }
            if is_directory {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }
}

fn because(errno: Errno) -> Unmeasured {
    match errno {
        Errno::ACCESS | Errno::PERM => Unmeasured::NotPermitted,
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Unmeasured::NotFound,
        errno => Unmeasured::Failed(errno.raw_os_error()),
    }
}

#[cfg(test)]
mod tests;
