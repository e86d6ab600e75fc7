//! What was measured against a committed baseline.
//!
//! In: a [`Measured`], the text of the baseline. Out: what is worse than allowed, in
//! words. Invariant: ratios are compared, never absolute figures: the kernel that a
//! mirror offers moves on. And of the cheapest batches, into which nothing else fell: with
//! a gate's few batches even the median may be of one that the kernel's own work is in. Lacks on purpose: a baseline for operations that differ from
//! run to run by more than a program would add.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

use super::Measured;

/// Ratios to nothing attached, by operation.
pub type Baseline = BTreeMap<String, f64>;

/// By how much a ratio may exceed its baseline: repeated runs differ by far less, and one
/// more program on an operation's way adds more than five times as much.
pub const NOISE: f64 = 0.005;
/// The share of what is added that it may exceed it by as well: with nothing attached, an
/// operation differs by 2 % from one make of the guest to another.
const NOISE_OF_ADDED: f64 = 0.04;

/// Operations that are not watched at all: nothing may be added to them.
const UNWATCHED: [&str; 2] = ["getppid", "stat"];
/// The counter is read once per batch: less than this share of a call is nothing.
const EXACT: f64 = 0.0005;

/// Ratios of the fexit backend, as the baseline has them.
///
/// # Errors
/// Something was not measured.
pub fn ratios(measured: &Measured, operations: &[&str]) -> Result<Baseline> {
    let ratio = |operation: &&str| {
        let ratio = measured.least("fexit", operation)? / measured.least("nothing", operation)?;
        Ok((
            (*operation).to_owned(),
            (ratio * 10_000.0).round() / 10_000.0,
        ))
    };
    operations.iter().map(ratio).collect()
}

/// What is worse than its baseline.
///
/// # Errors
/// The baseline is malformed, or something was not measured.
pub fn regressions(measured: &Measured, baseline: &str) -> Result<Vec<String>> {
    let baseline: Baseline = serde_json::from_str(baseline).context("the baseline")?;
    ensure!(!baseline.is_empty(), "the baseline is empty");
    let operations: Vec<&str> = baseline.keys().map(String::as_str).collect();
    let mut found = Vec::new();
    for (operation, ratio) in ratios(measured, &operations)? {
        let allowed = baseline.get(&operation).copied().unwrap_or_default();
        let noise = match UNWATCHED.contains(&operation.as_str()) {
            true => EXACT,
            false => NOISE + NOISE_OF_ADDED * (allowed - 1.0),
        };
        if ratio > allowed + noise {
            found.push(format!(
                "{operation} costs {ratio:.4} of what it costs with nothing attached; the baseline is {allowed:.4}"
            ));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::tests::measured;
    use super::*;

    #[test]
    fn noise_passes_and_one_more_program_does_not() {
        let baseline = "{\"open_read\": 1.0346}";
        assert_eq!(regressions(&measured(6095.0), baseline).unwrap(), [""; 0]);
        let worse = regressions(&measured(6093.0 + 195.0), baseline).unwrap();
        assert_eq!(worse.len(), 1, "{worse:?}");
        assert!(worse[0].contains("baseline is 1.0346"), "{worse:?}");
        // Two instructions for each getppid are two too many.
        let baseline = "{\"getppid\": 0.9938}";
        assert_eq!(regressions(&measured(6095.0), baseline).unwrap().len(), 1);
    }

    #[test]
    fn what_was_not_measured_is_no_success() {
        let mut none = measured(6095.0);
        none.designs
            .insert("fexit".to_owned(), Err("it died".to_owned()));
        assert!(regressions(&none, "{\"write\": 1.0}").is_err());
        assert!(regressions(&measured(6095.0), "{}").is_err());
        assert!(regressions(&measured(6095.0), "{\"utime\": 1.0}").is_err());
    }
}
