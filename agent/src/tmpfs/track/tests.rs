//! Turns as they come, and what is told of them.

use super::super::{Asked, Origin, Owned, Ownership};
use super::*;

const S: u64 = 1_000_000_000;
const MIB: u64 = 1 << 20;

fn seen(used: &[Result<u64, Unmeasured>], limit: Limit, oom_kills: Option<u64>) -> Seen {
    let mount = |at: usize| Owned {
        device: Device {
            major: 0,
            minor: at as u32,
        },
        mount: at as u64,
        target: format!("/t{at}").into_bytes(),
        elsewhere: 0,
        origin: Origin::Container,
        bytes: Asked::AtMost(MIB),
        inodes: Asked::Unbounded,
        way: Ok(()),
    };
    let usage = |used: &Result<u64, Unmeasured>| {
        used.clone().map(|used| Usage {
            bytes: Some(Fill { used, limit: MIB }),
            inodes: Some(Fill { used: 1, limit: 64 }),
        })
    };
    Seen {
        ownership: Arc::new(Ownership {
            mounts: (0..used.len()).map(mount).collect(),
            dropped: 0,
        }),
        table_cut: false,
        usage: used.iter().map(usage).collect(),
        unmeasured: None,
        limit,
        oom_kills,
    }
}

fn gone(limit: Limit, oom_kills: Option<u64>) -> Seen {
    Seen {
        unmeasured: Some(Unmeasured::NoProcess),
        ..seen(&[Err(Unmeasured::NoProcess)], limit, oom_kills)
    }
}

fn bytes(told: &ContainerTmpfs) -> (u64, Pressure, Option<u64>) {
    match &told.mounts[0].bytes {
        Sampled::Measured {
            fill,
            pressure,
            full_in_s,
        } => (fill.used, *pressure, *full_in_s),
        Sampled::Not(why) => panic!("{why}"),
    }
}

#[test]
fn a_mount_that_fills_up_is_told_with_its_time() {
    let mut track = Track::new("c".into(), true);
    let unbounded = Limit::Unbounded;
    for at in 0..5 {
        let (told, found) = track.take(at * S, &seen(&[Ok(at * MIB / 10)], unbounded, None));
        assert!(found.changed && !found.near);
        assert_eq!((told.memory.share, told.oom.kills), (None, None));
        assert_eq!(told.memory.limit, Limit::Unbounded);
    }
    let (told, found) = track.take(5 * S, &seen(&[Ok(MIB / 2)], unbounded, None));
    assert_eq!(bytes(&told), (MIB / 2, Pressure::Calm, Some(5)));
    assert_eq!(found.full_in_s, Some(5));
    let (told, found) = track.take(6 * S, &seen(&[Ok(MIB)], unbounded, None));
    assert_eq!(bytes(&told).1, Pressure::Full);
    assert!(found.near);
    let (_, found) = track.take(7 * S, &seen(&[Ok(MIB)], unbounded, None));
    assert!(!found.changed && found.near);
}

#[test]
fn what_is_not_measured_is_no_zero() {
    let mut track = Track::new("c".into(), true);
    let crosses = Unmeasured::Crosses("fuse".to_owned());
    let (told, found) = track.take(
        S,
        &seen(&[Ok(5), Err(crosses.clone())], Limit::Bytes(10), None),
    );
    assert_eq!(told.mounts[1].bytes, Sampled::Not(crosses.clone()));
    assert_eq!(told.mounts[1].inodes, Sampled::Not(crosses));
    assert_eq!((told.memory.tmpfs_bytes, told.memory.share), (5, Some(0.5)));
    assert!(!found.near);
    let mut unlimited = seen(&[Ok(5)], Limit::Bytes(10), None);
    unlimited.usage = vec![Ok(Usage {
        bytes: None,
        inodes: None,
    })];
    let (told, _) = track.take(2 * S, &unlimited);
    assert_eq!(told.mounts[0].bytes, Sampled::Not(Unmeasured::Unlimited));
}

#[test]
fn a_kill_is_told_with_the_share_of_its_moment() {
    let mut track = Track::new("c".into(), true);
    let limit = Limit::Bytes(2 * MIB);
    let (told, found) = track.take(S, &seen(&[Ok(5), Ok(MIB), Ok(0)], limit, Some(0)));
    assert_eq!((told.oom.kills, &told.oom.last), (Some(0), &None));
    assert!(found.near, "the mount is full");
    // The container is gone, and its mounts with it: the last sample stands.
    let (told, _) = track.take(2 * S, &gone(limit, Some(2)));
    let killed = told.oom.last.unwrap();
    assert_eq!((told.oom.kills, killed.seen_ns), (Some(2), 2 * S));
    assert_eq!(killed.memory.tmpfs_bytes, MIB + 5);
    assert!(killed.memory.share.unwrap() > 0.5);
    assert_eq!(killed.largest.as_deref(), Some("/t1"));
    // A new group under the same name.
    let (told, _) = track.take(3 * S, &seen(&[Ok(0)], limit, Some(1)));
    assert_eq!(told.oom.kills, Some(3));
    assert_eq!(told.oom.last.unwrap().largest, None);
}

#[test]
fn kills_before_the_watch_are_not_counted() {
    let mut track = Track::new("c".into(), false);
    let (told, _) = track.take(S, &seen(&[], Limit::Unbounded, Some(9)));
    assert_eq!((told.oom.kills, told.oom.last), (Some(0), None));
    let (told, _) = track.take(2 * S, &gone(Limit::Unbounded, None));
    assert_eq!(told.oom.kills, Some(0));
    let (told, _) = track.take(3 * S, &seen(&[], Limit::Unbounded, Some(10)));
    assert_eq!(told.oom.kills, Some(1));
    let mut born = Track::new("c".into(), true);
    let (told, _) = born.take(S, &gone(Limit::Unbounded, Some(1)));
    assert_eq!(told.oom.kills, Some(1));
}
