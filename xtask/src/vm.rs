//! The lab: commands in guests of the kernels that Sealwatch is tested on.
//!
//! In: a command line, or a [`Job`]. Out: its exit code and output. Invariant: the
//! guest's root is the machine's own with a tmpfs over it, so nothing has to be built
//! and nothing that the guest does stays. Lacks on purpose: root images.

mod emulator;
mod guest;
mod initramfs;
mod kernels;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

pub use guest::{Guest, Job, Outcome};
pub use kernels::Kernel;

use crate::layout;
use crate::lock::Lock;
use crate::toolchain::ensure_packages;

/// Packages that guests are made with, or run.
const PACKAGES: [&str; 3] = ["cpio", "xz-utils", "apparmor"];

/// `cargo xtask vm`: runs a command in a guest.
#[derive(clap::Args, Debug)]
pub struct VmArgs {
    /// The kernel to boot.
    #[arg(long, required_unless_present = "list")]
    kernel: Option<Kernel>,
    /// Lists the kernels and what is cached of them. Delete `.cache/vm/KERNEL` to fetch it anew.
    #[arg(long)]
    list: bool,
    /// Mebibytes of memory.
    #[arg(long, default_value_t = 2048)]
    memory: u32,
    /// Seconds until the guest is stopped.
    #[arg(long, default_value_t = 600)]
    timeout: u64,
    /// Security modules that the kernel starts, in their order.
    #[arg(long, default_value = guest::MODULES)]
    modules: String,
    /// More of the kernel's parameters.
    #[arg(long, default_value = "")]
    parameters: String,
    /// A clock that counts instructions, one a nanosecond: rdtsc tells how many were executed.
    #[arg(long)]
    by_instructions: bool,
    /// Copies a file into the guest: PATH, or PATH=GUEST_PATH. Can be repeated.
    #[arg(long)]
    file: Vec<String>,
    /// The command; `/usr/local/bin/sealwatch` is the binary that was built last.
    #[arg(trailing_var_arg = true, required_unless_present = "list")]
    command: Vec<String>,
}

/// Runs `cargo xtask vm`; the command's exit code becomes xtask's.
pub fn run(arguments: &VmArgs) -> Result<i32> {
    if arguments.list {
        return list();
    }
    let kernel = arguments.kernel.context("--kernel is missing")?;
    let mut files: Vec<(PathBuf, PathBuf)> = arguments
        .file
        .iter()
        .map(|file| match file.split_once('=') {
            Some((from, to)) => (from.into(), to.into()),
            None => (file.into(), file.into()),
        })
        .collect();
    if let Some(binary) = built_binary() {
        files.push((binary, "/usr/local/bin/sealwatch".into()));
    }
    let guest = Guest {
        memory_mib: arguments.memory,
        modules: arguments.modules.clone(),
        parameters: arguments.parameters.clone(),
        by_instructions: arguments.by_instructions,
        ..Guest::new(kernel)
    };
    let outcome = guest.run(&Job {
        files,
        command: arguments.command.clone(),
        timeout: Duration::from_secs(arguments.timeout),
    })?;
    if std::fs::read_dir(&outcome.output)?.next().is_some() {
        eprintln!("vm: output files are in {}", outcome.output.display());
    }
    Ok(outcome.status)
}

fn list() -> Result<i32> {
    let cache = cache()?;
    for kernel in Kernel::ALL {
        let files = kernels::cached(&cache.join(kernel.label()))?;
        let release = files.map_or("not fetched yet".to_owned(), |files| files.release);
        println!("{:<5} {:<9} {release}", kernel.label(), kernel.suite());
    }
    Ok(0)
}

/// The agent's binary, whichever of the static builds is the newer.
pub fn built_binary() -> Option<PathBuf> {
    let triple = layout::host_triple().ok()?;
    ["release", "dist"]
        .into_iter()
        .map(|profile| layout::agent_binary(&triple, profile))
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .max()
        .map(|(_, path)| path)
}

/// What a guest is started from.
struct Parts {
    kernel: kernels::KernelFiles,
    initramfs: PathBuf,
    emulator: emulator::Emulator,
}

/// Fetches and makes whatever guests of this kernel need and is not there.
///
/// # Errors
/// No Debian mirror, or what apt says of it.
pub fn fetch(kernel: Kernel) -> Result<()> {
    parts(kernel).map(drop)
}

/// The version of the emulator that guests run in.
///
/// # Errors
/// No Debian mirror, or what the emulator says.
pub fn emulator_version() -> Result<String> {
    let cache = cache()?;
    let _lock = Lock::take(&cache.join("lock"))?;
    emulator::Emulator::fetch(&cache)?.version()
}

fn parts(kernel: Kernel) -> Result<Parts> {
    ensure_packages(&PACKAGES)?;
    let cache = cache()?;
    // Several guests may be started at once, by this process and by others.
    let _lock = Lock::take(&cache.join("lock"))?;
    let files = kernels::fetch(kernel, &cache)?;
    Ok(Parts {
        initramfs: initramfs::make(&files, &cache.join(kernel.label()))?,
        emulator: emulator::Emulator::fetch(&cache)?,
        kernel: files,
    })
}

/// Where kernels and the emulator are kept.
fn cache() -> Result<PathBuf> {
    let cache = layout::cache_dir().join("vm");
    std::fs::create_dir_all(&cache).with_context(|| cache.display().to_string())?;
    Ok(cache)
}
