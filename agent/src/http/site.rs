//! What is published becomes answers.
//!
//! In: requests. Out: metrics, health, the lists. Invariant: a request reads an
//! immutable snapshot; only the unix socket's site takes commands. Lacks on
//! purpose: connections, which `http` has.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::{Semaphore, mpsc, watch};

use super::Published;
use super::{events, watches};
use crate::aggregate::Snapshot;
use crate::inventory::Watch;
use crate::metrics;
use crate::process::Process;
use crate::report;

/// A text younger than this is served again if the snapshot is the same.
const TEXT_AGE: Duration = Duration::from_secs(1);
/// Most streams of events at once; they must leave connections for others.
const STREAMS_MAX: usize = 24;
/// Longest body of a command.
const BODY_MAX_BYTES: usize = 64 << 10;

/// What the handlers share.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) published: Arc<Published>,
    /// Streams end when this changes.
    pub(super) stop: watch::Receiver<bool>,
    /// Room for streams of events.
    pub(super) streams: Arc<Semaphore>,
    text: Arc<Mutex<Option<Text>>>,
}

/// A rendered text, kept so that many scrapes cost no more than one.
struct Text {
    of: Arc<Snapshot>,
    at: Instant,
    text: Arc<str>,
}

/// What everybody may read.
pub(super) fn readable(
    published: Arc<Published>,
    telemetry_path: &str,
    stop: watch::Receiver<bool>,
) -> Router {
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
        .route("/api/v1/status", get(status))
        .route("/api/v1/events", get(events::page))
        .route("/api/v1/events/stream", get(events::stream))
        .with_state(Site {
            published,
            stop,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            text: Arc::default(),
        })
}

/// What only the owner of the unix socket may tell.
pub(super) fn commanded(commands: mpsc::Sender<Watch>) -> Router {
    Router::new()
        .route("/api/v1/watches", post(watches::begin))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .with_state(commands)
}

async fn index() -> &'static str {
    "sealwatch\n/metrics (or --web.telemetry-path)\n/api/v1/denials\n/api/v1/degraded\n/api/v1/posture\n/api/v1/tmpfs\n/api/v1/layers\n/api/v1/inventory\n/api/v1/status\n/api/v1/events\n/healthz /livez /readyz\n"
}

async fn alive() -> &'static str {
    "ok\n"
}

async fn ready(State(site): State<Site>) -> Response {
    let waits_for = site.published.waits_for();
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
    json(report::listing(&site.published.snapshot.load()))
}

async fn degraded(State(site): State<Site>) -> Response {
    json(report::degraded::listing(&site.published.snapshot.load()))
}

async fn posture(State(site): State<Site>) -> Response {
    json(report::posture::listing(&site.published.snapshot.load()))
}

async fn tmpfs(State(site): State<Site>) -> Response {
    json(report::tmpfs::listing(
        &site.published.snapshot.load().tmpfs,
    ))
}

async fn inventory(State(site): State<Site>) -> Response {
    json(report::inventory(&site.published.snapshot.load()))
}

async fn layers(State(site): State<Site>) -> Response {
    json(report::layers::listing(
        &site.published.snapshot.load().layers,
    ))
}

async fn status(State(site): State<Site>) -> Response {
    let name = rustix::system::uname();
    let waits_for = site.published.waits_for();
    let server = report::status::Server {
        node: name.nodename().to_bytes(),
        run: site.published.history.spot(0).run.unwrap_or_default(),
        waits_for: &waits_for,
    };
    json(report::status::listing(
        &site.published.snapshot.load(),
        &server,
    ))
}

pub(super) fn json(text: Result<String, serde_json::Error>) -> Response {
    match text {
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
