//! Alerts about a rollout: new refusals, and a canary worse than its baseline.
//!
//! In: nothing. Out: rows. Invariant: an app's containers are compared across
//! nodes; a new app, which has nothing to compare with, is no rollout. Lacks on
//! purpose: what a container does by itself.

use super::{Advice, Alert, Remedy, Severity};

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "SealwatchDenialsAfterRollout",
        severity: Severity::Warning,
        expression: "\
(
  sum by (instance, namespace, pod, container, project, app, workload, revision, write_root, errno, cause) (
    sealwatch_write_root_denials_total
      * on (instance, namespace, pod, container) group_left (project, app, workload, revision)
    (
      container:sealwatch_container_info:max
        and on (namespace, project, app, revision)
      revision:sealwatch_rollout:new
    )
  ) >= ${rolloutDenials}
)
  unless on (namespace, project, app, write_root)
app:sealwatch_write_root_denials:sum offset ${rolloutWindow}
  unless on (namespace, project, app, write_root)
role:sealwatch_denials_per_container:rate5m{role=\"baseline\"}",
        hold: "0m",
        summary: "Since its rollout {who} is refused writes under {write_root}",
        description: "{value} writes of {who} under {write_root} were refused with {errno} ({cause}) since revision {revision} came; no earlier revision of {app} was refused any there.",
        advice: Advice::ByCause,
        dashboard: super::REVISION,
    },
    Alert {
        name: "SealwatchCanaryWorse",
        severity: Severity::Warning,
        expression: "\
label_replace(label_replace(
  (
    role:sealwatch_denials_per_container:rate5m{role=\"canary\"} > ${canaryDenialsPerSecond}
      unless on (namespace, project, app, write_root)
    (
      role:sealwatch_denials_per_container:rate5m{role=\"canary\"}
        <= ignoring (role)
      (${canaryFactor} * role:sealwatch_denials_per_container:rate5m{role=\"baseline\"})
    )
  )
    and on (namespace, project, app)
  role:sealwatch_containers:count{role=\"baseline\"},
  \"container\", \"$1\", \"app\", \"(?:.*/)?(.+)\"
), \"workload\", \"$1\", \"app\", \"(.+?)(?:/.*)?\")",
        hold: "5m",
        summary: "The canary of {app} is refused more writes than its baseline",
        description: "The canary of [namespace|{namespace}/]{app} is refused {value:rate} writes per second and container under {write_root}, far more often than the baseline.",
        advice: Advice::Always(Remedy::same(
            "Hold the rollout; mount an emptyDir (a tmpfs outside of Kubernetes) or a volume at {write_root}, or undo what the new revision writes there.",
        )),
        dashboard: super::CANARY,
    },
];
