//! Who is degraded or fails to start: the list that `/api/v1/degraded` serves,
//! and the tables that a person reads.
//!
//! In: a [`Snapshot`], or the list as served. Out: JSON; tables, or nothing where
//! there is nobody to show. Invariant: that of `report`. Lacks on purpose:
//! fetching it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::columns::{aligned, printable, utc_seconds};
use super::paging::Totals;
use super::{Page, ServedContainer};
use crate::aggregate::Snapshot;
use crate::record::{DegradedRecord, StartRecord, VERSION};

/// Who is degraded or fails to start.
#[derive(Serialize, ToSchema)]
#[schema(as = DegradedList)]
pub struct Listing<'a> {
    version: u32,
    /// How long nothing was counted before the daemon started.
    unwatched_seconds: Option<f64>,
    /// By container and write root.
    degraded: Vec<DegradedRecord<'a>>,
    /// By workload.
    failing_to_start: Vec<StartRecord<'a>>,
    /// Entries of each list in all, where a part of them was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
}

/// The list as it is served.
pub fn listing(snapshot: &Snapshot, page: Page) -> Result<String, serde_json::Error> {
    let state = &snapshot.state;
    let (roots, starts) = (&state.degraded, &state.starts);
    serde_json::to_string(&Listing {
        version: VERSION,
        unwatched_seconds: state.unwatched.map(|time| time.as_secs_f64()),
        degraded: page.part(roots).iter().map(DegradedRecord::of).collect(),
        failing_to_start: page.part(starts).iter().map(StartRecord::of).collect(),
        totals: page.totals([
            ("degraded", roots.len()),
            ("failing_to_start", starts.len()),
        ]),
    })
}

/// What the tables need of the list.
#[derive(Debug, Default, Deserialize)]
pub struct Served {
    #[serde(default)]
    degraded: Vec<ServedRoot>,
    #[serde(default)]
    failing_to_start: Vec<ServedStart>,
}

#[derive(Debug, Deserialize)]
struct ServedRoot {
    container: ServedContainer,
    write_root: String,
    since: String,
    failures: u64,
    errno: String,
    cause: String,
    cache: Option<String>,
    cache_means: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ServedStart {
    container: ServedContainer,
    write_root: String,
    last_time: String,
    failures: u64,
    exit_code: Option<i32>,
    errno: String,
    cause: String,
}

/// The column of the write root, which gives way in both tables.
const ROOT: usize = 1;

/// The tables for a terminal of `width` columns.
pub fn tables(served: &Served, width: Option<usize>) -> String {
    let mut text = String::new();
    if !served.degraded.is_empty() {
        let rows = served.degraded.iter().map(|root| {
            [
                printable(&root.container.full_name()),
                printable(&root.write_root),
                printable(&root.errno),
                printable(&root.cause),
                utc_seconds(&root.since),
                root.failures.to_string(),
                printable(root.cache.as_deref().unwrap_or("-")),
            ]
        });
        let head = [
            "DEGRADED",
            "WRITE ROOT",
            "ERRNO",
            "CAUSE",
            "SINCE",
            "FAILURES",
            "CACHE",
        ];
        text.push_str(&aligned(head, rows.collect(), ROOT, width));
        for root in &served.degraded {
            if let (Some(cache), Some(means)) = (&root.cache, &root.cache_means) {
                let (name, cache) = (root.container.full_name(), printable(cache));
                let name = printable(&name);
                text.push_str(&format!(
                    "{name}: its {cache} cannot be written: it {}\n",
                    printable(means)
                ));
            }
        }
        text.push('\n');
    }
    if !served.failing_to_start.is_empty() {
        let rows = served.failing_to_start.iter().map(|start| {
            let code = start.exit_code.map(|code| code.to_string());
            [
                printable(&start.container.full_name()),
                printable(&start.write_root),
                printable(&start.errno),
                printable(&start.cause),
                utc_seconds(&start.last_time),
                start.failures.to_string(),
                code.unwrap_or_else(|| "-".to_owned()),
            ]
        });
        let head = [
            "FAILING TO START",
            "WRITE ROOT",
            "ERRNO",
            "CAUSE",
            "LAST",
            "TIMES",
            "EXIT CODE",
        ];
        text.push_str(&aligned(head, rows.collect(), ROOT, width));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_say_who_and_where() {
        let container = serde_json::json!({"name": "web", "namespace": "shop", "pod": "p\u{1b}"});
        let served: Served = serde_json::from_value(serde_json::json!({"version": 2,
            "degraded": [{"container": container, "write_root": "/var/cache/x", "since":
                "2026-01-01T00:00:00.000000000Z", "failures": 9, "errno": "EROFS", "cause":
                "read_only_mount", "cache": "OCSP cache", "cache_means": "asks the responder"}],
            "failing_to_start": [{"container": container, "write_root": "/run", "last_time":
                "2026-01-01T00:00:00.000000000Z", "failures": 2, "exit_code": null, "errno":
                "EROFS", "cause": "unknown"}]}))
        .unwrap();
        let text = tables(&served, None);
        let expected = "\
DEGRADED        WRITE ROOT    ERRNO  CAUSE            SINCE                 FAILURES  CACHE
shop/p\\x1b/web  /var/cache/x  EROFS  read_only_mount  2026-01-01T00:00:00Z  9         OCSP cache
shop/p\\x1b/web: its OCSP cache cannot be written: it asks the responder

FAILING TO START  WRITE ROOT  ERRNO  CAUSE    LAST                  TIMES  EXIT CODE
shop/p\\x1b/web    /run        EROFS  unknown  2026-01-01T00:00:00Z  2      -

";
        assert_eq!(text, expected);
        assert!(tables(&Served::default(), None).is_empty());
    }
}
