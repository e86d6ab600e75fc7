//! Bytes become calls of everything in the daemon that reads what others wrote.
//!
//! In: any bytes. Out: nothing; a broken promise panics. Invariant: each target
//! is a function of the bytes alone, and its check says more than that nothing
//! panicked: what was read is within its bounds, what is shown is printable, what
//! was written is read back as the same. Lacks on purpose: a fuzzer, so that the
//! ordinary tests replay the corpora through the same functions.

mod contracts;
mod feed;
mod http;
mod mounts;
mod pipeline;
mod records;
mod runtimes;
mod saved;
mod settings;
mod show;

/// A target's name and function.
pub type Target = (&'static str, fn(&[u8]));

/// Every target. `fuzz_targets/NAME.rs` gives each to the fuzzer, and
/// `corpus/NAME` has its seeds.
pub const TARGETS: [Target; 11] = [
    ("cgroup_path", mounts::cgroup_path),
    ("checkpoint", saved::checkpoint),
    ("config", settings::config),
    ("contract", contracts::contract),
    ("cri_answer", runtimes::cri_answer),
    ("docker_answer", runtimes::docker_answer),
    ("http", http::http),
    ("mountinfo", mounts::mountinfo),
    ("pipeline", pipeline::pipeline),
    ("ring_record", records::ring_record),
    ("state_file", saved::state_file),
];

/// Calls the target of that name.
///
/// # Panics
/// There is none of that name, or the bytes broke a promise.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(target, _)| *target == name);
    let (_, function) = target.unwrap_or_else(|| panic!("no target is called {name}"));
    function(bytes);
}
