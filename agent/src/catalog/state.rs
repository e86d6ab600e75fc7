//! The rows of the metrics that tell of the containers' state.
//!
//! In: nothing. Out: rows. Invariant: what is not measured has no series, and
//! its reason is counted. Lacks on purpose: the rows of denials.

use super::{Metric, MetricKind};

metrics! { STATE_METRICS;
    TMPFS_USED_BYTES = Gauge "sealwatch_tmpfs_used_bytes"
        ["namespace", "pod", "container", "mount"]
        "Bytes in use in a tmpfs of a container, in whole pages.";
    TMPFS_LIMIT_BYTES = Gauge "sealwatch_tmpfs_limit_bytes"
        ["namespace", "pod", "container", "mount"]
        "Most bytes that the tmpfs holds; half of the host's memory where no size was given.";
    TMPFS_USED_INODES = Gauge "sealwatch_tmpfs_used_inodes"
        ["namespace", "pod", "container", "mount"]
        "Inodes in use in a tmpfs of a container, those of directories included.";
    TMPFS_LIMIT_INODES = Gauge "sealwatch_tmpfs_limit_inodes"
        ["namespace", "pod", "container", "mount"]
        "Most inodes that the tmpfs holds.";
    TMPFS_TIME_TO_FULL = Gauge "sealwatch_tmpfs_time_to_full_seconds"
        ["namespace", "pod", "container", "mount", "resource"]
        "Time until the tmpfs has no bytes or inodes left at its recent growth, a week at most; not there where it does not grow steadily.";
    TMPFS_PRESSURE = Gauge "sealwatch_tmpfs_pressure"
        ["namespace", "pod", "container", "mount", "resource"]
        "0 while there is room, 1 from 80 % of the limit (until below 75 %), 2 from 99.5 % (until below 97 %).";
    TMPFS_UNBOUNDED = Gauge "sealwatch_tmpfs_unbounded"
        ["namespace", "pod", "container", "mount"]
        "A tmpfs that was mounted without a size, always 1.";
    CONTAINER_TMPFS_BYTES = Gauge "sealwatch_container_tmpfs_bytes"
        ["namespace", "pod", "container"]
        "Bytes in use in all tmpfs mounts of a container that are measured; they count as its memory.";
    CONTAINER_MEMORY_LIMIT = Gauge "sealwatch_container_memory_limit_bytes"
        ["namespace", "pod", "container"]
        "The lowest memory limit that binds the container; not there where there is none.";
    CONTAINER_TMPFS_RATIO = Gauge "sealwatch_container_tmpfs_memory_ratio"
        ["namespace", "pod", "container"]
        "Share of its memory limit that a container's tmpfs mounts take.";
    OOM_TMPFS_RATIO = Gauge "sealwatch_oom_tmpfs_memory_ratio"
        ["namespace", "pod", "container", "mount"]
        "Share of its memory limit that a container's tmpfs mounts took at its last kill for want of memory, or in the sample before; mount is the largest of them.";
    TMPFS_UNMEASURED = Gauge "sealwatch_tmpfs_unmeasured" ["reason"]
        "Tmpfs mounts that are not measured or not shown, and containers whose mounts are not known, by the reason.";
    TMPFS_STUCK = Counter "sealwatch_tmpfs_stuck_readers_total" []
        "Readers of tmpfs mounts that did not come back in time and were given up.";
    LAYER_BYTES = Gauge "sealwatch_writable_layer_bytes"
        ["namespace", "pod", "container"]
        "Bytes that a container's writable layer (the overlay's upper directory) keeps on the disk; its growth is deriv() of this.";
    LAYER_ENTRIES = Gauge "sealwatch_writable_layer_entries"
        ["namespace", "pod", "container"]
        "Files, directories, links and whiteouts in a container's writable layer.";
    LAYER_TRUNCATED = Gauge "sealwatch_writable_layer_truncated"
        ["namespace", "pod", "container"]
        "1 where the layer has more entries than are looked at, so that its bytes and entries are lower bounds; 0 elsewhere.";
    LAYER_UNMEASURED = Gauge "sealwatch_writable_layer_unmeasured" ["reason"]
        "Containers whose writable layer is not measured or not shown, by the reason.";
    CONTRACT_BREACHES = Counter "sealwatch_contract_breaches_total"
        ["namespace", "pod", "container", "write_root"]
        "Writes of a container that succeeded outside of its contract: opens for writing, files and directories made, renames, and calls that wrote.";
    CONTRACT_UNJUDGED = Counter "sealwatch_contract_unjudged_total"
        ["namespace", "pod", "container"]
        "Writes of a container with a contract of which it is not known where they went; _other for containers past the limit.";
    CONTRACT_INFO = Gauge "sealwatch_contract_info"
        ["namespace", "pod", "container", "container_id", "contract"]
        "A container that is there and the contract that it has, always 1.";
    CONTRACT_CONTAINERS = Gauge "sealwatch_contract_containers"
        ["contract", "pattern"]
        "Containers that are there and have this contract; 0 for a contract of nobody.";
    LEFT_OUT = Gauge "sealwatch_left_out_series" []
        "Series of the containers' state that are not exported, since they are more than --limits.series together.";
    ALERTS_ACTIVE = Gauge "sealwatch_alerts_active" []
        "Alerts that are told to receivers now; missing where there is none to tell.";
    ALERTS_LEFT_OUT = Gauge "sealwatch_alerts_left_out" []
        "Alerts past the limit of what is told at once.";
    ALERTS_SENT = Counter "sealwatch_alerts_sent_total" ["kind", "receiver"]
        "Alerts that a receiver (host and port) has taken, repetitions included.";
    ALERT_REQUESTS_FAILED = Counter "sealwatch_alert_requests_failed_total" ["kind", "receiver"]
        "Requests with alerts that a receiver did not take.";
    ALERTS_WAITING = Gauge "sealwatch_alerts_waiting" ["kind", "receiver"]
        "Beginnings and ends of alerts that a receiver has still to be told.";
    ALERT_RECEIVER_UP = Gauge "sealwatch_alert_receiver_up" ["kind", "receiver"]
        "0 if the last request to a receiver was in vain, 1 if not.";
    KUBERNETES_EVENTS = Counter "sealwatch_kubernetes_events_total" ["outcome"]
        "Events on pods: created, updated (a higher count of one), limited (held back, to be few) or failed (a request in vain); missing unless they are asked for.";
    CONFIG_LOADED = Gauge "sealwatch_config_last_reload_successful" []
        "1 if the settings could be used when they were last read, at the start or on SIGHUP; 0 if the ones before are in force.";
    CONFIG_LOADED_TIME = Gauge "sealwatch_config_last_reload_success_timestamp_seconds" []
        "When settings that could be used were last read, in seconds since 1970.";
}
