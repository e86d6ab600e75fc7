//! What was asked for, and the kernel's own numbers -> the kernel half's settings.
//!
//! In: [`Options`], BTF, /proc/cgroups, the kernel's symbols. Out: [`Settings`]. Invariant: made once,
//! before the programs are loaded, which read them as constants. Lacks on
//! purpose: offsets, which BTF tells alone.

use sealwatch_ebpf::layout::{ABSENT, Settings};

use super::error::no_cgroups;
use super::{LoadError, Options, modules};
use crate::source::btf::Btf;

/// Version 1 hierarchies by controller.
const PROC_CGROUPS: &str = "/proc/cgroups";
/// Where AppArmor keeps the place of its label among the modules' in a credential.
const APPARMOR_BLOB_SIZES: &str = "apparmor_blob_sizes";

pub(super) fn settings(
    options: &Options,
    btf: &Btf,
    apparmor: bool,
) -> Result<Settings, LoadError> {
    let (cgroup_subsystem, hierarchy_id) = match &options.controller {
        None => (ABSENT, 0),
        Some(controller) => {
            let index = btf.controller_index(controller).ok_or_else(|| {
                no_cgroups(format!("the kernel's BTF has no controller {controller:?}"))
            })?;
            (index, hierarchy_id(controller)?)
        }
    };
    let apparmor_blob_sizes = match apparmor {
        true => modules::address(APPARMOR_BLOB_SIZES).unwrap_or(0),
        false => 0,
    };
    Ok(Settings {
        apparmor_blob_sizes,
        generation: 0,
        sample_interval_ns: u64::try_from(options.sample_interval.as_nanos()).unwrap_or(u64::MAX),
        cgroup_subsystem,
        hierarchy_id,
        has_task_pt_regs: u32::from(btf.has_function("bpf_task_pt_regs")),
        reserved: 0,
    })
}

/// The number of a version 1 controller's hierarchy: the second column of /proc/cgroups.
fn hierarchy_id(controller: &str) -> Result<u32, LoadError> {
    let text = std::fs::read_to_string(PROC_CGROUPS)
        .map_err(|error| no_cgroups(format!("{PROC_CGROUPS}: {error}")))?;
    text.lines()
        .filter_map(|line| {
            let mut columns = line.split_whitespace();
            (columns.next()? == controller).then(|| columns.next()?.parse().ok())?
        })
        .next()
        .ok_or_else(|| no_cgroups(format!("{PROC_CGROUPS} has no controller {controller:?}")))
}
