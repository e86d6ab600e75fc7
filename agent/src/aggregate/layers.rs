//! What the walker tells of writable layers, and who is who, become what is shown.
//!
//! In: [`Report`]s, the containers that own denials. Out: [`Layers`]. Invariant:
//! pure; no more containers than the settings allow, no two under the same
//! labels; what is left out is counted by its reason. Lacks on purpose: reading
//! anything.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::Labels;
use super::filling::Unshown;
use crate::config::Limits;
use crate::denial::Container;
use crate::layer::{Layer, Report, Unmeasured};

/// One container with a name.
#[derive(Clone, Debug)]
pub struct Layered {
    /// Whose layer.
    pub container: Arc<Container>,
    /// Its name as labels.
    pub labels: Labels,
    /// What it keeps.
    pub layer: Arc<Layer>,
}

/// All that is shown of writable layers at one moment.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// By the runtime's id.
    pub containers: Vec<Layered>,
    /// Containers that are not measured or not shown.
    pub unmeasured: BTreeMap<&'static str, u64>,
}

impl Layers {
    /// Of a report; `owners` are the containers by the runtime's id. Where the
    /// walker is `stuck`, what it told is old, and is not shown.
    pub fn of(
        report: &Report,
        owners: &HashMap<&str, &Arc<Container>>,
        limits: &Limits,
        stuck: bool,
    ) -> Layers {
        let mut layers = Layers::default();
        layers.leave_out(Unshown::ContainerLimit.label(), report.overflow);
        let mut labels = HashSet::new();
        for layer in &report.layers {
            // The others lie in a container that owns all of their denials.
            let Some(container) = owners.get(&*layer.container) else {
                continue;
            };
            let layered = Layered {
                container: Arc::clone(container),
                labels: Labels::of(container),
                layer: Arc::clone(layer),
            };
            let why_not = if !container.described {
                Some(Unshown::Undescribed.label())
            } else if stuck {
                Some(Unmeasured::Stuck.label())
            } else if let Err(why) = layer.kept {
                Some(why.label())
            } else if layers.containers.len() >= limits.containers {
                Some(Unshown::ContainerLimit.label())
            } else if !labels.insert(layered.labels.clone()) {
                Some(Unshown::SameName.label())
            } else {
                None
            };
            match why_not {
                Some(reason) => layers.leave_out(reason, 1),
                None => layers.containers.push(layered),
            }
        }
        layers
    }

    /// Whether it shows the same.
    pub fn is_as(&self, other: &Layers) -> bool {
        let same = |(a, b): (&Layered, &Layered)| a.labels == b.labels && a.layer == b.layer;
        self.unmeasured == other.unmeasured
            && self.containers.len() == other.containers.len()
            && self.containers.iter().zip(&other.containers).all(same)
    }

    fn leave_out(&mut self, reason: &'static str, count: u64) {
        if count > 0 {
            *self.unmeasured.entry(reason).or_default() += count;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::denial::Runtime;
    use crate::layer::Kept;

    /// A layer with so many bytes in it.
    pub(crate) fn layer(id: &str, bytes: u64) -> Layer {
        Layer {
            container: id.into(),
            writable: true,
            kept: Ok(Kept {
                bytes,
                entries: 3,
                truncated: true,
                growth: Some(2.5),
            }),
        }
    }

    #[test]
    fn only_what_is_measured_and_has_a_name_is_shown() {
        let container = |id: &str, name: &str| {
            let mut container = Container::unnamed(id, Runtime::Docker);
            container.name = name.to_owned();
            container.described = !name.is_empty();
            Arc::new(container)
        };
        let named = [
            ("a", "web"),
            ("b", ""),
            ("c", "web"),
            ("d", "db"),
            ("e", "x"),
        ];
        let named = named.map(|(id, name)| container(id, name));
        let owners = named.iter().map(|one| (one.id.as_str(), one)).collect();
        let mut all: Vec<_> = ["a", "b", "c", "d", "e", "inner"]
            .map(|id| layer(id, 4096))
            .into();
        all[3].kept = Err(Unmeasured::NoOverlay);
        let report = Report {
            layers: all.into_iter().map(Arc::new).collect(),
            overflow: 2,
            ..Report::default()
        };
        let limits = Limits {
            containers: 1,
            write_roots_per_container: 1,
            series: 1,
        };
        let shown = Layers::of(&report, &owners, &limits, false);
        assert_eq!(shown.containers.len(), 1);
        assert_eq!(shown.containers[0].labels.container, "web");
        let expected = [
            ("container_limit", 4),
            ("no_overlay", 1),
            ("undescribed", 1),
        ];
        assert_eq!(shown.unmeasured, BTreeMap::from(expected));
        let stuck = Layers::of(&report, &owners, &limits, true);
        assert_eq!(stuck.unmeasured.get("stuck"), Some(&4));
        assert!(!stuck.is_as(&shown) && shown.is_as(&shown.clone()));
    }
}
