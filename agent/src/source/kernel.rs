//! The running kernel as a source: loads the kernel half, attaches it, reads it.
//!
//! In: the object built into the daemon, facts about the host, a plan. Out: a
//! [`Kernel`], which is a [`Source`], and what is attached. Invariant: the only
//! module that knows aya; a hook that cannot be attached degrades the plan and
//! is reported, only nothing at all being attached is fatal. Lacks on purpose:
//! deciding where a program goes (`host::plan`).

mod attach;
mod bpf_lsm;
mod checkpoint;
mod error;
mod held;
mod inventory;
mod kretprobe;
mod locks;
mod maps;
pub mod modules;
pub mod pins;
mod settings;
mod skipped;
mod system;
mod tables;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::time::Duration;

use attach::{Attached, attach};
use aya::{Btf as LoaderBtf, Ebpf, EbpfLoader};
pub use error::{LoadError, Refusal};
use error::{object_error, pins_error, reason, refusal};
use held::{Earlier, Held, fingerprint};
use inventory::Inventory;
pub use kretprobe::{TRACEFS, remove_leftovers};
use maps::{Plain, fill_syscalls, unlimit_locked_memory};
use pins::Pins;
use sealwatch_ebpf::wire::{self, CountKey, CountValue, OomValue, STATS_MAX, WriteKey, WriteValue};
use settings::settings;
use skipped::Skipped;
use tables::Tables;
use tracing::debug;

use crate::denial::{Backend, Hook, Lsm};
use crate::host::{self, Facts, Plan, Wanted};
use crate::source::btf::{self, Btf};
use crate::source::{Past, RecordKind, Source, SourceError, Succession};

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
    /// The form of what [`Source::keep`] is given: of another one nothing is gone on from.
    pub state_version: u32,
}

