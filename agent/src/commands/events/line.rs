//! An event's JSON becomes text for people.
//!
//! In: an event as served. Out: one line, and below it the remedy where it was
//! not told yet. Invariant: a line stays a line, whoever served it; the memory of
//! remedies is bounded. Lacks on purpose: evidence and changes, which the JSON has.

use std::collections::HashMap;

use ratatui::crossterm::style::Stylize as _;
use serde::Deserialize;

use crate::denial::Cause;
use crate::events::{BREACH, DENIAL, OOM_KILL};
use crate::report::{ServedContainer, printable, utc_seconds};

/// Remedies that are remembered; past that all are told again.
const REMEDIES_MAX: usize = 4_096;

/// What the text needs of an event; fields it does not know are left aside.
#[derive(Debug, Deserialize)]
struct Told {
    #[serde(default = "denial")]
    event: String,
    #[serde(default)]
    time: String,
    #[serde(default)]
    owner: String,
    container: Option<ServedContainer>,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    errno: String,
    #[serde(default)]
    cause: String,
    lsm: Option<String>,
    #[serde(default)]
    write_root: String,
    remedy: Option<String>,
    #[serde(default)]
    failures: u64,
    exit_code: Option<i32>,
    cache: Option<String>,
    cache_means: Option<String>,
    ending: Option<String>,
    #[serde(default)]
    killed: u64,
    #[serde(default)]
    new: u64,
    contract: Option<String>,
    fix: Option<String>,
}

fn denial() -> String {
    DENIAL.to_owned()
}

/// Makes lines.
pub(super) struct Lines {
    coloured: bool,
    /// By container, write root and cause.
    told: HashMap<[String; 3], String>,
}

impl Lines {
    pub(super) fn new(coloured: bool) -> Lines {
        Lines {
            coloured,
            told: HashMap::new(),
        }
    }

    /// The lines of one event, with their newlines.
    pub(super) fn of(&mut self, json: &str) -> String {
        let Ok(told) = serde_json::from_str::<Told>(json) else {
            // What a newer daemon may say is better shown than left out.
            return format!("{}\n", printable(json));
        };
        let name = match &told.container {
            Some(container) => container.full_name(),
            None => format!("({})", told.owner),
        };
        let name = printable(&name);
        let mut line = format!("{} ", utc_seconds(&told.time));
        line.push_str(&match self.coloured {
            true => format!("{} ", name.as_str().bold()),
            false => format!("{name} "),
        });
        line.push_str(&self.words(&told));
        line.push('\n');
        if let Some(remedy) = self.new_remedy(&name, &told) {
            line.push_str(&format!("    {}\n", printable(remedy)));
        }
        line
    }

    fn words(&self, told: &Told) -> String {
        let [operation, path, errno, root] =
            [&told.operation, &told.path, &told.errno, &told.write_root].map(|text| shown(text));
        let cause = match &told.lsm {
            Some(lsm) if told.cause == Cause::Lsm.label() => format!("{}/{lsm}", told.cause),
            Some(_) | None => told.cause.clone(),
        };
        let why = format!("{errno} {}", shown(&cause));
        let why = match self.coloured {
            true => why.yellow().to_string(),
            false => why,
        };
        let kind = shown(&told.event);
        let state = match self.coloured {
            true => kind.as_str().magenta().to_string(),
            false => kind.clone(),
        };
        match kind.as_str() {
            DENIAL => format!("{operation} {path} {why} {root}"),
            OOM_KILL => {
                let processes = if told.killed == 1 {
                    "process"
                } else {
                    "processes"
                };
                format!(
                    "{state} {} {processes} killed for want of memory",
                    told.killed
                )
            }
            BREACH => {
                let contract = shown(told.contract.as_deref().unwrap_or_default());
                let (writes, outside) = (told.new, format!("outside of {contract}"));
                match writes {
                    1 => format!("{state} {root} a write {outside}"),
                    _ => format!("{state} {root} {writes} writes {outside}"),
                }
            }
            "failing_to_start" | "started" => {
                let code = told.exit_code.map(|code| format!(", exit code {code}"));
                let code = code.unwrap_or_default();
                format!(
                    "{state} {root} {why}, {} failed starts{code}",
                    told.failures
                )
            }
            _ => {
                let mut text = format!("{state} {root} {why}, {} failures", told.failures);
                if let Some(ending) = &told.ending {
                    text.push_str(&format!(", ended by {}", shown(ending)));
                }
                if let (Some(cache), Some(means)) = (&told.cache, &told.cache_means) {
                    let (cache, means) = (shown(cache), shown(means));
                    text.push_str(&format!("; its {cache} cannot be written: it {means}"));
                }
                text
            }
        }
    }

