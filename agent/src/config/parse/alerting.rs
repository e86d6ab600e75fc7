//! The settings of who is told of alerts.
//!
//! In: figment's merged layers. Out: [`Alerting`]. Invariant: an address that is no
//! good is shown without what may be secret in it. Lacks on purpose: reading the
//! files that are named.

use std::path::PathBuf;

use figment::Figment;

use super::{place, several, single, switch, texts};
use crate::config::receiver::without_secrets;
use crate::config::{Alerting, ConfigError, Place, ReceiverUrl};

pub(super) fn parse(figment: &Figment) -> Result<Alerting, ConfigError> {
    Ok(Alerting {
        alertmanagers: receivers(figment, "alertmanager-url", ReceiverUrl::parse_alertmanager)?,
        alertmanager_token_file: single(figment, "alertmanager-token-file", optional_file)?,
        webhooks: receivers(figment, "webhook-url", ReceiverUrl::parse)?,
        webhook_token_file: single(figment, "webhook-token-file", optional_file)?,
        ca_file: match place(figment, "notify.ca-file")? {
            Place::At(path) => Some(path),
            Place::Auto | Place::Off => None,
        },
        kubernetes_events: single(figment, "kubernetes-events", switch)?,
        kubernetes_account: single(figment, "kubernetes-service-account", |text| {
            match text.starts_with('/') {
                true => Ok(PathBuf::from(text)),
                false => Err("give the absolute path of a directory".to_owned()),
            }
        })?,
        runbooks: single(figment, "notify.runbooks", |text| match text.is_empty() {
            true => Err("give an address, such as https://wiki.example/runbooks".to_owned()),
            false => Ok(text.to_owned()),
        })?,
    })
}

/// Most receivers of one kind.
const RECEIVERS_MAX: usize = 16;

fn receivers(
    figment: &Figment,
    name: &'static str,
    read: fn(&str) -> Result<ReceiverUrl, String>,
) -> Result<Vec<ReceiverUrl>, ConfigError> {
    let all = several(figment, name, "give an address with http:// or https://")?;
    let (_, origin) = texts(figment, name)?;
    let bad = |value: String, fix: String| ConfigError::Value {
        name,
        value,
        origin: origin.clone(),
        fix,
    };
    if all.len() > RECEIVERS_MAX {
        let fix = format!("give {RECEIVERS_MAX} at most, and have one of them tell the others");
        return Err(bad(format!("{} addresses", all.len()), fix));
    }
    all.iter()
        .map(|text| read(text).map_err(|fix| bad(without_secrets(text), fix)))
        .collect()
}

fn optional_file(text: &str) -> Result<Option<PathBuf>, String> {
    match text {
        "none" => Ok(None),
        path if path.starts_with('/') && !path.ends_with('/') => Ok(Some(path.into())),
        _ => Err("give the absolute path of a file, or none".to_owned()),
    }
}

/// Longest name of a machine, as Linux has it; Kubernetes' may be longer.
const NODE_NAME_MAX: usize = 253;

pub(super) fn node_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
    match !text.is_empty() && text.len() <= NODE_NAME_MAX && text.chars().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("give a name such as node1.example.com (letters, digits, - . _ :)".to_owned()),
    }
}