/// The loaded and attached kernel half. Dropping it detaches what is not pinned.
pub struct Kernel {
    tables: Tables,
    /// Earlier daemons' counters, until they are taken in.
    earlier: VecDeque<Earlier>,
    /// None where nothing outlives the daemon.
    held: Option<Held>,
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

/// Loads the kernel half and attaches what the host allows; with `pins`, so that it
/// outlives the daemon, and goes on where an earlier one was.
///
/// Must be called inside a tokio runtime.
///
/// # Errors
/// See [`LoadError`]; single hooks that cannot be attached are no error.
pub fn load(options: &Options, pins: Option<Pins>) -> Result<Kernel, LoadError> {
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
    let mut settings = settings(options, &btf, facts.active(Lsm::Apparmor))?;
    let make = fingerprint(&[options, &offsets, &settings], OBJECT);
    let path = pins.as_ref().map(|pins| pins.path().to_path_buf());
    let unkept = |error: io::Error| pins_error(&path.clone().unwrap_or_default(), &error);
    // Before the first map: up to 5.10 they count as locked memory.
    unlimit_locked_memory();
    let held = pins.map(|pins| Held::prepare(pins, &make)).transpose();
    let mut held = held.map_err(unkept)?;
    settings.generation = held.as_ref().map_or(0, |held| held.generation.number);
    let mut bpf_lsm = bpf_lsm::Programs::default();
    if facts.active(Lsm::Bpf)
        && let Some(targets) = bpf_lsm.news()
    {
        facts.bpf_lsm = functions(&btf, &targets);
    }
    drop(btf);
    let loader_btf = LoaderBtf::from_sys_fs().map_err(object_error)?;
    let (offsets, settings) = (Plain(offsets), Plain(settings));
    let mut loader = EbpfLoader::new();
    loader
        .btf(Some(&loader_btf))
        .override_global(wire::GLOBAL_OFFSETS, &offsets, true)
        .override_global(wire::GLOBAL_SETTINGS, &settings, true);
    for (name, path) in held.iter().flat_map(Held::maps) {
        loader.map_pin_path(name, path);
    }
    let mut object = loader.load(OBJECT).map_err(object_error)?;
    fill_syscalls(&mut object)?;
    let mut attached = Attached::in_generation(held.as_ref().map(|held| held.generation.clone()));
    // Control groups first: no denial may come from one whose birth was missed.
    for name in ["cgroup_mkdir", "cgroup_rmdir"] {
        attached
            .attach_tracepoint(&mut object, &format!("tp_{name}"), name)
            .map_err(|error| LoadError::Cgroups(refusal(error.as_ref())))?;
    }
    let plan = attach(
        &mut object,
        &loader_btf,
        &mut facts,
        options.wanted,
        &mut attached,
    )?;
    let tables = Tables::of(&mut object)?;
    let mut earlier = VecDeque::new();
    if let Some(held) = &mut held {
        attached.settle();
        earlier = held.take_turn().map_err(unkept)?;
    }
    Ok(Kernel {
        tables,
        earlier,
        held,
        inventory: Inventory::of(&mut object)?,
        skipped: Skipped::of(&object),
        plan,
        missing_fields,
        knows_profiles: settings.0.apparmor_blob_sizes != 0,
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
                self.attached.settle();
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

impl Kernel {
    fn read(&mut self) -> &mut Tables {
        read_of(&mut self.earlier, &mut self.tables)
    }
}

/// What is read: an earlier daemon's tables, until they are taken in.
fn read_of<'a>(earlier: &'a mut VecDeque<Earlier>, own: &'a mut Tables) -> &'a mut Tables {
    match earlier.front_mut() {
        Some(Earlier::Tables(tables)) => tables,
        _ => own,
    }
}

impl Source for Kernel {
    fn drain(&mut self, each: &mut dyn FnMut(RecordKind, &[u8])) -> usize {
        let mut records = 0;
        let tables = read_of(&mut self.earlier, &mut self.tables);
        for (ring, kind) in [
            (&mut tables.cgroups, RecordKind::Cgroup),
            (&mut tables.samples, RecordKind::Sample),
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
                ready = self.tables.cgroups.readable() => if let Ok(mut guard) = ready { guard.clear_ready() },
                ready = self.inventory.records.readable() => if let Ok(mut guard) = ready { guard.clear_ready() },
                ready = self.tables.samples.readable() => if let Ok(mut guard) = ready { guard.clear_ready() },
            }
        })
    }

    fn stats(&mut self) -> Result<[u64; STATS_MAX as usize], SourceError> {
        let mut stats = self.read().stats()?;
        if self.earlier.is_empty() {
            stats[wire::Stat::Skipped as usize] = self.skipped.total(&self.attached.programs);
        }
        Ok(stats)
    }

    fn counters(
        &mut self,
        each: &mut dyn FnMut(&CountKey, &CountValue),
    ) -> Result<(), SourceError> {
        self.read().counters(each)
    }

    fn overflow(&mut self, each: &mut dyn FnMut(u8, u8, u64)) -> Result<(), SourceError> {
        self.read().overflow(each)
    }

    fn oom_kills(&mut self, each: &mut dyn FnMut(u64, &OomValue)) -> Result<(), SourceError> {
        self.read().oom_kills(each)
    }

    fn forget_oom_kills(&mut self, cgroup: u64) -> Result<(), SourceError> {
        self.tables.forget_oom_kills(cgroup)
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
        self.tables.forget(keys)
    }

    fn plan_changed(&mut self) -> Option<&Plan> {
        self.follow_bpf_lsm();
        std::mem::take(&mut self.plan_changed).then_some(&self.plan)
    }

    fn past(&mut self) -> Option<Past> {
        let past = self.held.as_mut()?.past()?;
        Some(Past {
            succession: Earlier::succession(self.earlier.front()),
            ..past
        })
    }

    fn succeed(&mut self) -> Succession {
        self.earlier.pop_front();
        Earlier::succession(self.earlier.front())
    }

    fn keeps(&self) -> bool {
        self.held.is_some()
    }

    fn keep(&mut self, text: &[u8]) -> Result<(), SourceError> {
        match &mut self.held {
            Some(held) => held.keep(text),
            None => Ok(()),
        }
    }

    fn ignore(&mut self, cgroup: u64) -> Result<(), SourceError> {
        self.tables.ignore(cgroup)
    }
}
