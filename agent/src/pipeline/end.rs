//! The daemon's end.
//!
//! In: time. Out: the last of everything, published and written. Invariant:
//! nothing that waits is left out, and nobody is waited for but the events'
//! reader, briefly. Lacks on purpose: deciding when to end.

use super::{Now, Pipeline};
use crate::source::Source;

impl<S: Source> Pipeline<S> {
    /// Takes in the last of everything, waiting for nothing but the events'
    /// reader, and for that only briefly.
    pub fn finish(mut self, now: Now) {
        self.drain(now);
        self.read_counters(now);
        self.explain(now, true);
        let Self {
            identity,
            aggregate,
            ..
        } = &mut self;
        aggregate.settle_all(|cgroup| identity.owner(cgroup));
        self.tell_oom_kills(now, true);
        self.judge_denials(now);
        self.sum_inventory(now);
        self.judge_writes(now, true);
        self.tell_transitions(now);
        self.published.history.end();
        self.end_pause();
        self.publish(now);
        self.judge.finish(now);
        if let Some(events) = self.events
            && !events.finish()
        {
            tracing::warn!("the reader of the events is too slow: the last ones are not written");
        }
    }
}
