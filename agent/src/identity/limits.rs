//! How much the identity tables may hold.
//!
//! In: nothing. Out: [`Limits`]. Invariant: each table has one. Lacks on
//! purpose: what is done with what does not fit.

/// Bounds of [`super::Identity`]'s tables.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Control groups known at once, the dead ones of the grace time included.
    pub cgroups: usize,
    /// Control groups in one outermost container, so that none fills the table alone.
    pub cgroups_per_container: usize,
    /// Containers known at once.
    pub containers: usize,
    /// Nanoseconds that a dead control group is remembered.
    pub grace_ns: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            cgroups: 32_768,
            cgroups_per_container: 4_096,
            containers: 8_192,
            grace_ns: 60_000_000_000,
        }
    }
}
