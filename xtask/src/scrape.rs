//! The text of a scrape becomes numbers.
//!
//! In: Prometheus' text format, as the daemon writes it. Out: sums over series.
//! Invariant: a label is compared whole, as it is escaped in the text. Lacks on
//! purpose: types, time stamps, and undoing escapes: who asks knows the names of
//! its own containers, which have none.

use std::collections::HashMap;

/// The metric of refusals.
pub const DENIALS: &str = "sealwatch_denials_total";

/// A scrape.
#[derive(Debug)]
pub struct Scrape<'a> {
    text: &'a str,
}

/// One line: name, the text between the braces, value.
struct Line<'a> {
    name: &'a str,
    labels: &'a str,
    value: f64,
}

impl<'a> Scrape<'a> {
    /// Of this text.
    pub fn of(text: &'a str) -> Scrape<'a> {
        Scrape { text }
    }

    fn lines(&self) -> impl Iterator<Item = Line<'a>> {
        self.text.lines().filter_map(|line| {
            let (head, value) = line.rsplit_once(' ')?;
            let (name, labels) = head.split_once('{').unwrap_or((head, ""));
            Some(Line {
                name,
                labels: labels.trim_end_matches('}'),
                value: value.parse().ok().filter(|_| !line.starts_with('#'))?,
            })
        })
    }

    /// Series of any name.
    pub fn series(&self) -> usize {
        self.lines().count()
    }

    /// The sum over the series of a metric; `None` where there is none.
    pub fn sum(&self, name: &str) -> Option<f64> {
        self.lines()
            .filter(|line| line.name == name)
            .map(|line| line.value)
            .reduce(|a, b| a + b)
    }

    /// Refusals that found the kernel's table of counters full: nobody's then.
    pub fn overflowed(&self) -> f64 {
        self.lines()
            .filter(|line| line.name == "sealwatch_unresolved_denials_total")
            .filter(|line| label(line.labels, "reason") == Some("counter_overflow"))
            .map(|line| line.value)
            .sum()
    }

    /// Refusals with an errno, by container.
    pub fn denials(&self, errno: &str) -> HashMap<&'a str, u64> {
        let mut denials = HashMap::new();
        for line in self.lines().filter(|line| line.name == DENIALS) {
            if label(line.labels, "errno") == Some(errno)
                && let Some(container) = label(line.labels, "container")
            {
                // Counts are whole, and below 2^53.
                *denials.entry(container).or_default() += line.value as u64;
            }
        }
        denials
    }

    /// The values of a label, one for each series that has it and for which
    /// `wanted` is true of its name.
    pub fn labels(&self, of: &str, wanted: impl Fn(&str) -> bool) -> Vec<&'a str> {
        self.lines()
            .filter(|line| wanted(line.name))
            .filter_map(|line| label(line.labels, of))
            .collect()
    }

    /// What was not delivered: each loss that is above zero, with its labels.
    pub fn losses(&self) -> Vec<String> {
        let lost = self
            .lines()
            .filter(|line| line.name == "sealwatch_lost_total" && line.value > 0.0);
        lost.map(|line| format!("{} of {}", line.value, line.labels))
            .collect()
    }
}

/// A label's value in the text between the braces.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = labels;
    loop {
        let (found, after) = rest.split_once("=\"")?;
        let end = closing_quote(after)?;
        if found.trim_start_matches(',') == name {
            return Some(&after[..end]);
        }
        rest = &after[end + 1..];
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let closing = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closing
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP x y\n# TYPE sealwatch_denials_total counter\n\
        sealwatch_denials_total{namespace=\"\",container=\"a\",errno=\"EROFS\"} 3\n\
        sealwatch_denials_total{namespace=\"\",container=\"a\",errno=\"EACCES\"} 4\n\
        sealwatch_denials_total{namespace=\"q\\\"container=\\\"b\",container=\"a\",errno=\"EROFS\"} 5\n\
        sealwatch_lost_total{stage=\"kernel\",reason=\"sample_ring_full\"} 2\n\
        sealwatch_lost_total{stage=\"decode\",reason=\"bad_length\"} 0\n\
        sealwatch_unresolved_denials_total{errno=\"EROFS\",reason=\"counter_overflow\"} 6\n\
        sealwatch_unresolved_denials_total{errno=\"EROFS\",reason=\"cgroup_unseen\"} 1\n\
        sealwatch_containers 2\n";

    #[test]
    fn sums_are_by_name_and_label() {
        let scrape = Scrape::of(TEXT);
        assert_eq!(scrape.series(), 8);
        assert_eq!(scrape.overflowed(), 6.0);
        assert_eq!(scrape.sum(DENIALS), Some(12.0));
        assert_eq!(scrape.sum("sealwatch_containers"), Some(2.0));
        assert_eq!(scrape.sum("sealwatch"), None);
        assert_eq!(scrape.denials("EROFS"), HashMap::from([("a", 8)]));
        let of = scrape.labels("container", |name| name == DENIALS);
        assert_eq!(of, ["a", "a", "a"]);
    }

    #[test]
    fn a_loss_is_told_with_its_reason() {
        let losses = Scrape::of(TEXT).losses();
        assert_eq!(
            losses,
            ["2 of stage=\"kernel\",reason=\"sample_ring_full\""]
        );
    }
}
