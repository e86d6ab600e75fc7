//! The file systems on which containers are refused.
//!
//! In: a directory. Out: [`Ground`]: one tmpfs per [`Place`], with a part for each
//! container, so that a path tells whose it is. Invariant: what was mounted is
//! unmounted with it. Lacks on purpose: the calls.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::refusals::{FILES, Place};

/// Parts of each place.
pub const PARTS: usize = 48;
const PLACES: [Place; 3] = [Place::ReadOnly, Place::Locked, Place::Full];

/// Three places, prepared and mounted.
pub struct Ground {
    root: PathBuf,
}

impl Ground {
    /// Makes it in `root`, a directory that others may enter.
    pub fn make(root: &Path) -> io::Result<Ground> {
        fs::create_dir(root)?;
        fs::set_permissions(root, fs::Permissions::from_mode(0o755))?;
        let ground = Ground { root: root.into() };
        let inodes = PARTS * (1 + 2 * FILES as usize) + 16;
        for place in PLACES {
            let directory = root.join(place.directory());
            fs::create_dir(&directory)?;
            let options = format!("size=8m,mode=755,nr_inodes={inodes}");
            mount(&directory, c"tmpfs", 0, &options)?;
            for part in 0..PARTS {
                prepare(&directory.join(format!("s{part}")))?;
            }
        }
        let sealed = root.join(Place::ReadOnly.directory());
        mount(&sealed, c"tmpfs", libc::MS_REMOUNT | libc::MS_RDONLY, "")?;
        let full = root.join(Place::Full.directory());
        while File::create(full.join(format!("filling-{}", fs::read_dir(&full)?.count()))).is_ok() {
        }
        Ok(ground)
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for place in PLACES {
            unmount(&self.root.join(place.directory()));
        }
    }
}

fn prepare(part: &Path) -> io::Result<()> {
    fs::create_dir(part)?;
    fs::set_permissions(part, fs::Permissions::from_mode(0o755))?;
    for number in 0..FILES {
        let file = part.join(format!("f{number}"));
        File::create(&file)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        fs::create_dir(part.join(format!("d{number}")))?;
    }
    Ok(())
}

/// Mounts a file system that has no device.
pub fn mount(target: &Path, kind: &std::ffi::CStr, flags: u64, options: &str) -> io::Result<()> {
    let target = CString::new(target.to_string_lossy().as_bytes())?;
    let options = CString::new(options)?;
    // SAFETY: names and options outlive the call.
    let mounted = unsafe {
        libc::mount(
            kind.as_ptr(),
            target.as_ptr(),
            kind.as_ptr(),
            flags,
            options.as_ptr().cast(),
        )
    };
    match mounted {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Unmounts it, at the latest when nobody uses it any more.
pub fn unmount(target: &Path) {
    if let Ok(target) = CString::new(target.to_string_lossy().as_bytes()) {
        // SAFETY: the name outlives the call.
        unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
    }
}
