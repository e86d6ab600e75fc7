//! Stories of programs become the contracts that they need.

mod hostile;

use super::*;
use crate::contract::observed::Owned;
use crate::contract::{Ids, Size, WriteRoot};

const APP: Ids = Ids {
    uid: 1000,
    gid: 1000,
};
const ROOT: Ids = Ids { uid: 0, gid: 0 };
const WWW: Ids = Ids { uid: 33, gid: 33 };

fn observed() -> Observed {
    Observed {
        container: "web".to_owned(),
        image: "registry:5000/web:1.2".to_owned(),
        start_seen: true,
        ..Observed::default()
    }
}

/// A row with one path, in which files were made.
fn row(write_root: &str, path: &str, writer: Ids, bytes: u64) -> Written {
    Written {
        creates: 1,
        writes: 1,
        bytes,
        paths: vec![path.to_owned()],
        writers: vec![writer],
        commands: vec!["app".to_owned()],
        ..Written::new(write_root, Destination::Root)
    }
}

fn refused(write_root: &str, path: &str, errno: Errno, cause: Cause) -> Refused {
    Refused {
        path: path.to_owned(),
        write_root: write_root.to_owned(),
        operation: Operation::Create,
        errno,
        cause,
        count: 2,
        task: Some(APP),
        command: "app".to_owned(),
    }
}

fn of_writes(writes: Vec<Written>) -> Proposal {
    propose(&Observed {
        writes,
        ..observed()
    })
}

fn root<'a>(proposal: &'a Proposal, path: &str) -> &'a WriteRoot {
    let mut roots = proposal.contract.write_roots.iter();
    let found = roots.find(|root| root.path == path);
    found.unwrap_or_else(|| panic!("{path}: {:#?}", proposal.contract))
}

fn paths(proposal: &Proposal) -> Vec<&str> {
    let roots = proposal.contract.write_roots.iter();
    roots.map(|root| root.path.as_str()).collect()
}

#[test]
fn a_web_server_gets_its_tmpfs_mounts() {
    let mut body = row("/var/lib/nginx", "/var/lib/nginx/body/1", WWW, 700_000);
    body.writers.insert(0, ROOT);
    body.directories = 5;
    body.owner = Some(Owned {
        by: ROOT,
        mode: 0o755,
    });
    let proposal = of_writes(vec![
        row("/run", "/run/nginx.pid", ROOT, 5),
        row("/var/log/nginx", "/var/log/nginx/access.log", ROOT, 90),
        body,
    ]);
    assert_eq!(
        paths(&proposal),
        ["/run", "/var/lib/nginx", "/var/log/nginx"]
    );
    let run = root(&proposal, "/run");
    assert_eq!((run.kind, run.owner, run.mode), (Kind::Tmpfs, None, None));
    assert_eq!(run.size_limit, Size::bytes(4 << 20));
    let body = root(&proposal, "/var/lib/nginx");
    // Root's directory, in which root made the others theirs.
    assert_eq!(
        (body.owner, body.mode, body.image_content),
        (None, None, false)
    );
    assert_eq!(body.size_limit, Size::bytes(4 << 20));
    assert!(body.reason.contains("5 directories made") && body.reason.contains("by app"));
    assert!(
        root(&proposal, "/var/log/nginx")
            .reason
            .contains("standard output")
    );
    assert_eq!(
        proposal.contract.image.as_deref(),
        Some("registry:5000/web*")
    );
}

#[test]
fn a_database_keeps_its_volume() {
    let mut data = row("/var/lib/redis", "/var/lib/redis/dump.rdb", APP, 3 << 30);
    data.owner = Some(Owned {
        by: APP,
        mode: 0o750,
    });
    let proposal = of_writes(vec![data]);
    let data = root(&proposal, "/var/lib/redis");
    assert_eq!(
        (data.kind, data.owner, data.size_limit),
        (Kind::Volume, Some(APP), None)
    );
    // No mode, since nobody could set it.
    assert_eq!((data.seen_bytes, data.mode), (Some(3 << 30), None));
}

