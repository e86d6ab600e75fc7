//! Kretprobes with room for every task that is inside the function at once.
//!
//! In: a loaded program and a function. Out: a [`Kretprobe`]. Invariant: dropping it
//! detaches the program and removes its tracefs event, unless it was pinned. Lacks on purpose: `perf`'s own
//! kretprobes, which keep no more returns than there are processors on a kernel
//! without preemption: a single task that sleeps in a write would hide all others'.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use tracing::debug;

use super::system;

/// Where tracefs may be mounted.
pub const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];
/// Tasks that may be inside one function at once; the kernel reserves about 64 bytes each.
const RETURNS_MAX: u32 = 1_024;
/// What the events' group begins with; the process id follows.
const GROUP: &str = "sealwatch_";

/// PERF_TYPE_TRACEPOINT.
const TRACEPOINT: u32 = 2;
/// PERF_FLAG_FD_CLOEXEC.
const CLOEXEC: libc::c_ulong = 8;
/// PERF_EVENT_IOC_ENABLE.
const ENABLE: libc::c_ulong = 0x2400;
/// PERF_EVENT_IOC_SET_BPF.
const SET_BPF: libc::c_ulong = 0x4004_2408;

/// `struct perf_event_attr` in its first version.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_type: u32,
    breakpoint_address: u64,
}

/// An attached kretprobe.
pub(super) struct Kretprobe {
    /// `None` only while being dropped: an event in use cannot be removed.
    event: Option<OwnedFd>,
    /// What attaches the program, on a kernel where a link can.
    link: Option<OwnedFd>,
    pinned: bool,
    events: PathBuf,
    name: String,
}

impl Kretprobe {
    /// Attaches a loaded kprobe program to a function's return.
    ///
    /// # Errors
    /// No tracefs, or the kernel's refusal.
    pub(super) fn attach(program: BorrowedFd<'_>, symbol: &str) -> io::Result<Kretprobe> {
        let tracefs = TRACEFS
            .into_iter()
            .map(Path::new)
            .find(|directory| directory.join("kprobe_events").exists())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "tracefs is not mounted"))?;
        let name = format!("{GROUP}{}/{symbol}", std::process::id());
        let events = tracefs.join("kprobe_events");
        write(&events, &format!("r{RETURNS_MAX}:{name} {symbol}"))?;
        // From here on, dropping it removes the event.
        let mut probe = Kretprobe {
            event: None,
            link: None,
            pinned: false,
            events,
            name,
        };
        let id = fs::read_to_string(tracefs.join("events").join(&probe.name).join("id"))?;
        let id = id.trim().parse().map_err(io::Error::other)?;
        let event = open(id)?;
        match system::link(program, event.as_fd()) {
            Ok(link) => probe.link = Some(link),
            // Before 5.15.
            Err(_) => control(&event, SET_BPF, program.as_raw_fd())?,
        }
        control(&event, ENABLE, 0)?;
        probe.event = Some(event);
        Ok(probe)
    }

    /// Lets the program stay attached when this is dropped.
    ///
    /// # Errors
    /// A kernel without such links, or its refusal.
    pub(super) fn pin(&mut self, path: &Path) -> io::Result<()> {
        let link = self.link.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        system::pin(link.as_fd(), path)?;
        self.pinned = true;
        Ok(())
    }
}

impl Drop for Kretprobe {
    fn drop(&mut self) {
        if self.pinned {
            return;
        }
        drop(self.link.take());
        drop(self.event.take());
        if let Err(error) = write(&self.events, &format!("-:{}", self.name)) {
            debug!(name = self.name, %error, "the event is left in tracefs");
        }
    }
}

/// Removes what a daemon that has ended left in tracefs, and returns its names. The
/// kernel keeps events in use.
pub fn remove_leftovers() -> Vec<String> {
    let mut removed = Vec::new();
    for events in TRACEFS.map(|directory| Path::new(directory).join("kprobe_events")) {
        for name in leftovers(&fs::read_to_string(&events).unwrap_or_default()) {
            match write(&events, &format!("-:{name}")) {
                Ok(()) => removed.push(name.to_owned()),
                Err(error) => debug!(name, %error, "another daemon's event"),
            }
        }
    }
    removed
}

/// The names of Sealwatch's events among the lines of `kprobe_events`.
fn leftovers(events: &str) -> impl Iterator<Item = &str> {
    events.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let name = rest.split(' ').next()?;
        name.starts_with(GROUP).then_some(name)
    })
}

fn write(events: &Path, line: &str) -> io::Result<()> {
    File::options()
        .append(true)
        .open(events)?
        .write_all(format!("{line}\n").as_bytes())
}

/// Opens a tracefs event on one processor; its program runs for all of them.
fn open(id: u64) -> io::Result<OwnedFd> {
    let attributes = Attributes {
        kind: TRACEPOINT,
        size: size_of::<Attributes>() as u32,
        config: id,
        sample_period: 1,
        wakeup_events: 1,
        ..Attributes::default()
    };
    let (every_task, processor, no_group) = (-1, 0, -1);
    // SAFETY: the kernel reads `size` bytes of `attributes`, which outlives the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            every_task,
            processor,
            no_group,
            CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

fn control(event: &OwnedFd, request: libc::c_ulong, argument: RawFd) -> io::Result<()> {
    // SAFETY: both requests take a number, not a pointer.
    match unsafe { libc::ioctl(event.as_raw_fd(), request, argument) } {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_events_are_leftovers() {
        let events = "r1024:sealwatch_12/vfs_write vfs_write\n\
                      p:kprobes/other do_exit\nr1:x/sealwatch_1 y\nr16:sealwatch_3/do_rmdir do_rmdir\n\n";
        let found: Vec<_> = leftovers(events).collect();
        assert_eq!(found, ["sealwatch_12/vfs_write", "sealwatch_3/do_rmdir"]);
    }

    #[test]
    fn attributes_have_the_first_version_s_size() {
        assert_eq!(size_of::<Attributes>(), 64);
    }
}
