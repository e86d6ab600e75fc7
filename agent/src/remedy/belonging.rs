//! What a written path is known to be, for whoever decides what should be there.
//!
//! In: a path, its write root, the operation, the command. Out: [`Belonging`].
//! Invariant: the same rows answer as for advice, in the same order. Lacks on
//! purpose: the decision.

use super::{
    Advice,
    knowledge::{Habit, Place},
    pattern::fits,
    plain::plain_path,
    read_only::{by_path, habit, place, prefix},
};
use crate::denial::{Cause, Errno, Operation};

/// Where users' own directories are, as patterns of paths.
const HOMES: [&str; 3] = ["/root", "/home/*", "/nonexistent"];

/// What is known of a path.
#[derive(Clone, Copy, Debug)]
pub struct Belonging<'a> {
    /// The habit of a program that explains the write.
    pub habit: Option<&'static Habit>,
    /// The directory that the habit alone uses, where it has one.
    pub directory: Option<&'a str>,
    /// The directory that should be a mount, and what belongs there.
    pub place: Option<(&'a str, Place)>,
    /// Is that directory known wherever it is, and not by its name alone?
    pub by_path: bool,
}

/// What is known of a path, escaped as in events; `command` is the task's.
pub fn belonging<'a>(
    write_root: &'a str,
    path: &'a str,
    operation: Operation,
    command: &'a str,
) -> Belonging<'a> {
    let advice = Advice {
        write_root,
        path,
        comm: command,
        ..Advice::new(Cause::ReadOnlyMount, operation, Errno::Erofs)
    };
    let habit = habit(&advice);
    let place = place(&advice);
    Belonging {
        habit,
        directory: habit.and_then(|habit| directory(habit, path, operation)),
        place,
        by_path: place.is_some() && by_path(&advice) == place,
    }
}

/// The shortest directory of the path that the habit's pattern is about. A name
/// that changes is none to mount anything at, and neither is a whole home.
fn directory<'a>(habit: &Habit, path: &'a str, operation: Operation) -> Option<&'a str> {
    let path = plain_path(path)?;
    let pattern = habit.paths.iter().find(|pattern| fits(pattern, path))?;
    let within = pattern.strip_suffix("/**")?;
    let last = within.rsplit('/').next()?;
    let depth = path.matches('/').count();
    let deepest = match operation {
        Operation::Mkdir => depth,
        _ => depth - 1,
    };
    let mut directories = (1..=deepest).filter_map(|depth| prefix(path, depth));
    let found = directories.find(|directory| fits(pattern, directory))?;
    if HOMES.iter().any(|home| fits(home, found)) {
        // What is right in a home has no directory of its own.
        return directories.next();
    }
    (!last.contains('*')).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn habits_have_a_directory_of_their_own_or_none() {
        for (path, operation, name, expected) in [
            (
                "/app/a/__pycache__/x.pyc",
                Operation::Create,
                "Python bytecode",
                Some("/app/a/__pycache__"),
            ),
            ("/app/a/x.pyc", Operation::Create, "Python bytecode", None),
            (
                "/root/.cache/x/y",
                Operation::Create,
                "XDG cache",
                Some("/root/.cache"),
            ),
            (
                "/home/me/.cache",
                Operation::Mkdir,
                "XDG cache",
                Some("/home/me/.cache"),
            ),
            (
                "/home/me/.wine/a/b",
                Operation::Create,
                "Home directory",
                Some("/home/me/.wine"),
            ),
            ("/root/.viminfo", Operation::Create, "Home directory", None),
            (
                "/root/.wine",
                Operation::Mkdir,
                "Home directory",
                Some("/root/.wine"),
            ),
            ("/etc/passwd", Operation::Open, "Users", None),
            (
                "/opt/app/tomcat.8080.17/work/x",
                Operation::Create,
                "Java temporary files",
                None,
            ),
            (
                "/var/lib/dpkg/lock",
                Operation::Open,
                "apt and dpkg",
                Some("/var/lib/dpkg"),
            ),
        ] {
            let command = if name.starts_with("Java") {
                "java"
            } else {
                "app"
            };
            let known = belonging("/some", path, operation, command);
            assert_eq!(known.habit.map(|habit| habit.name), Some(name), "{path}");
            assert_eq!(known.directory, expected, "{path}");
        }
    }

    #[test]
    fn places_are_told_by_path_or_by_name() {
        for (root, path, expected, by_path) in [
            (
                "/var/lib/redis",
                "/var/lib/redis/x",
                Some(("/var/lib/redis", Place::Volume)),
                true,
            ),
            (
                "/srv/data",
                "/srv/data/x",
                Some(("/srv/data", Place::Volume)),
                false,
            ),
            (
                "/usr/src",
                "/usr/src/app/tmp/x",
                Some(("/usr/src/app/tmp", Place::Memory(64))),
                false,
            ),
            ("/srv/app", "/srv/app/x", None, false),
        ] {
            let known = belonging(root, path, Operation::Create, "app");
            assert_eq!((known.place, known.by_path), (expected, by_path), "{path}");
        }
    }
}
