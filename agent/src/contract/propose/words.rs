//! The words of a proposal: reasons, and notes on what it does not hold.
//!
//! In: numbers and names. Out: text on one line each. Invariant: what a
//! container chose is repeated only as a plain word or escaped; lists are
//! bounded. Lacks on purpose: deciding.

use super::sum::Sum;
use crate::contract::Size;
use crate::contract::observed::Refused;
use crate::remedy::plain;

pub(super) const PROGRAM: &str = "the image has a program there, which a mount would hide: have it write to a directory of its own, and mount a tmpfs (to discard) or a volume (to keep) there";
pub(super) const TOO_LARGE: &str = "more than belongs into memory";
pub(super) const FULL: &str = "it was full";
pub(super) const FOREIGN: &str = "it is others', so that writes were refused";

/// Refusals that are told one by one.
const NOTES_MAX: usize = 16;

/// Why, and what was seen.
pub(super) fn reason(becauses: &[String], sum: &Sum) -> String {
    let because = becauses.join("; ");
    let mut seen = Vec::new();
    let mut count = |number: u64, one: &str, many: &str| match number {
        0 => {}
        1 => seen.push(format!("1 {one}")),
        number => seen.push(format!("{number} {many}")),
    };
    count(sum.creates, "file made", "files made");
    count(sum.directories, "directory made", "directories made");
    count(sum.opens, "file opened", "files opened");
    count(sum.refused, "refusal", "refusals");
    if sum.bytes > 0 {
        seen.push(format!("{} written", Size::about(sum.bytes)));
    }
    let commands = sum.commands.iter().filter_map(|command| plain(command));
    let commands: Vec<&str> = commands.collect();
    let by = match commands[..] {
        [] => String::new(),
        _ => format!(", by {}", commands.join(", ")),
    };
    match seen[..] {
        [] => because,
        _ => format!("{because} ({}{by})", seen.join(", ")),
    }
}

/// The image of any tag: a contract is of all of them. None of an id.
pub(super) fn image_pattern(image: &str) -> Option<String> {
    let digest = image.split_once('@').map_or(image, |(name, _)| name);
    let name = match digest.rsplit_once(':') {
        // A port stands before a slash.
        Some((name, tag)) if !tag.contains('/') => name,
        Some(_) | None => digest,
    };
    (!name.is_empty() && name != "sha256").then(|| format!("{name}*"))
}

/// What a contract does not hold.
#[derive(Default)]
pub(super) struct Notes {
    unplaced: u64,
    past: usize,
    refused: Vec<String>,
    more: u64,
}

impl Notes {
    /// Writes of which the directory is not known.
    pub(super) fn unplaced(&mut self, operations: u64) {
        self.unplaced += operations;
    }

    /// Roots past the limit.
    pub(super) fn past_limit(&mut self, roots: usize) {
        self.past += roots;
    }

    /// A refusal that no mount of the contract mends.
    pub(super) fn refused(&mut self, refused: &Refused) {
        if self.refused.len() >= NOTES_MAX {
            self.more += refused.count;
            return;
        }
        self.refused.push(format!(
            "{} of {} was refused {} with {}, cause {}: no mount of this contract mends that, `sealwatch report` tells more",
            refused.operation.label(),
            refused.path,
            times(refused.count),
            refused.errno.label(),
            refused.cause.label(),
        ));
    }

    pub(super) fn sentences(self) -> Vec<String> {
        let mut sentences = self.refused;
        if self.more > 0 {
            sentences.push(format!("{} more refusals are of that kind", self.more));
        }
        if self.unplaced > 0 {
            sentences.push(format!(
                "{} writes could not be placed, since their directories are not known: run the contract to see whether something is refused",
                self.unplaced
            ));
        }
        if self.past > 0 {
            sentences.push(format!(
                "{} more write roots found no room in the contract",
                self.past
            ));
        }
        sentences
    }
}

fn times(count: u64) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}
