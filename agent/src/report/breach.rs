//! Contracts and the writes outside of them: the list that `/api/v1/breaches`
//! serves, and the table that a person reads.
//!
//! In: a [`Snapshot`], or the list as served. Out: JSON; a table, or nothing
//! where there is no breach. Invariant: that of `report`. Lacks on purpose:
//! fetching it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::columns::{aligned, printable};
use super::paging::Totals;
use super::{Page, ServedContainer};
use crate::aggregate::Snapshot;
use crate::record::{BreachRecord, ContainerRecord, VERSION};

/// Contracts, and the writes outside of them.
#[derive(Serialize, ToSchema)]
#[schema(as = BreachList)]
pub struct Listing<'a> {
    version: u32,
    contracts: Vec<Contract<'a>>,
    breaches: Vec<BreachRecord<'a>>,
    /// Entries of each list in all, where a part of them was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
}

/// A contract that the daemon was given.
#[derive(Serialize, ToSchema)]
#[schema(as = GivenContract)]
struct Contract<'a> {
    /// Its file, and its number in it where it is not alone.
    name: &'a str,
    /// The pattern of containers.
    container: &'a str,
    /// The containers that are there and have it; a contract of nobody has none.
    containers: Vec<ContainerRecord<'a>>,
}

/// The list as it is served.
pub fn listing(snapshot: &Snapshot, page: Page) -> Result<String, serde_json::Error> {
    let shown = &snapshot.breaches;
    let contracts = page.part(&shown.contracts).iter().map(|contract| {
        let holders = shown.holders.iter();
        let own = holders.filter(|(_, name)| *name == contract.name);
        Contract {
            name: &contract.name,
            container: &contract.pattern,
            containers: own.map(|(who, _)| ContainerRecord::of(who)).collect(),
        }
    });
    serde_json::to_string(&Listing {
        version: VERSION,
        contracts: contracts.collect(),
        breaches: page
            .part(&shown.breaches)
            .iter()
            .map(BreachRecord::of)
            .collect(),
        totals: page.totals([
            ("contracts", shown.contracts.len()),
            ("breaches", shown.breaches.len()),
        ]),
    })
}

/// What the table needs of the list; an older daemon serves none.
#[derive(Debug, Default, Deserialize)]
pub struct Served {
    #[serde(default)]
    contracts: Vec<ServedContract>,
    #[serde(default)]
    breaches: Vec<ServedBreach>,
}

#[derive(Debug, Deserialize)]
struct ServedContract {
    name: String,
    container: String,
    containers: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct ServedBreach {
    container: ServedContainer,
    contract: String,
    write_root: String,
    destination: String,
    count: u64,
    paths: Vec<String>,
    fix: String,
}

const HEAD: [&str; 5] = ["BREACH", "WRITE ROOT", "WENT TO", "WRITES", "PATH"];
/// The column that gives way where the terminal is narrow.
const PATH: usize = 4;

/// The table for a terminal of `width` columns, what to do, and contracts of nobody.
pub fn table(served: &Served, width: Option<usize>) -> String {
    let mut text = String::new();
    if !served.breaches.is_empty() {
        let rows = served.breaches.iter().map(|breach| {
            [
                printable(&breach.container.full_name()),
                printable(&breach.write_root),
                printable(&breach.destination),
                breach.count.to_string(),
                printable(breach.paths.first().map_or("-", String::as_str)),
            ]
        });
        text.push_str(&aligned(HEAD, rows.collect(), PATH, width));
        for breach in &served.breaches {
            text.push_str(&format!(
                "{} ({}): {}\n",
                printable(&breach.container.full_name()),
                printable(&breach.contract),
                printable(&breach.fix)
            ));
        }
    }
    let unused = served.contracts.iter();
    for contract in unused.filter(|contract| contract.containers.is_empty()) {
        text.push_str(&format!(
            "{}: no container that is there fits {}\n",
            printable(&contract.name),
            printable(&contract.container)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breach::{Breach, Contracted, Shown, Why};
    use crate::denial::{Container, Runtime};
    use crate::inventory::Destination;
    use std::sync::Arc;
    use std::time::SystemTime;

    fn snapshot() -> Snapshot {
        let container = Arc::new(Container {
            name: "we\x1bb".to_owned(),
            ..Container::unnamed(&"ab".repeat(32), Runtime::Docker)
        });
        let contract = |name: &str, containers| Contracted {
            name: name.into(),
            pattern: "web*".to_owned(),
            containers,
        };
        Snapshot {
            breaches: Arc::new(Shown {
                contracts: vec![contract("/c/web.yaml", 1), contract("/c/old.yaml", 0)],
                holders: vec![(Arc::clone(&container), "/c/web.yaml".into())],
                breaches: vec![Breach {
                    container,
                    contract: "/c/web.yaml".into(),
                    write_root: "/srv".into(),
                    destination: Destination::UNKNOWN,
                    why: Why::Undeclared,
                    count: 7,
                    new: 0,
                    first: SystemTime::UNIX_EPOCH,
                    last: SystemTime::UNIX_EPOCH,
                    paths: vec!["/srv/a".to_owned()],
                }],
                counted: Vec::new(),
            }),
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_breach_is_a_row_and_a_sentence() {
        let served: Served =
            serde_json::from_str(&listing(&snapshot(), Page::default()).unwrap()).unwrap();
        let text = table(&served, None);
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[1].contains("/srv") && lines[1].contains('7'),
            "{text}"
        );
        assert!(lines[2].contains("(/c/web.yaml): declare /srv"), "{text}");
        assert_eq!(
            lines[3],
            "/c/old.yaml: no container that is there fits web*"
        );
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn without_contracts_there_is_nothing() {
        assert_eq!(table(&Served::default(), None), "");
        let empty: Served = serde_json::from_str("{}").unwrap();
        assert_eq!(table(&empty, None), "");
    }
}
