//! What a container does to whoever watches it: more than fits, and names that fool.
//!
//! In: a number, a directory that can be written. Out: a line that tells how often
//! an open for writing was refused; the mounts and groups stay for the daemon to
//! look at. Invariant: what is refused is told, exactly. Lacks on purpose: an end
//! of its own where something must stay; the container's end is theirs.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::call::{errno, opened, syscall};
use super::load::tell;

/// Longest name, and longest path without its NUL.
const NAME_MAX: usize = 255;
const PATH_MAX: usize = 4095;
/// Groups within each other.
const DEPTH: usize = 8;

/// Opens a path that would have to be made; true where it is refused as read-only.
fn refused(path: &[u8]) -> Result<bool, String> {
    let name = CString::new(path).map_err(|error| error.to_string())?;
    let flags = libc::O_WRONLY | libc::O_CREAT;
    Ok(opened(syscall!(SYS_open, name.as_ptr(), flags, 0o600)) == libc::EROFS)
}

fn all_refused(what: &str, path: &str, count: u64, refused: u64) -> Result<bool, String> {
    tell(what, libc::EROFS, path, refused);
    match count == refused {
        true => Ok(true),
        false => Err(format!("{what}: {refused} of {count} were refused")),
    }
}

/// So many paths, each once.
pub fn paths(count: u64) -> Result<bool, String> {
    let next = AtomicU64::new(0);
    let each = || {
        let mut done = 0;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok::<u64, String>(done);
            }
            done += u64::from(refused(format!("/srv/{number:07}").as_bytes())?);
        }
    };
    let done: Result<Vec<u64>, String> = std::thread::scope(|scope| {
        let workers = [scope.spawn(each), scope.spawn(each)];
        let ends = workers.map(|worker| worker.join());
        let ends = ends
            .into_iter()
            .map(|end| end.map_err(|_| "a thread panicked".to_owned())?);
        ends.collect()
    });
    all_refused("paths", "/srv", count, done?.iter().sum())
}

/// Names that mean something to terminals, shells, HTML, JSON or metrics.
pub fn names() -> Result<bool, String> {
    let mut long = b"/srv".to_vec();
    while long.len() < PATH_MAX - NAME_MAX {
        long.extend_from_slice(b"/..//srv");
    }
    long.push(b'/');
    long.resize(PATH_MAX, b'x');
    let mut paths: Vec<Vec<u8>> = [
        &b"\x1b[2J\x1b]0;owned\x07"[..],
        b"two\nlines\r\tand tabs",
        b"quotes\"'`\\",
        b"<script src=x onerror=alert(1)>&amp;",
        b"\xff\xfe not UTF-8 \xc3\x28",
        "\u{202e}gnp.exe\u{200b}\u{2028}".as_bytes(),
        b"{a=\"b\"} 1e9 # HELP x",
        b"%s%n$(reboot)${IFS};",
    ]
    .into_iter()
    .map(|name| [b"/srv/", name].concat())
    .collect();
    paths.push([&b"/srv/"[..], &[b'n'; NAME_MAX]].concat());
    paths.push(long);
    let mut done = 0;
    for path in &paths {
        done += u64::from(refused(path)?);
    }
    all_refused("names", "/srv", paths.len() as u64, done)
}

fn step(what: &str, result: i64) -> Result<(), String> {
    match errno(result) {
        0 => Ok(()),
        number => {
            let error = std::io::Error::from_raw_os_error(number);
            Err(format!("{what}: {error}"))
        }
    }
}

fn text(path: &Path) -> Result<CString, String> {
    CString::new(path.as_os_str().as_encoded_bytes()).map_err(|error| error.to_string())
}

/// Mounts a small tmpfs.
fn mount_tmpfs(target: &Path) -> Result<(), String> {
    let target = text(target)?;
    let (kind, options) = (c"tmpfs".as_ptr(), c"size=64k".as_ptr());
    step(
        "mount",
        syscall!(SYS_mount, kind, target.as_ptr(), kind, 0, options),
    )
}

/// So many mounts with long names, and a refusal while they are there.
pub fn mounts(count: u64, directory: &Path) -> Result<bool, String> {
    for number in 0..count {
        let target = directory.join(format!("{number:0>200}"));
        fs::create_dir(&target).map_err(|error| format!("{}: {error}", target.display()))?;
        mount_tmpfs(&target)?;
    }
    let done = refused(b"/srv/among-mounts")?;
    all_refused("mounts", "/srv/among-mounts", 1, done.into())?;
    hold()
}

/// Until the container is killed.
fn hold() -> Result<bool, String> {
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}

