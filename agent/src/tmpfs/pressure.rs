//! How full something is becomes a state that does not flicker.
//!
//! In: shares of a limit. Out: [`Pressure`]. Invariant: pure; a state is left at
//! a lower share than it is entered at. Lacks on purpose: time.

/// From here on something is near its limit.
pub(super) const NEAR: f64 = 0.80;
const NEAR_UNTIL: f64 = 0.75;
const FULL: f64 = 0.995;
const FULL_UNTIL: f64 = 0.97;

/// How near its limit something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pressure {
    /// There is room.
    #[default]
    Calm,
    /// 80 % and more; until it falls below 75 %.
    Near,
    /// 99.5 % and more; until it falls below 97 %.
    Full,
}

impl Pressure {
    /// Every member.
    pub const ALL: [Pressure; 3] = [Pressure::Calm, Pressure::Near, Pressure::Full];

    /// The name used in metrics and reports.
    pub const fn label(self) -> &'static str {
        match self {
            Pressure::Calm => "calm",
            Pressure::Near => "near",
            Pressure::Full => "full",
        }
    }

    /// What follows when the share becomes `share`.
    pub fn next(self, share: f64) -> Pressure {
        let (near, full) = match self {
            Pressure::Calm => (NEAR, FULL),
            Pressure::Near => (NEAR_UNTIL, FULL),
            Pressure::Full => (NEAR_UNTIL, FULL_UNTIL),
        };
        if share >= full {
            Pressure::Full
        } else if share >= near {
            Pressure::Near
        } else {
            Pressure::Calm
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_left_later_than_entered() {
        use Pressure::{Calm, Full, Near};
        let shares = [
            0.5, 0.79, 0.8, 0.76, 0.74, 0.79, 1.0, 0.98, 0.96, 0.76, 1.2, 0.1,
        ];
        let expected = [
            Calm, Calm, Near, Near, Calm, Calm, Full, Full, Near, Near, Full, Calm,
        ];
        let mut state = Calm;
        let seen = shares.map(|share| {
            state = state.next(share);
            state
        });
        assert_eq!(seen, expected);
    }
}
