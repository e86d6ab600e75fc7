//! Refusals of pods become events that are due, few enough for the API server.
//!
//! In: snapshots, time, what was written. Out: [`Draft`]s. Invariant: pure; one
//! event for each pod, container, write root and errno, whose count grows; at
//! most [`POD_BURST`] at once for a pod and one more each minute, [`ALL_BURST`] at
//! once in all and one more each two seconds; a count is written at most once in
//! [`UPDATE_NS`]; what is held back is written later, and counted; names that no
//! pod can have reach no address. Lacks on purpose: the API.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hasher as _;
use std::sync::Arc;
use std::time::SystemTime;

use fnv::FnvHasher;

use crate::aggregate::{Explained, Snapshot};
use crate::catalog::alerts;
use crate::degrade::Moment;
use crate::denial::{Container, Errno, Lsm, Owner};

/// Most events of which the counts are kept.
const KEPT_MAX: usize = 1024;
const POD_BURST: f64 = 10.0;
const POD_REFILL_NS: f64 = 60e9;
const ALL_BURST: f64 = 50.0;
const ALL_REFILL_NS: f64 = 2e9;
/// Least time between two counts of one event.
const UPDATE_NS: u64 = 30_000_000_000;
/// An event that nothing was added to for so long is forgotten, as the API
/// server does by default.
const IDLE_NS: u64 = 3_600_000_000_000;
/// Longest name of an object.
const NAME_MAX: usize = 253;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    uid: String,
    container: String,
    write_root: Arc<str>,
    errno: Errno,
}

/// An event to be written, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    key: Key,
    new: bool,
    /// The object's name.
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) uid: String,
    pub(super) container: String,
    pub(super) note: String,
    /// Refusals so far.
    pub(super) count: u64,
    pub(super) first: SystemTime,
    pub(super) last: SystemTime,
}

impl Draft {
    /// Is there no object yet?
    pub(super) fn is_new(&self) -> bool {
        self.new
    }
}

#[derive(Debug)]
struct Entry {
    draft: Draft,
    /// The count that was written, and when; none where there is no object.
    written: Option<(u64, u64)>,
    seen_ns: u64,
    held: bool,
}

/// Tokens that come back with time.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at_ns: u64,
}

impl Bucket {
    fn full(tokens: f64, now_ns: u64) -> Self {
        Bucket {
            tokens,
            at_ns: now_ns,
        }
    }

    fn fill(&mut self, most: f64, refill_ns: f64, now_ns: u64) {
        let passed = now_ns.saturating_sub(self.at_ns) as f64;
        self.tokens = (self.tokens + passed / refill_ns).min(most);
        self.at_ns = now_ns;
    }
}

/// The state.
#[derive(Debug)]
pub(super) struct Ledger {
    entries: BTreeMap<Key, Entry>,
    pods: HashMap<String, Bucket>,
    all: Bucket,
    limited: u64,
    /// Tells this daemon's objects from an earlier one's.
    run: u64,
}

impl Ledger {
    pub(super) fn new(now: Moment) -> Self {
        let since = now.wall.duration_since(SystemTime::UNIX_EPOCH);
        Ledger {
            entries: BTreeMap::new(),
            pods: HashMap::new(),
            all: Bucket::full(ALL_BURST, now.monotonic_ns),
            limited: 0,
            run: since.map_or(0, |since| since.as_nanos() as u64),
        }
    }

    /// Takes in the latest refusals.
    pub(super) fn observe(&mut self, snapshot: &Snapshot, now: Moment) {
        let mut sums: BTreeMap<Key, Sum> = BTreeMap::new();
        for recent in &snapshot.recent {
            let sample = &recent.sample;
            let Owner::Container(container) = &sample.owner else {
                continue;
            };
            if !is_addressable(container) {
                continue;
            }
            let key = Key {
                uid: container.pod_uid.clone(),
                container: container.name.clone(),
                write_root: Arc::clone(&sample.write_root),
                errno: sample.denial.errno,
            };
            let sum = sums.entry(key).or_insert_with(|| Sum {
                container,
                latest: sample,
                first: recent.first,
                count: 0,
            });
            sum.count += recent.count.max(1);
            sum.first = sum.first.min(recent.first);
            if sample.time > sum.latest.time {
                sum.latest = sample;
            }
        }
        let idle = |entry: &Entry| now.monotonic_ns.saturating_sub(entry.seen_ns) >= IDLE_NS;
        self.entries.retain(|_, entry| !idle(entry));
        let entries = &self.entries;
        self.pods
            .retain(|uid, _| entries.keys().any(|key| key.uid == *uid));
        for (key, sum) in sums {
            self.take_in(key, &sum, now);
        }
    }

