//! A real agent's scrape becomes templates of a node and of its containers.
//!
//! In: the text of a scrape of Docker containers, their names. Out: [`Shape`].
//! Invariant: nothing is made up: every line of a template stood in the scrape,
//! and each of the containers must have lines. Lacks on purpose: scraping.

use anyhow::{Result, ensure};

/// How one line of a container looks.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    /// Up to the container's labels: `name{`.
    before: String,
    /// After them, up to the value: `,errno="EROFS"} `.
    after: String,
    value: f64,
    moves: bool,
}

/// The lines of one container.
#[derive(Clone, Debug)]
pub(super) struct Kind {
    lines: Vec<Line>,
}

/// What a node's text is made of.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// The node's own lines, comments included.
    node: String,
    kinds: Vec<Kind>,
}

/// Whose lines are to be written.
pub(super) struct Who<'a> {
    pub(super) namespace: &'a str,
    pub(super) pod: &'a str,
    pub(super) workload: &'a str,
    pub(super) id: &'a str,
}

impl Shape {
    /// Takes a scrape apart; `containers` are the names of those in it, one for
    /// each kind.
    pub(super) fn of(scrape: &str, containers: &[&str]) -> Result<Shape> {
        let mut node = String::new();
        let mut kinds = vec![Kind { lines: Vec::new() }; containers.len()];
        for line in scrape.lines() {
            let kind = containers
                .iter()
                .position(|name| line.contains(&identity(name)));
            match kind {
                Some(kind) => kinds[kind].lines.push(Line::of(line, containers[kind])?),
                // What is left of other containers is none of the node's.
                None if line.contains("container=\"") && !line.contains("container=\"_") => {}
                None => {
                    node.push_str(line);
                    node.push('\n');
                }
            }
        }
        for (kind, name) in kinds.iter().zip(containers) {
            ensure!(!kind.lines.is_empty(), "the scrape has no line of {name}");
        }
        Ok(Shape { node, kinds })
    }

    /// Series of a node by itself.
    pub(super) fn node_series(&self) -> usize {
        let lines = self.node.lines();
        lines.filter(|line| !line.starts_with('#')).count()
    }

    /// Series of a container of each kind.
    pub(super) fn container_series(&self) -> Vec<usize> {
        self.kinds.iter().map(|kind| kind.lines.len()).collect()
    }

    /// The node's own lines.
    pub(super) fn node(&self) -> &str {
        &self.node
    }

    /// A container's lines, `seconds` after the fleet began.
    pub(super) fn write(&self, kind: usize, who: &Who<'_>, seconds: u64, text: &mut String) {
        use std::fmt::Write as _;
        for line in &self.kinds[kind].lines {
            let moved = if line.moves { seconds as f64 } else { 0.0 };
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "{}namespace=\"{}\",pod=\"{}\",container=\"app\"",
                line.before, who.namespace, who.pod
            );
            let after = line.after.as_str();
            match line.before.as_str() {
                "sealwatch_container_info{" => text.push_str(&described(after, who)),
                _ => text.push_str(after),
            }
            let _ = writeln!(text, "{}", line.value + moved);
        }
    }
}

/// The labels after a container's own, with the fleet's id, workload and revision.
fn described(after: &str, who: &Who<'_>) -> String {
    let mut labels = String::new();
    let whole = after.trim_end().trim_end_matches("\"}");
    for label in whole.split("\",") {
        let name = label.trim_start_matches(',').split('=').next();
        match name.unwrap_or_default() {
            "" => {}
            "container_id" => labels.push_str(&format!(",container_id=\"{}\"", who.id)),
            "workload" => labels.push_str(&format!(",workload=\"{}\"", who.workload)),
            "revision" => labels.push_str(",revision=\"7d9f8b6c5\""),
            _ => {
                labels.push(',');
                labels.push_str(label.trim_start_matches(','));
                labels.push('"');
            }
        }
    }
    format!("{labels}}} ")
}

/// A Docker container's own labels, as they begin each of its lines.
fn identity(name: &str) -> String {
    format!("namespace=\"\",pod=\"\",container=\"{name}\"")
}

impl Line {
    fn of(line: &str, name: &str) -> Result<Line> {
        let identity = identity(name);
        let (before, rest) = line.split_once(&identity).unwrap_or((line, ""));
        let at = rest.rfind(' ').map_or(0, |at| at + 1);
        let (after, value) = rest.split_at(at);
        let value: f64 = value.parse()?;
        // Refusals and what fills up go on; a constant would cost Prometheus less.
        let moves = value > 0.0
            && ["denials_total", "used_bytes", "tmpfs_bytes", "_failures"]
                .iter()
                .any(|part| before.contains(part));
        Ok(Line {
            before: before.to_owned(),
            after: after.to_owned(),
            value,
            moves,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAPE: &str = "\
# HELP sealwatch_denials_total Refused.
# TYPE sealwatch_denials_total counter
sealwatch_denials_total{namespace=\"\",pod=\"\",container=\"busy\",operation=\"create\",errno=\"EROFS\"} 3
sealwatch_container_info{namespace=\"\",pod=\"\",container=\"busy\",container_id=\"ab\",image=\"i,j:1\",workload=\"\",revision=\"\",track=\"\"} 1
sealwatch_rootfs_readonly{namespace=\"\",pod=\"\",container=\"calm\"} 1
sealwatch_rootfs_readonly{namespace=\"\",pod=\"\",container=\"stranger\"} 1
sealwatch_oom_kills_total{namespace=\"\",pod=\"\",container=\"_unresolved\"} 0
sealwatch_containers 2
";

    #[test]
    fn a_scrape_becomes_nodes_and_containers() {
        let shape = Shape::of(SCRAPE, &["busy", "calm"]).unwrap();
        assert_eq!(shape.node_series(), 2);
        assert_eq!(shape.container_series(), [2, 1]);
        assert!(!shape.node().contains("stranger"));
        let who = Who {
            namespace: "n",
            pod: "p-1",
            workload: "w",
            id: "ff",
        };
        let mut text = String::new();
        shape.write(0, &who, 10, &mut text);
        shape.write(1, &who, 10, &mut text);
        assert_eq!(
            text,
            "\
sealwatch_denials_total{namespace=\"n\",pod=\"p-1\",container=\"app\",operation=\"create\",errno=\"EROFS\"} 13
sealwatch_container_info{namespace=\"n\",pod=\"p-1\",container=\"app\",container_id=\"ff\",image=\"i,j:1\",workload=\"w\",revision=\"7d9f8b6c5\",track=\"\"} 1
sealwatch_rootfs_readonly{namespace=\"n\",pod=\"p-1\",container=\"app\"} 1
"
        );
        assert!(Shape::of(SCRAPE, &["absent"]).is_err());
    }
}
