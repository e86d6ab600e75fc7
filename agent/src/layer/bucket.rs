//! Time becomes how many entries may be looked at.
//!
//! In: times, amounts. Out: whether to go on or how long to wait. Invariant:
//! pure; over any second or longer no more than the rate and one burst is
//! given. Lacks on purpose: waiting.

/// A token bucket. A token is one entry.
#[derive(Clone, Debug)]
pub struct Bucket {
    per_second: u64,
    /// In billionths of a token, so that none is lost to rounding.
    left: u64,
    filled_ns: u64,
}

const TOKEN: u64 = 1_000_000_000;

impl Bucket {
    /// Full, with a quarter of a second's tokens.
    pub fn new(per_second: u64, now_ns: u64) -> Bucket {
        let mut bucket = Bucket {
            per_second: per_second.max(1),
            left: 0,
            filled_ns: now_ns,
        };
        bucket.left = bucket.most();
        bucket
    }

    fn most(&self) -> u64 {
        (self.per_second.saturating_mul(TOKEN) / 4).max(TOKEN)
    }

    /// Takes one token, or tells for how many nanoseconds there is none.
    pub fn take(&mut self, now_ns: u64) -> Result<(), u64> {
        let passed_ns = now_ns.saturating_sub(self.filled_ns);
        let earned = passed_ns.saturating_mul(self.per_second);
        self.left = self.left.saturating_add(earned).min(self.most());
        self.filled_ns = self.filled_ns.max(now_ns);
        match self.left.checked_sub(TOKEN) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err((TOKEN - self.left).div_ceil(self.per_second)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_rate_and_a_burst_is_given() {
        let mut bucket = Bucket::new(100, 0);
        let mut given = 0;
        for at in 0..10_000 {
            given += u64::from(bucket.take(at * 1_000_000).is_ok());
        }
        assert_eq!(given, 25 + 999);
    }

    #[test]
    fn who_waits_as_told_gets_one() {
        let mut bucket = Bucket::new(3, 0);
        assert_eq!(bucket.take(0), Ok(()));
        let wait_ns = bucket.take(0).unwrap_err();
        assert!(bucket.take(wait_ns - 1).is_err());
        assert_eq!(bucket.take(wait_ns), Ok(()));
        // A clock that goes back gives nothing.
        assert!(bucket.take(0).is_err());
    }
}
