//! The sampler's reports become part of the snapshot; refusals for want of room
//! become hints to it.
//!
//! In: reports, names, counters. Out: [`Filling`], looks at once. Invariant:
//! nothing here waits; where neither a report nor a name is new, a call is one
//! comparison. Lacks on purpose: sampling.

use std::collections::HashMap;
use std::sync::Arc;

use sealwatch_ebpf::wire::{CountKey, CountValue};

use super::Pipeline;
use super::lives::Untold;
use crate::aggregate::filling::{Filling, Fillings};
use crate::config::Limits;
use crate::denial::{CgroupId, Container, Owner};
use crate::identity::{Identity, Life};
use crate::source::Source;
use crate::tmpfs::{Report, Sampler, Watched};

/// The sampler of tmpfs mounts, what it could not be told yet, and what it told.
pub(super) struct Tmpfs {
    sampler: Sampler,
    untold: Untold,
    fillings: Fillings,
    taken: Arc<Report>,
    /// CLOCK_MONOTONIC of the latest refusal that was passed on as a hint.
    heard_ns: u64,
    changed: bool,
}

impl Tmpfs {
    pub(super) fn new(sampler: Sampler, limits: Limits) -> Self {
        Tmpfs {
            taken: sampler.report(),
            sampler,
            untold: Untold::default(),
            fillings: Fillings::new(limits),
            heard_ns: 0,
            changed: false,
        }
    }

    pub(super) fn tell_all(&mut self, lives: &[Life]) {
        let sampler = &self.sampler;
        self.untold.tell(lives, |life| match life {
            Life::Begun {
                container,
                home,
                born_ns,
                ..
            } => sampler.watch(Watched {
                container: Arc::clone(container),
                group: home.to_vec(),
                born: born_ns.is_some(),
            }),
            Life::Ended { container } => sampler.forget(container),
        });
    }

    /// A counter of refusals was read: one that is new and for want of room may
    /// come from a tmpfs, which is then looked at without waiting for its turn.
    pub(super) fn hear(
        &self,
        key: &CountKey,
        value: &CountValue,
        owner_of: impl Fn(CgroupId) -> Owner,
    ) -> u64 {
        let no_room = [libc::ENOSPC, libc::EDQUOT].contains(&i32::from(key.errno));
        if !no_room || value.last_ns <= self.heard_ns {
            return 0;
        }
        if let Owner::Container(container) = owner_of(CgroupId(key.cgroup)) {
            self.sampler.look(&container.id.as_str().into());
        }
        value.last_ns
    }

    /// All counters were read, and the latest hint was this.
    pub(super) fn heard(&mut self, last_ns: u64) {
        self.heard_ns = self.heard_ns.max(last_ns);
    }

    /// A process of a container was killed for want of memory. What its mounts
    /// held is known from before; they are looked at again while they last.
    pub(super) fn killed(&mut self, container: &Container, time_ns: u64) {
        let id: Arc<str> = container.id.as_str().into();
        self.sampler.look(&id);
        self.changed |= self.fillings.killed(&id, time_ns);
    }

    fn take(&mut self, identity: &Identity, names_changed: bool) {
        let report = self.sampler.report();
        if Arc::ptr_eq(&report, &self.taken) && !names_changed {
            return;
        }
        let owners: HashMap<_, _> = identity
            .containers()
            .map(|container| (container.id.as_str(), container))
            .collect();
        self.changed |= self.fillings.take(&report, &owners);
        self.taken = report;
    }

    pub(super) fn retire(&mut self, container: &str) {
        self.changed |= self.fillings.retire(container);
    }
}

impl<S: Source> Pipeline<S> {
    /// Takes in the latest report; tells whether something else is to be shown.
    pub(super) fn note_tmpfs(&mut self) -> bool {
        let Some(tmpfs) = &mut self.tmpfs else {
            return false;
        };
        tmpfs.take(&self.identity, self.names_changed);
        std::mem::take(&mut tmpfs.changed)
    }

    pub(super) fn filling(&self) -> Arc<Filling> {
        let tmpfs = self.tmpfs.as_ref();
        tmpfs.map_or_else(Arc::default, |tmpfs| Arc::clone(tmpfs.fillings.latest()))
    }
}
