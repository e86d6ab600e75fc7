//! Containers that come and go become a report that is always there.
//!
//! In: births, deaths and hints. Out: the latest [`Report`]. Invariant: neither
//! side waits for the other; orders are bounded, and one that does not fit is
//! told to its sender. Lacks on purpose: deciding and reading, which the other
//! files do.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::memory::MemoryRoot;
use super::pace::{Queue, STILL_NS};
use super::report::{ContainerTmpfs, Report};
use super::track::Track;
use super::visit::{Known, Place, Surroundings, visit};
use super::worker::{Crew, Job, Outcome};
use super::{HostTmpfs, Unmeasured};
use crate::clock::{monotonic_ns as now_ns, thread_cpu_ns};
use crate::mountinfo::{Device, process};

/// Containers that are watched; later ones are counted.
pub const CONTAINERS_MAX: usize = 2048;
const ORDERS_MAX: usize = 4096;
/// Turns that are taken together.
const BATCH: usize = 64;
/// Least time between two batches that nobody asked for: many turns at once
/// cost little more than one.
const PAUSE: Duration = Duration::from_millis(200);
/// The host's mount table is read again so often.
const HOST_NS: u64 = 30_000_000_000;
/// Whoever kept a thread waiting is not asked again for so long.
const SHUN_NS: u64 = 60_000_000_000;
/// Turns that nobody could take are tried again after so long.
const RETRY_NS: u64 = 5_000_000_000;

/// What the sampler needs to know of the machine.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the hierarchy is mounted that groups are named in.
    pub groups: PathBuf,
    /// Where the memory controller is, if anywhere.
    pub memory: Option<MemoryRoot>,
    /// How long one container may keep a thread.
    pub deadline: Duration,
}

/// A container to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The runtime's id.
    pub container: Arc<str>,
    /// Path of its control group from the hierarchy's root.
    pub group: Vec<u8>,
    /// The group was made just now, so that all its kills are seen.
    pub born: bool,
}

enum Order {
    Watch(Watched),
    Forget(Arc<str>),
    Look(Arc<str>),
}

/// A thread that samples. It ends when this is dropped.
pub struct Sampler {
    orders: SyncSender<Order>,
    report: Arc<ArcSwap<Report>>,
}

impl Sampler {
    /// Starts it.
    pub fn start(settings: Settings) -> io::Result<Sampler> {
        let (orders, given) = mpsc::sync_channel(ORDERS_MAX);
        let report = Arc::new(ArcSwap::default());
        let desk = Desk::new(settings, Arc::clone(&report));
        thread::Builder::new()
            .name("tmpfs".to_owned())
            .spawn(move || desk.run(&given))?;
        Ok(Sampler { orders, report })
    }

    /// Watches a container from now on; one that is watched already keeps its
    /// group. False where too many orders wait: to be tried again.
    #[must_use]
    pub fn watch(&self, watched: Watched) -> bool {
        self.orders.try_send(Order::Watch(watched)).is_ok()
    }

    /// Lets go of a container. False where too many orders wait.
    #[must_use]
    pub fn forget(&self, container: &Arc<str>) -> bool {
        self.orders
            .try_send(Order::Forget(Arc::clone(container)))
            .is_ok()
    }

    /// Looks at a container at once: the kernel said ENOSPC, or killed there.
    /// It is a hint, and may be lost.
    pub fn look(&self, container: &Arc<str>) {
        // Whoever floods gains nothing: the next turn comes anyway.
        let _ = self.orders.try_send(Order::Look(Arc::clone(container)));
    }

    /// The latest.
    pub fn report(&self) -> Arc<Report> {
        self.report.load_full()
    }
}

struct Container {
    place: Arc<Place>,
    track: Track,
    /// None while a turn is taken, or hangs.
    known: Option<Known>,
}

/// The sampler's thread.
struct Desk {
    settings: Settings,
    around: Arc<Surroundings>,
    host_read_ns: Option<u64>,
    queue: Queue,
    crew: Crew,
    containers: HashMap<Arc<str>, Container>,
    told: BTreeMap<Arc<str>, Arc<ContainerTmpfs>>,
    /// File systems of several containers; none while that is to be found out.
    shared: Option<Arc<HashMap<Device, usize>>>,
    overflow: u64,
    stuck: u64,
    cpu_spent_ns: u64,
    /// Something else is to be told than the last time.
    changed: bool,
    told_ns: u64,
    report: Arc<ArcSwap<Report>>,
}

