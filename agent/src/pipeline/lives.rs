//! Beginnings and ends of containers, and what runtimes tell of them, go to those
//! who keep state of them.
//!
//! In: `Life`s of `identity`, descriptions. Out: calls of the stages. Invariant: each hears each life
//! once and in order; what a stage has no room for now is told to it again.
//! Lacks on purpose: the state.

use std::collections::VecDeque;

use super::{Now, Pipeline};
use crate::identity::{Description, Life};
use crate::source::Source;

/// What a stage had no room for yet. Of each container it holds an end and the
/// beginning after it at most, however long the stage keeps it waiting.
#[derive(Debug, Default)]
pub(super) struct Untold {
    waiting: VecDeque<Life>,
}

impl Untold {
    /// Hands on what waits and then `lives`, until `tell` has no room.
    pub(super) fn tell(&mut self, lives: &[Life], tell: impl Fn(&Life) -> bool) {
        for life in lives {
            self.push(life);
        }
        while self.waiting.front().is_some_and(&tell) {
            self.waiting.pop_front();
        }
    }

    fn push(&mut self, life: &Life) {
        if let Life::Ended { container } = life {
            let unheard = self.waiting.iter().rposition(|waiting| match waiting {
                Life::Begun { container: of, .. } => of == container,
                Life::Ended { .. } => false,
            });
            if let Some(at) = unheard {
                // Who never heard of the beginning needs no end.
                self.waiting.remove(at);
                return;
            }
        }
        self.waiting.push_back(life.clone());
    }
}

impl<S: Source> Pipeline<S> {
    /// Hands on what has begun and ended.
    pub(super) fn tell_lives(&mut self, now: Now) {
        let lives = self.identity.take_lives();
        let identity = &self.identity;
        self.names_changed |= self.ends.tell(&lives, |id| identity.container(id), now);
        self.judge.lives(&lives, &self.identity, now);
        if let Some(tmpfs) = &mut self.tmpfs {
            tmpfs.tell_all(&lives);
        }
        if let Some(layering) = &mut self.layering {
            layering.tell_all(&lives);
        }
        if let Some(postures) = &mut self.postures {
            postures.tell_all(&lives);
        }
    }

    /// Takes in what a runtime tells.
    pub fn describe(&mut self, description: Description, now: Now) {
        let (id, ended) = (description.container.id.clone(), description.ended);
        self.identity.described(description, now.monotonic_ns);
        if let Some(postures) = &self.postures {
            postures.look(&id);
        }
        self.switches.dirty = true;
        self.names_changed = true;
        if let Some(container) = self.identity.container(&id) {
            self.judge.described(container, ended, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::sync::Arc;

    use crate::denial::CgroupId;

    fn begun(id: &str) -> Life {
        Life::Begun {
            container: id.into(),
            cgroup: CgroupId(1),
            home: Arc::new([]),
            born_ns: None,
        }
    }

    fn ended(id: &str) -> Life {
        Life::Ended {
            container: id.into(),
        }
    }

    #[test]
    fn what_waits_is_told_in_order_and_stays_bounded() {
        let mut untold = Untold::default();
        untold.tell(&[begun("a"), ended("a"), begun("a")], |_| false);
        for _ in 0..100 {
            untold.tell(&[begun("b"), ended("b"), ended("a"), begun("a")], |_| false);
        }
        let told = RefCell::new(Vec::new());
        untold.tell(&[begun("c")], |life| {
            told.borrow_mut().push(life.clone());
            told.borrow().len() < 2
        });
        untold.tell(&[], |life| {
            told.borrow_mut().push(life.clone());
            true
        });
        assert_eq!(told.take(), [begun("a"), begun("c"), begun("c")]);
    }
}
