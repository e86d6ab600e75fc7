//! A command becomes a lease of the write inventory.
//!
//! In: `{"container": PATTERN, "seconds": N}`. Out: the order to the hot path, or
//! an answer that says what would do. Invariant: a lease is bounded, so that
//! nothing stays switched on for a client that is gone. Lacks on purpose:
//! knowing whether anybody fits the pattern, since a container may come later.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::answer::misread;
use crate::inventory::Watch;

/// Longest lease; whoever wants more renews it.
pub const LEASE_MAX: Duration = Duration::from_secs(3_600);
/// Longest pattern.
const PATTERN_MAX_BYTES: usize = 512;

/// What is asked for.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchRequest {
    /// A container's name or id, or `NAMESPACE/POD/CONTAINER`, with `*` for anything.
    pub container: String,
    /// For how long its successful writes are counted; 0 ends it.
    pub seconds: u64,
}

/// Begins, renews or ends counting a container's successful writes.
#[utoipa::path(post, path = "/api/v1/watches", tag = "commands", operation_id = "watch", request_body = WatchRequest,
    summary = "Count what a container writes with success, for a while",
    description = "Taken from the unix socket alone (--web.socket), which is root's.",
    responses(
        (status = 202, description = "Accepted", body = String, content_type = "text/plain"),
        (status = 400, description = "What is wrong with it, and what would do", body = String, content_type = "text/plain"),
        (status = 415, description = "The body is not said to be JSON", body = String, content_type = "text/plain"),
        (status = 422, description = "The body is JSON of another shape", body = String, content_type = "text/plain"),
        (status = 503, description = "Too many commands at once", body = String, content_type = "text/plain"),
    ))]
pub(super) async fn begin(
    State(commands): State<mpsc::Sender<Watch>>,
    request: Result<Json<WatchRequest>, JsonRejection>,
) -> (StatusCode, String) {
    let request = match request {
        Ok(Json(request)) => request,
        Err(rejection) => {
            return (
                rejection.status(),
                format!("{}\n", misread(&rejection.body_text())),
            );
        }
    };
    let bad = |what: &str| (StatusCode::BAD_REQUEST, format!("{what}\n"));
    if request.container.is_empty() || request.container.len() > PATTERN_MAX_BYTES {
        return bad(
            "container: give a name or id, or NAMESPACE/POD/CONTAINER, with * for anything",
        );
    }
    let lease = Duration::from_secs(request.seconds);
    if lease > LEASE_MAX {
        let most = LEASE_MAX.as_secs();
        return bad(&format!(
            "seconds: {} is more than {most}: take a shorter lease and renew it",
            request.seconds
        ));
    }
    let watch = Watch {
        pattern: request.container,
        lease,
    };
    match commands.try_send(watch) {
        Ok(()) => (StatusCode::ACCEPTED, "accepted\n".to_owned()),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many commands at once: try again\n".to_owned(),
        ),
    }
}
