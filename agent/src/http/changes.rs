//! Changes of the snapshot become a stream that says that there was one.
//!
//! In: what is published. Out: server-sent events, one a second at most, each
//! with a number that grows. Invariant: as in `events`: only so many at once,
//! each ends by itself, and with the daemon. Lacks on purpose: what has changed,
//! which whoever listens fetches.

use std::convert::Infallible;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use axum::response::sse;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use super::Published;
use super::events::{STREAM_AGE, STREAM_RETRY, no_place, place, served};
use super::site::Site;
use crate::aggregate::Snapshot;

/// Least time between two events.
const PAUSE: Duration = Duration::from_secs(1);

struct Follower {
    published: Arc<Published>,
    stop: watch::Receiver<bool>,
    /// What was there when the last event was sent; not kept alive.
    last: Weak<Snapshot>,
    begun: bool,
    number: u64,
    until: Instant,
    /// Given back when the stream ends.
    _place: OwnedSemaphorePermit,
}

/// Tells whenever something has changed.
#[utoipa::path(get, path = "/api/v1/changes/stream", tag = "events", operation_id = "changes",
    summary = "Tells that something has changed, once a second at most",
    responses(
        (status = 200, description = "Server-sent events; each one's data is a number that grows. The stream ends after a while; come back.", body = String, content_type = "text/event-stream"),
        (status = 503, description = "Too many streams at once", body = String, content_type = "text/plain"),
    ))]
pub(super) async fn stream(State(site): State<Site>) -> Response {
    let Some(place) = place(&site) else {
        return no_place();
    };
    let last = Arc::downgrade(&site.published.snapshot.load_full());
    let follower = Follower {
        published: site.published,
        stop: site.stop,
        last,
        begun: false,
        number: 0,
        until: Instant::now() + STREAM_AGE,
        _place: place,
    };
    served(stream::unfold(follower, Follower::next))
}

impl Follower {
    async fn next(mut self) -> Option<(Result<sse::Event, Infallible>, Self)> {
        if !self.begun {
            self.begun = true;
            return Some((Ok(sse::Event::default().retry(STREAM_RETRY)), self));
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                _ = self.stop.changed() => return None,
                () = tokio::time::sleep_until(self.until) => return None,
            }
            let latest = Arc::downgrade(&self.published.snapshot.load_full());
            if !Weak::ptr_eq(&latest, &self.last) {
                self.last = latest;
                self.number += 1;
                let event = sse::Event::default().data(self.number.to_string());
                return Some((Ok(event), self));
            }
        }
    }
}
