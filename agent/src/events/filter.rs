//! Which events somebody wants.
//!
//! In: a [`Filter`], an [`Event`]. Out: whether it is wanted. Invariant: pure; a
//! part that is not given lets everything pass. Lacks on purpose: parsing.

use std::time::SystemTime;

use super::Event;
use crate::config::fits;
use crate::denial::{Cause, Lsm};

/// What is wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of these containers, as [`fits`] reads it.
    pub container: Option<String>,
    /// Refused for this cause.
    pub cause: Option<Cause>,
    /// Refused by this security module.
    pub lsm: Option<Lsm>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Not before this time.
    pub since: Option<SystemTime>,
}

impl Filter {
    /// Is it wanted?
    pub fn wants(&self, event: &Event) -> bool {
        let of_container = |pattern: &String| {
            let container = event.container.as_ref();
            container.is_some_and(|container| fits(pattern, container))
        };
        self.container.as_ref().is_none_or(of_container)
            && self.cause.is_none_or(|cause| event.cause == Some(cause))
            && self.lsm.is_none_or(|lsm| event.lsm == Some(lsm))
            && self.kind.as_ref().is_none_or(|kind| kind == event.kind)
            && self.since.is_none_or(|since| event.time >= since)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::denial::{Container, Runtime};

    #[test]
    fn each_part_must_fit_if_it_is_given() {
        let container = Container {
            name: "web".to_owned(),
            ..Container::unnamed(&"1".repeat(64), Runtime::Docker)
        };
        let event = Event {
            kind: super::super::DENIAL,
            time: UNIX_EPOCH + Duration::from_secs(9),
            container: Some(Arc::new(container)),
            cause: Some(Cause::Lsm),
            lsm: Some(Lsm::Apparmor),
            line: String::new(),
        };
        let any = Filter::default();
        let since = |seconds| Some(UNIX_EPOCH + Duration::from_secs(seconds));
        #[rustfmt::skip]
        let cases = [
            (any.clone(), true),
            (Filter { container: Some("w*".into()), ..any.clone() }, true),
            (Filter { container: Some("db".into()), ..any.clone() }, false),
            (Filter { cause: Some(Cause::Lsm), ..any.clone() }, true),
            (Filter { cause: Some(Cause::Quota), ..any.clone() }, false),
            (Filter { lsm: Some(Lsm::Selinux), ..any.clone() }, false),
            (Filter { kind: Some("denial".into()), ..any.clone() }, true),
            (Filter { kind: Some("degraded".into()), ..any.clone() }, false),
            (Filter { since: since(9), ..any.clone() }, true),
            (Filter { since: since(10), ..any.clone() }, false),
            (Filter { cause: Some(Cause::Lsm), since: since(10), ..any }, false),
        ];
        for (filter, wanted) in cases {
            assert_eq!(filter.wants(&event), wanted, "{filter:?}");
        }
        let nobodys = Event {
            container: None,
            ..event
        };
        let of_any = Filter {
            container: Some("*".into()),
            ..Filter::default()
        };
        assert!(!of_any.wants(&nobodys));
    }
}
