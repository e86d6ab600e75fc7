//! Who answers of those that are told of alerts.
//!
//! In: facts. Out: a finding for each. Invariant: where nobody shall be told,
//! there is no finding. Lacks on purpose: telling them anything.

use super::super::facts::Facts;
use super::super::finding::{Check, Finding};
use crate::config::ReceiverKind;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let findings = facts.receivers.iter().map(|one| {
        let (kind, place) = (one.kind.label(), &one.place);
        match &one.outcome {
            Ok(()) => Finding::ok(Check::Receivers, format!("{kind} {place} answers")),
            Err(why) => Finding::degraded(
                Check::Receivers,
                format!("{kind} {place}: {why}"),
                "alerts wait until it answers, and the oldest are dropped past 1,024",
                match one.kind {
                    ReceiverKind::Alertmanager => {
                        "start it, or correct --alertmanager-url: it is the address of its page"
                    }
                    ReceiverKind::Webhook => "start it, or correct --webhook-url",
                },
            ),
        }
    });
    findings.collect()
}
