//! Just enough of YAML to write rules that a person reads.
//!
//! In: texts. Out: YAML scalars. Invariant: what a YAML reader makes of one is the
//! text. Lacks on purpose: reading; a crate's writer would fold expressions into
//! one line and quote Helm's templates away.

/// A key with a block of lines below it. The text begins with no space.
pub(super) fn block(key: &str, text: &str) -> String {
    let indentation = " ".repeat(key.len() - key.trim_start().len() + 2);
    let lines: Vec<String> = text
        .lines()
        .map(|line| format!("{indentation}{line}\n"))
        .collect();
    format!("{key}: |-\n{}", lines.concat())
}

/// A text of one line, quoted.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
