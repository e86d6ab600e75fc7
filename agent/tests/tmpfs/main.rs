//! Real tmpfs mounts in mount namespaces of their own, and in real containers.
//!
//! A test that cannot run says so loudly; with `CI=true` that is a failure.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod containers;
#[path = "../engines/mod.rs"]
mod engines;
mod hang;
mod local;
mod price;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use sealwatch::mountinfo::process;
use sealwatch::tmpfs::visit::{Known, Place, Seen, Surroundings, visit};
use sealwatch::tmpfs::{HostTmpfs, Unmeasured, Usage};

/// A shell in a mount namespace of its own, and in a "control group" that is a
/// plain directory, as no more than `cgroup.procs` is read of it.
struct Room {
    shell: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    group: tempfile::TempDir,
    /// Directory on the disk for mount points.
    dir: tempfile::TempDir,
    /// What it has for a root.
    _root: tempfile::TempDir,
    known: Known,
    now_ns: u64,
}

/// Makes a directory the root, with the host's directories in it: a table with the host's
/// own root is one of a container that is being started.
const ENTER: &str = "mount --bind $R $R && cd $R && \
    for at in /bin /sbin /lib /lib64 /usr /etc /dev /proc /tmp /var; do \
        if [ -L $at ]; then cp -a $at .; \
        elif [ -d $at ]; then mkdir .$at && mount --bind $at .$at; fi || exit 1; \
    done && pivot_root . . && umount -l . && exec sh";

impl Room {
    /// Opens one, or says why that cannot be.
    fn open() -> Result<Room, String> {
        engines::may_start()?;
        let root = tempfile::tempdir().unwrap();
        let mut shell = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", ENTER])
            .env("R", root.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("unshare: {error}"))?;
        let to = shell.stdin.take().unwrap();
        let from = BufReader::new(shell.stdout.take().unwrap());
        let group = tempfile::tempdir().unwrap();
        std::fs::write(
            group.path().join("cgroup.procs"),
            format!("{}\n", shell.id()),
        )
        .unwrap();
        let mut room = Room {
            shell,
            to,
            from,
            group,
            dir: tempfile::tempdir().unwrap(),
            _root: root,
            known: Known::default(),
            now_ns: 1,
        };
        room.run("true");
        Ok(room)
    }

    /// Runs a script in the room, `$D` being its directory; fails unless it succeeds.
    fn run(&mut self, script: &str) {
        let status = self.try_run(script);
        assert_eq!(status, 0, "{script}");
    }

    fn try_run(&mut self, script: &str) -> i32 {
        let dir = self.dir.path().display();
        writeln!(self.to, "D={dir}; ( {script} ) >&2; echo $?").unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_string_lossy().into_owned()
    }

    /// Takes a turn, `seconds` after the last one.
    fn visit_after(&mut self, seconds: u64) -> Seen {
        self.now_ns += seconds * 1_000_000_000;
        let place = Place {
            group: self.group.path().to_owned(),
            memory: None,
        };
        visit(&mut self.known, &place, &around(), self.now_ns)
    }

    /// What a turn without a new reading of the mount table sees of one mount.
    fn usage(&mut self, name: &str) -> Option<Result<Usage, Unmeasured>> {
        let seen = self.visit_after(0);
        usage_of(&seen, &self.path(name))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// This process's namespace stands for the host's.
fn around() -> Surroundings {
    let host = process::mount_table(std::process::id()).unwrap().0;
    Surroundings {
        host: HostTmpfs::of(&sealwatch::mountinfo::parse(&host)),
        host_version: 0,
        host_namespace: process::mount_namespace(std::process::id()).ok(),
        memory: None,
    }
}

fn usage_of(seen: &Seen, target: &str) -> Option<Result<Usage, Unmeasured>> {
    let at = seen
        .ownership
        .mounts
        .iter()
        .position(|mount| mount.target == target.as_bytes())?;
    Some(seen.usage[at].clone())
}

const SECOND: Duration = Duration::from_secs(1);

/// Where the groups of this host's containers are.
fn groups() -> PathBuf {
    let layout = sealwatch::identity::hierarchy::Layout::read().unwrap();
    layout.root().unwrap().to_owned()
}
