//! The state machine's state, on its way to the file that outlives the daemon.
//!
//! In: the state machine, time. Out: texts for the writer. Invariant: what has
//! changed is written at most once in [`SAVE_NS`]; every [`BEAT_NS`] it is
//! written anyway, so that the file tells until when somebody watched. Lacks on
//! purpose: the file.

use super::Now;
use super::degrade::moment;
use crate::degrade::Degrade;
use crate::state_file::StateWriter;

/// Least time between two writings.
const SAVE_NS: u64 = 10_000_000_000;
/// Most time between two.
const BEAT_NS: u64 = 60_000_000_000;

/// Where the state goes, and when it last did.
#[derive(Debug)]
pub struct Keeper {
    writer: StateWriter,
    boot_id: String,
    saved_ns: u64,
    unsaved: bool,
}

impl Keeper {
    /// Writes there, in that boot of the machine.
    pub fn new(writer: StateWriter, boot_id: String) -> Self {
        Keeper {
            writer,
            boot_id,
            saved_ns: 0,
            unsaved: true,
        }
    }

    pub(super) fn note_change(&mut self) {
        self.unsaved = true;
    }

    pub(super) fn tick(&mut self, degrade: &Degrade, now: Now) {
        let age_ns = now.monotonic_ns.saturating_sub(self.saved_ns);
        let due = age_ns >= BEAT_NS || (self.unsaved && age_ns >= SAVE_NS);
        // Where the disk is busy, the next tick tries again.
        if due
            && let Some(text) = self.text(degrade, now)
            && self.writer.write(text)
        {
            self.saved_ns = now.monotonic_ns;
            self.unsaved = false;
        }
    }

    fn text(&self, degrade: &Degrade, now: Now) -> Option<String> {
        degrade
            .save(&self.boot_id, moment(now))
            .inspect_err(|error| tracing::error!(%error, "the state cannot be written as JSON"))
            .ok()
    }

    pub(super) fn unwritten(&self) -> u64 {
        self.writer.unwritten()
    }

    pub(super) fn finish(self, degrade: &Degrade, now: Now) {
        let last = self.text(degrade, now);
        if !self.writer.finish(last) {
            tracing::warn!("the disk is too slow: the last state is not written");
        }
    }
}
