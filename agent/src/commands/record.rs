//! `sealwatch record`: what the kernel half hands over, as a recording.
//!
//! In: a valid [`Config`], a time. Out: the text that `source::replay` reads, on
//! standard output. Invariant: records go out as they came, not even decoded, so
//! that a defect in a later stage can be shown again anywhere. Lacks on purpose:
//! names; whoever replays it adds them.

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;

use super::daemon::options;
use crate::config::Config;
use crate::identity::hierarchy::Layout;
use crate::pipeline::Now;
use crate::source::replay::Recorder;
use crate::source::{Source, kernel};

/// Time between two steps.
const STEP: Duration = Duration::from_millis(250);

/// Records for that long.
pub async fn run(config: &Config, time: Duration) -> anyhow::Result<()> {
    let layout = Layout::read()?;
    let mut source = kernel::load(&options(config, &layout), None)?;
    let deadline = tokio::time::Instant::now() + time;
    let mut stdout = std::io::stdout().lock();
    let mut last = None;
    while tokio::time::Instant::now() < deadline {
        tokio::time::sleep(STEP).await;
        let mut recorder = Recorder::default();
        recorder.at(Now::read().monotonic_ns);
        let records = source.drain(&mut |kind, bytes| {
            recorder.record(kind, bytes);
        });
        let stats = source.stats()?;
        if records == 0 && last == Some(stats) {
            continue;
        }
        last = Some(stats);
        source.counters(&mut |key, value| {
            recorder.count(key, value);
        })?;
        source.overflow(&mut |operation, errno, count| {
            recorder.overflow(operation, errno, count);
        })?;
        source.oom_kills(&mut |cgroup, value| {
            recorder.oom_kills(cgroup, value);
        })?;
        recorder.stats(&stats);
        stdout
            .write_all(recorder.text().as_bytes())
            .context("standard output")?;
    }
    Ok(())
}
