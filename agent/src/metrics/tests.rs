//! What is exported, against the catalog.

mod limit;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::aggregate::filling::{self, Filled, Filling, OomShare};
use crate::aggregate::layers::{self, Layered, Layers};
use crate::aggregate::{HookState, Limited, Loaded, RuntimeState, Totals};
use crate::degrade::{Condition, RootView, Shown, StartView, Workload, caches};
use crate::denial::{
    Backend, Cause, Errno, Hook, Loss, Lsm, Operation, Runtime, Stage, Unresolved,
};
use crate::posture::{self, Facts, HostMounts, Posture, Unknown, judge};

fn container(name: &str) -> Container {
    Container {
        id: "ab".repeat(32),
        runtime: Runtime::Docker,
        name: name.to_owned(),
        image: "registry/app:1".to_owned(),
        namespace: "shop".to_owned(),
        pod: "cart-1".to_owned(),
        pod_uid: String::new(),
        workload: "cart".to_owned(),
        project: String::new(),
        revision: "77".to_owned(),
        track: "canary".to_owned(),
        read_only_root: Some(true),
        mount_targets: Vec::new(),
        described: true,
    }
}

/// A container with a tmpfs, and one that could not be read.
fn filling() -> Filling {
    let container = Arc::new(container("web"));
    let told = filling::tests::killed(filling::tests::told("ab", 4096), 7);
    let labels = Labels::of(&container);
    let mut stuck = told.clone();
    stuck.unmeasured = Some(crate::tmpfs::Unmeasured::Stuck);
    let filled = |labels: &Labels, told| Filled {
        container: Arc::clone(&container),
        labels: labels.clone(),
        told: Arc::new(told),
    };
    let other = Labels {
        container: "stuck".to_owned(),
        ..labels.clone()
    };
    Filling {
        containers: vec![filled(&labels, told.clone()), filled(&other, stuck)],
        kills: vec![OomShare {
            container: Arc::clone(&container),
            labels,
            killed: told.oom.last.unwrap(),
        }],
        unmeasured: [("stuck", 1)].into(),
        stuck: 1,
        ..Filling::default()
    }
}

fn layers() -> Layers {
    let container = Arc::new(container("web"));
    let layered = Layered {
        labels: Labels::of(&container),
        container,
        layer: Arc::new(layers::tests::layer("ab", 8192)),
    };
    Layers {
        containers: vec![layered],
        unmeasured: [("no_overlay", 2)].into(),
    }
}

/// A snapshot in which every metric has a value.
fn full() -> Snapshot {
    let breaches = crate::breach::tests::shown(container("web"));
    let container = container("we\"b\n");
    let erofs = Kind {
        operation: Operation::Create,
        errno: Errno::Erofs,
        cause: Cause::ReadOnlyMount,
        lsm: None,
    };
    let profiled = Kind {
        cause: Cause::Lsm,
        lsm: Some(Lsm::Apparmor),
        errno: Errno::Eacces,
        ..erofs
    };
    let group = GroupSeries {
        labels: Labels::of(&container),
        container: Some(Arc::new(container)),
        counts: vec![
            (erofs, "/var/run".into(), 3),
            (erofs, "/tmp\\x0a".into(), 4),
            (profiled, "/etc".into(), 1),
        ],
        oom_kills: 2,
    };
    Snapshot {
        groups: vec![group.clone(), group],
        alerts: alerts::tests::shown(),
        host: vec![(erofs, 1)],
        unresolved: vec![(Unresolved::CgroupUnseen, erofs, 2)],
        limited: vec![(Limited::Series, 9)],
        totals: Totals {
            recorded: 20,
            sampled: 5,
            suppressed: 15,
            ..Totals::default()
        },
        losses: vec![
            Loss {
                stage: Stage::Events,
                reason: "queue_full",
                count: 7,
            },
            Loss {
                stage: Stage::Decode,
                reason: "short",
                count: 1,
            },
        ],
        state: Arc::new(state()),
        hooks: Arc::new([
            HookState {
                hook: Hook::Open,
                state: Ok(Backend::Fexit),
            },
            HookState {
                hook: Hook::OomKill,
                state: Ok(Backend::Tracepoint),
            },
            HookState {
                hook: Hook::Bind,
                state: Err("no symbol unix_bind".to_owned()),
            },
        ]),
        runtimes: vec![RuntimeState {
            runtime: "docker".to_owned(),
            endpoint: "/run/docker.sock".to_owned(),
            up: true,
        }],
        postures: Arc::new([posture()]),
        tmpfs: Arc::new(filling()),
        layers: Arc::new(layers()),
        breaches: Arc::new(breaches),
        loaded: Loaded {
            successful: true,
            time: Some(std::time::UNIX_EPOCH + Duration::from_millis(2_500)),
        },
        ..Snapshot::default()
    }
}

