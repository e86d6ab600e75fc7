//! A contract's file: YAML, one document per contract.
//!
//! In: a path, or text. Out: [`Contract`]s, or an error that names the file, the
//! place in it, the value and what to write instead; and back to text.
//! Invariant: reading is bounded in bytes, contracts and entries; nothing of the
//! file reaches a terminal unescaped. Lacks on purpose: judging (`parse`).

use std::path::Path;

use serde::Deserialize as _;
use serde_yaml_ng::{Deserializer, Value};

use super::{CONTRACTS_MAX, Contract, parse as judge};
use crate::denial::escape;
use crate::state_file;

/// Largest file.
pub const FILE_MAX_BYTES: usize = 1 << 20;

/// Most brackets that open, those in texts and comments included: the parser's time
/// grows with the square of how many are within each other.
const BRACKETS_MAX: usize = 8_192;

/// Why there is no contract.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// A file that cannot be read.
    #[error("cannot read the contract {file}: {reason}\n  fix:  name a readable file in YAML")]
    File {
        /// The file.
        file: String,
        /// The system's words.
        reason: String,
    },
    /// A text that is no YAML, or too much of it.
    #[error("cannot use the contract {file}: {reason}\n  fix:  {fix}")]
    Text {
        /// The file.
        file: String,
        /// The parser's words, with line and column.
        reason: String,
        /// What would do.
        fix: String,
    },
    /// A value that its key does not take.
    #[error("bad value {value} for {place}\n  from: {file}\n  fix:  {fix}")]
    Value {
        /// The file.
        file: String,
        /// Keys and positions that lead to the value: `write_roots[2].kind`.
        place: String,
        /// What is there.
        value: String,
        /// What would do.
        fix: String,
    },
    /// A key that is none.
    #[error("no key is called {key:?} in {place}\n  from: {file}\n  fix:  {fix}")]
    Unknown {
        /// The file.
        file: String,
        /// Where it stands.
        place: String,
        /// What is there.
        key: String,
        /// The nearest name, or all of them.
        fix: String,
    },
}

/// The contracts of a file.
pub fn load(path: &Path) -> Result<Vec<Contract>, ContractError> {
    let file = escape(path.as_os_str().as_encoded_bytes());
    let bad = |reason: String| ContractError::File {
        file: file.clone(),
        reason,
    };
    let read = state_file::read(path, FILE_MAX_BYTES).map_err(|error| bad(error.to_string()))?;
    let bytes = read.ok_or_else(|| bad("there is no such file".to_owned()))?;
    let text = String::from_utf8(bytes).map_err(|_| bad("it is not UTF-8".to_owned()))?;
    parse(&file, &text)
}

/// The contracts of a text; `file` is what errors call it. One at least.
pub fn parse(file: &str, text: &str) -> Result<Vec<Contract>, ContractError> {
    let bad = |reason: String, fix: String| ContractError::Text {
        file: file.to_owned(),
        reason,
        fix,
    };
    let bounded = |text: &str| {
        if text.len() > FILE_MAX_BYTES {
            let reason = format!("it has more than {FILE_MAX_BYTES} bytes");
            let fix = "give each container a file of its own";
            return Err(bad(reason, fix.to_owned()));
        }
        let opened = text.bytes().filter(|byte| b"[{".contains(byte)).count();
        if opened > BRACKETS_MAX {
            let reason = format!("it opens more than {BRACKETS_MAX} brackets");
            return Err(bad(
                reason,
                "write lists with `- `, or several files".to_owned(),
            ));
        }
        Ok(())
    };
    bounded(text)?;
    let mut contracts = Vec::new();
    for document in Deserializer::from_str(text) {
        let value = Value::deserialize(document).map_err(|error| {
            let fix = "write YAML; `sealwatch contract schema` prints what it may hold";
            bad(escape(error.to_string().as_bytes()), fix.to_owned())
        })?;
        // What stands behind a last `---` is no contract.
        if value.is_null() {
            continue;
        }
        if contracts.len() == CONTRACTS_MAX {
            let reason = format!("it has more than {CONTRACTS_MAX} contracts");
            return Err(bad(
                reason,
                "give each workload a file of its own".to_owned(),
            ));
        }
        contracts.push(judge::contract(file, contracts.len(), &value)?);
    }
    if contracts.is_empty() {
        let fix = "begin with `version: 1` and `container: NAME`".to_owned();
        return Err(bad("it is empty".to_owned(), fix));
    }
    // Escapes and defaults are longer once written; what is taken can be read back.
    let written = self::text(&contracts);
    let written = written.map_err(|error| {
        let fix = "write plain texts and numbers";
        bad(escape(error.to_string().as_bytes()), fix.to_owned())
    })?;
    bounded(&written)?;
    Ok(contracts)
}

/// The text of contracts, which [`parse`] reads back as the same.
pub fn text(contracts: &[Contract]) -> Result<String, serde_yaml_ng::Error> {
    let texts = contracts.iter().map(serde_yaml_ng::to_string);
    Ok(texts.collect::<Result<Vec<_>, _>>()?.join("---\n"))
}
