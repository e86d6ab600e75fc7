//! Records of every ring, births, deaths and descriptions of containers: through
//! all stages to everything that is shown.
//!
//! In: steps, each a byte that chooses, two of length and the rest. Out: nothing;
//! a broken promise panics: no refusal is lost, tables stay within their bounds,
//! what is shown fools nobody.

use std::sync::Arc;

use sealwatch::aggregate::Snapshot;
use sealwatch::denial::Runtime;
use sealwatch::events::Filter;
use sealwatch::events::history::EVENTS_MAX;
use sealwatch::http::Published;
use sealwatch::identity::docker;
use sealwatch::pipeline::Pipeline;
use sealwatch::source::RecordKind;
use sealwatch_ebpf::wire::{CgroupEvent, WriteRecord};

use super::feed::Feed;
use super::records::{pad_sample, pad_to};
use super::show::{LIMITS, at, everywhere, is_json};

const STEPS_MAX: usize = 48;

/// A daemon's life without a kernel.
pub fn pipeline(bytes: &[u8]) {
    let (published, recorded, now_ns) = lived(bytes);
    let snapshot = published.snapshot.load_full();
    assert_eq!(snapshot.totals.recorded, recorded);
    assert_eq!(snapshot.totals.pending, 0);
    conserved(&snapshot);
    everywhere(&snapshot, at(now_ns));
    for numbered in published
        .history
        .latest(EVENTS_MAX, &Filter::default())
        .events
    {
        is_json("an event", &numbered.event.line);
    }
}

/// What is published at its end, what was counted, and when that was.
pub fn lived(bytes: &[u8]) -> (Arc<Published>, u64, u64) {
    let published = Arc::new(Published::waiting_for(&[]));
    let mut pipeline = Pipeline::new(Feed::default(), LIMITS, false, Arc::clone(&published))
        .with_inventory(vec!["*".to_owned()], None);
    let mut now_ns = 1_000_000_000;
    let mut rest = bytes;
    for _ in 0..STEPS_MAX {
        let [choice, low, high, after @ ..] = rest else {
            break;
        };
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let (body, next) = after.split_at(length.min(after.len()));
        rest = next;
        let mut record = body.to_vec();
        let feed = pipeline.source_mut();
        match choice % 8 {
            0 => {
                pad_sample(&mut record);
                feed.push(RecordKind::Sample, record, now_ns);
            }
            1 => {
                pad_to(&mut record, size_of::<CgroupEvent>());
                feed.push(RecordKind::Cgroup, record, now_ns);
            }
            2 => {
                pad_to(&mut record, size_of::<WriteRecord>());
                feed.push(RecordKind::Write, record, now_ns);
            }
            3 => feed.push(RecordKind::Sample, record, now_ns),
            4 => {
                if let [operation, errno, low, high, ..] = body {
                    feed.overflow(*operation, *errno, u16::from_le_bytes([*low, *high]));
                }
            }
            5 => {
                if let Some(cgroup) = body.first_chunk() {
                    feed.kill(u64::from_le_bytes(*cgroup), now_ns);
                }
            }
            6 => {
                let told = serde_json::from_slice(body).ok();
                let told = told.and_then(|told| docker::of_inspection(told, Runtime::Docker));
                if let Some(description) = told {
                    pipeline.describe(description, at(now_ns));
                }
            }
            _ => {
                let pause = body
                    .first_chunk()
                    .map_or(1, |pause| u16::from_le_bytes(*pause));
                now_ns += u64::from(pause) * 100_000_000;
                pipeline.tick(at(now_ns));
                conserved(&published.snapshot.load());
            }
        }
    }
    // Once more, so that a counter is read after its sample.
    pipeline.tick(at(now_ns));
    let recorded = pipeline.source_mut().recorded;
    pipeline.finish(at(now_ns));
    (published, recorded, now_ns)
}

/// Everything that was counted is somewhere.
fn conserved(snapshot: &Snapshot) {
    let groups = snapshot.groups.iter().flat_map(|group| &group.counts);
    let groups: u64 = groups.map(|(_, _, count)| count).sum();
    let host: u64 = snapshot.host.iter().map(|(_, count)| count).sum();
    let unresolved: u64 = snapshot.unresolved.iter().map(|(_, _, count)| count).sum();
    let totals = snapshot.totals;
    let elsewhere = totals.pending + totals.retired + totals.ignored + totals.unreadable;
    let told = groups + host + unresolved + elsewhere;
    assert_eq!(told, totals.recorded, "{totals:?}");
}
