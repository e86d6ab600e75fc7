//! Why the kernel half cannot be loaded, in words a person can act on.
//!
//! In: the loader library's errors. Out: [`LoadError`], reasons on one line,
//! and the operating system's error number. Invariant: a verifier's log goes to
//! the debug log, never into a reason. Lacks on purpose: deciding what follows.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use aya::programs::ProgramError;
use tracing::debug;

use crate::source::SourceError;
use crate::source::btf::BtfError;

/// What the kernel or the loader's library said.
#[derive(Debug)]
pub struct Refusal {
    /// On one line.
    pub reason: String,
    /// The operating system's number, where it was the kernel.
    pub errno: Option<i32>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Why nothing could be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The daemon was compiled without the kernel half.
    #[error("this binary was built without the kernel half; build it with: cargo xtask build")]
    NoObject,
    /// The kernel's BTF is not usable.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// The object was refused as a whole.
    #[error("the kernel half cannot be loaded: {refusal}; {advice}", refusal = .0, advice = advice(.0))]
    Object(Refusal),
    /// A map or program that the contract names is not in the object.
    #[error("the kernel half lacks {0}; rebuild with: cargo xtask build")]
    Absent(String),
    /// Control groups cannot be followed.
    #[error("control groups cannot be followed: {refusal}; {advice}", refusal = .0, advice = advice(.0))]
    Cgroups(Refusal),
    /// No hook at all could be attached.
    #[error("no hook can be attached: {0}; `sealwatch doctor` tells what is missing")]
    NothingAttached(String),
    /// Nothing can be pinned, though it was asked for.
    #[error(
        "programs and maps cannot be kept at {}: {refusal}; remove what is there (`sealwatch uninstall --pin {}`), or name another directory of the BPF file system with --pin, or none",
        path.display(),
        path.display()
    )]
    Pins {
        /// As it was asked for.
        path: PathBuf,
        /// The system's words.
        refusal: Refusal,
    },
    /// A map could not be set up.
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl LoadError {
    /// The operating system's number behind it, where the kernel refused.
    pub fn errno(&self) -> Option<i32> {
        match self {
            LoadError::Object(refusal)
            | LoadError::Cgroups(refusal)
            | LoadError::Pins { refusal, .. } => refusal.errno,
            LoadError::NoObject
            | LoadError::Btf(_)
            | LoadError::Absent(_)
            | LoadError::NothingAttached(_)
            | LoadError::Source(_) => None,
        }
    }
}

pub(super) fn object_error(error: impl Error + 'static) -> LoadError {
    LoadError::Object(refusal(&error))
}

pub(super) fn pins_error(path: &Path, error: &io::Error) -> LoadError {
    LoadError::Pins {
        path: path.into(),
        refusal: refusal(error),
    }
}

/// What to do where the kernel refuses.
fn advice(refusal: &Refusal) -> &'static str {
    match refusal.errno {
        Some(libc::EMFILE) => {
            "raise the limit of open files to 1,024 or more: ulimit -n, LimitNOFILE= of a unit, \
             docker run --ulimit nofile="
        }
        Some(libc::ENFILE) => "raise fs.file-max: this machine has no descriptor left",
        Some(libc::ENOMEM) => {
            "give it more memory: MemoryMax= of a unit, resources.limits of a pod, docker run \
             --memory"
        }
        _ => "it needs root, or CAP_BPF and CAP_PERFMON: `sealwatch doctor` tells what is missing",
    }
}

/// With the number behind it.
pub(super) fn refusal(error: &(dyn Error + 'static)) -> Refusal {
    Refusal {
        reason: reason(error),
        errno: errno(error),
    }
}

/// Control groups cannot be followed, in words of our own.
pub(super) fn no_cgroups(reason: String) -> LoadError {
    LoadError::Cgroups(Refusal {
        reason,
        errno: None,
    })
}

/// An error with its sources on one line, without the verifier's log.
pub(super) fn reason(error: &(dyn Error + 'static)) -> String {
    if let Some(ProgramError::LoadError {
        io_error,
        verifier_log,
    }) = error.downcast_ref()
    {
        debug!(%verifier_log, "the kernel refused a program");
        return io_error.to_string();
    }
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

/// The operating system's error number behind an error, where there is one.
pub(super) fn errno(error: &(dyn Error + 'static)) -> Option<i32> {
    if let Some(ProgramError::LoadError { io_error, .. }) = error.downcast_ref() {
        return io_error.raw_os_error();
    }
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return io.raw_os_error();
        }
        current = error.source();
    }
    None
}

pub(super) fn map_error(map: &'static str, error: &(dyn Error + 'static)) -> SourceError {
    SourceError::Map {
        map,
        reason: reason(error),
    }
}
