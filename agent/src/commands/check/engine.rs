//! The engine of the command that is checked, asked by its own program.
//!
//! In: a [`Cli`], ids. Out: what the program says. Invariant: it is asked with
//! the user's own host options, so that it is the same engine; a terminal's
//! signals do not reach these processes. Lacks on purpose: the engine's API.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::timeout;

use super::child::Running;
use super::launch::Cli;

/// Longest wait for an answer; `stop` gives the container 10 s of it.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// On this machine.
    Socket(PathBuf),
    /// Elsewhere.
    Far(String),
    /// Not told.
    Usual,
}

impl Host {
    pub(super) fn of(text: &str) -> Host {
        match text.strip_prefix("unix://") {
            Some(path) => Host::Socket(PathBuf::from(path)),
            None if text.is_empty() => Host::Usual,
            None => Host::Far(crate::denial::escape(text.as_bytes())),
        }
    }
}

/// What an engine tells of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspected {
    pub(super) id: String,
    #[serde(default)]
    host_config: HostConfig,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    readonly_rootfs: Option<bool>,
}

impl Inspected {
    /// Was a read-only root asked for?
    pub(super) fn read_only_root(&self) -> Option<bool> {
        self.host_config.readonly_rootfs
    }
}

impl Cli {
    fn command(&self) -> Option<Command> {
        let (program, options) = self.words.split_first()?;
        let mut command = Command::new(program);
        command.args(options).stdin(Stdio::null()).process_group(0);
        Some(command)
    }

    /// The answer, where there is one in time.
    async fn ask<S: AsRef<OsStr>>(&self, words: &[S]) -> Option<Output> {
        let mut command = self.command()?;
        command.args(words);
        let answer = tokio::task::spawn_blocking(move || command.output());
        timeout(ANSWER_WAIT, answer).await.ok()?.ok()?.ok()
    }

    /// Where the engine listens. Docker says so itself, contexts included.
    pub(super) async fn host(&self) -> Host {
        if !self.docker {
            return Host::Usual;
        }
        let words = [
            "context",
            "inspect",
            "--format",
            "{{.Endpoints.docker.Host}}",
        ];
        let Some(answer) = self.ask(&words).await.filter(|a| a.status.success()) else {
            return Host::Usual;
        };
        Host::of(String::from_utf8_lossy(&answer.stdout).trim())
    }

    /// What it tells of containers by name or id; nothing of those that are gone.
    pub(super) async fn inspect<S: AsRef<OsStr>>(&self, names: &[S]) -> Vec<Inspected> {
        let words = ["inspect", "--type", "container"].map(OsStr::new);
        let words: Vec<&OsStr> = words
            .into_iter()
            .chain(names.iter().map(AsRef::as_ref))
            .collect();
        let answer = self.ask(&words).await;
        let text = answer.map(|answer| answer.stdout).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Did the container's own program run? `None` where the engine cannot tell.
    pub(super) async fn has_started(&self, id: &str, since: Duration) -> Option<bool> {
        // Not as "0s ago", which is cut off to whole seconds.
        let until = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let since = until.checked_sub(since)?.as_secs().to_string();
        let until = format!("{}.{:09}", until.as_secs(), until.subsec_nanos());
        let filter = format!("container={id}");
        let words = [
            "events",
            "--since",
            &since,
            "--until",
            &until,
            "--filter",
            &filter,
            "--filter",
            "event=start",
            "--format",
            "{{.ID}}",
        ];
        let answer = self.ask(&words).await.filter(|a| a.status.success())?;
        Some(!answer.stdout.trim_ascii().is_empty())
    }

    /// Stops a container in order; true where it is not running any more.
    pub(super) async fn stop(&self, id: &str) -> bool {
        let answer = self.ask(&["stop", id]).await;
        answer.is_some_and(|answer| answer.status.success())
    }

    /// Waits beside us for containers' ends; it says their exit codes.
    pub(super) fn wait(&self, ids: &[String]) -> Option<Running> {
        let mut command = self.command()?;
        command.arg("wait").args(ids);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        Running::start(&mut command).ok()
    }
}

/// The id that a `run` wrote, once it is whole.
pub(super) fn read_id(cidfile: &Path) -> Option<String> {
    let bytes = crate::state_file::read(cidfile, 256).ok()??;
    let text = String::from_utf8(bytes).ok()?;
    let id = text.trim();
    let whole = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    whole.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ids_are_read() {
        assert_eq!(Host::of("unix:///s"), Host::Socket("/s".into()));
        assert_eq!(Host::of(""), Host::Usual);
        assert_eq!(
            Host::of("ssh://x\u{1b}[2J"),
            Host::Far("ssh://x\\x1b[2J".to_owned())
        );
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("id");
        assert_eq!(read_id(&path), None);
        std::fs::write(&path, "c0ffee").unwrap();
        assert_eq!(read_id(&path), None);
        let id = "c0ffee11".repeat(8);
        std::fs::write(&path, &id).unwrap();
        assert_eq!(read_id(&path), Some(id));
    }
}
