//! The types that are served become the document that describes them.
//!
//! In: the handlers' and the types' own descriptions. Out: OpenAPI 3.1 as JSON.
//! Invariant: derived, never written by hand; what is routed is in it and
//! nothing else, which a test holds. Lacks on purpose: other versions.

use axum::extract::State;
use axum::response::Response;
use utoipa::OpenApi;
use utoipa::openapi::{RefOr, ResponseBuilder};

use super::answer::json;
use super::site::Site;
use super::{api, changes, events, pages, site, watches};
use crate::events::Denied;
use crate::record::{BreachEvent, DegradedRecord, KillRecord, StartRecord, StateEvent};

/// Where metrics are unless somebody says otherwise.
const METRICS: &str = "/metrics";
/// Where there is no room.
const NO_ROOM: &str = "503";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Sealwatch",
        description = "What a node's containers are refused, why, and what to change. Everything may be read by whoever reaches the address; commands are taken from the unix socket alone. A field is added, never changed, within one `version` of an answer; `null` is what is not known or not measured, never zero. What is wrong with a question is told in plain text, with the fix.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        pages::list, pages::container, pages::style, pages::script,
        site::alive, site::live, site::ready, site::serve_metrics, api::status,
        api::all, api::one,
        api::denials, api::degraded_list, api::postures, api::tmpfs_list, api::layer_list,
        api::inventory, api::breach_list,
        events::page, events::stream, changes::stream,
        watches::begin,
        document,
    ),
    components(schemas(
        BreachEvent<'static>, Denied<'static>, KillRecord<'static>, StateEvent<DegradedRecord<'static>>,
        StateEvent<StartRecord<'static>>,
    )),
    tags(
        (name = "containers", description = "The containers and how they are"),
        (name = "lists", description = "One kind of knowledge of all containers"),
        (name = "events", description = "What happens, as it happens"),
        (name = "commands", description = "What changes state; by the unix socket alone"),
        (name = "operations", description = "Health and metrics"),
        (name = "pages", description = "For a browser"),
    )
)]
struct Document;

/// The document, with the metrics where they are.
pub(super) fn of(telemetry_path: &str) -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    let paths = &mut document.paths.paths;
    if let Some(metrics) = paths.remove(METRICS) {
        paths.insert(telemetry_path.to_owned(), metrics);
    }
    // Whatever is asked for, there may be no room for the answer.
    for path in site::PATHS {
        let operation = paths.get_mut(*path).and_then(|item| item.get.as_mut());
        if let Some(operation) = operation {
            let answers = &mut operation.responses.responses;
            answers.entry(NO_ROOM.to_owned()).or_insert_with(no_room);
        }
    }
    document
}

fn no_room() -> RefOr<utoipa::openapi::Response> {
    let what = "Too much is asked for at once; `Retry-After` tells when to try again";
    ResponseBuilder::new().description(what).build().into()
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "operations", summary = "This document",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
pub(super) async fn document(State(site): State<Site>) -> Response {
    json(serde_json::to_string(&of(&site.telemetry_path)))
}
