//! All families of containers' state together become no more series than allowed.
//!
//! In: families, the most series that they may have. Out: the same, cut, and how
//! many series were left out. Invariant: who was there first by name stays, and
//! mounts go before anything else; denials and tmpfs mounts are bounded already,
//! each by the same number, so a scrape has at most four times as many series as
//! that, and the daemon's own. Lacks on purpose: an `_other` series, since states
//! cannot be added up.

use super::Family;
use crate::catalog;

/// Bounded where they are counted or read.
const BOUNDED: [&catalog::Metric; 12] = [
    catalog::DENIALS,
    catalog::WRITE_ROOT_DENIALS,
    catalog::TMPFS_USED_BYTES,
    catalog::TMPFS_LIMIT_BYTES,
    catalog::TMPFS_USED_INODES,
    catalog::TMPFS_LIMIT_INODES,
    catalog::TMPFS_TIME_TO_FULL,
    catalog::TMPFS_PRESSURE,
    catalog::TMPFS_UNBOUNDED,
    catalog::CONTAINER_TMPFS_BYTES,
    catalog::CONTAINER_MEMORY_LIMIT,
    catalog::CONTAINER_TMPFS_RATIO,
];

/// Is it of a container, and bounded nowhere else?
fn is_state(metric: &catalog::Metric) -> bool {
    let of_container = metric.labels.first() == Some(&"namespace");
    of_container && BOUNDED.iter().all(|bounded| bounded.name != metric.name)
}

/// Cuts the families in place; tells how many series that left out.
pub(super) fn cut(families: &mut [Family], series_max: usize) -> usize {
    let mut states: Vec<&mut Family> = families
        .iter_mut()
        .filter(|family| is_state(family.metric))
        .collect();
    states.sort_by_key(|family| family.metric.name == catalog::MOUNT_INFO.name);
    let mut room = series_max;
    let mut left_out = 0;
    for family in states {
        left_out += family.truncate(room);
        room -= family.len().min(room);
    }
    left_out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(metric: &'static catalog::Metric, rows: usize) -> Family {
        let mut family = Family::new(metric);
        for row in 0..rows {
            let name = format!("c{row:03}");
            let mut values = vec![""; metric.labels.len()];
            values[2] = &name;
            family.add(values, 1.0);
        }
        family
    }

    fn lengths(families: &[Family]) -> Vec<usize> {
        families.iter().map(Family::len).collect()
    }

    #[test]
    fn mounts_go_first_and_the_last_names_next() {
        let some = || {
            vec![
                family(catalog::CONTAINER_INFO, 10),
                family(catalog::DENIALS, 50),
                family(catalog::MOUNT_INFO, 20),
                family(catalog::FINDINGS, 10),
                family(catalog::TMPFS_PRESSURE, 30),
            ]
        };
        for (max, expected, left_out) in [
            (40, [10, 50, 20, 10, 30], 0),
            (39, [10, 50, 19, 10, 30], 1),
            (20, [10, 50, 0, 10, 30], 20),
            (13, [10, 50, 0, 3, 30], 27),
            (0, [0, 50, 0, 0, 30], 40),
        ] {
            let mut families = some();
            assert_eq!(cut(&mut families, max), left_out);
            assert_eq!(lengths(&families), expected, "{max}");
            let names = families[0].labels().map(|values| values[2].to_owned());
            assert!(names.is_sorted());
        }
    }

    #[test]
    fn every_metric_of_a_container_is_bounded_here_or_elsewhere() {
        for bounded in BOUNDED {
            assert_eq!(
                bounded.labels.first(),
                Some(&"namespace"),
                "{}",
                bounded.name
            );
        }
        let states = catalog::metrics().filter(|metric| is_state(metric)).count();
        let of_containers =
            catalog::metrics().filter(|metric| metric.labels.contains(&"container"));
        assert_eq!(states + BOUNDED.len(), of_containers.count());
    }
}
