//! Hosts by table: one thing is wrong with each, and the doctor must name it.

mod cases;
mod hosts;

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Status::{Degraded, Failed, Ok as Well};
use super::finding::{Check, Finding, Status};
use super::judge::{judge, verdict};
use super::report::Report;
use super::{exit_code, text};
use crate::denial::CAP_SYS_PTRACE;
use cases::CASES;
use hosts::{barred, healthy, without};

fn problems(findings: &[Finding]) -> Vec<&Finding> {
    let all = findings.iter();
    all.filter(|finding| finding.status != Status::Ok).collect()
}

#[test]
fn a_healthy_host_has_no_problem() {
    let findings = judge(&healthy());
    assert_eq!(problems(&findings), Vec::<&Finding>::new());
    assert_eq!(exit_code(verdict(&findings)), 0);
    let said: BTreeSet<Check> = findings.iter().map(|finding| finding.check).collect();
    assert_eq!(said, BTreeSet::from_iter(Check::ALL.iter().copied()));
    let text = text::text(&Report::of(&healthy()));
    assert_eq!(text.lines().last().unwrap().split(':').next(), Some("ok"));
}

#[test]
fn what_is_wrong_is_named_with_what_to_do() {
    for (name, spoil, check, status, means, fix) in CASES {
        let mut facts = healthy();
        spoil(&mut facts);
        let findings = judge(&facts);
        let of_check = || findings.iter().filter(|finding| finding.check == *check);
        let has = |words: &Option<String>, wanted: &str| {
            wanted.is_empty() || words.as_ref().is_some_and(|words| words.contains(wanted))
        };
        let right = |finding: &Finding| {
            finding.status == *status && has(&finding.means, means) && has(&finding.fix, fix)
        };
        assert!(
            of_check().any(right),
            "{name}: {:#?}",
            of_check().collect::<Vec<_>>()
        );
        if *status == Well {
            assert!(of_check().all(|finding| finding.status == Well), "{name}");
        } else {
            assert!(verdict(&findings) >= *status, "{name}");
        }
        for finding in problems(&findings) {
            assert!(
                finding.means.is_some() && finding.fix.is_some(),
                "{finding:?}"
            );
        }
        let text = text::text(&Report::of(&facts));
        for line in text.lines().filter(|line| line.chars().count() > 80) {
            assert!(
                line.split_whitespace().any(|word| word.len() > 60),
                "{name}: {line:?}"
            );
        }
        let last = text.lines().rev().take_while(|line| !line.is_empty());
        let verdict = verdict(&findings).label();
        assert!(last.last().unwrap().starts_with(verdict), "{name}: {text}");
    }
}

#[test]
fn every_check_that_can_fail_is_seen_to() {
    let spoilt: BTreeSet<Check> = CASES
        .iter()
        .filter(|case| case.3 != Well)
        .map(|case| case.2)
        .collect();
    let left: Vec<_> = Check::ALL
        .iter()
        .filter(|check| !spoilt.contains(check))
        .collect();
    // These tell what is there; whether that is enough is another's to say.
    assert_eq!(left, [&Check::Kernel, &Check::Lockdown, &Check::Bpffs]);
}

#[test]
fn exit_codes_are_those_of_the_help() {
    assert_eq!([Well, Degraded, Failed].map(exit_code), [0, 1, 3]);
}

#[test]
fn json_keeps_its_names() {
    let mut facts = healthy();
    barred(&mut facts, true);
    without(&mut facts, &[CAP_SYS_PTRACE]);
    let json = serde_json::to_value(Report::of(&facts)).unwrap();
    let keys = |pointer: &str| {
        let object = json.pointer(pointer).unwrap().as_object().unwrap();
        object
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let expected = BTreeMap::from([
        (
            "",
            "capabilities causes control_groups findings hooks kernel lockdown operations runtimes sealwatch verdict version",
        ),
        ("/findings/0", "check fix found means status"),
        ("/hooks/0", "attached backend hook purpose reason"),
        (
            "/operations/0",
            "backends but_not less_than_best measured name only",
        ),
        (
            "/causes/0",
            "backends but_not less_than_best measured name only",
        ),
        ("/capabilities", "effective missing"),
        (
            "/runtimes/0",
            "error runtime socket state storage_driver version",
        ),
    ]);
    for (pointer, names) in expected {
        let mut found: Vec<_> = keys(pointer).split(' ').map(str::to_owned).collect();
        found.sort_unstable();
        assert_eq!(found.join(" "), names, "{pointer}");
    }
    assert_eq!(json["version"], 1);
    assert_eq!(json["verdict"], "degraded");
    assert_eq!(json["control_groups"], "v2");
    assert_eq!(json["lockdown"], "none");
    assert_eq!(
        json["capabilities"]["missing"],
        serde_json::json!(["CAP_SYS_PTRACE"])
    );
    let ptrace = json["operations"].as_array().unwrap();
    let ptrace = ptrace.iter().find(|one| one["name"] == "ptrace").unwrap();
    assert_eq!(
        (
            ptrace["measured"].as_str(),
            ptrace["less_than_best"].as_bool()
        ),
        (Some("none"), Some(true))
    );
    let missing = json["hooks"].as_array().unwrap().iter();
    let missing: Vec<_> = missing.filter(|hook| hook["attached"] == false).collect();
    assert!(
        missing
            .iter()
            .all(|hook| hook["backend"].is_null() && hook["reason"].is_string())
    );
    assert!(missing.len() > 20);
}
