//! A snapshot with a container in every state, and something of every kind, for
//! the tests of this module and of the sinks.

use std::time::{Duration, UNIX_EPOCH};

use super::super::*;
use crate::aggregate::filling::{self, Filling, OomShare};
use crate::aggregate::layers::{self, Layers};
use crate::aggregate::{Ended, Explained, HookState, Kind, RuntimeState, Totals};
use crate::degrade::{Condition, Shown, Workload, caches};
use crate::denial::{
    Backend, Cause, CgroupId, Change, ContainerPath, Credentials, Denial, Errno, Evidence, Hook,
    IdMap, Loss, Lsm, LsmDetail, Operation, PathKey, Remedy, Resolution, Stage, Target, Verdict,
};
use crate::inventory::{ContainerWrites, Destination, Ids, Owned, Row};
use crate::posture::{Facts, HostMounts, User, judge, table};
use crate::tmpfs::{Past, Unmeasured};

/// A name that wants to be more than text.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script>\u{1b}[2J\u{202e}";

pub(super) fn time() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_750_000_000)
}

/// A container whose id is 64 times its letter.
pub(crate) fn named(letter: char, name: &str) -> Arc<Container> {
    Arc::new(Container {
        name: name.to_owned(),
        image: format!("registry.example/{}:1", letter),
        namespace: "shop".to_owned(),
        pod: format!("pod-{letter}"),
        workload: "shop".to_owned(),
        read_only_root: Some(true),
        described: true,
        ..Container::unnamed(&letter.to_string().repeat(64), Runtime::Docker)
    })
}

fn posture(container: &Arc<Container>, root: &str) -> Arc<Posture> {
    let text = format!(
        "2 1 0:5 / / {root} - overlay o {root}\n3 2 0:6 / /run/x\\012<b> rw,nodev - tmpfs t rw,size=64k\n"
    );
    let rows = crate::mountinfo::parse(text.as_bytes());
    let facts = Facts {
        table: table(&rows, &HostMounts::default(), false),
        user: Ok(User {
            uid: Some(0),
            host_uid: 100_000,
        }),
    };
    Arc::new(judge(&Arc::new(facts), container))
}

fn denial(path: &str, cause: Cause) -> Denial {
    Denial {
        cgroup: CgroupId(7),
        path_key: PathKey(255),
        time_ns: 1_000,
        operation: Operation::Create,
        errno: Errno::Erofs,
        signals: 1,
        lsm: (cause == Cause::Lsm).then_some(Lsm::Selinux),
        backend: Backend::Fexit,
        hook: Hook::Open,
        path: ContainerPath {
            bytes: path.as_bytes().to_vec(),
            resolution: Resolution::Absolute,
        },
        pid: 1,
        tid: 2,
        uid: 3,
        gid: 4,
        mount_namespace: 5,
        comm: b"ev\nil".to_vec(),
        evidence: Evidence {
            inode_mode: 0o100_644,
            fs_magic: 0x0102_1994,
            mount_id: 3,
            ..Evidence::default()
        },
        open_flags: 0,
        credentials: Some(Credentials {
            capabilities: 0b11,
            groups: vec![4],
            groups_len: 1,
            user_namespace: 9,
            uid_map: IdMap::Unread,
            gid_map: IdMap::Extents(Vec::new()),
        }),
        lsm_detail: LsmDetail {
            subject: b"system_u".to_vec(),
            ..LsmDetail::default()
        },
    }
}

fn refused(owner: Owner, path: &str, cause: Cause) -> Recent {
    let changes = [
        (Target::Docker, "--tmpfs /var/run:size=64k"),
        (Target::Compose, "tmpfs:\n  - /var/run:size=64k"),
    ];
    let remedy = Remedy {
        sentence: "mount a tmpfs at /var/run".to_owned(),
        changes: changes
            .map(|(target, text)| Change {
                target,
                text: text.to_owned(),
            })
            .into(),
    };
    Recent {
        sample: Arc::new(Explained {
            denial: denial(path, cause),
            owner,
            verdict: Verdict {
                cause,
                evidence: "the mount has MNT_READONLY".to_owned(),
                remedy: (cause == Cause::ReadOnlyMount).then_some(remedy),
            },
            write_root: "/var/run".into(),
            mount: None,
            time: time(),
        }),
        count: 3,
        exact: cause != Cause::Unknown,
        first: time(),
    }
}

fn degraded(container: &Arc<Container>) -> RootView {
    RootView {
        container: Arc::clone(container),
        write_root: "/var/cache/nginx".into(),
        condition: Condition::Degraded,
        since: time(),
        failures: 12,
        last: time(),
        operation: Operation::Mkdir,
        errno: Errno::Erofs,
        cause: Cause::ReadOnlyMount,
        lsm: None,
        gap: Some(Duration::from_secs(9)),
        cache: caches::of(b"/var/cache/nginx"),
        ever_succeeded: Some(true),
        ending: None,
    }
}

fn failing(container: &Container) -> StartView {
    StartView {
        workload: Workload::of(container),
        container_id: container.id.as_str().into(),
        failures: 3,
        since: time(),
        last: time(),
        exit_code: Some(1),
        write_root: "/run".into(),
        operation: Operation::Create,
        errno: Errno::Erofs,
        cause: Cause::Lsm,
        lsm: Some(Lsm::Apparmor),
    }
}

