//! The state becomes alerts that are told without Prometheus: to Alertmanagers
//! and to webhooks; and refusals become Events on Kubernetes' pods.
//!
//! In: the latest `Snapshot`, time, what an earlier daemon left. Out: requests.
//! Invariant: the hot path waits for nobody here; what is told once is told when
//! it is over as well; a receiver that does not answer keeps nobody else waiting,
//! and is told later what it missed, or the loss is counted. Lacks on purpose:
//! grouping, silences and routes, which are Alertmanager's.
//!
//! `firing` (what is so now), `track` (what has begun and ended), `outbox` (what
//! a receiver still has to be told) and `form` (how) are pure; `run` and `send`
//! are the tasks around them.

mod board;
mod client;
mod delivery;
mod firing;
mod form;
mod kubernetes;
mod outbox;
mod receiver;
mod run;
mod saved;
mod send;
mod track;
mod words;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use client::ClientError;
pub use delivery::{
    Delivery, REASON_QUEUE_FULL, REASON_REFUSED, REASON_UNREADABLE, REASON_UNWRITTEN,
};
pub use receiver::{Answering, answering};
pub use run::{AlertError, Sink, Sources};

/// Most alerts that are told at once; one more tells how many are left out.
pub const ALERTS_MAX: usize = 500;
/// Longest label or annotation, in characters.
const TEXT_MAX_CHARS: usize = 1024;

/// Something that should not be so, now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// Which, and whose: what tells it from others.
    pub labels: BTreeMap<String, String>,
    /// In words.
    pub annotations: BTreeMap<String, String>,
}

impl Alert {
    /// Its name.
    pub fn name(&self) -> &str {
        self.labels
            .get("alertname")
            .map(String::as_str)
            .unwrap_or_default()
    }
}
