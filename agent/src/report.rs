//! Recent denials become the list that `/api/v1/denials` serves, and the table
//! that a person reads.
//!
//! In: a [`Snapshot`]'s recent denials, or the list as served. Out: JSON; a
//! table. Invariant: the list is bounded by the aggregate; nothing in the table
//! can move a terminal's cursor, whoever served the list. Lacks on purpose:
//! fetching it, and colours.

pub mod breach;
mod columns;
pub mod containers;
pub mod degraded;
mod inventory;
pub mod layers;
mod memory;
mod paging;
pub mod posture;
pub mod status;
pub mod tmpfs;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::aggregate::{Labels, Recent, Snapshot};
use crate::denial::{Cause, escape};
use crate::record::{self, KillRecord, Record, VERSION};

pub use columns::{aligned, printable, utc_seconds};
pub use inventory::{Listing as InventoryListing, inventory};
pub use paging::Page;

use paging::Totals;

/// What was refused lately.
#[derive(Serialize, ToSchema)]
#[schema(as = DenialList)]
pub struct Listing<'a> {
    version: u32,
    /// The latest first.
    denials: Vec<Entry<'a>>,
    /// Processes killed for want of memory, the latest first.
    oom_kills: Vec<KillRecord<'a>>,
    /// All denials by container; never a part of them.
    counts: Vec<CountEntry>,
    /// Entries of each list in all, where a part of them was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
}

/// All denials of one container; those without a name, and those past the limit
/// of containers, share one each.
#[derive(Serialize, ToSchema)]
#[schema(as = DenialCount)]
struct CountEntry {
    container: Named,
    count: u64,
}

/// A container's name.
#[derive(Serialize, ToSchema)]
#[schema(as = ContainerName)]
struct Named {
    name: String,
    namespace: String,
    pod: String,
}

impl CountEntry {
    fn of(labels: &Labels, counts: impl Iterator<Item = u64>) -> Self {
        let text = |text: &str| escape(text.as_bytes());
        CountEntry {
            container: Named {
                name: text(&labels.container),
                namespace: text(&labels.namespace),
                pod: text(&labels.pod),
            },
            count: counts.fold(0, u64::saturating_add),
        }
    }
}

fn counts(snapshot: &Snapshot) -> Vec<CountEntry> {
    let groups = snapshot.groups.iter();
    let named = groups.map(|group| {
        let counts = group.counts.iter().map(|(_, _, count)| *count);
        CountEntry::of(&group.labels, counts)
    });
    let unresolved = snapshot.unresolved.iter().map(|(_, _, count)| *count);
    let unresolved = CountEntry::of(&Labels::unresolved(), unresolved);
    named
        .chain((unresolved.count > 0).then_some(unresolved))
        .collect()
}

/// All refusals of one container with the same operation, errno, cause and path.
#[derive(Serialize, ToSchema)]
#[schema(as = Denial)]
struct Entry<'a> {
    #[serde(flatten)]
    record: Record<'a>,
    /// How many.
    count: u64,
    /// False where only samples are known: there were more.
    exact: bool,
    /// Of the first sample.
    first_time: String,
    /// Of the latest.
    last_time: String,
}

impl<'a> Entry<'a> {
    fn of(recent: &'a Recent) -> Self {
        Entry {
            record: Record::of(&recent.sample),
            count: recent.count.max(1),
            exact: recent.exact,
            first_time: record::time(recent.first),
            last_time: record::time(recent.sample.time),
        }
    }
}

/// The list as it is served.
pub fn listing(snapshot: &Snapshot, page: Page) -> Result<String, serde_json::Error> {
    let (denials, kills) = (&snapshot.recent, &snapshot.oom_kills);
    let shown = page.part(kills).iter();
    serde_json::to_string(&Listing {
        version: VERSION,
        denials: page.part(denials).iter().map(Entry::of).collect(),
        oom_kills: shown.map(|killed| KillRecord::of(killed)).collect(),
        counts: counts(snapshot),
        totals: page.totals([("denials", denials.len()), ("oom_kills", kills.len())]),
    })
}

/// What the table needs of the list; fields it does not know are left aside.
#[derive(Debug, Deserialize)]
pub struct Served {
    /// The rows, the latest first.
    pub denials: Vec<ServedDenial>,
    /// Processes killed for want of memory; an older daemon serves no such list.
    #[serde(default)]
    oom_kills: Vec<memory::ServedKill>,
}

/// One row of [`Served`].
#[derive(Debug, Deserialize)]
pub struct ServedDenial {
    owner: String,
    container: Option<ServedContainer>,
    operation: String,
    errno: String,
    cause: String,
    /// The security module's name.
    #[serde(default)]
    lsm: Option<String>,
    path: String,
    remedy: Option<String>,
    count: u64,
    exact: bool,
}

