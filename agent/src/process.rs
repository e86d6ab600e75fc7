//! What the daemon itself uses.
//!
//! In: /proc/self. Out: [`Process`]. Invariant: read at the moment of asking.
//! Lacks on purpose: what the eBPF programs cost, which the kernel does not
//! charge to the daemon.

use procfs::process::LimitValue;
use procfs::{ProcError, WithCurrentSystemInfo as _};

/// The daemon's own use of the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Process {
    /// User and system time.
    pub cpu_seconds: f64,
    /// Resident memory.
    pub resident_bytes: u64,
    /// Virtual memory.
    pub virtual_bytes: u64,
    /// Open file descriptors.
    pub open_fds: u64,
    /// Most of them; `u64::MAX` for no limit.
    pub max_fds: u64,
    /// Threads.
    pub threads: u64,
    /// Start, in seconds since 1970.
    pub start_seconds: f64,
}

impl Process {
    /// Reads /proc/self.
    pub fn read() -> Result<Process, ProcError> {
        let process = procfs::process::Process::myself()?;
        let stat = process.stat()?;
        let ticks = procfs::ticks_per_second() as f64;
        let boot = procfs::boot_time_secs()? as f64;
        Ok(Process {
            cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
            resident_bytes: stat.rss_bytes().get(),
            virtual_bytes: stat.vsize,
            open_fds: process.fd_count()? as u64,
            max_fds: match process.limits()?.max_open_files.soft_limit {
                LimitValue::Value(limit) => limit,
                LimitValue::Unlimited => u64::MAX,
            },
            threads: stat.num_threads.try_into().unwrap_or(0),
            start_seconds: boot + stat.starttime as f64 / ticks,
        })
    }
}
