//! What is shown, and which run late news belongs to.

mod bounds;
mod stories;

use std::time::{Duration, SystemTime};

use super::*;
use crate::denial::{
    Backend, Cause, CgroupId, ContainerPath, Errno, Evidence, Hook, LsmDetail, Operation, PathKey,
    Runtime,
};

pub(super) const LIMITS: Limits = Limits {
    containers: 4,
    write_roots_per_container: 3,
    series: 100,
};
/// The machine has been up for a day.
pub(super) const EPOCH_S: u64 = 86_400;
const CACHE: &str = "/home/app";
const NGINX: &str = "/var/cache/nginx";

pub(super) fn container(id: &str) -> Arc<Container> {
    Arc::new(Container {
        name: "app".to_owned(),
        pod: "pod".to_owned(),
        described: true,
        ..Container::unnamed(id, Runtime::Docker)
    })
}

pub(super) fn at(second: u64) -> Moment {
    Moment {
        monotonic_ns: (EPOCH_S + second) * 1_000_000_000,
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + second),
    }
}

pub(super) fn failure(write_root: &str, count: u64, now: Moment) -> Failure<'_> {
    Failure {
        write_root,
        count,
        last_ns: now.monotonic_ns,
        operation: Operation::Create,
        errno: Errno::Erofs,
        cause: Cause::ReadOnlyMount,
        lsm: None,
        open_flags: None,
    }
}

fn told(change: &Change) -> String {
    match change {
        Change::Degraded(view) | Change::Recovered(view) | Change::Ended(view) => {
            format!(
                "{} {} {}",
                change.label(),
                view.container.id,
                view.write_root
            )
        }
        Change::FailingToStart(view) | Change::Started(view) => format!(
            "{} {} {} {}",
            change.label(),
            view.workload.container,
            view.failures,
            view.write_root
        ),
    }
}

#[test]
fn the_view_says_what_is_known() {
    let mut degrade = Degrade::new(Thresholds::default(), LIMITS);
    let app = container("a");
    degrade.started(&app, 1, Some(at(0).monotonic_ns), at(0));
    assert!(degrade.roots(at(1)).is_empty());
    for (second, path) in [
        (2, "/home/app/.npm/_cacache/x"),
        (3, "/home/app/.npm/_logs"),
    ] {
        degrade.sampled(&app, CACHE, &denial(path, at(second)));
        degrade.denied(&app, &failure(CACHE, 1, at(second)), at(second));
    }
    let root = degrade.roots(at(3)).remove(0);
    assert_eq!(root.condition, Condition::Failing);
    assert_eq!(root.since, at(2).wall);
    assert_eq!(root.last, at(3).wall);
    assert_eq!((root.failures, root.errno), (2, Errno::Erofs));
    assert_eq!(root.cache.map(|cache| cache.name), Some("npm cache"));
    assert_eq!(root.ever_succeeded, None, "nobody has measured it");

    degrade.watched("a", at(4).monotonic_ns);
    assert_eq!(
        degrade.roots(at(4))[0].ever_succeeded,
        None,
        "not from the start"
    );
    degrade.succeeded(&app, CACHE, at(2).monotonic_ns, at(4));
    assert_eq!(degrade.roots(at(4))[0].ever_succeeded, Some(true));

    degrade.sampled(&app, CACHE, &denial("/home/app/data.db", at(5)));
    assert_eq!(degrade.roots(at(5))[0].cache, None, "not only a cache");
    assert!(
        degrade.roots(at(400)).is_empty(),
        "quiet for over five minutes"
    );

    let b = container("b");
    degrade.started(&b, 2, Some(at(10).monotonic_ns), at(10));
    degrade.watched("b", at(10).monotonic_ns);
    degrade.denied(&b, &failure(NGINX, 1, at(11)), at(11));
    let root = degrade.roots(at(11)).pop().unwrap();
    assert_eq!(root.ever_succeeded, Some(false));
    let name = "nginx temporary files and proxy cache";
    assert_eq!(root.cache.map(|cache| cache.name), Some(name));
}

#[test]
fn a_long_start_comes_before_degraded() {
    let thresholds = Thresholds {
        start_window_ns: 300_000_000_000,
        ..Thresholds::default()
    };
    let mut degrade = Degrade::new(thresholds, LIMITS);
    degrade.started(&container("a"), 1, Some(at(0).monotonic_ns), at(0));
    let degraded = (1..600).find(|second| {
        let now = at(*second);
        degrade.denied(&container("a"), &failure(CACHE, 1, now), now);
        !degrade.tick(now).is_empty()
    });
    assert_eq!(degraded, Some(300));
}

