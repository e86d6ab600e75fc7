//! Grafana's schema of dashboards, for their test.
//!
//! In: nothing. Out: where Node.js, TypeScript and the schema are. Invariant: the
//! modules come in fixed versions from npm's registry into the cache, once.
//! Lacks on purpose: Grafana, of which there is no package.

use std::path::PathBuf;

use anyhow::Result;

use crate::node;

/// Module and version.
const MODULES: [(&str, &str); 2] = [("@grafana/schema", "13.2.3"), ("typescript", "5.9.3")];

/// What the dashboards' test needs.
#[derive(Debug)]
pub struct Schema {
    /// What runs the compiler.
    pub node: PathBuf,
    /// Below here, `node_modules` has compiler and schema.
    pub modules: PathBuf,
}

/// Installs what is missing.
///
/// # Errors
/// A package or a module that cannot be had.
pub fn ensure() -> Result<Schema> {
    Ok(Schema {
        node: node::ensure()?,
        modules: node::modules("grafana", &MODULES)?,
    })
}
