//! Merged values become a [`Config`], or an error that says what to write instead.
//!
//! In: figment's merged layers. Out: [`Config`]. Invariant: every value, the
//! defaults included, passes through here; an error names the setting, the
//! value, where it came from and the fix. Lacks on purpose: looking at the machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use figment::value::Value;
use figment::{Figment, Metadata, Source};

use super::{
    BackendChoice, Config, ConfigError, Degraded, EventFormat, Limits, LogFormat, Place, Sockets,
};
use crate::denial::Backend;

mod alerting;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn config(figment: &Figment) -> Result<Config, ConfigError> {
    Ok(Config {
        listen_address: single(figment, "web.listen-address", listen_address)?,
        socket: place(figment, "web.socket")?,
        telemetry_path: single(figment, "web.telemetry-path", telemetry_path)?,
        allowed_hosts: allowed_hosts(figment, "web.allowed-host")?,
        events: single(figment, "events", |text| {
            choice(
                text,
                &[("none", EventFormat::None), ("json", EventFormat::Json)],
            )
        })?,
        backend: single(figment, "backend", |text| {
            choice(
                text,
                &[
                    ("auto", BackendChoice::Auto),
                    ("fexit", BackendChoice::Only(Backend::Fexit)),
                    ("kprobe", BackendChoice::Only(Backend::Kprobe)),
                    ("tracepoint", BackendChoice::Only(Backend::Tracepoint)),
                ],
            )
        })?,
        seccomp: single(figment, "seccomp", switch)?,
        host: single(figment, "host", switch)?,
        inventory: several(
            figment,
            "inventory",
            "give a container's name or id, with `*` for anything",
        )?,
        contracts: several(figment, "contract", "give a file or a directory")?
            .into_iter()
            .map(PathBuf::from)
            .collect(),
        docker_sockets: sockets(figment, "docker-socket")?,
        cri_endpoints: sockets(figment, "cri-endpoint")?,
        sample_interval: single(figment, "sample-interval", |text| {
            let range = Duration::from_millis(1)..=Duration::from_secs(3600);
            duration(text, range, "from 1ms to 1h, such as 1s or 250ms")
        })?,
        degraded: Degraded {
            after: single(figment, "degraded.after", |text| {
                duration(text, SECOND..=HOUR * 24, "from 1s to 24h, such as 1m")
            })?,
            failures: single(figment, "degraded.failures", |text| count(text, 1_000_000))?,
            silence: single(figment, "degraded.silence", |text| {
                duration(text, SECOND..=HOUR * 24, "from 1s to 24h, such as 5m")
            })?,
            start_window: single(figment, "start-window", |text| {
                duration(text, SECOND..=HOUR, "from 1s to 1h, such as 1m")
            })?,
        },
        state_file: place(figment, "state-file")?,
        alerting: alerting::parse(figment)?,
        node_name: match texts(figment, "node-name")?.0.is_empty() {
            true => None,
            false => Some(single(figment, "node-name", alerting::node_name)?),
        },
        pin: single(figment, "pin", |text| {
            match text {
            "none" => Ok(None),
            path if path.starts_with('/') && !path.ends_with('/') => Ok(Some(path.into())),
            _ => Err("give the absolute path of a directory in the BPF file system, such as /sys/fs/bpf/sealwatch, or none".to_owned()),
        }
        })?,
        log_format: single(figment, "log.format", |text| {
            choice(
                text,
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            )
        })?,
        log_level: single(figment, "log.level", |text| {
            choice(
                text,
                &[
                    ("error", tracing::Level::ERROR),
                    ("warn", tracing::Level::WARN),
                    ("info", tracing::Level::INFO),
                    ("debug", tracing::Level::DEBUG),
                    ("trace", tracing::Level::TRACE),
                ],
            )
        })?,
        limits: Limits {
            containers: single(figment, "limits.containers", |text| count(text, 100_000))?,
            write_roots_per_container: single(
                figment,
                "limits.write-roots-per-container",
                |text| count(text, 1_000),
            )?,
            series: single(figment, "limits.series", |text| count(text, 1_000_000))?,
        },
    })
}

/// The setting's values as text, with the words for their origin.
fn texts(figment: &Figment, name: &'static str) -> Result<(Vec<String>, String), ConfigError> {
    let origin = match figment.find_metadata(name) {
        Some(Metadata {
            name: layer,
            source: Some(Source::File(path)),
            ..
        }) => {
            format!("{layer} {}, key {name}", path.display())
        }
        Some(metadata) => metadata.name.clone().into_owned(),
        None => "default".to_owned(),
    };
    let texts = match figment.find_value(name) {
        Ok(Value::Array(_, values)) => values.iter().map(text).collect(),
        Ok(value) => text(&value).map(|text| vec![text]),
        Err(_) => Some(Vec::new()),
    };
    match texts {
        Some(texts) => Ok((texts, origin)),
        None => Err(ConfigError::Value {
            name,
            value: "a table".to_owned(),
            origin,
            fix: "give a single value".to_owned(),
        }),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Char(_, c) => Some(c.to_string()),
        Value::Bool(_, bool) => Some(bool.to_string()),
        Value::Num(_, number) => number
            .to_i128()
            .map(|number| number.to_string())
            .or_else(|| number.to_u128().map(|number| number.to_string()))
            .or_else(|| number.to_f64().map(|number| number.to_string())),
        Value::Empty(..) | Value::Dict(..) | Value::Array(..) => None,
    }
}

