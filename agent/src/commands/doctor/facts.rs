//! What a host was found to be: the nouns of `doctor`.
//!
//! In: nothing. Out: [`Facts`]. Invariant: plain data, as it was read or as the
//! kernel answered, so that a test can make any host. Lacks on purpose: what it
//! means, which `judge` says.

use std::path::PathBuf;

use crate::aggregate::HookState;
use crate::alert::Answering;
use crate::config::BackendChoice;
use crate::host::{self, Plan};
use crate::identity::introduction::Introduction;
use crate::source::kernel::pins::Look;

/// Everything that was found.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The kernel's words about itself.
    pub kernel: Kernel,
    /// What this process may do.
    pub rights: Rights,
    /// The control groups, or why they cannot be used.
    pub groups: Result<Groups, String>,
    /// What is seen of other processes.
    pub processes: Processes,
    /// Where this process sees the kernel's own file systems.
    pub mounts: Mounts,
    /// What was attached for a moment, or why nothing was.
    pub half: Result<Attached, Failure>,
    /// Who answered at the runtimes' sockets.
    pub runtimes: Vec<Introduction>,
    /// Who of those that are told of alerts answered.
    pub receivers: Vec<Answering>,
    /// Where the state would be kept.
    pub state: State,
    /// What is pinned.
    pub pins: Pins,
    /// Where the daemon would listen; none where it shall not.
    pub address: Option<Address>,
    /// The unix socket on which it would; none where it shall not.
    pub socket: Option<Address>,
    /// The user named that socket.
    pub socket_asked_for: bool,
    /// What the user asked for.
    pub backend: BackendChoice,
}

/// The kernel's words about itself.
#[derive(Clone, Debug, Default)]
pub struct Kernel {
    /// Such as `6.12.41-amd64`; empty where it cannot be read.
    pub release: String,
    /// The text of securityfs's `lockdown`, such as `none [integrity] confidentiality`.
    pub lockdown: Option<String>,
    /// The text of securityfs's `lsm`.
    pub modules: Option<String>,
    /// The file of its types is there.
    pub has_btf: bool,
    /// sysfs shows a kernel at all.
    pub has_sysfs: bool,
}

impl Kernel {
    /// Major and minor version.
    pub fn version(&self) -> Option<(u32, u32)> {
        let mut numbers = self.release.split(|c: char| !c.is_ascii_digit());
        let major = numbers.next()?.parse().ok()?;
        Some((major, numbers.next()?.parse().ok()?))
    }

    /// The word in brackets: `none`, `integrity` or `confidentiality`.
    pub fn lockdown(&self) -> Option<&str> {
        let (_, rest) = self.lockdown.as_deref()?.split_once('[')?;
        Some(rest.split_once(']')?.0)
    }
}

/// What this process may do.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    /// The effective set, a bit for each capability.
    pub effective: u64,
    /// The machine's own user namespace, in which alone capabilities count for eBPF.
    pub own_user_namespace: bool,
    /// A seccomp filter lies over this process.
    pub seccomp: bool,
    /// Most bytes that this process may lock; none for no limit.
    pub locked_memory: Option<u64>,
}

/// The control groups.
#[derive(Clone, Debug)]
pub struct Groups {
    /// How they are laid out.
    pub layout: GroupLayout,
    /// The mount that shows them from their root, if there is one.
    pub root: Option<PathBuf>,
}

/// How control groups are laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupLayout {
    /// Version 2 alone.
    Unified,
    /// Version 1 with version 2 beside it; told by this controller.
    Hybrid(String),
    /// Version 1 alone; told by this controller.
    Legacy(String),
}

/// What is seen of other processes.
#[derive(Clone, Debug)]
pub struct Processes {
    /// This is the machine's first pid namespace, which has all processes.
    pub all: bool,
    /// /proc hides other users' processes.
    pub hidepid: bool,
    /// Containers of which a process was looked for.
    pub containers: usize,
    /// Those whose mounts and root can be looked at.
    pub open: usize,
    /// Why another one's cannot.
    pub refused: Option<String>,
    /// Where the host's root is reached, or why it is not.
    pub host_root: Result<String, String>,
}

/// Where this process sees the kernel's own file systems.
#[derive(Clone, Debug)]
pub struct Mounts {
    /// tracefs, with its events.
    pub tracefs: Presence,
    /// securityfs.
    pub securityfs: Presence,
    /// bpffs.
    pub bpffs: Presence,
}

/// Where a file system is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Presence there.
    At(PathBuf),
    /// The kernel has it, and it is not mounted where this process looks.
    Unmounted,
    /// The kernel does not have it.
    Unsupported,
}

/// What was attached.
#[derive(Clone, Debug)]
pub struct Attached {
    /// What went where, and what did not.
    pub plan: Plan,
    /// The same by hook.
    pub hooks: Vec<HookState>,
    /// What the plan was made from.
    pub facts: host::Facts,
    /// Structure members that this kernel lacks.
    pub missing_fields: Vec<String>,
    /// AppArmor's profiles can be told.
    pub knows_profiles: bool,
    /// A trampoline of its own, for a moment.
    pub fexit: Result<(), String>,
    /// The same by kretprobe.
    pub kprobe: Result<(), String>,
}

/// Why nothing was attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// At which step.
    pub step: Step,
    /// The system's words.
    pub reason: String,
    /// The system's number, where the kernel refused.
    pub errno: Option<i32>,
}

/// The steps until hooks are attached, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Finding the control groups.
    Groups,
    /// Having a kernel half.
    Build,
    /// Reading the kernel's types.
    Types,
    /// Making maps and loading programs.
    Load,
    /// Following the control groups.
    Follow,
    /// Attaching the hooks.
    Attach,
}

/// Where the state would be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nowhere, as the user wishes.
    Off,
    /// Nowhere: no setting names a place, and the usual one is not there.
    Nowhere,
    /// There, or why that cannot be written.
    At(PathBuf, Result<(), String>),
}

/// Where programs are pinned, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pins {
    /// The directory.
    pub place: PathBuf,
    /// The user named it.
    pub asked_for: bool,
    /// What is there, or why nothing can be.
    pub look: Result<Look, String>,
}

/// Where the daemon would listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// An address, or a socket's path.
    pub place: String,
    /// Who is there.
    pub taken: Taken,
}

/// Who is at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Nobody.
    Free,
    /// A Sealwatch.
    Sealwatch,
    /// It cannot be had, in the system's words.
    Not(String),
}
