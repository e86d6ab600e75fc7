//! Alerts about the agents themselves: what is not seen is not told.
//!
//! In: nothing. Out: rows. Invariant: Prometheus' job is `sealwatch`; the label
//! `instance` names the node. Lacks on purpose: the machine under the agent.

use super::{Advice, Alert, Remedy, Severity};

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "SealwatchAgentDown",
        severity: Severity::Critical,
        expression: "\
max by (instance) (up{job=\"sealwatch\"}) == 0
  or
absent(up{job=\"sealwatch\"})",
        hold: "5m",
        summary: "No metrics of Sealwatch[instance| from {instance}]",
        description: "Prometheus gets no metrics of Sealwatch[instance| from {instance}]: nothing is told of the containers there, and no other alert of theirs fires.",
        advice: Advice::Always(Remedy::same(
            "Look at the daemon (kubectl logs, journalctl -u sealwatch) and run sealwatch doctor on the node; if there is no target at all, look at the scrape configuration.",
        )),
        dashboard: super::AGENT,
    },
    Alert {
        name: "SealwatchHooksMissing",
        severity: Severity::Warning,
        expression: "count by (instance) (sealwatch_hooks_missing) > ${hooksMissing}",
        hold: "15m",
        summary: "{value} hooks of Sealwatch are missing on {instance}",
        description: "{value} hooks could not be attached on {instance}: what only they see is not measured there, which is not zero.",
        advice: Advice::Always(Remedy::same(
            "Run sealwatch doctor on the node: it names each hook, what is therefore not seen and what to change. Where the kernel allows no more, raise the threshold hooksMissing.",
        )),
        dashboard: super::AGENT,
    },
    Alert {
        name: "SealwatchEventsLost",
        severity: Severity::Warning,
        expression: "sum by (instance, stage, reason) (increase(sealwatch_lost_total[10m])) > ${eventsLost}",
        hold: "1m",
        summary: "Sealwatch loses events on {instance} ({stage}, {reason})",
        description: "{value} losses of the stage {stage} in 10 minutes on {instance}, for the reason {reason}; the README's table of losses says what is missing.",
        advice: Advice::Always(Remedy::same(
            "Find what floods it (sealwatch top on the node) and mend that; give the daemon more processor time if it is throttled.",
        )),
        dashboard: super::AGENT,
    },
    Alert {
        name: "SealwatchSeriesLimited",
        severity: Severity::Info,
        expression: "\
(
  sum by (instance, limit) (increase(sealwatch_limited_denials_total[15m]))
    or
  label_replace(max by (instance) (sealwatch_left_out_series), \"limit\", \"state series\", \"\", \"\")
    or
  label_replace(
    sum by (instance, reason) (
      sealwatch_tmpfs_unmeasured{reason=~\"(container|series)_limit\"}
        or
      sealwatch_writable_layer_unmeasured{reason=~\"(container|series)_limit\"}
    ),
    \"limit\", \"$1\", \"reason\", \"(.*)\"
  )
) > ${seriesLimited}",
        hold: "0m",
        summary: "A limit of Sealwatch is reached on {instance} ({limit})",
        description: "By the limit {limit}, {value} refusals, series or mounts on {instance} are in an _other series or in none: refusals are counted, but not by container or write root, and other states are not shown.",
        advice: Advice::Always(Remedy::same(
            "Mend what makes so many series (sealwatch report shows it), or raise the settings --limits.* if Prometheus has room.",
        )),
        dashboard: super::AGENT,
    },
];
