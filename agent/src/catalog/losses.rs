//! Everything that can be lost, as a table.
//!
//! In: nothing. Out: rows. Invariant: a loss that is in no row cannot be counted;
//! a test holds the rows against the stages. Lacks on purpose: counts.

use crate::denial::Stage;

/// A row of the table of losses.
#[derive(Debug)]
pub struct LossRow {
    /// Where.
    pub stage: Stage,
    /// Why; the label's value.
    pub reason: &'static str,
    /// What it means to a user.
    pub meaning: &'static str,
}

const fn loss(stage: Stage, reason: &'static str, meaning: &'static str) -> LossRow {
    LossRow {
        stage,
        reason,
        meaning,
    }
}

/// Everything that can be lost.
pub const LOSSES: &[LossRow] = &[
    loss(
        Stage::Kernel,
        "sample_ring_full",
        "An event; its refusal is counted.",
    ),
    loss(
        Stage::Kernel,
        "cgroup_ring_full",
        "Birth or death of a control group; a scan makes up for it.",
    ),
    loss(
        Stage::Kernel,
        "program_skipped",
        "A run of a program, refusal or not: a task preempted another inside it. Linux 5.12 and later tell.",
    ),
    loss(
        Stage::Kernel,
        "oom_table_full",
        "The container of a process killed for want of memory.",
    ),
    loss(
        Stage::Kernel,
        "inventory_table_full",
        "A successful write of a container whose writes are counted.",
    ),
    loss(
        Stage::Kernel,
        "inventory_ring_full",
        "The path of such a write; the next one to the same directory tells it.",
    ),
    loss(
        Stage::Aggregate,
        "inventory_full",
        "A reading of a counter of successful writes past the limit.",
    ),
    loss(
        Stage::Source,
        "map_failed",
        "A reading of the counters; the next makes up for it.",
    ),
    loss(
        Stage::Decode,
        "short_record",
        "A record shorter than its layout: a defect.",
    ),
    loss(
        Stage::Decode,
        "unknown_number",
        "A record with a number this version does not know.",
    ),
    loss(
        Stage::Decode,
        "bad_length",
        "A record that claims more than it holds: a defect.",
    ),
    loss(
        Stage::Identity,
        "cgroup_table_full",
        "The owner of a control group past the limit.",
    ),
    loss(
        Stage::Identity,
        "container_table_full",
        "The name of a container past the limit.",
    ),
    loss(
        Stage::Identity,
        "scan_skipped",
        "Control groups that a scan left out.",
    ),
    loss(
        Stage::Identity,
        "life_queue_full",
        "Beginnings and ends of containers that came too many at once.",
    ),
    loss(
        Stage::Identity,
        "look_up_dropped",
        "A question to a runtime that was too busy.",
    ),
    loss(
        Stage::Identity,
        "posture_table_full",
        "The mounts of a container past the limit.",
    ),
    loss(
        Stage::Aggregate,
        "tracked_table_full",
        "Cause and path of a counter past the limit.",
    ),
    loss(
        Stage::Events,
        "queue_full",
        "A line of events that its reader was too slow for.",
    ),
    loss(
        Stage::Events,
        "output_full",
        "A line of events that the disk had no room for; the next is tried again.",
    ),
    loss(
        Stage::Events,
        "output_closed",
        "A line of events that nobody reads any more.",
    ),
    loss(
        Stage::State,
        "state_unwritten",
        "A writing of the state file; the next makes up for it.",
    ),
    loss(
        Stage::State,
        "state_unreadable",
        "What the state file held: it could not be used.",
    ),
    loss(
        Stage::Alert,
        "notice_queue_full",
        "The beginning or end of an alert, for a receiver that did not answer for long.",
    ),
    loss(
        Stage::Alert,
        "notice_refused",
        "The same, for a receiver that answered that it will not take it.",
    ),
    loss(
        Stage::Alert,
        "notices_unwritten",
        "A writing of what is still to be told; the next makes up for it.",
    ),
    loss(
        Stage::Alert,
        "notices_unreadable",
        "What an earlier daemon had still to tell: its file could not be used.",
    ),
    loss(
        Stage::Log,
        "queue_full",
        "A line of the log that its reader was too slow for.",
    ),
    loss(
        Stage::Log,
        "output_full",
        "A line of the log that the disk had no room for; the next is tried again.",
    ),
    loss(
        Stage::Log,
        "output_closed",
        "A line of the log that nobody reads any more.",
    ),
    loss(
        Stage::State,
        "earlier_counts_unreadable",
        "The counts of an earlier daemon, kept beside its pinned programs: the counters begin at zero.",
    ),
    loss(
        Stage::Source,
        "earlier_tables_unreadable",
        "A refusal that an earlier version's pinned programs counted after its daemon's end, in tables of another form.",
    ),
];
