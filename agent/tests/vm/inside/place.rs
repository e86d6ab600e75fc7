//! Directories in which a container is refused, on file systems of their own.
//!
//! In: a name. Out: mounts below `/run/lab`, with what the cases need, and what was
//! provoked in them. Invariant: no two containers share one, as what is full for one
//! would be full for the other; between two backends it is emptied. Lacks on purpose:
//! the read-only root, which the image brings.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use xtask::step;

use super::super::image::SEALED;
use super::super::report::Provoked;
use super::super::{PROVOKE, engines};
use super::{BACKENDS, Result};

/// The user that the quota is for: the one that `provoke` becomes.
const USER: i32 = 10_001;
/// Its limits: bytes in KiB and inodes.
const QUOTA_KIB: u64 = 64;
const QUOTA_INODES: u64 = 24;
/// `provoke` takes a second or two.
const WITHIN: Duration = Duration::from_secs(90);

/// One container's directories.
pub struct Place {
    directory: PathBuf,
    /// May the container make files immutable?
    frozen: bool,
    /// Its reader is the container, which provokes once per line.
    go: File,
}

/// Which tmpfs options make a file system that is full soon.
const SMALL: &str = "size=64k";
const FEW: &str = "nr_inodes=32,size=1m";

impl Place {
    /// Makes and prepares them.
    pub fn make(name: &str, frozen: bool) -> Result<Place> {
        let directory = Path::new("/run/lab").join(name);
        let at = |part: &str| directory.join(part).to_string_lossy().into_owned();
        for part in ["ro", "vol", "small", "few", "ext4", "out"] {
            fs::create_dir_all(directory.join(part))?;
        }
        let image = at("ext4.img");
        run("truncate", &["-s", "16M", &image])?;
        run(
            "mkfs.ext4",
            &["-q", "-O", "quota", "-E", "quotatype=usrquota", &image],
        )?;
        let device = step::output(Command::new("losetup").args(["--find", "--show", &image]))?;
        run(
            "mount",
            &["-t", "ext4", "-o", "usrquota", device.trim(), &at("ext4")],
        )?;
        run(
            "mount",
            &["-t", "tmpfs", "-o", SMALL, "small", &at("small")],
        )?;
        run("mount", &["-t", "tmpfs", "-o", FEW, "few", &at("few")])?;
        let mut prepare = vec![
            "prepare".to_owned(),
            format!("erofs={}", at("ro")),
            format!("refused={}", at("vol")),
        ];
        for backend in BACKENDS {
            prepare.push(format!("quota={}/{backend}", at("ext4")));
            prepare.push(format!("frozen={}/frozen-{backend}", at("ext4")));
        }
        run(
            PROVOKE,
            &prepare.iter().map(String::as_str).collect::<Vec<_>>(),
        )?;
        limit(device.trim())?;
        run("mount", &["--bind", &at("ro"), &at("ro")])?;
        run("mount", &["-o", "remount,bind,ro", &at("ro")])?;
        run("mkfifo", &[&at("out/go")])?;
        // Open for reading too, so that the container sees no end between two lines.
        let go = File::options()
            .read(true)
            .write(true)
            .open(directory.join("out/go"))?;
        Ok(Place {
            directory,
            frozen,
            go,
        })
    }

    /// What the container runs: `provoke`, whenever it is told a backend's name.
    pub fn command(&self) -> [String; 3] {
        let frozen = if self.frozen {
            "frozen=/ext4/frozen-$backend"
        } else {
            ""
        };
        let script = format!(
            "while read backend; do \
             provoke run erofs=/ro erofs={SEALED} refused=/vol bytes=/small inodes=/few \
             quota=/ext4/$backend {frozen} >/out/new 2>&1; \
             busybox mv /out/new /out/$backend; done </out/go"
        );
        ["/bin/sh".into(), "-c".into(), script]
    }

    /// Where the container sees which directory.
    pub fn mounts(&self) -> Vec<(String, PathBuf)> {
        ["ro", "vol", "small", "few", "ext4", "out"]
            .map(|part| (format!("/{part}"), self.directory.join(part)))
            .to_vec()
    }

    /// Has everything provoked once, and tells what it was.
    pub async fn provoke(&mut self, backend: &str) -> Result<Vec<Provoked>> {
        writeln!(self.go, "{backend}")?;
        let file = self.directory.join("out").join(backend);
        let begun = Instant::now();
        while !file.exists() {
            if begun.elapsed() > WITHIN {
                let text = fs::read_to_string(self.directory.join("out/new")).unwrap_or_default();
                return Err(format!("provoke does not end: {text}").into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let text = fs::read_to_string(file)?;
        for full in ["small".into(), "few".into(), format!("ext4/{backend}")] {
            for entry in fs::read_dir(self.directory.join(full))? {
                let path = entry?.path();
                if path.is_dir() {
                    fs::remove_dir(path)?
                } else {
                    fs::remove_file(path)?
                }
            }
        }
        let lines = text.lines().map(|line| {
            serde_json::from_str(line).map_err(|error| format!("{line}: {error}").into())
        });
        lines.collect()
    }
}

fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    step::output(Command::new(program).args(arguments)).map(drop)
}

/// Sets the user's quota on a mounted device.
fn limit(device: &str) -> Result<()> {
    engines::may_start()?;
    let device = CString::new(device)?;
    // SAFETY: zero is a valid value of each of its integers.
    let mut quota: libc::dqblk = unsafe { std::mem::zeroed() };
    quota.dqb_bhardlimit = QUOTA_KIB;
    quota.dqb_ihardlimit = QUOTA_INODES;
    quota.dqb_valid = libc::QIF_LIMITS;
    let request = libc::QCMD(libc::Q_SETQUOTA, libc::USRQUOTA);
    // SAFETY: the kernel reads one dqblk, which outlives the call.
    let set = unsafe { libc::quotactl(request, device.as_ptr(), USER, (&raw mut quota).cast()) };
    if set != 0 {
        return Err(format!("quotactl: {}", std::io::Error::last_os_error()).into());
    }
    Ok(())
}
