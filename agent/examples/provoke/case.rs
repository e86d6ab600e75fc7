//! A refused operation, what it works on, and the line that tells of it.
//!
//! In: cases and a directory. Out: the cases' files; one JSON line per case.
//! Invariant: each operation and errno of a run has a path of its own, so that counts
//! can be matched by path; no refusal goes unreported. Lacks on purpose: which cases
//! there are.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

/// Attempts per case.
pub const ATTEMPTS: u64 = 3;

/// What a case does to its target: 0, or the errno.
pub type Act = fn(&Target) -> i32;

/// One refused operation.
pub struct Case {
    /// Why it is refused; a row of the daemon's table of what it sees.
    pub situation: &'static str,
    /// `ERRNO-OPERATION-VARIANT`, also the target's last component.
    pub name: &'static str,
    /// As Sealwatch calls it.
    pub operation: &'static str,
    /// The errno that is meant.
    pub errno: i32,
    /// What must be there before.
    pub needs: Needs,
    /// What is done.
    pub act: Act,
}

/// Writes a table of cases of one situation and errno.
macro_rules! table {
    ($situation:expr, $errno:ident; $($name:literal $operation:literal $needs:ident $act:expr;)+) => {
        vec![$($crate::case::Case {
            situation: $situation,
            name: $name,
            operation: $operation,
            errno: libc::$errno,
            needs: $crate::case::Needs::$needs,
            act: $act,
        },)+]
    };
}
pub(crate) use table;

/// What `prepare` puts where a case's target will be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    Nothing,
    File,
    Directory,
    /// Nothing at the target, a file beside it whose name ends in `.from`.
    Source,
}

/// What a case works on.
pub struct Target {
    pub absolute: CString,
    /// Relative to the suite's directory, which is the working directory too.
    pub relative: CString,
    directory: OwnedFd,
}

impl Target {
    pub fn new(directory: &Path, name: &str) -> Result<Target, String> {
        let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", directory.display());
        let absolute = directory.join(name).into_os_string().into_encoded_bytes();
        Ok(Target {
            absolute: CString::new(absolute).map_err(|error| fail(&error))?,
            relative: CString::new(name).map_err(|error| fail(&error))?,
            directory: File::open(directory).map_err(|error| fail(&error))?.into(),
        })
    }

    pub fn dirfd(&self) -> i32 {
        self.directory.as_raw_fd()
    }

    /// The file beside the target that a link or rename starts from.
    pub fn source(&self) -> CString {
        let mut bytes = self.relative.as_bytes().to_vec();
        bytes.extend(b".from");
        CString::new(bytes).unwrap_or_default()
    }
}

/// What became of a case.
pub struct Outcome<'a> {
    pub situation: &'a str,
    pub case: &'a str,
    pub operation: &'a str,
    /// The errno that was meant.
    pub meant: i32,
    /// The errno that came.
    pub got: i32,
    /// As the container sees it; empty where the operation has none.
    pub path: &'a str,
    /// How often it came.
    pub count: u64,
}

impl Outcome<'_> {
    /// Tells it; false where the errno is not the one that was meant.
    pub fn tell(&self) -> bool {
        let line = serde_json::json!({
            "situation": self.situation,
            "case": self.case,
            "operation": self.operation,
            "errno": errno_name(self.meant),
            "got": errno_name(self.got),
            "path": self.path,
            "count": self.count,
        });
        println!("{line}");
        self.meant == self.got
    }
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

/// Runs cases in their directory, which becomes the working directory.
pub fn run_cases(directory: &Path, cases: &[Case]) -> Result<bool, String> {
    std::env::set_current_dir(directory)
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut as_meant = true;
    for case in cases {
        let target = Target::new(directory, case.name)?;
        let path = target.absolute.to_string_lossy().into_owned();
        as_meant &= repeat(case, &path, || (case.act)(&target));
    }
    Ok(as_meant)
}

/// Has one case refused as often as all are, and tells it. One that the kernel does
/// not have yet (ENOSYS, and io_uring's EINVAL) is left out.
pub fn repeat(case: &Case, path: &str, mut act: impl FnMut() -> i32) -> bool {
    let mut got = case.errno;
    let mut count = 0;
    for _ in 0..ATTEMPTS {
        got = act();
        if got != case.errno {
            break;
        }
        count += 1;
    }
    if count == 0 && got == libc::ENOSYS {
        return true;
    }
    let Case {
        situation,
        name,
        operation,
        errno,
        ..
    } = case;
    Outcome {
        situation,
        case: name,
        operation,
        meant: *errno,
        got,
        path,
        count,
    }
    .tell()
}

/// Makes what `cases` need, owned by the user of this process.
pub fn prepare_cases(directory: &Path, cases: &[Case]) -> std::io::Result<()> {
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
