//! *Rollout canary*: is the new revision refused writes that the old one was not?
//!
//! In: nothing. Out: the dashboard. Invariant: its verdict and every number that
//! it is made of are side by side. Lacks on purpose: choosing canary and baseline
//! by itself; one label tells them apart, and a person says which value is which.

use super::RUNBOOKS;
use super::model::{Annotation, Dashboard, Panel, Row, Target, Unit};
use super::panel::{BAD, GOOD, NEUTRAL, WARN, lines, rows, stat};
use super::query::{containers, label_values, number, of, of_those, or_zero};
use super::thresholds::{CANARY_DENIALS_PER_SECOND, CANARY_FACTOR};
use super::variable::{self, Variable};
use super::verdict::{
    APP, BETTER, NAMESPACE, NOTHING_TO_COMPARE, SAME, Side, WORSE, denials_per_container,
    new_write_roots, verdict, worse_write_roots,
};

const INFO: &str = "container:sealwatch_container_info:max";
const ROOTS: &str = "sealwatch_write_root_denials_total";
const SIDES: [(Side, &str); 2] = [(Side::Canary, "canary"), (Side::Baseline, "baseline")];

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "sealwatch-rollout",
        title: "Sealwatch / Rollout canary",
        description: "Canary against baseline: refused writes, new write roots, degraded and restarted containers, and a verdict. Choose the app, then the label that tells canary and baseline apart, and its values. The time range should begin with the rollout.",
        from: "now-1h",
        variables: variables(),
        annotations: vec![Annotation {
            name: "New revisions",
            color: "blue",
            expression: of("revision:sealwatch_rollout:new", APP),
            title: "{{app}}: revision {{revision}}",
        }],
        rows: vec![verdict_row(), reasons_row(), time_row(), choice_row()],
    }
}

