//! Provokes refused file operations, and tells exactly which.
//!
//! In: a mode and directories that are read-only, not the user's, or full. Out: one
//! JSON line per case: what was tried on which path, how often, and the errno that
//! was meant and that came. Invariant: each operation and errno has a path of its own,
//! so that counts can be matched by path; no refusal goes unreported. Lacks on
//! purpose: knowing Sealwatch, whose counts are compared with what this program tells.

mod call;
mod full;
mod load;
mod refused;
mod sealed;
mod uring;

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The uid and gid that owns nothing but what `prepare` gives it.
const USER: u32 = 10_001;
/// Attempts per case.
const ATTEMPTS: u64 = 3;
/// Exit code where an errno was not the one that was meant.
const MISMATCH: u8 = 3;

const USAGE: &str = "usage:
  provoke prepare SUITE=DIR ...   makes, as root, what the cases need in DIR
  provoke run SUITE=DIR ...       runs the cases; suites:
      erofs     DIR is prepared and now read-only
      refused   DIR is prepared; uid 10001 tries to change it (EACCES, EPERM)
      frozen    DIR is prepared, on ext4; files are made immutable (EPERM)
      bytes     DIR is an empty tmpfs with a size limit (ENOSPC)
      inodes    DIR is an empty tmpfs with few inodes (ENOSPC)
      quota     DIR is prepared, on ext4 with a quota for uid 10001 (EDQUOT)
  provoke flood --threads N --seconds N PATH   opens PATH for writing at full speed
  provoke once PATH                            opens PATH for writing once
  provoke hold SECONDS                         sleeps
  provoke benign DIR                           fails and succeeds at what is no denial";

/// What a case does to its target: 0, or the errno.
type Act = fn(&Target) -> i32;

/// One refused operation.
struct Case {
    /// `ERRNO-OPERATION-VARIANT`, also the target's last component.
    name: &'static str,
    /// As Sealwatch calls it.
    operation: &'static str,
    errno: i32,
    /// What must be there before.
    needs: Needs,
    act: Act,
}

/// What `prepare` puts where a case's target will be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    File,
    Directory,
    /// Nothing at the target, a file beside it whose name ends in `.from`.
    Source,
}

/// What a case works on.
struct Target {
    absolute: CString,
    /// Relative to the suite's directory, which is the working directory too.
    relative: CString,
    directory: OwnedFd,
}

impl Target {
    fn new(directory: &Path, name: &str) -> Result<Target, String> {
        let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", directory.display());
        let absolute = directory.join(name).into_os_string().into_encoded_bytes();
        Ok(Target {
            absolute: CString::new(absolute).map_err(|error| fail(&error))?,
            relative: CString::new(name).map_err(|error| fail(&error))?,
            directory: File::open(directory).map_err(|error| fail(&error))?.into(),
        })
    }

    fn dirfd(&self) -> i32 {
        self.directory.as_raw_fd()
    }

    /// The file beside the target that a link or rename starts from.
    fn source(&self) -> CString {
        let mut bytes = self.relative.as_bytes().to_vec();
        bytes.extend(b".from");
        CString::new(bytes).unwrap_or_default()
    }
}

/// Tells one case's outcome; false where the errno is not the one that was meant.
fn report(case: &str, operation: &str, meant: i32, got: i32, path: &str, count: u64) -> bool {
    println!(
        "{}",
        serde_json::json!({
            "case": case,
            "operation": operation,
            "errno": errno_name(meant),
            "got": errno_name(got),
            "path": path,
            "count": count,
        })
    );
    meant == got
}

fn errno_name(errno: i32) -> String {
    match errno {
        0 => "OK".into(),
        libc::EPERM => "EPERM".into(),
        libc::EACCES => "EACCES".into(),
        libc::ENOSPC => "ENOSPC".into(),
        libc::EROFS => "EROFS".into(),
        libc::EDQUOT => "EDQUOT".into(),
        other => format!("errno {other}"),
    }
}

