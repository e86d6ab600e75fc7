//! What was provoked, against what the daemon tells.
//!
//! In: per container and row, how many refusals must and may be counted; a scrape.
//! Out: what does not add up. Invariant: a refusal that is in no container's count is
//! in one that says why. Lacks on purpose: patience.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

use super::exposition::Series;
use super::refusals::{ROWS, label, row_of};

/// A container as it should be told.
pub struct Expected {
    /// The names that it may have.
    pub names: Vec<String>,
    /// Refusals of each row.
    pub rows: [RangeInclusive<u64>; ROWS],
    /// A daemon was killed that may have read its end and not yet its counters: then
    /// nobody knows whose these are.
    pub orphaned: bool,
}

/// What a schedule may lose, as long as it is said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    /// The kernel's table of counters may be full.
    pub overflow: bool,
    /// The limits may be reached.
    pub limits: bool,
}

/// Who is refused, where nobody else is to be.
#[derive(Clone, Copy, Debug)]
pub struct Alone {
    /// Containers.
    pub containers: u64,
    /// Refusals of each row outside of any: a full table does not tell them apart.
    pub host: [u64; ROWS],
}

/// What was lost before the schedule.
#[derive(Clone, Debug, Default)]
pub struct Stated {
    /// Of each row, by the reason.
    unresolved: BTreeMap<(usize, String), u64>,
    /// Of each row, past a limit.
    other: [u64; ROWS],
    cgroup_ring: u64,
    skipped: u64,
}

/// A scrape, taken apart.
pub struct Told {
    /// Refusals by container's name and row.
    counted: HashMap<(String, usize), u64>,
    /// Names and labels of refusals that no schedule provokes.
    odd: Vec<(String, String)>,
    stated: Stated,
    recorded: u64,
    /// Containers that the daemon knows.
    containers: u64,
    /// Everything that refusals are told to be.
    told: u64,
    by_root: u64,
    by_container: u64,
    sampled: u64,
    waiting: u64,
}

/// Past a limit.
const OTHER: &str = "_other";

impl Told {
    /// Takes a scrape apart.
    pub fn of(scrape: &[Series]) -> Told {
        let sum = |name: &str, labels: &[(&str, &str)]| -> u64 {
            let fits = |series: &&Series| series.name == name && series.has(labels);
            scrape
                .iter()
                .filter(fits)
                .map(|series| series.value as u64)
                .sum()
        };
        let mut counted = HashMap::new();
        let mut odd = Vec::new();
        let mut stated = Stated::default();
        for series in scrape {
            let (operation, errno) = (series.label("operation"), series.label("errno"));
            let Some(row) = row_of(operation, errno) else {
                if series.name == "sealwatch_denials_total" {
                    let name = series.label("container").to_owned();
                    odd.push((name, format!("{operation} {errno}")));
                }
                continue;
            };
            let value = series.value as u64;
            match series.name.as_str() {
                "sealwatch_denials_total" => {
                    let name = series.label("container");
                    if name == OTHER {
                        stated.other[row] += value;
                    }
                    *counted.entry((name.to_owned(), row)).or_insert(0) += value;
                }
                "sealwatch_unresolved_denials_total" => {
                    let reason = series.label("reason").to_owned();
                    *stated.unresolved.entry((row, reason)).or_insert(0) += value;
                }
                _ => {}
            }
        }
        let lost = |reason| sum("sealwatch_lost_total", &[("reason", reason)]);
        stated.cgroup_ring = lost("cgroup_ring_full");
        stated.skipped = lost("program_skipped");
        let total = |name: &str| sum(&format!("sealwatch_{name}"), &[]);
        let by_container = total("denials_total");
        let waiting = total("pending_denials");
        Told {
            counted,
            odd,
            stated,
            recorded: total("recorded_denials_total"),
            containers: total("containers"),
            told: by_container
                + total("host_denials_total")
                + total("unresolved_denials_total")
                + total("retired_denials_total")
                + total("ignored_denials_total")
                + waiting,
            by_root: total("write_root_denials_total"),
            by_container,
            sampled: total("samples_total")
                + total("samples_suppressed_total")
                + lost("sample_ring_full"),
            waiting,
        }
    }

    /// What it says of losses.
    pub fn stated(&self) -> Stated {
        self.stated.clone()
    }

    /// Refusals of a container.
    pub fn of_container(&self, expected: &Expected, row: usize) -> u64 {
        let of = |name: &String| self.counted.get(&(name.clone(), row)).copied();
        expected.names.iter().filter_map(of).sum()
    }

