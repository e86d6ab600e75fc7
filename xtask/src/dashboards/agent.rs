//! *Agent*: whether the daemons are well, what they miss and what they cost.
//!
//! In: nothing. Out: the dashboard. Invariant: every count that says that
//! something is not seen is on it. Lacks on purpose: what the daemon's programs
//! take in the kernel, which no metric tells.

use super::RUNBOOKS;
use super::model::{Annotation, Dashboard, Panel, Row, Target, Unit};
use super::panel::{BAD, GOOD, WARN, bars, lines, rows, stack, stat};
use super::query::{AGENTS, number, of, rate, sum_by, top};
use super::thresholds::EVENTS_LOST;
use super::variable::{self, Variable};

const BUILD: &str = "sealwatch_build_info";
const NODE: &str = "cluster, instance";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "sealwatch-agent",
        title: "Sealwatch / Agent health and cost",
        description: "The agents: are they up, which hooks are missing, what is lost, suppressed or past a limit, and what they take of processor, memory and Prometheus.",
        from: "now-1h",
        variables: variables(),
        annotations: vec![Annotation {
            name: "Agent starts",
            color: "blue",
            // Once a minute is looked, so each start is marked once.
            expression: format!("time() - {} < 60", of("process_start_time_seconds", AGENTS)),
            title: "{{instance}} was started",
        }],
        rows: vec![
            health_row(),
            hooks_row(),
            losses_row(),
            cost_row(),
            blind_row(),
        ],
    }
}

fn variables() -> Vec<Variable> {
    vec![
        variable::data_source(),
        variable::cluster(BUILD),
        variable::job(BUILD),
        variable::agents(BUILD),
        variable::runbooks(RUNBOOKS),
    ]
}

fn health_row() -> Row {
    let lost = format!("sum(increase({}[10m]))", of("sealwatch_lost_total", AGENTS));
    Row {
        title: "Health",
        panels: vec![
            stat("Agents up", "Agents that Prometheus gets metrics of.")
                .query("", format!("sum({})", of("up", AGENTS))),
            stat("Agents down", "Agents that Prometheus gets no metrics of.")
                .query("", number(format!("{} == 0", of("up", AGENTS))))
                .none_is_good(BAD)
                .runbook("SealwatchAgentDown"),
            stat("Hooks missing", "Hooks that could not be attached, on all agents: what only they see is not measured. With the tracepoint backend many are.")
                .query("", number(of("sealwatch_hooks_missing", AGENTS)))
                .none_is_good(WARN)
                .runbook("SealwatchHooksMissing"),
            stat("Lost", "What was not delivered in the last 10 minutes, of all agents, stages and reasons.")
                .query("", lost)
                .from(EVENTS_LOST, WARN)
                .runbook("SealwatchEventsLost"),
            stat("Runtimes down", "Container runtimes that do not answer: their containers have no names.")
                .query("", number(format!("{} == 0", of("sealwatch_runtime_up", AGENTS))))
                .none_is_good(WARN),
            stat("Without a name", "Containers whose name no runtime has told.")
                .query("", format!("sum({})", of("sealwatch_containers_undescribed", AGENTS)))
                .none_is_good(WARN),
            rows("Agents", "Version, age, and how long nothing was counted before the start.")
                .label("cluster")
                .label("instance")
                .label("version")
                .column("Started", Unit::Since, format!("{} * on ({NODE}) group_left (version) {}", started(), of(BUILD, AGENTS)))
                .column("Unwatched before", Unit::Seconds, format!("{} * on ({NODE}) group_left (version) {}", of("sealwatch_unwatched_seconds", AGENTS), of(BUILD, AGENTS)))
                .leads_to(Target::Agent),
        ],
    }
}

/// When each agent was started, in milliseconds.
fn started() -> String {
    format!("({} * 1000)", of("process_start_time_seconds", AGENTS))
}

fn hooks_row() -> Row {
    Row {
        title: "Hooks and runtimes",
        panels: vec![
            bars(
                "Hooks attached",
                "Hooks that are attached, by backend, of all agents.",
            )
            .query(
                "{{backend}}",
                sum_by("backend", of("sealwatch_hooks_attached", AGENTS)),
            ),
            rows(
                "Which hooks are missing",
                "What could not be attached, why, and on how many agents.",
            )
            .sized(16, 8)
            .label("hook")
            .label("reason")
            .total("Agents", Unit::Count, of("sealwatch_hooks_missing", AGENTS))
            .runbook("SealwatchHooksMissing"),
            rows(
                "Runtimes",
                "The container runtimes that each agent asks for names.",
            )
            .sized(24, 6)
            .label("instance")
            .label("runtime")
            .label("endpoint")
            .graded(
                "Answers",
                Unit::Count,
                &[(0.0, BAD), (1.0, GOOD)],
                of("sealwatch_runtime_up", AGENTS),
            )
            .leads_to(Target::Agent),
        ],
    }
}

