//! Readings of a daemon become what happened to some containers while it was
//! looked at.
//!
//! In: [`Reading`]s in their order, which containers are alive, whose denials
//! count. Out: [`Found`], one for each name. Invariant: pure; what was counted
//! before the first reading is left out; a count that left with its container
//! stays; every table is bounded. Lacks on purpose: reading, and judging.
//!
//! The daemon counts by name, and lists by id. Containers that had the same name
//! one after the other are therefore told as one.

use std::collections::{BTreeMap, BTreeSet};

use super::lists::{Info, Kind, Labels, Named, Reading, Row, Written};
use crate::config::fits;
use crate::denial::{Container, Runtime};

/// Most containers that are kept.
const CONTAINERS_MAX: usize = 4_096;
/// Most rows that are kept; what is past them is counted all the same.
const ROWS_MAX: usize = 8_192;

/// Whose denials count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Of the containers with these ids.
    Ids(BTreeSet<String>),
    /// Of those that were not there at first, and fit the pattern if there is one.
    Born(Option<String>),
    /// Of those that fit the pattern, born or not.
    Fitting(String),
}

/// What happened to the containers of one name.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// The latest one's name and image.
    pub(super) named: Named,
    /// Their ids.
    pub(super) ids: Vec<String>,
    /// Was a read-only root asked for, or seen?
    pub(super) read_only: Option<bool>,
    /// Exact counts by kind and write root.
    pub(super) counts: BTreeMap<(Kind, String), u64>,
    /// Rows with what was counted meanwhile.
    pub(super) rows: Vec<Row>,
    /// Successful writes, where they were counted.
    pub(super) writes: Vec<Written>,
    /// Others had the same name, and their denials are in `counts`.
    pub(super) shares_name: bool,
}

impl Found {
    /// All denials.
    pub(super) fn total(&self) -> u64 {
        let rows: u64 = self.rows.iter().map(|row| row.count).sum();
        // A row may be there before its series has settled.
        self.counts.values().sum::<u64>().max(rows)
    }

    /// As patterns are asked about it.
    pub(super) fn container(&self) -> Container {
        container(&self.named)
    }
}

#[derive(Debug, Default)]
struct Tally {
    total: u64,
    last: u64,
}

impl Tally {
    fn take(&mut self, value: u64) {
        // A value below the last is a new counter under an old name.
        self.total += value - if value < self.last { 0 } else { self.last };
        self.last = value;
    }
}

#[derive(Debug, Default)]
struct Group {
    counts: BTreeMap<(Kind, String), Tally>,
    ids: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Known {
    named: Named,
    /// Has its runtime told its name?
    labels: Option<Labels>,
    read_only: Option<bool>,
    writes: Vec<Written>,
}

type RowKey = (String, Kind, String);

#[derive(Debug)]
struct Kept {
    row: Row,
    tally: Tally,
}

/// What was read so far.
#[derive(Debug)]
pub(super) struct Observer {
    before: BTreeSet<String>,
    began_ns: u64,
    groups: BTreeMap<Labels, Group>,
    known: BTreeMap<String, Known>,
    rows: BTreeMap<RowKey, Kept>,
    unresolved: Tally,
    lost: BTreeMap<(String, String), Tally>,
    /// Containers past the bound.
    pub(super) dropped: usize,
}

impl Observer {
    /// Begins with a first reading; `before` are the containers that were there.
    pub(super) fn new(first: Reading, before: BTreeSet<String>, began_ns: u64) -> Observer {
        let mut observer = Observer {
            before,
            began_ns,
            groups: BTreeMap::new(),
            known: BTreeMap::new(),
            rows: BTreeMap::new(),
            unresolved: Tally::default(),
            lost: BTreeMap::new(),
            dropped: 0,
        };
        observer.take(first, &BTreeSet::new());
        let lately: Vec<String> = observer.known.keys().cloned().collect();
        observer.before.extend(lately);
        let groups = observer.groups.values_mut();
        let counts = groups.flat_map(|group| group.counts.values_mut());
        let rows = observer.rows.values_mut().map(|kept| &mut kept.tally);
        let lost = observer.lost.values_mut();
        let tallies = counts
            .chain(rows)
            .chain(lost)
            .chain([&mut observer.unresolved]);
        tallies.for_each(|tally| tally.total = 0);
        observer
    }

