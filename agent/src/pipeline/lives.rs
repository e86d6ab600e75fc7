//! Beginnings and ends of containers go to those who keep state of them.
//!
//! In: [`Life`]s of `identity`. Out: calls of the stages. Invariant: each hears each life
//! once and in order; what a stage has no room for now is told to it again.
//! Lacks on purpose: the state.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Now, Pipeline};
use crate::identity::Life;
use crate::source::Source;
use crate::tmpfs::{Sampler, Watched};

/// The sampler of tmpfs mounts, and what it could not be told yet.
pub(super) struct Tmpfs {
    sampler: Sampler,
    untold: VecDeque<Life>,
}

impl Tmpfs {
    pub(super) fn new(sampler: Sampler) -> Self {
        Tmpfs {
            sampler,
            untold: VecDeque::new(),
        }
    }

    fn tell(&self, life: &Life) -> bool {
        match life {
            Life::Begun {
                container,
                home,
                born_ns,
                ..
            } => self.sampler.watch(Watched {
                container: Arc::clone(container),
                group: home.to_vec(),
                born: born_ns.is_some(),
            }),
            Life::Ended { container } => self.sampler.forget(container),
        }
    }

    fn tell_all(&mut self, lives: &[Life]) {
        self.untold.extend(lives.iter().cloned());
        while let Some(life) = self.untold.front() {
            if !self.tell(life) {
                break;
            }
            self.untold.pop_front();
        }
    }
}

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
