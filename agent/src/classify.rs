//! What the kernel was seen to decide becomes the cause of a denial.
//!
//! In: a [`Question`]: what was refused, the signals and the module of its
//! counter, and where there is a sample, its evidence. Out: a [`Verdict`],
//! exactly one for every input. Invariant: nothing is guessed; a rule speaks
//! only from what was seen, and [`Cause::Unknown`] is the answer where none
//! does. Lacks on purpose: any look at the machine.
//!
//! Counters and samples get the same cause: rules on signals need the counter's
//! key alone, and a rule on evidence takes effect for a counter from its first
//! sample on (`aggregate` holds a new counter back until that sample is in).

mod access;
mod advice;
mod requested;
mod rules;
#[cfg(test)]
mod tests;
mod words;

use sealwatch_ebpf::wire::CountKey;

use crate::decode::{self, DecodeError};
use crate::denial::{Cause, Container, Denial, Errno, Lsm, Operation, Verdict};
use crate::remedy::{self, Mount};
use rules::RULES;

pub use requested::requested;

/// What a verdict is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What the task tried.
    pub operation: Operation,
    /// What it got.
    pub errno: Errno,
    /// `wire::Signals` bits.
    pub signals: u16,
    /// The security module that refused, where known.
    pub lsm: Option<Lsm>,
    /// What a sample adds to the counter's key.
    pub sample: Option<Sampled<'a>>,
}

/// What only a sample tells, and what is known of its surroundings.
#[derive(Clone, Copy, Debug)]
pub struct Sampled<'a> {
    /// The refusal.
    pub denial: &'a Denial,
    /// Whose it is, where it is a container's.
    pub container: Option<&'a Container>,
    /// Where the write belongs.
    pub write_root: &'a str,
    /// The mount that the file lies on.
    pub mount: Option<MountSeen<'a>>,
}

/// A mount as its namespace's table shows it, all text escaped.
#[derive(Clone, Copy, Debug)]
pub struct MountSeen<'a> {
    /// What is mounted where.
    pub mount: Mount<'a>,
    /// Most bytes it holds, of a tmpfs with such a limit.
    pub bytes_max: Option<u64>,
    /// Most inodes it holds, likewise.
    pub inodes_max: Option<u64>,
}

impl<'a> Question<'a> {
    /// Of a sample.
    pub fn of_sample(sample: Sampled<'a>) -> Self {
        Question {
            operation: sample.denial.operation,
            errno: sample.denial.errno,
            signals: sample.denial.signals,
            lsm: sample.denial.lsm,
            sample: Some(sample),
        }
    }

    /// Of a counter; fails where a number of its key names nothing.
    pub fn of_key(key: &CountKey) -> Result<Self, DecodeError> {
        Ok(Question {
            operation: decode::operation(key.operation)?,
            errno: decode::errno(key.errno)?,
            signals: key.signals,
            lsm: decode::lsm(key.lsm)?,
            sample: None,
        })
    }

    fn saw(&self, signal: u16) -> bool {
        self.signals & signal != 0
    }

    fn denial(&self) -> Option<&'a Denial> {
        self.sample.map(|sample| sample.denial)
    }
}

/// The cause, with its evidence and remedy where there is a sample.
pub fn classify(question: &Question) -> Verdict {
    let rule = RULES
        .iter()
        .find(|rule| rule.errnos.contains(&question.errno) && (rule.holds)(question));
    let Some(rule) = rule.filter(|rule| rule.cause != Cause::Unknown) else {
        return Verdict {
            cause: Cause::Unknown,
            evidence: String::new(),
            remedy: None,
        };
    };
    Verdict {
        cause: rule.cause,
        evidence: (rule.words)(question),
        remedy: question
            .sample
            .and_then(|sample| advice::with(rule.cause, question, &sample, remedy::advise)),
    }
}
