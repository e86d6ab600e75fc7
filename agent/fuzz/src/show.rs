//! What every text that is shown promises.
//!
//! In: texts of the daemon's making. Out: nothing; a broken promise panics.

use std::time::{Duration, SystemTime};

use sealwatch::aggregate::Snapshot;
use sealwatch::config::Limits;
use sealwatch::page::{self, Asked, Seen};
use sealwatch::pipeline::Now;
use sealwatch::report::{self, Page};
use sealwatch::{metrics, overview};
use serde_json::Value;

/// Small ones, so that they are reached.
pub const LIMITS: Limits = Limits {
    containers: 4,
    write_roots_per_container: 3,
    series: 24,
};

/// A moment; both clocks begin at 0.
pub fn at(monotonic_ns: u64) -> Now {
    Now {
        monotonic_ns,
        wall: SystemTime::UNIX_EPOCH + Duration::from_nanos(monotonic_ns),
    }
}

/// One line that fools no terminal.
pub fn is_one_line(what: &str, text: &str) {
    let control = text.chars().find(|c| c.is_control());
    assert!(control.is_none(), "{what}: {control:?} in {text:?}");
}

/// Lines, none of which fools a terminal.
pub fn are_lines(what: &str, text: &str) {
    text.split('\n').for_each(|line| is_one_line(what, line));
}

/// JSON on one line.
pub fn is_json(what: &str, text: &str) -> Value {
    is_one_line(what, text);
    let value = serde_json::from_str(text);
    value.unwrap_or_else(|error| panic!("{what}: {error}: {text:?}"))
}

/// Everything that is made of a snapshot.
pub fn everywhere(snapshot: &Snapshot, now: Now) {
    let text = metrics::render(snapshot, None).unwrap_or_else(|error| panic!("{error}"));
    exposition(&text);
    assert!(snapshot.groups.len() <= LIMITS.containers + 1);
    assert!(snapshot.series <= LIMITS.series);
    let all = Page::default();
    for text in [
        report::listing(snapshot, all),
        report::inventory(snapshot, all),
        report::degraded::listing(snapshot, all),
        report::posture::listing(snapshot, all),
        report::tmpfs::listing(snapshot, all),
        report::layers::listing(snapshot, all),
        report::breach::listing(snapshot, all),
        report::containers::listing(snapshot, None, all),
    ] {
        let text = text.unwrap_or_else(|error| panic!("{error}"));
        is_json("a list", &text);
    }
    let seen = Seen {
        snapshot,
        waits_for: &[],
        node: "node",
        metrics: "metrics",
        now: now.wall,
        now_ns: now.monotonic_ns,
    };
    are_lines("the list's page", &page::list(&seen, &Asked::default()));
    for one in overview::containers(snapshot) {
        are_lines("a container's page", &page::container(&seen, &one, &[]));
    }
}

/// Each line is a comment or a series whose labels are closed.
fn exposition(text: &str) {
    for line in text.split_terminator('\n').filter(|l| !l.starts_with('#')) {
        let (head, value) = line.rsplit_once(' ').unwrap_or_default();
        assert!(value.parse::<f64>().is_ok(), "no series: {line:?}");
        let (_, labels) = head.split_once('{').unwrap_or((head, "}"));
        let labels = labels.strip_suffix('}');
        let labels = labels.unwrap_or_else(|| panic!("labels stay open: {line:?}"));
        let mut quotes = 0;
        let mut escaped = false;
        for c in labels.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => quotes += 1,
                _ => {}
            }
        }
        assert!(!escaped && quotes % 2 == 0, "quotes stay open: {line:?}");
    }
}
