//! The toolchain of the kernel half: found, or installed step by step.
//!
//! In: [`Facts`] about the machine. Out: a [`Toolchain`], after as many
//! [`Step`]s as were missing. Invariant: what to do next is decided by
//! [`next_step`], which is pure; facts are gathered in [`facts`], packages
//! installed in [`apt`]. Versions of LLVM are read from the rustc in use and
//! never written down here, because the packages move.

pub mod apt;
pub mod facts;
pub(crate) mod mirror;

use std::{env, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};

pub use apt::ensure_packages;

use crate::{layout, step};

/// The oldest rustc that builds the workspace: `rust-version` in Cargo.toml.
pub const OLDEST_RUSTC: Version = Version(1, 88);
/// The linker's version that is installed where none fits.
pub const LINKER_VERSION: &str = "0.13.0";
/// Packages that building needs whatever the toolchain: a C toolchain to link
/// with, and the compiler of the CRI's protocol files.
pub const BUILD_PACKAGES: [&str; 3] = ["gcc", "libc6-dev", "protobuf-compiler"];
/// More steps than any machine can need; reaching it means that one has no effect.
const STEPS_MAX: usize = 8;

/// Major and minor version of a rustc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

/// A rustc that could compile the kernel half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rustc {
    /// The compiler.
    pub rustc: PathBuf,
    /// Its cargo.
    pub cargo: PathBuf,
    /// Its version.
    pub version: Version,
    /// Major version of its LLVM.
    pub llvm: u32,
    /// Are the sources of the core library beside it?
    pub sources: bool,
}

/// A bpf-linker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linker {
    /// The program.
    pub path: PathBuf,
    /// Major version of its LLVM; `None` where it is linked statically and does not tell.
    pub llvm: Option<u32>,
}

/// What the machine has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The distribution's rustc, if it is installed.
    pub system: Option<Rustc>,
    /// rustup's nightly, if it is installed.
    pub nightly: Option<Rustc>,
    /// The linkers found, own installation first.
    pub linkers: Vec<Linker>,
    /// Directories of LLVM's development files, by major version.
    pub llvm_dev: Vec<u32>,
    /// Is there apt?
    pub apt: bool,
    /// Were apt's lists fetched by this process?
    pub lists_fresh: bool,
    /// Names and version of the newest rustc that apt offers with cargo and library sources.
    pub offer: Option<Offer>,
    /// Is there rustup?
    pub rustup: bool,
}

/// A rustc among the distribution's packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Packages of rustc, cargo and the library sources.
    pub packages: [&'static str; 3],
    /// rustc's version.
    pub version: Version,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Fetch apt's package lists.
    FetchLists,
    /// Install packages.
    Packages(Vec<String>),
    /// Install rustup's nightly with the library sources.
    Nightly,
    /// Build bpf-linker against this major version of LLVM, with this rustc.
    Linker(u32, Rustc),
    /// Nothing: this is the toolchain.
    Ready(Toolchain),
    /// Nothing can be done; the text says what a person can do.
    Impossible(String),
}

/// What compiles the kernel half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// Compiler and cargo.
    pub rustc: Rustc,
    /// The linker.
    pub linker: PathBuf,
}

