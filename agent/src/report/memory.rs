//! Processes killed for want of memory, as sentences below the table.
//!
//! In: the list as served. Out: a line per container, ordered by name.
//! Invariant: as in `report`. Lacks on purpose: fetching it.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ServedContainer, name, printable};

/// One row of the list; fields that are not needed are left aside.
#[derive(Debug, Deserialize)]
pub(super) struct ServedKill {
    owner: String,
    container: Option<ServedContainer>,
    killed: u64,
    time: String,
}

pub(super) fn sentences(kills: &[ServedKill]) -> String {
    let mut containers: BTreeMap<String, (u64, &str)> = BTreeMap::new();
    for kill in kills {
        let (killed, last) = containers
            .entry(name(kill.container.as_ref(), &kill.owner))
            .or_default();
        *killed = killed.saturating_add(kill.killed);
        // RFC 3339 in UTC sorts as text.
        *last = (*last).max(kill.time.as_str());
    }
    let lines = containers.iter().map(|(container, (killed, last))| {
        let processes = if *killed == 1 { "process" } else { "processes" };
        let (container, last) = (printable(container), printable(last));
        format!("{container}: {killed} {processes} killed for want of memory, last at {last}\n")
    });
    let lines: String = lines.collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\n{lines}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_of_a_container_are_summed() {
        let kill = |name: &str, killed: u64, time: &str| {
            let json = serde_json::json!({"owner": "container", "killed": killed, "time": time,
                "container": {"name": name}, "count": 9, "cgroup": 7});
            serde_json::from_value::<ServedKill>(json).unwrap()
        };
        let kills = [
            kill("web", 1, "2026-01-02"),
            kill("web", 2, "2026-01-01"),
            kill("a\u{1b}[2J", 1, "2026-01-03"),
        ];
        let expected = "
a\\x1b[2J: 1 process killed for want of memory, last at 2026-01-03
web: 3 processes killed for want of memory, last at 2026-01-02
";
        assert_eq!(sentences(&kills), expected);
        assert_eq!(sentences(&[]), "");
    }
}
