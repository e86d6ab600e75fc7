//! Provokes refused file operations, and tells exactly which.
//!
//! In: a mode and directories that are read-only, not the user's, or full. Out: one
//! JSON line per case: what was tried on which path, how often, why it is refused, and
//! the errno that was meant and that came. Invariant: what is refused is told.
//! Lacks on purpose: knowing Sealwatch, whose counts are compared with what this
//! program tells.

mod call;
mod case;
mod compat;
mod crew;
mod descriptor;
mod filter;
mod frozen;
mod full;
mod guarded;
mod hostile;
mod load;
mod memory;
mod module;
mod names;
mod namespace;
mod refused;
mod sealed;
mod task;
mod uring;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use case::{prepare_cases, run_cases};

/// The uid and gid that owns nothing but what `prepare` gives it.
const USER: u32 = 10_001;
const ROOT: u32 = 0;
/// Exit code where an errno was not the one that was meant.
const MISMATCH: u8 = 3;

const USAGE: &str = "usage:
  provoke prepare SUITE=DIR ...   makes, as root, what the cases need in DIR
  provoke run SUITE=DIR ...       runs the cases, each suite in a process of its own
  provoke flood --threads N --seconds N PATH   opens PATH for writing at full speed
  provoke once PATH                            opens PATH for writing once
  provoke serve BOARD NUMBER                   follows a board's orders, as one worker of many
  provoke hold SECONDS                         sleeps
  provoke benign DIR                           fails and succeeds at what is no denial
  provoke hostile paths N | names | groups N | exits N | mounts N DIR | fuse DIR | swap SECONDS DIR
                                  is too much for whoever watches, on a read-only root
suites:";

/// Cases that are run in one directory, by one process.
struct Suite {
    name: &'static str,
    /// What DIR is when the cases run.
    place: &'static str,
    /// The uid and gid they are run with.
    user: u32,
    prepare: fn(&Path) -> std::io::Result<()>,
    run: fn(&Path) -> Result<bool, String>,
}

const fn suite(
    name: &'static str,
    place: &'static str,
    user: u32,
    prepare: fn(&Path) -> std::io::Result<()>,
    run: fn(&Path) -> Result<bool, String>,
) -> Suite {
    Suite {
        name,
        place,
        user,
        prepare,
        run,
    }
}

