//! Alerts about room: tmpfs mounts, the memory that they take, writable layers.
//!
//! In: nothing. Out: rows. Invariant: a mount that is full is not near full as
//! well. Lacks on purpose: disks other than the writable layer.

use super::{Advice, Alert, Remedy, Severity};

/// Where a tmpfs is too small for what is written.
const LARGER: Remedy = Remedy {
    in_pod: "Raise sizeLimit of the emptyDir (medium: Memory) at {mount} and the memory limit with it, or delete what is no longer needed there.",
    elsewhere: "Give the tmpfs at {mount} a larger size= (nr_inodes= for inodes; --shm-size for /dev/shm), or delete what is no longer needed there.",
};

/// Where what lies in a tmpfs is too much for the container's memory.
const LESS: Remedy = Remedy {
    in_pod: "Give the emptyDir (medium: Memory) a sizeLimit well below the memory limit, raise that limit, or use an emptyDir on disk for what is large.",
    elsewhere: "Give the tmpfs a size= well below the memory limit, raise that limit (--memory), or use a volume for what is large.",
};

pub(super) const ALERTS: &[Alert] = &[
    Alert {
        name: "SealwatchTmpfsNearFull",
        severity: Severity::Warning,
        expression: "mount:sealwatch_tmpfs_used:ratio >= ${tmpfsNearFullRatio} < ${tmpfsFullRatio}",
        hold: "2m",
        summary: "The tmpfs at {mount} of {who} is nearly full",
        description: "The tmpfs at {mount} of {who} has {value:percent} of its {resource} in use; once it is full, writes there are refused with ENOSPC.",
        advice: Advice::Always(LARGER),
        dashboard: super::CONTAINER,
    },
    Alert {
        name: "SealwatchTmpfsFull",
        severity: Severity::Critical,
        expression: "mount:sealwatch_tmpfs_used:ratio >= ${tmpfsFullRatio}",
        hold: "1m",
        summary: "The tmpfs at {mount} of {who} is full",
        description: "The tmpfs at {mount} of {who} has {value:percent} of its {resource} in use: writes there are refused with ENOSPC.",
        advice: Advice::Always(LARGER),
        dashboard: super::CONTAINER,
    },
    Alert {
        name: "SealwatchTmpfsMemory",
        severity: Severity::Warning,
        expression: "\
max by (instance, namespace, pod, container) (sealwatch_container_tmpfs_memory_ratio) >= ${tmpfsMemoryRatio}",
        hold: "5m",
        summary: "The tmpfs mounts of {who} eat its memory limit",
        description: "What lies in the tmpfs mounts of {who} takes {value:percent} of its memory limit: the kernel will kill the container rather than write it to a disk.",
        advice: Advice::Always(LESS),
        dashboard: super::CONTAINER,
    },
    Alert {
        name: "SealwatchTmpfsOom",
        severity: Severity::Critical,
        expression: "\
max by (instance, namespace, pod, container, mount) (max_over_time(sealwatch_oom_tmpfs_memory_ratio[${oomWindow}])) >= ${tmpfsOomRatio}
  and on (instance, namespace, pod, container)
(
  increase(sealwatch_oom_kills_total[${oomWindow}]) > 0
    or
  (max_over_time(sealwatch_oom_kills_total[${oomWindow}]) > 0 unless sealwatch_oom_kills_total offset ${oomWindow})
)",
        hold: "0m",
        summary: "{who} was killed for want of memory, and its tmpfs took {value:percent} of it",
        description: "The kernel killed a process of {who} for want of memory while its tmpfs mounts took {value:percent} of the memory limit; the largest is {mount}. What lies there stays, so a restarted process may be killed again.",
        advice: Advice::Always(LESS),
        dashboard: super::CONTAINER,
    },
    Alert {
        name: "SealwatchWritableLayerGrowth",
        severity: Severity::Warning,
        expression: "\
max by (instance, namespace, pod, container) (deriv(sealwatch_writable_layer_bytes[30m])) * 3600 > ${layerGrowthBytesPerHour}",
        hold: "30m",
        summary: "The writable layer of {who} grows",
        description: "{who} writes into its own root: its writable layer on the node's disk grows by {value:bytes} an hour, and fills the node in the end.",
        advice: Advice::Always(Remedy {
            in_pod: "See where it writes (sealwatch contract --pod {namespace}/{pod} on the node), mount an emptyDir with a sizeLimit or a volume there, and set readOnlyRootFilesystem: true.",
            elsewhere: "See where it writes (sealwatch contract {container}), mount a tmpfs or a volume there, and run it with --read-only.",
        }),
        dashboard: super::CONTAINER,
    },
];
