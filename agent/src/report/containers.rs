//! The containers and how they are: the lists that `/api/v1/containers` and
//! `/api/v1/containers/ID` serve.
//!
//! In: a [`Snapshot`]. Out: JSON. Invariant: as in `report`; the worst first.
//! Lacks on purpose: a table.

use serde::Serialize;
use utoipa::ToSchema;

use super::paging::Totals;
use super::{Entry, Page, layers, tmpfs};
use crate::aggregate::Snapshot;
use crate::overview::{self, Standing, State};
use crate::record::{
    DegradedRecord, KillRecord, PostureRecord, StandingRecord, StartRecord, VERSION,
};

/// The containers of this node.
#[derive(Serialize, ToSchema)]
#[schema(as = ContainerList)]
pub struct Listing<'a> {
    version: u32,
    /// The worst first.
    containers: Vec<StandingRecord<'a>>,
    /// Entries of each list in all, where a part of them was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
}

/// All that is known of one container.
#[derive(Serialize, ToSchema)]
#[schema(as = ContainerDetail)]
pub struct Detail<'a> {
    version: u32,
    #[serde(flatten)]
    standing: StandingRecord<'a>,
    /// Mounts and user; `null` where they were not read.
    posture: Option<PostureRecord<'a>>,
    /// The write roots whose writes keep failing.
    degraded: Vec<DegradedRecord<'a>>,
    /// How it fails to start.
    failing_to_start: Option<StartRecord<'a>>,
    /// The latest first.
    denials: Vec<Entry<'a>>,
    /// `null` where they are not measured.
    tmpfs: Option<tmpfs::ContainerEntry<'a>>,
    /// `null` where it is not measured.
    layer: Option<layers::Entry<'a>>,
    /// Processes killed for want of memory, the latest first.
    oom_kills: Vec<KillRecord<'a>>,
}

/// The list as it is served, of all states or one.
pub fn listing(
    snapshot: &Snapshot,
    state: Option<State>,
    page: Page,
) -> Result<String, serde_json::Error> {
    let mut all = overview::containers(snapshot);
    all.retain(|one| state.is_none_or(|state| one.states.contains(&state)));
    let shown = page.part(&all).iter();
    serde_json::to_string(&Listing {
        version: VERSION,
        containers: shown.map(StandingRecord::of).collect(),
        totals: page.totals([("containers", all.len())]),
    })
}

/// One container as it is served.
pub fn detail(one: &Standing, snapshot: &Snapshot) -> Result<String, serde_json::Error> {
    let kills = one.oom_kills.iter();
    serde_json::to_string(&Detail {
        version: VERSION,
        standing: StandingRecord::of(one),
        posture: one.posture.map(PostureRecord::of),
        degraded: one
            .degraded
            .iter()
            .map(|root| DegradedRecord::of(root))
            .collect(),
        failing_to_start: one.start.map(StartRecord::of),
        denials: one.recent.iter().map(|row| Entry::of(row)).collect(),
        tmpfs: one
            .tmpfs
            .map(|filled| tmpfs::container(filled, &snapshot.tmpfs)),
        layer: one.layer.and_then(layers::Entry::of),
        oom_kills: kills.map(|killed| KillRecord::of(killed)).collect(),
    })
}
