//! Every row of knowledge and every rule has its advice, and all of it is safe.

mod hostile;
mod policy;
mod rules;

use super::{
    knowledge::{HABITS, Habit, PLACES, Place},
    plain::FORBIDDEN,
    *,
};
use crate::denial::{Change, Target};

/// An advice about a path in the container's root.
fn about(
    cause: Cause,
    operation: Operation,
    write_root: &'static str,
    path: &'static str,
) -> Advice<'static> {
    let errno = match cause {
        Cause::ReadOnlyMount | Cause::ReadOnlySuperblock => Errno::Erofs,
        Cause::TmpfsFullBytes | Cause::TmpfsFullInodes | Cause::DiskFull => Errno::Enospc,
        Cause::Quota => Errno::Edquot,
        Cause::Ownership | Cause::Capability | Cause::Seccomp => Errno::Eperm,
        Cause::ModeBits
        | Cause::Lsm
        | Cause::NoexecMount
        | Cause::NodevMount
        | Cause::Immutable
        | Cause::Unknown => Errno::Eacces,
    };
    Advice {
        write_root,
        path,
        ..Advice::new(cause, operation, errno)
    }
}

fn on(kind: MountKind, target: &'static str) -> Option<Mount<'static>> {
    Some(Mount { kind, target })
}

/// What a change says, by where it is written.
fn text(remedy: &Remedy, target: Target) -> Vec<&str> {
    let changes = remedy.changes.iter();
    changes
        .filter(|change| change.target == target)
        .map(|change| change.text.as_str())
        .collect()
}

/// Fails unless the reader of a change can parse it and every word is allowed.
fn check(remedy: &Remedy) {
    let sentence = &remedy.sentence;
    assert!(
        !sentence.is_empty() && !sentence.ends_with('.'),
        "{sentence}"
    );
    assert!(!sentence.chars().any(char::is_control), "{sentence}");
    for word in FORBIDDEN {
        assert!(!sentence.to_lowercase().contains(word), "{sentence}");
    }
    for Change { target, text } in &remedy.changes {
        for word in FORBIDDEN {
            assert!(!text.to_lowercase().contains(word), "{text}");
        }
        assert!(!text.contains("seccomp=unconfined"));
        match target {
            Target::Docker => flags(text),
            Target::Compose => {
                let keys: serde_yaml_ng::Mapping = serde_yaml_ng::from_str(text).expect(text);
                let known = [
                    "environment",
                    "tmpfs",
                    "volumes",
                    "cap_add",
                    "security_opt",
                    "user",
                    "shm_size",
                ];
                assert!(
                    keys.keys()
                        .all(|key| known.contains(&key.as_str().unwrap())),
                    "{text}"
                );
            }
            Target::Kubernetes => patch(text),
            Target::Environment => {
                let (name, value) = text.split_once('=').expect(text);
                assert!(
                    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
                    "{text}"
                );
                assert_eq!(shell_words::split(value).unwrap().len(), 1, "{text}");
            }
            Target::Apparmor => {
                let rule = text
                    .strip_prefix("  ")
                    .and_then(|rule| rule.strip_suffix(','));
                assert!(
                    rule.is_some_and(|rule| !rule.contains(['\n', '"', '#'])),
                    "{text}"
                );
            }
            Target::Selinux => assert!(!shell_words::split(text).unwrap().is_empty()),
        }
    }
}

fn flags(text: &str) {
    let words = shell_words::split(text).expect(text);
    assert!(words.len().is_multiple_of(2) && !words.is_empty(), "{text}");
    for pair in words.chunks(2) {
        let known = [
            "--env",
            "--tmpfs",
            "--volume",
            "--user",
            "--cap-add",
            "--security-opt",
            "--shm-size",
        ];
        assert!(
            known.contains(&pair[0].as_str()) && !pair[1].starts_with('-'),
            "{text}"
        );
    }
}

fn patch(text: &str) {
    let whole: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).expect(text);
    let pod = &whole["spec"]["template"]["spec"];
    assert!(pod.is_mapping(), "{text}");
    let names = |list: &serde_yaml_ng::Value| -> Vec<String> {
        let items = list.as_sequence().into_iter().flatten();
        items
            .map(|item| item["name"].as_str().expect(text).to_owned())
            .collect()
    };
    for container in pod["containers"].as_sequence().into_iter().flatten() {
        assert_eq!(
            names(&container["volumeMounts"]),
            names(&pod["volumes"]),
            "{text}"
        );
    }
    for user in ["runAsUser", "runAsGroup", "fsGroup"] {
        assert_ne!(pod["securityContext"][user].as_u64(), Some(0), "{text}");
    }
}