fn variables() -> Vec<Variable> {
    let fleet = r#"cluster=~"$cluster""#;
    let namespace = format!(r#"{fleet}, namespace=~"$namespace""#);
    vec![
        variable::data_source(),
        variable::cluster(INFO),
        variable::any(
            "namespace",
            "Namespace",
            "Empty on plain Docker: leave it at All there.",
            label_values(INFO, fleet, "namespace"),
        ),
        variable::any(
            "app",
            "App",
            "What canary and baseline have in common: workload and container, without endings such as -canary.",
            label_values(INFO, &namespace, "app"),
        ),
        variable::list(
            "label",
            "Compare by",
            "The label whose values tell canary and baseline apart.",
            &["track", "revision", "image"],
        ),
        variable::any(
            "canary",
            "Canary",
            "Values of that label that are the canary.",
            label_values(INFO, APP, "$label"),
        )
        .one_value_first(),
        variable::any(
            "baseline",
            "Baseline",
            "Values of that label that are the baseline; All is whatever is no canary, also without that label.",
            label_values(INFO, APP, "$label"),
        ),
        variable::runbooks(RUNBOOKS),
    ]
}

/// A number of each side.
fn both(panel: Panel, expression: impl Fn(Side) -> String) -> Panel {
    SIDES.iter().fold(panel, |panel, (side, name)| {
        panel.query(name, expression(*side))
    })
}

fn verdict_row() -> Row {
    Row {
        title: "Verdict",
        panels: vec![
            stat(
                "Verdict",
                format!(
                    "Worse: the canary was refused something under a write root where the baseline never was, or under one is refused more than {CANARY_FACTOR} times as often (and more than {CANARY_DENIALS_PER_SECOND} times a second and container), or a larger share of its containers is degraded or fails to start. Better: none of that, and the baseline is refused more than {CANARY_FACTOR} times as often, or a larger share of its containers is degraded or fails to start. Same: neither. The numbers are those beside it. Rates are over 5 minutes, so a canary younger than that looks better than it is."
                ),
            )
            .sized(6, 8)
            .unit(Unit::None)
            .query("", verdict())
            .from(f64::from(SAME), NEUTRAL)
            .from(f64::from(WORSE), BAD)
            .word(NOTHING_TO_COMPARE, "Nothing to compare", NEUTRAL)
            .word(BETTER, "Better", GOOD)
            .word(SAME, "Same", "blue")
            .word(WORSE, "Worse", BAD)
            .runbook("SealwatchCanaryWorse"),
            stat(
                "New write roots",
                "Write roots under which the canary was refused something and the baseline never was, since their containers began, as far as the time range shows.",
            )
            .sized(6, 4)
            .query("", number(new_write_roots("write_root")))
            .none_is_good(BAD)
            .runbook("SealwatchDenialsAfterRollout"),
            stat(
                "Write roots refused far more often",
                format!("Write roots under which the canary is refused more than {CANARY_FACTOR} times as often as the baseline, per container, over the last 5 minutes."),
            )
            .sized(6, 4)
            .query("", number(worse_write_roots()))
            .none_is_good(BAD)
            .runbook("SealwatchCanaryWorse"),
            both(
                stat(
                    "Refusals per container",
                    "Refused operations per second and container, over the last 5 minutes.",
                )
                .sized(6, 4)
                .unit(Unit::PerSecond),
                denials_per_container,
            ),
            both(
                stat("Containers", "Containers that are there.").sized(6, 4),
                Side::containers,
            ),
            both(
                stat(
                    "Degraded",
                    "Share of the containers, of those there in the time range, that run on without writes that keep failing.",
                )
                .sized(6, 4)
                .unit(Unit::Share)
                .none_is_good(WARN)
                .runbook("SealwatchCacheDegraded"),
                |side| side.share("sealwatch_degraded"),
            ),
            both(
                stat(
                    "Failing to start",
                    "Share of the containers, of those there in the time range, that were refused something and ended at once.",
                )
                .sized(6, 4)
                .unit(Unit::Share)
                .none_is_good(BAD)
                .runbook("SealwatchFailingToStart"),
                |side| side.share("sealwatch_failing_to_start"),
            ),
        ],
    }
}

fn reasons_row() -> Row {
    let causes = "write_root, operation, errno, cause, lsm";
    let side = |side: Side| side.counted(ROOTS, NAMESPACE);
    let mend = |panel: Panel| {
        ["write_root", "operation", "errno", "cause", "lsm"]
            .into_iter()
            .fold(panel, Panel::label)
    };
    Row {
        title: "What to mend",
        panels: vec![
            mend(rows(
                "New in the canary",
                "What the canary was refused, since its containers began, under write roots where the baseline never was: mount something there, or keep the program from writing there. The cause says what to change; the runbook has the steps.",
            ))
            .column("Refused", Unit::Count, new_write_roots(causes))
            .runbook("SealwatchDenialsAfterRollout"),
            mend(rows(
                "All refusals, side by side",
                "How many operations were refused in the time range on either side, by write root and cause.",
            ))
            .total("Canary", Unit::Count, side(Side::Canary))
            .total("Baseline", Unit::Count, side(Side::Baseline)),
            mend(
                rows(
                    "Containers of the canary",
                    "Which containers of the canary were refused what, in the time range.",
                )
                .identity(),
            )
            .largest("Refused", Unit::Count, side(Side::Canary))
            .leads_to(Target::Container),
        ],
    }
}

fn time_row() -> Row {
    let rate = |side: Side, labels: &str| {
        side.rate("", "sealwatch_denials_total", labels, "$__rate_interval")
    };
    let modules = format!(r#"{NAMESPACE}, lsm!="""#);
    let group = |side: Side, metric: &str| {
        let those = of_those(containers(of(metric, NAMESPACE)), side.now());
        or_zero(format!("count({those})"))
    };
    Row {
        title: "Over time",
        panels: vec![
            both(
                lines("Refusals per container over time", "Refused operations per second and container.")
                    .unit(Unit::PerSecond)
                    .starting_at_zero(),
                |side| rate(side, NAMESPACE),
            ),
            both(
                lines(
                    "Refusals by security modules, per container",
                    "Refused operations per second and container that a security module decided. Where the kernel allows the tracepoint backend alone, modules are not told.",
                )
                .unit(Unit::PerSecond)
                .starting_at_zero()
                .runbook("SealwatchLsmDenials"),
                |side| rate(side, &modules),
            ),
            both(
                lines("Degraded containers", "Containers that run on without writes that keep failing.")
                    .sized(8, 8)
                    .starting_at_zero()
                    .runbook("SealwatchCacheDegraded"),
                |side| group(side, "sealwatch_degraded"),
            ),
            both(
                lines(
                    "Containers that fail to start",
                    "Containers that were refused something and ended at once.",
                )
                .sized(8, 8)
                .starting_at_zero()
                .runbook("SealwatchFailingToStart"),
                |side| group(side, "sealwatch_failing_to_start"),
            ),
            both(
                stat(
                    "Restarts",
                    "How often containers were replaced by another one of the same name in the time range, whatever the reason.",
                )
                .sized(8, 8)
                .none_is_good(WARN),
                Side::restarts,
            ),
        ],
    }
}

fn choice_row() -> Row {
    Row {
        title: "What there is to compare",
        panels: vec![
            ["namespace", "app", "workload", "revision", "track"]
                .into_iter()
                .fold(
                    rows(
                        "Revisions",
                        "Revisions that are there, with their containers, and those that the alerts took for new within the time range.",
                    )
                    .sized(12, 8),
                    Panel::label,
                )
                .column("Containers", Unit::Count, of("revision:sealwatch_containers:count", APP))
                .column("New", Unit::Count, format!("max_over_time({}[$__range])", of("revision:sealwatch_rollout:new", APP))),
            ["namespace", "app", "role", "write_root"]
                .into_iter()
                .fold(
                    rows(
                        "What the alerts compare",
                        "Refusals per second and container of what the alerts take for canary (by its track, or a revision that is new) and baseline.",
                    )
                    .sized(12, 8)
                    .runbook("SealwatchCanaryWorse"),
                    Panel::label,
                )
                .largest(
                    "Per second",
                    Unit::PerSecond,
                    of("role:sealwatch_denials_per_container:rate5m", APP),
                ),
        ],
    }
}