fn losses_row() -> Row {
    let per_second = |panel: Panel| panel.sized(8, 8).unit(Unit::PerSecond).starting_at_zero();
    let sum = |metric: &str| format!("sum({})", rate(metric, AGENTS));
    Row {
        title: "Counts, samples, losses",
        panels: vec![
            per_second(lines("Refusals", "Refusals counted in the kernel, and what became of them: whose series left with their container, and which were of the host."))
                .query("recorded", sum("sealwatch_recorded_denials_total"))
                .query("retired", sum("sealwatch_retired_denials_total"))
                .query("ignored", sum("sealwatch_ignored_denials_total"))
                .query("of the host", sum("sealwatch_host_denials_total")),
            per_second(stack("Samples", "Refusals that came with path and evidence, and those that were only counted, since one of their kind had come."))
                .query("sampled", sum("sealwatch_samples_total"))
                .query("suppressed", sum("sealwatch_samples_suppressed_total")),
            per_second(lines("Lost over time", "What was not delivered, by stage and reason."))
                .query("{{stage}} {{reason}}", sum_by("stage, reason", rate("sealwatch_lost_total", AGENTS)))
                .runbook("SealwatchEventsLost"),
            per_second(lines("Past a limit", "Refusals that went to an _other series, by the limit that was reached."))
                .query("{{limit}}", sum_by("limit", rate("sealwatch_limited_denials_total", AGENTS)))
                .runbook("SealwatchSeriesLimited"),
            per_second(lines("Of unknown containers", "Refusals whose container is not known, by the reason why."))
                .query("{{reason}}", sum_by("reason", rate("sealwatch_unresolved_denials_total", AGENTS))),
            lines("Series left out", "Series of the containers' state that are not exported, since they are more than --limits.series together.")
                .sized(8, 8)
                .starting_at_zero()
                .query("{{instance}}", top(of("sealwatch_left_out_series", AGENTS)))
                .leads_to(Target::Agent)
                .runbook("SealwatchSeriesLimited"),
            lines("Pending", "Refusals that wait for their first sample before they are exported.")
                .sized(8, 8)
                .starting_at_zero()
                .query("{{instance}}", top(of("sealwatch_pending_denials", AGENTS)))
                .leads_to(Target::Agent),
        ],
    }
}

fn cost_row() -> Row {
    let chart = |title, description, unit, expression: String| {
        lines(title, description)
            .sized(8, 8)
            .unit(unit)
            .starting_at_zero()
            .query("{{instance}}", top(expression))
            .leads_to(Target::Agent)
    };
    Row {
        title: "Cost",
        panels: vec![
            chart("Processor", "Processors that each daemon keeps busy, without what its programs take in the kernel: 0.01 is one per cent of one.", Unit::Share, rate("process_cpu_seconds_total", AGENTS))
                .decimals(2),
            chart("Memory", "Resident memory of each daemon.", Unit::Bytes, of("process_resident_memory_bytes", AGENTS)),
            chart("Series of refusals", "Series of sealwatch_write_root_denials_total, bounded by --limits.series.", Unit::Count, of("sealwatch_series", AGENTS))
                .runbook("SealwatchSeriesLimited"),
            chart("Samples of a scrape", "What Prometheus takes from each agent at a time.", Unit::Count, of("scrape_samples_scraped", AGENTS)),
            chart("Duration of a scrape", "How long Prometheus waits for each agent.", Unit::Seconds, of("scrape_duration_seconds", AGENTS)),
            chart("File descriptors", "Share of the file descriptors that each daemon may open.", Unit::Share, format!("{} / {}", of("process_open_fds", AGENTS), of("process_max_fds", AGENTS))),
            chart("Threads", "Threads of each daemon.", Unit::Count, of("process_threads", AGENTS)),
            chart("Containers", "Containers that each agent knows to be there.", Unit::Count, of("sealwatch_containers", AGENTS)),
            chart("Containers with an inventory", "Containers whose successful writes are counted; every system call of the node pays for it meanwhile.", Unit::Count, of("sealwatch_inventory_containers", AGENTS)),
        ],
    }
}

fn blind_row() -> Row {
    let reasons = |panel: Panel, metric: &str| {
        panel.query("{{reason}}", sum_by("reason", of(metric, AGENTS)))
    };
    Row {
        title: "Not measured",
        panels: vec![
            reasons(
                bars("Tmpfs mounts", "Tmpfs mounts that are not measured or not shown, and containers whose mounts are not known, by the reason."),
                "sealwatch_tmpfs_unmeasured",
            ),
            reasons(
                bars("Writable layers", "Containers whose writable layer is not measured or not shown, by the reason."),
                "sealwatch_writable_layer_unmeasured",
            ),
            stat("Stuck readers", "Readers of tmpfs mounts that did not come back in time and were given up, in the time range.")
                .sized(8, 4)
                .query("", format!("sum(increase({}[$__range]))", of("sealwatch_tmpfs_stuck_readers_total", AGENTS)))
                .none_is_good(WARN),
            stat("Failures not judged", "Failed writes past a limit in the time range, which were not looked at for who is degraded.")
                .sized(8, 4)
                .query("", format!("sum(increase({}[$__range]))", of("sealwatch_degraded_limited_total", AGENTS)))
                .none_is_good(WARN)
                .runbook("SealwatchSeriesLimited"),
        ],
    }
}
