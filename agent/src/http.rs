//! The latest [`Snapshot`] becomes the answers of the HTTP endpoint.
//!
//! In: connections. Out: metrics, health, the list of recent denials.
//! Invariant: a request reads an immutable snapshot and never waits for the hot
//! path; connections are bounded in number and time, and a new one displaces
//! the oldest, so that slow clients cannot keep others out. Lacks on purpose:
//! TLS and authentication, which a proxy in front adds, and anything that
//! changes state.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::aggregate::Snapshot;
use crate::metrics;
use crate::process::Process;
use crate::report;

/// Most connections at once.
const CONNECTIONS_MAX: usize = 64;
/// Longest wait for a request's head, the first or the next.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// Age at which a connection is asked to end after its request.
const CONNECTION_AGE: Duration = Duration::from_secs(120);
/// What it gets to do so; also what the daemon's end leaves for answers.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// Pause after a failure to accept, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A text younger than this is served again if the snapshot is the same.
const TEXT_AGE: Duration = Duration::from_secs(1);

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be had.
    #[error(
        "cannot listen on {address}: {reason}; free it or choose another with --web.listen-address"
    )]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's words.
        reason: std::io::Error,
    },
}

/// What the hot path publishes and the endpoint reads.
#[derive(Debug)]
pub struct Published {
    /// The latest state.
    pub snapshot: ArcSwap<Snapshot>,
    /// What the daemon still waits for; empty once it is ready.
    waits_for: ArcSwap<Vec<&'static str>>,
}

impl Published {
    /// Nothing seen, and waiting for the parts named.
    pub fn waiting_for(parts: &[&'static str]) -> Self {
        Published {
            snapshot: ArcSwap::from_pointee(Snapshot::default()),
            waits_for: ArcSwap::from_pointee(parts.to_vec()),
        }
    }

    /// A part is there.
    pub fn has(&self, part: &str) {
        self.waits_for.rcu(|parts| {
            parts
                .iter()
                .filter(|waiting| **waiting != part)
                .copied()
                .collect::<Vec<_>>()
        });
    }
}

#[derive(Clone)]
struct Site {
    published: Arc<Published>,
    text: Arc<Mutex<Option<Text>>>,
}

/// A rendered text, kept so that many scrapes cost no more than one.
struct Text {
    of: Arc<Snapshot>,
    at: Instant,
    text: Arc<str>,
}

fn router(published: Arc<Published>, telemetry_path: &str) -> Router {
    Router::new()
        .route("/", get(index))
        .route(telemetry_path, get(serve_metrics))
        .route("/healthz", get(alive))
        .route("/livez", get(alive))
        .route("/readyz", get(ready))
        .route("/api/v1/denials", get(denials))
        .route("/api/v1/degraded", get(degraded))
        .route("/api/v1/posture", get(posture))
        .route("/api/v1/tmpfs", get(tmpfs))
        .route("/api/v1/inventory", get(inventory))
        .route("/api/v1/layers", get(layers))
        .with_state(Site {
            published,
            text: Arc::default(),
        })
}

async fn index() -> &'static str {
    "sealwatch\n/metrics (or --web.telemetry-path)\n/api/v1/denials\n/api/v1/degraded\n/api/v1/posture\n/api/v1/tmpfs\n/api/v1/layers\n/api/v1/inventory\n/healthz /livez /readyz\n"
}

async fn alive() -> &'static str {
    "ok\n"
}

