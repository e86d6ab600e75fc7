//! The flags of `sealwatch check`.
//!
//! In: arguments. Out: [`CheckFlags`]. Invariant: what cannot be carried out is
//! told before anything starts, with what to write instead. Lacks on purpose:
//! reading the files they name.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::commands::client::AgentFlags;

/// Form of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One object, versioned.
    Json,
    /// XML for build servers.
    Junit,
    /// Annotations and a summary for GitHub Actions.
    Github,
}

/// How long a check may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// As long as this.
    For(Duration),
    /// As long as the command runs.
    Never,
}

impl Default for Limit {
    fn default() -> Self {
        Limit::For(Duration::from_secs(60))
    }
}

const EXAMPLES: &str = "\
Examples:
  sudo sealwatch check -- docker run --rm --read-only --tmpfs /run IMAGE
  sudo sealwatch check --contract web.yaml --format junit --output report.xml -- docker run IMAGE
  sudo sealwatch check --timeout 5m -- docker compose up
  sudo sealwatch check --container 'web-*' --timeout 30s

Exit codes: 0 clean, 1 something was refused or outside of the contract, or the
command failed, 2 badly told, 3 nothing could be observed.";

/// Flags of `sealwatch check`.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckFlags {
    /// Writes outside this contract fail the check as well, and denials that it
    /// accepts do not
    #[arg(long, value_name = "FILE")]
    pub(super) contract: Option<PathBuf>,
    /// Stop the container after this time, which is no failure; `none` waits for
    /// its end
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = limit)]
    pub(super) timeout: Limit,
    /// Form of the report; with any but text, a person reads standard error
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,
    /// Where to write the report [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Without a command: watch this container, running or coming. With one that
    /// is no `run`: of those that it starts, only these. A name or id, or
    /// NAMESPACE/POD; * for anything
    #[arg(long, value_name = "PATTERN")]
    pub(super) container: Option<String>,
    /// Denials of this path do no harm: /var/cache/app/*, or /srv/** for all below;
    /// may be given again
    #[arg(long, value_name = "PATTERN")]
    pub(super) accept: Vec<String>,
    /// The command may fail by itself
    #[arg(long)]
    pub(super) allow_failure: bool,
    /// What is not measured here is no success: exit with 3
    #[arg(long)]
    pub(super) strict: bool,
    /// Socket of Docker or Podman, or none [default: that of the command]
    #[arg(long, value_name = "PATH")]
    pub(super) docker_socket: Vec<String>,
    /// Socket of containerd or CRI-O, or none [default: the usual places]
    #[arg(long, value_name = "PATH")]
    pub(super) cri_endpoint: Vec<String>,
    /// How to attach: auto, fexit, kprobe or tracepoint
    #[arg(long, value_name = "BACKEND")]
    pub(super) backend: Option<String>,
    #[command(flatten)]
    pub(super) agent: AgentFlags,
    /// What to run
    #[arg(last = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

impl CheckFlags {
    /// The time it may take.
    pub(super) fn limit(&self) -> Option<Duration> {
        match self.timeout {
            Limit::For(time) => Some(time),
            Limit::Never => None,
        }
    }

    /// What is wrong with them, and what would do.
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.command.is_empty() && self.container.is_none() {
            return Err(
                "nothing to check: give a command, as in `sealwatch check -- docker run --read-only IMAGE`, or --container NAME".to_owned(),
            );
        }
        let absolute = |pattern: &&String| !pattern.starts_with('/') && !pattern.starts_with("**");
        match self.accept.iter().find(absolute) {
            Some(pattern) => Err(format!(
                "bad value {pattern:?} for --accept\n  fix:  give a path from the container's root, such as /var/cache/*, or **/NAME"
            )),
            None => Ok(()),
        }
    }
}

fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit::Never);
    }
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() => Ok(Limit::For(time)),
        Ok(_) | Err(_) => Err("use a duration such as 60s or 5m, or none".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        assert_eq!(limit("none"), Ok(Limit::Never));
        assert_eq!(limit("1m 30s"), Ok(Limit::For(Duration::from_secs(90))));
        for bad in ["0s", "60", "", "-1s"] {
            assert!(limit(bad).unwrap_err().contains("60s"), "{bad}");
        }
    }

    #[test]
    fn wrong_use_is_told_with_what_would_do() {
        let nothing = CheckFlags::default();
        assert!(nothing.validate().unwrap_err().contains("--container"));
        let flags = |accept: &str| CheckFlags {
            container: Some("web".to_owned()),
            accept: vec![accept.to_owned()],
            ..CheckFlags::default()
        };
        assert!(
            flags("var/run")
                .validate()
                .unwrap_err()
                .contains("\"var/run\"")
        );
        for good in ["/var/run/**", "**/x.pid"] {
            assert_eq!(flags(good).validate(), Ok(()));
        }
    }
}
