//! What a check comes to: a status, and in words what it means and what to do.
//!
//! In: nothing. Out: [`Finding`]. Invariant: a finding that is not well says what is
//! not measured, and what to do about it. Lacks on purpose: forms, which `report`
//! and `text` have.

use serde::Serialize;

/// How a check ended, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As good as Sealwatch can have it.
    Ok,
    /// The daemon runs, and something is not measured.
    Degraded,
    /// The daemon cannot observe.
    Failed,
}

impl Status {
    /// The name used in documents and in JSON.
    pub const fn label(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Degraded => "degraded",
            Status::Failed => "failed",
        }
    }
}

macro_rules! checks {
    ($($(#[$doc:meta])* $id:ident = $label:literal $asks:literal;)+) => {
        /// What is looked at, in the order of the report.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Check { $(#[doc = $asks] $id,)+ }

        impl Check {
            /// Every member.
            pub const ALL: &'static [Check] = &[$(Check::$id),+];

            /// The name used in documents and in JSON.
            pub const fn label(self) -> &'static str {
                match self { $(Check::$id => $label,)+ }
            }

            /// What it looks at.
            pub const fn asks(self) -> &'static str {
                match self { $(Check::$id => $asks,)+ }
            }
        }
    };
}

checks! {
    Kernel = "kernel" "Release and architecture.";
    Btf = "btf" "The kernel tells its types, without which nothing can be read.";
    Lockdown = "lockdown" "How far the kernel is locked down.";
    SecurityModules = "security_modules" "Which security modules are active.";
    Capabilities = "capabilities" "What this process may do, and what for.";
    UserNamespace = "user_namespace" "Capabilities count for eBPF in the machine's own user namespace alone.";
    SeccompFilter = "seccomp_filter" "A filter over this process may refuse bpf().";
    LockedMemory = "locked_memory" "Before Linux 5.11 the kernel's tables count as locked memory.";
    KernelHalf = "kernel_half" "Tables are made, programs loaded, control groups followed.";
    Trampolines = "trampolines" "fexit, the best backend: one program is attached.";
    Kprobes = "kprobes" "The second best: one kretprobe is attached.";
    Tracepoints = "tracepoints" "The last: raw tracepoints are attached.";
    Tracefs = "tracefs" "Where kretprobes with room for all tasks are made.";
    Bpffs = "bpffs" "The kernel's file system of pinned programs, for `--pin`.";
    Hooks = "hooks" "Each hook's backend, or why it has none.";
    ModuleHooks = "module_hooks" "Whose refusals are told by name.";
    Fields = "fields" "Structure members that are read.";
    Operations = "operations" "Which operations are seen, and which part of them is not.";
    Causes = "causes" "Which causes can be told; another stays `unknown`.";
    OomKills = "oom_kills" "Kills for want of memory are counted.";
    ControlGroups = "control_groups" "How containers are told apart.";
    Processes = "processes" "Mounts and tmpfs of containers are reached through their processes.";
    HostRoot = "host_root" "Writable layers are reached through the host's root.";
    Runtimes = "runtimes" "Who tells the containers' names.";
    Storage = "storage" "Writable layers are measured where they are overlays.";
    Receivers = "receivers" "Who is told of alerts, and whether they answer.";
    State = "state" "What is kept over a restart of the daemon.";
    Pins = "pins" "Programs that outlive the daemon, and whether one reads what they count.";
    Address = "address" "Where the daemon listens, and whether one does already.";
    Socket = "socket" "Where it takes commands.";
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How it ended.
    pub status: Status,
    /// What is there.
    pub found: String,
    /// What is therefore not measured, or a limit that is no fault of this host.
    pub means: Option<String>,
    /// What to do about it.
    pub fix: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn ok(check: Check, found: impl Into<String>) -> Finding {
        Finding {
            check,
            status: Status::Ok,
            found: found.into(),
            means: None,
            fix: None,
        }
    }

    /// As it should be, with a limit that is Sealwatch's own.
    pub fn limited(check: Check, found: impl Into<String>, means: impl Into<String>) -> Finding {
        Finding {
            means: Some(means.into()),
            ..Finding::ok(check, found)
        }
    }

    /// The daemon runs, and something is not measured.
    pub fn degraded(
        check: Check,
        found: impl Into<String>,
        means: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        Finding {
            check,
            status: Status::Degraded,
            found: found.into(),
            means: Some(means.into()),
            fix: Some(fix.into()),
        }
    }

    /// The daemon cannot observe.
    pub fn failed(
        check: Check,
        found: impl Into<String>,
        means: impl Into<String>,
        fix: impl Into<String>,
    ) -> Finding {
        Finding {
            status: Status::Failed,
            ..Finding::degraded(check, found, means, fix)
        }
    }
}
