//! The daemon's list of denials, as far as the demonstration looks at it.
//!
//! In: the JSON of `sealwatch report`. Out: the [`Row`]s of one container.
//! Lacks on purpose: a table; the daemon prints its own.

use anyhow::{Context as _, Result};
use serde::Deserialize;

#[derive(Deserialize)]
struct Listing {
    denials: Vec<Row>,
}

/// One denial of the list; what the demonstration does not look at is left aside.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Row {
    container: Option<Container>,
    /// The path as the container sees it.
    pub(super) path: String,
    /// The errno's name.
    pub(super) errno: String,
    /// How often it happened.
    pub(super) count: u64,
}

#[derive(Clone, Debug, Deserialize)]
struct Container {
    name: String,
}

/// The rows of one container.
///
/// # Errors
/// Where the text is no such list.
pub(super) fn rows(listing: &str, container: &str) -> Result<Vec<Row>> {
    let listing: Listing = serde_json::from_str(listing)
        .with_context(|| format!("not a list of denials: {listing}"))?;
    let of = |row: &Row| {
        row.container
            .as_ref()
            .is_some_and(|it| it.name == container)
    };
    Ok(listing.denials.into_iter().filter(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = r#"{"version": 1, "denials": [
        {"container": {"name": "myapp", "id": "1"}, "operation": "create", "errno": "EACCES",
         "path": "/data/state.db", "cause": "mode_bits", "count": 2, "remedy": "chown it"},
        {"container": {"name": "other"}, "operation": "open", "errno": "EROFS",
         "path": "/x", "cause": "unknown", "count": 1, "remedy": null},
        {"container": null, "operation": "open", "errno": "EROFS",
         "path": "/y", "cause": "unknown", "count": 1, "remedy": null},
        {"container": {"name": "myapp"}, "operation": "create", "errno": "EROFS",
         "path": "/var/run/myapp.pid", "cause": "read_only_mount", "count": 1, "remedy": null}]}"#;

    #[test]
    fn only_the_containers_rows_are_taken() {
        let rows = rows(LISTING, "myapp").unwrap();
        let paths: Vec<_> = rows
            .iter()
            .map(|row| (row.path.as_str(), row.count))
            .collect();
        assert_eq!(paths, [("/data/state.db", 2), ("/var/run/myapp.pid", 1)]);
        assert!(super::rows("{}", "myapp").is_err());
    }
}
