//! The same schedules under other kernels, with the backends that they allow.
//!
//! In: `SEALWATCH_CONSERVATION_GUESTS`, kernels with a backend each, and the number of
//! schedules for each. Out: a failure where a guest's schedules fail. Invariant: the
//! guest runs this very program. Lacks on purpose: engines, which are slow there.

use std::time::Duration;

use xtask::vm::{Guest, Job, Kernel};

use super::daemon::{PROGRAM, program};
use super::engines::cannot_run;

/// Kernels and backends where the variable does not name others.
const GUESTS: &str = "6.12=auto,5.10=kprobe";
/// Schedules in each guest where nobody names another number.
const CASES: &str = "25";
/// In the guest: this program.
const SELF: &str = "/usr/local/bin/sealwatch-conservation";
/// In the guest: the daemon.
const SEALWATCH: &str = "/usr/local/bin/sealwatch";
const WITHIN: Duration = Duration::from_secs(7_200);

/// Boots the guests, one after the other.
pub fn run() {
    let variable = |name: &str, default: &str| {
        std::env::var(format!("SEALWATCH_CONSERVATION_{name}")).unwrap_or_else(|_| default.into())
    };
    let cases = variable("CASES", CASES);
    let seed = variable("SEED", "1");
    let files = vec![
        (std::env::current_exe().unwrap(), SELF.into()),
        (program().into(), SEALWATCH.into()),
    ];
    let mut failures = Vec::new();
    for pair in variable("GUESTS", GUESTS).split(',') {
        let (label, backend) = pair.split_once('=').unwrap();
        let kernel = Kernel::ALL
            .into_iter()
            .find(|kernel| kernel.label() == label);
        let kernel = kernel.unwrap_or_else(|| panic!("{label:?} is no kernel of the guests"));
        if let Err(why) = xtask::vm::fetch(kernel) {
            return cannot_run("conservation_in_guests", &format!("{label}: {why:#}"));
        }
        let words = [
            "env",
            &format!("SEALWATCH_CONSERVATION_CASES={cases}"),
            &format!("SEALWATCH_CONSERVATION_SEED={seed}"),
            &format!("SEALWATCH_CONSERVATION_BACKEND={backend}"),
            &format!("{PROGRAM}={SEALWATCH}"),
            SELF,
            "--ignored",
            "--exact",
            "schedules_in_a_guest",
            "--nocapture",
        ];
        let job = Job {
            files: files.clone(),
            command: words.map(str::to_owned).to_vec(),
            timeout: WITHIN,
        };
        match Guest::new(kernel).run(&job) {
            Ok(outcome) if outcome.status == 0 => {}
            Ok(outcome) => failures.push(format!("{pair}: exit code {}", outcome.status)),
            Err(why) => failures.push(format!("{pair}: {why:#}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
