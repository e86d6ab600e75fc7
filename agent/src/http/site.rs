//! What is published becomes answers.
//!
//! In: requests. Out: the routes, metrics, health. Invariant: a request reads an
//! immutable snapshot; only the unix socket's site takes commands; by TCP, pages
//! and lists are told to known hosts alone, metrics and health to all. Lacks on
//! purpose: connections, which `http` has; lists and pages (`api`, `pages`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tokio::sync::{Mutex, Semaphore, mpsc, watch};

use super::answer::{failed, no_sniffing, no_such_method, nowhere, typed};
use super::hosts::{Hosts, guard};
use super::room::{Room, bounded, full};
use super::{Published, api, changes, events, openapi, pages, watches};
use crate::aggregate::Snapshot;
use crate::inventory::Watch;
use crate::metrics;
use crate::process::Process;

/// A text younger than this is served again if the snapshot is the same.
const TEXT_AGE: Duration = Duration::from_secs(1);
/// Most streams at once; they must leave connections for others.
const STREAMS_MAX: usize = 64;
/// Longest body of a command.
const BODY_MAX_BYTES: usize = 64 << 10;
/// Where commands go.
pub(super) const COMMANDS: &str = "/api/v1/watches";

/// What the handlers share.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) published: Arc<Published>,
    /// Streams end when this changes.
    pub(super) stop: watch::Receiver<bool>,
    /// Room for streams of events.
    pub(super) streams: Arc<Semaphore>,
    /// Name of the machine.
    pub(super) node: Arc<str>,
    /// Path of the metrics.
    pub(super) telemetry_path: Arc<str>,
    room: Room,
    text: Arc<Mutex<Option<Text>>>,
}

/// A rendered text, kept so that many scrapes cost no more than one.
struct Text {
    of: Arc<Snapshot>,
    at: Instant,
    text: Bytes,
}

macro_rules! routes {
    ($($path:literal => $handler:path,)+) => {
        /// Where something is told to known hosts.
        pub(super) const PATHS: &[&str] = &[$($path),+];

        fn guarded() -> Router<Site> {
            let routes: [(&str, MethodRouter<Site>); PATHS.len()] =
                [$(($path, get($handler))),+];
            routes.into_iter().fold(Router::new(), |router, (path, handler)| router.route(path, handler))
        }
    };
}

routes! {
    "/" => pages::list,
    "/containers/{id}" => pages::container,
    "/assets/style.css" => pages::style,
    "/assets/page.js" => pages::script,
    "/api/v1/openapi.json" => openapi::document,
    "/api/v1/containers" => api::all,
    "/api/v1/containers/{id}" => api::one,
    "/api/v1/denials" => api::denials,
    "/api/v1/degraded" => api::degraded_list,
    "/api/v1/posture" => api::postures,
    "/api/v1/tmpfs" => api::tmpfs_list,
    "/api/v1/layers" => api::layer_list,
    "/api/v1/inventory" => api::inventory,
    "/api/v1/breaches" => api::breach_list,
    "/api/v1/status" => api::status,
    "/api/v1/events" => events::page,
    "/api/v1/events/stream" => events::stream,
    "/api/v1/changes/stream" => changes::stream,
}

/// Where health is told to anybody.
pub(super) const HEALTH: [&str; 3] = ["/healthz", "/livez", "/readyz"];

impl Site {
    pub(super) fn new(
        published: Arc<Published>,
        telemetry_path: &str,
        node: &str,
        room: Room,
        stop: watch::Receiver<bool>,
    ) -> Self {
        Site {
            published,
            stop,
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            node: node.into(),
            telemetry_path: telemetry_path.into(),
            room,
            text: Arc::default(),
        }
    }

    /// What everybody may read; pages and lists under these hosts alone, where
    /// there are any to know.
    pub(super) fn readable(self, hosts: Option<Hosts>) -> Router {
        let room = self.room.clone();
        let mut router = guarded().layer(from_fn_with_state(room, bounded));
        if let Some(hosts) = hosts {
            router = router.layer(from_fn_with_state(hosts, guard));
        }
        let [healthz, livez, readyz] = HEALTH;
        router
            .route(&self.telemetry_path, get(serve_metrics))
            .route(healthz, get(alive))
            .route(livez, get(live))
            .route(readyz, get(ready))
            .method_not_allowed_fallback(no_such_method)
            .fallback(nowhere)
            .layer(map_response(no_sniffing))
            .with_state(self)
    }
}

/// What only the owner of the unix socket may tell.
pub(super) fn commanded(commands: mpsc::Sender<Watch>) -> Router {
    Router::new()
        .route(COMMANDS, post(watches::begin))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .with_state(commands)
}

/// The daemon runs.
#[utoipa::path(get, path = "/healthz", tag = "operations", summary = "Does the daemon run?",
    responses((status = 200, description = "ok", body = String, content_type = "text/plain")))]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The daemon runs.
#[utoipa::path(get, path = "/livez", tag = "operations", summary = "Does the daemon run?",
    responses((status = 200, description = "ok", body = String, content_type = "text/plain")))]
pub(super) async fn live() -> &'static str {
    alive().await
}

/// The daemon has attached its hooks and knows the containers.
#[utoipa::path(get, path = "/readyz", tag = "operations", summary = "Does the daemon see everything yet?",
    responses(
        (status = 200, description = "ready", body = String, content_type = "text/plain"),
        (status = 503, description = "What it waits for", body = String, content_type = "text/plain"),
    ))]
pub(super) async fn ready(State(site): State<Site>) -> Response {
    let waits_for = site.published.waits_for();
    if waits_for.is_empty() {
        return "ready\n".into_response();
    }
    let text = format!("waiting for {}\n", waits_for.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

/// Everything in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "operations", summary = "Metrics, in the Prometheus text format",
    responses(
        (status = 200, description = "The metrics", body = String, content_type = "text/plain"),
        (status = 503, description = "What it waits for before it goes on with an earlier daemon's counters", body = String, content_type = "text/plain"),
    ))]
pub(super) async fn serve_metrics(State(site): State<Site>) -> Response {
    if !site.published.has_metrics() {
        return ready(State(site)).await;
    }
    match site.metrics().await {
        Ok(Some(text)) => typed(metrics::CONTENT_TYPE, text),
        Ok(None) => full(),
        Err(error) => failed(&error),
    }
}

impl Site {
    /// The text; none where there is no room for it.
    async fn metrics(&self) -> Result<Option<Bytes>, metrics::MetricsError> {
        let snapshot = self.published.snapshot.load_full();
        let mut kept = self.text.lock().await;
        if let Some(Text { of, at, text }) = &*kept
            && Arc::ptr_eq(of, &snapshot)
            && at.elapsed() < TEXT_AGE
        {
            return Ok(Some(text.clone()));
        }
        let process = Process::read();
        if let Err(error) = &process {
            tracing::debug!(%error, "the process's own metrics are left out");
        }
        // The one before leaves with its last reader.
        *kept = None;
        let text = metrics::render(&snapshot, process.ok().as_ref())?;
        let text = self.room.hold(Bytes::from(text)).await;
        *kept = text.clone().map(|text| Text {
            of: snapshot,
            at: Instant::now(),
            text,
        });
        Ok(text)
    }
}
