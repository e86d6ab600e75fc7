//! The flags of `sealwatch contract`.
//!
//! In: arguments. Out: what was told, valid. Invariant: an error says what would
//! do. Lacks on purpose: doing it.

use std::path::PathBuf;
use std::time::Duration;

use crate::commands::client::AgentFlags;

/// How long a container may be watched.
const FOR_MIN: Duration = Duration::from_secs(1);
const FOR_MAX: Duration = Duration::from_secs(24 * 3600);

const EXAMPLES: &str = "\
Examples:
  sealwatch contract web --for 10m                # while it is exercised: flags of docker run
  sealwatch contract web --format compose > compose.seal.yaml
  sealwatch contract --pod shop/cart-7d4 > patch.yaml
  sealwatch contract web --format contract > web.yaml
  sealwatch contract diff web.old.yaml web.yaml   # exit code 1 where they differ
  sealwatch contract render web.yaml --format docker

Start the container after the command, or restart it meanwhile: the watch
follows its name, and what is written at a start is seen only then.

Exit codes:
  0  the contract is printed; or there is no difference
  1  there is a difference; or it failed
  2  badly told
  3  the container was never seen, or nothing could be observed";

/// Flags of `sealwatch contract`.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = EXAMPLES
)]
pub struct ContractFlags {
    #[command(subcommand)]
    command: Option<Command>,
    /// Name or id of the container, or NAMESPACE/POD/CONTAINER; `*` is anything
    #[arg(conflicts_with = "pod")]
    container: Option<String>,
    /// All containers of a pod; `*` is anything, as for the pods of a workload
    #[arg(long, value_name = "NAMESPACE/POD")]
    pod: Option<String>,
    /// How long to watch; Ctrl-C ends it earlier
    #[arg(long = "for", value_name = "DURATION", default_value = "10m")]
    time: String,
    /// What to print [default: docker, or kubernetes for a pod]
    #[arg(long, value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    agent: AgentFlags,
}

/// What there is beside watching.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Tell what a later contract has that an earlier one had not
    Diff {
        /// The earlier file
        earlier: PathBuf,
        /// The later file
        later: PathBuf,
        /// How to tell it
        #[arg(long, value_enum, default_value = "text")]
        format: DiffFormat,
    },
    /// Print what to apply of a contract's file
    Render {
        /// The file
        file: PathBuf,
        /// What to print
        #[arg(long, value_enum, default_value = "docker")]
        format: Format,
    },
    /// Print the JSON schema of a contract's file
    Schema,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Flags of docker run
    Docker,
    /// A Compose file to lay over another
    Compose,
    /// A strategic merge patch of a workload
    Kubernetes,
    /// The contract itself, in YAML
    Contract,
}

/// How differences are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DiffFormat {
    /// A line each
    Text,
    /// One object
    Json,
}

/// What was told.
pub(super) enum Told<'a> {
    Command(&'a Command),
    Learn(Learning),
}

/// A container to watch.
#[derive(Clone, Debug)]
pub(super) struct Learning {
    /// As `config::fits` reads it.
    pub(super) pattern: String,
    pub(super) time: Duration,
    /// None where what is found decides.
    pub(super) format: Option<Format>,
    pub(super) agent: AgentFlags,
}

impl ContractFlags {
    pub(super) fn told(&self) -> Result<Told<'_>, String> {
        if let Some(command) = &self.command {
            return Ok(Told::Command(command));
        }
        let pattern = match (&self.container, &self.pod) {
            (Some(container), _) => of_container(container)?,
            (None, Some(pod)) => of_pod(pod)?,
            (None, None) => {
                return Err("name a container, or a pod with --pod NAMESPACE/POD".to_owned());
            }
        };
        let time = humantime::parse_duration(&self.time)
            .ok()
            .filter(|time| (FOR_MIN..=FOR_MAX).contains(time))
            .ok_or_else(|| {
                format!(
                    "bad value {:?} for --for\n  fix:  use a duration from 1s to 24h, such as 10m",
                    self.time
                )
            })?;
        Ok(Told::Learn(Learning {
            pattern,
            time,
            format: self.format,
            agent: self.agent.clone(),
        }))
    }
}

fn parts(text: &str, count: usize) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    parts.len() == count && parts.iter().all(|part| !part.is_empty())
}

fn of_container(text: &str) -> Result<String, String> {
    match parts(text, 1) || parts(text, 3) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "bad value {text:?} for the container\n  fix:  give its name or id, or NAMESPACE/POD/CONTAINER; for a whole pod use --pod NAMESPACE/POD"
        )),
    }
}

fn of_pod(text: &str) -> Result<String, String> {
    match parts(text, 2) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "bad value {text:?} for --pod\n  fix:  give NAMESPACE/POD, such as default/web-0 or default/web-*"
        )),
    }
}
