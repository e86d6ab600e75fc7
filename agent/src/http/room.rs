//! Answers take memory until they are read, of which there is only so much.
//!
//! In: requests, their answers. Out: the answers, or that there is no room.
//! Invariant: so many answers are made at once that they never keep the hot path
//! from its processor; the texts that wait for their readers have so many
//! bytes in all; where there is no room, who does not read gives way first. Lacks
//! on purpose: streams, which hold little and are counted elsewhere.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::answer::failed;
use super::seats::Seats;

/// Lists and pages that are made at once: one, so that a processor is left for
/// the hot path wherever there are two. Metrics have a turn of their own.
const MADE_AT_ONCE: usize = 1;
/// How many may wait for their turn, with whose turn it is; more are told at once.
const WAITING_MAX: usize = 16;
/// KiB of answers that wait to be read.
const KIB_MAX: u32 = 32 << 10;
/// How long room is waited for, and how often it is looked for meanwhile.
const ROOM_WAIT: Duration = Duration::from_millis(100);
const LOOKS: u32 = 20;
/// Seconds after which to ask again.
const RETRY_AFTER: &str = "1";

/// The memory of all answers.
#[derive(Clone)]
pub(super) struct Room {
    makers: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    kib: Arc<Semaphore>,
    /// Who may be displaced.
    seats: Arc<Seats>,
}

/// A text, and the room that it takes.
struct Held {
    text: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Room {
    pub(super) fn new(seats: Arc<Seats>) -> Room {
        Room {
            makers: Arc::new(Semaphore::new(MADE_AT_ONCE)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            kib: Arc::new(Semaphore::new(KIB_MAX as usize)),
            seats,
        }
    }

    /// A text that keeps its room until the last of its readers has it; none where
    /// there is no room.
    pub(super) async fn hold(&self, text: Bytes) -> Option<Bytes> {
        let kib = u32::try_from(text.len().div_ceil(1 << 10)).unwrap_or(KIB_MAX);
        let kib = kib.min(KIB_MAX);
        for _ in 0..LOOKS {
            if let Ok(room) = Arc::clone(&self.kib).try_acquire_many_owned(kib) {
                return Some(Bytes::from_owner(Held { text, _room: room }));
            }
            // Its text is dropped by its task, a moment later.
            self.seats.displace_unread();
            tokio::time::sleep(ROOM_WAIT / LOOKS).await;
        }
        None
    }
}

/// There is no room.
pub(super) fn full() -> Response {
    refused("too many answers wait to be read: try again\n")
}

fn refused(what: &'static str) -> Response {
    let mut answer = (StatusCode::SERVICE_UNAVAILABLE, what).into_response();
    let after = HeaderValue::from_static(RETRY_AFTER);
    answer.headers_mut().insert(header::RETRY_AFTER, after);
    answer
}

/// Has an answer made when it is its turn, and finds room for it.
pub(super) async fn bounded(State(room): State<Room>, request: Request, next: Next) -> Response {
    let Ok(_place) = room.waiting.try_acquire() else {
        return refused("too many lists and pages are asked for at once: try again\n");
    };
    // Only an end of the program closes it.
    let Ok(_turn) = room.makers.acquire().await else {
        return full();
    };
    let answer = next.run(request).await;
    // Streams have no length.
    if answer.body().size_hint().exact().is_none() {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let text = match body.collect().await {
        Ok(text) => text.to_bytes(),
        Err(error) => return failed(&error),
    };
    match room.hold(text).await {
        Some(text) => Response::from_parts(parts, Body::from(text)),
        None => full(),
    }
}
