//! Facts -> findings.
//!
//! In: [`Facts`]. Out: [`Finding`]s, in the order of the checks. Invariant: pure;
//! a check that could not be made is left out, and the one that failed before it says
//! why. Lacks on purpose: forms.

mod half;
mod hooks;
mod kernel;
mod measured;
mod place;
mod receivers;
mod rights;
mod runtimes;
mod sight;

use super::facts::Facts;
use super::finding::{Finding, Status};

pub use rights::{missing, names};

/// What the facts come to.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let parts = [
        kernel::findings,
        rights::findings,
        half::findings,
        hooks::findings,
        measured::findings,
        sight::findings,
        runtimes::findings,
        receivers::findings,
        place::findings,
    ];
    let mut findings: Vec<_> = parts.into_iter().flat_map(|part| part(facts)).collect();
    findings.sort_by_key(|finding| finding.check);
    findings
}

/// The worst of them.
pub fn verdict(findings: &[Finding]) -> Status {
    let all = findings.iter().map(|finding| finding.status);
    all.max().unwrap_or(Status::Ok)
}
