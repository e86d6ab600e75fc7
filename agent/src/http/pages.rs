//! Requests of a browser become pages, and what belongs to them.
//!
//! In: requests. Out: HTML, style and script; text for whoever asks for no HTML.
//! Invariant: a page is made of one snapshot; an asset asked for by its hash may
//! be kept for ever, without it must be asked for again. Lacks on purpose: the
//! pages, which `page` makes.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::time::SystemTime;

use super::answer;
use super::api::state;
use super::site::Site;
use crate::aggregate::Snapshot;
use crate::clock;
use crate::events::Filter;
use crate::overview;
use crate::page::assets::{Asset, SCRIPT, STYLE};
use crate::page::{self, Asked, Happened, Seen};

/// Events that a container's page is made of.
const EVENTS_MAX: usize = 200;
/// Longest filter that is heeded.
const WORDS_MAX_CHARS: usize = 200;

/// The query of the list; what is not understood is not heeded, as people edit
/// addresses by hand.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Words {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    page: String,
}

/// Words as somebody can have typed them: an address may hold a NUL, which no page may.
fn typed(words: &str) -> String {
    let shown = words.trim().chars().filter(|c| !c.is_control());
    shown.take(WORDS_MAX_CHARS).collect()
}

/// The list for a browser, else what there is to ask for.
#[utoipa::path(get, path = "/", tag = "pages", operation_id = "list_page", summary = "The containers of this node, as a page",
    params(
        ("q" = Option<String>, Query, description = "Words that a container's name, pod, image or id must contain"),
        ("state" = Option<String>, Query, description = "As in /api/v1/containers"),
        ("page" = Option<u64>, Query, description = "From 1"),
    ),
    responses((status = 200, description = "A page where `Accept` has text/html, else a text that tells what is served",
        content((String = "text/html"), (String = "text/plain")))))]
pub(super) async fn list(
    State(site): State<Site>,
    headers: HeaderMap,
    words: Result<Query<Words>, QueryRejection>,
) -> Response {
    if !wants_page(&headers) {
        return ([(header::VARY, "accept")], index(&site)).into_response();
    }
    let words = words.map(|Query(words)| words).unwrap_or_default();
    let asked = Asked {
        words: typed(&words.q),
        state: state(&words.state).ok(),
        page: words.page.parse().unwrap_or(1_usize).saturating_sub(1),
    };
    let snapshot = site.published.snapshot.load();
    let waits_for = site.published.waits_for();
    let seen = seen(&site, &snapshot, &waits_for);
    answer::page(StatusCode::OK, page::list(&seen, &asked))
}

/// One container for a browser.
#[utoipa::path(get, path = "/containers/{id}", tag = "pages", operation_id = "container_page", summary = "One container, as a page",
    params(("id" = String, Path, description = "The runtime's id, or its beginning of at least 12 digits")),
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        (status = 404, description = "A page that says why it is not here", body = String, content_type = "text/html"),
    ))]
pub(super) async fn container(State(site): State<Site>, Path(id): Path<String>) -> Response {
    let snapshot = site.published.snapshot.load();
    let waits_for = site.published.waits_for();
    let seen = seen(&site, &snapshot, &waits_for);
    match overview::container(&snapshot, &id) {
        Some(one) => {
            let happened = happened(&site, &one.container.id);
            answer::page(StatusCode::OK, page::container(&seen, &one, &happened))
        }
        None => {
            let happened = happened(&site, &id);
            answer::page(StatusCode::NOT_FOUND, page::missing(&seen, &id, &happened))
        }
    }
}

fn seen<'a>(site: &'a Site, snapshot: &'a Snapshot, waits_for: &'a [&'static str]) -> Seen<'a> {
    Seen {
        snapshot,
        waits_for,
        node: &site.node,
        metrics: site.telemetry_path.trim_start_matches('/'),
        now: SystemTime::now(),
        now_ns: clock::monotonic_ns(),
    }
}

/// The latest events of a container, the latest first.
fn happened(site: &Site, id: &str) -> Vec<Happened> {
    // A pattern would let `*` in an address mean everybody.
    let id = id.replace('*', "");
    let filter = Filter {
        container: Some(id),
        ..Filter::default()
    };
    let page = site.published.history.latest(EVENTS_MAX, &filter);
    let events = page.events.iter().rev().map(|numbered| Happened {
        time: numbered.event.time,
        kind: numbered.event.kind,
        line: numbered.event.line.clone(),
    });
    events.collect()
}

/// Does the client take HTML as such? `*/*` alone is what tools send.
fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = headers.get_all(header::ACCEPT).iter();
    let accepts = accepts.filter_map(|accept| accept.to_str().ok());
    let mut types = accepts.flat_map(|accept| accept.split(','));
    types.any(|kind| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("text/html")
    })
}

/// What there is, for people with a terminal.
fn index(site: &Site) -> String {
    let paths = super::site::PATHS
        .iter()
        .filter(|path| path.starts_with("/api/"));
    let lists: String = paths.map(|path| format!("{path}\n")).collect();
    format!(
        "sealwatch: a page for browsers\n/containers/ID: the same of one container\n{}\n{lists}/healthz /livez /readyz\n",
        site.telemetry_path
    )
}

/// The version that an asset is asked for by.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Version {
    #[serde(default)]
    v: String,
}

type Versioned = Result<Query<Version>, QueryRejection>;

/// The style of the pages.
#[utoipa::path(get, path = "/assets/style.css", tag = "pages", summary = "The style of the pages",
    params(("v" = Option<String>, Query, description = "Its hash, with which it may be kept for ever")),
    responses((status = 200, description = "The style", body = String, content_type = "text/css")))]
pub(super) async fn style(version: Versioned) -> Response {
    asset(&STYLE, "text/css; charset=utf-8", version)
}

/// The script of the pages.
#[utoipa::path(get, path = "/assets/page.js", tag = "pages", summary = "The script of the pages",
    params(("v" = Option<String>, Query, description = "Its hash, with which it may be kept for ever")),
    responses((status = 200, description = "The script", body = String, content_type = "text/javascript")))]
pub(super) async fn script(version: Versioned) -> Response {
    asset(&SCRIPT, "text/javascript; charset=utf-8", version)
}

fn asset(asset: &Asset, content_type: &'static str, version: Versioned) -> Response {
    let asked = version.map(|Query(Version { v })| v).unwrap_or_default();
    let keep = match asked == asset.version() {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let mut answer = answer::typed(content_type, asset.text);
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_bounded_and_have_nothing_that_a_page_may_not_hold() {
        assert_eq!(typed(" web\0\u{85}~1\n"), "web~1");
        assert_eq!(typed(&"é".repeat(300)).chars().count(), WORDS_MAX_CHARS);
    }
}
