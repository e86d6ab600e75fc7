//! A [`Report`] becomes JUnit's XML, as build servers read it.
//!
//! In: a report. Out: XML. Invariant: a suite for each container and one for the
//! check itself; a clean run has cases that pass, so that it is not taken for one
//! that tested nothing. Lacks on purpose: dates, which the build server has.

use std::time::Duration;

use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::text;
use super::verdict::{ContainerReport, Problem, Report};

/// The class of all cases.
const CLASS: &str = "sealwatch.check";

/// The document.
pub(super) fn junit(report: &Report) -> Result<String, SerializeError> {
    let time = Duration::try_from_secs_f64(report.seconds).unwrap_or_default();
    let mut document = quick_junit::Report::new("sealwatch check");
    document.set_time(time);
    let mut own = own(report);
    own.set_time(time);
    document.add_test_suite(own);
    for container in &report.containers {
        let mut suite = suite(report, container);
        suite.set_time(time);
        document.add_test_suite(suite);
    }
    document.to_string()
}

/// Adds a case under a name that no other has: by it, servers compare runs.
fn add(suite: &mut TestSuite, name: &str, status: TestCaseStatus) {
    let taken = |name: &str| {
        let mut cases = suite.test_cases.iter();
        cases.any(|case| case.name.as_str() == name)
    };
    let mut unique = name.to_owned();
    let mut number = 1;
    while taken(&unique) {
        number += 1;
        unique = format!("{name} #{number}");
    }
    let mut case = TestCase::new(unique, status);
    case.set_classname(CLASS);
    suite.add_test_case(case);
}

/// What a case of denials is called.
fn denials(problem: &Problem) -> String {
    format!(
        "denials under {} ({}, {})",
        problem.write_root, problem.errno, problem.cause
    )
}

fn bad(kind: NonSuccessKind, what: &str, message: &str, body: &[String]) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status
        .set_type(what)
        .set_message(message)
        .set_description(body.join("\n"));
    status
}

/// Was it seen, and did the command end well?
fn own(report: &Report) -> TestSuite {
    let mut suite = TestSuite::new("sealwatch check");
    suite.add_property(("kernel", report.kernel.as_str()));
    suite.add_property(("backend", report.backend.as_str()));
    suite.add_property(("verdict", report.sentence.as_str()));
    let observed = match report.unobserved.first() {
        None => TestCaseStatus::success(),
        Some(first) => bad(
            NonSuccessKind::Error,
            "not_observed",
            first,
            &report.unobserved,
        ),
    };
    add(&mut suite, "observed", observed);
    if let Some(end) = &report.end {
        let status = match end.failed {
            false => TestCaseStatus::success(),
            true => {
                let message = match (end.code, end.signal) {
                    (Some(code), _) => format!("the command failed with exit code {code}"),
                    (None, signal) => {
                        format!("the command was ended by signal {}", signal.unwrap_or(0))
                    }
                };
                bad(
                    NonSuccessKind::Failure,
                    "command",
                    &message,
                    &report.command,
                )
            }
        };
        add(&mut suite, "command", status);
    }
    let notes: Vec<&str> = report
        .not_measured
        .iter()
        .chain(&report.notes)
        .map(String::as_str)
        .collect();
    if !notes.is_empty() {
        suite.set_system_out(notes.join("\n"));
    }
    suite
}

fn suite(report: &Report, container: &ContainerReport) -> TestSuite {
    let mut suite = TestSuite::new(container.full_name());
    suite.add_property(("image", container.image.as_str()));
    suite.add_property(("ids", container.ids.join(",").as_str()));
    suite.add_property(("kernel", report.kernel.as_str()));
    suite.add_property(("backend", report.backend.as_str()));
    for problem in &container.problems {
        let lines = text::lines(report, problem);
        let message = lines.first().cloned().unwrap_or_default();
        let status = bad(NonSuccessKind::Failure, &problem.cause, &message, &lines);
        add(&mut suite, &denials(problem), status);
    }
    for problem in &container.accepted_problems {
        let mut status = TestCaseStatus::skipped();
        status.set_message(format!(
            "accepted: {}",
            problem.accepted.as_deref().unwrap_or_default()
        ));
        status.set_description(text::headline(problem));
        add(&mut suite, &denials(problem), status);
    }
    if container.problems.is_empty() {
        add(&mut suite, "no denials", TestCaseStatus::success());
    }
    for breach in &container.breaches {
        let lines = text::breach_lines(breach);
        let message = lines.first().cloned().unwrap_or_default();
        let status = bad(NonSuccessKind::Failure, "breach", &message, &lines);
        let name = format!("writes to {}", breach.write_root);
        add(&mut suite, &name, status);
    }
    if container.contract && container.breaches.is_empty() {
        let name = "no writes outside the contract";
        add(&mut suite, name, TestCaseStatus::success());
    }
    suite
}
