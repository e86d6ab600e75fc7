//! What was observed of a container becomes the contract that it needs.
//!
//! In: [`Observed`]. Out: a [`Proposal`]: the contract, and what it does not
//! hold. Invariant: pure; each write and each refusal is under a root of the
//! contract or told in a note; no mount hides what the image is seen to need
//! without saying so. Lacks on purpose: guessing what was not exercised.

mod merge;
mod place;
mod sum;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;

use super::observed::{Destination, Mounted, Observed, Refused, Written};
use super::{Contract, Kind, VARIABLES_MAX, VERSION, Variable, WRITE_ROOTS_MAX, holds, is_clean};
use crate::denial::{Cause, Errno, Operation};
use place::{Decision, Spot, decide};
use sum::{Sum, Surroundings};
use words::Notes;

/// What variables move to, which must then be writable.
const TEMPORARY: &str = "/tmp";
/// Where Python keeps compiled modules, beside their sources.
const COMPILED: &str = "/__pycache__";
/// Directories of one habit under one write root that are named one by one.
const ALIKE_MAX: usize = 4;

/// A contract, and what it does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The contract.
    pub contract: Contract,
    /// What it does not hold, in sentences.
    pub notes: Vec<String>,
}

/// The contract for what was observed.
pub fn propose(observed: &Observed) -> Proposal {
    let mut sums = Sums::default();
    for written in &observed.writes {
        sums.add_written(written);
    }
    for refused in &observed.refusals {
        sums.add_refused(refused, &observed.mounts);
    }
    sums.take_mounts(&observed.mounts);
    sums.keep_off_programs();
    let mut roots = merge::merged(sums.roots);
    let past = roots.len().saturating_sub(WRITE_ROOTS_MAX);
    if past > 0 {
        sums.notes.past_limit(past);
        roots.truncate(WRITE_ROOTS_MAX);
    }
    let surroundings = Surroundings {
        start_seen: observed.start_seen,
        made: sums.made,
    };
    let write_roots = roots.into_iter();
    Proposal {
        contract: Contract {
            version: VERSION,
            container: observed.container.clone(),
            image: words::image_pattern(&observed.image),
            read_only_root: true,
            environment: sums.variables.into_values().take(VARIABLES_MAX).collect(),
            write_roots: write_roots
                .map(|(path, sum)| sum.root(path, &surroundings))
                .collect(),
            accept: Vec::new(),
        },
        notes: sums.notes.sentences(),
    }
}

/// Roots, variables and notes as they come together.
#[derive(Default)]
struct Sums {
    roots: BTreeMap<String, Sum>,
    variables: BTreeMap<&'static str, Variable>,
    /// Directories that have compiled modules, and so a program.
    programs: Vec<String>,
    /// Write roots in which directories were made.
    made: Vec<String>,
    notes: Notes,
}

impl Sums {
    fn add_written(&mut self, written: &Written) {
        let kind = match written.destination {
            Destination::Provided => return,
            Destination::Tmpfs => Some(Kind::Tmpfs),
            Destination::Volume => Some(Kind::Volume),
            Destination::Root | Destination::Unknown => None,
        };
        match kind {
            Some(kind) if is_clean(&written.target) => {
                if !super::provided(&written.target) {
                    self.mount(&written.target, kind)
                        .add_written(&written.target, written);
                }
            }
            Some(_) | None if !is_root(&written.write_root) => {
                self.notes.unplaced(written.operations());
            }
            Some(_) | None if super::provided(&written.write_root) => {}
            Some(_) | None => self.add_to_root(written),
        }
    }

    /// What went into the root: each path by itself, each place once.
    fn add_to_root(&mut self, written: &Written) {
        if written.directories > 0 {
            self.made.push(written.write_root.clone());
        }
        let anywhere = format!("{}/_", written.write_root.trim_end_matches('/'));
        let mut paths: Vec<&String> = written.paths.iter().filter(|path| is_clean(path)).collect();
        if paths.is_empty() {
            paths.push(&anywhere);
        }
        let is_directory = |path: &String| {
            let below = |other: &&String| *other != path && holds(path, other);
            written.only_directories() || written.paths.iter().any(|other| below(&other))
        };
        let mut decisions: BTreeMap<String, Decision> = BTreeMap::new();
        for path in paths {
            let decision = decide(Spot {
                write_root: &written.write_root,
                path,
                operation: match is_directory(path) {
                    true => Operation::Mkdir,
                    false => Operation::Create,
                },
                command: written.commands.first().map_or("", String::as_str),
            });
            // A mount for some of what is there is one for all of it.
            let known = decisions.get(&decision.at);
            if known.is_none_or(|known| decision.kind.strength() > known.kind.strength()) {
                decisions.insert(decision.at.clone(), decision);
            }
        }
        let decisions: Vec<Decision> = decisions.into_values().collect();
        let programs = decisions
            .iter()
            .filter_map(|decision| decision.at.strip_suffix(COMPILED));
        self.programs.extend(programs.map(str::to_owned));
        for decision in alike_together(decisions, &written.write_root) {
            let at = decision.at.clone();
            let moved = (written.bytes, written.executions > 0);
            self.decided(decision, moved).add_written(&at, written);
        }
    }

