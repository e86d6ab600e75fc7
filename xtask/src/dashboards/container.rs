//! *Container*: all that is known of one.
//!
//! In: nothing. Out: the dashboard. Invariant: no panel needs a recording rule.
//! Lacks on purpose: single refusals and paths, which are in the daemon's events
//! and on its own page.

use super::RUNBOOKS;
use super::model::{Annotation, Dashboard, Panel, Row, Unit};
use super::panel::{BAD, GOOD, WARN, bars, lines, rows, stack, stat, states};
use super::query::{CONTAINER, counted, label_values, number, of, or_zero, rate, sum_by};
use super::thresholds::{
    LAYER_GROWTH_PER_HOUR, TMPFS_FULL, TMPFS_MEMORY, TMPFS_NEAR_FULL, TMPFS_OOM,
};
use super::variable::{self, Variable};

const INFO: &str = "sealwatch_container_info";
const DENIALS: &str = "sealwatch_denials_total";
const ROOTS: &str = "sealwatch_write_root_denials_total";
const BREACHES: &str = "sealwatch_contract_breaches_total";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "sealwatch-container",
        title: "Sealwatch / Container",
        description: "One container: what it is refused and why, what it runs on without, its mounts, its tmpfs mounts and its writable layer. On plain Docker namespace and pod are empty.",
        from: "now-1h",
        variables: variables(),
        annotations: vec![Annotation {
            name: "Alerts",
            color: "red",
            expression: of(
                "ALERTS",
                &format!(r#"alertname=~"Sealwatch.+", alertstate="firing", {CONTAINER}"#),
            ),
            title: "{{alertname}}",
        }],
        rows: vec![
            summary_row(),
            refused_row(),
            state_row(),
            tmpfs_row(),
            layer_row(),
            mounts_row(),
        ],
    }
}

