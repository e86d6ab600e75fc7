//! What sampling costs: 500 containers with three tmpfs mounts each.
//!
//! The bound is held by every run of the tests; the figures behind it come from
//! `cargo test --release -p sealwatch --test tmpfs -- --ignored --nocapture price`

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use sealwatch::tmpfs::visit::{Known, Place, visit};
use sealwatch::tmpfs::{MountTmpfs, Origin, Sampled, Sampler, Settings, Watched};

use super::engines::cannot_run;
use super::{Room, around};

const CONTAINERS: usize = 500;
/// Mounts that a container of Docker's has besides.
const OTHERS: usize = 18;

fn cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// Rooms with three small tmpfs mounts each, and more mounts.
fn rooms(others: usize) -> Vec<Room> {
    (0..CONTAINERS)
        .map(|_| {
            let mut room = Room::open().unwrap();
            room.run(&format!(
                "mkdir $D/a $D/b $D/c $D/o; for n in a b c; do mount -t tmpfs -o size=1m tmpfs $D/$n || exit 1; done; \
                 i=0; while [ $i -lt {others} ]; do mount --bind $D/o $D/o || exit 1; i=$((i+1)); done"
            ));
            room
        })
        .collect()
}

#[test]
#[ignore = "a measurement of minutes, for a machine that does nothing else"]
fn price_of_fifteen_hundred_mounts() {
    let mut rooms = rooms(OTHERS);
    let around = around();
    let mut known: Vec<(Known, Place)> = rooms
        .iter()
        .map(|room| {
            let place = Place {
                group: room.group.path().to_owned(),
                memory: None,
            };
            (Known::default(), place)
        })
        .collect();
    let mut round = |what: &str, times: usize, now_ns: u64| {
        let begun = cpu_us();
        let mut measured = 0;
        for _ in 0..times {
            for (known, place) in &mut known {
                let seen = visit(known, place, &around, now_ns);
                measured += seen.usage.iter().filter(|usage| usage.is_ok()).count();
            }
        }
        let us = cpu_us() - begun;
        let turns = (times * CONTAINERS) as f64;
        println!(
            "{what}: {:.2} us a turn, {:.2} us a mount, {measured} mounts",
            us / turns,
            us / measured as f64
        );
    };
    round("with the mount table", 1, 1_000_000_000);
    round("without", 20, 1_000_000_001);
    round("with the mount table", 1, 400_000_000_000);

    // The real thing, at rest and under change, for half a minute each.
    let sampler = sampler_of(&rooms);
    std::thread::sleep(Duration::from_secs(20));
    rest(&sampler, "nothing changes");
    for room in &mut rooms {
        room.run("dd if=/dev/zero of=$D/a/x bs=1k count=1000 status=none");
    }
    std::thread::sleep(Duration::from_secs(5));
    rest(&sampler, "all are near their limit");
}

/// A sampler that watches all rooms.
fn sampler_of(rooms: &[Room]) -> Sampler {
    let settings = Settings {
        groups: PathBuf::from("/"),
        memory: None,
        deadline: Duration::from_millis(250),
    };
    let sampler = Sampler::start(settings).unwrap();
    for (at, room) in rooms.iter().enumerate() {
        let group = room.group.path().to_string_lossy().into_owned();
        assert!(sampler.watch(Watched {
            container: format!("{at:04}").into(),
            group: group.into_bytes(),
            born: false,
        }));
    }
    sampler
}

/// Processor time, not time: a machine that does other things as well is no
/// reason to fail.
#[test]
fn fifteen_hundred_mounts_at_rest_take_less_than_a_hundredth() {
    let name = "fifteen_hundred_mounts_at_rest_take_less_than_a_hundredth";
    if let Err(why) = Room::open() {
        return cannot_run(name, &why);
    }
    // At rest the tables are hardly read, so they need not be long.
    let rooms = rooms(0);
    let sampler = sampler_of(&rooms);
    let begun = Instant::now();
    let measured = || {
        let report = sampler.report();
        let mounts = report
            .containers
            .iter()
            .flat_map(|told| told.mounts.clone());
        // What other tests mount for containers outside is handed in.
        let known = |mount: &MountTmpfs| {
            mount.origin == Origin::Container && matches!(mount.bytes, Sampled::Measured { .. })
        };
        mounts.filter(known).count()
    };
    // All have had their turn, and the pace has slowed down.
    while measured() < 3 * CONTAINERS {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", measured());
        std::thread::sleep(Duration::from_millis(200));
    }
    std::thread::sleep(Duration::from_secs(8));
    let (before, since) = (sampler.report().cpu_ns, Instant::now());
    std::thread::sleep(Duration::from_secs(15));
    let spent = (sampler.report().cpu_ns - before) as f64 / 1e9;
    let share = spent / since.elapsed().as_secs_f64() * 100.0;
    println!("{share:.3} % of a processor for {} mounts", measured());
    assert!(share < 1.0, "{share} %");
    assert_eq!(measured(), 3 * CONTAINERS);
}

fn rest(sampler: &Sampler, what: &str) {
    let (before, begun) = (sampler.report().cpu_ns, cpu_us());
    let seconds = 30;
    let mut turns = std::collections::HashSet::new();
    for _ in 0..seconds * 10 {
        std::thread::sleep(Duration::from_millis(100));
        let report = sampler.report();
        turns.extend(
            report
                .containers
                .iter()
                .map(|told| (Arc::clone(&told.container), told.sampled_ns)),
        );
    }
    let told = (sampler.report().cpu_ns - before) as f64 / 1e9;
    let process = (cpu_us() - begun) / 1e6;
    let share = |spent: f64| spent / f64::from(seconds) * 100.0;
    println!(
        "{what}: {:.3} % of a processor as told, {:.3} % with this test's own, {:.0} turns a second",
        share(told),
        share(process),
        turns.len() as f64 / f64::from(seconds)
    );
}
