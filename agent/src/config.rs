//! Flags, environment and file become one validated [`Config`].
//!
//! In: the flags given, `SEALWATCH_*` variables, a TOML file. Out: [`Config`],
//! or an error that names the value, where it came from and what to write
//! instead. Invariant: precedence is flag, environment, file, default, and all four
//! go through the same parser; a key that is no setting is an error. Lacks on purpose: looking at the machine; what
//! is there (sockets, kernels) is found out by the stages that use it.

mod parse;
mod pattern;
mod receiver;
mod reload;
mod settings;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, Source};

pub use pattern::{fits, matches};
pub use receiver::{Alerting, ReceiverKind, ReceiverUrl};
pub use settings::{ENV_PREFIX, Flags, SETTINGS, Setting};

use crate::denial::Backend;

/// Form of the events on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFormat {
    /// Write none.
    None,
    /// One JSON object per line.
    Json,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Which backends may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendChoice {
    /// The best that each hook can have.
    Auto,
    /// This one; a hook that cannot have it stays away.
    Only(Backend),
}

/// Where a kind of runtime is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sockets {
    /// At the usual places, where they exist.
    Auto,
    /// At these and nowhere else; none at all if empty.
    Only(Vec<PathBuf>),
}

/// Where a file of the daemon's own lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the usual place, where that can be had.
    Auto,
    /// Nowhere.
    Off,
    /// There.
    At(PathBuf),
}

/// Bounds of what is kept and exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Containers with series of their own.
    pub containers: usize,
    /// Write roots per container.
    pub write_roots_per_container: usize,
    /// Denial series of all containers.
    pub series: usize,
}

/// When a container is called degraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Degraded {
    /// Least time that its writes keep failing.
    pub after: Duration,
    /// Least number of them.
    pub failures: usize,
    /// Least time without one of a recovery.
    pub silence: Duration,
    /// How long a start takes at most.
    pub start_window: Duration,
}

/// The daemon's settings, each valid by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; nowhere but on the socket where there is none.
    pub listen_address: Option<SocketAddr>,
    /// The unix socket, which alone takes commands.
    pub socket: Place,
    /// Path of the metrics, with its leading slash.
    pub telemetry_path: String,
    /// Names under which pages and lists are told by TCP, with `*`, besides
    /// addresses and the machine's own name.
    pub allowed_hosts: Vec<String>,
    /// Form of the events.
    pub events: EventFormat,
    /// Backends to use.
    pub backend: BackendChoice,
    /// Count what seccomp filters refuse.
    pub seccomp: bool,
    /// Count the host's denials.
    pub host: bool,
    /// Containers whose successful writes are counted: names or ids, with `*`.
    pub inventory: Vec<String>,
    /// Files of contracts, and directories of such.
    pub contracts: Vec<PathBuf>,
    /// Docker-compatible engines.
    pub docker_sockets: Sockets,
    /// CRI runtimes.
    pub cri_endpoints: Sockets,
    /// Least time between two samples of one kind.
    pub sample_interval: Duration,
    /// When a container is called degraded.
    pub degraded: Degraded,
    /// Where the state is kept over a restart.
    pub state_file: Place,
    /// Who is told of alerts.
    pub alerting: Alerting,
    /// The machine's name in alerts; its own where there is none.
    pub node_name: Option<String>,
    /// Where programs and maps are pinned, so that they outlive the daemon.
    pub pin: Option<PathBuf>,
    /// Form of the log.
    pub log_format: LogFormat,
    /// How much to log.
    pub log_level: tracing::Level,
    /// Bounds.
    pub limits: Limits,
}

/// Why there is no configuration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value that its setting does not take.
    #[error("bad value {value:?} for {name}\n  from: {origin}\n  fix:  {fix}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// Flag, variable, or file and key.
        origin: String,
        /// What would do.
        fix: String,
    },
    /// A key or variable that is no setting.
    #[error("no setting is called {key:?}\n  from: {origin}\n  fix:  {fix}")]
    Unknown {
        /// What was given.
        key: String,
        /// Variable or file.
        origin: String,
        /// The nearest name, or where to find all.
        fix: String,
    },
    /// A file that cannot be read or is no TOML.
    #[error("cannot use {path}: {reason}\n  from: {origin}\n  fix:  name a readable TOML file")]
    File {
        /// The file.
        path: String,
        /// The system's or the parser's words.
        reason: String,
        /// Flag or variable that names it.
        origin: String,
    },
}

/// One value with the words for where it came from.
struct Given {
    origin: String,
    name: &'static str,
    value: Value,
}

impl Provider for Given {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let nested = figment::util::nest(self.name, self.value.clone());
        Ok(nested
            .into_dict()
            .map(|dict| Profile::Default.collect(dict))
            .unwrap_or_default())
    }
}