fn nothing(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn prepare_sealed(directory: &Path) -> std::io::Result<()> {
    prepare_cases(directory, &sealed::cases(""))
}

#[rustfmt::skip]
const SUITES: &[Suite] = &[
    suite("root", "prepared, on a root that is read-only", ROOT, prepare_sealed,
        |at| run_cases(at, &sealed::cases("read_only_root"))),
    suite("volume", "prepared, bound read-only", ROOT, prepare_sealed,
        |at| run_cases(at, &sealed::cases("read_only_volume"))),
    suite("superblock", "prepared, an overlay without an upper layer", ROOT, prepare_sealed,
        |at| run_cases(at, &sealed::cases("read_only_superblock"))),
    suite("disk", "prepared, on a disk whose superblock is read-only", ROOT, prepare_sealed,
        |at| run_cases(at, &sealed::cases("read_only_disk"))),
    suite("compat", "prepared, bound read-only", ROOT,
        |at| prepare_cases(at, &compat::cases()), |at| run_cases(at, &compat::cases())),
    suite("uring", "prepared, bound read-only", ROOT,
        |at| prepare_cases(at, &sealed::uring_cases()),
        |at| run_cases(at, &sealed::uring_cases())),
    suite("names", "prepared, bound read-only", ROOT, names::prepare, names::run),
    suite("chroot", "prepared as `names`, bound read-only", ROOT, nothing, names::run_chroot),
    suite("pivot", "prepared as `names`, bound read-only", ROOT, nothing, names::run_pivot),
    suite("refused", "prepared", USER, refused::prepare, |at| run_cases(at, &refused::cases())),
    suite("guarded", "prepared", USER, guarded::prepare, guarded::run),
    suite("grouped", "prepared as `guarded`", ROOT, nothing, guarded::run_grouped),
    suite("namespace", "prepared", ROOT, namespace::prepare, namespace::run),
    suite("frozen", "prepared, on ext4", ROOT, frozen::prepare, frozen::run),
    suite("noexec", "prepared, on a tmpfs mounted noexec", ROOT, memory::prepare_noexec,
        memory::run_noexec),
    suite("nodev", "prepared, on a tmpfs mounted nodev", ROOT, memory::prepare_nodev,
        |at| run_cases(at, &memory::nodev())),
    suite("bytes", "an empty tmpfs with a size limit", ROOT, nothing,
        |at| full::bytes(at, full::TMPFS_BYTES)),
    suite("inodes", "an empty tmpfs with few inodes", ROOT, nothing,
        |at| full::inodes(at, full::TMPFS_INODES)),
    suite("full", "an empty, small ext4", ROOT, nothing, full::disk),
    suite("quota", "prepared, on ext4 with a quota for uid 10001", USER,
        |at| std::os::unix::fs::chown(at, Some(USER), Some(USER)),
        |at| Ok(full::bytes(at, full::QUOTA)? & full::inodes(at, full::QUOTA)?)),
    suite("seccomp", "prepared", ROOT, filter::prepare, filter::run_seccomp),
    suite("landlock", "prepared", ROOT, filter::prepare, filter::run_landlock),
    suite("bpf", "prepared; a BPF program refuses `provoke-bpf`", ROOT, module::prepare,
        module::run_bpf),
    suite("yama", "anything; kernel.yama.ptrace_scope is 1", ROOT, nothing, module::run_yama),
    suite("profile", "prepared; an AppArmor profile refuses it", ROOT, module::prepare,
        module::run_profile),
    suite("docker-default", "prepared; under Docker's AppArmor profile", ROOT, module::prepare,
        module::run_docker_default),
    suite("unconfined", "anything; under no profile", USER, nothing, module::run_unconfined),
];

/// The suite and the directory of `SUITE=DIR`.
fn pair(word: &str) -> Result<(&'static Suite, PathBuf), String> {
    let (name, directory) = word
        .split_once('=')
        .ok_or_else(|| format!("{word:?} is no SUITE=DIR\n{}", usage()))?;
    let suite = SUITES.iter().find(|suite| suite.name == name);
    let suite = suite.ok_or_else(|| format!("no suite {name:?}\n{}", usage()))?;
    Ok((suite, PathBuf::from(directory)))
}

fn usage() -> String {
    let lines = SUITES
        .iter()
        .map(|suite| format!("\n  {:<16}DIR is {}", suite.name, suite.place));
    USAGE.to_owned() + &lines.collect::<String>()
}

/// Runs each suite in a process of its own, under the user it is meant for.
fn run(suites: &[String]) -> Result<bool, String> {
    let mut as_meant = true;
    for word in suites {
        let (suite, _) = pair(word)?;
        let mut command = Command::new("/proc/self/exe");
        command.args(["suite", word]);
        if suite.user != ROOT {
            command.uid(suite.user).gid(suite.user);
        }
        let status = command
            .status()
            .map_err(|error| format!("{word}: {error}"))?;
        match status.code() {
            Some(0) => {}
            Some(code) if code == i32::from(MISMATCH) => as_meant = false,
            _ => return Err(format!("{word}: {status}")),
        }
    }
    Ok(as_meant)
}

fn dispatch(arguments: &[String]) -> Result<bool, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["prepare", ..] => {
            for word in &arguments[1..] {
                let (suite, directory) = pair(word)?;
                std::fs::create_dir_all(&directory)
                    .and_then(|()| (suite.prepare)(&directory))
                    .map_err(|error| format!("prepare {word}: {error}"))?;
            }
            Ok(true)
        }
        ["run", ..] => run(&arguments[1..]),
        ["suite", word] => {
            let (suite, directory) = pair(word)?;
            (suite.run)(&directory)
        }
        ["until-end-of-input"] => std::io::copy(&mut std::io::stdin(), &mut std::io::sink())
            .map(|_| true)
            .map_err(|error| error.to_string()),
        ["inside-namespace", directory] => namespace::run_inside(Path::new(directory)),
        ["flood", "--threads", threads, "--seconds", seconds, path] => {
            load::flood(number(threads)?, number(seconds)?, path)
        }
        ["once", path] => load::once(path),
        ["serve", board, worker] => {
            let worker = usize::try_from(number(worker)?).map_err(|error| error.to_string())?;
            match crew::serve(Path::new(board), worker)? {}
        }
        ["hold", seconds] => {
            std::thread::sleep(std::time::Duration::from_secs(number(seconds)?));
            Ok(true)
        }
        ["benign", directory] => load::benign(Path::new(directory)),
        ["hostile", "paths", count] => hostile::paths(number(count)?),
        ["hostile", "names"] => hostile::names(),
        ["hostile", "groups", count] => hostile::groups(number(count)?),
        ["hostile", "exits", count] => hostile::exits(number(count)?),
        ["hostile", "mounts", count, directory] => {
            hostile::mounts(number(count)?, Path::new(directory))
        }
        ["hostile", "fuse", directory] => hostile::fuse(Path::new(directory)),
        ["hostile", "swap", seconds, directory] => {
            hostile::swap(number(seconds)?, Path::new(directory))
        }
        _ => Err(usage()),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no number\n{}", usage()))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(MISMATCH),
        Err(error) => {
            eprintln!("provoke: {error}");
            ExitCode::from(2)
        }
    }
}
