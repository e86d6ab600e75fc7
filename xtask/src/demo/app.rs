//! The application of the demonstration: a shell script that was never told of a read-only root.
//!
//! In: an engine. Out: a container that is refused in four ways. Invariant: the
//! script is what a person would write; it provokes nothing by tricks.

use std::{
    fmt, fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::Path,
};

use anyhow::{Context as _, Result};

use super::listing::Row;
use crate::engine::{APP_USER, Engine, IMAGE};

const NAME: &str = "myapp";

/// Start-up as in many an image: a pid file, a cache that is rebuilt when it is
/// missing, a database on the volume, an upload in /tmp.
const SCRIPT: &str = "\
exec 2>&1
echo \"myapp starting as $(id -un)\"
echo $$ > /var/run/myapp.pid || echo 'myapp: no pid file, going on'
for try in 1 2 3; do
    echo index > /var/cache/myapp/index.bin && break
    echo \"myapp: cannot save the index (try $try), going on without\"
done
echo state > /data/state.db || echo 'myapp: state is kept in memory only'
dd if=/dev/zero of=/tmp/upload.part bs=4096 count=64 || echo 'myapp: upload failed'
echo 'myapp is up'
sleep 1
";

/// One denial that the script runs into.
pub(super) struct Denial {
    path: &'static str,
    errno: &'static str,
    why: &'static str,
}

/// All of them.
pub(super) const DENIALS: [Denial; 4] = [
    Denial {
        path: "/var/run/myapp.pid",
        errno: "EROFS",
        why: "read-only root",
    },
    Denial {
        path: "/var/cache/myapp/index.bin",
        errno: "EROFS",
        why: "read-only root",
    },
    Denial {
        path: "/data/state.db",
        errno: "EACCES",
        why: "volume of another uid",
    },
    Denial {
        path: "/tmp/upload.part",
        errno: "ENOSPC",
        why: "full tmpfs",
    },
];

impl Denial {
    /// Did the daemon see this one, and count it?
    pub(super) fn is(&self, row: &Row) -> bool {
        row.path == self.path && row.errno == self.errno && row.count > 0
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {} ({})", self.errno, self.path, self.why)
    }
}

/// The container.
pub(super) struct App<'a> {
    engine: &'a Engine,
    name: String,
    args: Vec<String>,
}

impl<'a> App<'a> {
    /// Makes the volume and puts the command together. `dir` holds the volume.
    pub(super) fn new(engine: &'a Engine, dir: &Path) -> Result<App<'a>> {
        // Made by root, as a bind mount or a new disk is, and never handed to the app.
        let volume = dir.join("volume");
        fs::create_dir_all(&volume)?;
        fs::set_permissions(&volume, fs::Permissions::from_mode(0o755))?;
        chown(&volume, Some(0), Some(0)).context("making a volume that belongs to root")?;
        // The machine's own engine may have a container of the plain name.
        let name = match engine.is_private() {
            true => NAME.to_owned(),
            false => format!("{NAME}-{}", std::process::id()),
        };
        let args = [
            "--name",
            &name,
            "--read-only",
            "--user",
            &APP_USER.to_string(),
            "--network",
            "none",
            "--tmpfs",
            "/tmp:size=64k",
            "--volume",
            &format!("{}:/data", volume.display()),
            IMAGE,
        ]
        .map(str::to_owned)
        .to_vec();
        Ok(App { engine, name, args })
    }

    /// The container's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The command as a person would type it.
    pub(super) fn command_line(&self) -> String {
        format!("docker run {} sh -c ...", self.args.join(" "))
    }

    /// Runs the script in a new container, with its output indented on stdout.
    pub(super) fn run_first(&self) -> Result<()> {
        let mut args = vec!["run"];
        args.extend(self.args.iter().map(String::as_str));
        args.extend(["sh", "-c", SCRIPT]);
        let output = self.engine.docker(&args)?;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            println!("  | {line}");
        }
        let words = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(
            output.status.success(),
            "docker run ended with {}: {words}",
            output.status
        );
        Ok(())
    }

    /// Starts the same container once more and waits for its end.
    pub(super) fn run_again(&self) -> Result<()> {
        self.engine
            .docker_ok(&["start", "--attach", &self.name])
            .map(drop)
    }
}

impl Drop for App<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.engine.docker_ok(&["rm", "--force", &self.name]) {
            eprintln!("{error:#}");
        }
    }
}