    /// What holds at any time: every refusal is told in exactly one way, and none is
    /// told that was not provoked.
    pub fn sound(&self, expected: &[Expected]) -> Result<(), String> {
        if self.told != self.recorded {
            return Err(format!("{} recorded, {} told", self.recorded, self.told));
        }
        if self.by_root != self.by_container {
            let (roots, containers) = (self.by_root, self.by_container);
            return Err(format!("{containers} by container, {roots} by write root"));
        }
        for one in expected {
            if let Some((name, what)) = self.odd.iter().find(|(name, _)| one.names.contains(name)) {
                return Err(format!("{name} has {what}, which nobody provoked"));
            }
            for (row, range) in one.rows.iter().enumerate() {
                let counted = self.of_container(one, row);
                if counted > *range.end() {
                    return Err(format!(
                        "{}: {counted} counted, {range:?} provoked",
                        who(one, row)
                    ));
                }
            }
        }
        Ok(())
    }

    /// What holds once all is quiet: each container has what it provoked, or it is
    /// stated where the rest is. Returns how much was stated to be lost. Where they are
    /// `alone`, no more is stated than was provoked.
    pub fn conserved(
        &self,
        expected: &[Expected],
        before: &Stated,
        allowed: Allowed,
        alone: Option<Alone>,
    ) -> Result<u64, String> {
        self.sound(expected)?;
        // Somebody else's on this machine may be refused, too.
        let alone = alone.filter(|ours| self.containers <= ours.containers);
        if self.waiting > 0 {
            return Err(format!("{} are pending", self.waiting));
        }
        if self.sampled != self.recorded {
            let (sampled, recorded) = (self.sampled, self.recorded);
            return Err(format!(
                "{recorded} recorded, {sampled} sampled, suppressed or lost"
            ));
        }
        let mut skipped = self.stated.skipped.saturating_sub(before.skipped);
        let mut all = 0;
        for row in 0..ROWS {
            let mut missing = Vec::new();
            let (mut least, mut most, mut orphaned) = (0, 0, 0);
            for one in expected {
                let counted = self.of_container(one, row);
                let (low, high) = one.rows[row].clone().into_inner();
                most += high.saturating_sub(counted);
                if one.orphaned {
                    orphaned += high.saturating_sub(counted);
                }
                if counted < low {
                    least += low - counted;
                    missing.push(format!("{}: {counted} of {low}", who(one, row)));
                }
            }
            let stated = self.stated_of(row, before, allowed, orphaned)?;
            if least > stated {
                let silently = least - stated;
                if silently > skipped {
                    return Err(format!(
                        "{silently} lost without a word ({stated} stated): {}",
                        missing.join(", ")
                    ));
                }
                skipped -= silently;
            }
            if let Some(ours) = alone {
                most += ours.host[row];
                if stated > most {
                    return Err(format!(
                        "row {row}: {stated} stated to be lost, at most {most} were"
                    ));
                }
            }
            all += least;
        }
        Ok(all)
    }

    /// Refusals of a row that the daemon says are in no container's count.
    fn stated_of(
        &self,
        row: usize,
        before: &Stated,
        allowed: Allowed,
        orphaned: u64,
    ) -> Result<u64, String> {
        let mut stated = self.stated.other[row].saturating_sub(before.other[row]);
        if stated > 0 && !allowed.limits {
            return Err(format!(
                "{stated} of row {row} past a limit that was not reached"
            ));
        }
        let unseen = self.stated.cgroup_ring > before.cgroup_ring;
        for ((of, reason), count) in &self.stated.unresolved {
            let earlier = before.unresolved.get(&(*of, reason.clone())).unwrap_or(&0);
            let new = count.saturating_sub(*earlier);
            if *of != row || new == 0 {
                continue;
            }
            let fits = match reason.as_str() {
                "counter_overflow" => allowed.overflow,
                "cgroup_unseen" => unseen || new <= orphaned,
                _ => false,
            };
            if !fits {
                return Err(format!("{new} of row {row} are {reason} without a cause"));
            }
            stated += new;
        }
        Ok(stated)
    }
}

fn who(expected: &Expected, row: usize) -> String {
    let refusal = &super::refusals::REFUSALS[row];
    let (operation, errno) = (refusal.operation, label(refusal.errno));
    format!("{} {operation} {errno}", expected.names.join("|"))
}
