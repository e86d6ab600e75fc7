//! Texts become answers.
//!
//! In: a text, or why there is none. Out: an answer with its type. Invariant:
//! what went wrong is told in plain text that names what was asked and what
//! would do; a page may load nothing but its own style, script and data, and
//! nobody may put it into a frame. Lacks on purpose: what the texts say.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::denial::escape;

/// What a page may do: its own style and script, asking its own daemon, no more.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A text of some type.
pub(super) fn typed(content_type: &'static str, text: impl Into<Body>) -> Response {
    let content_type = HeaderValue::from_static(content_type);
    ([(header::CONTENT_TYPE, content_type)], text.into()).into_response()
}

/// A list.
pub(super) fn json(text: Result<String, serde_json::Error>) -> Response {
    match text {
        Ok(text) => typed("application/json", text),
        Err(error) => failed(&error),
    }
}

/// A page.
pub(super) fn page(status: StatusCode, text: String) -> Response {
    let mut answer = typed("text/html; charset=utf-8", text);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// The question was wrong; `what` names the part and the fix.
pub(super) fn bad(what: impl std::fmt::Display) -> Response {
    (StatusCode::BAD_REQUEST, format!("{what}\n")).into_response()
}

/// The parser's words, which may hold words of the question: on one printable line.
pub(super) fn misread(words: &str) -> String {
    escape(words.as_bytes())
}

/// There is no answer, through no fault of the question.
pub(super) fn failed(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "a request has no answer");
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
}

/// Nothing is there.
pub(super) async fn nowhere() -> Response {
    let what = "nothing is served there; / and /api/v1/openapi.json tell what is\n";
    (StatusCode::NOT_FOUND, what).into_response()
}

/// Something is there, but not for this method.
pub(super) async fn no_such_method() -> Response {
    let what = "only GET does here; commands are taken from the unix socket alone\n";
    (StatusCode::METHOD_NOT_ALLOWED, what).into_response()
}

/// No browser may take an answer for anything but what it says it is.
pub(super) async fn no_sniffing(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    answer
}