    fn take_in(&mut self, key: Key, sum: &Sum, now: Moment) {
        if let Some(entry) = self.entries.get_mut(&key) {
            // Rows leave the list, and their counts with them.
            if sum.count > entry.draft.count || sum.latest.time > entry.draft.last {
                entry.draft.count = sum.count.max(entry.draft.count + 1);
                entry.draft.last = sum.latest.time;
                entry.seen_ns = now.monotonic_ns;
            }
            return;
        }
        if self.entries.len() >= KEPT_MAX {
            self.limited += 1;
            return;
        }
        let container = sum.container;
        let mut hasher = FnvHasher::with_key(self.run);
        for text in [
            &key.uid,
            &key.container,
            &*key.write_root,
            key.errno.label(),
        ] {
            hasher.write(text.as_bytes());
            hasher.write(&[0xff]);
        }
        let tail = format!(".{:016x}", hasher.finish());
        let most = container.pod.len().min(NAME_MAX - tail.len());
        let draft = Draft {
            new: true,
            name: format!("{}{tail}", &container.pod[..most]),
            namespace: container.namespace.clone(),
            pod: container.pod.clone(),
            uid: container.pod_uid.clone(),
            container: container.name.clone(),
            note: note(sum.latest),
            count: sum.count,
            first: sum.first,
            last: sum.latest.time,
            key: key.clone(),
        };
        let entry = Entry {
            draft,
            written: None,
            seen_ns: now.monotonic_ns,
            held: false,
        };
        self.entries.insert(key, entry);
    }

    /// The next event that may be written now.
    pub(super) fn next(&mut self, now: Moment) -> Option<Draft> {
        let now_ns = now.monotonic_ns;
        self.all.fill(ALL_BURST, ALL_REFILL_NS, now_ns);
        for entry in self.entries.values_mut() {
            let due = match entry.written {
                None => true,
                Some((count, at_ns)) => {
                    entry.draft.count > count && now_ns.saturating_sub(at_ns) >= UPDATE_NS
                }
            };
            if !due {
                continue;
            }
            let new = entry.written.is_none();
            let uid = &entry.draft.uid;
            let pod = self.pods.entry(uid.clone());
            let pod = pod.or_insert_with(|| Bucket::full(POD_BURST, now_ns));
            pod.fill(POD_BURST, POD_REFILL_NS, now_ns);
            // A higher count is one more line of nobody's list.
            if self.all.tokens < 1.0 || (new && pod.tokens < 1.0) {
                self.limited += u64::from(new && !std::mem::replace(&mut entry.held, true));
                continue;
            }
            self.all.tokens -= 1.0;
            pod.tokens -= f64::from(u8::from(new));
            return Some(Draft {
                new,
                ..entry.draft.clone()
            });
        }
        None
    }

    /// It is there now.
    pub(super) fn written(&mut self, draft: &Draft, now: Moment) {
        if let Some(entry) = self.entries.get_mut(&draft.key) {
            entry.written = Some((draft.count, now.monotonic_ns));
        }
    }

    /// The API server has it no more.
    pub(super) fn forgotten(&mut self, draft: &Draft) {
        if let Some(entry) = self.entries.get_mut(&draft.key) {
            entry.written = None;
        }
    }

    /// It will never be taken: not tried again until it is idle.
    pub(super) fn dropped(&mut self, draft: &Draft) {
        if let Some(entry) = self.entries.get_mut(&draft.key) {
            entry.written = Some((u64::MAX, 0));
        }
    }

    /// Events that were held back, cumulative.
    pub(super) fn limited(&self) -> u64 {
        self.limited
    }
}

struct Sum<'a> {
    container: &'a Arc<Container>,
    latest: &'a Arc<Explained>,
    first: SystemTime,
    count: u64,
}

/// Could its names be those of a pod? They become part of an address.
fn is_addressable(container: &Container) -> bool {
    let plain = |text: &str, more: &[char]| {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(&c);
        !text.is_empty() && text.len() <= NAME_MAX && text.chars().all(fits)
    };
    plain(&container.namespace, &['-'])
        && plain(&container.pod, &['-', '.'])
        && plain(&container.pod_uid, &['-'])
        && plain(&container.name, &['-'])
}

/// `write of /var/cache/nginx/a refused (EROFS); mount an emptyDir at ...`
fn note(sample: &Explained) -> String {
    let denial = &sample.denial;
    let label = |name: &str| match name {
        "write_root" => &*sample.write_root,
        "lsm" => denial.lsm.map_or("", Lsm::label),
        _ => "",
    };
    let remedy = alerts::remedy(sample.verdict.cause).in_pod;
    let remedy = alerts::fill(remedy, label, 0.0).unwrap_or_default();
    let mut letters = remedy.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    let remedy: String = first.into_iter().chain(letters).collect();
    format!(
        "{} of {} refused ({}); {}",
        denial.operation.label(),
        denial.path,
        denial.errno.label(),
        remedy.trim_end_matches('.')
    )
}

#[cfg(test)]
mod tests;