    fn add_refused(&mut self, refused: &Refused, mounts: &[Mounted]) {
        let mount = mounts
            .iter()
            .filter(|mount| is_clean(&mount.target) && holds(&mount.target, &refused.path))
            .max_by_key(|mount| mount.target.len());
        match (mount, refused.errno) {
            (Some(mount), errno) if mends(mount, refused.cause, errno) => {
                let kind = if mount.tmpfs {
                    Kind::Tmpfs
                } else {
                    Kind::Volume
                };
                self.mount(&mount.target, kind).add_refused(refused);
            }
            (None, Errno::Erofs)
                if is_root(&refused.write_root)
                    && is_clean(&refused.path)
                    && !super::provided(&refused.path) =>
            {
                let decision = decide(Spot {
                    write_root: &refused.write_root,
                    path: &refused.path,
                    operation: refused.operation,
                    command: &refused.command,
                });
                let program = decision.at.strip_suffix(COMPILED);
                self.programs.extend(program.map(str::to_owned));
                self.decided(decision, (0, false)).add_refused(refused);
            }
            (Some(_) | None, _) => self.notes.refused(refused),
        }
    }

    /// The sum of a mount that is there.
    fn mount(&mut self, target: &str, kind: Kind) -> &mut Sum {
        let sum = self.roots.entry(target.to_owned()).or_default();
        sum.is_mounted(kind);
        sum
    }

    /// The sum of a decision, whose variables are set. They may move these bytes,
    /// and programs that run.
    fn decided(&mut self, decision: Decision, (bytes, run): (u64, bool)) -> &mut Sum {
        for (name, value) in decision.variables {
            if value.contains(TEMPORARY) {
                let sum = self.roots.entry(TEMPORARY.to_owned()).or_default();
                sum.takes_moved(name, bytes, run);
            }
            self.variables.entry(name).or_insert_with(|| Variable {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
                reason: decision.because.clone(),
            });
        }
        let sum = self.roots.entry(decision.at.clone()).or_default();
        sum.decide(decision);
        sum
    }

    fn take_mounts(&mut self, mounts: &[Mounted]) {
        for mount in mounts.iter().filter(|mount| is_clean(&mount.target)) {
            let kind = if mount.tmpfs {
                Kind::Tmpfs
            } else {
                Kind::Volume
            };
            let below: Vec<String> = self
                .roots
                .keys()
                .filter(|path| holds(&mount.target, path))
                .cloned()
                .collect();
            for path in below {
                let Some(sum) = self.roots.remove(&path) else {
                    continue;
                };
                let mounted = self.mount(&mount.target, kind);
                mounted.absorb(sum);
                mounted.measured(mount);
            }
        }
    }

    /// What nothing is known of is no mount where a program is.
    fn keep_off_programs(&mut self) {
        for (path, sum) in &mut self.roots {
            sum.keep_off(self.programs.iter().any(|program| holds(path, program)));
        }
    }
}

/// Can it be a write root? What is not resolved is none.
fn is_root(path: &str) -> bool {
    path == "/" || is_clean(path)
}

/// Is it a refusal that another size, owner or flag of the mount mends?
fn mends(mount: &Mounted, cause: Cause, errno: Errno) -> bool {
    mount.tmpfs
        && match cause {
            Cause::TmpfsFullBytes | Cause::Ownership | Cause::ModeBits | Cause::NoexecMount => true,
            // Where the cause cannot be seen, a full tmpfs is full all the same.
            Cause::Unknown => errno == Errno::Enospc,
            Cause::ReadOnlyMount
            | Cause::ReadOnlySuperblock
            | Cause::Lsm
            | Cause::NodevMount
            | Cause::Immutable
            | Cause::TmpfsFullInodes
            | Cause::DiskFull
            | Cause::Quota
            | Cause::Capability
            | Cause::Seccomp => false,
        }
}

/// Many directories of one habit under one write root become that root.
fn alike_together(decisions: Vec<Decision>, write_root: &str) -> Vec<Decision> {
    let alike = |decision: &Decision| {
        let same = |other: &&Decision| other.habit == decision.habit;
        decision.kind == Kind::ShouldNotExist
            && decision.habit.is_some()
            && decisions.iter().filter(same).count() > ALIKE_MAX
    };
    let mut together: Vec<Decision> = Vec::new();
    for decision in &decisions {
        if !alike(decision) {
            together.push(decision.clone());
        } else if !together
            .iter()
            .any(|known| known.at == write_root && known.habit == decision.habit)
        {
            together.push(Decision {
                at: write_root.to_owned(),
                ..decision.clone()
            });
        }
    }
    together
}
