//! Requests by HTTP and HTTPS, each with an end.
//!
//! In: an address, headers, a body. Out: nothing where the answer is a success, or
//! a [`ClientError`] with the beginning of its text. Invariant: a request takes [`REQUEST_WITHIN`]
//! at most, whatever the other side does, and reads [`ANSWER_MAX`] bytes at most;
//! no redirection is followed, so that a token goes nowhere but where it was
//! meant to. Lacks on purpose: proxies, and connections that are kept: there is a
//! request a minute.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use crate::denial::escape;

/// Longest that a request takes.
pub(super) const REQUEST_WITHIN: Duration = Duration::from_secs(10);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Most of an answer that is read.
const ANSWER_MAX: usize = 64 << 10;
/// Most characters of it in a message.
const WORDS_MAX: usize = 300;

/// Whose certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// Nobody's: no address has https.
    None,
    /// The system's, where OpenSSL has them.
    System,
    /// Those of a PEM file.
    File(PathBuf),
}

/// Why a request was in vain, or why there can be none.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file of certificates is no good.
    #[error(
        "cannot use the certificates of {}: {reason}; name a PEM file with the certificates of the authorities to believe", path.display()
    )]
    Certificates {
        /// The file.
        path: PathBuf,
        /// The system's or the parser's words.
        reason: String,
    },
    /// The system has none.
    #[error(
        "no certificates of authorities were found on this system: mount /etc/ssl/certs, or name a PEM file with --notify.ca-file"
    )]
    NoCertificates,
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// A file with a token is no good.
    #[error("cannot use the token of {}: {reason}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// This is no pod of a cluster.
    #[error(
        "--kubernetes-events is on, and this is no pod: there is no KUBERNETES_SERVICE_HOST; leave it out, or run as a pod with a service account"
    )]
    NoCluster,
    /// What is sent is no request.
    #[error("cannot make the request: {0}")]
    Request(#[from] hyper::http::Error),
    /// Its body cannot be made.
    #[error("cannot make the request: {0}")]
    Json(#[from] serde_json::Error),
    /// Nobody answers.
    #[error("{0}")]
    Unreachable(String),
    /// It takes too long.
    #[error("no answer within {} s", REQUEST_WITHIN.as_secs())]
    TimedOut,
    /// It answers that it does not want it.
    #[error("it answers {status}: {words}")]
    Answered {
        /// HTTP's number.
        status: u16,
        /// The beginning of its text, escaped.
        words: String,
    },
}

/// Makes requests.
#[derive(Clone, Debug)]
pub(super) struct Client {
    inner: hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Client {
    pub(super) fn new(roots: &Roots) -> Result<Self, ClientError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store(roots)?)
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_WITHIN));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let inner = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(connector);
        Ok(Client { inner })
    }

    /// Sends one request; an answer from 200 to 299 is a success.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<(), ClientError> {
        let mut target = url.clone();
        // They are for the header; hyper takes no address that has them.
        let _ = target.set_username("");
        let _ = target.set_password(None);
        let mut request = Request::builder().method(method).uri(target.as_str());
        request = request.header(
            "user-agent",
            concat!("sealwatch/", env!("CARGO_PKG_VERSION")),
        );
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body)))?;
        tokio::time::timeout(REQUEST_WITHIN, self.exchange(request))
            .await
            .unwrap_or(Err(ClientError::TimedOut))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(), ClientError> {
        let answer = self.inner.request(request).await;
        let answer = answer.map_err(|error| ClientError::Unreachable(reasons(&error)))?;
        let status = answer.status();
        // Read in any case, so that the other side is not cut off.
        let body = Limited::new(answer.into_body(), ANSWER_MAX).collect().await;
        if status.is_success() {
            return Ok(());
        }
        let body = body.map(http_body_util::Collected::to_bytes);
        let text = escape(&body.unwrap_or_default());
        Err(ClientError::Answered {
            status: status.as_u16(),
            words: text.chars().take(WORDS_MAX).collect(),
        })
    }
}

/// An error with what is behind it.
fn reasons(error: &hyper_util::client::legacy::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        words = format!("{words}: {error}");
        next = error.source();
    }
    words
}

fn store(roots: &Roots) -> Result<RootCertStore, ClientError> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::None => {}
        Roots::System => {
            let found = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(found.certs);
            if store.is_empty() {
                return Err(ClientError::NoCertificates);
            }
        }
        Roots::File(path) => {
            for certificate in certificates(path)? {
                store.add(certificate)?;
            }
        }
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let bad = |reason: String| ClientError::Certificates {
        path: path.to_path_buf(),
        reason,
    };
    let text = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match all {
        Ok(all) if all.is_empty() => Err(bad("it has no certificate".to_owned())),
        Ok(all) => Ok(all),
        Err(error) => Err(bad(error.to_string())),
    }
}

/// The value of an `Authorization` header from a file with a token, which may be
/// another one at any time.
pub(super) fn bearer(path: &Path) -> Result<String, ClientError> {
    let bad = |reason: &str| ClientError::Token {
        path: path.to_path_buf(),
        reason: reason.to_owned(),
    };
    let text = std::fs::read_to_string(path).map_err(|error| bad(&error.to_string()))?;
    let token = text.trim();
    match token.chars().all(|c| c.is_ascii_graphic()) {
        _ if token.is_empty() => Err(bad("it is empty")),
        true => Ok(format!("Bearer {token}")),
        false => Err(bad("a token has one line of visible ASCII characters")),
    }
}