#[test]
fn late_news_finds_its_run() {
    let app = container("a");
    let mut degrade = Degrade::new(Thresholds::default(), LIMITS);
    degrade.started(&app, 1, Some(at(0).monotonic_ns), at(0));
    degrade.exited("a", None, at(3));
    degrade.started(&app, 2, Some(at(4).monotonic_ns), at(4));
    // Counted in the first run, read in the second.
    degrade.denied(&app, &failure(NGINX, 1, at(2)), at(5));
    assert!(degrade.roots(at(5)).is_empty());
    // A scan from before the end brings nobody back.
    degrade.exited("a", None, at(6));
    degrade.started(&app, 2, None, at(7));
    degrade.denied(&app, &failure(NGINX, 1, at(5)), at(8));
    assert!(degrade.roots(at(8)).is_empty());
    let changes = degrade.tick(at(20));
    let told: Vec<_> = changes.iter().map(|t| told(&t.change)).collect();
    assert_eq!(
        told,
        [
            "failing_to_start app 1 /var/cache/nginx",
            "failing_to_start app 2 /var/cache/nginx"
        ]
    );
}

#[test]
fn an_exit_code_that_decides_is_asked_for_once() {
    let app = container("a");
    let mut degrade = Degrade::new(Thresholds::default(), LIMITS);
    degrade.started(&app, 1, Some(at(0).monotonic_ns), at(0));
    degrade.exited("a", None, at(2));
    assert!(
        degrade.unexplained_ends(at(5)).is_empty(),
        "it was refused nothing"
    );
    degrade.started(&app, 2, Some(at(10).monotonic_ns), at(10));
    degrade.denied(&app, &failure(NGINX, 1, at(11)), at(11));
    degrade.exited("a", None, at(12));
    assert!(
        degrade.unexplained_ends(at(13)).is_empty(),
        "it may be told yet"
    );
    assert_eq!(degrade.unexplained_ends(at(14)).len(), 1);
    assert!(degrade.unexplained_ends(at(15)).is_empty());
    degrade.exit_code("a", 0, at(12).monotonic_ns);
    assert!(degrade.tick(at(60)).is_empty());
}

#[test]
fn an_exit_code_finds_its_run() {
    let app = container("a");
    let mut degrade = Degrade::new(Thresholds::default(), LIMITS);
    let mut run = |number: u64, second: u64, told: &[u64]| {
        degrade.started(&app, number, Some(at(second).monotonic_ns), at(second));
        degrade.denied(&app, &failure(NGINX, 1, at(second + 1)), at(second + 1));
        for told_second in told.iter().filter(|told| **told < second + 2) {
            degrade.exit_code("a", 0, at(*told_second).monotonic_ns);
        }
        degrade.exited("a", None, at(second + 2));
        for told_second in told.iter().filter(|told| **told >= second + 2) {
            degrade.exit_code("a", 0, at(*told_second).monotonic_ns);
        }
        degrade.tick(at(second + 20)).len()
    };
    assert_eq!(run(1, 30, &[]), 1, "nobody told that it was 0");
    assert_eq!(run(2, 60, &[62]), 0, "the control group's end first");
    assert_eq!(run(3, 90, &[91]), 0, "the runtime's word first");
    assert_eq!(
        run(4, 120, &[62]),
        1,
        "the runtime tells again of an earlier run"
    );
}

fn denial(path: &str, now: Moment) -> Denial {
    Denial {
        cgroup: CgroupId(1),
        path_key: PathKey(1),
        time_ns: now.monotonic_ns,
        operation: Operation::Create,
        errno: Errno::Erofs,
        signals: 0,
        lsm: None,
        backend: Backend::Fexit,
        hook: Hook::Open,
        path: ContainerPath {
            bytes: path.as_bytes().to_vec(),
            resolution: Resolution::Absolute,
        },
        pid: 1,
        tid: 1,
        uid: 0,
        gid: 0,
        mount_namespace: 1,
        comm: Vec::new(),
        evidence: Evidence::default(),
        open_flags: 0,
        credentials: None,
        lsm_detail: LsmDetail::default(),
    }
}