    fn new_remedy<'a>(&mut self, name: &str, told: &'a Told) -> Option<&'a str> {
        let remedy = told.remedy.as_ref().or(told.fix.as_ref())?;
        if self.told.len() >= REMEDIES_MAX {
            self.told.clear();
        }
        let key = [name, &told.write_root, &told.cause].map(str::to_owned);
        let before = self.told.insert(key, remedy.clone());
        (before.as_ref() != Some(remedy)).then_some(remedy)
    }
}

/// A field that may be empty, such as the path of a write through a descriptor.
fn shown(text: &str) -> String {
    match text.is_empty() {
        true => "-".to_owned(),
        false => printable(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(path: &str, remedy: &str) -> String {
        serde_json::json!({"version": 2, "time": "2026-01-02T03:04:05.678901234Z",
            "owner": "container", "container": {"name": "web", "namespace": "shop", "pod": "p"},
            "operation": "create", "path": path, "errno": "EROFS", "cause": "read_only_mount",
            "lsm": null, "write_root": "/run", "remedy": remedy})
        .to_string()
    }

    #[test]
    fn a_remedy_is_told_once_until_it_changes() {
        let mut lines = Lines::new(false);
        let first = "2026-01-02T03:04:05Z shop/p/web create /run/a EROFS read_only_mount /run\n";
        assert_eq!(
            lines.of(&denial("/run/a", "mount")),
            format!("{first}    mount\n")
        );
        assert_eq!(lines.of(&denial("/run/a", "mount")), first);
        assert_eq!(
            lines.of(&denial("/run/a", "other")),
            format!("{first}    other\n")
        );
    }

    #[test]
    fn a_breach_says_how_many_and_what_to_do() {
        let breach = serde_json::json!({"version": 2, "event": "breach",
            "time": "2026-01-02T03:04:05Z", "new": 3, "contract": "/c/web.yaml",
            "container": {"name": "web", "namespace": "", "pod": ""},
            "write_root": "/srv", "fix": "declare /srv"});
        assert_eq!(
            Lines::new(false).of(&breach.to_string()),
            "2026-01-02T03:04:05Z web breach /srv 3 writes outside of /c/web.yaml\n    declare /srv\n"
        );
    }

    #[test]
    fn nothing_moves_the_cursor() {
        let mut lines = Lines::new(false);
        let text = lines.of(&denial("/a\u{1b}[2J\n\u{202e}", "x\ny"));
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{text}"
        );
        assert_eq!(lines.of("{\"\u{1b}"), "{\"\\x1b\n");
    }

    #[test]
    fn each_kind_has_its_words() {
        let of = |json: serde_json::Value| Lines::new(false).of(&json.to_string());
        let container = serde_json::json!({"name": "web"});
        let time = "2026-01-02T03:04:05.6Z";
        #[rustfmt::skip]
        let cases = [
            (serde_json::json!({"time": time, "container": container, "event": "degraded",
                "write_root": "/c", "errno": "EROFS", "cause": "lsm", "lsm": "apparmor",
                "failures": 9, "cache": "OCSP cache", "cache_means": "asks again"}),
             "degraded /c EROFS lsm/apparmor, 9 failures; its OCSP cache cannot be written: it asks again"),
            (serde_json::json!({"time": time, "container": container, "event": "recovered",
                "write_root": "/c", "errno": "EROFS", "cause": "unknown", "failures": 9,
                "ending": "silence"}),
             "recovered /c EROFS unknown, 9 failures, ended by silence"),
            (serde_json::json!({"time": time, "container": container, "event": "failing_to_start",
                "write_root": "/c", "errno": "EROFS", "cause": "unknown", "failures": 3,
                "exit_code": 1}),
             "failing_to_start /c EROFS unknown, 3 failed starts, exit code 1"),
            (serde_json::json!({"time": time, "container": container, "event": "oom_kill",
                "killed": 1}),
             "oom_kill 1 process killed for want of memory"),
        ];
        for (json, words) in cases {
            assert_eq!(of(json), format!("2026-01-02T03:04:05Z web {words}\n"));
        }
        let host = of(serde_json::json!({"time": time, "owner": "host", "operation": "write"}));
        assert_eq!(host, "2026-01-02T03:04:05Z (host) write - - - -\n");
    }

    #[test]
    fn colours_are_added_where_they_are_wanted() {
        let text = Lines::new(true).of(&denial("/run/a", "mount"));
        assert!(text.contains("\u{1b}["), "{text}");
        assert!(text.contains("EROFS read_only_mount"), "{text}");
    }
}