/// Finds the toolchain of the kernel half, installing what is missing.
///
/// # Errors
/// What cannot be had on this machine, and what to do about it.
pub fn ensure() -> Result<Toolchain> {
    if apt::present() {
        ensure_packages(&BUILD_PACKAGES)?;
    }
    let mut lists_fresh = false;
    for _ in 0..STEPS_MAX {
        match next_step(&facts::gather(lists_fresh)) {
            Step::Ready(toolchain) => return Ok(toolchain),
            Step::Impossible(why) => bail!("{why}"),
            Step::FetchLists => {
                apt::ensure_lists()?;
                lists_fresh = true;
            }
            Step::Packages(names) => {
                ensure_packages(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
            }
            Step::Nightly => step::loud(
                "installing rustup's nightly with rust-src",
                Command::new("rustup")
                    .args(NIGHTLY)
                    .env("RUSTUP_AUTO_INSTALL", "1"),
            )?,
            Step::Linker(llvm, rustc) => install_linker(llvm, &rustc)?,
        }
    }
    bail!(
        "the toolchain is still incomplete after {STEPS_MAX} steps: {:?}",
        facts::gather(true)
    )
}

const NIGHTLY: [&str; 7] = [
    "toolchain",
    "install",
    "nightly",
    "--profile",
    "minimal",
    "--component",
    "rust-src",
];

/// Decides what is missing most. A toolchain that is complete comes before one
/// that must be installed, and the distribution's before rustup's.
pub fn next_step(facts: &Facts) -> Step {
    let usable = |rustc: &&Rustc| rustc.sources && rustc.version >= OLDEST_RUSTC;
    let system = facts.system.as_ref().filter(usable);
    let nightly = facts.nightly.as_ref().filter(usable);
    for rustc in [system, nightly].into_iter().flatten() {
        if let Some(linker) = fitting(&facts.linkers, rustc, Some(rustc) == nightly) {
            return Step::Ready(Toolchain {
                rustc: rustc.clone(),
                linker,
            });
        }
    }
    for rustc in [system, nightly].into_iter().flatten() {
        if facts.llvm_dev.contains(&rustc.llvm) {
            return Step::Linker(rustc.llvm, rustc.clone());
        }
    }
    if let Some(rustc) = system.filter(|_| facts.apt) {
        let llvm = rustc.llvm;
        return Step::Packages(vec![
            format!("llvm-{llvm}-dev"),
            format!("libpolly-{llvm}-dev"),
        ]);
    }
    match facts.offer.filter(|offer| offer.version >= OLDEST_RUSTC) {
        Some(offer) => return Step::Packages(offer.packages.map(str::to_owned).to_vec()),
        None if facts.apt && !facts.lists_fresh => return Step::FetchLists,
        None => {}
    }
    match nightly {
        None if facts.rustup => Step::Nightly,
        None => Step::Impossible(no_compiler(facts)),
        Some(rustc) => Step::Impossible(no_linker(rustc)),
    }
}

/// A linker that has the compiler's LLVM. One that does not tell its LLVM is
/// the project's own release, made for rustup's nightly and for nothing else.
fn fitting(linkers: &[Linker], rustc: &Rustc, is_nightly: bool) -> Option<PathBuf> {
    let exact = linkers
        .iter()
        .find(|linker| linker.llvm == Some(rustc.llvm));
    let released = || {
        linkers
            .iter()
            .find(|linker| is_nightly && linker.llvm.is_none())
    };
    exact.or_else(released).map(|linker| linker.path.clone())
}

fn no_compiler(facts: &Facts) -> String {
    let Version(major, minor) = OLDEST_RUSTC;
    let offered = match facts.offer {
        Some(Offer {
            version: Version(a, b),
            ..
        }) => format!("apt offers only rustc {a}.{b}"),
        None if facts.apt => "apt offers no rustc with cargo and library sources".to_owned(),
        None => "there is no apt".to_owned(),
    };
    format!(
        "the kernel half needs a rustc {major}.{minor} or newer with the sources of its library: \
         {offered}, and there is no rustup.\n\
         Install rustup (https://rustup.rs) and run this again."
    )
}

fn no_linker(rustc: &Rustc) -> String {
    let llvm = rustc.llvm;
    format!(
        "the kernel half needs a bpf-linker with LLVM {llvm}, that of {}. Either put a released \
         one on the PATH (https://github.com/aya-rs/bpf-linker/releases), or install LLVM \
         {llvm}'s development files under /usr/lib/llvm-{llvm} and run this again.",
        rustc.rustc.display()
    )
}

/// Where the linker for a major version of LLVM is installed.
pub fn linker_root(llvm: u32) -> PathBuf {
    layout::cache_dir().join(format!("bpf-linker-{LINKER_VERSION}-llvm-{llvm}"))
}

fn install_linker(llvm: u32, rustc: &Rustc) -> Result<()> {
    let mut command = Command::new(&rustc.cargo);
    layout::forget_outer_cargo(&mut command);
    command
        .args(["install", "bpf-linker", "--locked", "--no-default-features"])
        .args([
            "--version",
            LINKER_VERSION,
            "--features",
            &format!("llvm-{llvm}"),
            "--root",
        ])
        .arg(linker_root(llvm))
        .env("LLVM_PREFIX", format!("/usr/lib/llvm-{llvm}"))
        .env("RUSTC", &rustc.rustc)
        // Its work is done in LLVM's library; optimising the rest only takes longer.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        // Outside the workspace, so that its .cargo/config.toml is not read.
        .current_dir(env::temp_dir());
    step::quiet(
        &format!("building bpf-linker {LINKER_VERSION} with LLVM {llvm} (about a minute, once)"),
        &mut command,
    )
    .context("bpf-linker could not be built")
}

/// Finds or installs the clippy that belongs to a toolchain, and returns its
/// `cargo-clippy`; another compiler's cannot read this one's libraries.
///
/// # Errors
/// apt's or rustup's own.
pub fn ensure_clippy(toolchain: &Toolchain) -> Result<PathBuf> {
    let program = toolchain.rustc.cargo.with_file_name("cargo-clippy");
    if program.exists() {
        return Ok(program);
    }
    if toolchain.rustc.rustc.starts_with("/usr/bin") {
        let owner = step::output(Command::new("dpkg-query").args(["--search", "/usr/bin/rustc"]))?;
        let web = owner.starts_with("rustc-web");
        ensure_packages(&[if web {
            "rust-web-clippy"
        } else {
            "rust-clippy"
        }])?;
    } else {
        step::loud(
            "installing clippy for rustup's nightly",
            Command::new("rustup").args(["component", "add", "clippy", "--toolchain", "nightly"]),
        )?;
    }
    Ok(program)
}

#[cfg(test)]
mod tests;