fn single<T>(
    figment: &Figment,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, ConfigError> {
    let (texts, origin) = texts(figment, name)?;
    let bad = |value: String, fix: String| ConfigError::Value {
        name,
        value,
        origin: origin.clone(),
        fix,
    };
    match texts.as_slice() {
        [text] => parse(text).map_err(|fix| bad(text.clone(), fix)),
        several => Err(bad(several.join(", "), "give exactly one value".to_owned())),
    }
}

fn sockets(figment: &Figment, name: &'static str) -> Result<Sockets, ConfigError> {
    let (texts, origin) = texts(figment, name)?;
    let mut paths = Vec::new();
    for text in &texts {
        let path = text.strip_prefix("unix://").unwrap_or(text);
        match path {
            "none" if texts.len() == 1 => return Ok(Sockets::Only(Vec::new())),
            path if path.starts_with('/') => paths.push(PathBuf::from(path)),
            _ => {
                return Err(ConfigError::Value {
                    name,
                    value: text.clone(),
                    origin,
                    fix: "give the absolute path of a unix socket, or none alone".to_owned(),
                });
            }
        }
    }
    Ok(if paths.is_empty() {
        Sockets::Auto
    } else {
        Sockets::Only(paths)
    })
}

fn place(figment: &Figment, name: &'static str) -> Result<Place, ConfigError> {
    if texts(figment, name)?.0.is_empty() {
        return Ok(Place::Auto);
    }
    single(figment, name, |text| match text {
        "none" => Ok(Place::Off),
        path if path.starts_with('/') && !path.ends_with('/') => Ok(Place::At(path.into())),
        _ => Err("give the absolute path of a file, or none".to_owned()),
    })
}

/// `none` alone is none.
fn several(figment: &Figment, name: &'static str, fix: &str) -> Result<Vec<String>, ConfigError> {
    let (texts, origin) = texts(figment, name)?;
    if texts.len() == 1 && texts[0] == "none" {
        return Ok(Vec::new());
    }
    match texts.iter().find(|text| text.is_empty() || *text == "none") {
        None => Ok(texts),
        Some(text) => Err(ConfigError::Value {
            name,
            value: text.clone(),
            origin,
            fix: format!("{fix}, or none alone"),
        }),
    }
}

fn allowed_hosts(figment: &Figment, name: &'static str) -> Result<Vec<String>, ConfigError> {
    let (texts, origin) = texts(figment, name)?;
    if texts.len() == 1 && texts[0] == "none" {
        return Ok(Vec::new());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '*');
    match texts.iter().find(|text| text.is_empty() || !text.chars().all(plain)) {
        None => Ok(texts),
        Some(text) => Err(ConfigError::Value {
            name,
            value: text.clone(),
            origin,
            fix: "give a name without port such as node1.example.com, with `*` for anything, or none alone".to_owned(),
        }),
    }
}

fn choice<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    choices
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let names = choices.iter().map(|(name, _)| *name).collect::<Vec<_>>();
            format!("use one of: {}", names.join(", "))
        })
}

fn switch(text: &str) -> Result<bool, String> {
    choice(text, &[("true", true), ("false", false)])
}

fn count(text: &str, most: usize) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| (1..=most).contains(number))
        .ok_or_else(|| format!("use a whole number from 1 to {most}"))
}

fn listen_address(text: &str) -> Result<Option<SocketAddr>, String> {
    if text == "none" {
        return Ok(None);
    }
    let fix = || "use ADDRESS:PORT such as 127.0.0.1:9402 or [::]:9402, :PORT, or none".to_owned();
    let named = |host: &str| match host {
        "" => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => None,
    };
    let (host, port) = text.rsplit_once(':').ok_or_else(fix)?;
    match named(host) {
        Some(address) => port
            .parse()
            .map(|port| Some(SocketAddr::new(address, port)))
            .map_err(|_| fix()),
        None => text.parse().map(Some).map_err(|_| fix()),
    }
}

/// Paths that the daemon serves itself.
pub const RESERVED_PATHS: [&str; 7] = [
    "/",
    "/healthz",
    "/livez",
    "/readyz",
    "/api",
    "/assets",
    "/containers",
];

fn telemetry_path(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    if !text.starts_with('/') || !text.chars().all(plain) {
        return Err("use a path such as /metrics (letters, digits, - _ . /)".to_owned());
    }
    let reserved = |path: &&str| -> bool {
        let below = text.strip_prefix(path);
        below.is_some_and(|rest| rest.is_empty() || (*path != "/" && rest.starts_with('/')))
    };
    if RESERVED_PATHS.iter().any(reserved) {
        return Err(format!(
            "{text} is served already; use another path such as /metrics"
        ));
    }
    Ok(text.to_owned())
}

fn duration(text: &str, range: RangeInclusive<Duration>, words: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| range.contains(duration))
        .ok_or_else(|| format!("use a duration {words}"))
}
