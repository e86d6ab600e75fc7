//! A browser without a window, and what drives and judges it, for the page's test.
//!
//! In: nothing. Out: where Chromium, Node.js and two of its packages are.
//! Invariant: packages come from the distribution, modules in fixed versions
//! from npm's registry into the cache, once. Lacks on purpose: browsers of
//! other makers.

use std::path::PathBuf;

use anyhow::Result;

use crate::node;
use crate::toolchain::ensure_packages;

/// Module and version.
const MODULES: [(&str, &str); 2] = [("axe-core", "4.14.1"), ("playwright-core", "1.65.1")];

/// What the page's test needs.
#[derive(Debug)]
pub struct Browser {
    /// The browser.
    pub chromium: PathBuf,
    /// What runs the test's script.
    pub node: PathBuf,
    /// Below here, `node_modules` has what it imports.
    pub modules: PathBuf,
}

/// Installs what is missing.
///
/// # Errors
/// A package or a module that cannot be had.
pub fn ensure() -> Result<Browser> {
    ensure_packages(&["chromium", "fonts-dejavu-core"])?;
    Ok(Browser {
        chromium: "/usr/bin/chromium".into(),
        node: node::ensure()?,
        modules: node::modules("browser", &MODULES)?,
    })
}
