//! The history of events becomes a page, or a stream that goes on.
//!
//! In: a query. Out: JSON; server-sent events, each with its place, from which
//! a client that lost its connection goes on; the place names the daemon as well,
//! so that one of an earlier daemon is followed by all of this one's. Invariant:
//! a page is bounded; a stream ends by itself before the connection's age does,
//! and with the daemon, once its last event is told; there are only so many at
//! once. Lacks on purpose: keeping events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;
use utoipa::openapi::schema::{AnyOfBuilder, Ref, Schema};
use utoipa::{IntoParams, ToSchema};

use super::Published;
use super::answer::{bad, json, misread};
use super::site::Site;
use crate::denial::{Cause, Lsm};
use crate::events::history::{EVENTS_MAX, Numbered, Page};
use crate::events::{Filter, KINDS, Spot};
use crate::record::VERSION;

/// Events of a page where nobody says how many.
const PAGE_DEFAULT: usize = 500;
/// Events that a stream takes at once.
const STREAM_PAGE: usize = 64;
/// Longest life of a stream; its client then comes back and goes on.
pub(super) const STREAM_AGE: Duration = Duration::from_secs(100);
/// How long a stream waits for the daemon's last events.
const STREAM_END: Duration = Duration::from_secs(3);
/// Unwanted events after which a stream tells its place all the same.
const STREAM_SILENT: u64 = 256;
/// What a client waits before it comes back.
pub(super) const STREAM_RETRY: Duration = Duration::from_secs(1);
/// Sign of life where nothing happens.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Name of the event that tells of missed ones.
pub const MISSED: &str = "missed";

/// The query of both.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only events after this place: a number, or `RUN-NUMBER`.
    after: Option<String>,
    /// Most events of the page.
    limit: Option<usize>,
    /// Of these containers: a name or id, or `NAMESPACE/POD/CONTAINER`, with `*` for anything.
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
                .ok_or_else(|| format!("cause: use one of {names}"))
        };
        let lsm = |name: &String| {
            let lsm = Lsm::ALL.iter().find(|lsm| lsm.label() == name);
            let names: Vec<_> = Lsm::ALL.iter().map(|lsm| lsm.label()).collect();
            let fix = || format!("lsm: use one of {}", names.join(", "));
            lsm.copied().ok_or_else(fix)
        };
        let kind = |name: &String| match KINDS.contains(&name.as_str()) {
            true => Ok(name.clone()),
            false => Err(format!("event: use one of {}", KINDS.join(", "))),
        };
        let since = |seconds| SystemTime::now().checked_sub(Duration::from_secs(seconds));
        Ok(Filter {
            container: self.container.clone(),
            cause: self.cause.as_ref().map(cause).transpose()?,
            lsm: self.lsm.as_ref().map(lsm).transpose()?,
            kind: self.event.as_ref().map(kind).transpose()?,
            since: self.seconds.and_then(since),
        })
    }
}

/// Some events of the history.
#[derive(Serialize, ToSchema)]
#[schema(as = EventList)]
pub(super) struct Listing<'a> {
    version: u32,
    /// Whose numbers these are; another daemon has another.
    run: String,
    /// Where to go on: the number to ask for events after.
    last: u64,
    /// Events after the number asked for that are not kept any more.
    missed: u64,
    events: Vec<Entry<'a>>,
}

/// An event with its place in the order of all.
#[derive(Serialize, ToSchema)]
#[schema(as = NumberedEvent)]
struct Entry<'a> {
    number: u64,
    #[schema(schema_with = any_event)]
    event: &'a RawValue,
}

/// An event is one of these; the first has no member `event`, and the others
/// have one that tells which they are.
fn any_event() -> Schema {
    let kinds = [
        "DenialEvent",
        "OomKill",
        "StateEvent_Degraded",
        "StateEvent_FailingToStart",
    ];
    let all = kinds.into_iter().fold(AnyOfBuilder::new(), |all, kind| {
        all.item(Ref::from_schema_name(kind))
    });
    Schema::AnyOf(all.build())
}

type Queried = Result<Query<Asked>, QueryRejection>;

/// A query that was understood.
struct Question {
    after: Option<Spot>,
    limit: Option<usize>,
    filter: Filter,
}

fn question(queried: Queried) -> Result<Question, String> {
    let Query(asked) = queried.map_err(|rejection| misread(&rejection.body_text()))?;
    let spot = |text: &String| {
        let spot: Result<Spot, _> = text.parse();
        spot.map_err(|error| format!("after: {error}"))
    };
    Ok(Question {
        after: asked.after.as_ref().map(spot).transpose()?,
        limit: asked.limit,
        filter: asked.filter()?,
    })
}

/// A page of the history.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", operation_id = "events", params(Asked),
    summary = "What has happened lately",
    responses(
        (status = 200, description = "The latest events, or those after a number", body = Listing<'static>),
        (status = 400, description = "What is wrong with the query, and what would do", body = String, content_type = "text/plain"),
    ))]
