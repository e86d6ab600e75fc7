//! Questions for lists become lists.
//!
//! In: a query. Out: JSON of the latest snapshot. Invariant: a list is bounded,
//! and a part of it can be asked for; a part of the query that nobody knows is
//! refused by name, since a filter that is not heeded would mislead. Lacks on
//! purpose: the lists' shapes, which `report` has.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::answer::{bad, json, misread};
use super::site::Site;
use crate::denial::escape;
use crate::overview::{self, State as Standing};
use crate::report::{self, Page, breach, containers, degraded, layers, posture, tmpfs};

/// Longest part of a list that can be asked for.
const LIMIT_MAX: usize = 10_000;

/// Which part of a list is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// Most entries of each list; all that are kept if not given.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// Entries left out at the beginning; the list may have changed since the part before.
    offset: Option<usize>,
}

/// Which containers are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Most entries; all that are known if not given.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// Entries left out at the beginning; the list may have changed since the part before.
    offset: Option<usize>,
    /// In this state: `failing_to_start`, `degraded`, `pressure`, `refused`,
    /// `writable_root`, `unknown` or `sealed`.
    state: Option<String>,
}

type Queried<T> = Result<Query<T>, QueryRejection>;

fn page_of(limit: Option<usize>, offset: Option<usize>) -> Result<Page, String> {
    match limit {
        Some(limit) if !(1..=LIMIT_MAX).contains(&limit) => {
            Err(format!("limit: use a number from 1 to {LIMIT_MAX}"))
        }
        Some(_) | None => Ok(Page { offset, limit }),
    }
}

fn part(queried: Queried<Paging>) -> Result<Page, String> {
    let Query(Paging { limit, offset }) =
        queried.map_err(|rejection| misread(&rejection.body_text()))?;
    page_of(limit, offset)
}

/// The state of that name.
pub(super) fn state(name: &str) -> Result<Standing, String> {
    let all = Standing::ALL;
    let found = all.iter().find(|state| state.label() == name);
    let names = || all.map(Standing::label).join(", ");
    found
        .copied()
        .ok_or_else(|| format!("state: use one of {}", names()))
}

/// One handler per list, with what the document says of it.
macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident $path:literal $summary:literal $body:ty = $list:expr;)+) => {$(
        $(#[$doc])*
        #[utoipa::path(get, path = $path, tag = "lists", params(Paging), summary = $summary,
            responses(
                (status = 200, description = "The list", body = $body),
                (status = 400, description = "What is wrong with the query, and what would do", body = String, content_type = "text/plain"),
            ))]
        pub(super) async fn $name(State(site): State<Site>, queried: Queried<Paging>) -> Response {
            match part(queried) {
                Ok(page) => json($list(&site.published.snapshot.load(), page)),
                Err(what) => bad(what),
            }
        }
    )+};
}

lists! {
    /// Recent denials with cause, evidence and remedy, and recent kills.
    denials "/api/v1/denials" "What was refused lately" report::Listing<'static>
        = report::listing;
    /// Write roots that keep failing, and workloads that fail to start.
    degraded_list "/api/v1/degraded" "Who is degraded or fails to start" degraded::Listing<'static>
        = degraded::listing;
    /// Mounts, users and findings.
    postures "/api/v1/posture" "How the containers stand" posture::Listing<'static>
        = posture::listing;
    /// Used, limit, time to full and pressure of each mount.
    tmpfs_list "/api/v1/tmpfs" "How full tmpfs mounts are" tmpfs::Listing<'static>
        = tmpfs::listing;
    /// Bytes and entries of each layer.
    layer_list "/api/v1/layers" "What writable layers keep" layers::Listing<'static>
        = layers::listing;
    /// Counted only while a container is watched.
    inventory "/api/v1/inventory" "What was written with success" report::InventoryListing<'static>
        = report::inventory;
    /// Contracts, whose they are, and the writes outside of them.
    breach_list "/api/v1/breaches" "Writes outside of contracts" breach::Listing<'static>
        = breach::listing;
}

/// Every container in short, the worst first.
#[utoipa::path(get, path = "/api/v1/containers", tag = "containers", operation_id = "containers", params(Asked),
    summary = "The containers of this node and how they are",
    responses(
        (status = 200, description = "The list, the worst first", body = containers::Listing<'static>),
        (status = 400, description = "What is wrong with the query, and what would do", body = String, content_type = "text/plain"),
    ))]
pub(super) async fn all(State(site): State<Site>, queried: Queried<Asked>) -> Response {
    let asked = match queried {
        Ok(Query(asked)) => asked,
        Err(rejection) => return bad(misread(&rejection.body_text())),
    };
    let wanted = asked.state.as_deref().map(state).transpose();
    let wanted = wanted.and_then(|state| Ok((state, page_of(asked.limit, asked.offset)?)));
    match wanted {
        Ok((state, page)) => json(containers::listing(
            &site.published.snapshot.load(),
            state,
            page,
        )),
        Err(what) => bad(what),
    }
}

/// All that is known of one container.
#[utoipa::path(get, path = "/api/v1/containers/{id}", tag = "containers", operation_id = "container",
    summary = "One container with all that is known of it",
    params(("id" = String, Path, description = "The runtime's id, or its beginning of at least 12 digits")),
    responses(
        (status = 200, description = "The container", body = containers::Detail<'static>),
        (status = 404, description = "No container has this id, or it is gone", body = String, content_type = "text/plain"),
    ))]
pub(super) async fn one(State(site): State<Site>, Path(id): Path<String>) -> Response {
    let snapshot = site.published.snapshot.load();
    match overview::container(&snapshot, &id) {
        Some(one) => json(containers::detail(&one, &snapshot)),
        None => {
            let what = format!(
                "id: no container {} is here or ended lately; /api/v1/containers lists them\n",
                escape(id.as_bytes())
            );
            (StatusCode::NOT_FOUND, what).into_response()
        }
    }
}

/// What is attached, who answers, what was lost.
#[utoipa::path(get, path = "/api/v1/status", tag = "operations", summary = "How the daemon is, and what it does not measure",
    responses((status = 200, description = "The state", body = report::status::Listing<'static>)))]
pub(super) async fn status(State(site): State<Site>) -> Response {
    let waits_for = site.published.waits_for();
    let server = report::status::Server {
        node: site.node.as_bytes(),
        run: site.published.history.spot(0).run.unwrap_or_default(),
        waits_for: &waits_for,
    };
    let snapshot = site.published.snapshot.load();
    json(report::status::listing(&snapshot, &server))
}
