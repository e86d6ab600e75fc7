//! From which values on a panel shows trouble: the same as the alerts.
//!
//! In: nothing. Out: numbers. Invariant: each is the default of the alerts'
//! threshold of that name, to which the tests in `agent/tests/dashboards` hold
//! it. Lacks on purpose: numbers that somebody sets in the chart's values, since
//! dashboards are provisioned as they are.

/// Name in the alerts' table, and value.
pub const ALL: [(&str, f64); 8] = [
    ("canaryFactor", CANARY_FACTOR),
    ("canaryDenialsPerSecond", CANARY_DENIALS_PER_SECOND),
    ("tmpfsNearFullRatio", TMPFS_NEAR_FULL),
    ("tmpfsFullRatio", TMPFS_FULL),
    ("tmpfsMemoryRatio", TMPFS_MEMORY),
    ("tmpfsOomRatio", TMPFS_OOM),
    ("layerGrowthBytesPerHour", LAYER_GROWTH_PER_HOUR),
    ("eventsLost", EVENTS_LOST),
];

/// How many times as often a canary may be refused as its baseline, per container.
pub const CANARY_FACTOR: f64 = 2.0;
/// Refusals per second and container that no canary is called worse for.
pub const CANARY_DENIALS_PER_SECOND: f64 = 0.02;
/// Share of a tmpfs's limit from which on it is near full.
pub const TMPFS_NEAR_FULL: f64 = 0.8;
/// Share of a tmpfs's limit from which on it is full.
pub const TMPFS_FULL: f64 = 0.995;
/// Share of the memory limit from which on tmpfs mounts eat the memory.
pub const TMPFS_MEMORY: f64 = 0.5;
/// Share of the memory limit from which on tmpfs mounts are blamed for a kill.
pub const TMPFS_OOM: f64 = 0.25;
/// Growth of a writable layer, in bytes an hour.
pub const LAYER_GROWTH_PER_HOUR: f64 = 104_857_600.0;
/// Losses of one stage and reason, in 10 minutes.
pub const EVENTS_LOST: f64 = 100.0;