fn variables() -> Vec<Variable> {
    let cluster = r#"cluster=~"$cluster""#;
    let instance = format!(r#"{cluster}, instance=~"$instance""#);
    let namespace = format!(r#"{instance}, namespace=~"$namespace""#);
    let pod = format!(r#"{namespace}, pod=~"$pod""#);
    vec![
        variable::data_source(),
        variable::cluster(INFO),
        variable::any(
            "instance",
            "Node",
            "The agent that tells of the container.",
            label_values(INFO, cluster, "instance"),
        )
        .one_or_all(),
        variable::any(
            "namespace",
            "Namespace",
            "Empty on plain Docker: leave it at All there.",
            label_values(INFO, &instance, "namespace"),
        )
        .one_or_all(),
        variable::any(
            "pod",
            "Pod",
            "Empty on plain Docker: leave it at All there.",
            label_values(INFO, &namespace, "pod"),
        )
        .one_or_all(),
        variable::any(
            "container",
            "Container",
            "Its name.",
            label_values(INFO, &pod, "container"),
        )
        .one(),
        variable::runbooks(RUNBOOKS),
    ]
}

fn summary_row() -> Row {
    let labels = [
        "instance",
        "namespace",
        "pod",
        "container",
        "runtime",
        "image",
        "workload",
        "project",
        "revision",
        "track",
        "container_id",
    ];
    Row {
        title: "What it is",
        panels: vec![
            labels
                .into_iter()
                .fold(
                    rows("Container", "What the runtime tells of it; several rows where it was replaced by another of the same name.").sized(24, 4),
                    Panel::label,
                )
                .of(of(INFO, CONTAINER)),
            stat("Root", "Whether it can write its own root file system; measured, not read from its settings.")
                .unit(Unit::None)
                .query("", format!("min({})", of("sealwatch_rootfs_readonly", CONTAINER)))
                .word(0, "Writable", WARN)
                .word(1, "Read-only", GOOD)
                .runbook("SealwatchRootWritable"),
            stat("Refused", "Operations that the kernel refused in the time range.")
                .query("", format!("sum({})", counted(DENIALS, CONTAINER))),
            stat("Degraded write roots", "Write roots without which it runs on, as its writes there keep failing.")
                .query("", number(of("sealwatch_degraded", CONTAINER)))
                .none_is_good(WARN)
                .runbook("SealwatchCacheDegraded"),
            stat("Failed starts", "How often in a row it was refused something and ended at once; 0 once it has started.")
                .query("", or_zero(format!("max(max_over_time({}[1m]))", of("sealwatch_start_failures_total", CONTAINER))))
                .none_is_good(BAD)
                .runbook("SealwatchFailingToStart"),
            stat("Outside of its contract", "Successful writes outside of its contract in the time range.")
                .query("", or_zero(format!("sum({})", counted(BREACHES, CONTAINER))))
                .none_is_good(WARN)
                .runbook("SealwatchContractBreach"),
            stat("Killed for memory", "Processes that the kernel killed for want of memory in the time range. Not there where it is not measured.")
                .query("", format!("sum({})", counted("sealwatch_oom_kills_total", CONTAINER)))
                .none_is_good(BAD)
                .runbook("SealwatchTmpfsOom"),
        ],
    }
}

fn refused_row() -> Row {
    let by = |label: &str| sum_by(label, rate(ROOTS, CONTAINER));
    let chart = |title, description, legend, label| {
        stack(title, description)
            .sized(8, 8)
            .unit(Unit::PerSecond)
            .starting_at_zero()
            .query(legend, by(label))
    };
    Row {
        title: "Refused",
        panels: vec![
            chart("By write root", "Refused operations per second, by the directory under which the write belongs.", "{{write_root}}", "write_root"),
            chart("By cause", "Refused operations per second, by why. With the tracepoint backend most causes are unknown.", "{{cause}} {{lsm}}", "cause, lsm")
                .runbook("SealwatchLsmDenials"),
            chart("By operation", "Refused operations per second, by what was tried.", "{{operation}} {{errno}}", "operation, errno"),
            ["write_root", "operation", "errno", "cause", "lsm"]
                .into_iter()
                .fold(
                    rows("What to mend", "What was refused in the time range, exactly. The cause says what to change; the daemon's page and its events have paths and remedies."),
                    Panel::label,
                )
                .total("Refused", Unit::Count, counted(ROOTS, CONTAINER))
                .total("Per second", Unit::PerSecond, format!("rate({}[5m])", of(ROOTS, CONTAINER))),
        ],
    }
}

fn state_row() -> Row {
    let root = "instance, namespace, pod, container, write_root";
    let degraded = of("sealwatch_degraded", CONTAINER);
    let labels = ["write_root", "errno", "cause", "lsm", "cache"];
    let failing = ["write_root", "errno", "cause", "lsm"];
    Row {
        title: "What it runs on without",
        panels: vec![
            labels
                .into_iter()
                .fold(rows("Degraded", "Write roots under which its writes keep failing while it runs on, and the cache that they were for, if it is a known one.").sized(12, 6), Panel::label)
                .column("Since", Unit::Since, format!("{degraded} * on ({root}) group_left () ({} * 1000)", of("sealwatch_degraded_since_timestamp_seconds", CONTAINER)))
                .column("Failures", Unit::Count, format!("{degraded} * on ({root}) group_left () {}", of("sealwatch_degraded_failures", CONTAINER)))
                .runbook("SealwatchCacheDegraded"),
            states("Degraded over time", "When it was degraded, by write root.")
                .unit(Unit::None)
                .query("{{write_root}}", format!("max by (write_root) ({degraded})"))
                .word(1, "degraded", WARN),
            failing
                .into_iter()
                .fold(rows("Fails to start", "What it was refused before it ended at once.").sized(12, 6), Panel::label)
                .column("In a row", Unit::Count, format!(
                    "{} * on (instance, namespace, pod, container) group_left () max_over_time({}[1m])",
                    of("sealwatch_failing_to_start", CONTAINER),
                    of("sealwatch_start_failures_total", CONTAINER),
                ))
                .runbook("SealwatchFailingToStart"),
            rows("Writes outside of its contract", "Successful writes outside of its contract in the time range, by write root.")
                .sized(12, 6)
                .label("write_root")
                .total("Writes", Unit::Count, counted(BREACHES, CONTAINER))
                .runbook("SealwatchContractBreach"),
        ],
    }
}

fn tmpfs_row() -> Row {
    let used = of("sealwatch_tmpfs_used_bytes", CONTAINER);
    let limit = of("sealwatch_tmpfs_limit_bytes", CONTAINER);
    let inodes = format!(
        "{} / {}",
        of("sealwatch_tmpfs_used_inodes", CONTAINER),
        of("sealwatch_tmpfs_limit_inodes", CONTAINER)
    );
    let fill = [(TMPFS_NEAR_FULL, WARN), (TMPFS_FULL, BAD)];
    Row {
        title: "Tmpfs mounts and memory",
        panels: vec![
            bars("Bytes in use", "Share of its size that each tmpfs mount holds.")
                .sized(6, 8)
                .unit(Unit::Share)
                .bounds(0.0, 1.0)
                .query("{{mount}}", format!("{used} / {limit}"))
                .from(TMPFS_NEAR_FULL, WARN)
                .from(TMPFS_FULL, BAD)
                .runbook("SealwatchTmpfsNearFull")
                .runbook("SealwatchTmpfsFull"),
            bars("Inodes in use", "Share of its inodes that each tmpfs mount has used up.")
                .sized(6, 8)
                .unit(Unit::Share)
                .bounds(0.0, 1.0)
                .query("{{mount}}", inodes)
                .from(TMPFS_NEAR_FULL, WARN)
                .from(TMPFS_FULL, BAD),
            lines("Tmpfs mounts", "Bytes in each tmpfs mount, and the most that it holds.")
                .unit(Unit::Bytes)
                .starting_at_zero()
                .query("{{mount}}", used.clone())
                .query("{{mount}} at most", limit.clone()),
            rows("Time until full", "Tmpfs mounts with their size, and the time until each has no bytes or inodes left at its recent growth; empty where it does not grow.")
                .sized(12, 6)
                .label("mount")
                .graded("In use", Unit::Share, &fill, format!("{used} / {limit}"))
                .column("Size", Unit::Bytes, limit)
                .column("Bytes last", Unit::Seconds, of("sealwatch_tmpfs_time_to_full_seconds", &format!(r#"{CONTAINER}, resource="bytes""#)))
                .column("Inodes last", Unit::Seconds, of("sealwatch_tmpfs_time_to_full_seconds", &format!(r#"{CONTAINER}, resource="inodes""#)))
                .column("Without a size", Unit::Count, of("sealwatch_tmpfs_unbounded", CONTAINER))
                .runbook("SealwatchTmpfsNearFull"),
            states("Pressure", "When each tmpfs mount was near full or full.")
                .unit(Unit::None)
                .query("{{mount}} {{resource}}", of("sealwatch_tmpfs_pressure", CONTAINER))
                .from(1.0, WARN)
                .from(2.0, BAD)
                .word(0, "room", GOOD)
                .word(1, "near full", WARN)
                .word(2, "full", BAD)
                .runbook("SealwatchTmpfsFull"),
            lines("Memory", "Bytes in all tmpfs mounts, which count as the container's memory, and its memory limit.")
                .unit(Unit::Bytes)
                .starting_at_zero()
                .query("tmpfs", of("sealwatch_container_tmpfs_bytes", CONTAINER))
                .query("limit", of("sealwatch_container_memory_limit_bytes", CONTAINER)),
            lines("Share of the memory limit", "How much of its memory limit the tmpfs mounts take; none where there is no limit. The dashed line is where the alert begins.")
                .sized(8, 8)
                .unit(Unit::Share)
                .starting_at_zero()
                .query("tmpfs", of("sealwatch_container_tmpfs_memory_ratio", CONTAINER))
                .from(TMPFS_MEMORY, WARN)
                .runbook("SealwatchTmpfsMemory"),
            bars("At its last kill", "Share of the memory limit that the tmpfs mounts took when the kernel last killed a process of it for want of memory, and the largest of them.")
                .sized(4, 8)
                .unit(Unit::Share)
                .bounds(0.0, 1.0)
                .query("{{mount}}", of("sealwatch_oom_tmpfs_memory_ratio", CONTAINER))
                .from(TMPFS_OOM, BAD)
                .runbook("SealwatchTmpfsOom"),
        ],
    }
}

fn layer_row() -> Row {
    let bytes = of("sealwatch_writable_layer_bytes", CONTAINER);
    Row {
        title: "Writable layer",
        panels: vec![
            lines("Kept in the writable layer", "Bytes that it has written into its own root; they go with the container. A lower bound where there are too many entries to look at.")
                .sized(8, 8)
                .unit(Unit::Bytes)
                .starting_at_zero()
                .query("bytes", bytes.clone())
                .runbook("SealwatchWritableLayerGrowth"),
            lines("Growth of the writable layer", "Over the last 30 minutes; the dashed line is where the alert begins.")
                .sized(8, 8)
                .unit(Unit::BytesPerSecond)
                .query("growth", format!("deriv({bytes}[30m])"))
                .from(LAYER_GROWTH_PER_HOUR / 3600.0, WARN)
                .runbook("SealwatchWritableLayerGrowth"),
            stat("Entries", "Files, directories, links and whiteouts in the writable layer.")
                .query("", format!("max({})", of("sealwatch_writable_layer_entries", CONTAINER))),
            stat("Entries past the limit", "Whether there are more entries than are looked at, so that bytes and entries are lower bounds.")
                .unit(Unit::None)
                .query("", format!("max({})", of("sealwatch_writable_layer_truncated", CONTAINER)))
                .from(1.0, WARN)
                .word(0, "No", GOOD)
                .word(1, "Yes", WARN),
        ],
    }
}

fn mounts_row() -> Row {
    let mounts = [
        "mount", "kind", "fs_type", "mode", "noexec", "nosuid", "nodev",
    ];
    Row {
        title: "Mounts, findings, contract",
        panels: vec![
            mounts
                .into_iter()
                .fold(
                    rows(
                        "Root, and what it can write besides",
                        "Its root and every mount that it can write.",
                    )
                    .sized(12, 8),
                    Panel::label,
                )
                .column("Mounts", Unit::Count, of("sealwatch_mount_info", CONTAINER)),
            bars(
                "Findings",
                "What is amiss with its mounts and its user, and in how many places.",
            )
            .sized(6, 8)
            .query(
                "{{finding}}",
                sum_by("finding", of("sealwatch_findings", CONTAINER)),
            )
            .none_is_good(WARN)
            .runbook("SealwatchRootWritable"),
            rows("Contract", "The contract that it has.")
                .sized(6, 4)
                .label("contract")
                .label("container_id")
                .of(of("sealwatch_contract_info", CONTAINER)),
            stat(
                "Writes that were not judged",
                "Successful writes in the time range of which it is not known where they went.",
            )
            .sized(6, 4)
            .query(
                "",
                format!(
                    "sum(increase({}[$__range]))",
                    of("sealwatch_contract_unjudged_total", CONTAINER)
                ),
            )
            .none_is_good(WARN),
        ],
    }
}
