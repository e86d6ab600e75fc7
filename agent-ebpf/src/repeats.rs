//! Which samples are repeated, where too many are due.
//!
//! In: a word that tells of the second, how many were due in it, a random number.
//! Out: the next word, and whether one is taken. Invariant: pure; the first sample
//! of a counter is not asked about here, and is always taken. Lacks on purpose:
//! the words themselves, which are statistics ([`crate::wire::Stat`]).

/// Samples of counters that have had one already, in a second and of all
/// containers together: what the daemon explains by a hundredth of a core. More
/// would tell nobody more, as their counters go on; and a thousand containers
/// with four counters each would keep it busy.
pub const REPEATS_PER_SECOND: u32 = 256;

/// The word that tells of samples in the second of `now_ns`, where `word` is of an
/// earlier one: the second in the upper half; in the lower how many were due in the
/// second before, which `due` is where that was the last one told of.
#[inline(always)]
pub fn next_second(word: u64, now_ns: u64, due: u64) -> Option<u64> {
    let second = (now_ns / 1_000_000_000) & 0xffff_ffff;
    let told = word >> 32;
    if told == second {
        return None;
    }
    let before = if told + 1 == second {
        due & 0xffff_ffff
    } else {
        0
    };
    Some(second << 32 | before)
}

/// Is a sample that is due taken, where its counter has had one? Where too many
/// are, it is drawn by lot: were it the first of each second, it would be the same
/// ones every time.
#[inline(always)]
pub fn is_drawn(word: u64, random: u32) -> bool {
    let due = word as u32;
    due <= REPEATS_PER_SECOND || random % due < REPEATS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_samples_are_few_and_of_every_counter() {
        // Four thousand counters, each of which has a sample due every second.
        let (mut word, mut random, mut last) = (0, 1_u32, 0);
        let mut taken = std::vec![0_u32; 4000];
        for second in 7..107_u64 {
            let (mut due, mut all) = (0, 0);
            for (number, count) in taken.iter_mut().enumerate() {
                let now_ns = second * 1_000_000_000 + number as u64;
                if let Some(next) = next_second(word, now_ns, last) {
                    word = next;
                }
                due += 1;
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if is_drawn(word, random >> 4) {
                    *count += 1;
                    all += 1;
                }
            }
            last = due;
            assert!(second == 7 || (150..400).contains(&all), "{second}: {all}");
        }
        let never = taken.iter().filter(|count| **count <= 1).count();
        assert!(never < 100, "{never}");
    }

    #[test]
    fn few_samples_are_all_taken() {
        let word = next_second(0, 5_000_000_000, 9).unwrap();
        assert_eq!(word, 5 << 32);
        assert_eq!(next_second(word, 5_999_999_999, 9), None);
        assert_eq!(next_second(word, 6_000_000_000, 9), Some(6 << 32 | 9));
        assert_eq!(next_second(word, 8_000_000_000, 9), Some(8 << 32));
        let busy = 6 << 32 | u64::from(REPEATS_PER_SECOND);
        assert!((0..1000).all(|random| is_drawn(busy, random)));
    }
}
