//! How telling of alerts goes, as families.
//!
//! In: [`Alerts`]. Out: families, in the catalog's order. Invariant: where nobody
//! is told, there is no series. Lacks on purpose: the alerts, which Prometheus
//! makes of the other metrics.

use super::{Family, value};
use crate::aggregate::{Alerts, KubernetesEvents};
use crate::catalog;

pub(super) fn families(alerts: &Alerts) -> Vec<Family> {
    let events = alerts.events.as_ref().map(of_events);
    if alerts.receivers.is_empty() {
        return events.into_iter().collect();
    }
    let mut sent = Family::new(catalog::ALERTS_SENT);
    let mut failed = Family::new(catalog::ALERT_REQUESTS_FAILED);
    let mut waiting = Family::new(catalog::ALERTS_WAITING);
    let mut up = Family::new(catalog::ALERT_RECEIVER_UP);
    for one in &alerts.receivers {
        let receiver = value(&one.receiver);
        let labels = [one.kind, &*receiver];
        sent.add(labels, one.sent as f64);
        failed.add(labels, one.failed as f64);
        waiting.add(labels, one.waiting as f64);
        up.add(labels, f64::from(u8::from(one.up)));
    }
    let mut families = vec![
        Family::single(catalog::ALERTS_ACTIVE, alerts.firing as f64),
        Family::single(catalog::ALERTS_LEFT_OUT, alerts.left_out as f64),
        sent,
        failed,
        waiting,
        up,
    ];
    families.extend(events);
    families
}

fn of_events(events: &KubernetesEvents) -> Family {
    let mut family = Family::new(catalog::KUBERNETES_EVENTS);
    for (outcome, count) in [
        ("created", events.created),
        ("updated", events.updated),
        ("limited", events.limited),
        ("failed", events.failed),
    ] {
        family.add([outcome], count as f64);
    }
    family
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::aggregate::ReceiverState;

    /// One receiver that does not answer.
    pub(in crate::metrics) fn shown() -> Alerts {
        Alerts {
            receivers: vec![ReceiverState {
                kind: "webhook",
                receiver: "hooks:443".to_owned(),
                sent: 2,
                failed: 1,
                waiting: 1,
                up: false,
            }],
            firing: 1,
            left_out: 0,
            events: Some(KubernetesEvents::default()),
        }
    }

    #[test]
    fn who_tells_nobody_has_no_series() {
        assert!(families(&Alerts::default()).is_empty());
        assert_eq!(families(&shown()).len(), 7);
    }
}
