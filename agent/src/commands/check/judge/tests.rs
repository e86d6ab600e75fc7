//! What is a problem, what is accepted, what is a breach, and how it ends.

use super::super::lists::Written;
use super::*;
use crate::commands::check::verdict::{End, VERSION};

fn row(path: &str, root: &str, errno: &str, count: u64) -> Row {
    serde_json::from_value(serde_json::json!({
        "container": {"id": "c0", "name": "web"}, "operation": "create", "errno": errno,
        "cause": if errno == "EROFS" { "read_only_mount" } else { "mode_bits" },
        "path": path, "write_root": root, "remedy": format!("mount a tmpfs at {root}"),
        "changes": [{"target": "docker", "text": format!("--tmpfs {root}")}],
        "count": count, "exact": true,
    }))
    .unwrap()
}

fn counts(rows: &[Row]) -> BTreeMap<(Kind, String), u64> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts
            .entry((row.kind(), row.write_root.clone()))
            .or_insert(0) += row.count;
    }
    counts
}

fn found(rows: Vec<Row>) -> Found {
    Found {
        named: Named {
            id: "c0".to_owned(),
            name: "web".to_owned(),
            ..Named::default()
        },
        counts: counts(&rows),
        rows,
        ..Found::default()
    }
}

fn accepting(patterns: &[&str]) -> Rules {
    Rules {
        accept: patterns
            .iter()
            .map(|pattern| (*pattern).to_owned())
            .collect(),
        ..Rules::default()
    }
}

#[test]
fn one_change_is_one_problem_and_the_root_comes_first() {
    let judged = judge(
        &found(vec![
            row("/data/a", "/data", "EACCES", 50),
            row("/run/a", "/run", "EROFS", 1),
            row("/run/b", "/run", "EROFS", 2),
        ]),
        &Rules::default(),
    );
    assert_eq!((judged.denials, judged.accepted), (53, 0));
    let problems: Vec<_> = judged
        .problems
        .iter()
        .map(|problem| {
            (
                problem.write_root.as_str(),
                problem.count,
                problem.refusals.len(),
            )
        })
        .collect();
    assert_eq!(problems, [("/run", 3, 2), ("/data", 50, 1)]);
    assert_eq!(judged.problems[0].refusals[0].path, "/run/b");
    assert_eq!(judged.problems[0].changes.len(), 1);
}

#[test]
fn a_flood_is_counted_to_the_last_although_paths_are_samples() {
    let mut flood = found(vec![row("/run/1", "/run", "EROFS", 1)]);
    let kind = flood.rows[0].kind();
    flood.counts = BTreeMap::from([
        ((kind.clone(), "/run".to_owned()), 1),
        ((kind, "_other".to_owned()), 99_999),
    ]);
    let judged = judge(&flood, &Rules::default());
    assert_eq!(judged.denials, 100_000);
    assert_eq!(judged.problems.len(), 2);
    // What has no path is not accepted by the sample's pattern.
    let judged = judge(&flood, &accepting(&["/run/**"]));
    assert_eq!((judged.denials, judged.accepted), (99_999, 1));
}

#[test]
fn a_row_that_its_series_call_otherwise_is_counted_once() {
    let mut odd = found(vec![row("/run/1", "/run", "EROFS", 4)]);
    let mut kind = odd.rows[0].kind();
    kind.cause = "unknown".to_owned();
    odd.counts = BTreeMap::from([((kind, "/run".to_owned()), 4)]);
    let judged = judge(&odd, &Rules::default());
    assert_eq!((judged.denials, judged.problems.len()), (4, 1));
    // A row whose series have not come yet.
    odd.counts.clear();
    assert_eq!(judge(&odd, &Rules::default()).denials, 4);
}

#[test]
fn whole_roots_are_accepted_by_patterns_that_cover_them() {
    for (pattern, root, covers) in [
        ("/run/**", "/run", true),
        ("/run/**", "/run/app", true),
        ("/**", "/run", true),
        ("/run/*/**", "/run/app", true),
        ("/run/*/**", "/run", false),
        ("/run/app/**", "/run", false),
        ("/run/*", "/run", false),
        ("/**", "_other", false),
    ] {
        assert_eq!(covers_root(pattern, root), covers, "{pattern} {root}");
    }
    let mut flood = found(vec![]);
    let kind = row("/x", "/x", "EROFS", 1).kind();
    flood.counts = BTreeMap::from([((kind, "/run/app".to_owned()), 7)]);
    let judged = judge(&flood, &accepting(&["/run/**"]));
    assert_eq!((judged.denials, judged.accepted), (0, 7));
    assert_eq!(
        judged.accepted_problems[0].accepted.as_deref(),
        Some("--accept /run/**")
    );
}

const CONTRACT: &str = "\
version: 1
container: web
write_roots:
  - {path: /var/cache/app, kind: tmpfs}
  - {path: /etc/app, kind: should_not_exist, reason: settings belong into the image}
