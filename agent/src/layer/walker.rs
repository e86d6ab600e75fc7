//! Containers that come and go become a report that is always there.
//!
//! In: births and deaths. Out: the latest [`Report`]. Invariant: one thread of
//! its own, which a disk that does not answer may keep for ever without anyone
//! waiting for it; orders are bounded. Lacks on purpose: deciding and reading,
//! which the other files do.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::bucket::Bucket;
use super::pace::Queue;
use super::upper::{Upper, upper};
use super::walk::{Found, Step, walk};
use super::{Kept, Layer, Report, Unmeasured};
use crate::clock::{monotonic_ns as now_ns, thread_cpu_ns};
use crate::mountinfo::{self, process};

/// Containers that are watched; later ones are counted.
pub const CONTAINERS_MAX: usize = 2048;
const ORDERS_MAX: usize = 4096;
/// Where nothing is to be done it is asked for orders so often.
const IDLE_NS: u64 = 5_000_000_000;
/// A thread without a step for so long hangs.
const STUCK_NS: u64 = 10_000_000_000;

/// What the walker needs to know, and its bounds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the hierarchy is mounted that groups are named in.
    pub groups: PathBuf,
    /// Entries of all containers that are looked at in a second.
    pub entries_per_second: u64,
    /// Entries of one container that are looked at in one walk.
    pub entries_max: u64,
    /// Longest that one walk takes, short of a disk that hangs.
    pub deadline: Duration,
}

/// A container to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The runtime's id.
    pub container: Arc<str>,
    /// Path of its control group from the hierarchy's root.
    pub group: Vec<u8>,
}

enum Order {
    Watch(Watched),
    Forget(Arc<str>),
}

/// When the thread took its last step in a walk; 0 outside of walks.
type Pulse = Arc<AtomicU64>;

/// A thread that walks. It ends when this is dropped.
pub struct Walker {
    orders: SyncSender<Order>,
    report: Arc<ArcSwap<Report>>,
    pulse: Pulse,
}

impl Walker {
    /// Starts it.
    pub fn start(settings: Settings) -> io::Result<Walker> {
        let (orders, given) = mpsc::sync_channel(ORDERS_MAX);
        let (report, pulse): (Arc<ArcSwap<Report>>, Pulse) = Default::default();
        let desk = Desk {
            bucket: Bucket::new(settings.entries_per_second, now_ns()),
            settings,
            queue: Queue::default(),
            containers: HashMap::new(),
            told: BTreeMap::new(),
            overflow: 0,
            entries: 0,
            host_root: process::host_root(),
            report: Arc::clone(&report),
            pulse: Arc::clone(&pulse),
        };
        thread::Builder::new()
            .name("layers".to_owned())
            .spawn(move || desk.run(&given))?;
        Ok(Walker {
            orders,
            report,
            pulse,
        })
    }

    /// Watches a container from now on. False where too many orders wait: to be
    /// tried again.
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

    /// The latest.
    pub fn report(&self) -> Arc<Report> {
        self.report.load_full()
    }

    /// Whether a disk keeps the thread: what is reported is old then.
    pub fn is_stuck(&self) -> bool {
        let step_ns = self.pulse.load(Ordering::Relaxed);
        step_ns != 0 && now_ns().saturating_sub(step_ns) > STUCK_NS
    }
}

struct Container {
    group: PathBuf,
    /// The last walk, and when it was.
    last: Option<(Upper, Found, u64)>,
}

/// The walker's thread.
struct Desk {
    settings: Settings,
    bucket: Bucket,
    queue: Queue,
    containers: HashMap<Arc<str>, Container>,
    told: BTreeMap<Arc<str>, Arc<Layer>>,
    overflow: u64,
    entries: u64,
    host_root: &'static str,
    report: Arc<ArcSwap<Report>>,
    pulse: Pulse,
}