/// A container as it is named in every list.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ServedContainer {
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    pod: String,
}

impl ServedContainer {
    /// With pod and namespace, where it has them.
    pub fn full_name(&self) -> String {
        match self.pod.is_empty() {
            true => self.name.clone(),
            false => format!("{}/{}/{}", self.namespace, self.pod, self.name),
        }
    }
}

const HEAD: [&str; 6] = ["CONTAINER", "OPERATION", "PATH", "ERRNO", "CAUSE", "COUNT"];
/// The column that gives way where the terminal is narrow.
const PATH: usize = 2;

/// The table for a terminal of `width` columns; none cuts nothing off.
pub fn table(served: &Served, width: Option<usize>) -> String {
    if served.denials.is_empty() {
        return format!("No denials yet.\n{}", memory::sentences(&served.oom_kills));
    }
    let rows = served.denials.iter().map(cells).collect();
    let mut text = columns::aligned(HEAD, rows, PATH, width);
    text.push_str(&remedies(served));
    text.push_str(&memory::sentences(&served.oom_kills));
    text
}

fn cells(denial: &ServedDenial) -> [String; 6] {
    let container = name(denial.container.as_ref(), &denial.owner);
    let path = if denial.path.is_empty() {
        "-"
    } else {
        &denial.path
    };
    let cause = match &denial.lsm {
        Some(lsm) if denial.cause == Cause::Lsm.label() => format!("{}/{lsm}", denial.cause),
        Some(_) | None => denial.cause.clone(),
    };
    let count = if denial.exact {
        denial.count.to_string()
    } else {
        format!("{}+", denial.count)
    };
    [
        printable(&container),
        printable(&denial.operation),
        printable(path),
        printable(&denial.errno),
        printable(&cause),
        count,
    ]
}

/// How a container is named in the table.
fn name(container: Option<&ServedContainer>, owner: &str) -> String {
    match container {
        Some(container) => container.full_name(),
        None => format!("({owner})"),
    }
}

fn remedies(served: &Served) -> String {
    let mut lines: Vec<String> = served
        .denials
        .iter()
        .filter_map(|denial| {
            let remedy = denial.remedy.as_ref()?;
            Some(format!("{}: {}\n", cells(denial)[0], printable(remedy)))
        })
        .collect();
    lines.sort();
    lines.dedup();
    if lines.is_empty() {
        String::new()
    } else {
        format!("\n{}", lines.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(path: &str) -> Served {
        let json = serde_json::json!({"version": 1, "denials": [
            {"owner": "container", "container": {"name": "web", "namespace": "", "pod": ""},
             "operation": "create", "errno": "EROFS", "cause": "read_only_mount", "path": path,
             "remedy": "mount a tmpfs at /var/run", "count": 3, "exact": true, "more": [1]},
            {"owner": "container", "container": {"name": "c", "namespace": "shop", "pod": "p"},
             "operation": "write", "errno": "ENOSPC", "cause": "unknown", "path": "",
             "remedy": null, "count": 1, "exact": false},
            {"owner": "host", "container": null, "operation": "open", "errno": "EACCES",
             "cause": "lsm", "lsm": "apparmor", "path": "/x", "remedy": null, "count": 2, "exact": true},
        ]});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn columns_stand_below_each_other() {
        let text = table(&served("/var/run/myapp.pid"), None);
        let expected = "\
CONTAINER  OPERATION  PATH                ERRNO   CAUSE            COUNT
web        create     /var/run/myapp.pid  EROFS   read_only_mount  3
shop/p/c   write      -                   ENOSPC  unknown          1+
(host)     open       /x                  EACCES  lsm/apparmor     2

web: mount a tmpfs at /var/run
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_narrow_terminal_cuts_the_path_at_its_beginning() {
        let text = table(
            &served("/a/very/long/path/that/does/not/fit/here/file"),
            Some(75),
        );
        assert!(text.lines().take(4).all(|line| line.len() <= 75), "{text}");
        assert!(
            text.contains("...") && text.contains("fit/here/file"),
            "{text}"
        );
    }

    #[test]
    fn nothing_moves_the_cursor_and_escapes_stay_readable() {
        let text = table(&served("/a\\x0ab\u{1b}[2J\u{202e}"), Some(200));
        assert!(text.contains("/a\\x0ab\\x1b[2J\\xe2\\x80\\xae"), "{text}");
        let nothing: Served = serde_json::from_str("{\"denials\": []}").unwrap();
        assert!(table(&nothing, None).contains("No denials"));
    }
}
