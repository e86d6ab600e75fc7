//! The forms of a report, held to files: a hostile one and a clean one.
//!
//! `SEALWATCH_GOLDEN=write cargo test --lib check` writes the files anew.

use std::path::Path;

use super::judge::{Rules, conclude, judge};
use super::lists::{Change, Named};
use super::observe::Found;
use super::verdict::{Breach, ContainerReport, End, Problem, Refusal, Report, VERSION, Verdict};
use super::{github, junit, text};

/// What `escape` leaves of a name with a newline and a terminal's escape, and
/// what means something to XML, Markdown and GitHub.
const HOSTILE: &str = "/run/%0A::error::x|<b>`&\"']]>\\x0a\\x1b[2J";

fn clean() -> Report {
    let found = Found {
        named: Named {
            id: "c0ffee11".repeat(8),
            name: "web".to_owned(),
            image: "img:1".to_owned(),
            ..Named::default()
        },
        ids: vec!["c0ffee11".repeat(8)],
        read_only: Some(true),
        ..Found::default()
    };
    let mut report = Report {
        version: VERSION,
        verdict: Verdict::NotObserved,
        sentence: String::new(),
        command: ["docker", "run", "--read-only", "img:1"]
            .map(str::to_owned)
            .to_vec(),
        end: Some(End {
            code: Some(0),
            signal: None,
            stopped: None,
            failed: false,
        }),
        seconds: 1.5,
        kernel: "6.12.0".to_owned(),
        backend: "fexit".to_owned(),
        containers: vec![judge(&found, &Rules::default())],
        unobserved: Vec::new(),
        not_measured: Vec::new(),
        notes: Vec::new(),
    };
    conclude(&mut report, false);
    report
}

fn refusal(operation: &str, path: &str, count: u64, exact: bool) -> Refusal {
    Refusal {
        operation: operation.to_owned(),
        path: path.to_owned(),
        count,
        exact,
    }
}

fn problem(root: &str, errno: &str, cause: &str, refusals: Vec<Refusal>) -> Problem {
    Problem {
        write_root: root.to_owned(),
        errno: errno.to_owned(),
        cause: cause.to_owned(),
        lsm: None,
        evidence: String::new(),
        count: refusals.iter().map(|refusal| refusal.count).sum(),
        refusals,
        remedy: None,
        suggestion: None,
        changes: Vec::new(),
        accepted: None,
    }
}

fn hostile() -> Report {
    let change = |target: &str, text: &str| Change {
        target: target.to_owned(),
        text: text.to_owned(),
    };
    let mut report = clean();
    let known = Problem {
        evidence: "the mount at / is read-only".to_owned(),
        remedy: Some(
            "mount a tmpfs at /run: what is written there may be lost with the container"
                .to_owned(),
        ),
        changes: vec![
            change("docker", "--tmpfs /run:rw,nosuid,nodev,noexec,size=16m"),
            change("compose", "tmpfs:\n  - \"/run:rw\""),
        ],
        ..problem(
            "/run",
            "EROFS",
            "read_only_mount",
            vec![
                refusal("create", HOSTILE, 3, true),
                refusal("mkdir", "/run/d", 1, true),
            ],
        )
    };
    let suggested = Problem {
        suggestion: Some("log to standard output".to_owned()),
        ..problem(
            "/var/log",
            "EROFS",
            "unknown",
            vec![refusal("create", "/var/log/x", 1, true)],
        )
    };
    let lsm = Problem {
        lsm: Some("apparmor".to_owned()),
        ..problem(
            "/srv",
            "EACCES",
            "lsm",
            vec![refusal("open", "/srv/x", 2, false)],
        )
    };
    let rest = problem(
        "_other",
        "EROFS",
        "unknown",
        vec![refusal("create", "", 99_999, true)],
    );
    let accepted = Problem {
        accepted: Some("--accept /tmp/**".to_owned()),
        ..problem(
            "/tmp",
            "EROFS",
            "unknown",
            vec![refusal("create", "/tmp/x", 1, true)],
        )
    };
    let breach = Breach {
        write_root: "/opt".to_owned(),
        destination: "upper_layer".to_owned(),
        paths: vec!["/opt/<script>".to_owned()],
        operations: 2,
        reason: "the contract does not name it".to_owned(),
    };
    let container = &mut report.containers[0];
    *container = ContainerReport {
        read_only_root: Some(false),
        denials: 100_006,
        accepted: 1,
        problems: vec![known, suggested, rest, lsm],
        accepted_problems: vec![accepted],
        contract: true,
        breaches: vec![breach],
        ..container.clone()
    };
    report.end = Some(End {
        code: Some(3),
        signal: None,
        stopped: None,
        failed: true,
    });
    report.not_measured = vec!["create through io_uring (the tracepoint backend)".to_owned()];
    report.notes = vec!["a note".to_owned()];
    conclude(&mut report, false);
    report
}

fn forms(report: &Report) -> [(&'static str, String); 5] {
    [
        ("txt", text::text(report, None)),
        ("json", serde_json::to_string_pretty(report).unwrap() + "\n"),
        ("xml", junit::junit(report).unwrap()),
        ("github", github::commands(report)),
        ("md", github::summary(report)),
    ]
}

fn hold(name: &str, report: &Report) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands/check/golden");
    for (form, text) in forms(report) {
        let path = golden.join(format!("{name}.{form}"));
        if std::env::var("SEALWATCH_GOLDEN").as_deref() == Ok("write") {
            std::fs::write(&path, &text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, kept, "{}", path.display());
    }
}

#[test]
fn a_clean_report_is_as_kept() {
    hold("clean", &clean());
}

#[test]
fn a_hostile_report_is_as_kept() {
    hold("hostile", &hostile());
}

#[test]
fn no_form_lets_a_path_out() {
    let report = hostile();
    for (form, text) in forms(&report) {
        assert!(!text.contains('\u{1b}'), "{form}");
        // Nothing begins a line or an element of its own.
        assert!(
            !text.lines().any(|line| line.starts_with("::error::x")),
            "{form}"
        );
    }
    let [_, _, (_, xml), (_, commands), (_, markdown)] = forms(&report);
    assert!(!xml.contains("<b>") && !xml.contains("<script>"), "{xml}");
    assert!(
        !markdown.contains("<b>") && !markdown.contains("<script>"),
        "{markdown}"
    );
    for line in commands.lines() {
        let rest = ["::error title=", "::notice title=", "::warning title="]
            .iter()
            .find_map(|start| line.strip_prefix(start));
        let (title, message) = rest.and_then(|rest| rest.split_once("::")).unwrap();
        assert!(!title.contains([',', ':']), "{line}");
        // A percent sign is ours alone.
        for text in [title, message] {
            for (at, _) in text.match_indices('%') {
                let code = &text[at + 1..at + 3];
                assert!(["25", "0A", "0D", "3A", "2C"].contains(&code), "{line}");
            }
        }
    }
}
