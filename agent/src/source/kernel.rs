//! The running kernel as a source: loads the kernel half, attaches it, reads it.
//!
//! In: the object built into the daemon, facts about the host, a plan. Out: a
//! [`Kernel`], which is a [`Source`], and what is attached. Invariant: the only
//! module that knows aya; a hook that cannot be attached degrades the plan and
//! is reported, only nothing at all being attached is fatal. Lacks on purpose:
//! deciding where a program goes (`host::plan`).

mod attach;
mod bpf_lsm;
mod error;
mod inventory;
mod kretprobe;
mod maps;
pub mod modules;
mod settings;
mod skipped;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use attach::{Attached, attach, attach_tracepoint};
use aya::maps::{Array, HashMap, Map, MapData, RingBuf};
use aya::{Btf as LoaderBtf, Ebpf, EbpfLoader};
pub use error::{LoadError, Refusal};
use error::{map_error, object_error, reason, refusal};
use inventory::Inventory;
pub use kretprobe::TRACEFS;
use maps::{Plain, absent_is_fine, fill_syscalls, ring, take, typed, unlimit_locked_memory};
use sealwatch_ebpf::wire::{
    self, CountKey, CountValue, DENIAL_ERRNOS, OomValue, STATS_MAX, WriteKey, WriteValue,
};
use settings::settings;
use skipped::Skipped;
use tokio::io::unix::AsyncFd;
use tracing::debug;

use crate::denial::{Backend, Hook, Lsm, Operation};
use crate::host::{self, Facts, Plan, Wanted};
use crate::source::btf::{self, Btf};
use crate::source::{RecordKind, Source, SourceError, batch};

#[cfg(kernel_half)]
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/kernel.o"));
#[cfg(not(kernel_half))]
static OBJECT: &[u8] = &[];

/// Where a kernel with kprobes shows how to make one.
const KPROBE_EVENTS: &str = "/sys/bus/event_source/devices/kprobe";

/// What the loader needs to know.
#[derive(Clone, Debug)]
pub struct Options {
    /// The backend asked for.
    pub wanted: Wanted,
    /// Watch what seccomp filters refuse.
    pub seccomp: bool,
    /// Least time between two samples of one counter.
    pub sample_interval: Duration,
    /// The version 1 controller whose control groups identify tasks; `None` for version 2.
    pub controller: Option<String>,
}

/// The loaded and attached kernel half. Dropping it detaches everything.
pub struct Kernel {
    samples: AsyncFd<RingBuf<MapData>>,
    cgroups: AsyncFd<RingBuf<MapData>>,
    counts: HashMap<MapData, Plain<CountKey>, Plain<CountValue>>,
    counts_fd: OwnedFd,
    path_keys: HashMap<MapData, u64, u64>,
    overflow: Array<MapData, u64>,
    stats: Array<MapData, u64>,
    ignored: HashMap<MapData, u64, u8>,
    oom_kills: HashMap<MapData, u64, Plain<OomValue>>,
    inventory: Inventory,
    skipped: Skipped,
    plan: Plan,
    missing_fields: Vec<String>,
    knows_profiles: bool,
    // The links live in these.
    object: Ebpf,
    attached: Attached,
    /// What the plan is made from, for programs that others load later.
    facts: Facts,
    wanted: Wanted,
    bpf_lsm: bpf_lsm::Programs,
    plan_changed: bool,
}

