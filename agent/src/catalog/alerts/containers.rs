//! Alerts about what a container does now: degraded, does not start, breaches.
//!
//! In: nothing. Out: rows. Invariant: labels name instance, namespace, pod and
//! container; the latter two are empty outside of Kubernetes. Lacks on purpose:
//! comparing revisions, which `rollout` does.

use super::{Advice, Alert, Remedy, Severity};

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "SealwatchCacheDegraded",
        severity: Severity::Warning,
        expression: "\
max by (instance, namespace, pod, container, write_root, errno, cause, lsm, cache) (sealwatch_degraded)
  * on (instance, namespace, pod, container, write_root) group_left ()
max by (instance, namespace, pod, container, write_root) (sealwatch_degraded_failures)
  > 0",
        hold: "1m",
        summary: "{who} runs on without what it writes under {write_root}",
        description: "{value} writes of {who} under {write_root} were refused with {errno} ({cause}), and it runs on[cache|: it works without its {cache}, slower or with more requests].",
        advice: Advice::ByCause,
        dashboard: super::CONTAINER,
    },
    Alert {
        name: "SealwatchFailingToStart",
        severity: Severity::Critical,
        expression: "\
max by (instance, namespace, pod, container, write_root, errno, cause, lsm) (sealwatch_failing_to_start)
  * on (instance, namespace, pod, container) group_left ()
max by (instance, namespace, pod, container) (sealwatch_start_failures_total)
  >= ${failedStarts}",
        hold: "0m",
        summary: "{who} does not start: it may not write under {write_root}",
        description: "{who} ended {value} times in a row right after a write under {write_root} was refused with {errno} ({cause}).",
        advice: Advice::ByCause,
        dashboard: super::CONTAINER,
    },
    Alert {
        name: "SealwatchLsmDenials",
        severity: Severity::Warning,
        expression: "\
container:sealwatch_lsm_denials:increase10m >= ${lsmDenials}
  unless
container:sealwatch_lsm_denials:increase10m <= ${lsmGrowth} * (container:sealwatch_lsm_denials:increase10m offset 1h)",
        hold: "5m",
        summary: "A security module refuses {who} more and more under {write_root}",
        description: "A security module[lsm| ({lsm})] refused {who} {value} operations under {write_root} in 10 minutes, more than an hour ago.",
        advice: Advice::Always(super::remedy(crate::denial::Cause::Lsm)),
        dashboard: super::CONTAINER,
    },
    Alert {
        name: "SealwatchRootWritable",
        severity: Severity::Critical,
        expression: "\
label_replace(
  max by (instance, namespace, pod, container) (sealwatch_findings{finding=\"writable_root_asked_read_only\"}),
  \"promise\", \"its own setting\", \"\", \"\"
)
or
label_replace(
  max by (instance, namespace, pod, container) (
    (
      (max by (instance, namespace, pod, container) (sealwatch_rootfs_readonly) == 0)
        + on (instance, namespace, pod, container) group_left (project, app)
      container:sealwatch_container_info:max
    )
    and on (namespace, project, app)
    (max_over_time(app:sealwatch_rootfs_readonly:min[${promiseWindow}]) == 1)
  )
  unless on (instance, namespace, pod, container)
  sealwatch_findings{finding=\"writable_root_asked_read_only\"},
  \"promise\", \"an earlier revision\", \"\", \"\"
)",
        hold: "2m",
        summary: "The root of {who} can be written, and was promised not to be",
        description: "{who} can write its own root file system, though {promise} promised a read-only one: what it writes there is lost with the container, and so is the protection.",
        advice: Advice::Always(Remedy {
            in_pod: "Set securityContext.readOnlyRootFilesystem: true again; if it is set, the root was remounted while the container ran: start the container anew and find out by whom.",
            elsewhere: "Start the container with --read-only (read_only: true in Compose) again; if it was, the root was remounted while it ran: start it anew and find out by whom.",
        }),
        dashboard: super::CONTAINER,
    },
    Alert {
        name: "SealwatchContractBreach",
        severity: Severity::Warning,
        expression: "\
sum by (instance, namespace, pod, container, write_root) (
  (sealwatch_contract_breaches_total unless sealwatch_contract_breaches_total offset ${breachWindow})
  or increase(sealwatch_contract_breaches_total[${breachWindow}])
) > 0",
        hold: "0m",
        summary: "{who} writes under {write_root}, outside of its contract",
        description: "{who} wrote {value} times under {write_root}, which its contract does not declare: with a read-only root it would have been refused.",
        advice: Advice::Always(Remedy {
            in_pod: "Declare {write_root} in the contract and mount an emptyDir or a volume there, or keep the program from writing there.",
            elsewhere: "Declare {write_root} in the contract and mount a tmpfs or a volume there, or keep the program from writing there.",
        }),
        dashboard: super::CONTAINER,
    },
];
