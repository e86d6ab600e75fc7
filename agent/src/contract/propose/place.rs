//! One written path: where it should go, and why.
//!
//! In: a path, who wrote it how. Out: a [`Decision`]. Invariant: a mount is
//! proposed only at a directory that is known to hold what is written, or at one
//! of which nothing says that the image has a program there; what is known comes
//! from `remedy`'s rows. Lacks on purpose: numbers, sizes and owners.

use crate::contract::Kind;
use crate::denial::Operation;
use crate::remedy::{Belonging, Cure, Habit, Place, belonging, plain_path};

/// Directories in which images keep programs: no mount belongs over them whole.
const HOMES_OF_PROGRAMS: [&str; 14] = [
    "/app",
    "/code",
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/server",
    "/service",
    "/src",
    "/srv",
    "/var",
    "/workspace",
    "/www",
];
/// A mount in memory of which nothing else is known.
const MEBIBYTES: u32 = 64;

/// One written path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    pub(super) write_root: &'a str,
    pub(super) path: &'a str,
    pub(super) operation: Operation,
    pub(super) command: &'a str,
}

/// Where it should go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// Write root of the contract.
    pub(super) at: String,
    pub(super) kind: Kind,
    pub(super) because: String,
    /// Variables that move it or stop it.
    pub(super) variables: &'static [(&'static str, &'static str)],
    /// Who has the habit, where it is one.
    pub(super) habit: Option<&'static str>,
    /// Size where nothing was measured, in MiB.
    pub(super) mebibytes: u32,
    /// Log files, which are made anew where they are missing.
    pub(super) logs: bool,
    /// Nothing is known of it: it is a mount unless the image has a program there.
    pub(super) unknown: bool,
}

impl Decision {
    fn new(at: &str, kind: Kind, because: impl Into<String>) -> Self {
        Decision {
            at: at.to_owned(),
            kind,
            because: because.into(),
            variables: &[],
            habit: None,
            mebibytes: MEBIBYTES,
            logs: false,
            unknown: false,
        }
    }

    fn of_habit(habit: &'static Habit, at: &str, kind: Kind) -> Self {
        Decision {
            habit: Some(habit.name),
            ..Decision::new(at, kind, format!("{}: {}", habit.name, habit.advice))
        }
    }
}

/// Decides about a path by itself.
pub(super) fn decide(spot: Spot) -> Decision {
    let known = belonging(spot.write_root, spot.path, spot.operation, spot.command);
    match known.habit {
        Some(habit) => of_habit(spot, &known, habit),
        None => match known.place {
            Some((at, place)) => of_place(spot, at, place),
            None => unknown(spot),
        },
    }
}

fn of_habit(spot: Spot, known: &Belonging, habit: &'static Habit) -> Decision {
    let own = known.directory.unwrap_or(spot.path);
    let without = || Decision::of_habit(habit, own, Kind::ShouldNotExist);
    let variable = |decision: Decision| Decision {
        variables: habit.environment,
        ..decision
    };
    let memory = known.place.and_then(|(at, place)| match place {
        Place::Memory(mebibytes) => Some((at, mebibytes)),
        Place::Logs => Some((at, MEBIBYTES)),
        Place::Volume | Place::Settings | Place::Image => None,
    });
    let directory = known.directory.map(|at| (at, MEBIBYTES));
    match habit.cure {
        Cure::Stop => without(),
        Cure::Variable => match memory.filter(|_| known.by_path) {
            // What lies in memory anyway needs no variable.
            Some(place) => mounted(habit, place),
            None => variable(without()),
        },
        Cure::Keep => {
            let at = known.directory.unwrap_or_else(|| parent(spot.path));
            Decision::of_habit(habit, at, Kind::Volume)
        }
        Cure::Both => variable(memory.map_or_else(without, |place| mounted(habit, place))),
        Cure::Mount => match memory.or(directory) {
            Some(place) => mounted(habit, place),
            None if !habit.environment.is_empty() => variable(without()),
            None => match known.place {
                Some((at, place)) => of_place(spot, at, place),
                None => unknown(spot),
            },
        },
    }
}

/// A habit whose files lie in memory.
fn mounted(habit: &'static Habit, (at, mebibytes): (&str, u32)) -> Decision {
    let mut decision = Decision::of_habit(habit, at, Kind::Tmpfs);
    decision.mebibytes = mebibytes;
    if let [(name, value), ..] = habit.environment
        && habit.cure != Cure::Both
    {
        let variable =
            format!(" ({name}={value} does so where it is obeyed); a tmpfs does without");
        decision.because.push_str(&variable);
    }
    decision
}

fn of_place(spot: Spot, at: &str, place: Place) -> Decision {
    match place {
        Place::Memory(mebibytes) => Decision {
            mebibytes,
            ..Decision::new(
                at,
                Kind::Tmpfs,
                "what is written there may be lost with the container",
            )
        },
        Place::Volume => Decision::new(
            at,
            Kind::Volume,
            "what is written there should outlive the container",
        ),
        Place::Logs => Decision {
            logs: true,
            ..Decision::new(at, Kind::Tmpfs, LOGS)
        },
        Place::Settings => Decision::new(
            spot.write_root,
            Kind::ShouldNotExist,
            "settings: write them when the image is built, mount them finished, or have the program read what it writes at start from a tmpfs",
        ),
        Place::Image => Decision::new(
            spot.write_root,
            Kind::ShouldNotExist,
            "programs: what is written there, updates included, belongs into the image when it is built",
        ),
    }
}

