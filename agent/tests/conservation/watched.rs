//! A container, and which of its refusals a daemon must, may or cannot have counted.
//!
//! In: its life, and what happened to daemons meanwhile. Out: [`Expected`]. Invariant:
//! what is not known is a range, never a guess. Lacks on purpose: the daemon.

use super::life::Life;
use super::model::Expected;
use super::refusals::ROWS;

/// Characters of a container's id in labels.
const SHORT: usize = 12;

/// A container, and what is known of its counts.
pub struct Watched {
    /// The container.
    pub life: Life,
    /// Refusals of each row that no daemon can have counted.
    pub never: [u64; ROWS],
    /// Refusals of each row that none need have counted.
    pub maybe: [u64; ROWS],
    /// Refusals of each row when a daemon was last about to go.
    left: [u64; ROWS],
    /// Counts more or less that a change of programs under way may make.
    pub slack: [u64; ROWS],
    /// Refusals that may have been made and are on no board.
    pub unsure: [u64; ROWS],
    /// See [`Expected::orphaned`].
    pub orphaned: bool,
}

impl Watched {
    /// Nothing is known yet.
    pub fn of(life: Life) -> Watched {
        Watched {
            life,
            never: [0; ROWS],
            maybe: [0; ROWS],
            left: [0; ROWS],
            slack: [0; ROWS],
            unsure: [0; ROWS],
            orphaned: false,
        }
    }

    /// A daemon is about to go.
    pub fn is_left(&mut self) {
        self.left = self.life.refused();
    }

    /// A daemon is ready. Without a predecessor whose programs stayed it need not have
    /// counted anything so far; where only `part` of them stayed, nothing since then.
    pub fn is_met(&mut self, part: bool) {
        let left = if part { self.left } else { [0; ROWS] };
        let before = if part { self.maybe } else { [0; ROWS] };
        let done = self.life.refused();
        self.maybe = std::array::from_fn(|row| {
            let underway = u64::from(self.life.flooding() == Some(row));
            before[row] + done[row] - left[row] + underway
        });
    }

    /// What the daemon must and may tell of it, from now on.
    pub fn expected(&self) -> Expected {
        let life = &self.life;
        let mut names: Vec<String> = life.name.iter().cloned().collect();
        names.push(life.id.chars().take(SHORT).collect());
        let done = life.refused();
        Expected {
            names,
            orphaned: self.orphaned,
            rows: std::array::from_fn(|row| {
                let underway = u64::from(life.flooding() == Some(row));
                let most = done[row] + underway + self.unsure[row] + self.slack[row];
                let least = done[row].saturating_sub(self.maybe[row] + self.slack[row]);
                least..=most - self.never[row]
            }),
        }
    }
}
