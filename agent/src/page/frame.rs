//! What all pages share: head, header, footer, the place that is swapped.
//!
//! In: a title and the content. Out: the whole document. Invariant: landmarks,
//! one heading of the first level, a language, a way past the header; without
//! the script the page reloads itself. Lacks on purpose: content.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Seen;
use super::assets::{SCRIPT, STYLE};
use super::words::text;

/// Seconds between reloads where there is no script.
const RELOAD_SECONDS: u32 = 15;
/// A seal, as a data URL since nothing else may be loaded.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%23155e75'/%3E%3Cpath d='M4.5 8.2l2.4 2.4 4.6-5' fill='none' stroke='white' stroke-width='1.8'/%3E%3C/svg%3E";

/// The parts of a page.
pub(super) struct Parts<'a> {
    /// What the window is called.
    pub(super) title: &'a str,
    /// The way from this page to the root, such as `../`.
    pub(super) base: &'a str,
    /// What stays while the rest is swapped, such as a form.
    pub(super) fixed: Markup,
    /// What is swapped when something has changed.
    pub(super) live: Markup,
}

/// The document.
pub(super) fn document(seen: &Seen, parts: Parts) -> String {
    let Parts {
        title,
        base,
        fixed,
        live,
    } = parts;
    let home = if base.is_empty() { "./" } else { base };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Sealwatch" }
                link rel="icon" href=(PreEscaped(ICON));
                link rel="stylesheet" href=(STYLE.href(base));
                script src=(SCRIPT.href(base)) data-base=(base) defer {}
                noscript { meta http-equiv="refresh" content=(RELOAD_SECONDS); }
            }
            body {
                a class="skip" href="#main" { "Skip to the content" }
                header class="top" {
                    a class="brand" href=(home) { "Sealwatch" }
                    span class="node" { (text(seen.node)) }
                    div class="status" {
                        noscript { "reloads every " (RELOAD_SECONDS) " s" }
                        span id="status" role="status" hidden {}
                        button id="pause" type="button" hidden { "Pause" }
                    }
                }
                main id="main" tabindex="-1" {
                    (fixed)
                    div id="live" { (live) }
                }
                footer {
                    nav aria-label="Machine-readable" {
                        a href={ (base) "api/v1/containers" } { "API" } " "
                        a href={ (base) "api/v1/openapi.json" } { "OpenAPI" } " "
                        a href={ (base) (seen.metrics) } { "metrics" }
                    }
                    span { "Sealwatch " (env!("CARGO_PKG_VERSION")) }
                }
            }
        }
    };
    page.into_string()
}
