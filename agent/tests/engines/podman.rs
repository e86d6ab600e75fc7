//! A Podman with storage of its own, serving Docker's API.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::unmount_below;

/// A `podman system service` that answers.
pub struct Podman {
    dir: PathBuf,
    socket: PathBuf,
    service: Child,
}

impl Podman {
    /// Starts it below `dir` and loads the image archive as `image`.
    pub fn start(dir: &Path, archive: &Path, image: &str) -> Result<Podman, String> {
        let text = |error: std::io::Error| error.to_string();
        fs::create_dir_all(dir).map_err(text)?;
        fs::write(
            dir.join("storage.conf"),
            format!(
                "[storage]\ndriver = \"overlay\"\ngraphroot = \"{0}/root\"\nrunroot = \"{0}/run\"\n",
                dir.display()
            ),
        )
        .map_err(text)?;
        // This machine's limits may be lower than Podman's defaults, and no
        // systemd is needed for anything here.
        fs::write(
            dir.join("containers.conf"),
            "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1000:1000\"]\n\
             [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"runc\"\n",
        )
        .map_err(text)?;
        fs::write(
            dir.join("policy.json"),
            "{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}",
        )
        .map_err(text)?;
        let socket = dir.join("p.sock");
        let log = fs::File::create(dir.join("service.log")).map_err(text)?;
        let service = command(dir)
            .args(["system", "service", "--time", "0"])
            .arg(format!("unix://{}", socket.display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(text)?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("cannot start podman: {error}"))?;
        let podman = Podman {
            dir: dir.to_owned(),
            socket,
            service,
        };
        let begun = Instant::now();
        while UnixStream::connect(&podman.socket).is_err() {
            if begun.elapsed() > Duration::from_secs(20) {
                let log = fs::read_to_string(dir.join("service.log")).unwrap_or_default();
                return Err(format!("podman does not answer: {log}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let archive = archive.to_string_lossy();
        podman.ok(&[
            "import",
            "--change",
            "CMD [\"sh\"]",
            "--change",
            "ENV PATH=/bin",
            &archive,
            image,
        ])?;
        Ok(podman)
    }

    /// The socket that answers Docker's API.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Runs `podman ARGS` on its storage.
    pub fn run(&self, args: &[&str]) -> Output {
        command(&self.dir)
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// The same, with its standard output or its complaint.
    pub fn ok(&self, args: &[&str]) -> Result<String, String> {
        let output = self.run(args);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(format!("podman {args:?}: {}", text(&output.stderr)))
        }
    }
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new("podman");
    command
        .arg("--tmpdir")
        .arg(dir.join("tmp"))
        .env("CONTAINERS_STORAGE_CONF", dir.join("storage.conf"))
        .env("CONTAINERS_CONF", dir.join("containers.conf"));
    command
}

impl Drop for Podman {
    fn drop(&mut self) {
        self.run(&["rm", "--all", "--force", "--time", "0"]);
        let _ = self.service.kill();
        let _ = self.service.wait();
        unmount_below(&self.dir);
    }
}
