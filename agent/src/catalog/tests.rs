//! The tables name everything that exists, once.

use super::*;
use crate::denial::{Backend, Operation, Stage};
use std::collections::BTreeSet;

#[test]
fn names_and_labels_follow_the_conventions() {
    let names: BTreeSet<_> = metrics().map(|metric| metric.name).collect();
    assert_eq!(names.len(), metrics().count());
    for metric in metrics() {
        let counter = metric.kind == MetricKind::Counter;
        assert_eq!(metric.name.ends_with("_total"), counter, "{}", metric.name);
        assert!(
            metric.help.ends_with('.') && !metric.help.contains('\n'),
            "{}",
            metric.name
        );
        let labels: BTreeSet<_> = metric.labels.iter().collect();
        assert_eq!(labels.len(), metric.labels.len(), "{}", metric.name);
    }
}

#[test]
fn tables_are_whole() {
    let tables = tables();
    for (name, text) in tables.iter().filter(|(_, text)| text.starts_with('|')) {
        let columns = text.lines().next().unwrap().matches(" |").count();
        for line in text.lines().skip(2) {
            let pipes = line.replace("\\|", "").matches(" |").count();
            assert_eq!(pipes, columns, "{name}: {line}");
        }
    }
    assert_eq!(
        tables["operations"].lines().count(),
        Operation::ALL.len() + 2
    );
    let unseen = tables["operations"]
        .lines()
        .find(|line| line.starts_with("| `ptrace`"));
    assert!(unseen.unwrap().ends_with("| not measured |"));
    let reasons: BTreeSet<_> = LOSSES.iter().map(|row| (row.stage, row.reason)).collect();
    assert_eq!(reasons.len(), LOSSES.len());
}

#[test]
fn what_can_be_lost_is_in_the_table() {
    let reasons: BTreeSet<_> = LOSSES.iter().map(|row| (row.stage, row.reason)).collect();
    let mut lost = vec![
        (Stage::Kernel, crate::aggregate::REASON_RING_FULL),
        (Stage::Aggregate, crate::aggregate::REASON_TRACKED_FULL),
        (Stage::State, crate::state_file::REASON_UNWRITTEN),
        (Stage::State, crate::state_file::REASON_UNREADABLE),
        (Stage::State, crate::pipeline::REASON_UNREADABLE_COUNTS),
        (Stage::Source, crate::pipeline::REASON_UNREADABLE_TABLES),
        (Stage::Kernel, crate::pipeline::REASON_CGROUP_RING_FULL),
        (Stage::Kernel, crate::pipeline::REASON_PROGRAM_SKIPPED),
        (Stage::Kernel, crate::pipeline::REASON_OOM_TABLE_FULL),
        (Stage::Kernel, crate::pipeline::REASON_INVENTORY_FULL),
        (Stage::Kernel, crate::pipeline::REASON_INVENTORY_RING_FULL),
        (Stage::Aggregate, crate::inventory::REASON_FULL),
        (Stage::Source, crate::pipeline::REASON_MAP_FAILED),
        (Stage::Identity, crate::pipeline::REASON_LOOK_UP_DROPPED),
        (Stage::Identity, crate::pipeline::REASON_POSTURE_TABLE_FULL),
        (Stage::Alert, crate::alert::REASON_QUEUE_FULL),
        (Stage::Alert, crate::alert::REASON_REFUSED),
        (Stage::Alert, crate::alert::REASON_UNWRITTEN),
        (Stage::Alert, crate::alert::REASON_UNREADABLE),
    ];
    for stage in [Stage::Events, Stage::Log] {
        lost.push((stage, crate::output::REASON_QUEUE_FULL));
        lost.push((stage, crate::output::REASON_OUTPUT_FULL));
        lost.push((stage, crate::output::REASON_OUTPUT_CLOSED));
    }
    lost.extend(crate::decode::DecodeError::REASONS.map(|reason| (Stage::Decode, reason)));
    let identity = crate::identity::Identity::new(crate::identity::Limits::default());
    lost.extend(identity.losses().map(|loss| (loss.stage, loss.reason)));
    assert_eq!(BTreeSet::from_iter(lost), reasons);
}

#[test]
fn what_is_said_to_be_seen_has_a_hook_or_a_system_call() {
    for operation in Operation::ALL {
        if is_without_path(*operation) {
            let seen = sight(*operation, Backend::Fexit);
            assert!(matches!(seen, Sight::Only(_)), "{operation:?}");
            continue;
        }
        // Create is an open whose flags say so.
        let hooked = match operation {
            Operation::Create => Operation::Open,
            other => *other,
        };
        let has_hook = crate::host::HOOKS
            .iter()
            .any(|row| row.operation == Some(hooked));
        for backend in [Backend::Fexit, Backend::Kprobe] {
            let sees = sight(*operation, backend) != Sight::None;
            assert_eq!(has_hook, sees, "{operation:?} {backend:?}");
        }
        let rows = sealwatch_ebpf::syscalls::ROWS;
        let has_call = rows.iter().any(|(_, _, call)| call.operation == *operation);
        let sees = sight(*operation, Backend::Tracepoint) != Sight::None;
        assert_eq!(has_call, sees, "{operation:?}");
    }
}

/// Refusals of these are counted by the security modules' hooks.
fn is_without_path(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Ptrace | Operation::Mount | Operation::Signal | Operation::Capability
    )
}
