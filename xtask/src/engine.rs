//! A Docker engine of its own, for the demonstration and the tests.
//!
//! In: a directory. Out: an [`Engine`] that answers on a socket of its own and
//! has the image [`IMAGE`]. Invariant: nothing is shared with the machine's own
//! engine, and dropping it stops its containers and daemons and unmounts what
//! they mounted. Lacks on purpose: networks (containers run with `--network
//! none`) and registries.

mod archive;
mod image;
pub mod programs;
mod shutdown;

use std::{
    fs::{self, File},
    os::unix::{fs::PermissionsExt as _, net::UnixStream, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

pub use archive::{Owners, pack};
pub use image::static_busybox;

use crate::{
    step,
    toolchain::{apt, ensure_packages},
};

/// The image that every engine has: busybox, a user `app` (10001) and the
/// directories that applications expect.
pub const IMAGE: &str = "sealwatch/busybox:latest";
/// The uid and gid of the image's user `app`.
pub const APP_USER: u32 = 10_001;

/// `docker run` up to its own options: a container with a read-only root and without a
/// network, which is gone when it has ended.
pub fn sealed(name: &str) -> [&str; 7] {
    [
        "run",
        "--rm",
        "--read-only",
        "--network",
        "none",
        "--name",
        name,
    ]
}

const HOST_SOCKET: &str = "/var/run/docker.sock";
const READY_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// A Docker engine that answers.
#[derive(Debug)]
pub struct Engine {
    socket: PathBuf,
    cli: PathBuf,
    daemon: Option<Daemon>,
}

/// A dockerd that belongs to this process.
#[derive(Debug)]
struct Daemon {
    child: Child,
    data: PathBuf,
    /// Sockets must stay below 108 bytes, so they lie in a short directory of
    /// their own, which goes when this is dropped.
    run: tempfile::TempDir,
}

impl Engine {
    /// Starts a private engine, with its data below `dir`, which must not be used by another.
    ///
    /// # Errors
    /// A missing package, a dockerd that does not come up (with the end of its log).
    pub fn start(dir: &Path) -> Result<Engine> {
        ensure_programs()?;
        let data = dir.join("docker");
        fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
        let run = tempfile::Builder::new().prefix("sw").tempdir_in("/tmp")?;
        // The agent and its tests may come as another user's process.
        fs::set_permissions(run.path(), fs::Permissions::from_mode(0o755))?;
        let socket = run.path().join("d.sock");
        let log = run.path().join("dockerd.log");
        let child = dockerd(&data, run.path(), &socket, &log, &[])?;
        let mut engine = Engine {
            socket,
            cli: program("docker").context("there is no docker command")?,
            daemon: Some(Daemon { child, data, run }),
        };
        engine.wait_until_ready(&log)?;
        engine.ensure_image()?;
        Ok(engine)
    }

    /// Stops a private engine in order, and with it its containers, and starts it
    /// again with all that it has on the disk.
    ///
    /// # Errors
    /// An engine that is not private, or that does not come up.
    pub fn restart(&mut self) -> Result<()> {
        let daemon = self.daemon.as_mut().context("the engine is not ours")?;
        shutdown::end(daemon);
        let run = daemon.run.path();
        let log = run.join("dockerd.log");
        daemon.child = dockerd(&daemon.data, run, &self.socket, &log, &[])?;
        self.wait_until_ready(&log)
    }

    /// The machine's own engine, where one answers. Dropping it stops nothing.
    pub fn host() -> Option<Engine> {
        UnixStream::connect(HOST_SOCKET).ok()?;
        let engine = Engine {
            socket: HOST_SOCKET.into(),
            cli: program("docker")?,
            daemon: None,
        };
        engine
            .docker(&["version"])
            .ok()
            .filter(|output| output.status.success())?;
        Some(engine)
    }

    /// The socket that answers Docker's API.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Was it started by [`Engine::start`]?
    pub fn is_private(&self) -> bool {
        self.daemon.is_some()
    }

    /// Kills dockerd, as a crash does; its containers run on.
    ///
    /// # Errors
    /// It is not this process's, or gone already.
    pub fn kill(&mut self) -> Result<()> {
        let daemon = self.daemon.as_mut().context("the machine's own dockerd")?;
        daemon.child.kill()?;
        daemon.child.wait()?;
        Ok(())
    }

    /// Starts a dockerd that was killed again, and keeps its containers.
    ///
    /// # Errors
    /// As for [`Engine::start`].
    pub fn revive(&mut self) -> Result<()> {
        let daemon = self.daemon.as_mut().context("the machine's own dockerd")?;
        let run = daemon.run.path();
        let log = run.join("dockerd.log");
        daemon.child = dockerd(&daemon.data, run, &self.socket, &log, &["--live-restore"])?;
        self.wait_until_ready(&log)
    }

    /// Stops dockerd in the middle of what it does, or lets it go on.
    ///
    /// # Errors
    /// It is not this process's.
    pub fn pause(&self, on: bool) -> Result<()> {
        let daemon = self.daemon.as_ref().context("the machine's own dockerd")?;
        let signal = if on { libc::SIGSTOP } else { libc::SIGCONT };
        shutdown::signal(daemon.child.id(), signal);
        Ok(())
    }

    /// A `docker` command on this engine.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.cli);
        command
            .arg("--host")
            .arg(format!("unix://{}", self.socket.display()));
        command
            .env_remove("DOCKER_CONTEXT")
            .env_remove("DOCKER_HOST");
        command
    }

    /// Runs `docker ARGS` on this engine, whatever its exit code.
    ///
    /// # Errors
    /// Where docker cannot be started.
    pub fn docker(&self, args: &[&str]) -> Result<Output> {
        self.command()
            .args(args)
            .stdin(Stdio::null())
            .output()
            .context("cannot start docker")
    }

    /// Runs `docker ARGS` on this engine and returns its standard output, trimmed.
    ///
    /// # Errors
    /// docker's own, when it fails.
    pub fn docker_ok(&self, args: &[&str]) -> Result<String> {
        Ok(step::output(self.command().args(args))?.trim().to_owned())
    }

    /// Removes every container.
    ///
    /// # Errors
    /// docker's own, or a dockerd that does not do it.
    pub fn remove_containers(&self) -> Result<()> {
        shutdown::containers(self)
    }

    /// Makes [`IMAGE`] where the engine lacks it.
    ///
    /// # Errors
    /// A missing busybox, or docker's own.
    pub fn ensure_image(&self) -> Result<()> {
        if self.docker(&["image", "inspect", IMAGE])?.status.success() {
            return Ok(());
        }
        image::import(self)
    }

    fn wait_until_ready(&mut self, log: &Path) -> Result<()> {
        let begun = Instant::now();
        loop {
            if UnixStream::connect(&self.socket).is_ok()
                && self.docker(&["version"])?.status.success()
            {
                return Ok(());
            }
            let exited = match &mut self.daemon {
                Some(daemon) => daemon.child.try_wait()?,
                None => None,
            };
            let why = match exited {
                Some(status) => format!("dockerd ended with {status}"),
                None if begun.elapsed() > READY_WITHIN => {
                    format!("dockerd did not answer within {} s", READY_WITHIN.as_secs())
                }
                None => {
                    thread::sleep(POLL);
                    continue;
                }
            };
            let text = fs::read(log).unwrap_or_default();
            bail!(
                "{why}; the end of its log:\n{}",
                step::tail(&String::from_utf8_lossy(&text))
            );
        }
    }
}

/// Installs what is missing of an engine. Programs are looked for first, as a
/// machine with Docker's own packages has them under other names.
///
/// # Errors
/// apt's own.
pub fn ensure_programs() -> Result<()> {
    for (name, package) in [
        ("dockerd", "docker.io"),
        ("containerd", "containerd"),
        ("runc", "runc"),
    ] {
        if program(name).is_none() {
            ensure_packages(&[package])?;
        }
    }
    if program("docker").is_none() {
        // Apart from docker.io since Debian 13.
        ensure_packages(&["docker-cli"])?;
    }
    Ok(())
}

/// A program on the PATH or among the administrator's, which a user's PATH leaves out.
fn program(name: &str) -> Option<PathBuf> {
    if apt::on_path(name) {
        return Some(name.into());
    }
    let path = Path::new("/usr/sbin").join(name);
    path.is_file().then_some(path)
}

fn dockerd(data: &Path, run: &Path, socket: &Path, log: &Path, more: &[&str]) -> Result<Child> {
    let log = File::create(log)?;
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new(program("dockerd").context("there is no dockerd")?)
        .arg("--data-root")
        .arg(data)
        .arg("--exec-root")
        .arg(run.join("x"))
        .arg("--pidfile")
        .arg(run.join("d.pid"))
        .args([
            "--iptables=false",
            "--ip6tables=false",
            "--bridge=none",
            "--host",
        ])
        .arg(format!("unix://{}", socket.display()))
        .args(more)
        // dockerd starts a containerd of its own, which it looks for on the PATH.
        .env("PATH", format!("{path}:/usr/sbin:/usr/bin:/sbin:/bin"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C on the terminal is for this process alone, which then stops dockerd in order.
        .process_group(0)
        .spawn()
        .context("cannot start dockerd")
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            // So that dockerd need not wait for any to end; if it fails, it ends without.
            shutdown::report(shutdown::containers(self), "removing containers");
            shutdown::daemon(daemon);
        }
    }
}
