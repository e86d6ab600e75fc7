//! The daemon's list of denials becomes the table that a person reads.
//!
//! In: the JSON of `/api/v1/denials`. Out: [`Row`]s of one container, and text.
//! Invariant: every cell is the daemon's own; it escapes what a container chose.

use anyhow::{Context as _, Result};
use serde::Deserialize;

const HEAD: [&str; 6] = ["CONTAINER", "OPERATION", "PATH", "ERRNO", "CAUSE", "COUNT"];

#[derive(Deserialize)]
struct Listing {
    denials: Vec<Row>,
}

/// One denial of the list; fields that the table does not need are left aside.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Row {
    container: Option<Container>,
    operation: String,
    /// The path as the container sees it.
    pub(super) path: String,
    /// The errno's name.
    pub(super) errno: String,
    cause: String,
    /// How often it happened.
    pub(super) count: u64,
    remedy: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Container {
    name: String,
}

impl Row {
    fn container(&self) -> &str {
        self.container
            .as_ref()
            .map_or("", |container| &container.name)
    }
}

/// The rows of one container, in the order of their first denial.
///
/// # Errors
/// Where the text is no such list.
pub(super) fn rows(listing: &str, container: &str) -> Result<Vec<Row>> {
    let listing: Listing = serde_json::from_str(listing)
        .with_context(|| format!("not a list of denials: {listing}"))?;
    // The latest comes first; a rollout is read from its beginning.
    Ok(listing
        .denials
        .into_iter()
        .rev()
        .filter(|row| row.container() == container)
        .collect())
}

/// Aligned columns, and below them what to do.
pub(super) fn render(rows: &[Row]) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.iter().map(|row| {
        let count = row.count.to_string();
        [
            row.container(),
            &row.operation,
            &row.path,
            &row.errno,
            &row.cause,
            &count,
        ]
        .map(str::to_owned)
    }));
    let widths: [usize; HEAD.len()] = std::array::from_fn(|column| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    let mut text = String::new();
    for line in lines {
        for (width, cell) in widths.iter().zip(&line) {
            text.push_str(&format!("  {cell:<width$}"));
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    for row in rows {
        if let Some(remedy) = &row.remedy {
            text.push_str(&format!("\n  {} on {}: {remedy}", row.errno, row.path));
        }
    }
    text.truncate(text.trim_end().len());
    text
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
    fn a_containers_rows_come_in_order() {
        let rows = rows(LISTING, "myapp").unwrap();
        let paths: Vec<_> = rows
            .iter()
            .map(|row| (row.path.as_str(), row.count))
            .collect();
        assert_eq!(paths, [("/var/run/myapp.pid", 1), ("/data/state.db", 2)]);
        assert!(super::rows("{}", "myapp").is_err());
    }

    #[test]
    fn columns_are_aligned_and_remedies_follow() {
        let text = render(&rows(LISTING, "myapp").unwrap());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].find("PATH"), lines[1].find("/var/run"));
        assert_eq!(lines.last(), Some(&"  EACCES on /data/state.db: chown it"));
    }
}