/// Mounts a file system whose server answers no more than the first question, has
/// another process wait in it for ever, and is refused something elsewhere.
pub fn fuse(directory: &Path) -> Result<bool, String> {
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsRawFd as _;
    let fail = |error: std::io::Error| format!("/dev/fuse: {error}");
    let device = fs::File::options().read(true).write(true).open("/dev/fuse");
    let mut device = device.map_err(fail)?;
    let mount = directory.join("hangs");
    fs::create_dir_all(&mount).map_err(fail)?;
    let fd = device.as_raw_fd();
    let options = format!("fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other");
    let options = CString::new(options).map_err(|error| error.to_string())?;
    let (kind, target) = (c"fuse".as_ptr(), text(&mount)?);
    step(
        "mount",
        syscall!(SYS_mount, kind, target.as_ptr(), kind, 0, options.as_ptr()),
    )?;
    let mut request = [0_u8; 65_536];
    let length = device.read(&mut request).map_err(fail)?;
    if length < 40 {
        return Err(format!("/dev/fuse: a request of {length} bytes"));
    }
    // FUSE_INIT, answered as version 7.31 with writes of up to a page.
    let mut reply = [0_u8; 16 + 64];
    reply[0..4].copy_from_slice(&80_u32.to_le_bytes());
    reply[8..16].copy_from_slice(&request[8..16]);
    reply[16..20].copy_from_slice(&7_u32.to_le_bytes());
    reply[20..24].copy_from_slice(&31_u32.to_le_bytes());
    reply[36..40].copy_from_slice(&4096_u32.to_le_bytes());
    device.write_all(&reply).map_err(fail)?;
    std::thread::spawn(move || fs::metadata(mount.join("x")).is_ok());
    let done = refused(b"/srv/beside-a-hang")?;
    all_refused("fuse", "/srv/beside-a-hang", 1, done.into())?;
    hold()
}

/// Where this container's own control groups can be made: there, once they are
/// mounted anew.
fn own_groups() -> Result<PathBuf, String> {
    let pids = PathBuf::from("/sys/fs/cgroup/pids");
    let groups = match pids.is_dir() {
        true => pids,
        false => PathBuf::from("/sys/fs/cgroup"),
    };
    let (target, none) = (text(&groups)?, std::ptr::null::<libc::c_char>());
    let flags = libc::MS_REMOUNT | libc::MS_BIND;
    step(
        "remount",
        syscall!(SYS_mount, none, target.as_ptr(), none, flags, none),
    )?;
    Ok(groups)
}

/// So many groups, in each other, made and removed; one refusal at the end.
pub fn groups(count: u64) -> Result<bool, String> {
    let fail = |error: std::io::Error| format!("a control group: {error}");
    let own = own_groups()?;
    for round in 0..count / DEPTH as u64 {
        let mut group = own.clone();
        for depth in 0..DEPTH {
            // Now and then one named as a container would be.
            group.push(match depth {
                3 => format!("docker-{round:064x}.scope"),
                _ => format!("g\x1b\"{round}-{depth}"),
            });
            fs::create_dir(&group).map_err(fail)?;
        }
        for _ in 0..DEPTH {
            fs::remove_dir(&group).map_err(fail)?;
            group.pop();
        }
    }
    let done = refused(b"/srv/after-groups")?;
    all_refused("groups", "/srv/after-groups", 1, done.into())
}

/// Swaps a mount for a link to the host's or another's files and back, in a root
/// of its own that changes as well, for so long.
pub fn swap(seconds: u64, directory: &Path) -> Result<bool, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", directory.display());
    let place = directory.join("place");
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut count = 0;
    let mut done = 0;
    while Instant::now() < until {
        fs::create_dir(&place).map_err(fail)?;
        mount_tmpfs(&place)?;
        count += 1;
        done += u64::from(refused(b"/srv/swapped")?);
        std::thread::sleep(Duration::from_millis(2));
        let target = text(&place)?;
        step(
            "umount",
            syscall!(SYS_umount2, target.as_ptr(), libc::MNT_DETACH),
        )?;
        fs::remove_dir(&place).map_err(fail)?;
        for link in ["/proc/1/root", "/proc/self/root", "/dev", "loop"] {
            symlink(link, &place).map_err(fail)?;
            fs::remove_file(&place).map_err(fail)?;
        }
    }
    all_refused("swap", "/srv/swapped", count, done)
}

/// So many processes, each in a mount namespace of its own, each refused once just
/// before its end.
pub fn exits(count: u64) -> Result<bool, String> {
    let mut done = 0;
    for _ in 0..count {
        // SAFETY: the child calls nothing but system calls and ends by _exit.
        match unsafe { libc::fork() } {
            0 => {
                let namespace = syscall!(SYS_unshare, libc::CLONE_NEWNS);
                let path = c"/srv/at-the-end".as_ptr();
                let flags = libc::O_WRONLY | libc::O_CREAT;
                let fd = syscall!(SYS_open, path, flags, 0o600);
                let as_meant = namespace == 0 && errno(fd) == libc::EROFS;
                // SAFETY: ends this process, which shares nothing that has to be written.
                unsafe { libc::_exit(i32::from(!as_meant)) };
            }
            child @ 1.. => {
                let mut status = 0;
                // SAFETY: `status` outlives the call; the child is this process's own.
                unsafe { libc::waitpid(child, &mut status, 0) };
                done += u64::from(status == 0);
            }
            _ => return Err(std::io::Error::last_os_error().to_string()),
        }
    }
    all_refused("exits", "/srv/at-the-end", count, done)
}
