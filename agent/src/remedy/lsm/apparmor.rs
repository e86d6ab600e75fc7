//! Advice for AppArmor: the rule that the profile lacks.
//!
//! In: profile, mask and path. Out: a rule to copy, and for a built-in profile
//! how to put a profile of one's own in its place. Invariant: a rule allows what
//! was refused, below one directory or for one file, and no more. Lacks on
//! purpose: `owner`, which the refusal does not tell.

use super::super::{
    Advice,
    capability::known,
    knowledge::Need,
    plain::{plain, plain_path, slug},
    plan::{Plan, change},
};
use crate::denial::{Operation, Remedy, Target};

/// Beginnings of the names of profiles that runtimes make themselves.
const BUILT_IN: [&str; 4] = [
    "docker-default",
    "cri-containerd.apparmor.d",
    "crio-default",
    "containers-default-",
];

pub(super) fn advise(advice: &Advice) -> Option<Remedy> {
    let rule = rule(advice);
    let built_in = BUILT_IN
        .iter()
        .any(|start| advice.profile.starts_with(start));
    let profile = plain(advice.profile);
    let (mut sentence, plan_name) = match (profile, built_in) {
        (Some(profile), true) => {
            let name = format!("custom-{}", slug(image_name(advice)));
            (
                format!(
                    "AppArmor's profile {profile} is the runtime's own and cannot be changed: load a copy of it as {name} on the node, with this allowed, and name that"
                ),
                Some(name),
            )
        }
        (Some(profile), false) => (
            format!("AppArmor's profile {profile} refuses it: add a rule and load it anew (apparmor_parser -r)"),
            None,
        ),
        (None, _) => (
            "AppArmor's profile of this container refuses it: add a rule and load it anew (apparmor_parser -r)".to_owned(),
            None,
        ),
    };
    if rule.is_none() {
        sentence.push_str("; a deny rule or a missing one may be the reason, see the profile");
    }
    let mut changes: Vec<_> = rule
        .map(|rule| change(Target::Apparmor, rule))
        .into_iter()
        .collect();
    if let Some(name) = plan_name {
        let plan = Plan {
            apparmor: Some(&name),
            ..Plan::default()
        };
        changes.extend(plan.changes(advice));
    }
    Some(Remedy { sentence, changes })
}

/// The rule that is missing, as a line of the profile.
fn rule(advice: &Advice) -> Option<String> {
    match advice.operation {
        // What may be mounted is not known here, and a rule for all mounts is as good as none.
        Operation::Mount => None,
        Operation::Ptrace => Some(format!(
            "  ptrace (read, trace) peer={},",
            plain(advice.profile)?
        )),
        Operation::Signal => Some(format!(
            "  signal (send, receive) peer={},",
            plain(advice.profile)?
        )),
        Operation::Capability => match known(advice.capability?)? {
            (name, Need::Narrow(_)) => Some(format!("  capability {},", name.to_ascii_lowercase())),
            (_, Need::Wide(_)) => None,
        },
        operation => file_rule(operation, advice),
    }
}

fn file_rule(operation: Operation, advice: &Advice) -> Option<String> {
    let mask = match advice.requested {
        Some(requested) => normal(requested)?,
        None => usual(operation).to_owned(),
    };
    let path = plain_path(advice.path)?;
    // Names of what is written change from run to run; what is read or run does not.
    let below = plain_path(advice.write_root).filter(|root| {
        mask.contains('w') && path.len() > root.len() && path.starts_with(root) && *root != "/"
    });
    Some(match below {
        Some(root) => format!("  {root}/** {mask},"),
        None => format!("  {path} {mask},"),
    })
}

/// The kernel's letters as a profile writes them: creating and deleting are
/// writing, and what is executed stays under the same profile.
fn normal(requested: &str) -> Option<String> {
    let has = |letters: &str| requested.chars().any(|c| letters.contains(c));
    let mut mask = String::new();
    for (letters, written) in [
        ("r", "r"),
        ("wcd", "w"),
        ("m", "m"),
        ("k", "k"),
        ("l", "l"),
        ("x", "ix"),
    ] {
        if has(letters) {
            mask.push_str(written);
        }
    }
    if has("a") && !mask.contains('w') {
        mask.push('a');
    }
    (!mask.is_empty() && requested.chars().all(|c| "rwcdmklxa".contains(c))).then_some(mask)
}

/// The mask where the module did not tell it.
fn usual(operation: Operation) -> &'static str {
    match operation {
        Operation::Exec => "rix",
        Operation::Mmap => "rm",
        Operation::Link => "rwl",
        Operation::Open
        | Operation::Create
        | Operation::Mkdir
        | Operation::Mknod
        | Operation::Symlink
        | Operation::Unlink
        | Operation::Rmdir
        | Operation::Rename
        | Operation::Chmod
        | Operation::Chown
        | Operation::Utime
        | Operation::Truncate
        | Operation::Fallocate
        | Operation::Setxattr
        | Operation::Bind
        | Operation::Write
        | Operation::Ptrace
        | Operation::Mount
        | Operation::Signal
        | Operation::Capability => "rw",
    }
}

/// The last part of the image's name, without tag and digest.
fn image_name<'a>(advice: &Advice<'a>) -> &'a str {
    let last = advice.image.rsplit('/').next().unwrap_or("");
    last.split([':', '@']).next().unwrap_or("")
}