/// A path that a pattern fits.
fn example(pattern: &str) -> String {
    let parts = pattern.split('/').map(|part| match part {
        "**" => "some".to_owned(),
        part => part.replace('*', "1"),
    });
    let path = parts.collect::<Vec<_>>().join("/");
    if path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    }
}

#[test]
fn every_habit_is_recognised_and_cured() {
    for (index, habit) in HABITS.iter().enumerate() {
        for pattern in habit.paths {
            for kubernetes in [false, true] {
                let path = example(pattern);
                let advice = Advice {
                    path: &path,
                    comm: habit.comms.first().copied().unwrap_or("app"),
                    kubernetes,
                    ..about(Cause::ReadOnlyMount, Operation::Create, "/some", "")
                };
                let found = read_only::habit(&advice).expect(pattern);
                let earlier = HABITS
                    .iter()
                    .position(|row| row.name == found.name)
                    .unwrap();
                assert!(earlier <= index, "{pattern} is hidden by {}", found.name);
                let remedy = advise(&advice).expect(pattern);
                check(&remedy);
                let variables: Vec<_> = found
                    .environment
                    .iter()
                    .map(|(k, v)| format!("{k}={v}"))
                    .collect();
                assert_eq!(text(&remedy, Target::Environment), variables, "{pattern}");
            }
        }
        let Habit { name, advice, .. } = habit;
        assert!(!advice.ends_with('.') && !name.is_empty(), "{name}");
        let own = example(habit.paths[0]);
        let own = Advice {
            path: &own,
            comm: habit.comms.first().copied().unwrap_or("app"),
            ..about(Cause::ReadOnlyMount, Operation::Create, "/some", "")
        };
        assert_eq!(
            read_only::habit(&own).map(|row| row.name),
            Some(*name),
            "hidden by an earlier row"
        );
    }
}

#[test]
fn every_place_is_reached() {
    for (pattern, place) in PLACES {
        let root = example(pattern);
        for kubernetes in [false, true] {
            let path = format!("{root}/x.new");
            let advice = Advice {
                path: &path,
                write_root: &root,
                kubernetes,
                ..about(Cause::ReadOnlyMount, Operation::Create, "", "")
            };
            assert_eq!(
                read_only::place(&advice).map(|(_, place)| place),
                Some(*place),
                "{pattern}"
            );
            let remedy = advise(&advice).expect(pattern);
            check(&remedy);
            let mounts = matches!(place, Place::Memory(_) | Place::Volume | Place::Logs);
            assert_eq!(!remedy.changes.is_empty(), mounts, "{pattern}");
        }
    }
}

#[test]
fn names_that_a_path_does_not_have_are_not_seen() {
    for (operation, path, expected) in [
        (Operation::Create, "/app/tmp/cache/x", Some("/app/tmp")),
        (
            Operation::Create,
            "/srv/www/storage/x",
            Some("/srv/www/storage"),
        ),
        (Operation::Mkdir, "/app/cache", Some("/app/cache")),
        (Operation::Create, "/app/cache", None),
        (Operation::Create, "/app/app.pid", None),
        (
            Operation::Create,
            "/usr/src/app/tmp/x",
            Some("/usr/src/app/tmp"),
        ),
        (Operation::Create, "/app/../tmp/x", None),
    ] {
        let advice = Advice {
            write_root: "/app/x",
            ..about(Cause::ReadOnlyMount, operation, "/app/x", path)
        };
        assert_eq!(
            read_only::place(&advice).map(|(at, _)| at),
            expected,
            "{path}"
        );
        check(&advise(&advice).unwrap());
    }
}
