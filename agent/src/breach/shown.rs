//! Contracts and breaches as the sinks see them.
//!
//! In: nothing but the state. Out: [`Shown`], immutable. Invariant: bounded as
//! the state is; what a contract's file says is printable already. Lacks on
//! purpose: formats.

use std::sync::Arc;
use std::time::SystemTime;

use super::Breaches;
use crate::degrade::Workload;
use crate::denial::Container;
use crate::inventory::Destination;

/// Why a write is outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The contract does not name the place.
    Undeclared,
    /// It says that nothing should be written there.
    ShouldNotExist {
        /// Below what.
        path: String,
        /// In its own words; empty where it has none.
        reason: String,
    },
}

impl Why {
    /// The name used in events.
    pub const fn label(&self) -> &'static str {
        match self {
            Why::Undeclared => "undeclared",
            Why::ShouldNotExist { .. } => "should_not_exist",
        }
    }
}

/// What a container wrote outside of its contract, under one write root.
#[derive(Clone, Debug)]
pub struct Breach {
    /// Whose.
    pub container: Arc<Container>,
    /// The contract's name.
    pub contract: Arc<str>,
    /// Where the writes belong.
    pub write_root: Arc<str>,
    /// Where the latest went.
    pub destination: Destination,
    /// Why they are outside.
    pub why: Why,
    /// Writes so far.
    pub count: u64,
    /// Those of them that no event has told.
    pub new: u64,
    /// The first that was seen.
    pub first: SystemTime,
    /// The latest.
    pub last: SystemTime,
    /// Some of the paths, escaped.
    pub paths: Vec<String>,
}

impl Breach {
    /// What to do, in a sentence.
    pub fn fix(&self) -> String {
        let root = &self.write_root;
        match &self.why {
            Why::ShouldNotExist { path, reason } => {
                let why = match reason.is_empty() {
                    true => String::new(),
                    false => format!(": {reason}"),
                };
                format!("keep the program from writing to {path}, where nothing should be{why}")
            }
            Why::Undeclared if self.destination.kind == "upper_layer" => format!(
                "declare {root} in the contract and mount a tmpfs or a volume there, or keep the program from writing there: a read-only root refuses it"
            ),
            Why::Undeclared => {
                format!("declare {root} in the contract, or keep the program from writing there")
            }
        }
    }
}

/// A contract, and how many containers it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contracted {
    /// Its name.
    pub name: Arc<str>,
    /// The pattern of containers, printable.
    pub pattern: String,
    /// Containers that are there.
    pub containers: u64,
}

/// The numbers of the containers of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Whose.
    pub workload: Workload,
    /// Writes outside by write root.
    pub roots: Vec<(Arc<str>, u64)>,
    /// Writes of which it is not known where they went.
    pub unjudged: u64,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Every contract, in their order.
    pub contracts: Vec<Contracted>,
    /// The containers that are there and have one, with its name.
    pub holders: Vec<(Arc<Container>, Arc<str>)>,
    /// By container and write root.
    pub breaches: Vec<Breach>,
    /// Their numbers by name.
    pub counted: Vec<Counted>,
}

impl Breaches {
    /// The state, for the sinks.
    pub fn shown(&self) -> Shown {
        let mut contracts: Vec<Contracted> = self
            .contracts
            .iter()
            .map(|declared| Contracted {
                name: declared.name.as_str().into(),
                pattern: declared.contract.container.clone(),
                containers: 0,
            })
            .collect();
        let mut holders = Vec::new();
        for under in self.under.values().filter(|under| under.lives) {
            let contract = &mut contracts[under.contract];
            contract.containers += 1;
            holders.push((Arc::clone(&under.container), Arc::clone(&contract.name)));
        }
        let mut breaches: Vec<Breach> = self
            .under
            .values()
            .flat_map(|under| under.roots.values())
            .map(|root| root.breach.clone())
            .collect();
        let whose = |container: &Container| (Workload::of(container), container.id.clone());
        breaches.sort_by_cached_key(|one| (whose(&one.container), Arc::clone(&one.write_root)));
        holders.sort_by_cached_key(|(container, _)| whose(container));
        let counted = self.series.iter().map(|(workload, series)| Counted {
            workload: workload.clone(),
            roots: series
                .roots
                .iter()
                .map(|(root, count)| (Arc::clone(root), *count))
                .collect(),
            unjudged: series.unjudged,
        });
        Shown {
            contracts,
            holders,
            breaches,
            counted: counted.collect(),
        }
    }
}