/// One root that is degraded, and one workload that fails to start.
fn state() -> Shown {
    let container = Arc::new(container("we\"b\n"));
    let time = std::time::UNIX_EPOCH + Duration::from_millis(1_500);
    let root = RootView {
        container: Arc::clone(&container),
        write_root: "/var/cache/nginx".into(),
        condition: Condition::Degraded,
        since: time,
        failures: 12,
        last: time,
        operation: Operation::Create,
        errno: Errno::Erofs,
        cause: Cause::ReadOnlyMount,
        lsm: None,
        gap: None,
        cache: caches::of(b"/var/cache/nginx"),
        ever_succeeded: None,
        ending: None,
    };
    let start = StartView {
        workload: Workload::of(&container),
        container_id: "ab".into(),
        failures: 3,
        since: time,
        last: time,
        exit_code: Some(1),
        write_root: "/run".into(),
        operation: Operation::Mkdir,
        errno: Errno::Erofs,
        cause: Cause::ReadOnlyMount,
        lsm: None,
    };
    Shown {
        degraded: vec![root],
        starts: vec![start],
        unwatched: Some(Duration::from_secs(7)),
        ..Shown::default()
    }
}

/// A container that got a writable root, and one tmpfs more.
fn posture() -> Arc<Posture> {
    let table = "2 1 0:5 / / rw - overlay o rw\n3 2 0:6 / /t\\012 rw,nodev - tmpfs t rw\n";
    let rows = crate::mountinfo::parse(table.as_bytes());
    let facts = Facts {
        table: posture::table(&rows, &HostMounts::default(), false),
        user: Err(Unknown::Unreadable),
    };
    Arc::new(judge(&Arc::new(facts), &Arc::new(container("web"))))
}

#[test]
fn every_metric_of_the_catalog_is_exported_and_no_other() {
    let process = Process::read().unwrap();
    let text = render(&full(), Some(&process)).unwrap();
    let exported: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let named: Vec<_> = catalog::metrics().map(|metric| metric.name).collect();
    assert_eq!(exported, named);
}