accept:
  - {path: /run/x.pid, operation: create, reason: it runs without}
";

fn contracts(sole: bool) -> Rules {
    Rules {
        contracts: crate::contract::parse("test", CONTRACT).unwrap(),
        sole,
        ..Rules::default()
    }
}

fn written(root: &str, paths: &[&str]) -> Written {
    serde_json::from_value(serde_json::json!({
        "write_root": root, "destination": "upper_layer", "opens": 1, "creates": 2,
        "directories": 0, "renames": 0, "writes": 3, "last_monotonic_ns": 1, "paths": paths,
    }))
    .unwrap()
}

#[test]
fn writes_outside_the_contract_are_breaches() {
    let mut one = found(vec![row("/run/x.pid", "/run", "EROFS", 1)]);
    one.writes = vec![
        written("/var/cache", &["/var/cache/app/a"]),
        written("/var/cache/app", &[]),
        written("/dev", &["/dev/null"]),
        written("/etc/app", &["/etc/app/a"]),
        written("/srv", &["/srv/a", "/srv/b"]),
        written("/opt", &[]),
    ];
    let executed = written("/usr", &["/usr/x"]);
    one.writes.push(Written {
        opens: 0,
        creates: 0,
        writes: 0,
        ..executed
    });
    let judged = judge(&one, &contracts(false));
    assert!(judged.contract);
    let breaches: Vec<_> = judged
        .breaches
        .iter()
        .map(|breach| {
            (
                breach.write_root.as_str(),
                breach.paths.len(),
                breach.operations,
            )
        })
        .collect();
    assert_eq!(
        breaches,
        [("/etc/app", 1, 6), ("/srv", 2, 6), ("/opt", 1, 6)]
    );
    assert!(judged.breaches[0].reason.contains("settings belong"));
    assert!(judged.breaches[1].reason.contains("does not name it"));
    assert_eq!(
        judged.accepted_problems[0].accepted.as_deref(),
        Some("it runs without")
    );
    // A container of another name is held to it only where it is the one checked.
    one.named.name = "other".to_owned();
    assert!(judge(&one, &contracts(false)).breaches.is_empty());
    assert_eq!(judge(&one, &contracts(true)).breaches.len(), 3);
}

fn report(containers: Vec<ContainerReport>) -> Report {
    Report {
        version: VERSION,
        verdict: Verdict::NotObserved,
        sentence: String::new(),
        command: Vec::new(),
        end: None,
        seconds: 2.0,
        kernel: String::new(),
        backend: String::new(),
        containers,
        unobserved: Vec::new(),
        not_measured: Vec::new(),
        notes: Vec::new(),
    }
}

#[test]
fn the_verdict_never_calls_the_unseen_clean() {
    let clean = || judge(&found(vec![]), &Rules::default());
    let denied = || {
        judge(
            &found(vec![row("/run/a", "/run", "EROFS", 2)]),
            &Rules::default(),
        )
    };
    let end = |failed| {
        Some(End {
            code: Some(3),
            signal: None,
            stopped: None,
            failed,
        })
    };
    let cases: [(ContainerReport, bool, &[&str], &[&str], bool, Verdict, &str); 8] = [
        (
            clean(),
            false,
            &[],
            &[],
            false,
            Verdict::Passed,
            "passed: no denial in web within 2.0 s",
        ),
        (
            denied(),
            false,
            &[],
            &[],
            false,
            Verdict::Failed,
            "failed: 2 denials (1 problem) in web",
        ),
        (
            denied(),
            false,
            &["why"],
            &[],
            false,
            Verdict::Failed,
            "failed: 2 denials",
        ),
        (
            clean(),
            false,
            &["why"],
            &[],
            false,
            Verdict::NotObserved,
            "not observed: why",
        ),
        (
            clean(),
            true,
            &[],
            &[],
            false,
            Verdict::Failed,
            "failed: the command failed with exit code 3",
        ),
        (
            clean(),
            true,
            &["why"],
            &[],
            false,
            Verdict::NotObserved,
            "not observed: why",
        ),
        (
            clean(),
            false,
            &[],
            &["gap"],
            false,
            Verdict::Passed,
            "passed",
        ),
        (
            clean(),
            false,
            &[],
            &["gap"],
            true,
            Verdict::NotObserved,
            "not observed: gap",
        ),
    ];
    for (container, failed, unobserved, gaps, strict, verdict, sentence) in cases {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let mut report = Report {
            end: end(failed),
            unobserved: texts(unobserved),
            not_measured: texts(gaps),
            ..report(vec![container])
        };
        conclude(&mut report, strict);
        assert_eq!(report.verdict, verdict, "{}", report.sentence);
        assert!(report.sentence.starts_with(sentence), "{}", report.sentence);
    }
    assert_eq!(
        [Verdict::Passed, Verdict::Failed, Verdict::NotObserved].map(Verdict::exit_code),
        [0, 1, 3]
    );
}
