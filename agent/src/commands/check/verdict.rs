//! The result of a check: what is told of it, in a shape that stays.
//!
//! In: nothing but its fields. Out: [`Report`], for `serde` and for the texts.
//! Invariant: fields are added, never changed, within one [`VERSION`]; every text
//! is escaped. Lacks on purpose: how it is found (`judge`) and shown.

use serde::Serialize;

use super::lists::Change;

/// Version of the shape.
pub const VERSION: u32 = 1;

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing was refused that is not accepted, and nothing written outside the contract.
    Passed,
    /// Something was, or the command failed.
    Failed,
    /// It could not be seen, so nothing is known.
    NotObserved,
}

impl Verdict {
    /// The process's exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Verdict::Passed => 0,
            Verdict::Failed => 1,
            Verdict::NotObserved => 3,
        }
    }
}

/// The whole result.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of this shape.
    pub version: u32,
    /// How it ended.
    pub verdict: Verdict,
    /// The same in a sentence.
    pub sentence: String,
    /// The command that was run; empty where none was.
    pub command: Vec<String>,
    /// How the command ended.
    pub end: Option<End>,
    /// How long it was watched.
    pub seconds: f64,
    /// Release of the kernel.
    pub kernel: String,
    /// How it was seen.
    pub backend: String,
    /// What happened in each container.
    pub containers: Vec<ContainerReport>,
    /// Why it could not be seen.
    pub unobserved: Vec<String>,
    /// What a clean result does not tell.
    pub not_measured: Vec<String>,
    /// What else should be known.
    pub notes: Vec<String>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct End {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// That signal.
    pub signal: Option<i32>,
    /// What we had stopped it for: `timeout` or `signal`.
    pub stopped: Option<&'static str>,
    /// It failed by itself, and that is not allowed.
    pub failed: bool,
}

/// The containers of one name.
#[derive(Clone, Debug, Serialize)]
pub struct ContainerReport {
    /// Name.
    pub name: String,
    /// Ids.
    pub ids: Vec<String>,
    /// Image as the user named it.
    pub image: String,
    /// Kubernetes namespace, or empty.
    pub namespace: String,
    /// Kubernetes pod, or empty.
    pub pod: String,
    /// Is the root read-only? `null` where that is not known.
    pub read_only_root: Option<bool>,
    /// Refusals that are not accepted; exact.
    pub denials: u64,
    /// Refusals that are.
    pub accepted: u64,
    /// The first to be mended first.
    pub problems: Vec<Problem>,
    /// Denials that were accepted.
    pub accepted_problems: Vec<Problem>,
    /// Was it held to a contract?
    pub contract: bool,
    /// Successful writes outside it.
    pub breaches: Vec<Breach>,
}

impl ContainerReport {
    /// With pod and namespace, where it has them.
    pub fn full_name(&self) -> String {
        match self.pod.is_empty() {
            true => self.name.clone(),
            false => format!("{}/{}/{}", self.namespace, self.pod, self.name),
        }
    }
}

/// Refusals that one change mends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where the writes belong; `_unresolved` where no path is known.
    pub write_root: String,
    /// What the tasks got.
    pub errno: String,
    /// Why.
    pub cause: String,
    /// The security module, where it is the cause.
    pub lsm: Option<String>,
    /// What the kernel was seen to decide.
    pub evidence: String,
    /// How many.
    pub count: u64,
    /// Which; samples where `count` is more than their sum.
    pub refusals: Vec<Refusal>,
    /// What to change, for the cause that was seen.
    pub remedy: Option<String>,
    /// What to change if it is what it looks like: no cause was seen.
    pub suggestion: Option<String>,
    /// Either, to be copied.
    pub changes: Vec<Change>,
    /// Why it is accepted.
    pub accepted: Option<String>,
}

/// One path of a [`Problem`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// What was tried.
    pub operation: String,
    /// The path; empty where it is not known.
    pub path: String,
    /// How often.
    pub count: u64,
    /// False where it is at least that often.
    pub exact: bool,
}

/// Successful writes that the contract does not allow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// Where they belong.
    pub write_root: String,
    /// Where they went: `upper_layer`, `tmpfs` and so on.
    pub destination: String,
    /// Some of the paths.
    pub paths: Vec<String>,
    /// How many operations; those inside the contract under the same root are among them.
    pub operations: u64,
    /// What the contract says.
    pub reason: String,
}
