//! Directories in which a container is refused, on file systems of their own.
//!
//! In: a name, and what lies there. Out: mounts below `/run/lab`, with what the cases
//! need, and what was provoked in them. Invariant: no two containers share one, as
//! what is full for one would be full for the other; between two backends it is
//! emptied. Lacks on purpose: the read-only root, which the image brings.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use xtask::step;

use super::super::PROVOKE;
use super::super::report::Provoked;
use super::{BACKENDS, Result};

/// The user that the quota is for: the one that `provoke` becomes.
const USER: i32 = 10_001;
/// Its limits: bytes in KiB and inodes.
const QUOTA_KIB: u64 = 64;
const QUOTA_INODES: u64 = 24;
/// `provoke` takes a second or two.
const WITHIN: Duration = Duration::from_secs(240);

/// One container's directories.
pub struct Place {
    directory: PathBuf,
    /// Directories that the container sees at its root, and where they are.
    parts: Vec<(&'static str, PathBuf)>,
    /// What it runs: `SUITE=DIR`, where DIR may hold `$backend`.
    suites: Vec<String>,
    /// Parts that are full after a run; `$backend` as above.
    full: Vec<&'static str>,
    /// Its reader is the container, which provokes once per line.
    go: File,
}

impl Place {
    /// Makes an empty one.
    pub fn new(name: &str) -> Result<Place> {
        let directory = Path::new("/run/lab").join(name);
        fs::create_dir_all(directory.join("out"))?;
        let fifo = directory.join("out/go");
        run("mkfifo", &[&text(&fifo)])?;
        Ok(Place {
            parts: vec![("out", directory.join("out"))],
            directory,
            suites: Vec::new(),
            full: Vec::new(),
            // Open for reading too, so that the container sees no end between two lines.
            go: File::options().read(true).write(true).open(fifo)?,
        })
    }

    fn part(&mut self, part: &'static str) -> Result<String> {
        let path = self.directory.join(part);
        fs::create_dir_all(&path)?;
        let name = text(&path);
        self.parts.push((part, path));
        Ok(name)
    }

    /// Adds suites that need nothing here.
    pub fn suites(&mut self, suites: &[&str]) {
        self.suites
            .extend(suites.iter().copied().map(str::to_owned));
    }

    /// Adds suites, each in a directory of its own name below `part`.
    fn prepared(&mut self, part: &str, suites: &[&str]) -> Result<()> {
        let prepare = |suite: &&str| format!("{suite}={}/{part}/{suite}", self.directory.display());
        provoke_prepare(suites.iter().map(prepare))?;
        let words = suites
            .iter()
            .map(|suite| format!("{suite}=/{part}/{suite}"));
        self.suites.extend(words);
        Ok(())
    }

    /// A directory that can be written.
    pub fn writable(&mut self, part: &'static str, suites: &[&str]) -> Result<()> {
        self.part(part)?;
        self.prepared(part, suites)
    }

    /// A directory of another part, which lies as a runtime's volumes do.
    pub fn volume(&mut self, part: &'static str, lies: &str, suite: &str) -> Result<()> {
        let path = self.directory.join(lies);
        provoke_prepare(std::iter::once(format!(
            "{suite}={}/{suite}",
            path.display()
        )))?;
        self.suites.push(format!("{suite}=/{part}/{suite}"));
        self.parts.push((part, path));
        Ok(())
    }

    /// A directory that is then bound to itself, read-only.
    pub fn read_only(&mut self, part: &'static str, suites: &[&str]) -> Result<()> {
        let path = self.part(part)?;
        self.prepared(part, suites)?;
        run("mount", &["--bind", &path, &path])?;
        run("mount", &["-o", "remount,bind,ro", &path])
    }

    /// An overlay without an upper layer, which makes its superblock read-only.
    pub fn lower_only(&mut self, part: &'static str, suite: &str) -> Result<()> {
        let path = self.part(part)?;
        self.prepared(part, &[suite])?;
        let empty = text(&self.directory.join("empty"));
        fs::create_dir_all(&empty)?;
        let layers = format!("lowerdir={path}:{empty}");
        run("mount", &["-t", "overlay", "-o", &layers, "lower", &path])
    }

