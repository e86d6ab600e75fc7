//! What a guest tells of its kernel, as JSON.
//!
//! In: what was provoked, metrics, events. Out: [`Report`], written in the guest and
//! read outside. Invariant: numbers as they were read; nothing is judged here.
//! Lacks on purpose: judging, which `table` does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::deployed;
use super::doctor::Told;
use super::known::is_task;

/// A line of `provoke`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Provoked {
    pub situation: String,
    pub case: String,
    pub operation: String,
    pub errno: String,
    pub got: String,
    pub path: String,
    pub count: u64,
}

/// An event, as far as it is compared.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Event {
    pub operation: String,
    pub errno: String,
    pub path: String,
    pub path_resolution: String,
    pub cause: String,
    pub evidence: String,
    pub hook: String,
    pub container: Option<Named>,
    /// All the rest.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

impl Event {
    /// The module that refused, empty for none.
    pub fn lsm(&self) -> &str {
        let lsm = self.rest.get("lsm").and_then(Value::as_str);
        lsm.unwrap_or_default()
    }

    /// What is at a JSON pointer of the rest; null where nothing is.
    pub fn at(&self, place: &str) -> Value {
        let mut words = place.split('/').skip(1);
        let first = words.next().and_then(|word| self.rest.get(word));
        let found = words.fold(first, |value, word| value?.get(word));
        found.cloned().unwrap_or_default()
    }

    /// Does it tell of this case?
    pub fn is_of(&self, case: &Provoked) -> bool {
        self.operation == case.operation
            && self.errno == case.errno
            && (is_task(case) || self.path == case.path)
    }
}

/// An event's container.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Named {
    pub id: String,
    pub name: String,
    pub namespace: String,
    pub pod: String,
}

/// One container under one backend.
#[derive(Debug, Deserialize, Serialize)]
pub struct Run {
    pub backend: String,
    /// Which of the containers.
    pub container: String,
    /// The id that the runtime gave it.
    pub id: String,
    /// The labels `namespace`, `pod`, `container` that its series must have.
    pub names: [String; 3],
    pub provoked: Vec<Provoked>,
    /// `sealwatch_denials_total` under these labels, by operation and errno.
    pub counted: BTreeMap<String, u64>,
    /// The same by operation, errno, cause and module.
    pub by_cause: BTreeMap<String, u64>,
    /// The container's events, by its id.
    pub events: Vec<Event>,
}

/// What belongs to a backend as a whole.
#[derive(Debug, Deserialize, Serialize)]
pub struct Backend {
    pub name: String,
    /// `sealwatch_hooks_attached`, as `hook: backends`.
    pub attached: BTreeMap<String, String>,
    /// `sealwatch_hooks_missing`, as `hook: reason`.
    pub missing: BTreeMap<String, String>,
    /// Runs of its programs that the kernel skipped.
    pub skipped: u64,
    /// Series that must be zero and are not.
    pub unwanted: Vec<String>,
    /// The end of the daemon's log.
    pub log: String,
}

/// One kernel.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Report {
    /// What the doctor said beforehand.
    pub doctor: Option<Told>,
    /// What the daemon in its own pod said.
    pub deployed: Option<deployed::Told>,
    pub backends: Vec<Backend>,
    pub runs: Vec<Run>,
    /// What kept the guest from going on.
    pub broken: Vec<String>,
}

impl Report {
    /// Reads what a guest left.
    pub fn read(file: &Path) -> Result<Report, String> {
        let text =
            fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }
}

/// The key of [`Run::counted`].
pub fn key(operation: &str, errno: &str) -> String {
    format!("{operation} {errno}")
}
