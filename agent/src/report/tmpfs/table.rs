//! The list of tmpfs mounts becomes the table that a person reads.
//!
//! In: the list as served. Out: text. Invariant: nothing in it can move a
//! terminal's cursor, whoever served the list; the fullest come first. Lacks on
//! purpose: mounts with nothing in them, of which the number is told.

use serde::Deserialize;

use super::super::ServedContainer;
use super::super::columns::{aligned, printable};
use crate::amount::{percent, size, span};

/// What the table needs of the list; fields it does not know are left aside.
#[derive(Debug, Deserialize)]
pub struct Served {
    tmpfs: Vec<Entry>,
    #[serde(default)]
    tmpfs_oom: Vec<Oom>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    container: ServedContainer,
    mounts: Vec<Mount>,
    unmeasured: Option<String>,
    memory: Memory,
}

#[derive(Debug, Deserialize)]
struct Mount {
    mount: String,
    bytes: Amount,
    inodes: Amount,
}

#[derive(Debug, Deserialize)]
struct Amount {
    used: Option<u64>,
    limit: Option<u64>,
    share: Option<f64>,
    asked: serde_json::Value,
    full_in_seconds: Option<u64>,
    unmeasured: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Memory {
    limit_bytes: Option<u64>,
    tmpfs_bytes: u64,
    share: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct Oom {
    container: ServedContainer,
    memory: Memory,
    largest_mount: Option<String>,
}

const HEAD: [&str; 7] = [
    "CONTAINER",
    "TMPFS",
    "USED",
    "LIMIT",
    "FULL",
    "INODES",
    "FULL IN",
];
/// The column that gives way.
const MOUNT: usize = 1;
/// From this share of the memory limit on it is worth a line.
const MEMORY_SHARE_MIN: f64 = 0.25;

/// The table for a terminal of `width` columns; empty where there is nothing to tell.
pub fn table(served: &Served, width: Option<usize>) -> String {
    let mut empty = 0;
    let mut rows: Vec<(f64, [String; 7])> = Vec::new();
    let mut notes: Vec<String> = Vec::new();
    for entry in &served.tmpfs {
        let name = printable(&entry.container.full_name());
        if let Some(why) = &entry.unmeasured {
            notes.push(format!("{name}: tmpfs is not measured: {}", printable(why)));
            continue;
        }
        for mount in &entry.mounts {
            match mount.bytes.used {
                Some(0) => empty += 1,
                Some(_) | None => rows.push((mount.fullest(), mount.cells(&name))),
            }
        }
        notes.extend(memory_note(&name, &entry.memory));
    }
    notes.extend(served.tmpfs_oom.iter().map(oom_note));
    let mut text = String::new();
    if !rows.is_empty() {
        rows.sort_by(|(a, a_cells), (b, b_cells)| b.total_cmp(a).then(a_cells.cmp(b_cells)));
        let rows = rows.into_iter().map(|(_, cells)| cells).collect();
        text.push_str(&aligned(HEAD, rows, MOUNT, width));
    }
    if empty > 0 {
        let (mounts, are) = match empty {
            1 => ("tmpfs mount", "is"),
            _ => ("tmpfs mounts", "are"),
        };
        text.push_str(&format!("{empty} more {mounts} {are} empty.\n"));
    }
    if !notes.is_empty() {
        text.push_str(&format!("\n{}\n", notes.join("\n")));
    }
    text
}

impl Mount {
    /// The larger share of bytes and inodes; what is not measured goes last.
    fn fullest(&self) -> f64 {
        let shares = [self.bytes.share, self.inodes.share];
        shares.into_iter().flatten().fold(-1.0, f64::max)
    }

    fn cells(&self, name: &str) -> [String; 7] {
        let soonest = [self.bytes.full_in_seconds, self.inodes.full_in_seconds];
        let soonest = soonest.into_iter().flatten().min();
        let used = match (&self.bytes.used, &self.bytes.unmeasured) {
            (Some(used), _) => size(*used),
            (None, Some(why)) => format!("not measured: {}", printable(why)),
            (None, None) => String::new(),
        };
        let limit = match (self.bytes.limit, self.bytes.asked.as_str()) {
            (Some(limit), Some("unbounded")) => format!("{} (no size given)", size(limit)),
            (Some(limit), _) => size(limit),
            (None, Some(asked)) => printable(asked),
            (None, None) => String::new(),
        };
        [
            name.to_owned(),
            printable(&self.mount),
            used,
            limit,
            self.bytes.share.map(percent).unwrap_or_default(),
            self.inodes.share.map(percent).unwrap_or_default(),
            soonest.map(span).unwrap_or_default(),
        ]
    }
}

fn memory_note(name: &str, memory: &Memory) -> Option<String> {
    let share = memory.share.filter(|share| *share >= MEMORY_SHARE_MIN)?;
    Some(format!(
        "{name}: tmpfs takes {} of its memory limit of {} ({})",
        percent(share),
        size(memory.limit_bytes?),
        size(memory.tmpfs_bytes),
    ))
}

fn oom_note(oom: &Oom) -> String {
    let name = printable(&oom.container.full_name());
    let mut note = format!("{name}: killed for want of memory");
    if let (Some(share), Some(limit)) = (oom.memory.share, oom.memory.limit_bytes) {
        let (share, limit) = (percent(share), size(limit));
        note.push_str(&format!(
            "; tmpfs took {share} of its memory limit of {limit}"
        ));
    }
    if let Some(largest) = &oom.largest_mount {
        note.push_str(&format!(", most of it in {}", printable(largest)));
    }
    note
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn amount(used: u64, limit: u64, full_in: Option<u64>) -> serde_json::Value {
        json!({"used": used, "limit": limit, "share": used as f64 / limit as f64,
               "asked": limit, "pressure": "calm", "full_in_seconds": full_in, "unmeasured": null})
    }

    fn served(mounts: serde_json::Value) -> Served {
        let memory = json!({"limit_bytes": 16 << 20, "tmpfs_bytes": 12 << 20, "share": 0.75, "pressure": "calm"});
        let web = json!({"name": "web", "namespace": "", "pod": "", "id": "1"});
        serde_json::from_value(json!({
            "version": 1,
            "tmpfs": [{"container": web, "mounts": mounts, "unmeasured": null, "memory": memory}],
            "tmpfs_oom": [{"container": web, "memory": memory, "largest_mount": "/tmp"}],
        }))
        .unwrap()
    }

    #[test]
    fn the_fullest_come_first_and_empty_ones_are_counted() {
        let not = json!({"used": null, "limit": null, "share": null, "asked": "unbounded",
                         "full_in_seconds": null, "unmeasured": "covered"});
        let text = table(
            &served(json!([
                {"mount": "/dev/shm", "bytes": amount(0, 64 << 20, None), "inodes": amount(1, 9, None)},
                {"mount": "/a", "bytes": amount(4096, 1 << 20, None), "inodes": amount(2, 100, None)},
                {"mount": "/b", "bytes": not.clone(), "inodes": not},
                {"mount": "/tmp\u{1b}[2J", "bytes": amount(12 << 20, 16 << 20, Some(90)), "inodes": amount(3, 100, None)},
            ])),
            None,
        );
        let expected = "\
CONTAINER  TMPFS        USED                   LIMIT      FULL  INODES  FULL IN
web        /tmp\\x1b[2J  12 MiB                 16 MiB     75 %  3 %     90 s
web        /a           4 KiB                  1 MiB      0 %   2 %
web        /b           not measured: covered  unbounded
1 more tmpfs mount is empty.

web: tmpfs takes 75 % of its memory limit of 16 MiB (12 MiB)
web: killed for want of memory; tmpfs took 75 % of its memory limit of 16 MiB, most of it in /tmp
";
        assert_eq!(text, expected);
    }

    #[test]
    fn nothing_to_tell_is_no_text() {
        assert_eq!(
            table(&serde_json::from_str(r#"{"tmpfs": []}"#).unwrap(), None),
            ""
        );
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(span(3 * 86_400), "3 days");
    }
}
