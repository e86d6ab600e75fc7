//! Where the daemon would keep its state and listen.
//!
//! In: facts. Out: findings of state, pins and address. Invariant: an address that another
//! Sealwatch has is well. Lacks on purpose: what that one tells.

use super::super::facts::{Address, Facts, Pins, State, Taken};
use super::super::finding::{Check, Finding};
use crate::source::kernel::pins::Look;
use crate::state_file::DIRECTORY;

/// What is lost without a place for the state.
const FORGOTTEN: &str = "after a restart degraded containers are found anew, and nobody tells how \
                         long nothing was counted";

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    vec![state(facts), pins(facts), address(facts), socket(facts)]
}

fn state(facts: &Facts) -> Finding {
    match &facts.state {
        State::Off => Finding::limited(Check::State, "not kept, as was asked for", FORGOTTEN),
        State::Nowhere => Finding::degraded(
            Check::State,
            format!("not kept: there is no {DIRECTORY}"),
            FORGOTTEN,
            format!(
                "mkdir {DIRECTORY}, StateDirectory=sealwatch in a unit, a hostPath in a pod; or \
                 --state-file none"
            ),
        ),
        State::At(path, Ok(())) => Finding::ok(Check::State, path.display().to_string()),
        State::At(path, Err(reason)) => Finding::degraded(
            Check::State,
            format!("{}: {reason}", path.display()),
            FORGOTTEN,
            "make its directory and let this process write there, or name another place with \
             --state-file",
        ),
    }
}

fn pins(facts: &Facts) -> Finding {
    let Pins {
        place,
        asked_for,
        look,
    } = &facts.pins;
    let shown = place.display();
    match look {
        Ok(Look::Taken(pid)) => {
            let who = pid.map_or(String::new(), |pid| format!(" (process {pid})"));
            Finding::ok(Check::Pins, format!("{shown}: a Sealwatch{who} has it"))
        }
        Ok(Look::Left(links)) => Finding::degraded(
            Check::Pins,
            format!("{shown}: {links} programs are attached, and no daemon runs"),
            "what they count is not shown, and what it costs is paid",
            format!(
                "start the daemon with --pin {shown}, which goes on from them, or remove them: \
                 sealwatch uninstall --pin {shown}"
            ),
        ),
        Ok(Look::Free) if *asked_for => Finding::ok(Check::Pins, format!("{shown} is free")),
        Err(reason) if *asked_for => Finding::failed(
            Check::Pins,
            format!("{shown}: {reason}"),
            "the daemon does not start",
            "mount -t bpf bpf /sys/fs/bpf and name a directory in it with --pin, or none",
        ),
        Ok(Look::Free) | Err(_) => Finding::limited(
            Check::Pins,
            "none, as was asked for",
            "what is refused while the daemon restarts is not counted",
        ),
    }
}

fn address(facts: &Facts) -> Finding {
    let Some(Address { place, taken }) = &facts.address else {
        return Finding::ok(Check::Address, "none, as was asked for");
    };
    match taken {
        Taken::Free => Finding::ok(Check::Address, format!("{place} is free")),
        Taken::Sealwatch => Finding::ok(Check::Address, running(place)),
        Taken::Not(reason) => Finding::failed(
            Check::Address,
            format!("{place}: {reason}"),
            "the daemon does not start",
            "free it, or choose another with --web.listen-address",
        ),
    }
}

fn socket(facts: &Facts) -> Finding {
    let Some(Address { place, taken }) = &facts.socket else {
        return Finding::ok(Check::Socket, "none, as was asked for");
    };
    let reason = match taken {
        Taken::Free => return Finding::ok(Check::Socket, format!("{place} is free")),
        Taken::Sealwatch => return Finding::ok(Check::Socket, running(place)),
        Taken::Not(reason) => reason,
    };
    let found = format!("{place}: {reason}");
    let fix = "let this process write to its directory (RuntimeDirectory=sealwatch in a unit, an \
               emptyDir in a pod), or name another with --web.socket";
    match facts.socket_asked_for {
        true => Finding::failed(Check::Socket, found, "the daemon does not start", fix),
        false => Finding::degraded(
            Check::Socket,
            found,
            "no commands are taken: what a container writes with success can be counted by \
             --inventory alone",
            fix,
        ),
    }
}

fn running(place: &str) -> String {
    format!("{place}: a Sealwatch runs here already")
}