fn filled(container: &Arc<Container>, pressure: Pressure) -> Filled {
    let mut told = filling::tests::told(&container.id, 48 << 20);
    let past = |at_s: u64, used| Past {
        at_ns: at_s * 1_000_000_000,
        used,
    };
    told.mounts[0].history = [past(1, 0), past(20, 32 << 20), past(40, 48 << 20)].into();
    if let Sampled::Measured { pressure: own, .. } = &mut told.mounts[0].bytes {
        *own = pressure;
    }
    let mut unread = told.mounts[0].clone();
    unread.target = "/dev/shm".to_owned();
    unread.bytes = Sampled::Not(Unmeasured::Stuck);
    unread.inodes = Sampled::Not(Unmeasured::Stuck);
    told.mounts.push(unread);
    Filled {
        container: Arc::clone(container),
        labels: Labels::of(container),
        told: Arc::new(told),
    }
}

pub(super) fn group(container: &Arc<Container>, count: u64) -> GroupSeries {
    let kind = Kind {
        operation: Operation::Create,
        errno: Errno::Erofs,
        cause: Cause::ReadOnlyMount,
        lsm: None,
    };
    let counts = [(kind, "/var/run".into(), count)];
    GroupSeries {
        labels: Labels::of(container),
        container: Some(Arc::clone(container)),
        counts: counts
            .into_iter()
            .filter(|(.., count)| *count > 0)
            .collect(),
        oom_kills: 0,
    }
}

fn killed(container: &Arc<Container>) -> Killed {
    Killed {
        cgroup: CgroupId(9),
        owner: Owner::Container(Arc::clone(container)),
        killed: 2,
        count: 2,
        time_ns: 77,
        time: time(),
    }
}

fn ids() -> Ids {
    Ids {
        uid: 100_000,
        gid: 100_000,
        uid_in_container: Some(0),
        gid_in_container: None,
    }
}

/// What was written with success.
fn writes(container: &Arc<Container>) -> ContainerWrites {
    ContainerWrites {
        container: Arc::clone(container),
        rows: vec![Row {
            write_root: "/tmp".into(),
            destination: Destination {
                kind: "tmpfs",
                target: "/tmp".to_owned(),
            },
            opens: 1,
            creates: 2,
            directories: 3,
            renames: 4,
            writes: 5,
            bytes: 6,
            executions: 0,
            first_ns: 7,
            last_ns: 8,
            paths: vec!["/tmp/a".to_owned()],
            owner: Some(Owned {
                by: ids(),
                mode: 0o755,
            }),
            directory_owner: None,
            writers: vec![ids()],
            more_writers: false,
            commands: vec!["sh".to_owned()],
        }],
    }
}

/// A snapshot with a container in every state, and something of every kind.
pub(crate) fn snapshot() -> Snapshot {
    let sealed = named('a', "sealed");
    let bad = named('b', "degraded");
    let full = named('c', "full");
    let hit = named('d', HOSTILE);
    let open = named('e', "open");
    let starting = named('f', "starting");
    let gone = named('0', "gone");
    let told = filling::tests::killed(filling::tests::told(&full.id, 4096), 7);
    let layered = |container: &Arc<Container>| Layered {
        container: Arc::clone(container),
        labels: Labels::of(container),
        layer: Arc::new(layers::tests::layer(&container.id, 8192)),
    };
    Snapshot {
        groups: vec![group(&sealed, 0), group(&hit, 1_234), group(&gone, 9)],
        totals: Totals {
            recorded: 1_243,
            ..Totals::default()
        },
        losses: vec![Loss {
            stage: Stage::Events,
            reason: "queue_full",
            count: 7,
        }],
        recent: vec![
            refused(
                Owner::Container(Arc::clone(&hit)),
                "/var/run/<img src=x>\u{1b}",
                Cause::ReadOnlyMount,
            ),
            refused(
                Owner::Container(Arc::clone(&hit)),
                "/var/run/b",
                Cause::Unknown,
            ),
            refused(
                Owner::Container(Arc::clone(&gone)),
                "/var/run/c",
                Cause::Lsm,
            ),
            refused(Owner::Host, "/etc/x", Cause::ModeBits),
        ],
        inventory: Arc::new([writes(&sealed)]),
        inventoried: 1,
        oom_kills: vec![Arc::new(killed(&full))],
        state: Arc::new(Shown {
            degraded: vec![degraded(&bad)],
            starts: vec![failing(&starting)],
            unwatched: Some(Duration::from_secs(7)),
            ..Shown::default()
        }),
        tmpfs: Arc::new(Filling {
            containers: vec![
                filled(&full, Pressure::Near),
                filled(&sealed, Pressure::Calm),
            ],
            kills: vec![OomShare {
                container: Arc::clone(&full),
                labels: Labels::of(&full),
                killed: told.oom.last.unwrap(),
            }],
            unmeasured: [("stuck", 2)].into(),
            ..Filling::default()
        }),
        layers: Arc::new(Layers {
            containers: vec![layered(&open)],
            ..Layers::default()
        }),
        hooks: Arc::new([
            HookState {
                hook: Hook::Open,
                state: Ok(Backend::Fexit),
            },
            HookState {
                hook: Hook::Bind,
                state: Err("no symbol <unix_bind>".to_owned()),
            },
        ]),
        runtimes: vec![RuntimeState {
            runtime: "docker".to_owned(),
            endpoint: "/run/docker.sock".to_owned(),
            up: false,
        }],
        postures: Arc::new([
            posture(&sealed, "ro"),
            posture(&bad, "ro"),
            posture(&full, "ro"),
            posture(&hit, "ro"),
            posture(&open, "rw"),
        ]),
        ended: Arc::new([Ended {
            id: gone.id.as_str().into(),
            container: Some(gone),
            time: time(),
        }]),
        containers: 7,
        undescribed: 1,
        ..Snapshot::default()
    }
}
