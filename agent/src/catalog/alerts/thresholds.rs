//! The one table of numbers by which alerts decide.
//!
//! In: nothing. Out: rows. Invariant: every number of an alert's expression that
//! somebody may want to change is here, and every row is used by an alert or a
//! recording rule. Lacks on purpose: how long a state must hold, which is part of
//! the alert.

/// One number.
#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    /// Its name, in expressions and in the chart's values.
    pub name: &'static str,
    /// The default, as PromQL writes it.
    pub value: &'static str,
    /// Its unit, in words.
    pub unit: &'static str,
    /// What it decides.
    pub meaning: &'static str,
}

impl Threshold {
    /// The row of that name.
    pub fn named(name: &str) -> Option<&'static Threshold> {
        THRESHOLDS.iter().find(|threshold| threshold.name == name)
    }
}

const fn of(
    name: &'static str,
    value: &'static str,
    unit: &'static str,
    meaning: &'static str,
) -> Threshold {
    Threshold {
        name,
        value,
        unit,
        meaning,
    }
}

/// Every threshold.
#[rustfmt::skip]
pub const THRESHOLDS: &[Threshold] = &[
    of("rolloutWindow", "30m", "time",
        "A revision counts as new for this long after its first container was seen."),
    of("rolloutDenials", "1", "refusals",
        "Least refusals of a new revision under a write root where no earlier one had any."),
    of("canaryFactor", "2", "times",
        "A canary is worse if it is refused more than this many times as often as its baseline, per container."),
    of("canaryDenialsPerSecond", "0.02", "refusals per second and container",
        "A canary that is refused no more often than this is not called worse."),
    of("failedStarts", "2", "starts",
        "Failed starts in a row."),
    of("lsmDenials", "10", "refusals in 10 minutes",
        "Least refusals by a security module, per container and write root."),
    of("lsmGrowth", "2", "times",
        "They rise if there are more than this many times as many as an hour ago."),
    of("promiseWindow", "6h", "time",
        "An app whose containers all had a read-only root within this time is expected to keep it."),
    of("breachWindow", "15m", "time",
        "How long a write outside of a contract is told."),
    of("tmpfsNearFullRatio", "0.8", "share of the limit",
        "From here on a tmpfs is near full, by bytes or by inodes."),
    of("tmpfsFullRatio", "0.995", "share of the limit",
        "From here on it is full."),
    of("tmpfsMemoryRatio", "0.5", "share of the memory limit",
        "From here on a container's tmpfs mounts eat its memory."),
    of("tmpfsOomRatio", "0.25", "share of the memory limit",
        "Share of the tmpfs mounts from which on they are blamed for a kill for want of memory."),
    of("oomWindow", "15m", "time",
        "How long such a kill is told."),
    of("layerGrowthBytesPerHour", "104857600", "bytes per hour",
        "Growth of a writable layer."),
    of("hooksMissing", "0", "hooks",
        "Hooks that may be missing on a node; on a kernel that allows the tracepoint backend alone, many are."),
    of("eventsLost", "100", "losses in 10 minutes",
        "Losses of one stage and reason on a node."),
    of("seriesLimited", "0", "refusals or series in 15 minutes",
        "What may go to an _other series, or to none, by a limit."),
];