impl Config {
    /// Settings from flags, the variables given (all of the process's, as a
    /// rule) and the file that either names.
    pub fn load(
        flags: &Flags,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        Self::load_with(flags, variables, |path| std::fs::read_to_string(path))
    }

    /// The same, where `read` makes the file's text of its path.
    pub fn load_with(
        flags: &Flags,
        variables: impl Iterator<Item = (String, String)>,
        read: impl FnOnce(&str) -> io::Result<String>,
    ) -> Result<Config, ConfigError> {
        let mut file = None;
        let mut environment = Vec::new();
        for (variable, value) in variables {
            if !variable.starts_with(ENV_PREFIX) || is_service_link(&variable) {
                continue;
            }
            if variable == "SEALWATCH_CONFIG" {
                file = Some((value, "environment variable SEALWATCH_CONFIG"));
                continue;
            }
            let Some(setting) = SETTINGS.iter().find(|s| s.variable() == variable) else {
                let names = SETTINGS.iter().map(Setting::variable).collect::<Vec<_>>();
                return Err(unknown(&variable, "the environment".to_owned(), &names));
            };
            let values = match setting.repeatable {
                true => value.split(',').map(str::trim).map(str::to_owned).collect(),
                false => vec![value],
            };
            environment.push((
                setting.name,
                values,
                format!("environment variable {variable}"),
            ));
        }
        if let Some(path) = &flags.config {
            file = Some((path.clone(), "flag --config"));
        }

        let mut figment = Figment::new();
        for setting in SETTINGS {
            let values = match setting.default {
                "" => Vec::new(),
                default => vec![default.to_owned()],
            };
            figment = figment.merge(given(setting.name, values, "default".to_owned()));
        }
        if let Some((path, origin)) = file {
            figment = figment.merge(file_layer(&path, origin, read(&path))?);
        }
        for (name, values, origin) in environment {
            figment = figment.merge(given(name, values, origin));
        }
        for (name, values) in &flags.given {
            figment = figment.merge(given(name, values.clone(), format!("flag --{name}")));
        }
        parse::config(&figment)
    }
}

fn given(name: &'static str, values: Vec<String>, origin: String) -> Given {
    Given {
        origin,
        name,
        value: Value::from(values),
    }
}

/// Kubernetes puts variables about every Service into its pods' environment; a
/// Service named `sealwatch` must not stop the daemon.
fn is_service_link(variable: &str) -> bool {
    variable.ends_with("_PORT")
        || variable.ends_with("_SERVICE_HOST")
        || variable.contains("_SERVICE_PORT")
        || ["_TCP", "_UDP", "_SCTP"].iter().any(|protocol| {
            variable.ends_with(protocol) || variable.contains(&format!("{protocol}_"))
        })
}

fn file_layer(
    path: &str,
    origin: &str,
    text: io::Result<String>,
) -> Result<impl Provider, ConfigError> {
    let bad = |reason: String| ConfigError::File {
        path: path.to_owned(),
        reason,
        origin: origin.to_owned(),
    };
    // Not read by figment, which looks for the file in parent directories as well.
    let text = text.map_err(|error| bad(error.to_string()))?;
    let dict = Toml::string(&text)
        .data()
        .map_err(|error| bad(error.to_string().trim().to_owned()))?
        .remove(&Profile::Default)
        .unwrap_or_default();
    let mut keys = Vec::new();
    leaves(&dict, "", &mut keys);
    for key in keys {
        if Setting::named(&key).is_none() {
            let names = SETTINGS
                .iter()
                .map(|s| s.name.to_owned())
                .collect::<Vec<_>>();
            return Err(unknown(&key, format!("file {path}"), &names));
        }
    }
    Ok(FileLayer {
        path: PathBuf::from(path),
        dict,
    })
}

struct FileLayer {
    path: PathBuf,
    dict: Dict,
}

impl Provider for FileLayer {
    fn metadata(&self) -> Metadata {
        Metadata::from("file", Source::File(self.path.clone()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

fn leaves(dict: &Dict, prefix: &str, keys: &mut Vec<String>) {
    for (key, value) in dict {
        let name = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            Value::Dict(_, inner) => leaves(inner, &name, keys),
            _ => keys.push(name),
        }
    }
}

fn unknown(key: &str, origin: String, names: &[String]) -> ConfigError {
    let nearest = names
        .iter()
        .map(|name| (strsim::jaro_winkler(key, name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(similarity, _)| *similarity > 0.85);
    let fix = match nearest {
        Some((_, name)) => format!("did you mean {name}?"),
        None => "remove it; `sealwatch run --help` lists all settings".to_owned(),
    };
    ConfigError::Unknown {
        key: key.to_owned(),
        origin,
        fix,
    }
}
