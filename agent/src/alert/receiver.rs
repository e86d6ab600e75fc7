//! Who is told: addresses become requests that carry their secrets, and labels
//! that do not.
//!
//! In: valid settings. Out: [`Receiver`]s; whether each answers. Invariant: no two
//! have the same label; a secret is in the request's header alone. Lacks on
//! purpose: what is told.

use std::collections::BTreeSet;
use std::hash::Hasher as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fnv::FnvHasher;
use hyper::Method;
use percent_encoding::percent_decode_str;
use url::Url;

use super::client::{Client, ClientError, Roots, bearer};
use crate::config::{Alerting, ReceiverKind, ReceiverUrl};

/// One that is told.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    pub(super) kind: ReceiverKind,
    pub(super) url: ReceiverUrl,
    /// Host and port, with a number where several have the same.
    pub(super) label: String,
    token_file: Option<PathBuf>,
}

impl Receiver {
    /// All of the settings, in their order.
    pub(super) fn all(settings: &Alerting) -> Vec<Receiver> {
        let mut labels = BTreeSet::new();
        let kinds = [
            (
                ReceiverKind::Alertmanager,
                &settings.alertmanagers,
                &settings.alertmanager_token_file,
            ),
            (
                ReceiverKind::Webhook,
                &settings.webhooks,
                &settings.webhook_token_file,
            ),
        ];
        let mut all = Vec::new();
        for (kind, urls, token_file) in kinds {
            for url in urls {
                let mut label = url.place();
                for number in 2.. {
                    if labels.insert(label.clone()) {
                        break;
                    }
                    label = format!("{}#{number}", url.place());
                }
                all.push(Receiver {
                    kind,
                    url: url.clone(),
                    label,
                    token_file: token_file.clone(),
                });
            }
        }
        all
    }

    /// Where alerts are sent.
    pub(super) fn target(&self) -> Url {
        match self.kind {
            ReceiverKind::Alertmanager => self.url.below("/api/v2/alerts"),
            ReceiverKind::Webhook => self.url.url().clone(),
        }
    }

    /// By what it is known in the state file, which is no place for secrets.
    pub(super) fn key(&self) -> String {
        let mut hasher = FnvHasher::default();
        hasher.write(self.url.url().as_str().as_bytes());
        format!("{} {:016x}", self.kind.label(), hasher.finish())
    }

    /// The `Authorization` header: a token from its file, or the address' user
    /// and password.
    pub(super) fn authorization(&self) -> Result<Option<String>, ClientError> {
        if let Some(path) = &self.token_file {
            return bearer(path).map(Some);
        }
        let url = self.url.url();
        let (user, password) = (url.username(), url.password().unwrap_or_default());
        if user.is_empty() && password.is_empty() {
            return Ok(None);
        }
        let mut plain: Vec<u8> = percent_decode_str(user).collect();
        plain.push(b':');
        plain.extend(percent_decode_str(password));
        Ok(Some(format!("Basic {}", BASE64_STANDARD.encode(plain))))
    }

    pub(super) async fn send(
        &self,
        client: &Client,
        method: Method,
        url: &Url,
        body: Vec<u8>,
    ) -> Result<(), ClientError> {
        let authorization = self.authorization()?;
        let mut headers = vec![("content-type", "application/json")];
        if let Some(value) = &authorization {
            headers.push(("authorization", value));
        }
        client.send(method, url, &headers, body).await
    }
}

/// Whose certificates these settings need.
pub(super) fn roots(settings: &Alerting) -> Roots {
    let mut urls = settings.alertmanagers.iter().chain(&settings.webhooks);
    match &settings.ca_file {
        _ if !urls.any(ReceiverUrl::is_https) => Roots::None,
        Some(path) => Roots::File(path.clone()),
        None => Roots::System,
    }
}

/// Whether a receiver answers, for `doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answering {
    /// Alertmanager or webhook.
    pub kind: ReceiverKind,
    /// Host and port.
    pub place: String,
    /// Why it does not.
    pub outcome: Result<(), String>,
}

/// Asks each receiver whether it is there, without telling it anything: an
/// Alertmanager whether it is ready, a webhook for its options, where any answer
/// will do.
pub async fn answering(settings: &Alerting) -> Vec<Answering> {
    let client = Client::new(&roots(settings));
    let mut all = Vec::new();
    for receiver in Receiver::all(settings) {
        let outcome = match &client {
            Ok(client) => ask(&receiver, client).await,
            Err(error) => Err(error.to_string()),
        };
        all.push(Answering {
            kind: receiver.kind,
            place: receiver.label,
            outcome,
        });
    }
    all
}

async fn ask(receiver: &Receiver, client: &Client) -> Result<(), String> {
    let (method, url) = match receiver.kind {
        ReceiverKind::Alertmanager => (Method::GET, receiver.url.below("/-/ready")),
        ReceiverKind::Webhook => (Method::OPTIONS, receiver.target()),
    };
    match receiver.send(client, method, &url, Vec::new()).await {
        Err(ClientError::Answered { .. }) if receiver.kind == ReceiverKind::Webhook => Ok(()),
        outcome => outcome.map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Alerting {
        let url = |text| ReceiverUrl::parse(text).unwrap();
        Alerting {
            alertmanagers: vec![url("http://am:9093"), url("http://am:9093/b")],
            webhooks: vec![url("https://u%20x:p%3A@hooks/T0/secret")],
            ..Alerting::default()
        }
    }

    #[test]
    fn labels_and_keys_are_distinct_and_hold_no_secret() {
        let all = Receiver::all(&settings());
        let labels: Vec<_> = all.iter().map(|one| one.label.as_str()).collect();
        assert_eq!(labels, ["am:9093", "am:9093#2", "hooks:443"]);
        let keys: BTreeSet<_> = all.iter().map(Receiver::key).collect();
        assert_eq!(keys.len(), 3);
        let shown = format!("{all:?} {keys:?}");
        assert!(
            !shown.contains("secret") && !shown.contains("p%3A"),
            "{shown}"
        );
        assert_eq!(all[1].target().as_str(), "http://am:9093/b/api/v2/alerts");
    }

    #[test]
    fn who_is_let_in_how() {
        let mut settings = settings();
        let header = |settings: &Alerting, at: usize| Receiver::all(settings)[at].authorization();
        assert_eq!(header(&settings, 0).unwrap(), None);
        // `u x:p:` in base64.
        let basic = header(&settings, 2).unwrap();
        assert_eq!(basic.as_deref(), Some("Basic dSB4OnA6"));
        let file = tempfile::NamedTempFile::new().unwrap();
        settings.alertmanager_token_file = Some(file.path().to_owned());
        let error = header(&settings, 0).unwrap_err().to_string();
        assert!(error.contains("it is empty"), "{error}");
        std::fs::write(file.path(), "abc.def\n").unwrap();
        let bearer = header(&settings, 1).unwrap();
        assert_eq!(bearer.as_deref(), Some("Bearer abc.def"));
        std::fs::write(file.path(), "a\nb").unwrap();
        assert!(header(&settings, 0).is_err());
        assert_ne!(
            header(&settings, 2).unwrap(),
            bearer,
            "webhooks get another"
        );
    }

    #[test]
    fn certificates_are_asked_for_where_they_are_needed() {
        assert_eq!(roots(&settings()), Roots::System);
        let mut plain = settings();
        plain.webhooks.clear();
        plain.ca_file = Some("/ca.pem".into());
        assert_eq!(roots(&plain), Roots::None);
    }
}
