//! The published schema of a contract's file.
//!
//! In: the types. Out: JSON schema, draft 2020-12. Invariant: the committed
//! `deploy/contract.schema.json` is this text. Lacks on purpose: what a schema
//! cannot say, such as that a path is there once.

use super::Contract;

/// The schema of one document, as indented JSON with a line's end.
pub fn schema() -> Result<String, serde_json::Error> {
    let schema = schemars::schema_for!(Contract);
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}
