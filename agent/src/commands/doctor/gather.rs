//! This host -> [`Facts`].
//!
//! In: a valid [`Config`]. Out: [`Facts`]. Invariant: a fact is the result of doing
//! what the daemon does, where it does anything: the programs are really attached,
//! for a moment, and the runtimes really asked. Nothing is changed, and what cannot
//! be read is a fact as well. Lacks on purpose: judging.

mod containers;
mod half;
mod neighbour;

use std::fs;
use std::path::{Path, PathBuf};

use procfs::process::LimitValue;
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::facts::{Facts, GroupLayout, Groups, Kernel, Mounts, Pins, Presence, Rights, State};
use crate::alert;
use crate::config::{Config, Place};
use crate::identity::hierarchy::{Hierarchy, Layout, LayoutError};
use crate::identity::introduction::introductions;
use crate::mountinfo::{self, MountRow, process};
use crate::source::btf;
use crate::source::kernel::pins::{DIRECTORY, look};
use crate::source::kernel::{self, modules};
use crate::state_file;

/// Where securityfs tells how far the kernel is locked down.
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";
/// Inode number of the machine's first user namespace (`PROC_USER_INIT_INO`).
const USER_NAMESPACE: u64 = 0xEFFF_FFFD;

/// Finds out.
pub async fn gather(config: &Config) -> Facts {
    let own = process::mount_table(std::process::id()).unwrap_or_default();
    let rows = mountinfo::parse(&own.0);
    // Before loading, which raises a limit.
    let rights = rights();
    let layout = Layout::read();
    let address = neighbour::address(config).await;
    let socket = neighbour::socket(config).await;
    let runtimes = introductions(&config.docker_sockets, &config.cri_endpoints).await;
    Facts {
        kernel: kernel(),
        rights,
        groups: groups(&layout, &rows),
        processes: containers::processes(layout.as_ref().ok(), &rows),
        mounts: mounts(&rows),
        half: half::attach(config, &layout),
        runtimes,
        receivers: alert::answering(&config.alerting).await,
        state: state(config),
        pins: pins(config),
        address,
        socket,
        socket_asked_for: matches!(config.socket, Place::At(_)),
        backend: config.backend,
    }
}

fn text(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn kernel() -> Kernel {
    Kernel {
        release: text("/proc/sys/kernel/osrelease").unwrap_or_default(),
        lockdown: text(LOCKDOWN),
        modules: text(modules::LIST),
        has_btf: Path::new(btf::VMLINUX).exists(),
        has_sysfs: Path::new("/sys/kernel").exists(),
    }
}

fn rights() -> Rights {
    let this = procfs::process::Process::myself().ok();
    let status = this.as_ref().and_then(|this| this.status().ok());
    let limits = this.as_ref().and_then(|this| this.limits().ok());
    let locked = limits.map(|limits| limits.max_locked_memory.hard_limit);
    Rights {
        effective: status.as_ref().map_or(0, |status| status.capeff),
        own_user_namespace: namespace("user") == Some(USER_NAMESPACE),
        seccomp: status.and_then(|status| status.seccomp).unwrap_or(0) != 0,
        locked_memory: locked.and_then(|limit| match limit {
            LimitValue::Value(bytes) => Some(bytes),
            LimitValue::Unlimited => None,
        }),
    }
}

/// Number of a namespace of this process.
fn namespace(kind: &str) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Some(fs::metadata(format!("/proc/self/ns/{kind}")).ok()?.ino())
}

fn groups(layout: &Result<Layout, LayoutError>, rows: &[MountRow]) -> Result<Groups, String> {
    let layout = layout.as_ref().map_err(ToString::to_string)?;
    let unified = rows.iter().any(|row| row.fs_type == "cgroup2");
    Ok(Groups {
        layout: match (&layout.hierarchy, unified) {
            (Hierarchy::Unified, _) => GroupLayout::Unified,
            (Hierarchy::V1 { controller }, true) => GroupLayout::Hybrid(controller.clone()),
            (Hierarchy::V1 { controller }, false) => GroupLayout::Legacy(controller.clone()),
        },
        root: layout.root().map(Path::to_path_buf),
    })
}

fn mounts(rows: &[MountRow]) -> Mounts {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let place = |kind: &str, usual: &[&str]| {
        let is_mounted = |place: &&&str| {
            let target = place.as_bytes();
            rows.iter()
                .any(|row| row.fs_type == kind && row.target == target)
                // Below debugfs it is mounted when somebody looks.
                || Path::new(place).join("kprobe_events").exists()
        };
        let has_it = known
            .lines()
            .any(|line| line.ends_with(&format!("\t{kind}")));
        match usual.iter().find(is_mounted) {
            Some(path) => Presence::At(PathBuf::from(path)),
            None if has_it => Presence::Unmounted,
            None => Presence::Unsupported,
        }
    };
    Mounts {
        tracefs: place("tracefs", &kernel::TRACEFS),
        securityfs: place("securityfs", &["/sys/kernel/security"]),
        bpffs: place("bpf", &["/sys/fs/bpf"]),
    }
}

fn state(config: &Config) -> State {
    let path = match &config.state_file {
        Place::Off => return State::Off,
        Place::At(path) => Some(path.clone()),
        Place::Auto => state_file::usual_path(std::env::var("STATE_DIRECTORY").ok().as_deref()),
    };
    let Some(path) = path else {
        return State::Nowhere;
    };
    // A new file replaces the old one, so it is the directory that counts.
    let directory = path.parent().unwrap_or(Path::new("/"));
    let writable = may_write(directory);
    State::At(path, writable)
}

fn pins(config: &Config) -> Pins {
    let place = config.pin.clone().unwrap_or_else(|| DIRECTORY.into());
    let look = look(&place).map_err(|error| error.to_string());
    Pins {
        place,
        asked_for: config.pin.is_some(),
        look,
    }
}

/// May this process make files in that directory?
fn may_write(directory: &Path) -> Result<(), String> {
    let rights = Access::WRITE_OK | Access::EXEC_OK;
    accessat(CWD, directory, rights, AtFlags::EACCESS).map_err(|errno| errno.to_string())
}
