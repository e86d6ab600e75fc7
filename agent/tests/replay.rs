//! Recordings of real kernels, replayed through every stage to golden output.
//!
//! `tests/replay/NAME.rec` is what `sealwatch record` printed; a line
//! `# container ID NAME` in it stands for what the runtime told. The output is
//! compared with `NAME.metrics` and `NAME.events`; with `REPLAY_BLESS=1` it is
//! written there instead.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use sealwatch::config::Limits;
use sealwatch::denial::{Container, Runtime};
use sealwatch::events::EventWriter;
use sealwatch::http::Published;
use sealwatch::identity::Description;
use sealwatch::metrics;
use sealwatch::pipeline::{Now, Pipeline};
use sealwatch::source::replay::Replay;

const LIMITS: Limits = Limits {
    containers: 64,
    write_roots_per_container: 8,
    series: 512,
};

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn at(monotonic_ns: u64) -> Now {
    Now {
        monotonic_ns,
        wall: SystemTime::UNIX_EPOCH + Duration::from_nanos(monotonic_ns),
    }
}

fn description(id: &str, name: &str) -> Description {
    Description {
        container: Container {
            name: name.to_owned(),
            image: "app:1".to_owned(),
            read_only_root: Some(true),
            mount_targets: Vec::new(),
            described: true,
            ..Container::unnamed(id, Runtime::Docker)
        },
        ended: None,
    }
}

fn replayed(recording: &str) -> (String, String) {
    let published = Arc::new(Published::waiting_for(&[]));
    let lines = Kept::default();
    let replay = Replay::parse(recording).unwrap();
    let mut pipeline = Pipeline::new(replay, LIMITS, false, Arc::clone(&published))
        .with_events(EventWriter::start(lines.clone()).unwrap());
    let mut now = 0;
    while let Some(time) = pipeline.source_mut().advance() {
        now = time;
        pipeline.drain(at(now));
        for line in recording.lines() {
            if let ["#", "container", id, name] = line.split(' ').collect::<Vec<_>>()[..] {
                pipeline.describe(description(id, name), at(now));
            }
        }
        pipeline.tick(at(now));
    }
    pipeline.finish(at(now));
    let metrics = metrics::render(&published.snapshot.load(), None).unwrap();
    // What changes without a change of behaviour: the version, and when the
    // settings were read, which is now.
    let changing = [
        "sealwatch_build_info{",
        "sealwatch_config_last_reload_success_timestamp_seconds ",
    ];
    let metrics = metrics
        .lines()
        .filter(|line| !changing.iter().any(|start| line.starts_with(start)));
    let metrics = metrics.map(|line| format!("{line}\n")).collect();
    let events = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    (metrics, events)
}

fn recordings() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay");
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rec"))
        .collect();
    paths.sort();
    paths
}

#[test]
fn recordings_give_what_they_gave() {
    let recordings = recordings();
    assert!(!recordings.is_empty());
    for path in recordings {
        let (metrics, events) = replayed(&std::fs::read_to_string(&path).unwrap());
        for (extension, text) in [("metrics", metrics), ("events", events)] {
            let golden = path.with_extension(extension);
            if std::env::var_os("REPLAY_BLESS").is_some() {
                std::fs::write(&golden, text).unwrap();
                continue;
            }
            let expected = std::fs::read_to_string(&golden).unwrap();
            assert_eq!(text, expected, "{} differs", golden.display());
        }
    }
}
