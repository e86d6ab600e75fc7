//! The history of events becomes a page, or a stream that goes on.
//!
//! In: a query. Out: JSON; server-sent events, each with its number, from which
//! a client that lost its connection goes on. Invariant: a page is bounded; a
//! stream ends by itself before the connection's age does, and with the daemon;
//! there are only so many at once. Lacks on purpose: keeping events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use super::Published;
use super::site::{Site, json};
use crate::denial::{Cause, Lsm};
use crate::events::Filter;
use crate::events::history::{EVENTS_MAX, Numbered, Page};
use crate::record::VERSION;

/// Events of a page where nobody says how many.
const PAGE_DEFAULT: usize = 500;
/// Events that a stream takes at once.
const STREAM_PAGE: usize = 64;
/// Longest life of a stream; its client then comes back and goes on.
const STREAM_AGE: Duration = Duration::from_secs(100);
/// What a client waits before it comes back.
const STREAM_RETRY: Duration = Duration::from_secs(1);
/// Sign of life where nothing happens.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Name of the event that tells of missed ones.
pub const MISSED: &str = "missed";

/// The query of both.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Only events after this number.
    after: Option<u64>,
    /// Most events of the page.
    limit: Option<usize>,
    /// Of these containers.
    container: Option<String>,
    /// For this cause.
    cause: Option<String>,
    /// By this security module.
    lsm: Option<String>,
    /// Of this kind: `denial`, `degraded` and so on.
    event: Option<String>,
    /// Not older than this many seconds.
    seconds: Option<u64>,
}

impl Asked {
    fn filter(&self) -> Result<Filter, String> {
        let cause = |name: &String| {
            let cause = Cause::ALL.iter().find(|cause| cause.label() == name);
            let names = Cause::ALL.map(Cause::label).join(", ");
            cause
                .copied()
                .ok_or_else(|| format!("cause: use one of {names}\n"))
        };
        let lsm = |name: &String| {
            let lsm = Lsm::ALL.iter().find(|lsm| lsm.label() == name);
            let names: Vec<_> = Lsm::ALL.iter().map(|lsm| lsm.label()).collect();
            let fix = || format!("lsm: use one of {}\n", names.join(", "));
            lsm.copied().ok_or_else(fix)
        };
        let since = |seconds| SystemTime::now().checked_sub(Duration::from_secs(seconds));
        Ok(Filter {
            container: self.container.clone(),
            cause: self.cause.as_ref().map(cause).transpose()?,
            lsm: self.lsm.as_ref().map(lsm).transpose()?,
            kind: self.event.clone(),
            since: self.seconds.and_then(since),
        })
    }
}

#[derive(Serialize)]
struct Listing<'a> {
    version: u32,
    /// Where to go on: the number to ask for events after.
    last: u64,
    /// Events after the number asked for that are not kept any more.
    missed: u64,
    events: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    number: u64,
    event: &'a RawValue,
}

fn bad(what: String) -> Response {
    (StatusCode::BAD_REQUEST, what).into_response()
}

type Queried = Result<Query<Asked>, QueryRejection>;

fn asked(queried: Queried) -> Result<(Asked, Filter), String> {
    let Query(asked) = queried.map_err(|rejection| format!("{}\n", rejection.body_text()))?;
    let filter = asked.filter()?;
    Ok((asked, filter))
}

pub(super) async fn page(State(site): State<Site>, queried: Queried) -> Response {
    let (asked, filter) = match asked(queried) {
        Ok(asked) => asked,
        Err(what) => return bad(what),
    };
    let most = asked.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=EVENTS_MAX).contains(&most) {
        return bad(format!("limit: use a number from 1 to {EVENTS_MAX}\n"));
    }
    let history = &site.published.history;
    // Without a place to go on from, the latest are wanted.
    let page = match asked.after {
        Some(number) => history.after(number, most, &filter),
        None => history.latest(most, &filter),
    };
    json(listing(&page))
}

fn entry(numbered: &Arc<Numbered>) -> Result<Entry<'_>, serde_json::Error> {
    Ok(Entry {
        number: numbered.number,
        event: serde_json::from_str(&numbered.event.line)?,
    })
}

fn listing(page: &Page) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Listing {
        version: VERSION,
        last: page.last,
        missed: page.missed,
        events: page.events.iter().map(entry).collect::<Result<_, _>>()?,
    })
}

/// A client's place in the history.
struct Follower {
    published: Arc<Published>,
    news: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    filter: Filter,
    after: u64,
    ready: VecDeque<sse::Event>,
    until: Instant,
    /// Given back when the stream ends.
    _place: OwnedSemaphorePermit,
}

pub(super) async fn stream(
    State(site): State<Site>,
    headers: HeaderMap,
    queried: Queried,
) -> Response {
    let (asked, filter) = match asked(queried) {
        Ok(asked) => asked,
        Err(what) => return bad(what),
    };
    let Ok(place) = Arc::clone(&site.streams).try_acquire_owned() else {
        let what = "too many streams at once: try again, or ask for pages\n";
        return (StatusCode::SERVICE_UNAVAILABLE, what).into_response();
    };
    let news = site.published.history.follow();
    // A browser that comes back says where it was.
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let seen = seen.and_then(|id| id.parse().ok()).or(asked.after);
    let follower = Follower {
        after: seen.unwrap_or_else(|| *news.borrow()),
        news,
        published: site.published,
        stop: site.stop,
        filter,
        ready: VecDeque::from([sse::Event::default().retry(STREAM_RETRY)]),
        until: Instant::now() + STREAM_AGE,
        _place: place,
    };
    let events = stream::unfold(follower, Follower::next);
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Sse::new(events).keep_alive(keep_alive).into_response()
}

impl Follower {
    async fn next(mut self) -> Option<(Result<sse::Event, Infallible>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(event), self));
            }
            self.news.mark_unchanged();
            let history = &self.published.history;
            let page = history.after(self.after, STREAM_PAGE, &self.filter);
            self.after = page.last;
            if page.missed > 0 {
                let missed = sse::Event::default().event(MISSED);
                self.ready.push_back(missed.data(page.missed.to_string()));
            }
            self.ready.extend(page.events.iter().map(|numbered| {
                let id = numbered.number.to_string();
                sse::Event::default().id(id).data(&numbered.event.line)
            }));
            if !self.ready.is_empty() {
                continue;
            }
            tokio::select! {
                news = self.news.changed() => news.ok()?,
                _ = self.stop.changed() => return None,
                () = tokio::time::sleep_until(self.until) => return None,
            }
        }
    }
}
