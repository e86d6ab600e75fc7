//! Debian packages: which are missing, and their installation as root or through sudo.
//!
//! In: package names. Out: those packages installed. Invariant: with nothing
//! missing, only dpkg's database is read; the package lists are fetched at most
//! once per process, and only when they turn out too old.

use std::{
    env, fs,
    io::{self, IsTerminal as _},
    path::Path,
    process::Command,
    sync::Mutex,
};

use anyhow::{Context as _, Result, bail};

use crate::step;

/// Were the package lists fetched by this process? Held while installing, as
/// dpkg serves one at a time.
static LISTS_FRESH: Mutex<bool> = Mutex::new(false);

/// Is this a Debian-like system?
pub fn present() -> bool {
    Path::new("/usr/bin/apt-get").exists() && Path::new("/usr/bin/dpkg-query").exists()
}

/// Installs those of the packages that are missing.
///
/// # Errors
/// Names the missing packages where they cannot be installed: no Debian, no
/// root and no sudo, or apt's own refusal.
pub fn ensure_packages(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    if !present() {
        bail!(
            "these Debian packages are needed, and this system has no apt: {}\n\
             install what corresponds to them by hand, or use a Debian container or VM",
            packages.join(" ")
        );
    }
    let mut fresh = match LISTS_FRESH.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    };
    let missing = missing(packages)?;
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    install_missing(&missing, &mut fresh)
        .with_context(|| format!("these packages are needed: {names}"))
}

fn install_missing(missing: &[String], fresh: &mut bool) -> Result<()> {
    let mut command = install(missing)?;
    if !*fresh && missing.iter().any(|package| candidate(package).is_none()) {
        update(fresh)?;
    }
    let title = format!("installing {}", missing.join(" "));
    match step::quiet(&title, &mut command) {
        // Old lists name versions that have left the archive.
        Err(_) if !*fresh => {
            update(fresh)?;
            step::quiet(&title, &mut command)
        }
        done => done,
    }
}

/// Fetches the package lists, unless this process already did.
pub fn ensure_lists() -> Result<()> {
    let mut fresh = match LISTS_FRESH.lock() {
        Ok(guard) => guard,
        Err(poisoned) => poisoned.into_inner(),
    };
    if *fresh { Ok(()) } else { update(&mut fresh) }
}

fn update(fresh: &mut bool) -> Result<()> {
    step::quiet(
        "fetching the package lists",
        as_root("apt-get")?.args(OPTIONS).arg("update"),
    )?;
    *fresh = true;
    Ok(())
}

/// The version that apt would install, or has installed; `None` where it knows none.
pub fn candidate(package: &str) -> Option<String> {
    let text = step::output(Command::new("apt-cache").args(["policy", package])).ok()?;
    let version = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (version != "(none)").then(|| version.to_owned())
}

const OPTIONS: [&str; 4] = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"];

fn install(packages: &[String]) -> Result<Command> {
    let mut command = as_root("apt-get")?;
    if env::var_os("CI").is_some() {
        // A machine that is thrown away needs no fsync after each of the many files.
        command.args(["-o", "Dpkg::Options::=--force-unsafe-io"]);
    }
    command
        .args(OPTIONS)
        .args(["install", "--yes", "--no-install-recommends", "--no-remove"])
        .args(packages);
    Ok(command)
}

fn missing(packages: &[&str]) -> Result<Vec<String>> {
    // dpkg-query fails when it knows none of a name; what it does know is printed all the same.
    let known = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"])
        .args(packages)
        .output()?;
    let known = String::from_utf8_lossy(&known.stdout).into_owned();
    Ok(not_installed(packages, &known))
}

fn not_installed(packages: &[&str], dpkg: &str) -> Vec<String> {
    let installed = |name: &str| {
        dpkg.lines()
            .any(|line| line.split_once(' ') == Some((name, "installed")))
    };
    packages
        .iter()
        .filter(|name| !installed(name))
        .map(|name| (*name).to_owned())
        .collect()
}

/// Unpacks a package into a directory, without installing it and without root.
///
/// # Errors
/// apt's or dpkg's own.
pub fn unpack(package: &str, dir: &Path) -> Result<()> {
    let download = tempfile::tempdir()?;
    let mut fetch = Command::new("apt-get");
    fetch
        .args(OPTIONS)
        .args(["download", package])
        .current_dir(download.path());
    if step::quiet(&format!("downloading {package}"), &mut fetch).is_err() {
        ensure_lists()?;
        step::quiet(&format!("downloading {package}"), &mut fetch)?;
    }
    for entry in fs::read_dir(download.path())? {
        step::output(
            Command::new("dpkg-deb")
                .arg("-x")
                .arg(entry?.path())
                .arg(dir),
        )?;
    }
    Ok(())
}

/// A command with root's rights: itself for root, through sudo for others.
pub fn as_root(program: &str) -> Result<Command> {
    // Services are for the owner of the machine to start: RUNLEVEL=1 keeps
    // packages from starting theirs where no systemd runs.
    let settings = ["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"];
    let mut command = if is_root() {
        Command::new("env")
    } else if on_path("sudo") {
        let mut sudo = Command::new("sudo");
        if !io::stdin().is_terminal() {
            sudo.arg("-n");
        }
        sudo.arg("env");
        sudo
    } else {
        bail!("this needs root: run as root, or install sudo")
    };
    command.args(settings).arg(program);
    Ok(command)
}

/// Does this process run as root?
pub fn is_root() -> bool {
    // SAFETY: geteuid has no arguments and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Is there such a program on the PATH?
pub fn on_path(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_dpkg_calls_installed_counts() {
        let dpkg = "runc installed\npodman config-files\nlibc6-dev installed\n";
        assert_eq!(
            not_installed(&["runc", "podman", "libc6-dev", "llvm"], dpkg),
            ["podman", "llvm"]
        );
    }
}
