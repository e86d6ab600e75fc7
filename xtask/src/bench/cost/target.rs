//! What is promised of the fexit backend, against what was measured.
//!
//! In: a [`Measured`]. Out: each target with its figure, met or missed. Invariant: a
//! target that could not be measured is neither. Lacks on purpose: an exit code; what a
//! change makes worse is the baseline's to find.

use super::Measured;

/// An upper bound on an operation under one design, by another.
struct Target {
    operation: &'static str,
    of: &'static str,
    most: f64,
    words: &'static str,
}

const fn target(
    operation: &'static str,
    of: &'static str,
    most: f64,
    words: &'static str,
) -> Target {
    Target {
        operation,
        of,
        most,
        words,
    }
}

const TARGETS: [Target; 6] = [
    target(
        "getppid",
        "nothing",
        1.0,
        "getppid as with nothing attached",
    ),
    target("stat", "nothing", 1.0, "stat as with nothing attached"),
    target(
        "open_read",
        "empty",
        1.01,
        "open to read, of the empty fexit's total",
    ),
    target(
        "write",
        "empty",
        1.01,
        "write of 1 byte, of the empty fexit's total",
    ),
    target(
        "write",
        "nothing",
        1.02,
        "write of 1 byte, of nothing attached (the aim)",
    ),
    target(
        "open_refused",
        "nothing",
        1.15,
        "open refused whose key is known, of nothing attached",
    ),
];

/// The counter is read once per batch: less than this share of a call is nothing.
const EXACT: f64 = 0.0005;
/// What a user would take instead.
const PEERS: [&str; 4] = ["bpftrace", "bcc", "auditd", "strace"];

/// One line per target.
pub fn lines(measured: &Measured, operations: &[(&str, &str)]) -> Vec<String> {
    let mut lines: Vec<String> = TARGETS
        .iter()
        .filter_map(|target| line(measured, target))
        .collect();
    lines.extend(
        PEERS
            .iter()
            .filter_map(|peer| compared(measured, peer, operations)),
    );
    lines
}

fn line(measured: &Measured, target: &Target) -> Option<String> {
    let of = measured.median(target.of, target.operation).ok()?;
    let ratio = measured.median("fexit", target.operation).ok()? / of;
    let word = match ratio <= target.most + EXACT {
        true => "met",
        false => "missed",
    };
    Some(format!(
        "| {} | at most {:.2} | {ratio:.3} | {word} |",
        target.words, target.most
    ))
}

/// Where the peer is the cheaper one; nothing where one of the two was not measured.
fn compared(measured: &Measured, peer: &str, operations: &[(&str, &str)]) -> Option<String> {
    measured.median(peer, "getppid").ok()?;
    measured.median("fexit", "getppid").ok()?;
    let dearer = operations.iter().filter(|(operation, _)| {
        let of = |design| measured.median(design, operation).unwrap_or_default();
        of("fexit") > of(peer)
    });
    let dearer: Vec<&str> = dearer.map(|(_, title)| *title).collect();
    let (figure, word) = match dearer.is_empty() {
        true => ("every row".to_owned(), "met"),
        false => (format!("not: {}", dearer.join("; ")), "missed"),
    };
    Some(format!(
        "| below {} in every row | | {figure} | {word} |",
        super::table::words(peer)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::measured;
    use super::*;

    #[test]
    fn a_target_is_met_or_missed_by_its_figure() {
        let told = lines(&measured(6083.0 * 1.009), &[]);
        assert!(told.contains(
            &"| open to read, of the empty fexit's total | at most 1.01 | 1.009 | met |".to_owned()
        ));
        let told = lines(&measured(6083.0 * 1.02), &[]);
        assert!(told[2].ends_with("1.020 | missed |"), "{told:?}");
    }

    #[test]
    fn a_peer_that_is_cheaper_anywhere_is_named() {
        let mut both = measured(6095.0);
        let rows = [("write", "write of 1 byte"), ("getppid", "getppid")];
        let costs = both.designs["nothing"].clone();
        both.designs.insert("bpftrace".to_owned(), costs);
        let told = lines(&both, &rows);
        let last = told.last().unwrap();
        assert!(last.contains("not: write of 1 byte | missed"), "{last}");
        let costs = both.designs["fexit"].clone();
        both.designs.insert("bpftrace".to_owned(), costs);
        assert!(
            lines(&both, &rows)
                .last()
                .unwrap()
                .contains("every row | met")
        );
        // Where Sealwatch itself was not measured, nothing is met.
        both.designs.remove("fexit");
        assert_eq!(lines(&both, &rows), [""; 0]);
    }
}