/// Runs a suite's cases in its directory.
fn run_cases(directory: &Path, cases: &[Case]) -> Result<bool, String> {
    std::env::set_current_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut as_meant = true;
    for case in cases {
        let target = Target::new(directory, case.name)?;
        let mut got = case.errno;
        let mut count = 0;
        for _ in 0..ATTEMPTS {
            got = (case.act)(&target);
            if got != case.errno {
                break;
            }
            count += 1;
        }
        let path = target.absolute.to_string_lossy().into_owned();
        as_meant &= report(case.name, case.operation, case.errno, got, &path, count);
    }
    Ok(as_meant)
}

/// Makes what `cases` need, owned by the user of this process.
fn prepare_cases(directory: &Path, cases: &[Case]) -> std::io::Result<()> {
    for case in cases {
        let path = directory.join(case.name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match case.needs {
            Needs::Nothing => {}
            Needs::File => std::fs::write(&path, "content")?,
            Needs::Directory => std::fs::create_dir_all(&path)?,
            Needs::Source => {
                let mut source = path.into_os_string();
                source.push(".from");
                std::fs::write(&source, "content")?;
            }
        }
    }
    Ok(())
}

fn prepare(suite: &str, directory: &Path) -> Result<(), String> {
    std::fs::create_dir_all(directory)
        .and_then(|()| match suite {
            "erofs" => prepare_cases(directory, &sealed::cases()),
            "refused" => refused::prepare(directory),
            "frozen" => prepare_cases(directory, &sealed::frozen_cases()),
            "quota" => std::os::unix::fs::chown(directory, Some(USER), Some(USER)),
            _ => Ok(()),
        })
        .map_err(|error| format!("prepare {suite}={}: {error}", directory.display()))
}

fn suite(suite: &str, directory: &Path) -> Result<bool, String> {
    match suite {
        "erofs" => run_cases(directory, &sealed::cases()),
        "frozen" => sealed::freeze_and_run(directory),
        "refused" => run_cases(directory, &refused::cases()),
        "bytes" => full::bytes(directory, libc::ENOSPC),
        "inodes" => full::inodes(directory, libc::ENOSPC),
        "quota" => {
            Ok(full::bytes(directory, libc::EDQUOT)? & full::inodes(directory, libc::EDQUOT)?)
        }
        other => Err(format!("no suite {other:?}\n{USAGE}")),
    }
}

/// Runs each suite in a process of its own, under the user it is meant for.
fn run(suites: &[String]) -> Result<bool, String> {
    let mut as_meant = true;
    for word in suites {
        let (suite, _) = pair(word)?;
        let mut command = Command::new("/proc/self/exe");
        command.args(["suite", word]);
        if ["refused", "quota"].contains(&suite) {
            command.uid(USER).gid(USER);
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

fn pair(word: &str) -> Result<(&str, PathBuf), String> {
    let (suite, directory) = word
        .split_once('=')
        .ok_or(format!("{word:?} is no SUITE=DIR\n{USAGE}"))?;
    Ok((suite, PathBuf::from(directory)))
}

fn dispatch(arguments: &[String]) -> Result<bool, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["prepare", ..] => {
            for word in &arguments[1..] {
                let (suite, directory) = pair(word)?;
                prepare(suite, &directory)?;
            }
            Ok(true)
        }
        ["run", ..] => run(&arguments[1..]),
        ["suite", word] => {
            let (name, directory) = pair(word)?;
            suite(name, &directory)
        }
        ["flood", "--threads", threads, "--seconds", seconds, path] => {
            load::flood(number(threads)?, number(seconds)?, path)
        }
        ["once", path] => load::once(path),
        ["hold", seconds] => {
            std::thread::sleep(std::time::Duration::from_secs(number(seconds)?));
            Ok(true)
        }
        ["benign", directory] => load::benign(Path::new(directory)),
        _ => Err(USAGE.into()),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is no number\n{USAGE}"))
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
