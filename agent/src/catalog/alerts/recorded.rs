//! Recording rules: what dashboards and alerts would otherwise compute over and over.
//!
//! In: nothing. Out: rows, in the order in which they are evaluated. Invariant: a
//! rule uses only those above it, and names of the form level:metric:operations.
//! A container is known by (instance, namespace, pod, container), since two
//! Docker hosts may each have a container of one name. Lacks on purpose:
//! recording what has as many series as its source.

/// One recording rule.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// Its name.
    pub name: &'static str,
    /// PromQL; `${NAME}` stands for the threshold of that name.
    pub expression: &'static str,
    /// Labels that it adds, each with its value.
    pub labels: &'static [(&'static str, &'static str)],
    /// What it tells.
    pub meaning: &'static str,
}

const fn of(name: &'static str, meaning: &'static str, expression: &'static str) -> Recorded {
    Recorded {
        name,
        expression,
        labels: &[],
        meaning,
    }
}

/// Every recording rule.
pub const RECORDED: &[Recorded] = &[
    of(
        "container:sealwatch_container_info:max",
        "A container, always 1. app is what a canary shares with its baseline; workload and revision are never empty: the container's name and id stand in.",
        r#"topk by (instance, namespace, pod, container) (1,
  max by (instance, namespace, pod, container, project, app, workload, revision, track, image) (
    label_replace(label_replace(label_join(
      label_replace(label_join(
        label_replace(label_join(
          sealwatch_container_info,
          "workload", ";", "workload", "container"), "workload", "$1$2", "workload", "([^;]+);.*|;(.*)"),
        "revision", ";", "revision", "container_id"), "revision", "$1$2", "revision", "([^;]+);.*|;(.{0,12}).*"),
      "app", ";", "pod", "workload", "container"),
      "app", "$1/$2", "app", "[^;]+;(.+?)(?:[-_](?:canary|stable|baseline|primary|preview))?;(.*)"),
      "app", "$1", "app", ";(.+?)(?:[-_](?:canary|stable|baseline|primary|preview))?;.*")
  )
)"#,
    ),
    of(
        "revision:sealwatch_containers:count",
        "Containers of a revision.",
        "count by (namespace, project, app, workload, revision, track) (container:sealwatch_container_info:max)",
    ),
    of(
        "revision:sealwatch_rollout:new",
        "A revision that is new while its app is not; the value is its containers.",
        "\
revision:sealwatch_containers:count
  unless on (namespace, project, app, revision)
revision:sealwatch_containers:count offset ${rolloutWindow}
  and on (namespace, project, app)
revision:sealwatch_containers:count offset ${rolloutWindow}",
    ),
    Recorded {
        name: "container:sealwatch_role:info",
        expression: "\
container:sealwatch_container_info:max{track=~\"(?i)canary|preview\"}
  or
(
  container:sealwatch_container_info:max
    and on (namespace, project, app, revision)
  revision:sealwatch_rollout:new
)",
        labels: &[("role", "canary")],
        meaning: "A canary by its track, or by a revision that is new, always 1.",
    },
    Recorded {
        name: "container:sealwatch_role:info",
        expression: "\
(
  container:sealwatch_container_info:max
    unless on (instance, namespace, pod, container)
  container:sealwatch_role:info{role=\"canary\"}
)
  and on (namespace, project, app)
container:sealwatch_role:info{role=\"canary\"}",
        labels: &[("role", "baseline")],
        meaning: "What a canary is compared with: the other containers of its app, always 1.",
    },
    of(
        "role:sealwatch_containers:count",
        "Canaries and baseline of an app, counted.",
        "count by (namespace, project, app, role) (container:sealwatch_role:info)",
    ),
    of(
        "role:sealwatch_denials_per_container:rate5m",
        "Refusals per second and container of canary and baseline, by write root.",
        "\
sum by (namespace, project, app, role, write_root) (
  rate(sealwatch_write_root_denials_total[5m])
    * on (instance, namespace, pod, container) group_left (project, app, role)
  container:sealwatch_role:info
)
  / on (namespace, project, app, role) group_left ()
role:sealwatch_containers:count",
    ),
    of(
        "revision:sealwatch_denials:rate5m",
        "Refusals per second of a revision, by write root.",
        "\
sum by (namespace, project, app, workload, revision, track, write_root) (
  rate(sealwatch_write_root_denials_total[5m])
    * on (instance, namespace, pod, container) group_left (project, app, workload, revision, track)
  container:sealwatch_container_info:max
)",
    ),
    of(
        "app:sealwatch_write_root_denials:sum",
        "Refusals of an app's containers that are there, since each of them was first refused, by write root.",
        "\
sum by (namespace, project, app, write_root) (
  sealwatch_write_root_denials_total
    * on (instance, namespace, pod, container) group_left (project, app)
  container:sealwatch_container_info:max
)",
    ),
    of(
        "workload:sealwatch_denials:rate5m",
        "Refusals per second of a workload.",
        "sum by (namespace, project, workload) (revision:sealwatch_denials:rate5m)",
    ),
    of(
        "app:sealwatch_rootfs_readonly:min",
        "1 if every container of an app has a read-only root, else 0.",
        "\
min by (namespace, project, app) (
  sealwatch_rootfs_readonly
    * on (instance, namespace, pod, container) group_left (project, app)
  container:sealwatch_container_info:max
)",
    ),
    of(
        "container:sealwatch_lsm_denials:increase10m",
        "Refusals by a security module in 10 minutes, the first ones of a container included.",
        "\
sum by (instance, namespace, pod, container, lsm, write_root) (
  (
    sealwatch_write_root_denials_total{cause=\"lsm\"}
      unless
    sealwatch_write_root_denials_total{cause=\"lsm\"} offset 10m
  )
  or
  increase(sealwatch_write_root_denials_total{cause=\"lsm\"}[10m])
)",
    ),
    of(
        "mount:sealwatch_tmpfs_used:ratio",
        "Share of a tmpfs that is in use, by bytes and by inodes; only where it is near full or full, since every mount would be many.",
        r#"max by (instance, namespace, pod, container, mount, resource) (
  label_replace(
    sealwatch_tmpfs_used_bytes / sealwatch_tmpfs_limit_bytes >= ${tmpfsNearFullRatio},
    "resource", "bytes", "", ""
  )
  or
  label_replace(
    sealwatch_tmpfs_used_inodes / sealwatch_tmpfs_limit_inodes >= ${tmpfsNearFullRatio},
    "resource", "inodes", "", ""
  )
)"#,
    ),
    of(
        "container:sealwatch_denials:rate5m",
        "Refusals per second of a container.",
        "sum by (instance, namespace, pod, container) (rate(sealwatch_denials_total[5m]))",
    ),
    of(
        "node_namespace:sealwatch_denials:rate5m",
        "Refusals per second of a namespace's containers on a node, by cause.",
        "sum by (instance, namespace, cause) (rate(sealwatch_denials_total[5m]))",
    ),
    of(
        "namespace:sealwatch_denials:rate5m",
        "Refusals per second, by cause.",
        "sum by (namespace, cause) (node_namespace:sealwatch_denials:rate5m)",
    ),
    of(
        "node:sealwatch_denials:rate5m",
        "Refusals per second on a node.",
        "sum by (instance) (node_namespace:sealwatch_denials:rate5m)",
    ),
    of(
        "node_namespace:sealwatch_containers:count",
        "Containers with a name.",
        "count by (instance, namespace) (sealwatch_container_info)",
    ),
    of(
        "node_namespace:sealwatch_rootfs_readonly:sum",
        "Containers whose root is read-only.",
        "sum by (instance, namespace) (sealwatch_rootfs_readonly)",
    ),
    of(
        "node_namespace:sealwatch_rootfs_readonly:count",
        "Containers of which it is known whether their root is read-only.",
        "count by (instance, namespace) (sealwatch_rootfs_readonly)",
    ),
    of(
        "node_namespace:sealwatch_findings:sum",
        "Findings about mounts and users.",
        "sum by (instance, namespace, finding) (sealwatch_findings)",
    ),
    of(
        "node_namespace:sealwatch_tmpfs_pressure:count",
        "Resources of tmpfs mounts that are near full or full; no series where there is none.",
        "count by (instance, namespace) (sealwatch_tmpfs_pressure >= 1)",
    ),
    of(
        "node:sealwatch_tmpfs_used_bytes:sum",
        "Bytes in the tmpfs mounts of a node's containers; one that several share counts for each.",
        "sum by (instance) (sealwatch_container_tmpfs_bytes)",
    ),
    of(
        "node:sealwatch_tmpfs_memory_ratio:max",
        "The largest share of its memory limit that a container's tmpfs mounts take.",
        "max by (instance) (sealwatch_container_tmpfs_memory_ratio)",
    ),
];
