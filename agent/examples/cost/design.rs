//! The designs that are measured, by name.
//!
//! In: a name. Out: a design. Invariant: each leaves nothing behind. Lacks on purpose:
//! how each is started.

use crate::batch::Length;
use crate::container::{Belongs, Container, Costs};
use crate::{daemon, empty, peer};

/// A way to watch, or none.
pub struct Design {
    pub name: &'static str,
    pub measure: fn(&Container, Length) -> Result<Costs, String>,
}

const fn design(
    name: &'static str,
    measure: fn(&Container, Length) -> Result<Costs, String>,
) -> Design {
    Design { name, measure }
}

const DESIGNS: [Design; 11] = [
    design("nothing", |container, length| {
        container.measure(Belongs::Container, length)
    }),
    design("empty", empty::measure),
    design("fexit", |container, length| {
        daemon::measure(
            container,
            length,
            Belongs::Container,
            &["--backend", "fexit"],
        )
    }),
    design("kprobe", |container, length| {
        daemon::measure(
            container,
            length,
            Belongs::Container,
            &["--backend", "kprobe"],
        )
    }),
    design("tracepoint", |container, length| {
        daemon::measure(
            container,
            length,
            Belongs::Container,
            &["--backend", "tracepoint"],
        )
    }),
    design("fexit_inventory", |container, length| {
        let arguments = ["--backend", "fexit", "--inventory", "*"];
        daemon::measure(container, length, Belongs::Container, &arguments)
    }),
    design("fexit_host", |container, length| {
        daemon::measure(container, length, Belongs::Host, &["--backend", "fexit"])
    }),
    design("bpftrace", peer::bpftrace),
    design("bcc", peer::bcc),
    design("auditd", peer::auditd),
    design("strace", peer::strace),
];

/// Every name.
pub const NAMES: [&str; DESIGNS.len()] = {
    let mut names = [""; DESIGNS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = DESIGNS[at].name;
        at += 1;
    }
    names
};

/// The design of a name.
pub fn find(name: &str) -> Option<&'static Design> {
    DESIGNS.iter().find(|design| design.name == name)
}
