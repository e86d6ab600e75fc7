//! Ends of containers become the list of those that have ended lately.
//!
//! In: lives, names. Out: [`Ended`]s, the latest first. Invariant: at most
//! [`ENDED_MAX`]; a container that runs again is none of them. Lacks on purpose:
//! why it ended, which `degrade` judges.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Now;
use crate::aggregate::Ended;
use crate::denial::Container;
use crate::identity::Life;

/// Most that are remembered; the list is for those who look for one that is gone.
const ENDED_MAX: usize = 512;

/// The list.
#[derive(Debug, Default)]
pub(super) struct Ends {
    latest: VecDeque<Ended>,
    shown: Arc<[Ended]>,
}

impl Ends {
    /// Takes in what has happened; true where the list has changed.
    pub(super) fn tell<'a>(
        &mut self,
        lives: &[Life],
        named: impl Fn(&str) -> Option<&'a Arc<Container>>,
        now: Now,
    ) -> bool {
        let mut changed = false;
        for life in lives {
            let (Life::Begun { container, .. } | Life::Ended { container }) = life;
            let before = self.latest.len();
            self.latest.retain(|ended| ended.id != *container);
            changed |= self.latest.len() < before;
            if let Life::Ended { container } = life {
                self.latest.push_front(Ended {
                    id: Arc::clone(container),
                    container: named(container).cloned(),
                    time: now.wall,
                });
                self.latest.truncate(ENDED_MAX);
                changed = true;
            }
        }
        if changed {
            self.shown = self.latest.iter().cloned().collect();
        }
        changed
    }

    /// The latest first.
    pub(super) fn shown(&self) -> Arc<[Ended]> {
        Arc::clone(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::denial::CgroupId;

    #[test]
    fn the_latest_come_first_and_who_runs_again_leaves() {
        let mut ends = Ends::default();
        let ended = |id: usize| Life::Ended {
            container: id.to_string().into(),
        };
        let lives: Vec<Life> = (0..2 * ENDED_MAX).map(ended).collect();
        let now = Now::read();
        assert!(ends.tell(&lives, |_| None, now));
        let ids = |ends: &Ends| ends.shown().iter().map(|one| one.id.to_string()).collect();
        let shown: Vec<String> = ids(&ends);
        assert_eq!(shown.len(), ENDED_MAX);
        assert_eq!(shown[0], (2 * ENDED_MAX - 1).to_string());
        let begun = Life::Begun {
            container: shown[0].as_str().into(),
            cgroup: CgroupId(1),
            home: Arc::new([]),
            born_ns: None,
        };
        assert!(ends.tell(std::slice::from_ref(&begun), |_| None, now));
        assert_eq!(ids(&ends) as Vec<String>, shown[1..]);
        assert!(!ends.tell(&[begun], |_| None, now));
    }
}
