//! Cases of paths that are not what they seem: links, `..`, other roots, great length.
//!
//! In: a prepared, read-only directory. Out: reports, with the path that the daemon
//! must tell. Invariant: each case is an open for writing that ends with EROFS.
//! Lacks on purpose: other operations, whose paths are read in the same ways.

use std::ffi::CString;
use std::fs::{create_dir_all, write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::call::{errno, opened, syscall};
use super::case::{Case, Needs, repeat};

/// Longest path, its NUL not included.
const PATH_MAX: usize = 4095;
/// Of a directory tree that is nearly as deep as a path may be.
const COMPONENT: usize = 180;
const DEPTH: usize = 20;

const fn case(situation: &'static str, name: &'static str) -> Case {
    Case {
        situation,
        name,
        operation: "open",
        errno: libc::EROFS,
        needs: Needs::Nothing,
        act: |_| libc::ENOSYS,
    }
}

/// The tree of long names.
fn deep() -> PathBuf {
    (0..DEPTH).map(|_| "d".repeat(COMPONENT)).collect()
}

/// Makes the directories, the links and the files.
pub fn prepare(directory: &Path) -> std::io::Result<()> {
    create_dir_all(directory.join("real/old"))?;
    create_dir_all(directory.join(deep()))?;
    symlink("real", directory.join("link"))?;
    symlink("real/file", directory.join("last"))?;
    for file in ["real/file", "real/linked", "file", "real/moved"] {
        write(directory.join(file), "content")?;
    }
    write(directory.join(deep()).join("file"), "content")?;
    write(directory.join(deep()).join("relative"), "content")
}

fn open_path(path: &Path) -> i32 {
    match CString::new(path.as_os_str().as_bytes()) {
        Ok(path) => opened(syscall!(
            SYS_openat,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::O_WRONLY,
            0
        )),
        Err(_) => libc::EINVAL,
    }
}

/// Has `passed` refused and reports `told`.
fn named(case: Case, passed: &Path, told: &Path) -> bool {
    repeat(&case, &told.to_string_lossy(), || open_path(passed))
}

/// Runs the cases, the last of them in other roots.
pub fn run(directory: &Path) -> Result<bool, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", directory.display());
    let at = |name: &str| directory.join(name);
    let mut as_meant = named(
        case("symlink", "link-directory"),
        &at("link/linked"),
        &at("link/linked"),
    );
    as_meant &= named(case("symlink", "link-last"), &at("last"), &at("last"));
    as_meant &= named(
        case("dots", "dots-absolute"),
        &at("real/../real/.//old/../../file"),
        &at("file"),
    );
    let last = b"/real/moved";
    let mut long = directory.as_os_str().as_bytes().to_vec();
    let padding = PATH_MAX.saturating_sub(long.len() + last.len());
    long.extend(b"/.".repeat(padding / 2));
    long.extend(b"/".repeat(padding % 2));
    long.extend(last);
    let long = PathBuf::from(std::ffi::OsStr::from_bytes(&long));
    as_meant &= named(case("long_path", "long-absolute"), &long, &at("real/moved"));
    let deep = directory.join(deep());
    as_meant &= named(
        case("long_path", "long-deep"),
        &deep.join("file"),
        &deep.join("file"),
    );
    std::env::set_current_dir(&deep).map_err(fail)?;
    as_meant &= named(
        case("long_path", "long-relative"),
        Path::new("./relative"),
        &deep.join("relative"),
    );
    Ok(as_meant)
}

/// Below a root of the task's own choice.
pub fn run_chroot(directory: &Path) -> Result<bool, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", directory.display());
    std::os::unix::fs::chroot(directory.join("real")).map_err(fail)?;
    std::env::set_current_dir("/").map_err(fail)?;
    let absolute = Path::new("/file");
    let mut as_meant = named(case("other_root", "chroot-absolute"), absolute, absolute);
    as_meant &= named(
        case("other_root", "chroot-relative"),
        Path::new("linked"),
        Path::new("/linked"),
    );
    Ok(as_meant)
}

/// Below a root that the task turned its mount namespace's root into.
pub fn run_pivot(directory: &Path) -> Result<bool, String> {
    let root = directory.join("real");
    let name = CString::new(root.as_os_str().as_bytes()).map_err(|error| error.to_string())?;
    let none = std::ptr::null::<libc::c_char>();
    // SAFETY: no memory is passed.
    let unshared = unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) };
    let steps = [
        ("unshare", errno(unshared.into())),
        (
            "mount",
            errno(syscall!(
                SYS_mount,
                name.as_ptr(),
                name.as_ptr(),
                none,
                libc::MS_BIND | libc::MS_REC,
                none
            )),
        ),
        ("chdir", errno(syscall!(SYS_chdir, name.as_ptr()))),
        (
            "pivot_root",
            errno(syscall!(SYS_pivot_root, c".".as_ptr(), c"old".as_ptr())),
        ),
        ("chdir", errno(syscall!(SYS_chdir, c"/".as_ptr()))),
    ];
    if let Some((step, errno)) = steps.iter().find(|(_, errno)| *errno != 0) {
        return Err(format!("{step}: errno {errno}"));
    }
    let told = Path::new("/moved");
    Ok(named(case("other_root", "pivot-absolute"), told, told))
}
