//! A suite of the Debian mirror becomes unpacked packages, whatever the machine runs.
//!
//! In: a suite's name, the mirror that the machine's apt is configured with. Out:
//! directories of unpacked packages. Invariant: apt works in a root of its own, so
//! the machine's sources, lists and packages stay as they are, and it verifies every
//! package against the archive's keyring. Lacks on purpose: installing anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::step;
use crate::toolchain::ensure_packages;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A Debian suite with an apt configuration and state of its own.
pub struct Suite {
    directory: PathBuf,
}

impl Suite {
    /// Reads the suite's package index into `directory`.
    pub fn open(directory: &Path, suite: &str) -> Result<Suite> {
        let directory = std::path::absolute(directory)?;
        for part in ["state/lists/partial", "cache/archives/partial", "etc"] {
            fs::create_dir_all(directory.join(part))?;
        }
        fs::write(directory.join("state/status"), "")?;
        if !Path::new(KEYRING).exists() {
            ensure_packages(&["debian-archive-keyring"])?;
        }
        let mirror = mirror()?;
        fs::write(
            directory.join("etc/sources.list"),
            format!("deb [arch=amd64 signed-by={KEYRING}] {mirror} {suite} main\n"),
        )?;
        let suite = Suite { directory };
        step::output(suite.command("apt-get").args(["-qq", "update"]))?;
        Ok(suite)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let option =
            |key: &str, part: &str| format!("{key}={}", self.directory.join(part).display());
        for value in [
            option("Dir::State", "state"),
            option("Dir::State::status", "state/status"),
            option("Dir::Cache", "cache"),
            option("Dir::Etc", "etc"),
            "APT::Architecture=amd64".into(),
            "APT::Sandbox::User=root".into(),
            "APT::Install-Recommends=false".into(),
            "APT::Keep-Downloaded-Packages=true".into(),
            "Acquire::Languages=none".into(),
            "Acquire::Retries=3".into(),
            // The Release file of a suite that is no longer updated has expired.
            "Acquire::Check-Valid-Until=false".into(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".into(),
        ] {
            command.arg("-o").arg(value);
        }
        command
            .env("LC_ALL", "C")
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// Names of the packages that `package` depends on, alternatives flattened.
    pub fn depends(&self, package: &str) -> Result<Vec<String>> {
        let record =
            step::output(
                self.command("apt-cache")
                    .args(["--no-all-versions", "show", package]),
            )?;
        Ok(parse_depends(&record))
    }

    /// Unpacks these packages, and no others, as the directory `root`.
    pub fn unpack(&self, packages: &[String], root: &Path) -> Result<()> {
        let debs = self.directory.join("debs");
        fs::create_dir_all(&debs)?;
        step::output(
            self.command("apt-get")
                .args(["-qq", "download"])
                .args(packages)
                .current_dir(&debs),
        )?;
        self.unpack_all(&debs, root)
    }

    /// Unpacks these packages and all that they depend on as the directory `root`.
    pub fn unpack_with_dependencies(&self, packages: &[&str], root: &Path) -> Result<()> {
        step::output(
            self.command("apt-get")
                .args(["-qq", "--yes", "--download-only", "install"])
                .args(packages),
        )?;
        self.unpack_all(&self.directory.join("cache/archives"), root)
    }

    fn unpack_all(&self, debs: &Path, root: &Path) -> Result<()> {
        // Beside its final place and then renamed, so that what broke off halfway is never used.
        let partial = self.directory.join("unpacking");
        fs::create_dir_all(&partial)?;
        for entry in fs::read_dir(debs)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "deb") {
                step::output(Command::new("dpkg-deb").arg("-x").arg(path).arg(&partial))?;
            }
        }
        fs::rename(&partial, root).with_context(|| root.display().to_string())
    }
}

/// The package names in the `Depends:` field of a package's record.
fn parse_depends(record: &str) -> Vec<String> {
    let Some(field) = record
        .lines()
        .find_map(|line| line.strip_prefix("Depends:"))
    else {
        return Vec::new();
    };
    field
        .split([',', '|'])
        .filter_map(|part| part.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// The Debian mirror that the machine's apt is configured with, or the one in `SEALWATCH_DEBIAN_MIRROR`.
fn mirror() -> Result<String> {
    if let Ok(mirror) = std::env::var("SEALWATCH_DEBIAN_MIRROR") {
        return Ok(mirror);
    }
    let release = fs::read_to_string("/etc/os-release").context("/etc/os-release")?;
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let targets = step::output(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(RELEASE) $(COMPONENT) $(REPO_URI)",
    ]))?;
    // Only the plain suite: security and update archives, and those of other vendors, lack the other suites.
    targets
        .lines()
        .find_map(|line| {
            let mut words = line.split(' ');
            let suite = words.next()?;
            let plain = Some(suite) == codename
                || ["oldstable", "stable", "testing", "unstable", "sid"].contains(&suite);
            (plain && words.next() == Some("main")).then(|| words.next().map(str::to_owned))?
        })
        .context("this machine's apt has no Debian mirror: set SEALWATCH_DEBIAN_MIRROR to the URI of one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depends_flattens_alternatives_and_drops_versions() {
        let record = "Package: linux-image-1\nDepends: kmod, linux-base (>= 4.3~), dracut | initramfs-tools (>= 0.1)\n";
        assert_eq!(
            parse_depends(record),
            ["kmod", "linux-base", "dracut", "initramfs-tools"]
        );
        assert!(parse_depends("Package: x\nPre-Depends: y\n").is_empty());
    }
}