/// Loads the kernel half and attaches what the host allows.
///
/// Must be called inside a tokio runtime.
///
/// # Errors
/// See [`LoadError`]; single hooks that cannot be attached are no error.
pub fn load(options: &Options) -> Result<Kernel, LoadError> {
    if OBJECT.is_empty() {
        return Err(LoadError::NoObject);
    }
    let btf = Btf::open(Path::new(btf::VMLINUX))?;
    let (offsets, missing_fields) = btf.offsets();
    let mut facts = Facts {
        functions: btf.functions(&host::functions_of_interest()),
        no_kprobes: (!Path::new(KPROBE_EVENTS).exists())
            .then(|| "kprobes are not compiled into this kernel".to_owned()),
        modules: modules::active(),
        seccomp: options.seccomp,
        tells_victim: btf.tracepoint_arguments(host::OOM_TRACEPOINT) == Some(2),
        ..Facts::default()
    };
    let settings = settings(options, &btf, facts.active(Lsm::Apparmor))?;
    unlimit_locked_memory();
    let mut bpf_lsm = bpf_lsm::Programs::default();
    if facts.active(Lsm::Bpf)
        && let Some(targets) = bpf_lsm.news()
    {
        facts.bpf_lsm = functions(&btf, &targets);
    }
    drop(btf);
    let loader_btf = LoaderBtf::from_sys_fs().map_err(object_error)?;
    let mut object = EbpfLoader::new()
        .btf(Some(&loader_btf))
        .override_global(wire::GLOBAL_OFFSETS, &Plain(offsets), true)
        .override_global(wire::GLOBAL_SETTINGS, &Plain(settings), true)
        .load(OBJECT)
        .map_err(object_error)?;
    fill_syscalls(&mut object)?;
    // Control groups first: no denial may come from one whose birth was missed.
    for name in ["cgroup_mkdir", "cgroup_rmdir"] {
        attach_tracepoint(&mut object, &format!("tp_{name}"), name)
            .map_err(|error| LoadError::Cgroups(refusal(&error)))?;
    }
    let (plan, attached) = attach(&mut object, &loader_btf, &mut facts, options.wanted)?;
    let counts = take(&mut object, wire::MAP_COUNTS)?;
    let counts_fd = match &counts {
        Map::HashMap(data) => data
            .fd()
            .as_fd()
            .try_clone_to_owned()
            .map_err(object_error)?,
        _ => {
            return Err(LoadError::Absent(format!(
                "a hash map {}",
                wire::MAP_COUNTS
            )));
        }
    };
    Ok(Kernel {
        samples: ring(&mut object, wire::MAP_SAMPLES)?,
        cgroups: ring(&mut object, wire::MAP_CGROUPS)?,
        counts: typed(counts, wire::MAP_COUNTS)?,
        counts_fd,
        path_keys: typed(take(&mut object, wire::MAP_PATH_KEYS)?, wire::MAP_PATH_KEYS)?,
        overflow: typed(take(&mut object, wire::MAP_OVERFLOW)?, wire::MAP_OVERFLOW)?,
        stats: typed(take(&mut object, wire::MAP_STATS)?, wire::MAP_STATS)?,
        ignored: typed(take(&mut object, wire::MAP_IGNORED)?, wire::MAP_IGNORED)?,
        oom_kills: typed(take(&mut object, wire::MAP_OOM_KILLS)?, wire::MAP_OOM_KILLS)?,
        inventory: Inventory::of(&mut object)?,
        skipped: Skipped::of(&object),
        plan,
        missing_fields,
        knows_profiles: settings.apparmor_blob_sizes != 0,
        object,
        attached,
        facts,
        wanted: options.wanted,
        bpf_lsm,
        plan_changed: false,
    })
}

impl Kernel {
    /// What is attached, and what is missing and why.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Structure members that this kernel does not have; what depends on them reads zero.
    pub fn missing_fields(&self) -> &[String] {
        &self.missing_fields
    }

    /// Was it found where AppArmor keeps a task's profile?
    pub fn knows_profiles(&self) -> bool {
        self.knows_profiles
    }

    /// What the plan was made from.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Attaches one program by a backend that the plan may have had no need of,
    /// for a moment; the reason where that is refused.
    pub fn attempt(&mut self, backend: Backend) -> Result<(), String> {
        // They serve the control groups, or nothing would be loaded.
        if backend == Backend::Tracepoint {
            return Ok(());
        }
        let barred = match backend {
            Backend::Fexit => self.facts.no_trampolines.as_ref(),
            Backend::Kprobe => self.facts.no_kprobes.as_ref(),
            Backend::Tracepoint => None,
        };
        if let Some(reason) = barred {
            return Err(reason.clone());
        }
        let plan = host::plan(&self.facts, Wanted::Only(backend));
        let tried = plan.attachments.iter().find(|a| a.hook == Hook::Rmdir);
        let Some(tried) = tried else {
            let missing = plan.missing.iter().find(|(hook, _)| *hook == Hook::Rmdir);
            return Err(missing
                .map(|(_, reason)| reason.clone())
                .unwrap_or_default());
        };
        let btf = LoaderBtf::from_sys_fs().map_err(|error| reason(&error))?;
        // Dropped, and so detached, at once.
        Attached::default()
            .attach_one(&mut self.object, &btf, tried)
            .map_err(|error| reason(error.as_ref()))
    }

    /// Attaches to the functions of BPF LSM programs that were loaded meanwhile.
    fn follow_bpf_lsm(&mut self) {
        // The tracepoint backend has no place for them, now or later.
        let tracepoint = self
            .plan
            .attachments
            .iter()
            .any(|a| a.hook == Hook::SyscallExit);
        if tracepoint || !self.facts.active(Lsm::Bpf) {
            return;
        }
        let Some(targets) = self.bpf_lsm.news() else {
            return;
        };
        let (btf, loader_btf) = match (Btf::open(Path::new(btf::VMLINUX)), LoaderBtf::from_sys_fs())
        {
            (Ok(btf), Ok(loader_btf)) => (btf, loader_btf),
            _ => return debug!("the kernel's BTF cannot be read any more"),
        };
        self.facts.bpf_lsm = functions(&btf, &targets);
        let facts = &mut self.facts;
        match self
            .attached
            .follow(&mut self.object, &loader_btf, facts, self.wanted)
        {
            Ok(plan) => {
                debug!(functions = ?self.facts.bpf_lsm, "BPF LSM programs");
                self.plan = plan;
                self.plan_changed = true;
            }
            Err(error) => debug!(%error, "BPF LSM programs cannot be followed"),
        }
    }
}