    /// Takes in a reading, and the ids of the containers alive at that time.
    pub(super) fn take(&mut self, reading: Reading, alive: &BTreeSet<String>) {
        for id in alive {
            self.know(id);
        }
        for info in &reading.infos {
            self.take_info(info, &reading);
        }
        for stance in &reading.stances {
            let read_only = match stance.root.as_str() {
                "read_only" => Some(true),
                "writable" => Some(false),
                _ => stance.container.read_only_root,
            };
            self.meet(&stance.container, read_only);
        }
        for row in reading.rows {
            self.take_row(row);
        }
        for writes in reading.writes {
            self.meet(&writes.container, writes.container.read_only_root);
            let began_ns = self.began_ns;
            if let Some(known) = self.know(&writes.container.id) {
                known.writes = writes.write_roots;
                known.writes.retain(|row| row.last_monotonic_ns >= began_ns);
            }
        }
        let seen: BTreeSet<_> = reading
            .counts
            .iter()
            .map(|(labels, ..)| labels.clone())
            .collect();
        for (labels, kind, root, value) in reading.counts {
            let group = self.groups.entry(labels).or_default();
            group.counts.entry((kind, root)).or_default().take(value);
        }
        for (labels, group) in &mut self.groups {
            if !seen.contains(labels) {
                group.counts.values_mut().for_each(|tally| tally.last = 0);
            }
        }
        self.groups.retain(|labels, group| {
            seen.contains(labels)
                || group.counts.values().any(|t| t.total > 0)
                || !group.ids.is_empty()
        });
        self.unresolved.take(reading.unresolved);
        for (stage, reason, value) in reading.lost {
            self.lost.entry((stage, reason)).or_default().take(value);
        }
    }

    fn know(&mut self, id: &str) -> Option<&mut Known> {
        if !self.known.contains_key(id) && self.known.len() >= CONTAINERS_MAX {
            self.dropped += 1;
            return None;
        }
        Some(self.known.entry(id.to_owned()).or_insert_with(|| Known {
            named: Named {
                id: id.to_owned(),
                name: id.chars().take(12).collect(),
                ..Named::default()
            },
            ..Known::default()
        }))
    }

    fn meet(&mut self, named: &Named, read_only: Option<bool>) {
        if let Some(known) = self.know(&named.id) {
            known.named = named.clone();
            known.read_only = read_only.or(known.read_only);
        }
    }

    fn take_info(&mut self, info: &Info, reading: &Reading) {
        let labels = info.labels.clone();
        let Some(known) = self.know(&info.id) else {
            return;
        };
        let [namespace, pod, name] = labels.clone();
        known.named = Named {
            id: info.id.clone(),
            name,
            image: info.image.clone(),
            namespace,
            pod,
            read_only_root: known.named.read_only_root,
        };
        let old = known.labels.replace(labels.clone());
        self.groups
            .entry(labels.clone())
            .or_default()
            .ids
            .insert(info.id.clone());
        let Some(old) = old.filter(|old| *old != labels) else {
            return;
        };
        // It got its name: what was counted under its id is counted again there.
        let still_there = reading.infos.iter().any(|other| other.labels == old);
        if !still_there && let Some(group) = self.groups.get_mut(&old) {
            group.ids.remove(&info.id);
            if group.ids.is_empty() {
                self.groups.remove(&old);
            }
        }
    }

    fn take_row(&mut self, row: Row) {
        let Some(named) = row.container.clone() else {
            return;
        };
        self.meet(&named, named.read_only_root);
        let key = (named.id, row.kind(), row.path.clone());
        if !self.rows.contains_key(&key) && self.rows.len() >= ROWS_MAX {
            return;
        }
        let kept = self.rows.entry(key).or_insert_with(|| Kept {
            row: row.clone(),
            tally: Tally::default(),
        });
        kept.tally.take(row.count);
        kept.row = row;
    }