impl Desk {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let wait_ns = self.queue.wait_ns(now_ns()).unwrap_or(IDLE_NS);
            match orders.recv_timeout(Duration::from_nanos(wait_ns)) {
                Ok(order) => {
                    self.obey(order);
                    while let Ok(order) = orders.try_recv() {
                        self.obey(order);
                    }
                    self.publish();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // One turn, then orders again: a walk may take long.
            if let Some(id) = self.queue.take(now_ns()) {
                // Who reads a report compares all of it.
                if self.turn(&id) {
                    self.publish();
                }
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Watch(watched) => {
                if self.containers.contains_key(&watched.container) {
                    return;
                }
                if self.containers.len() >= CONTAINERS_MAX {
                    self.overflow += 1;
                    return;
                }
                self.queue.insert(&watched.container, now_ns());
                let container = Container {
                    group: process::below(&self.settings.groups, &watched.group),
                    last: None,
                };
                self.containers.insert(watched.container, container);
            }
            Order::Forget(container) => {
                self.queue.remove(&container);
                self.containers.remove(&container);
                self.told.remove(&container);
            }
        }
    }

    /// Looks at a container; true where something else is to be told of it.
    fn turn(&mut self, id: &Arc<str>) -> bool {
        let Some(mut container) = self.containers.remove(id) else {
            return false;
        };
        let began_ns = now_ns();
        let (writable, kept) = self.look(&mut container, began_ns);
        self.pulse.store(0, Ordering::Relaxed);
        let layer = Layer {
            container: Arc::clone(id),
            writable,
            kept,
        };
        let changed = self.told.get(id).is_none_or(|told| **told != layer);
        self.told.insert(Arc::clone(id), Arc::new(layer));
        self.containers.insert(Arc::clone(id), container);
        self.queue.looked(id, began_ns, now_ns(), changed);
        changed
    }

    fn look(
        &mut self,
        container: &mut Container,
        began_ns: u64,
    ) -> (bool, Result<Kept, Unmeasured>) {
        let upper = match read_upper(container) {
            Ok(upper) => upper,
            Err(why) => return (false, Err(why)),
        };
        let before = container.last.as_ref().filter(|(of, ..)| *of == upper);
        if let Some((_, found, _)) = before.filter(|_| !upper.writable) {
            // What nobody can write to does not change.
            return (false, Ok(kept(*found, None)));
        }
        let growth_of = before.map(|(_, found, at_ns)| (*found, *at_ns));
        let found = match self.walk(&upper.path, began_ns) {
            Ok(found) => found,
            Err(why) => return (upper.writable, Err(why)),
        };
        self.entries += found.entries;
        let growth = growth_of.and_then(|(before, at_ns)| growth(before, at_ns, found, began_ns));
        let writable = upper.writable;
        container.last = Some((upper, found, began_ns));
        (writable, Ok(kept(found, growth)))
    }

    fn walk(&mut self, path: &str, began_ns: u64) -> Result<Found, Unmeasured> {
        let (bucket, pulse) = (&mut self.bucket, &self.pulse);
        let mut left = self.settings.entries_max;
        let deadline_ns = u64::try_from(self.settings.deadline.as_nanos()).unwrap_or(u64::MAX);
        pulse.store(began_ns, Ordering::Relaxed);
        walk(self.host_root, path, &mut || {
            loop {
                let now_ns = now_ns();
                pulse.store(now_ns, Ordering::Relaxed);
                if left == 0 || now_ns.saturating_sub(began_ns) > deadline_ns {
                    return Step::Stop;
                }
                match bucket.take(now_ns) {
                    Ok(()) => break,
                    // Not for each entry: waking up costs more than looking.
                    Err(wait_ns) => {
                        thread::sleep(Duration::from_nanos(wait_ns).max(NAP));
                    }
                }
            }
            left -= 1;
            Step::Go
        })
    }

    fn publish(&self) {
        self.report.store(Arc::new(Report {
            layers: self.told.values().cloned().collect(),
            overflow: self.overflow,
            entries: self.entries,
            cpu_ns: thread_cpu_ns(),
        }));
    }
}

/// Shortest wait for the bucket.
const NAP: Duration = Duration::from_millis(50);

fn read_upper(container: &Container) -> Result<Upper, Unmeasured> {
    let pid = process::of_group(&container.group).ok_or(Unmeasured::NoProcess)?;
    let (text, _) = process::mount_table(pid).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOENT | libc::ESRCH) | None => Unmeasured::NoProcess,
        Some(libc::EACCES | libc::EPERM) => Unmeasured::NotPermitted,
        Some(errno) => Unmeasured::Failed(errno),
    })?;
    upper(&mountinfo::parse(&text))
}

fn kept(found: Found, growth: Option<f64>) -> Kept {
    Kept {
        bytes: found.bytes,
        entries: found.entries,
        truncated: found.truncated,
        growth,
    }
}

fn growth(before: Found, before_ns: u64, found: Found, now_ns: u64) -> Option<f64> {
    if before.truncated || found.truncated || now_ns <= before_ns {
        return None;
    }
    let seconds = (now_ns - before_ns) as f64 / 1e9;
    Some((found.bytes as f64 - before.bytes as f64) / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_of_whole_walks_alone() {
        let found = |bytes, truncated| Found {
            bytes,
            entries: 1,
            truncated,
        };
        let second = 1_000_000_000;
        let told = |a, b| growth(a, second, b, 3 * second);
        assert_eq!(told(found(100, false), found(300, false)), Some(100.0));
        assert_eq!(told(found(300, false), found(100, false)), Some(-100.0));
        assert_eq!(told(found(100, true), found(300, false)), None);
        assert_eq!(told(found(100, false), found(300, true)), None);
        assert_eq!(growth(found(1, false), 5, found(2, false), 5), None);
    }
}
