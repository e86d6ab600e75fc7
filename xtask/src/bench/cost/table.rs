//! What was measured -> a table in Markdown.
//!
//! In: a [`Measured`]. Out: absolute figures, and ratios to nothing attached.
//! Invariant: what was not measured is said, with the reason, and is never a number.
//! Lacks on purpose: judging, which `target` and `baseline` do.

use super::{Measured, Outcome, target};
use crate::vm::Kernel;

/// Operations in the table's order, in words.
const OPERATIONS: [(&str, &str); 9] = [
    ("getppid", "getppid"),
    ("stat", "stat"),
    ("open_read", "open to read, close"),
    ("open_write", "open to write, close"),
    ("open_refused", "open to write, refused: EROFS"),
    ("open_absent", "open of what is not there"),
    ("write", "write of 1 byte"),
    ("mkdir", "mkdir, rmdir"),
    ("rename", "rename"),
];

/// Designs in words.
pub(super) fn words(design: &str) -> &str {
    match design {
        "nothing" => "nothing",
        "empty" => "empty fexit",
        "fexit" => "**Sealwatch**",
        "kprobe" => "Sealwatch, kprobe",
        "tracepoint" => "Sealwatch, tracepoint",
        "fexit_inventory" => "Sealwatch with inventory",
        "fexit_host" => "Sealwatch, process of the host",
        "bpftrace" => "bpftrace opensnoop",
        "bcc" => "bcc opensnoop",
        "auditd" => "auditd, EROFS rule",
        "strace" => "strace -f",
        other => other,
    }
}

/// The table of one kernel.
pub fn markdown(
    measured: &Measured,
    designs: &[&str],
    emulator: &str,
    date: &str,
    kernel: Kernel,
) -> String {
    let mut text = format!(
        "Kernel {}, QEMU {emulator}, {date}, by `cargo xtask bench cost --kernel {kernel}`:\n\n| |",
        measured.release
    );
    for design in designs {
        text.push_str(&format!(" {} |", words(design)));
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(designs.len()));
    text.push('\n');
    for (operation, title) in OPERATIONS {
        text.push_str(&format!("| {title} |"));
        for design in designs {
            text.push_str(&format!(" {} |", cell(measured, design, operation)));
        }
        text.push('\n');
    }
    let targets = target::lines(measured, &OPERATIONS);
    if !targets.is_empty() {
        text.push_str(
            "\n| Target, of Sealwatch in its defaults | | measured | |\n|---|---|---|---|\n",
        );
        text.extend(targets.iter().map(|line| format!("{line}\n")));
    }
    let missing = designs.iter().filter_map(|design| {
        let outcome: &Outcome = measured.designs.get(*design)?;
        let why = outcome.as_ref().err()?;
        Some(format!(
            "\nNot measured: {}: {}\n",
            words(design),
            one_line(why)
        ))
    });
    text.extend(missing);
    text
}

/// An absolute figure, and its ratio where there is one.
fn cell(measured: &Measured, design: &str, operation: &str) -> String {
    let Ok(median) = measured.median(design, operation) else {
        return "not measured".to_owned();
    };
    match measured.median("nothing", operation) {
        Ok(nothing) if design != "nothing" && nothing > 0.0 => {
            format!("{} ({:.3})", thousands(median), median / nothing)
        }
        _ => thousands(median),
    }
}

/// A whole number with a comma between groups of three digits.
fn thousands(number: f64) -> String {
    let digits = format!("{:.0}", number.floor());
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "/")
}

#[cfg(test)]
mod tests {
    use super::super::Cost;
    use super::*;
    use std::collections::BTreeMap;

    fn costs(median: f64) -> Outcome {
        let cost = Cost {
            median,
            least: median,
            upper_quartile: median,
        };
        let all = OPERATIONS.map(|(operation, _)| (operation.to_owned(), cost));
        Ok(BTreeMap::from(all))
    }

    #[test]
    fn what_was_not_measured_is_said_and_is_no_number() {
        let designs = [
            ("nothing".to_owned(), costs(1000.05)),
            ("fexit".to_owned(), costs(1100.05)),
            ("bcc".to_owned(), Err("no\nheaders".to_owned())),
        ];
        let measured = Measured {
            release: "6.12.1".to_owned(),
            designs: BTreeMap::from(designs),
        };
        let names = ["nothing", "fexit", "bcc"];
        let text = markdown(&measured, &names, "10.0", "2026-11-26", Kernel::V6_12);
        assert!(
            text.contains("| getppid | 1,000 | 1,100 (1.100) | not measured |"),
            "{text}"
        );
        assert!(
            text.contains("Not measured: bcc opensnoop: no headers"),
            "{text}"
        );
    }

    #[test]
    fn thousands_have_commas() {
        assert_eq!(thousands(0.2), "0");
        assert_eq!(thousands(999.9), "999");
        assert_eq!(thousands(1_234_567.0), "1,234,567");
    }
}