    /// Tells of a container what its engine told: the daemon may know less.
    pub(super) fn told(&mut self, id: &str, read_only: Option<bool>) {
        if let Some(known) = self.known.get_mut(id) {
            known.read_only = known.read_only.or(read_only);
        }
    }

    /// Were some of the scope seen, and have all of them their name?
    pub(super) fn are_named(&self, scope: &Scope) -> bool {
        let ids = self.ids(scope);
        let named = |id: &String| {
            self.known
                .get(id)
                .is_some_and(|known| known.labels.is_some())
        };
        !ids.is_empty() && ids.iter().all(named)
    }

    /// Refusals meanwhile whose container is not known.
    pub(super) fn unresolved(&self) -> u64 {
        self.unresolved.total
    }

    /// What was lost meanwhile, by stage and reason.
    pub(super) fn lost(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        let lost = self.lost.iter().filter(|(_, tally)| tally.total > 0);
        lost.map(|((stage, reason), tally)| (stage.as_str(), reason.as_str(), tally.total))
    }

    /// The ids in a scope that were seen.
    pub(super) fn ids(&self, scope: &Scope) -> BTreeSet<String> {
        let wanted = |(id, known): &(&String, &Known)| {
            let fit = |pattern: &str| fits(pattern, &container(&known.named));
            match scope {
                Scope::Ids(ids) => ids.contains(*id),
                Scope::Born(None) => !self.before.contains(*id),
                Scope::Born(Some(pattern)) => !self.before.contains(*id) && fit(pattern),
                Scope::Fitting(pattern) => fit(pattern),
            }
        };
        let ids = self.known.iter().filter(wanted);
        ids.map(|(id, _)| id.clone()).collect()
    }

    /// What happened to them.
    pub(super) fn found(&self, scope: &Scope) -> Vec<Found> {
        let ids = self.ids(scope);
        let mut found: BTreeMap<Labels, Found> = BTreeMap::new();
        for id in &ids {
            let known = &self.known[id];
            let labels = labels(known);
            let one = found.entry(labels.clone()).or_insert_with(|| {
                let group = self.groups.get(&labels);
                let counts = group.into_iter().flat_map(|group| &group.counts);
                Found {
                    counts: counts
                        .filter(|(_, tally)| tally.total > 0)
                        .map(|(key, tally)| (key.clone(), tally.total))
                        .collect(),
                    shares_name: group.is_some_and(|group| !group.ids.is_subset(&ids)),
                    ..Found::default()
                }
            });
            one.named = known.named.clone();
            one.ids.push(id.clone());
            one.read_only = known.read_only.or(one.read_only);
            one.writes.extend(known.writes.iter().cloned());
        }
        for ((id, ..), kept) in self.rows.iter().filter(|(_, kept)| kept.tally.total > 0) {
            let known = self.known.get(id).filter(|_| ids.contains(id));
            let one = known.and_then(|known| found.get_mut(&labels(known)));
            if let Some(one) = one {
                one.rows.push(Row {
                    count: kept.tally.total,
                    ..kept.row.clone()
                });
            }
        }
        found.into_values().collect()
    }
}

/// Where its counts are: under its id as long as nobody told its name.
fn labels(known: &Known) -> Labels {
    let Named {
        namespace,
        pod,
        name,
        ..
    } = &known.named;
    let named = || [namespace, pod, name].map(String::clone);
    known.labels.clone().unwrap_or_else(named)
}

fn container(named: &Named) -> Container {
    Container {
        name: named.name.clone(),
        image: named.image.clone(),
        namespace: named.namespace.clone(),
        pod: named.pod.clone(),
        ..Container::unnamed(&named.id, Runtime::Unspecified)
    }
}

#[cfg(test)]
mod tests;
