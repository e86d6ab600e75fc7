//! A mount in a process's view becomes how full it is.
//!
//! In: a process, and a mount that its table showed. Out: [`Usage`], or why
//! not. Invariant: only the very tmpfs that the table showed is asked: a path
//! is resolved without links and below the process's root, then mount and file
//! system are compared, and nothing else is ever opened or asked; no descriptor
//! outlives the call. Lacks on purpose: waiting; the path is looked up in
//! memory alone first (RESOLVE_CACHED, Linux 5.12), where mount points always
//! are, so that no file system on the way is asked at all.
//!
//! For the length of a call (some microseconds) its descriptor can make the
//! container's umount of the same mount fail with EBUSY; every reader's does.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{
    AtFlags, FsWord, Mode, OFlags, ResolveFlags, StatxFlags, fstatfs, openat2, statx,
};
use rustix::io::Errno;

use super::{Fill, Unmeasured, Usage};
use crate::mountinfo::{Device, process};

/// `f_type` of tmpfs.
const TMPFS_MAGIC: FsWord = 0x0102_1994;

/// Linux before 5.12 does not know RESOLVE_CACHED.
static WITHOUT_CACHED: AtomicBool = AtomicBool::new(false);

/// The root directory of a process. Holds a descriptor: to be dropped at once.
#[derive(Debug)]
pub struct Root(OwnedFd);

impl Root {
    /// Of a process. Needs CAP_SYS_PTRACE for another user's.
    pub fn of(pid: u32) -> Result<Root, Unmeasured> {
        match process::root(pid) {
            Ok(root) => Ok(Root(root)),
            Err(Errno::NOENT | Errno::SRCH) => Err(Unmeasured::NoProcess),
            Err(errno) => Err(because(errno)),
        }
    }

    /// How full the tmpfs at `target` is, which must be `device`, mounted as `mount`.
    pub fn usage(&self, target: &[u8], mount: u64, device: Device) -> Result<Usage, Unmeasured> {
        let place = self.resolve(target).map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV => Unmeasured::Swapped,
            errno => because(errno),
        })?;
        // Whatever lies there by now is not to be asked for fresh attributes.
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let seen = statx(&place, c"", flags, StatxFlags::MNT_ID).map_err(because)?;
        let seen_device = Device {
            major: seen.stx_dev_major,
            minor: seen.stx_dev_minor,
        };
        if (seen.stx_mnt_id, seen_device) != (mount, device) {
            return Err(Unmeasured::Swapped);
        }
        let told = fstatfs(&place).map_err(because)?;
        if told.f_type != TMPFS_MAGIC {
            return Err(Unmeasured::Swapped);
        }
        let fill = |limit: u64, free: u64, unit: u64| {
            (limit > 0).then(|| Fill {
                used: limit.saturating_sub(free).saturating_mul(unit),
                limit: limit.saturating_mul(unit),
            })
        };
        Ok(Usage {
            bytes: fill(told.f_blocks, told.f_bfree, told.f_bsize.unsigned_abs()),
            inodes: fill(told.f_files, told.f_ffree, 1),
        })
    }

    fn resolve(&self, target: &[u8]) -> Result<OwnedFd, Errno> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let safe = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let open = |resolve| openat2(&self.0, target, flags, Mode::empty(), resolve);
        if !WITHOUT_CACHED.load(Ordering::Relaxed) {
            match open(safe | ResolveFlags::CACHED) {
                // Not all of it is in memory: the table has shown a safe way.
                Err(Errno::AGAIN) => {}
                Err(Errno::INVAL) => WITHOUT_CACHED.store(true, Ordering::Relaxed),
                other => return other,
            }
        }
        open(safe)
    }
}

fn because(errno: Errno) -> Unmeasured {
    match errno {
        Errno::ACCESS | Errno::PERM => Unmeasured::NotPermitted,
        errno => Unmeasured::Failed(errno.raw_os_error()),
    }
}
