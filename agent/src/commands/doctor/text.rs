//! What `--json` prints -> text for people.
//!
//! In: [`Report`]. Out: lines of 80 columns at most, where a word is not longer.
//! Invariant: what is well comes first, then each problem with what it means and what
//! to do, the worst last, and the verdict in the last line. Nothing is printed that
//! could move a terminal's cursor. Lacks on purpose: colours.

use super::finding::{Finding, Status};
use super::report::Report;
use crate::denial::escape;

/// Widest line.
const COLUMNS: usize = 80;
/// Where what was found begins.
const INDENT: usize = 20;

/// The whole report.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    for finding in of(report, Status::Ok) {
        let label = format!("  {}", finding.check.label());
        text.push_str(&item(&label, &finding.found));
        if let Some(means) = &finding.means {
            text.push_str(&item("", means));
        }
    }
    for status in [Status::Degraded, Status::Failed] {
        for group in by_fix(of(report, status)) {
            text.push('\n');
            text.push_str(&problems(&group));
        }
    }
    text.push('\n');
    text.push_str(&wrapped("", 0, &verdict(report)));
    text
}

fn of(report: &Report, status: Status) -> impl Iterator<Item = &Finding> {
    let all = report.findings.iter();
    all.filter(move |finding| finding.status == status)
}

/// One thing to do may mend several problems; it is told once, after all of them.
fn by_fix<'a>(findings: impl Iterator<Item = &'a Finding>) -> Vec<Vec<&'a Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        let same = |group: &&mut Vec<&Finding>| group.iter().any(|one| one.fix == finding.fix);
        match groups.iter_mut().find(same) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

fn problems(group: &[&Finding]) -> String {
    let mut text = String::new();
    for finding in group {
        let head = format!("{} {}", mark(finding.status), finding.check.label());
        text.push_str(&item(&head, &finding.found));
        if let Some(means) = &finding.means {
            text.push_str(&item("  means:", means));
        }
    }
    let fix = group.iter().find_map(|finding| finding.fix.as_ref());
    text + &fix.map(|fix| item("  fix:", fix)).unwrap_or_default()
}

fn mark(status: Status) -> char {
    match status {
        Status::Ok => ' ',
        Status::Degraded => '!',
        Status::Failed => 'X',
    }
}

fn verdict(report: &Report) -> String {
    let count = |status| of(report, status).count();
    let (degraded, failed) = (count(Status::Degraded), count(Status::Failed));
    let words = match report.verdict {
        Status::Ok => "Sealwatch measures here all that it can.".to_owned(),
        Status::Degraded => format!(
            "Sealwatch runs here, but not all is measured; {} above with what to do.",
            counted(degraded)
        ),
        Status::Failed => format!(
            "Sealwatch cannot observe this host; {} above with what to do, those with X first.",
            counted(degraded + failed)
        ),
    };
    format!("{}: {words}", report.verdict.label())
}

fn counted(count: usize) -> String {
    match count {
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    }
}

/// A label, and words that hang beside it.
fn item(label: &str, words: &str) -> String {
    wrapped(label, INDENT, words)
}

/// Lines that begin at `indent`, the first of them with `label` before it.
fn wrapped(label: &str, indent: usize, words: &str) -> String {
    let mut text = String::new();
    let mut line = format!("{label:<indent$}");
    let mut empty = true;
    for word in words.split_whitespace() {
        let word = escape_for_terminal(word);
        let wide = line.chars().count() + usize::from(!empty) + word.chars().count() > COLUMNS;
        if wide && !empty {
            text.push_str(&line);
            text.push('\n');
            line = " ".repeat(indent);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(&word);
        empty = false;
    }
    text.push_str(line.trim_end());
    text.push('\n');
    text
}

/// Words of runtimes and paths of settings are in here, too.
fn escape_for_terminal(word: &str) -> String {
    escape(word.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_wider_than_a_terminal() {
        let words = "a word and another ".repeat(12);
        let text = item("  label", &words);
        assert!(text.starts_with("  label             a word"), "{text}");
        assert!(text.lines().count() > 2);
        for line in text.lines() {
            assert!(line.len() <= COLUMNS && line == line.trim_end(), "{line:?}");
        }
        let rejoined: Vec<_> = text.split_whitespace().skip(1).collect();
        assert_eq!(rejoined, words.split_whitespace().collect::<Vec<_>>());
        // A word that does not fit stands alone and whole.
        let long = "x".repeat(100);
        let text = item("y", &format!("a {long} b"));
        assert!(text.lines().any(|line| line.trim() == long), "{text}");
    }

    #[test]
    fn nothing_moves_the_cursor() {
        let text = item("label", "/run/\u{1b}[2J\u{202e}x\nX failed");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        assert_eq!(text.lines().count(), 1);
    }
}
