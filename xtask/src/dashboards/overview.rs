//! *Overview*: nodes, namespaces and the fleet.
//!
//! In: nothing. Out: the dashboard. Invariant: what would read the series of all
//! denials is read from recording rules; tables show the largest few. Lacks on
//! purpose: single containers beyond those.

mod room;

use super::RUNBOOKS;
use super::model::{Annotation, Dashboard, Panel, Row, Target, Unit};
use super::panel::{BAD, GOOD, WARN, lines, rows, stack, stat};
use super::query::{
    AGENTS, FLEET, IDENTITY, containers, counted, label_values, number, of, or_zero, rate, sum_by,
    top,
};
use super::thresholds::{TMPFS_MEMORY, TMPFS_NEAR_FULL};
use super::variable::{self, Variable};

const BUILD: &str = "sealwatch_build_info";
const REFUSED: &str = "container:sealwatch_denials:rate5m";
const BREACHES: &str = "sealwatch_contract_breaches_total";
/// Recorded by node and namespace, so that both variables select.
const BY_CAUSE: &str = "node_namespace:sealwatch_denials:rate5m";
const SEALED: &str = "node_namespace:sealwatch_rootfs_readonly:sum";
const ROOTS: &str = "node_namespace:sealwatch_rootfs_readonly:count";
/// What recording rules of rollouts have.
const NAMESPACES: &str = r#"cluster=~"$cluster", namespace=~"$namespace""#;
/// What recording rules of nodes have.
const NODES: &str = r#"cluster=~"$cluster", instance=~"$instance""#;
/// Alerts have an instance where they are of one.
const ALERTS: &str = r#"alertname=~"Sealwatch.+", alertstate="firing", cluster=~"$cluster", instance=~"$instance", namespace=~"$namespace""#;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "sealwatch-overview",
        title: "Sealwatch / Overview",
        description: "The fleet: who is refused writes, who runs on without them, whose tmpfs fills up, whose root can be written. Needs the recording rules of deploy/prometheus/sealwatch.rules.yaml.",
        from: "now-1h",
        variables: variables(),
        annotations: vec![Annotation {
            name: "New revisions",
            color: "blue",
            expression: of("revision:sealwatch_rollout:new", NAMESPACES),
            title: "{{app}}: revision {{revision}}",
        }],
        rows: vec![
            now_row(),
            alerts_row(),
            refused_row(),
            state_row(),
            room::tmpfs(),
            room::roots(),
            room::layers(),
            nodes_row(),
        ],
    }
}

fn variables() -> Vec<Variable> {
    vec![
        variable::data_source(),
        variable::cluster("container:sealwatch_container_info:max"),
        variable::job(BUILD),
        variable::agents(BUILD),
        variable::any(
            "namespace",
            "Namespace",
            "Empty on plain Docker: leave it at All there.",
            label_values("sealwatch_container_info", NODES, "namespace"),
        ),
        variable::runbooks(RUNBOOKS),
    ]
}

fn now_row() -> Row {
    let some = |metric: &str| number(containers(of(metric, FLEET)));
    Row {
        title: "Now",
        panels: vec![
            stat("Agents up", "Agents that Prometheus gets metrics of.")
                .query("", format!("sum({})", of("up", AGENTS))),
            stat("Agents down", "Agents that Prometheus gets no metrics of: nothing is told of the containers there.")
                .query("", number(format!("{} == 0", of("up", AGENTS))))
                .none_is_good(BAD)
                .runbook("SealwatchAgentDown"),
            stat("Containers", "Containers that the agents know to be there.")
                .query("", format!("sum({})", of("sealwatch_containers", AGENTS))),
            stat("Refused", "Operations that the kernel refused, per second, over 5 minutes.")
                .unit(Unit::PerSecond)
                .query("", format!("sum({})", of(BY_CAUSE, FLEET))),
            stat("Degraded", "Containers that run on without writes that keep failing.")
                .query("", some("sealwatch_degraded"))
                .none_is_good(WARN)
                .runbook("SealwatchCacheDegraded"),
            stat("Failing to start", "Containers that were refused something and ended at once.")
                .query("", some("sealwatch_failing_to_start"))
                .none_is_good(BAD)
                .runbook("SealwatchFailingToStart"),
            stat("Read-only roots", "Share of the containers that cannot write their own root; measured, not read from settings.")
                .unit(Unit::Share)
                .query("", format!("sum({}) / sum({})", of(SEALED, FLEET), of(ROOTS, FLEET))),
            stat("Tmpfs near full", format!("Tmpfs mounts that are at least {} % full; one that lacks bytes and inodes counts twice.", TMPFS_NEAR_FULL * 100.0))
                .query("", or_zero(format!("sum({})", of("node_namespace:sealwatch_tmpfs_pressure:count", FLEET))))
                .none_is_good(WARN)
                .runbook("SealwatchTmpfsNearFull")
                .runbook("SealwatchTmpfsFull"),
            stat("Firing alerts", "Alerts of Sealwatch that fire.")
                .query("", number(of("ALERTS", ALERTS)))
                .none_is_good(WARN),
            stat("Killed for memory", "Processes that the kernel killed for want of memory in the time range. Not there where it is not measured.")
                .query("", format!("sum({})", counted("sealwatch_oom_kills_total", FLEET)))
                .none_is_good(WARN)
                .runbook("SealwatchTmpfsOom"),
            stat("Outside of contracts", "Successful writes outside of the container's contract in the time range.")
                .query("", or_zero(format!("sum({})", counted(BREACHES, FLEET))))
                .none_is_good(WARN)
                .runbook("SealwatchContractBreach"),
            stat("Have a contract", "Containers that have a contract.")
                .query("", format!("sum({})", of("sealwatch_contract_containers", AGENTS))),
        ],
    }
}

