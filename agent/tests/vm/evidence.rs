//! What an event must say beside its cause, where a situation is told apart by it.
//!
//! In: a [`Run`]. Out: what is missing. Invariant: ids, contexts and profiles are
//! those that the guest was set up with. Lacks on purpose: sentences, whose words the
//! daemon's own tests hold.

use sealwatch::denial::Backend;
use serde_json::Value;

use super::report::{Event, Provoked, Run};

/// One thing that every event of a situation says.
struct Fact {
    situation: &'static str,
    backends: &'static [Backend],
    /// Where in the event, as a JSON pointer.
    place: &'static str,
    /// Part of what is there; one of several between bars.
    says: &'static str,
}

const FEXIT: &[Backend] = &[Backend::Fexit];
const HOOKED: &[Backend] = &[Backend::Fexit, Backend::Kprobe];

const fn fact(
    situation: &'static str,
    backends: &'static [Backend],
    place: &'static str,
    says: &'static str,
) -> Fact {
    Fact {
        situation,
        backends,
        place,
        says,
    }
}

#[rustfmt::skip]
const FACTS: &[Fact] = &[
    fact("read_only_root", FEXIT, "/details/mount/flags", "\"ro\""),
    fact("read_only_root", FEXIT, "/remedy", "tmpfs"),
    fact("read_only_volume", FEXIT, "/details/mount/flags", "\"ro\""),
    // The seed of confusion: neither EROFS nor a module, and whose it is.
    fact("ownership", FEXIT, "/details/file/uid", "0"),
    fact("ownership", Backend::ALL, "/details/task/uid", "10001"),
    // In a pod, whose changes have it as well, or of a volume of Docker's; a refused
    // chown is told where to set the owner instead.
    fact("ownership", FEXIT, "/remedy", "fsGroup: 10001|chown -R 10001:10001 the volume|set the owner of"),
    fact("group", Backend::ALL, "/details/task/groups", "20001"),
    fact("user_namespace", Backend::ALL, "/details/task/uid", "100000"),
    fact("user_namespace", Backend::ALL, "/details/task/uid_in_container", "0"),
    fact("mode_bits", FEXIT, "/details/file/uid", "10001"),
    fact("immutable", FEXIT, "/details/file/flags", "\"immutable\""),
    fact("append_only", FEXIT, "/details/file/flags", "\"append\""),
    fact("noexec", FEXIT, "/details/mount/flags", "\"noexec\""),
    fact("nodev", FEXIT, "/details/mount/flags", "\"nodev\""),
    fact("tmpfs_bytes", FEXIT, "/details/file/file_system", "tmpfs"),
    fact("disk_full", FEXIT, "/details/file/file_system", "ext4"),
    fact("apparmor", HOOKED, "/lsm", "apparmor"),
    fact("apparmor", FEXIT, "/profile", "sealwatch-lab"),
    fact("apparmor_task", FEXIT, "/profile", "sealwatch-lab"),
    fact("apparmor_capability", FEXIT, "/profile", "sealwatch-lab"),
    fact("apparmor_docker", FEXIT, "/profile", "docker-default"),
    fact("apparmor_docker_mount", FEXIT, "/profile", "docker-default"),
];

/// Everything that is not said.
pub fn differences(run: &Run) -> Vec<String> {
    let mut found = Vec::new();
    let facts = FACTS.iter().filter(|fact| {
        let mut labels = fact.backends.iter().map(|backend| backend.label());
        labels.any(|label| label == run.backend)
    });
    for fact in facts {
        let cases = run
            .provoked
            .iter()
            .filter(|case| case.situation == fact.situation);
        let silent: Vec<String> = cases.flat_map(|case| silent(run, case, fact)).collect();
        if let Some(first) = silent.first() {
            let Fact {
                situation,
                place,
                says,
                ..
            } = fact;
            found.push(format!(
                "{situation}: {} events say no {says} at {place}, but {first}",
                silent.len()
            ));
        }
    }
    found
}

/// What the case's events say instead.
fn silent(run: &Run, case: &Provoked, fact: &Fact) -> Vec<String> {
    let events = run.events.iter().filter(|event| event.is_of(case));
    let said = events.map(|event| (event, event.at(fact.place)));
    let says = |said: &Value| {
        let said = said.to_string();
        fact.says.split('|').any(|part| said.contains(part))
    };
    said.filter(|(_, said)| !says(said))
        .map(|(event, said): (&Event, Value)| format!("{said} for {} {}", case.case, event.hook))
        .collect()
}
