//! Beginnings and ends of containers go to those who keep state of them.
//!
//! In: `Life`s of `identity`. Out: calls of the stages. Invariant: each hears each life
//! once and in order; what a stage has no room for now is told to it again.
//! Lacks on purpose: the state.

use super::{Now, Pipeline};
use crate::source::Source;

impl<S: Source> Pipeline<S> {
    /// Hands on what has begun and ended.
    pub(super) fn tell_lives(&mut self, now: Now) {
        let lives = self.identity.take_lives();
        self.judge.lives(&lives, &self.identity, now);
        if let Some(tmpfs) = &mut self.tmpfs {
            tmpfs.tell_all(&lives);
        }
        if let Some(postures) = &mut self.postures {
            postures.tell_all(&lives);
        }
    }
}