async fn ready(State(site): State<Site>) -> Response {
    let waits_for = site.published.waits_for.load();
    if waits_for.is_empty() {
        return "ready\n".into_response();
    }
    let text = format!("waiting for {}\n", waits_for.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn serve_metrics(State(site): State<Site>) -> Response {
    match site.metrics() {
        Ok(text) => typed(metrics::CONTENT_TYPE, text.to_string()),
        Err(error) => failed(&error),
    }
}

async fn denials(State(site): State<Site>) -> Response {
    match report::listing(&site.published.snapshot.load()) {
        Ok(text) => typed("application/json", text),
        Err(error) => failed(&error),
    }
}

async fn degraded(State(site): State<Site>) -> Response {
    match report::degraded::listing(&site.published.snapshot.load()) {
        Ok(text) => typed("application/json", text),
        Err(error) => failed(&error),
    }
}

async fn posture(State(site): State<Site>) -> Response {
    match report::posture::listing(&site.published.snapshot.load()) {
        Ok(text) => typed("application/json", text),
        Err(error) => failed(&error),
    }
}

async fn tmpfs(State(site): State<Site>) -> Response {
    match report::tmpfs::listing(&site.published.snapshot.load().tmpfs) {
        Ok(text) => typed("application/json", text),
        Err(error) => failed(&error),
    }
}

async fn inventory(State(site): State<Site>) -> Response {
    match report::inventory(&site.published.snapshot.load()) {
        Ok(text) => typed("application/json", text),
        Err(error) => failed(&error),
    }
}

async fn layers(State(site): State<Site>) -> Response {
    match report::layers::listing(&site.published.snapshot.load().layers) {
        Ok(text) => typed("application/json", text),
        Err(error) => failed(&error),
    }
}

fn typed(content_type: &'static str, text: String) -> Response {
    (
        [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))],
        text,
    )
        .into_response()
}

fn failed(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "a request has no answer");
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
}

impl Site {
    fn metrics(&self) -> Result<Arc<str>, metrics::MetricsError> {
        let snapshot = self.published.snapshot.load_full();
        let mut kept = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Text { of, at, text }) = &*kept
            && Arc::ptr_eq(of, &snapshot)
            && at.elapsed() < TEXT_AGE
        {
            return Ok(Arc::clone(text));
        }
        let process = Process::read();
        if let Err(error) = &process {
            tracing::debug!(%error, "the process's own metrics are left out");
        }
        let text: Arc<str> = metrics::render(&snapshot, process.ok().as_ref())?.into();
        *kept = Some(Text {
            of: snapshot,
            at: Instant::now(),
            text: Arc::clone(&text),
        });
        Ok(text)
    }
}

/// An address that is ours.
#[derive(Debug)]
pub struct Endpoint {
    listener: TcpListener,
    /// Where it is; the port is the real one where 0 was asked for.
    pub address: SocketAddr,
}

impl Endpoint {
    /// Takes the address.
    pub async fn bind(address: SocketAddr) -> Result<Self, HttpError> {
        let bad = |reason| HttpError::Listen { address, reason };
        let listener = TcpListener::bind(address).await.map_err(bad)?;
        let address = listener.local_addr().map_err(bad)?;
        Ok(Endpoint { listener, address })
    }

    /// Serves until `stop` changes, then lets running answers end.
    pub async fn serve(
        self,
        published: Arc<Published>,
        telemetry_path: &str,
        mut stop: watch::Receiver<bool>,
    ) {
        let router = router(published, telemetry_path);
        let mut connections: VecDeque<AbortHandle> = VecDeque::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.changed() => break,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            connections.retain(|connection| !connection.is_finished());
            if connections.len() >= CONNECTIONS_MAX
                && let Some(oldest) = connections.pop_front()
            {
                oldest.abort();
            }
            let task = tokio::spawn(connection(stream, router.clone(), stop.clone()));
            connections.push_back(task.abort_handle());
        }
        let deadline = Instant::now() + CLOSE_WAIT;
        while connections
            .iter()
            .any(|connection| !connection.is_finished())
            && Instant::now() < deadline
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        connections.iter().for_each(AbortHandle::abort);
    }
}

async fn connection(stream: TcpStream, router: Router, mut stop: watch::Receiver<bool>) {
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => Some(ended),
        () = tokio::time::sleep(CONNECTION_AGE) => None,
        _ = stop.changed() => None,
    };
    let ended = match ended {
        Some(ended) => ended,
        None => {
            served.as_mut().graceful_shutdown();
            match tokio::time::timeout(CLOSE_WAIT, served).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests;