impl Desk {
    fn new(settings: Settings, report: Arc<ArcSwap<Report>>) -> Desk {
        let around = Surroundings {
            host: HostTmpfs::default(),
            host_version: 0,
            host_namespace: None,
            memory: settings.memory.clone(),
        };
        Desk {
            around: Arc::new(around),
            host_read_ns: None,
            queue: Queue::default(),
            crew: Crew::new(visit, settings.deadline),
            containers: HashMap::new(),
            told: BTreeMap::new(),
            shared: None,
            overflow: 0,
            stuck: 0,
            cpu_spent_ns: 0,
            changed: true,
            told_ns: 0,
            report,
            settings,
        }
    }

    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let wait = Duration::from_nanos(self.queue.wait_ns(now_ns())).max(PAUSE);
            match orders.recv_timeout(wait) {
                Ok(order) => {
                    self.obey(order);
                    while let Ok(order) = orders.try_recv() {
                        self.obey(order);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.turns();
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Watch(watched) => self.watch(watched),
            Order::Forget(container) => {
                self.queue.remove(&container);
                self.containers.remove(&container);
                self.changed |= self.told.remove(&container).is_some();
                self.shared = None;
            }
            Order::Look(container) => self.queue.hasten(&container, now_ns()),
        }
    }

    fn watch(&mut self, watched: Watched) {
        if self.containers.contains_key(&watched.container) {
            return;
        }
        if self.containers.len() >= CONTAINERS_MAX {
            self.overflow += 1;
            self.changed = true;
            return;
        }
        let memory = self.settings.memory.as_ref();
        let place = Place {
            group: process::below(&self.settings.groups, &watched.group),
            memory: memory.map(|root| root.directory(&watched.group)),
        };
        self.queue.insert(&watched.container, now_ns());
        let container = Container {
            place: Arc::new(place),
            track: Track::new(Arc::clone(&watched.container), watched.born),
            known: Some(Known::default()),
        };
        self.containers.insert(watched.container, container);
    }

    /// Takes the turns that are due, and publishes.
    fn turns(&mut self) {
        for container in self.crew.come_back() {
            if let Some(known) = self.containers.get_mut(&container) {
                known.known = Some(Known::default());
                self.queue.put_off(&container, now_ns() + SHUN_NS);
            }
        }
        loop {
            let now_ns = now_ns();
            let due = self.queue.take(now_ns, BATCH);
            if due.is_empty() {
                break;
            }
            self.read_host(now_ns);
            let jobs: Vec<Job> = due
                .into_iter()
                .filter_map(|id| self.job(id, now_ns))
                .collect();
            let outcome = self.crew.run(jobs, &self.around);
            self.take(outcome);
        }
        self.publish();
    }

    fn job(&mut self, id: Arc<str>, now_ns: u64) -> Option<Job> {
        let container = self.containers.get_mut(&id)?;
        Some(Job {
            known: container.known.take()?,
            place: Arc::clone(&container.place),
            container: id,
            now_ns,
        })
    }

    fn take(&mut self, outcome: Outcome) {
        for (job, seen) in outcome.seen {
            let Some(container) = self.containers.get_mut(&job.container) else {
                continue;
            };
            container.known = Some(job.known);
            let (told, found) = container.track.take(job.now_ns, &seen);
            let devices = |told: &ContainerTmpfs| -> Vec<Device> {
                told.mounts.iter().map(|mount| mount.device).collect()
            };
            let before = self.told.get(&job.container);
            self.changed |= before.is_none_or(|before| !before.is_as(&told));
            if before.map(|told| devices(told)).as_ref() != Some(&devices(&told)) {
                self.shared = None;
            }
            self.told.insert(Arc::clone(&job.container), Arc::new(told));
            self.queue.looked(&job.container, job.now_ns, found);
        }
        for id in outcome.stuck {
            self.stuck += 1;
            self.changed = true;
            tracing::warn!(container = &*id, "its tmpfs mounts keep a reader waiting");
            if let Some(told) = self.told.get_mut(&id) {
                let told = Arc::make_mut(told);
                told.unmeasured = Some(Unmeasured::Stuck);
            }
        }
        for job in outcome.undone {
            if let Some(container) = self.containers.get_mut(&job.container) {
                container.known = Some(job.known);
                self.queue.put_off(&job.container, job.now_ns + RETRY_NS);
            }
        }
        // This thread's own work is part of the price.
        let cpu_ns = self.crew.cpu_ns() + thread_cpu_ns();
        self.queue.spend(cpu_ns.saturating_sub(self.cpu_spent_ns));
        self.cpu_spent_ns = cpu_ns;
    }

    /// The host's mounts tell which tmpfs a container was handed.
    fn read_host(&mut self, now_ns: u64) {
        let fresh = |read_ns: u64| now_ns.saturating_sub(read_ns) < HOST_NS;
        if self.host_read_ns.is_some_and(fresh) {
            return;
        }
        self.host_read_ns = Some(now_ns);
        let host = HostTmpfs::of(&process::host_mounts());
        let is_new = host != self.around.host;
        self.around = Arc::new(Surroundings {
            host,
            host_version: self.around.host_version + u64::from(is_new),
            host_namespace: process::mount_namespace(1).ok(),
            memory: self.settings.memory.clone(),
        });
    }

    /// Who reads a report compares all of it, so one that tells nothing else is made
    /// as seldom as what stands still is looked at.
    fn publish(&mut self) {
        let (now_ns, stuck_now) = (now_ns(), self.crew.stuck());
        let is_old = now_ns.saturating_sub(self.told_ns) >= STILL_NS;
        self.changed |= stuck_now != self.report.load().stuck_now;
        if !std::mem::take(&mut self.changed) && !is_old {
            return;
        }
        self.told_ns = now_ns;
        let told = &self.told;
        let shared = self.shared.get_or_insert_with(|| Arc::new(shared(told)));
        self.report.store(Arc::new(Report {
            containers: told.values().cloned().collect(),
            shared: Arc::clone(shared),
            overflow: self.overflow,
            stuck: self.stuck,
            stuck_now,
            cpu_ns: self.cpu_spent_ns,
        }));
    }
}

/// How many containers have each file system that several have.
fn shared(told: &BTreeMap<Arc<str>, Arc<ContainerTmpfs>>) -> HashMap<Device, usize> {
    let mut shared = HashMap::new();
    for mount in told.values().flat_map(|told| &told.mounts) {
        *shared.entry(mount.device).or_insert(0) += 1;
    }
    shared.retain(|_, containers| *containers > 1);
    shared
}
