//! QEMU and virtiofsd, ready to be started.
//!
//! In: the Debian mirror. Out: commands that run the emulator of one Debian suite
//! with that suite's own C library, on whatever the machine runs. Invariant: every
//! machine runs the same emulator. Lacks on purpose: the machine's own QEMU, as
//! Debian 12's corrupts the processor's flags under kernel 6.12 and later.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::step;
use crate::toolchain::mirror::Suite;

/// The suite that the emulator is of.
const SUITE: &str = "trixie";

/// An unpacked emulator.
pub struct Emulator {
    root: PathBuf,
}

impl Emulator {
    /// The emulator, downloaded and unpacked under `cache` unless it is there already.
    pub fn fetch(cache: &Path) -> Result<Emulator> {
        let home = cache.join("emulator");
        let root = home.join("root");
        if !root.exists() {
            step::timed(
                &format!("fetching the emulator from Debian {SUITE}"),
                || {
                    let suite = Suite::open(&home.join("apt"), SUITE)?;
                    suite.unpack_with_dependencies(&["qemu-system-x86", "virtiofsd"], &root)
                },
            )?;
            fs::remove_dir_all(home.join("apt"))?;
        }
        Ok(Emulator { root })
    }

    /// QEMU for x86-64.
    pub fn qemu(&self) -> Command {
        let mut command = Command::new("setpriv");
        command.args(self.words("usr/bin/qemu-system-x86_64"));
        for firmware in ["usr/share/qemu", "usr/share/seabios"] {
            command.arg("-L").arg(self.root.join(firmware));
        }
        command
    }

    /// Its version, as it says itself.
    pub fn version(&self) -> Result<String> {
        let text = step::output(self.qemu().arg("--version"))?;
        let word = text
            .split_whitespace()
            .skip_while(|word| *word != "version")
            .nth(1);
        word.map(str::to_owned)
            .with_context(|| format!("no version in {text:?}"))
    }

    /// virtiofsd as root: as it is, or through sudo.
    pub fn virtiofsd(&self) -> Command {
        // SAFETY: geteuid has no arguments and cannot fail.
        let user = unsafe { libc::geteuid() };
        let mut command = if user == 0 {
            Command::new("setpriv")
        } else {
            let mut sudo = Command::new("sudo");
            sudo.args(["-n", "setpriv"]);
            sudo
        };
        command.args(self.words("usr/libexec/virtiofsd"));
        command
    }

    /// What `setpriv` is to run, so that it ends with this process, and with its own libraries.
    fn words(&self, program: &str) -> Vec<PathBuf> {
        let library = self.root.join("usr/lib/x86_64-linux-gnu");
        vec![
            "--pdeathsig".into(),
            "KILL".into(),
            self.root.join("usr/lib64/ld-linux-x86-64.so.2"),
            "--library-path".into(),
            library,
            self.root.join(program),
        ]
    }
}