fn alerts_row() -> Row {
    let labels = [
        "alertname",
        "severity",
        "instance",
        "namespace",
        "pod",
        "container",
        "write_root",
        "mount",
    ];
    Row {
        title: "Alerts",
        panels: vec![
            labels
                .into_iter()
                .fold(
                    rows(
                        "Firing",
                        "Alerts that fire, with their runbooks and containers.",
                    ),
                    Panel::label,
                )
                .of(of("ALERTS", ALERTS))
                .leads_to(Target::Runbook),
        ],
    }
}

fn refused_row() -> Row {
    let few = |label: &str| top(sum_by(label, of(BY_CAUSE, FLEET)));
    let chart = |panel: Panel| panel.sized(8, 8).unit(Unit::PerSecond).starting_at_zero();
    Row {
        title: "Refused",
        panels: vec![
            chart(stack("By cause", "Refused operations per second, by why. With the tracepoint backend most causes are unknown."))
                .query("{{cause}}", sum_by("cause", of(BY_CAUSE, FLEET))),
            chart(stack("By namespace", "Refused operations per second, by namespace; those of plain Docker have none."))
                .query("{{namespace}}", few("namespace")),
            chart(lines("By node", "Refused operations per second, by node."))
                .query("{{instance}}", few("cluster, instance"))
                .leads_to(Target::Agent),
            rows("Most refused containers", "The containers that were refused most, per second on average over the time range.")
                .sized(16, 9)
                .identity()
                .largest("Per second", Unit::PerSecond, format!("avg_over_time({}[$__range])", of(REFUSED, FLEET)))
                .leads_to(Target::Container),
            chart(lines("By security module", "Refused operations per second that a security module decided. Where the kernel allows the tracepoint backend alone, modules are not told."))
                .sized(8, 9)
                .query("{{lsm}}", sum_by("lsm", rate("sealwatch_denials_total", &format!(r#"{FLEET}, lsm!="""#))))
                .runbook("SealwatchLsmDenials"),
        ],
    }
}

fn state_row() -> Row {
    let root = format!("{IDENTITY}, write_root");
    let why = |panel: Panel, labels: &[&'static str]| {
        labels
            .iter()
            .fold(panel.identity(), |panel, label| panel.label(label))
    };
    let degraded = of("sealwatch_degraded", FLEET);
    let count = |metric: &str| number(containers(of(metric, FLEET)));
    Row {
        title: "Degraded, or not started",
        panels: vec![
            why(
                rows("Degraded containers", "Containers that run on without what they write under a write root, and the cache that it was for, if it is a known one."),
                &["write_root", "errno", "cause", "lsm", "cache"],
            )
            .column("Since", Unit::Since, format!("{degraded} * on ({root}) group_left () ({} * 1000)", of("sealwatch_degraded_since_timestamp_seconds", FLEET)))
            .column("Failures", Unit::Count, format!("{degraded} * on ({root}) group_left () {}", of("sealwatch_degraded_failures", FLEET)))
            .leads_to(Target::Container)
            .runbook("SealwatchCacheDegraded"),
            why(
                rows("Containers that fail to start", "Containers that were refused something and ended at once, and how often in a row.").sized(16, 7),
                &["write_root", "errno", "cause", "lsm"],
            )
            .column("In a row", Unit::Count, format!(
                "{} * on ({IDENTITY}) group_left () max_over_time({}[1m])",
                of("sealwatch_failing_to_start", FLEET),
                of("sealwatch_start_failures_total", FLEET),
            ))
            .leads_to(Target::Container)
            .runbook("SealwatchFailingToStart"),
            lines("Over time", "Containers that run on without writes that keep failing, and that fail to start.")
                .sized(8, 7)
                .starting_at_zero()
                .query("degraded", count("sealwatch_degraded"))
                .query("failing to start", count("sealwatch_failing_to_start")),
        ],
    }
}

fn nodes_row() -> Row {
    let node = |metric: &str| of(metric, NODES);
    Row {
        title: "Nodes",
        panels: vec![
            rows("Nodes", "Each agent, and what it knows of its node.")
                .label("cluster")
                .label("instance")
                .graded(
                    "Up",
                    Unit::Count,
                    &[(0.0, BAD), (1.0, GOOD)],
                    of("up", AGENTS),
                )
                .column(
                    "Containers",
                    Unit::Count,
                    of("sealwatch_containers", AGENTS),
                )
                .column(
                    "Refused a second",
                    Unit::PerSecond,
                    node("node:sealwatch_denials:rate5m"),
                )
                .column(
                    "In tmpfs mounts",
                    Unit::Bytes,
                    node("node:sealwatch_tmpfs_used_bytes:sum"),
                )
                .graded(
                    "Largest share of memory",
                    Unit::Share,
                    &[(TMPFS_MEMORY, WARN)],
                    node("node:sealwatch_tmpfs_memory_ratio:max"),
                )
                .column(
                    "Hooks missing",
                    Unit::Count,
                    format!(
                        "count by (cluster, instance) ({})",
                        of("sealwatch_hooks_missing", AGENTS)
                    ),
                )
                .leads_to(Target::Agent)
                .runbook("SealwatchAgentDown"),
        ],
    }
}