#[test]
fn bytecode_and_caches_are_named_with_their_variables() {
    let proposal = of_writes(vec![
        row(
            "/app/notes",
            "/app/notes/__pycache__/web.cpython-311.pyc.1",
            APP,
            900,
        ),
        row("/home/app", "/home/app/.cache/notes/ab", APP, 90),
        row("/home/app", "/home/app/.npm/_cacache/x", APP, 9 << 20),
    ]);
    let bytecode = root(&proposal, "/app/notes/__pycache__");
    assert_eq!(bytecode.kind, Kind::ShouldNotExist);
    let cache = root(&proposal, "/home/app/.cache");
    assert_eq!((cache.kind, cache.owner), (Kind::Tmpfs, Some(APP)));
    assert!(
        cache.reason.contains("XDG_CACHE_HOME=/tmp/.cache"),
        "{}",
        cache.reason
    );
    let names = proposal
        .contract
        .environment
        .iter()
        .map(|variable| &*variable.name);
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["PYTHONDONTWRITEBYTECODE", "npm_config_cache"]
    );
    // What a variable moves needs room where it goes.
    let tmp = root(&proposal, "/tmp");
    assert_eq!(
        (tmp.size_limit, tmp.mode),
        (Size::bytes(64 << 20), Some(0o1777))
    );
}

#[test]
fn a_directory_that_was_made_is_one_beside_all_else() {
    let mut home = row("/home/app", "/home/app/.cache", APP, 1);
    home.paths.push("/home/app/.cache/notes".to_owned());
    let made = of_writes(vec![home]);
    assert_eq!(root(&made, "/home/app/.cache").kind, Kind::Tmpfs);
    assert!(made.contract.environment.is_empty());
}

#[test]
fn installers_and_updates_should_not_be() {
    let proposal = of_writes(vec![
        row("/var/lib/dpkg", "/var/lib/dpkg/lock", ROOT, 0),
        row("/usr/local/bin", "/usr/local/bin/tool", ROOT, 9 << 20),
        row("/etc/nginx", "/etc/nginx/nginx.conf", ROOT, 90),
    ]);
    let roots = &proposal.contract.write_roots;
    assert!(roots.iter().all(|root| root.kind == Kind::ShouldNotExist));
    assert!(
        root(&proposal, "/var/lib/dpkg")
            .reason
            .contains("install packages when the image")
    );
    assert!(
        root(&proposal, "/usr/local/bin")
            .reason
            .contains("image when it is built")
    );
}

#[test]
fn no_mount_hides_a_program() {
    let code = |path| row("/srv/shop", path, APP, 10);
    let proposal = of_writes(vec![
        code("/srv/shop/local.db"),
        code("/srv/shop/__pycache__/a.pyc"),
    ]);
    assert_eq!(root(&proposal, "/srv/shop").kind, Kind::ShouldNotExist);
    let mut run = row("/srv/tool", "/srv/tool/state", APP, 10);
    run.executions = 3;
    assert_eq!(
        root(&of_writes(vec![run]), "/srv/tool").kind,
        Kind::ShouldNotExist
    );
    let state = of_writes(vec![code("/srv/shop/state/a/b")]);
    assert_eq!(root(&state, "/srv/shop/state").kind, Kind::Tmpfs);
    let top = of_writes(vec![row("/app", "/app/x", APP, 1)]);
    assert_eq!(root(&top, "/app").kind, Kind::ShouldNotExist);
}

#[test]
fn what_runs_from_a_tmpfs_may() {
    let mut unpacked = row("/tmp", "/tmp/libx.so", APP, 10);
    unpacked.executions = 1;
    assert!(root(&of_writes(vec![unpacked]), "/tmp").exec);
}

