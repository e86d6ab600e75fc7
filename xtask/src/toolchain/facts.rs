//! What the machine has: compilers, linkers, LLVM, package offers.
//!
//! In: the file system and the programs' own answers. Out: [`Facts`].
//! Invariant: what cannot be read is absent, never an error; the decision
//! belongs to [`super::next_step`].

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{Facts, Linker, Offer, Rustc, Version, apt, linker_root};
use crate::step;

/// Sets of packages that make a compiler for the kernel half, as
/// (rustc, cargo, library sources). Debian's stable releases carry the first
/// set beside an older second one.
const PACKAGE_SETS: [[&str; 3]; 2] = [
    ["rustc-web", "cargo-web", "rust-web-src"],
    ["rustc", "cargo", "rust-src"],
];

/// Looks at the machine.
pub fn gather(lists_fresh: bool) -> Facts {
    let system = system_rustc();
    let nightly = nightly_rustc();
    let apt = apt::present();
    let complete = system.as_ref().is_some_and(|rustc| rustc.sources);
    Facts {
        linkers: linkers(
            [&system, &nightly]
                .into_iter()
                .flatten()
                .map(|rustc| rustc.llvm),
        ),
        llvm_dev: llvm_dev(Path::new("/usr/lib")),
        apt,
        lists_fresh,
        // Asking apt takes a second that a complete machine need not spend.
        offer: if apt && !complete {
            newest_offer()
        } else {
            None
        },
        rustup: apt::on_path("rustup"),
        system,
        nightly,
    }
}

fn system_rustc() -> Option<Rustc> {
    rustc(Path::new("/usr/bin/rustc"), Path::new("/usr/bin/cargo"))
}

fn nightly_rustc() -> Option<Rustc> {
    let which = |program: &str| {
        let path = step::output(
            Command::new("rustup")
                .args(["which", "--toolchain", "nightly", program])
                .env("RUSTUP_AUTO_INSTALL", "0"),
        );
        path.ok().map(|path| PathBuf::from(path.trim()))
    };
    rustc(&which("rustc")?, &which("cargo")?)
}

fn rustc(rustc: &Path, cargo: &Path) -> Option<Rustc> {
    // The outer cargo's LD_LIBRARY_PATH would give a compiler another's libraries.
    let ask = |args: &[&str]| {
        step::output(Command::new(rustc).args(args).env_remove("LD_LIBRARY_PATH")).ok()
    };
    let text = cargo.exists().then(|| ask(&["-vV"])).flatten()?;
    let (version, llvm) = parse_version(&text)?;
    let sysroot = ask(&["--print", "sysroot"])?;
    let core = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core/Cargo.toml");
    Some(Rustc {
        rustc: rustc.to_path_buf(),
        cargo: cargo.to_path_buf(),
        version,
        llvm,
        sources: core.exists(),
    })
}

/// rustc's version and its LLVM's major version, from `rustc -vV`.
pub(super) fn parse_version(text: &str) -> Option<(Version, u32)> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    Some((
        leading_version(field("release: ")?)?,
        number(field("LLVM version: ")?)?,
    ))
}

/// Major and minor version at the start of a text such as `1.96.0+dfsg1-1`.
pub(super) fn leading_version(text: &str) -> Option<Version> {
    let (major, rest) = text.split_once('.')?;
    Some(Version(major.parse().ok()?, number(rest)?))
}

/// The digits at the start of a text.
fn number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

fn newest_offer() -> Option<Offer> {
    let offers = PACKAGE_SETS.into_iter().filter_map(|packages| {
        let versions = packages.map(apt::candidate);
        let [Some(rustc), Some(_), Some(_)] = &versions else {
            return None;
        };
        Some(Offer {
            packages,
            version: leading_version(rustc)?,
        })
    });
    offers.max_by_key(|offer| offer.version)
}

fn linkers(llvms: impl Iterator<Item = u32>) -> Vec<Linker> {
    let own = llvms.map(|llvm| Linker {
        path: linker_root(llvm).join("bin/bpf-linker"),
        llvm: Some(llvm),
    });
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|dir| dir.join("bpf-linker"));
    let found = found.map(|path| Linker { llvm: None, path });
    let mut linkers: Vec<Linker> = own.chain(found).filter(|it| it.path.is_file()).collect();
    for linker in &mut linkers {
        linker.llvm = linker.llvm.or_else(|| linked_llvm(&linker.path));
    }
    linkers
}

/// Major version of the LLVM that a program is linked with dynamically.
fn linked_llvm(program: &Path) -> Option<u32> {
    let text = step::output(
        Command::new("ldd")
            .arg(program)
            .env_remove("LD_LIBRARY_PATH"),
    )
    .ok()?;
    parse_ldd(&text)
}

/// From `libLLVM.so.22.1 => ...` or `libLLVM-17.so.1 => ...`.
pub(super) fn parse_ldd(text: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("libLLVM")?;
        number(
            rest.strip_prefix(".so.")
                .or_else(|| rest.strip_prefix('-'))?,
        )
    })
}

/// The major versions of LLVM whose development files, Polly included, are installed.
fn llvm_dev(lib: &Path) -> Vec<u32> {
    let entries = fs::read_dir(lib).into_iter().flatten().flatten();
    let mut majors: Vec<u32> = entries
        .filter(|entry| {
            let dir = entry.path();
            // llvm-config names Polly's archives among LLVM's libraries.
            ["bin/llvm-config", "include/llvm-c/Core.h", "lib/libPolly.a"]
                .iter()
                .all(|file| dir.join(file).exists())
        })
        .filter_map(|entry| number(entry.file_name().to_str()?.strip_prefix("llvm-")?))
        .collect();
    majors.sort_unstable();
    majors
}
