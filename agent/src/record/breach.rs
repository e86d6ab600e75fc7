//! A breach as the JSON object that events and reports share.
//!
//! In: [`Breach`]. Out: objects, for `serde`. Invariant: that of
//! [`super::Record`]. Lacks on purpose: writing them anywhere.

use serde::Serialize;
use utoipa::ToSchema;

use super::{ContainerRecord, VERSION, time};
use crate::breach::Breach;

/// What a container wrote outside of its contract, under one write root.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Breach)]
pub struct BreachRecord<'a> {
    /// Whose.
    pub container: ContainerRecord<'a>,
    /// The contract: its file, and its number in it where it is not alone.
    pub contract: &'a str,
    /// Where the writes belong.
    pub write_root: &'a str,
    /// Where the latest went.
    pub destination: &'static str,
    /// Where that is mounted; empty where it is not known.
    pub target: &'a str,
    /// `undeclared`, or `should_not_exist` where the contract says so.
    pub why: &'static str,
    /// Writes so far.
    pub count: u64,
    /// The first that was seen.
    pub first_time: String,
    /// The latest.
    pub last_time: String,
    /// Some of the paths.
    pub paths: &'a [String],
    /// What to do.
    pub fix: String,
}

impl<'a> BreachRecord<'a> {
    /// The object of one write root of a container.
    pub fn of(breach: &'a Breach) -> Self {
        BreachRecord {
            container: ContainerRecord::of(&breach.container),
            contract: &breach.contract,
            write_root: &breach.write_root,
            destination: breach.destination.kind,
            target: &breach.destination.target,
            why: breach.why.label(),
            count: breach.count,
            first_time: time(breach.first),
            last_time: time(breach.last),
            paths: &breach.paths,
            fix: breach.fix(),
        }
    }
}

/// The event of a breach.
#[derive(Serialize, ToSchema)]
#[schema(as = BreachEvent)]
pub struct BreachEvent<'a> {
    version: u32,
    event: &'static str,
    time: String,
    /// Writes that no earlier line has told.
    new: u64,
    #[serde(flatten)]
    record: BreachRecord<'a>,
}

/// A line of standard output, without its newline.
pub fn breach(breach: &Breach, event: &'static str) -> Result<String, serde_json::Error> {
    serde_json::to_string(&BreachEvent {
        version: VERSION,
        event,
        time: time(breach.last),
        new: breach.new,
        record: BreachRecord::of(breach),
    })
}
