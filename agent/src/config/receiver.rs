//! Who is told of alerts, and their addresses.
//!
//! In: a text such as `https://user:secret@alerts.example:9093/base`. Out:
//! [`ReceiverUrl`], or what to write instead. Invariant: neither a debug text nor
//! a label of it has the user, the password, the path or the query, since each
//! of them may be a secret. Lacks on purpose: looking whether anybody answers.

use std::fmt;
use std::path::PathBuf;

use url::Url;

/// The kinds of those who are told of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReceiverKind {
    /// Alertmanager's API, version 2.
    Alertmanager,
    /// Whoever takes the payload of Alertmanager's webhooks.
    Webhook,
}

impl ReceiverKind {
    /// The name used in metrics and in the log.
    pub const fn label(self) -> &'static str {
        match self {
            ReceiverKind::Alertmanager => "alertmanager",
            ReceiverKind::Webhook => "webhook",
        }
    }
}

/// Who is told of alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alerting {
    /// Each is told everything.
    pub alertmanagers: Vec<ReceiverUrl>,
    /// The file of the token that they ask for.
    pub alertmanager_token_file: Option<PathBuf>,
    /// Each is told everything.
    pub webhooks: Vec<ReceiverUrl>,
    /// The file of the token that they ask for.
    pub webhook_token_file: Option<PathBuf>,
    /// Certificates of the authorities to believe; the system's where there is none.
    pub ca_file: Option<PathBuf>,
    /// Address of the directory of the runbooks.
    pub runbooks: String,
    /// Write Kubernetes Events.
    pub kubernetes_events: bool,
    /// Directory of the service account that they are written by.
    pub kubernetes_account: PathBuf,
}

/// An address with `http` or `https`, and a host.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiverUrl(Url);

impl fmt::Debug for ReceiverUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceiverUrl({})", self.place())
    }
}

impl ReceiverUrl {
    /// Reads it; the error is what to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| {
            format!("{error}; write the whole address, such as http://alertmanager.example:9093")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!(
                "write http:// or https:// in front instead of {}:",
                url.scheme()
            ));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("name a host, such as http://alertmanager.example:9093".to_owned());
        }
        if url.fragment().is_some() {
            return Err("leave out the # and what follows, which no server is sent".to_owned());
        }
        Ok(ReceiverUrl(url))
    }

    /// An Alertmanager's: its API is found below the path.
    pub fn parse_alertmanager(text: &str) -> Result<Self, String> {
        let own = Self::parse(text)?;
        let path = own.0.path();
        if let Some(at) = path.find("/api/v") {
            return Err(format!(
                "leave out {}: give the address under which Alertmanager's page is found",
                &path[at..]
            ));
        }
        match own.0.query() {
            Some(_) => Err("leave out the ? and what follows".to_owned()),
            None => Ok(own),
        }
    }

    /// The whole address, with what may be secret.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The address of something below its path.
    pub fn below(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", url.path().trim_end_matches('/')));
        url
    }

    /// Is what is sent encrypted?
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Host and port: what may be shown.
    pub fn place(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        match self.0.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

/// A text that was meant as an address, without what may be secret in it: for
/// messages that tell it was no good.
pub(super) fn without_secrets(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = match authority.rsplit_once('@') {
        Some((_, host)) => ("***@", host),
        None => ("", authority),
    };
    let path = match path.len() {
        0 | 1 => path,
        _ => "/...",
    };
    format!("{scheme}{user}{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_and_shown_without_its_secrets() {
        let url = ReceiverUrl::parse("https://u:p@hooks.example/services/T0/B0/xyz?a=b").unwrap();
        assert_eq!(url.place(), "hooks.example:443");
        assert_eq!(format!("{url:?}"), "ReceiverUrl(hooks.example:443)");
        assert!(url.is_https());
        let base = ReceiverUrl::parse_alertmanager("http://[::1]:9093/am/").unwrap();
        assert_eq!(base.place(), "[::1]:9093");
        let api = base.below("/api/v2/alerts");
        assert_eq!(api.as_str(), "http://[::1]:9093/am/api/v2/alerts");
        let bare = ReceiverUrl::parse_alertmanager("http://am").unwrap();
        assert_eq!(bare.below("/-/ready").as_str(), "http://am/-/ready");
    }

    #[test]
    fn a_bad_one_tells_what_to_write() {
        let cases = [
            ("alertmanager:9093", "http:// or https://"),
            ("am", "the whole address"),
            ("unix:///run/am.sock", "http:// or https://"),
            ("http://am/api/v2/alerts", "leave out /api/v2/alerts"),
            ("http://am/?x=1", "leave out the ?"),
            ("http://am/#x", "leave out the #"),
        ];
        for (text, expected) in cases {
            let fix = ReceiverUrl::parse_alertmanager(text).unwrap_err();
            assert!(fix.contains(expected), "{text}: {fix}");
        }
    }

    #[test]
    fn what_is_no_address_is_shown_without_secrets_as_well() {
        let cases = [
            ("htp://u:p@host/secret", "htp://***@host/..."),
            ("host:1/secret?x", "host:1/..."),
            ("u:p@host", "***@host"),
            ("http://host/", "http://host/"),
        ];
        for (text, shown) in cases {
            assert_eq!(without_secrets(text), shown);
        }
    }
}