    /// A tmpfs with options, prepared.
    pub fn tmpfs(&mut self, part: &'static str, options: &str, suite: &str) -> Result<()> {
        let path = self.part(part)?;
        run("mount", &["-t", "tmpfs", "-o", options, part, &path])?;
        self.prepared(part, &[suite])
    }

    /// A tmpfs that a run fills.
    pub fn small(&mut self, part: &'static str, options: &str, suite: &str) -> Result<()> {
        let path = self.part(part)?;
        run("mount", &["-t", "tmpfs", "-o", options, part, &path])?;
        self.suites.push(format!("{suite}=/{part}"));
        self.full.push(part);
        Ok(())
    }

    fn ext4(&mut self, part: &'static str, size: &str, options: &str) -> Result<(String, String)> {
        let path = self.part(part)?;
        let image = format!("{path}.img");
        run("truncate", &["-s", size, &image])?;
        run(
            "mkfs.ext4",
            &[
                "-q",
                "-m",
                "0",
                "-O",
                "quota",
                "-E",
                "quotatype=usrquota",
                &image,
            ],
        )?;
        let device = step::output(Command::new("losetup").args(["--find", "--show", &image]))?;
        let device = device.trim().to_owned();
        run("mount", &["-t", "ext4", "-o", options, &device, &path])?;
        Ok((path, device))
    }

    /// An ext4 with a quota; and with files that become immutable, where the container
    /// may do that, which nobody undoes: one directory per backend.
    pub fn quota(&mut self, part: &'static str, frozen: bool) -> Result<()> {
        let (path, device) = self.ext4(part, "16M", "usrquota")?;
        let mut suites = vec!["quota"];
        if frozen {
            suites.push("frozen");
        }
        for suite in suites {
            let prepare = BACKENDS.map(|backend| format!("{suite}={path}/{suite}-{backend}"));
            provoke_prepare(prepare.into_iter())?;
            self.suites
                .push(format!("{suite}=/{part}/{suite}-$backend"));
        }
        self.full.push("ext4/quota-$backend");
        limit(&device)
    }

    /// A small ext4 that a run fills.
    pub fn full_disk(&mut self, part: &'static str) -> Result<()> {
        self.ext4(part, "1M", "defaults")?;
        self.suites.push(format!("full=/{part}/here"));
        fs::create_dir(self.directory.join(part).join("here"))?;
        self.full.push("full/here");
        Ok(())
    }

    /// An ext4 whose superblock is read-only and whose mount is not.
    pub fn read_only_disk(&mut self, part: &'static str, suite: &str) -> Result<()> {
        let (path, _) = self.ext4(part, "4M", "defaults")?;
        self.prepared(part, &[suite])?;
        run("mount", &["-o", "remount,ro", &path])?;
        run("mount", &["-o", "remount,bind,rw", &path])
    }

    /// What the container runs: `provoke`, whenever it is told a backend's name.
    pub fn command(&self) -> [String; 3] {
        let suites = self.suites.join(" ");
        let script = format!(
            "while read backend; do provoke run {suites} >/out/new 2>&1; \
             busybox mv /out/new /out/$backend; done </out/go"
        );
        ["/bin/sh".into(), "-c".into(), script]
    }

    /// Where the container sees which directory.
    pub fn mounts(&self) -> Vec<(String, PathBuf)> {
        let mount = |(part, path): &(&str, PathBuf)| (format!("/{part}"), path.clone());
        self.parts.iter().map(mount).collect()
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
        for full in &self.full {
            let full = full.replace("$backend", backend);
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

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn provoke_prepare(words: impl Iterator<Item = String>) -> Result<()> {
    let words: Vec<String> = words.collect();
    let mut arguments = vec!["prepare"];
    arguments.extend(words.iter().map(String::as_str));
    run(PROVOKE, &arguments)
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    step::output(Command::new(program).args(arguments))?;
    Ok(())
}

/// Sets the user's quota on a mounted device.
fn limit(device: &str) -> Result<()> {
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