pub(super) async fn page(State(site): State<Site>, queried: Queried) -> Response {
    let question = match question(queried) {
        Ok(question) => question,
        Err(what) => return bad(what),
    };
    let most = question.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=EVENTS_MAX).contains(&most) {
        return bad(format!("limit: use a number from 1 to {EVENTS_MAX}"));
    }
    let history = &site.published.history;
    // Without a place to go on from, the latest are wanted.
    let page = match question.after {
        Some(spot) => history.after(spot, most, &question.filter),
        None => history.latest(most, &question.filter),
    };
    let run = history.spot(0).run.unwrap_or_default();
    json(listing(run, &page))
}

fn entry(numbered: &Arc<Numbered>) -> Result<Entry<'_>, serde_json::Error> {
    Ok(Entry {
        number: numbered.number,
        event: serde_json::from_str(&numbered.event.line)?,
    })
}

fn listing(run: u64, page: &Page) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Listing {
        version: VERSION,
        run: format!("{run:x}"),
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
    after: Spot,
    /// The number of the last place that the client knows.
    told: u64,
    ready: VecDeque<sse::Event>,
    until: Instant,
    stopping: bool,
    /// Given back when the stream ends.
    _place: OwnedSemaphorePermit,
}

/// What happens from now on, or from a number on.
#[utoipa::path(get, path = "/api/v1/events/stream", tag = "events", operation_id = "follow",
    params(Asked, ("Last-Event-ID" = Option<String>, Header, description = "Go on after this place")),
    summary = "What happens, as it happens",
    responses(
        (status = 200, description = "Server-sent events: the data of each is an event of the list, its id the event's place; one of the name `missed` tells how many are not kept any more. The stream ends after a while; come back with the last id.", body = String, content_type = "text/event-stream"),
        (status = 400, description = "What is wrong with the query, and what would do", body = String, content_type = "text/plain"),
        (status = 503, description = "Too many streams at once", body = String, content_type = "text/plain"),
    ))]
pub(super) async fn stream(
    State(site): State<Site>,
    headers: HeaderMap,
    queried: Queried,
) -> Response {
    let question = match question(queried) {
        Ok(question) => question,
        Err(what) => return bad(what),
    };
    let Some(place) = place(&site) else {
        return no_place();
    };
    let history = &site.published.history;
    let news = history.follow();
    // A browser that comes back says where it was.
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let seen = seen.and_then(|id| id.parse().ok()).or(question.after);
    let now = history.spot(*news.borrow());
    // One who comes from another daemon learns at once that this is a new one.
    let begin = seen.map_or(now, |seen| {
        match seen.run == now.run || seen.run.is_none() {
            true => history.spot(seen.number),
            false => history.spot(0),
        }
    });
    let greeting = sse::Event::default().retry(STREAM_RETRY);
    let follower = Follower {
        after: begin,
        told: begin.number,
        news,
        ready: VecDeque::from([greeting.id(begin.to_string())]),
        published: site.published,
        stop: site.stop,
        filter: question.filter,
        until: Instant::now() + STREAM_AGE,
        stopping: false,
        _place: place,
    };
    served(stream::unfold(follower, Follower::next))
}

/// A place among the streams, if there is one.
pub(super) fn place(site: &Site) -> Option<OwnedSemaphorePermit> {
    Arc::clone(&site.streams).try_acquire_owned().ok()
}

/// There is none.
pub(super) fn no_place() -> Response {
    let what = "too many streams at once: try again, or ask for pages\n";
    (StatusCode::SERVICE_UNAVAILABLE, what).into_response()
}

/// A stream as an answer.
pub(super) fn served(
    events: impl Stream<Item = Result<sse::Event, Infallible>> + Send + 'static,
) -> Response {
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
            let over = history.ended() || Instant::now() >= self.until;
            let page = history.after(self.after, STREAM_PAGE, &self.filter);
            self.after = history.spot(page.last);
            if page.missed > 0 {
                let missed = sse::Event::default().event(MISSED);
                self.ready.push_back(missed.data(page.missed.to_string()));
            }
            self.ready.extend(page.events.iter().map(|numbered| {
                let id = history.spot(numbered.number).to_string();
                sse::Event::default().id(id).data(&numbered.event.line)
            }));
            if let Some(event) = page.events.last() {
                self.told = event.number;
            }
            // Of what its filter leaves out a client would else learn nothing,
            // and look through all of it again when it comes back.
            let silent = page.last.saturating_sub(self.told);
            if silent >= STREAM_SILENT || (over && silent > 0) {
                self.told = page.last;
                let place = sse::Event::default().id(self.after.to_string());
                self.ready.push_back(place);
            }
            if !self.ready.is_empty() {
                continue;
            }
            if over {
                return None;
            }
            tokio::select! {
                news = self.news.changed() => news.ok()?,
                _ = self.stop.changed(), if !self.stopping => {
                    // The hot path stops as well, and tells its last events first.
                    self.stopping = true;
                    self.until = self.until.min(Instant::now() + STREAM_END);
                }
                () = tokio::time::sleep_until(self.until) => {}
            }
        }
    }
}