/// The functions that BPF LSM programs are attached to, with their number of arguments.
fn functions(btf: &Btf, targets: &bpf_lsm::Targets) -> BTreeMap<String, u8> {
    let told = targets.functions.iter().filter_map(|id| btf.function(*id));
    let mut functions: BTreeMap<String, u8> = told.collect();
    if targets.untold {
        functions.extend(btf.functions(&host::BPF_LSM_FALLBACK.iter().copied().collect()));
    }
    functions
}

impl Source for Kernel {
    fn drain(&mut self, each: &mut dyn FnMut(RecordKind, &[u8])) -> usize {
        let mut records = 0;
        for (ring, kind) in [
            (&mut self.cgroups, RecordKind::Cgroup),
            (&mut self.samples, RecordKind::Sample),
            (&mut self.inventory.records, RecordKind::Write),
        ] {
            while let Some(record) = ring.get_mut().next() {
                each(kind, &record);
                records += 1;
            }
        }
        records
    }

    fn ready(&mut self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            // The readiness is cleared before the drain that follows, so a record
            // that comes in between is announced again. An error means that the
            // runtime ends; then nothing is awaited any more.
            tokio::select! {
                ready = self.cgroups.readable() => if let Ok(mut guard) = ready { guard.clear_ready() },
                ready = self.inventory.records.readable() => if let Ok(mut guard) = ready { guard.clear_ready() },
                ready = self.samples.readable() => if let Ok(mut guard) = ready { guard.clear_ready() },
            }
        })
    }

    fn stats(&mut self) -> Result<[u64; STATS_MAX as usize], SourceError> {
        let mut stats = [0; STATS_MAX as usize];
        for (value, slot) in self.stats.iter().zip(&mut stats) {
            *slot = value.map_err(|error| map_error(wire::MAP_STATS, &error))?;
        }
        stats[wire::Stat::Skipped as usize] = self.skipped.total(&self.attached.programs);
        Ok(stats)
    }

    fn counters(
        &mut self,
        each: &mut dyn FnMut(&CountKey, &CountValue),
    ) -> Result<(), SourceError> {
        // SAFETY: this map was declared with these types, and both are integers only.
        unsafe { batch::read_all(self.counts_fd.as_fd(), each) }
            .map_err(|error| map_error(wire::MAP_COUNTS, &error))
    }

    fn overflow(&mut self, each: &mut dyn FnMut(u8, u8, u64)) -> Result<(), SourceError> {
        for operation in Operation::ALL {
            for (position, errno) in DENIAL_ERRNOS.iter().enumerate() {
                let index = wire::overflow_index(*operation as u8, position as u8);
                let count = self
                    .overflow
                    .get(&index, 0)
                    .map_err(|error| map_error(wire::MAP_OVERFLOW, &error))?;
                if count != 0 {
                    each(*operation as u8, *errno, count);
                }
            }
        }
        Ok(())
    }

    fn oom_kills(&mut self, each: &mut dyn FnMut(u64, &OomValue)) -> Result<(), SourceError> {
        for entry in self.oom_kills.iter() {
            let (cgroup, value) = entry.map_err(|error| map_error(wire::MAP_OOM_KILLS, &error))?;
            each(cgroup, &value.0);
        }
        Ok(())
    }

    fn forget_oom_kills(&mut self, cgroup: u64) -> Result<(), SourceError> {
        absent_is_fine(wire::MAP_OOM_KILLS, self.oom_kills.remove(&cgroup))
    }

    fn watch_writes(&mut self, cgroup: u64, on: bool) -> Result<(), SourceError> {
        self.inventory.watch(&mut self.object, cgroup, on)
    }

    fn inventory(
        &mut self,
        each: &mut dyn FnMut(&WriteKey, &WriteValue),
    ) -> Result<(), SourceError> {
        self.inventory.read(each)
    }

    fn forget(&mut self, keys: &[CountKey]) -> Result<(), SourceError> {
        for key in keys {
            absent_is_fine(wire::MAP_COUNTS, self.counts.remove(&Plain(*key)))?;
            absent_is_fine(wire::MAP_PATH_KEYS, self.path_keys.remove(&key.cgroup))?;
        }
        Ok(())
    }

    fn plan_changed(&mut self) -> Option<&Plan> {
        self.follow_bpf_lsm();
        std::mem::take(&mut self.plan_changed).then_some(&self.plan)
    }

    fn ignore(&mut self, cgroup: u64) -> Result<(), SourceError> {
        self.ignored
            .insert(cgroup, 1, 0)
            .map_err(|error| map_error(wire::MAP_IGNORED, &error))
    }
}
