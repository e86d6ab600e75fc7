//! What a process has used and holds, as /proc tells it.
//!
//! In: its id. Out: processor time, memory, descriptors, threads. Invariant: a
//! process that is gone is an error, never zero. Lacks on purpose: rates.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result, ensure};

/// Processor time of all threads since the start, ended ones included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuTime {
    /// User and system, to the nanosecond.
    pub total: Duration,
    /// User alone, to the clock tick (10 ms).
    pub user: Duration,
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All that is resident.
    pub resident: u64,
    /// The part that is of no file: what the process itself took.
    pub anonymous: u64,
    /// The most that was ever resident.
    pub peak: u64,
}

/// Bytes in a mebibyte.
pub const MIB: f64 = 1_048_576.0;

/// Reads the processor time.
///
/// # Errors
/// A process that is gone.
pub fn cpu_time(pid: u32) -> Result<CpuTime> {
    let id = libc::pid_t::try_from(pid)?;
    let (mut clock, mut time) = (
        0,
        libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        },
    );
    // SAFETY: both places outlive the calls.
    let failed = unsafe {
        libc::clock_getcpuclockid(id, &mut clock) != 0 || libc::clock_gettime(clock, &mut time) != 0
    };
    ensure!(!failed, "process {pid} is gone");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("/proc/PID/stat")?;
    // SAFETY: takes an integer.
    let ticks_per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    let ticks = user_ticks(&stat).with_context(|| format!("process {pid}: {stat:?}"))?;
    Ok(CpuTime {
        total: Duration::new(
            time.tv_sec.unsigned_abs(),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        ),
        user: Duration::from_millis(ticks * 1000 / ticks_per_second.unsigned_abs().max(1)),
    })
}

/// Field 14 of proc(5), counted from the bracket that ends the command's name.
fn user_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(11)?.parse().ok()
}

/// Reads what is resident.
///
/// # Errors
/// A process that is gone.
pub fn memory(pid: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid} is gone"))?;
    let field = |name: &str| {
        let value = kibibytes(&status, name);
        value.with_context(|| format!("process {pid} has no {name}"))
    };
    Ok(Memory {
        resident: field("VmRSS")? * 1024,
        anonymous: field("RssAnon")? * 1024,
        peak: field("VmHWM")? * 1024,
    })
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Open descriptors.
///
/// # Errors
/// A process that is gone.
pub fn descriptors(pid: u32) -> Result<usize> {
    entries(pid, "fd")
}

/// Threads.
///
/// # Errors
/// A process that is gone.
pub fn threads(pid: u32) -> Result<usize> {
    entries(pid, "task")
}

fn entries(pid: u32, of: &str) -> Result<usize> {
    let path = format!("/proc/{pid}/{of}");
    let entries = fs::read_dir(&path).with_context(|| path.clone())?;
    Ok(entries.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_worked_and_holds_something() {
        let pid = std::process::id();
        let before = cpu_time(pid).unwrap();
        let mut number = 0_u64;
        while cpu_time(pid).unwrap().total - before.total < Duration::from_millis(30) {
            number = std::hint::black_box(number + 1);
        }
        let memory = memory(pid).unwrap();
        assert!(memory.anonymous > 0 && memory.resident > memory.anonymous);
        assert!(memory.peak >= memory.resident);
        assert!(descriptors(pid).unwrap() >= 3);
        assert!(threads(pid).unwrap() >= 1);
    }

    #[test]
    fn a_command_with_brackets_moves_no_field() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 123 45 0 0 20";
        assert_eq!(user_ticks(stat), Some(123));
        assert_eq!(
            kibibytes("VmRSS:\t  12 kB\nRssAnon:\t 5 kB\n", "RssAnon"),
            Some(5)
        );
    }

    #[test]
    fn nobody_has_no_figures() {
        // The largest id that a kernel gives out is below.
        let nobody = 4_194_305;
        assert!(cpu_time(nobody).is_err() && memory(nobody).is_err());
        assert!(descriptors(nobody).is_err());
    }
}
