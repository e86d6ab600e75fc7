//! A container that is not here: why, as far as is known.
//!
//! In: the id asked for, when it ended, what happened. Out: the page of an
//! answer that says so. Invariant: nothing is claimed of a container that nobody
//! remembers. Lacks on purpose: the container.

use maud::html;

use super::frame::{Parts, document};
use super::words::{ago, place, text};
use super::{Happened, Seen, happened};

/// The page. `happened` are the events that are kept of it.
pub fn page(seen: &Seen, id: &str, happened: &[Happened]) -> String {
    let ended = seen.snapshot.ended.iter().find(|one| *one.id == *id);
    let container = ended.and_then(|one| one.container.as_deref());
    let live = html! {
        @if let Some(ended) = ended {
            p { "It ended " (ago(ended.time, seen.now)) ". What is known of a container leaves two minutes after its end." }
        } @else if !happened.is_empty() {
            p { "It is gone; of it only events are kept." }
        } @else {
            p { "No container of this node has this id, and none that ended lately had it. It may run on another node, or it was never seen." }
        }
        @if !happened.is_empty() { (happened::section(happened, seen.now)) }
        p { a href="../" { "All containers of this node" } }
    };
    let fixed = html! {
        nav class="crumbs" aria-label="Where you are" { a href="../" { "All containers" } }
        h1 {
            @match container {
                Some(container) => { (text(&container.name)) " is gone" }
                None => { "No such container" }
            }
        }
        @if let Some(place) = container.and_then(place) { p class="place" { (place) } }
        p class="place" { code { (text(id)) } }
    };
    let parts = Parts {
        title: "No such container",
        base: "../",
        fixed,
        live,
    };
    document(seen, parts)
}
