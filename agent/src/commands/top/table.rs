//! The containers as one table, where there is no terminal to draw on.
//!
//! In: [`Container`]s. Out: text. Invariant: that of `report`. Lacks on purpose:
//! paths and remedies, which `sealwatch report` prints.

use super::model::Container;
use super::words::rate;
use crate::report::aligned;

const HEAD: [&str; 5] = ["CONTAINER", "STATE", "PER SECOND", "DENIALS", "TMPFS"];
/// The column that gives way.
const NAME: usize = 0;

/// The table for a terminal of `width` columns; none cuts nothing off.
pub(super) fn table(containers: &[Container], width: Option<usize>) -> String {
    if containers.is_empty() {
        return "No containers yet.\n".to_owned();
    }
    let rows = containers.iter().map(|container| {
        let tmpfs = container
            .fullest()
            .map(|share| format!("{:.0} %", share * 100.0));
        [
            container.name.to_string(),
            container.standing.label().to_owned(),
            rate(container.rate),
            container.denials.to_string(),
            tmpfs.unwrap_or_else(|| "-".to_owned()),
        ]
    });
    aligned(HEAD, rows.collect(), NAME, width)
}
