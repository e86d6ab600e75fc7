//! A FUSE file system whose server never answers: the worst that lies on a way.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::time::{Duration, Instant};

use sealwatch::tmpfs::Unmeasured;
use sealwatch::tmpfs::read::Root;

use super::Room;
use super::engines::cannot_run;

/// A FUSE connection that is opened and never read from.
struct Silent {
    device: File,
}

impl Silent {
    fn open() -> Result<Silent, String> {
        let device = File::options().read(true).write(true).open("/dev/fuse");
        let device = device.map_err(|error| format!("/dev/fuse: {error}"))?;
        Ok(Silent { device })
    }

    /// Answers INIT as a server of its version would, and nothing after it, so
    /// that whoever asks more waits for ever.
    fn shake_hands(&mut self) {
        use std::io::{Read as _, Write as _};
        let mut request = [0_u8; 65_536];
        let length = self.device.read(&mut request).unwrap();
        assert!(
            length >= 40 && request[4..8] == 26_u32.to_le_bytes(),
            "FUSE_INIT"
        );
        let unique = &request[8..16];
        let mut reply = vec![0_u8; 16 + 64];
        reply[0..4].copy_from_slice(&80_u32.to_le_bytes());
        reply[8..16].copy_from_slice(unique);
        reply[16..20].copy_from_slice(&7_u32.to_le_bytes());
        reply[20..24].copy_from_slice(&31_u32.to_le_bytes());
        reply[36..40].copy_from_slice(&4096_u32.to_le_bytes());
        self.device.write_all(&reply).unwrap();
    }
}

/// Mounts a silent file system on `$D/NAME` of the room; the shell inherits the
/// descriptor by its number.
fn mount_silent(room: &mut Room, name: &str) -> Result<Silent, String> {
    let mut silent = Silent::open()?;
    let fd = silent.device.as_raw_fd();
    let target = std::ffi::CString::new(room.path(name)).unwrap();
    let options = format!("fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other");
    let options = std::ffi::CString::new(options).unwrap();
    let namespace = File::open(format!("/proc/{}/ns/mnt", room.shell.id())).unwrap();
    // A thread may enter a mount namespace once it shares no file system
    // attributes with others.
    let mounted = std::thread::spawn(move || {
        let step = |what: &str, result: libc::c_int| match result {
            0 => Ok(()),
            _ => Err(format!("{what}: {}", std::io::Error::last_os_error())),
        };
        // SAFETY: all pointers are to NUL-terminated strings that outlive the calls.
        unsafe {
            step("unshare", libc::unshare(libc::CLONE_FS))?;
            step(
                "setns",
                libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNS),
            )?;
            let kind = c"fuse".as_ptr();
            let data = options.as_ptr().cast();
            step("mount", libc::mount(kind, target.as_ptr(), kind, 0, data))
        }
    });
    mounted.join().unwrap()?;
    silent.shake_hands();
    Ok(silent)
}

#[test]
fn a_way_over_a_file_system_that_hangs_is_not_taken() {
    let name = "a_way_over_a_file_system_that_hangs_is_not_taken";
    let mut room = match Room::open() {
        Ok(room) => room,
        Err(why) => return cannot_run(name, &why),
    };
    room.run("mkdir $D/t $D/f && mount -t tmpfs -o size=1m tmpfs $D/t");
    let silent = match mount_silent(&mut room, "f") {
        Ok(silent) => silent,
        Err(why) => return cannot_run(name, &why),
    };
    // The proof that it hangs: whoever asks is still waiting after half a second.
    let path = format!("/proc/{}/root{}", room.shell.id(), room.path("f/x"));
    let asking = std::thread::spawn(move || std::fs::metadata(path).is_ok());
    std::thread::sleep(Duration::from_millis(500));
    assert!(!asking.is_finished(), "this file system answers");

    let begun = Instant::now();
    let seen = room.visit_after(120);
    assert!(super::usage_of(&seen, &room.path("t")).unwrap().is_ok());
    assert!(begun.elapsed() < Duration::from_millis(400));

    // Over a tmpfs that was measured: it is covered now, and nothing is asked.
    // (A tmpfs below it cannot be made: its mount point must be looked up.)
    drop(silent);
    assert!(!asking.join().unwrap());
    let silent = mount_silent(&mut room, "t").unwrap();
    let begun = Instant::now();
    let swapped = room.usage("t");
    let took = begun.elapsed();
    assert_eq!(swapped, Some(Err(Unmeasured::Covered)));
    assert!(took < Duration::from_millis(400), "{took:?}");

    // The race: the table was read before the swap, so the way is taken. What
    // lies there is compared without asking it anything.
    let root = Root::of(room.shell.id()).unwrap();
    let begun = Instant::now();
    let mounts = seen.ownership.mounts.clone();
    let path = room.path("t").into_bytes();
    let old = mounts.iter().find(|mount| mount.target == path).unwrap();
    let raced = root.usage(&old.target, old.mount, old.device);
    let took = begun.elapsed();
    assert_eq!(raced, Err(Unmeasured::Swapped));
    assert!(took < Duration::from_millis(400), "{took:?}");
    drop(silent);
}
