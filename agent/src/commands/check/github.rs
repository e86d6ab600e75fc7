//! A [`Report`] becomes what GitHub Actions shows: annotations, and a summary.
//!
//! In: a report. Out: workflow commands, one on each line; Markdown. Invariant:
//! whatever a container calls its files, a line is one command with one message,
//! and the summary shows text as text. Lacks on purpose: what the container itself
//! writes, which passes by untouched.

use super::text;
use super::verdict::{Report, Verdict};

/// Annotations; a page shows fewer anyway.
const ANNOTATIONS_MAX: usize = 50;

/// The commands.
pub(super) fn commands(report: &Report) -> String {
    let mut errors: Vec<(String, String)> = Vec::new();
    for container in &report.containers {
        let name = container.full_name();
        for problem in &container.problems {
            let title = format!("{name}: {} under {}", problem.errno, problem.write_root);
            errors.push((title, text::lines(report, problem).join("\n")));
        }
        for breach in &container.breaches {
            let title = format!("{name}: outside the contract: {}", breach.write_root);
            errors.push((title, text::breach_lines(breach).join("\n")));
        }
    }
    let more = errors.len().saturating_sub(ANNOTATIONS_MAX);
    errors.truncate(ANNOTATIONS_MAX);
    let mut out: String = errors
        .iter()
        .map(|(title, message)| command("error", title, message))
        .collect();
    if more > 0 {
        out.push_str(&command(
            "warning",
            "sealwatch check",
            &format!("{more} more problems are not shown"),
        ));
    }
    for note in report.not_measured.iter().chain(&report.notes) {
        out.push_str(&command("notice", "sealwatch check", note));
    }
    let level = match report.verdict {
        Verdict::Passed => "notice",
        Verdict::Failed | Verdict::NotObserved => "error",
    };
    out.push_str(&command(level, "sealwatch check", &report.sentence));
    out
}

fn command(level: &str, title: &str, message: &str) -> String {
    format!("::{level} title={}::{}\n", property(title), data(message))
}

/// A text for the same log: the runner also takes commands of an older form, and
/// those wherever they stand in a line.
pub(super) fn harmless(text: &str) -> String {
    text.replace("##[", "#\\x23[")
}

/// The end of a message is the end of its line.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The end of a property is a comma or a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The summary of the step.
pub(super) fn summary(report: &Report) -> String {
    let mark = match report.verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "failed",
        Verdict::NotObserved => "not observed",
    };
    let mut out = format!("### Sealwatch: {mark}\n\n{}\n\n", plain(&report.sentence));
    let problems: Vec<_> = report
        .containers
        .iter()
        .flat_map(|container| {
            container
                .problems
                .iter()
                .map(move |problem| (container, problem))
        })
        .take(ANNOTATIONS_MAX)
        .collect();
    if !problems.is_empty() {
        out.push_str("| container | refused | what to change |\n|---|---|---|\n");
    }
    for (container, problem) in problems {
        let lines = text::lines(report, problem);
        let (headline, rest) = lines
            .split_first()
            .map_or((String::new(), &[][..]), |(a, b)| (a.clone(), b));
        let rest: Vec<String> = rest.iter().map(|line| plain(line)).collect();
        out.push_str(&format!(
            "| {} | {} | {} |\n",
            plain(&container.full_name()),
            plain(&headline),
            rest.join("<br>")
        ));
    }
    for container in &report.containers {
        for breach in &container.breaches {
            let lines = text::breach_lines(breach);
            let lines: Vec<String> = lines.iter().map(|line| plain(line)).collect();
            out.push_str(&format!(
                "\n- {}: {}\n",
                plain(&container.full_name()),
                lines.join("<br>")
            ));
        }
    }
    for note in report.not_measured.iter().chain(&report.notes) {
        out.push_str(&format!("\n- {}\n", plain(note)));
    }
    out
}

/// Text that is nothing but text in Markdown: what could mean something there
/// becomes a numeric reference, which never does.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '/' | '.' | '-' | ' ' | ',' | '(' | ')' | '=' => out.push(character),
            other if other.is_alphanumeric() => out.push(other),
            other => out.push_str(&format!("&#{};", u32::from(other))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_command_or_begins_one() {
        let line = command("error", "a:b,c\r\n::error::x%", "50%\n::error::y\r");
        assert_eq!(
            line,
            "::error title=a%3Ab%2Cc%0D%0A%3A%3Aerror%3A%3Ax%25::50%25%0A::error::y%0D\n"
        );
        assert_eq!(line.lines().count(), 1);
        assert_eq!(harmless("/a##[error]b"), "/a#\\x23[error]b");
    }

    #[test]
    fn markdown_stays_text() {
        assert_eq!(plain("a|<b>`*_["), "a&#124;&#60;b&#62;&#96;&#42;&#95;&#91;");
        assert_eq!(plain("/var/run/app.pid"), "/var/run/app.pid");
    }
}