#[test]
fn content_of_the_image_is_seen_where_the_start_was() {
    let mut seed = row("/srv/shop", "/srv/shop/state/seed.db", APP, 10);
    (seed.opens, seed.creates) = (1, 0);
    let deep = row("/var/cache/shop", "/var/cache/shop/there/x", APP, 10);
    let writes = vec![seed, deep];
    let proposal = of_writes(writes.clone());
    assert!(root(&proposal, "/srv/shop/state").image_content);
    assert!(root(&proposal, "/var/cache/shop").image_content);
    let late = Observed {
        writes: writes.clone(),
        start_seen: false,
        ..observed()
    };
    assert!(
        propose(&late)
            .contract
            .write_roots
            .iter()
            .all(|root| !root.image_content)
    );
    let mut made = writes;
    made[1].directories = 1;
    assert!(!root(&of_writes(made), "/var/cache/shop").image_content);
}

#[test]
fn a_root_gives_way_to_one_that_makes_it() {
    let below = row("/run/app", "/run/app/s.sock", APP, 0);
    let mut above = row("/run", "/run/app.pid", APP, 3);
    let apart = of_writes(vec![above.clone(), below.clone()]);
    assert_eq!(paths(&apart), ["/run", "/run/app"]);
    above.directories = 1;
    assert_eq!(paths(&of_writes(vec![above, below])), ["/run"]);
}

#[test]
fn refusals_count_as_writes_that_would_have_been() {
    let proposal = propose(&Observed {
        refusals: vec![
            refused("/var/run", "/var/run/app.pid", Errno::Erofs, Cause::Unknown),
            refused("/srv/x", "/srv/x/y", Errno::Eacces, Cause::Lsm),
        ],
        ..observed()
    });
    let run = root(&proposal, "/var/run");
    assert_eq!((run.kind, run.owner), (Kind::Tmpfs, Some(APP)));
    assert_eq!(run.size_limit, Size::bytes(16 << 20));
    assert!(run.reason.contains("2 refusals"), "{}", run.reason);
    assert_eq!(paths(&proposal), ["/var/run"]);
    assert!(proposal.notes[0].contains("/srv/x/y was refused 2 times with EACCES, cause lsm"));
}

#[test]
fn what_is_mounted_is_left_unless_it_was_too_little() {
    let tmpfs = |target: &str| Mounted {
        target: target.to_owned(),
        tmpfs: true,
        used: Some(60 << 10),
        limit: Some(64 << 10),
    };
    let on = |target: &str, destination| Written {
        target: target.to_owned(),
        destination,
        ..row(target, &format!("{target}/x"), APP, 10)
    };
    let proposal = propose(&Observed {
        writes: vec![
            on("/tmp", Destination::Tmpfs),
            on("/data", Destination::Volume),
            on("/run/app", Destination::Tmpfs),
            on("/dev/shm", Destination::Tmpfs),
        ],
        refusals: vec![
            refused("/tmp", "/tmp/y", Errno::Enospc, Cause::Unknown),
            refused("/run/app", "/run/app/y", Errno::Eacces, Cause::Ownership),
        ],
        mounts: vec![tmpfs("/tmp"), tmpfs("/run/app"), tmpfs("/never/written")],
        ..observed()
    });
    assert_eq!(paths(&proposal), ["/data", "/run/app", "/tmp"]);
    assert!(root(&proposal, "/data").mounted);
    let tmp = root(&proposal, "/tmp");
    assert!(
        !tmp.mounted && tmp.reason.contains("it was full"),
        "{tmp:?}"
    );
    assert_eq!(tmp.size_limit, Size::bytes(4 << 20));
    let run = root(&proposal, "/run/app");
    assert_eq!((run.mounted, run.owner), (false, Some(APP)));
}

#[test]
fn what_cannot_be_placed_is_told() {
    let proposal = of_writes(vec![
        Written {
            writes: 7,
            ..Written::new("_other", Destination::Root)
        },
        row("/proc/self/attr", "/proc/self/attr/exec", ROOT, 1),
        Written::new("/sys/x", Destination::Provided),
    ]);
    assert!(proposal.contract.write_roots.is_empty());
    assert!(
        proposal.notes[0].starts_with("7 writes could not be placed"),
        "{:?}",
        proposal.notes
    );
}
