//! Every supported kernel and backend, two runtimes: what is provoked is counted and explained.
//!
//! In: this test program, the daemon and `provoke`. Out: a table per kernel; a
//! failure where a count, a path or a cause differs that is not declared.
//! Invariant: real kernels, a real dockerd, a real containerd. Lacks on purpose:
//! anything that a table of numbers cannot show.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod causes;
mod deployed;
mod doctor;
#[path = "../engines/mod.rs"]
mod engines;
mod evidence;
#[path = "../exposition/mod.rs"]
mod exposition;
mod image;
mod inside;
mod known;
#[path = "../program/mod.rs"]
mod program;
mod report;
mod selinux;
mod table;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use xtask::vm::{Guest, Job, Kernel};

/// Guests at a time; each has one processor.
const GUESTS: usize = 2;
/// A guest takes some minutes; a machine that is busy with other things, longer.
const WITHIN: Duration = Duration::from_secs(1_800);

/// In the guest: this test program itself.
const SELF: &str = "/usr/local/bin/sealwatch-vm-test";
/// In the guest: `provoke`.
const PROVOKE: &str = "/usr/local/bin/provoke";
/// In the guest: the daemon.
const SEALWATCH: &str = "/usr/local/bin/sealwatch";
/// In the guest: the archive of the image.
const ARCHIVE: &str = "/usr/local/share/sealwatch-vm.tar";
/// In the guest: the archive of the daemon's own image.
const OWN_ARCHIVE: &str = "/usr/local/share/sealwatch.tar";

#[test]
fn counts_what_is_provoked_on_every_kernel_and_backend() {
    if cfg!(not(target_arch = "x86_64")) {
        return engines::cannot_run("vm", &"the guests are x86-64");
    }
    if let Err(why) = engines::may_start() {
        return engines::cannot_run("vm", &why);
    }
    let only = std::env::var("SEALWATCH_VM_KERNEL").ok();
    let kernels: Vec<Kernel> = Kernel::ALL
        .into_iter()
        .filter(|kernel| {
            let named = |only: &str| only.split(',').any(|label| label == kernel.label());
            only.as_deref().is_none_or(named)
        })
        .collect();
    for kernel in &kernels {
        if let Err(why) = xtask::vm::fetch(*kernel) {
            return engines::cannot_run("vm", &format!("no guest of kernel {kernel}: {why:#}"));
        }
    }
    let begun = Instant::now();
    let scratch = tempfile::tempdir().unwrap();
    let provoke = build_provoke();
    let archive = image::make(&provoke, scratch.path()).unwrap();
    let own_archive = build_image(scratch.path());
    let files = vec![
        (std::env::current_exe().unwrap(), SELF.into()),
        (provoke, PROVOKE.into()),
        (env!("CARGO_BIN_EXE_sealwatch").into(), SEALWATCH.into()),
        (archive, ARCHIVE.into()),
        (own_archive, OWN_ARCHIVE.into()),
    ];
    let mut with_selinux = files.clone();
    with_selinux.push((
        selinux::policy(scratch.path()).unwrap(),
        selinux::POLICY.into(),
    ));
    // The longer ones are taken first, from the end.
    let kinds = [Kind::Selinux, Kind::Matrix];
    let guests = kinds.map(|kind| kernels.iter().map(move |kernel| (*kernel, kind)));
    let queue = Mutex::new(guests.into_iter().flatten().collect());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..GUESTS {
            scope.spawn(|| {
                while let Some((kernel, kind)) = take(&queue) {
                    let found = match kind {
                        Kind::Matrix => run(kernel, &files),
                        Kind::Selinux => selinux::run(kernel, &with_selinux),
                    };
                    failures.lock().unwrap().extend(found);
                }
            });
        }
    });
    tell(&format!("the matrix took {} s", begun.elapsed().as_secs()));
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{} differences:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// What a guest is for. AppArmor and SELinux exclude each other.
#[derive(Clone, Copy)]
enum Kind {
    Matrix,
    Selinux,
}

fn take(queue: &Mutex<Vec<(Kernel, Kind)>>) -> Option<(Kernel, Kind)> {
    queue.lock().unwrap().pop()
}

/// Boots one kernel; prints its table and returns what is wrong with it.
fn run(kernel: Kernel, files: &[(PathBuf, PathBuf)]) -> Vec<String> {
    let job = Job {
        files: files.to_vec(),
        command: [
            SELF,
            "--ignored",
            "--exact",
            "inside_the_guest",
            "--nocapture",
        ]
        .map(str::to_owned)
        .to_vec(),
        timeout: WITHIN,
    };
    let outcome = match Guest::new(kernel).run(&job) {
        Ok(outcome) => outcome,
        Err(why) => return vec![format!("kernel {kernel}: {why:#}")],
    };
    let report = match report::Report::read(&outcome.output.join("report.json")) {
        Ok(report) => report,
        Err(why) => {
            return vec![format!(
                "kernel {kernel}: no report: {why}\n{}",
                outcome.text
            )];
        }
    };
    tell(&table::text(kernel.label(), &report));
    let mut failures = table::differences(kernel.label(), &report);
    if outcome.status != 0 {
        failures.push(format!(
            "kernel {kernel}: exit code {}\n{}",
            outcome.status, outcome.text
        ));
    }
    failures
}

/// Writes past the test runner, which keeps what a passing test prints to
/// itself: the table is the report of a run that passed, too. In one piece, as
/// another guest writes at the same time.
fn tell(text: &str) {
    let _ = std::io::stderr().write_all(format!("\n{text}\n").as_bytes());
}

/// Builds the daemon's image by `deploy/Dockerfile`, and returns its archive.
fn build_image(scratch: &Path) -> PathBuf {
    let engine = xtask::engine::Engine::start(&scratch.join("engine")).unwrap();
    let archive = scratch.join("sealwatch.tar");
    let daemon = Path::new(env!("CARGO_BIN_EXE_sealwatch"));
    xtask::image::make(&engine, daemon, &archive).unwrap();
    archive
}

/// Builds the example beside this program, with the same flags.
fn build_provoke() -> PathBuf {
    let triple = xtask::layout::host_triple().unwrap();
    let mut cargo = xtask::build::user_half("build", &triple);
    cargo.args([
        "--release",
        "--package",
        "sealwatch",
        "--example",
        "provoke",
    ]);
    xtask::step::quiet("building provoke", &mut cargo).unwrap();
    xtask::layout::target_dir()
        .join(triple)
        .join("release/examples/provoke")
}

/// Runs in the guest, where the test above starts it.
#[test]
#[ignore = "only for guests"]
fn inside_the_guest() {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(inside::run())
        .unwrap();
}

/// Runs in the guest, where the test above starts it.
#[test]
#[ignore = "only for guests"]
fn inside_the_guest_with_selinux() {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(inside::selinux::run())
        .unwrap();
}