#[test]
fn equal_labels_become_one_series_and_values_are_escaped() {
    let text = render(&full(), None).unwrap();
    let identity = r#"namespace="shop",pod="cart-1",container="we\"b\\x0a""#;
    let web = r#"namespace="shop",pod="cart-1",container="web""#;
    let kind = r#"operation="create",errno="EROFS",cause="read_only_mount",lsm="""#;
    for line in [
        format!("sealwatch_denials_total{{{identity},{kind}}} 14"),
        format!(
            "sealwatch_denials_total{{{identity},operation=\"create\",errno=\"EACCES\",cause=\"lsm\",lsm=\"apparmor\"}} 2"
        ),
        format!(
            "sealwatch_write_root_denials_total{{{identity},{kind},write_root=\"/var/run\"}} 6"
        ),
        format!(
            "sealwatch_degraded{{{identity},write_root=\"/var/cache/nginx\",errno=\"EROFS\",cause=\"read_only_mount\",lsm=\"\",cache=\"nginx temporary files and proxy cache\"}} 1"
        ),
        format!(
            "sealwatch_degraded_since_timestamp_seconds{{{identity},write_root=\"/var/cache/nginx\"}} 1.5"
        ),
        format!("sealwatch_start_failures_total{{{identity}}} 3"),
        "sealwatch_unwatched_seconds 7".to_owned(),
        "sealwatch_config_last_reload_successful 1".to_owned(),
        "sealwatch_config_last_reload_success_timestamp_seconds 2.5".to_owned(),
        "sealwatch_lost_total{stage=\"events\",reason=\"queue_full\"} 7".to_owned(),
        "sealwatch_lost_total{stage=\"decode\",reason=\"short\"} 1".to_owned(),
        "sealwatch_lost_total{stage=\"kernel\",reason=\"sample_ring_full\"} 0".to_owned(),
        "sealwatch_hooks_attached{hook=\"open\",backend=\"fexit\"} 1".to_owned(),
        "sealwatch_hooks_missing{hook=\"bind\",reason=\"no symbol unix_bind\"} 1".to_owned(),
        "sealwatch_runtime_up{runtime=\"docker\",endpoint=\"/run/docker.sock\"} 1".to_owned(),
        format!("sealwatch_tmpfs_used_bytes{{{web},mount=\"/tmp\"}} 4096"),
        format!("sealwatch_tmpfs_limit_inodes{{{web},mount=\"/tmp\"}} 10"),
        format!("sealwatch_tmpfs_unbounded{{{web},mount=\"/tmp\"}} 1"),
        format!(
            "sealwatch_tmpfs_time_to_full_seconds{{{web},mount=\"/tmp\",resource=\"bytes\"}} 60"
        ),
        format!("sealwatch_container_memory_limit_bytes{{{web}}} 16384"),
        format!("sealwatch_oom_tmpfs_memory_ratio{{{web},mount=\"/tmp\"}} 0.25"),
        "sealwatch_tmpfs_unmeasured{reason=\"stuck\"} 1".to_owned(),
        format!("sealwatch_writable_layer_bytes{{{web}}} 8192"),
        format!("sealwatch_writable_layer_truncated{{{web}}} 1"),
        "sealwatch_writable_layer_unmeasured{reason=\"no_overlay\"} 2".to_owned(),
        "sealwatch_tmpfs_unmeasured{reason=\"covered\"} 0".to_owned(),
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
}

#[test]
fn postures_are_told_and_bounded() {
    let text = render(&full(), None).unwrap();
    let whose = r#"namespace="shop",pod="cart-1",container="web""#;
    for line in [
        format!("sealwatch_rootfs_readonly{{{whose}}} 0"),
        format!(
            r#"sealwatch_mount_info{{{whose},mount="/",kind="root",fs_type="overlay",mode="rw",noexec="false",nosuid="false",nodev="false"}} 1"#
        ),
        format!(
            r#"sealwatch_mount_info{{{whose},mount="/t\\x0a",kind="tmpfs",fs_type="tmpfs",mode="rw",noexec="false",nosuid="false",nodev="true"}} 1"#
        ),
        format!(r#"sealwatch_findings{{{whose},finding="writable_root_asked_read_only"}} 1"#),
        format!(r#"sealwatch_findings{{{whose},finding="tmpfs_without_size"}} 1"#),
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    assert!(!text.contains("tmpfs_devices") && !text.contains("runs_as_root"));

    // Many mounts of many containers, some of the same name.
    let rows: String = (0..60)
        .map(|n| format!("{} 2 0:{n} / /m{n} rw - tmpfs t rw\n", n + 3))
        .collect();
    let rows =
        crate::mountinfo::parse(format!("2 1 0:99 / / ro - overlay o rw\n{rows}").as_bytes());
    let facts = Arc::new(Facts {
        table: posture::table(&rows, &HostMounts::default(), false),
        user: Err(Unknown::Unreadable),
    });
    let of = |name: String| Arc::new(judge(&facts, &Arc::new(container(&name))));
    let mut snapshot = full();
    snapshot.postures = (0..1000)
        .map(|n| of(format!("c{n}")))
        .chain([posture(), of("web".to_owned())])
        .collect();
    let text = render(&snapshot, None).unwrap();
    let mounts = text
        .lines()
        .filter(|line| line.starts_with("sealwatch_mount_info{"));
    assert!((8192..8200).contains(&mounts.count()));
    assert!(text.contains(r#"container="c0",mount="_other",kind="",fs_type="",mode="",noexec="",nosuid="",nodev=""} 44"#));
    assert!(text.contains(&format!("sealwatch_rootfs_readonly{{{whose}}} 0")));
    assert_eq!(text.matches("sealwatch_rootfs_readonly{").count(), 1001);
}

#[test]
fn long_names_are_cut_off() {
    let mut snapshot = full();
    snapshot.groups[0].labels.container = "é".repeat(10_000);
    let text = render(&snapshot, None).unwrap();
    assert!(text.lines().all(|line| line.len() < 2_000));
    assert!(!text.contains("container=\"stuck\",mount=\"/tmp\",resource"));
}

#[test]
fn promtool_finds_nothing_to_say() {
    let process = Process::read().unwrap();
    let text = render(&full(), Some(&process)).unwrap();
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match promtool {
        Ok(promtool) => promtool,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: promtool is not installed");
            return;
        }
        Err(error) => panic!("promtool: {error}"),
    };
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn kills_that_are_not_measured_are_not_zero() {
    let told = |snapshot: &Snapshot| {
        let text = render(snapshot, None).unwrap();
        let lines = text.lines().map(str::to_owned);
        lines
            .filter(|line| line.starts_with("sealwatch_oom_kills_total{"))
            .collect::<Vec<_>>()
    };
    let mut snapshot = full();
    snapshot.oom_unresolved = 3;
    let lines = told(&snapshot);
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line.contains("_unresolved") && line.ends_with(" 3"))
    );
    // Two groups of the same labels are one series.
    assert!(
        lines
            .iter()
            .any(|line| line.contains("cart-1") && line.ends_with(" 4"))
    );
    snapshot.hooks = Arc::new([HookState {
        hook: Hook::OomKill,
        state: Err("no place".to_owned()),
    }]);
    assert_eq!(told(&snapshot), Vec::<String>::new());
}
