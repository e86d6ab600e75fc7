//! The pipeline's parts, put together.
//!
//! In: a source, limits, and the parts that a run wants. Out: a [`Pipeline`].
//! Invariant: a part that was not given is not asked for. Lacks on purpose:
//! the order of calls.

use std::path::PathBuf;
use std::sync::Arc;

use sealwatch_ebpf::wire::STATS_MAX;

use super::degrade::Judge;
use super::ended::Ends;
use super::held::Held;
use super::inventory::Switches;
use super::keep::Keeper;
use super::layers::Layering;
use super::mounts::Mounts;
use super::posture::Postures;
use super::reload::Orders;
use super::resume::Resumption;
use super::tmpfs::Tmpfs;
use super::{GRACE_NS, Pipeline, RuntimeEnds};
use crate::aggregate::{Aggregate, Alerts, HookState};
use crate::breach::Breaches;
use crate::config::Limits;
use crate::degrade::{Degrade, Thresholds};
use crate::events::EventWriter;
use crate::http::Published;
use crate::identity::{self, Identity};
use crate::layer::Walker;
use crate::posture::Reader;
use crate::source::Source;
use crate::tmpfs::Sampler;

impl<S: Source> Pipeline<S> {
    /// Nothing seen yet.
    pub fn new(source: S, limits: Limits, include_host: bool, published: Arc<Published>) -> Self {
        let bounds = identity::Limits {
            grace_ns: GRACE_NS,
            ..identity::Limits::default()
        };
        Pipeline {
            source,
            identity: Identity::new(bounds),
            aggregate: Aggregate::new(limits, include_host),
            held: Held::default(),
            mounts: None,
            tmpfs: None,
            layering: None,
            postures: None,
            ends: Ends::default(),
            judge: Judge::new(Degrade::new(Thresholds::default(), limits), None),
            runtimes: None,
            events: None,
            published,
            hooks: Arc::new([]),
            include_host,
            stats: [0; STATS_MAX as usize],
            unread: true,
            oom_kills_read: 0,
            switches: Switches::default(),
            orders: Orders::default(),
            resumption: Resumption::default(),
            breaches: Breaches::new(Vec::new(), limits),
            breaches_shown: Arc::default(),
            write_roots_max: limits.write_roots_per_container,
            look_ups_dropped: 0,
            names_changed: false,
            wants_scan: false,
            runtime_states: Vec::new(),
            alerting: None,
            alerts_shown: Alerts::default(),
            expired_ns: 0,
            swept_ns: 0,
        }
    }

    /// Asks these runtimes for names.
    pub fn with_runtimes(mut self, runtimes: RuntimeEnds) -> Self {
        self.runtimes = Some(runtimes);
        self
    }

    /// Looks at the mounts of the tasks that are refused; `groups` is where the
    /// control groups' hierarchy is mounted, if in sight.
    pub fn with_mounts(mut self, groups: Option<PathBuf>) -> Self {
        self.mounts = Some(Mounts::new(groups));
        self
    }

    /// Has the containers' tmpfs mounts sampled, and shows so many of them.
    pub fn with_tmpfs(mut self, sampler: Sampler, limits: Limits) -> Self {
        self.tmpfs = Some(Tmpfs::new(sampler, limits));
        self
    }

    /// Has the containers' writable layers walked, and shows so many of them.
    pub fn with_layers(mut self, walker: Walker, limits: Limits) -> Self {
        self.layering = Some(Layering::new(walker, limits));
        self
    }

    /// Goes on from that state, and keeps it where the keeper says.
    pub fn with_degrade(mut self, degrade: Degrade, keeper: Option<Keeper>) -> Self {
        self.judge = Judge::new(degrade, keeper);
        self
    }

    /// Has the containers' mounts and users judged.
    pub fn with_posture(mut self, reader: Reader) -> Self {
        self.postures = Some(Postures::new(reader));
        self
    }

    /// Writes events there.
    pub fn with_events(mut self, events: EventWriter) -> Self {
        self.events = Some(events);
        self
    }

    /// Shows these hooks.
    pub fn with_hooks(mut self, hooks: Vec<HookState>) -> Self {
        self.hooks = hooks.into();
        self
    }

    /// The source, for one that has steps.
    pub fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }
}
