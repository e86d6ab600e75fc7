//! How the containers stand: the list that `/api/v1/posture` serves, and the
//! sentences that a person reads.
//!
//! In: a [`Snapshot`], or the list as served. Out: JSON; a line for each finding,
//! the worst first, or nothing where there is none. Invariant: that of `report`;
//! `LINES_MAX` lines at most, and those past them are counted. Lacks on purpose:
//! fetching it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::columns::printable;
use super::paging::Totals;
use super::{Page, ServedContainer};
use crate::aggregate::Snapshot;
use crate::denial::FindingKind;
use crate::posture::Unknown;
use crate::record::{PostureRecord, VERSION};

/// Findings that a person is shown.
const LINES_MAX: usize = 200;

/// How the containers stand.
#[derive(Serialize, ToSchema)]
#[schema(as = PostureList)]
pub struct Listing<'a> {
    version: u32,
    /// By namespace, pod, name and id.
    postures: Vec<PostureRecord<'a>>,
    /// Entries of each list in all, where a part of them was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    totals: Option<Totals>,
}

/// The list as it is served.
pub fn listing(snapshot: &Snapshot, page: Page) -> Result<String, serde_json::Error> {
    let postures = &snapshot.postures;
    let shown = page.part(postures).iter();
    serde_json::to_string(&Listing {
        version: VERSION,
        postures: shown.map(|posture| PostureRecord::of(posture)).collect(),
        totals: page.totals([("postures", postures.len())]),
    })
}

/// What the sentences need of the list.
#[derive(Debug, Default, Deserialize)]
pub struct Served {
    #[serde(default)]
    postures: Vec<ServedPosture>,
}

#[derive(Debug, Deserialize)]
struct ServedPosture {
    container: ServedContainer,
    root_unknown: Option<String>,
    findings: Vec<ServedFinding>,
}

#[derive(Debug, Deserialize)]
struct ServedFinding {
    finding: String,
    sentence: String,
    fix: String,
}

/// The findings in words, the worst first; last, whose root is not known.
pub fn sentences(served: &Served) -> String {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for posture in &served.postures {
        let container = printable(&posture.container.full_name());
        for finding in &posture.findings {
            let (sentence, fix) = (printable(&finding.sentence), printable(&finding.fix));
            let line = format!("{container}: {sentence}; {fix}\n");
            lines.push((rank(&finding.finding), line));
        }
        // A container that is being started is judged a moment later.
        let starting = Unknown::Starting.label();
        let unknown = posture.root_unknown.as_deref();
        if let Some(why) = unknown.filter(|why| *why != starting) {
            let why = printable(why);
            let line = format!("{container}: whether its root is read-only is not known ({why})\n");
            lines.push((usize::MAX, line));
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    lines.sort();
    lines.dedup();
    let more = lines.len().saturating_sub(LINES_MAX);
    let mut text = "\nFINDINGS\n".to_owned();
    text.extend(lines.into_iter().take(LINES_MAX).map(|(_, line)| line));
    if more > 0 {
        text.push_str(&format!("and {more} more; `--format json` has them all\n"));
    }
    text
}

/// Findings of a newer daemon come after those that are known.
fn rank(label: &str) -> usize {
    let known = FindingKind::ALL
        .iter()
        .position(|kind| kind.label() == label);
    known.unwrap_or(FindingKind::ALL.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(findings: &[(&str, &str)], name: &str) -> serde_json::Value {
        let findings: Vec<_> = findings
            .iter()
            .map(|(finding, sentence)| {
                serde_json::json!({"finding": finding, "sentence": sentence, "fix": "mend it",
                    "path": "/", "evidence": "e", "newer": 1})
            })
            .collect();
        serde_json::json!({"container": {"name": name, "namespace": "", "pod": ""},
            "root": "writable", "root_unknown": null, "findings": findings})
    }

    #[test]
    fn the_worst_comes_first_and_the_unknown_last() {
        let mut unknown = served(&[], "c");
        unknown["root_unknown"] = "no_root".into();
        let mut starting = served(&[], "d");
        starting["root_unknown"] = "starting".into();
        let list = serde_json::json!({"version": 2, "postures": [
            served(&[("tmpfs_without_size", "tmpfs /t without size"), ("later", "x\u{1b}[2J")], "a"),
            served(&[("runtime_socket", "socket"), ("runs_as_root", "it runs as root")], "b"),
            unknown, starting,
        ]});
        let expected = "
FINDINGS
b: socket; mend it
b: it runs as root; mend it
a: tmpfs /t without size; mend it
a: x\\x1b[2J; mend it
c: whether its root is read-only is not known (no_root)
";
        assert_eq!(sentences(&serde_json::from_value(list).unwrap()), expected);
        assert_eq!(sentences(&Served::default()), "");
    }

    #[test]
    fn many_findings_are_cut_off() {
        let many: Vec<_> = (0..300)
            .map(|n| served(&[("runs_as_root", "it runs as root")], &format!("c{n}")))
            .collect();
        let list = serde_json::json!({"postures": many});
        let text = sentences(&serde_json::from_value(list).unwrap());
        assert_eq!(text.lines().count(), LINES_MAX + 3);
        assert!(text.contains("and 100 more"), "{text}");
    }

    #[test]
    fn what_is_served_is_what_is_read() {
        use crate::denial::{Container, Runtime};
        use crate::posture::{Facts, HostMounts, Unknown, User, judge, table};
        use std::sync::Arc;
        let rows = crate::mountinfo::parse(
            b"2 1 0:5 / / rw - overlay o rw\n3 2 0:6 / /t rw,nodev - tmpfs t rw,size=4k\n",
        );
        let facts = Facts {
            table: table(&rows, &HostMounts::default(), false),
            user: Ok(User {
                host_uid: 0,
                uid: Some(0),
            }),
        };
        let mut container = Container::unnamed("c0ffee", Runtime::Docker);
        container.read_only_root = Some(true);
        let container = Arc::new(container);
        let of = |facts| Arc::new(judge(&Arc::new(facts), &container));
        let snapshot = Snapshot {
            postures: [of(facts), of(Facts::unknown(Unknown::NoProcess))].into(),
            ..Snapshot::default()
        };
        let json: serde_json::Value =
            serde_json::from_str(&listing(&snapshot, Page::default()).unwrap()).unwrap();
        let first = &json["postures"][0];
        assert_eq!(
            (&first["root"], &first["root_unknown"]),
            (&"writable".into(), &serde_json::Value::Null)
        );
        assert_eq!(first["root_mount"]["fs_type"], "overlay");
        assert_eq!(first["container"]["read_only_root"], true);
        assert_eq!(first["writable_mounts"][0]["size_bytes"], 4096);
        assert_eq!((&first["uid"], &first["host_uid"]), (&0.into(), &0.into()));
        assert_eq!(
            first["findings"][0]["finding"],
            "writable_root_asked_read_only"
        );
        let second = &json["postures"][1];
        assert_eq!(
            (&second["root"], &second["root_unknown"]),
            (&"unknown".into(), &"no_process".into())
        );
        assert_eq!(second["user_unknown"], "no_process");
        let text = sentences(&serde_json::from_value(json).unwrap());
        assert!(
            text.contains("although --read-only was asked for"),
            "{text}"
        );
    }
}