const LOGS: &str = "log files: they belong on standard output; until the program writes them there, a tmpfs takes them, and they must be rotated";

/// A directory below the write root at most, so that what is mounted is narrow.
fn unknown(spot: Spot) -> Decision {
    let directory = match spot.operation {
        Operation::Mkdir => spot.path,
        _ => parent(spot.path),
    };
    let depth = spot.write_root.trim_end_matches('/').matches('/').count() + 1;
    let at = match plain_path(directory) {
        Some(directory) => upto(directory, depth),
        // A name that no flag could hold.
        None => spot.write_root,
    };
    let logs = spot.path.ends_with(".log");
    let home_of_programs = at == "/" || HOMES_OF_PROGRAMS.contains(&at);
    if home_of_programs || plain_path(at).is_none() {
        let because = match logs {
            true => "log files: they belong on standard output",
            false => {
                "a mount there would hide what the image has: have it written to a directory of its own, and mount a tmpfs (to discard) or a volume (to keep) there"
            }
        };
        return Decision::new(at, Kind::ShouldNotExist, because);
    }
    let because = match logs {
        true => LOGS,
        false => {
            "nothing is known of this directory: a tmpfs if what is written may be lost, else change it to a volume"
        }
    };
    Decision {
        logs,
        unknown: true,
        ..Decision::new(at, Kind::Tmpfs, because)
    }
}

fn parent(path: &str) -> &str {
    match path.rfind('/') {
        Some(0) | None => "/",
        Some(end) => &path[..end],
    }
}

/// The first components.
fn upto(path: &str, depth: usize) -> &str {
    let mut ends = path.match_indices('/').skip(1).map(|(at, _)| at);
    ends.nth(depth - 1).map_or(path, |end| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(write_root: &str, path: &str, operation: Operation) -> (String, Kind) {
        let spot = Spot {
            write_root,
            path,
            operation,
            command: "app",
        };
        let decision = decide(spot);
        assert!(!decision.because.is_empty() && !decision.because.ends_with('.'));
        (decision.at, decision.kind)
    }

    #[test]
    fn each_path_has_its_place() {
        use Kind::{ShouldNotExist, Tmpfs, Volume};
        for (root, path, expected, kind) in [
            ("/tmp", "/tmp/a/b", "/tmp", Tmpfs),
            ("/run", "/run/nginx.pid", "/run", Tmpfs),
            (
                "/var/lib/nginx",
                "/var/lib/nginx/body/1",
                "/var/lib/nginx",
                Tmpfs,
            ),
            (
                "/var/lib/redis",
                "/var/lib/redis/dump.rdb",
                "/var/lib/redis",
                Volume,
            ),
            (
                "/var/log/nginx",
                "/var/log/nginx/access.log",
                "/var/log/nginx",
                Tmpfs,
            ),
            (
                "/var/lib/dpkg",
                "/var/lib/dpkg/lock",
                "/var/lib/dpkg",
                ShouldNotExist,
            ),
            (
                "/etc/nginx",
                "/etc/nginx/nginx.conf",
                "/etc/nginx",
                ShouldNotExist,
            ),
            ("/usr/bin", "/usr/bin/tool", "/usr/bin", ShouldNotExist),
            (
                "/app/notes",
                "/app/notes/__pycache__/x.pyc.1",
                "/app/notes/__pycache__",
                ShouldNotExist,
            ),
            (
                "/home/app",
                "/home/app/.cache/x/y",
                "/home/app/.cache",
                Tmpfs,
            ),
            (
                "/home/app",
                "/home/app/.npm/x/y",
                "/home/app/.npm",
                ShouldNotExist,
            ),
            ("/tmp", "/tmp/.npm/x", "/tmp", Tmpfs),
            (
                "/root",
                "/root/.local/share/x/y",
                "/root/.local/share",
                Volume,
            ),
            ("/root", "/root/.viminfo", "/root/.viminfo", ShouldNotExist),
            ("/srv/app", "/srv/app/state/a/b", "/srv/app/state", Tmpfs),
            ("/srv/app", "/srv/app/state.db", "/srv/app", Tmpfs),
            ("/app", "/app/app.log", "/app", ShouldNotExist),
            ("/output", "/output/x", "/output", Tmpfs),
            ("/", "/x", "/", ShouldNotExist),
            ("/srv/$(x)", "/srv/$(x)/y/z", "/srv/$(x)", ShouldNotExist),
        ] {
            let found = at(root, path, Operation::Create);
            assert_eq!(found, (expected.to_owned(), kind), "{path}");
        }
    }

    #[test]
    fn a_variable_is_proposed_where_it_is_obeyed() {
        let variables = |path| {
            let spot = Spot {
                write_root: "/home/app",
                path,
                operation: Operation::Create,
                command: "app",
            };
            let variables = decide(spot).variables.iter();
            variables.map(|(name, _)| *name).collect::<Vec<_>>()
        };
        assert_eq!(
            variables("/home/app/x/__pycache__/y.pyc"),
            ["PYTHONDONTWRITEBYTECODE"]
        );
        assert_eq!(variables("/home/app/.npm/x"), ["npm_config_cache"]);
        assert_eq!(variables("/home/app/.viminfo"), ["HOME"]);
        assert!(variables("/home/app/.cache/x").is_empty());
    }
}
