//! What the containers' writable layers keep becomes the list that
//! `/api/v1/layers` serves, and the table that a person reads.
//!
//! In: a [`Snapshot`], or the list as served. Out: JSON; a table, the largest first.
//! Invariant: as in `report`. Lacks on purpose: names of files.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::columns::{aligned, printable};
use super::paging::Totals;
use super::{Page, ServedContainer};
use crate::aggregate::Snapshot;
use crate::aggregate::layers::Layered;
use crate::amount::size;
use crate::record::{ContainerRecord, VERSION};

/// What the containers' writable layers keep.
#[derive(Serialize, ToSchema)]
#[schema(as = LayerList)]
pub struct Listing<'a> {
    version: u32,
    /// By the container's id.
    layers: Vec<Entry<'a>>,
    /// Entries of each list in all, where a part of them was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
}

/// One writable layer.
#[derive(Serialize, ToSchema)]
#[schema(as = Layer)]
pub(super) struct Entry<'a> {
    container: ContainerRecord<'a>,
    /// Can the container write to it?
    writable: bool,
    /// On the disk, in whole blocks.
    bytes: u64,
    /// Files, directories, links and whiteouts.
    entries: u64,
    /// There is more: bytes and entries are lower bounds.
    truncated: bool,
    /// Since the walk before.
    growth_bytes_per_second: Option<f64>,
}

impl<'a> Entry<'a> {
    /// None where it is not measured.
    pub(super) fn of(layered: &'a Layered) -> Option<Self> {
        let kept = layered.layer.kept.ok()?;
        Some(Entry {
            container: ContainerRecord::of(&layered.container),
            writable: layered.layer.writable,
            bytes: kept.bytes,
            entries: kept.entries,
            truncated: kept.truncated,
            growth_bytes_per_second: kept.growth,
        })
    }
}

/// The list as it is served.
pub fn listing(snapshot: &Snapshot, page: Page) -> Result<String, serde_json::Error> {
    // The others are counted by their reason, and are not in the list.
    let all = &snapshot.layers.containers;
    serde_json::to_string(&Listing {
        version: VERSION,
        layers: page.part(all).iter().filter_map(Entry::of).collect(),
        totals: page.totals([("layers", all.len())]),
    })
}

/// What the table needs of the list; fields it does not know are left aside.
#[derive(Debug, Deserialize)]
pub struct Served {
    layers: Vec<ServedLayer>,
}

#[derive(Debug, Deserialize)]
struct ServedLayer {
    container: ServedContainer,
    writable: bool,
    bytes: u64,
    entries: u64,
    truncated: bool,
    growth_bytes_per_second: Option<f64>,
}

const HEAD: [&str; 4] = ["CONTAINER", "WRITABLE LAYER", "ENTRIES", "GROWTH"];
/// The column that gives way.
const CONTAINER: usize = 0;

/// The table for a terminal of `width` columns, without layers that nobody can
/// write to; empty where there is nothing to tell.
pub fn table(served: &Served, width: Option<usize>) -> String {
    let writable = served.layers.iter().filter(|layer| layer.writable);
    let mut layers: Vec<&ServedLayer> = writable.collect();
    if layers.is_empty() {
        return String::new();
    }
    layers.sort_by_key(|layer| std::cmp::Reverse(layer.bytes));
    let rows = layers.into_iter().map(cells).collect();
    aligned(HEAD, rows, CONTAINER, width)
}

fn cells(layer: &ServedLayer) -> [String; 4] {
    let more = if layer.truncated { " or more" } else { "" };
    let growth = layer.growth_bytes_per_second.unwrap_or(0.0);
    let minute = size((growth.abs() * 60.0).min(1e18) as u64);
    [
        printable(&layer.container.full_name()),
        format!("{}{more}", size(layer.bytes)),
        format!("{}{more}", layer.entries),
        match growth {
            0.0 => String::new(),
            growth if growth < 0.0 => format!("-{minute} a minute"),
            _ => format!("{minute} a minute"),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first() {
        let layer = |name: &str,
                     bytes: u64,
                     writable: bool,
                     truncated: bool,
                     growth: Option<f64>| {
            serde_json::json!({"container": {"name": name}, "writable": writable, "bytes": bytes,
                "entries": 12, "truncated": truncated, "growth_bytes_per_second": growth})
        };
        let served = serde_json::json!({"version": 2, "layers": [
            layer("still", 4096, true, false, Some(0.0)),
            layer("fixed", 1 << 30, false, false, None),
            layer("log\u{1b}", 5 << 20, true, true, None),
            layer("grows", 1 << 20, true, false, Some(1024.0)),
        ]});
        let expected = "\
CONTAINER  WRITABLE LAYER  ENTRIES     GROWTH
log\\x1b    5 MiB or more   12 or more
grows      1 MiB           12          60 KiB a minute
still      4 KiB           12
";
        let served: Served = serde_json::from_value(served).unwrap();
        assert_eq!(table(&served, None), expected);
        assert_eq!(table(&Served { layers: vec![] }, None), "");
    }
}
