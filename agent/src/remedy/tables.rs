//! The knowledge as Markdown, for the documents' generated blocks.
//!
//! In: the tables of `knowledge`. Out: Markdown by name. Invariant: every row is
//! there, in its order. Lacks on purpose: what is told by rules, not rows.

use std::collections::BTreeMap;

use super::knowledge::HABITS;
use crate::catalog::{code, markdown};

/// Every generated table: name and Markdown.
pub fn tables() -> BTreeMap<&'static str, String> {
    let habits = HABITS.iter().map(|habit| {
        let paths: Vec<_> = habit.paths.iter().map(|path| code(path)).collect();
        let variables: Vec<_> = habit
            .environment
            .iter()
            .map(|(name, value)| code(&format!("{name}={value}")))
            .collect();
        vec![
            habit.name.to_owned(),
            paths.join(", "),
            habit.advice.to_owned(),
            variables.join(", "),
        ]
    });
    BTreeMap::from([(
        "habits",
        markdown(&["Who", "Where", "Advice", "Variable"], habits),
    )])
}
