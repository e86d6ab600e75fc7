//! Containers that come and go become a report that is always there.
//!
//! In: births, deaths and hints. Out: the latest [`Report`]. Invariant: neither
//! side waits for the other; orders are bounded, and one that does not fit is
//! told to its sender; so many readings a second at most. Lacks on purpose:
//! reading and judging, which the other files do.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::pace::Queue;
use super::read::{Around, Known};
use super::{Facts, HostMounts};
use crate::clock::monotonic_ns as now_ns;
use crate::mountinfo::process;

/// Containers that are watched; later ones are counted.
pub const CONTAINERS_MAX: usize = 2048;
const ORDERS_MAX: usize = 4096;
/// Turns that are taken at once, and the least time between two such times:
/// 128 turns a second, of which each took 0.2 ms on a busy machine.
const BATCH: usize = 32;
const PAUSE: Duration = Duration::from_millis(250);
/// The host's mount table is read again so often; where a container begins, what
/// it was handed may have been mounted just now.
const HOST_NS: u64 = 30_000_000_000;
const HOST_FRESH_NS: u64 = 2_000_000_000;

/// A container to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The runtime's id.
    pub container: Arc<str>,
    /// Path of its control group from the hierarchy's root.
    pub group: Vec<u8>,
}

/// What was read of all containers.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// By the runtime's id.
    pub containers: HashMap<Arc<str>, Arc<Facts>>,
    /// Containers that are not watched as there are too many.
    pub overflow: u64,
}

enum Order {
    Watch(Watched),
    Forget(Arc<str>),
    Look(Arc<str>),
}

/// A thread that reads. It ends when this is dropped.
pub struct Reader {
    orders: SyncSender<Order>,
    report: Arc<ArcSwap<Report>>,
}

impl Reader {
    /// Starts it; `groups` is where the hierarchy is mounted that control groups
    /// are named in.
    pub fn start(groups: PathBuf) -> io::Result<Reader> {
        let (orders, given) = mpsc::sync_channel(ORDERS_MAX);
        let report = Arc::new(ArcSwap::default());
        let desk = Desk {
            groups,
            around: Around::default(),
            host_read_ns: None,
            queue: Queue::default(),
            containers: HashMap::new(),
            told: Report::default(),
            changed: false,
            report: Arc::clone(&report),
        };
        thread::Builder::new()
            .name("posture".to_owned())
            .spawn(move || desk.run(&given))?;
        Ok(Reader { orders, report })
    }

    /// Watches a container from now on; again for another run of it. False where
    /// too many orders wait: to be tried again.
    #[must_use]
    pub fn watch(&self, watched: Watched) -> bool {
        self.orders.try_send(Order::Watch(watched)).is_ok()
    }

    /// Lets go of a container. False where too many orders wait.
    #[must_use]
    pub fn forget(&self, container: &Arc<str>) -> bool {
        let order = Order::Forget(Arc::clone(container));
        self.orders.try_send(order).is_ok()
    }

    /// Looks at a container soon. It is a hint, and may be lost: its turn comes
    /// anyway.
    pub fn look(&self, container: &Arc<str>) {
        let _ = self.orders.try_send(Order::Look(Arc::clone(container)));
    }

    /// The latest.
    pub fn report(&self) -> Arc<Report> {
        self.report.load_full()
    }
}

/// The reader's thread.
struct Desk {
    groups: PathBuf,
    around: Around,
    host_read_ns: Option<u64>,
    queue: Queue,
    containers: HashMap<Arc<str>, Known>,
    told: Report,
    changed: bool,
    report: Arc<ArcSwap<Report>>,
}

impl Desk {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let wait = self.queue.wait_ns(now_ns()).map(Duration::from_nanos);
            let order = match wait {
                Some(wait) => orders.recv_timeout(wait),
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match order {
                Ok(order) => self.obey_all(order, orders),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.turns() {
                thread::sleep(PAUSE);
            }
            self.publish();
        }
    }

    fn obey_all(&mut self, first: Order, orders: &Receiver<Order>) {
        self.obey(first);
        while let Ok(order) = orders.try_recv() {
            self.obey(order);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Watch(watched) => self.watch(watched),
            Order::Forget(container) => {
                self.queue.remove(&container);
                self.containers.remove(&container);
                self.changed |= self.told.containers.remove(&container).is_some();
            }
            Order::Look(container) => self.queue.hasten(&container, now_ns()),
        }
    }

    fn watch(&mut self, watched: Watched) {
        let is_new = !self.containers.contains_key(&watched.container);
        if is_new && self.containers.len() >= CONTAINERS_MAX {
            self.told.overflow += 1;
            self.changed = true;
            return;
        }
        let known = Known::new(process::below(&self.groups, &watched.group));
        let told = Arc::clone(known.told());
        self.told.containers.insert(watched.container.clone(), told);
        self.changed = true;
        self.queue.insert(&watched.container, now_ns());
        self.containers.insert(watched.container, known);
    }

    /// Takes the turns that are due; true where there were any.
    fn turns(&mut self) -> bool {
        let begun_ns = now_ns();
        let due = self.queue.due(begun_ns, BATCH);
        if due.is_empty() {
            return false;
        }
        let begins = |id| {
            self.containers
                .get(id)
                .is_some_and(|known| !known.is_settled())
        };
        let age_ns = match due.iter().any(begins) {
            true => HOST_FRESH_NS,
            false => HOST_NS,
        };
        self.read_host(begun_ns, age_ns);
        for id in due {
            let Some(known) = self.containers.get_mut(&id) else {
                self.queue.remove(&id);
                continue;
            };
            let found = known.visit(&self.around);
            self.queue.took(&id, now_ns(), found);
            let told = self.told.containers.get(&id);
            if !told.is_some_and(|told| Arc::ptr_eq(told, known.told())) {
                self.told.containers.insert(id, Arc::clone(known.told()));
                self.changed = true;
            }
        }
        true
    }

    /// The host's mounts tell a path on the host.
    fn read_host(&mut self, now_ns: u64, age_ns: u64) {
        let fresh = |read_ns: u64| now_ns.saturating_sub(read_ns) < age_ns;
        if self.host_read_ns.is_some_and(fresh) {
            return;
        }
        self.host_read_ns = Some(now_ns);
        let host = HostMounts::of(&process::host_mounts());
        let is_new = host != self.around.host;
        self.around = Around {
            host,
            host_version: self.around.host_version + u64::from(is_new),
            host_namespace: process::mount_namespace(1).ok(),
        };
    }

    fn publish(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.report.store(Arc::new(self.told.clone()));
        }
    }
}
