//! A browser without a window, and what drives and judges it, for the page's test.
//!
//! In: nothing. Out: where Chromium, Node.js and two of its packages are.
//! Invariant: packages come from the distribution, modules in fixed versions
//! from npm's registry into the cache, once. Lacks on purpose: browsers of
//! other makers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::lock::Lock;
use crate::toolchain::{apt::on_path, ensure_packages};
use crate::{layout, step};

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
    // A Node.js of another origin brings its own npm, which Debian's excludes.
    for program in ["node", "npm"] {
        if !on_path(program) {
            ensure_packages(&["nodejs", "npm"])?;
        }
    }
    let modules = layout::cache_dir().join("browser");
    fs::create_dir_all(&modules).with_context(|| modules.display().to_string())?;
    let _one = Lock::take(&modules.join("lock"))?;
    if !MODULES
        .iter()
        .all(|(name, version)| has(&modules, name, version))
    {
        install(&modules)?;
    }
    Ok(Browser {
        chromium: "/usr/bin/chromium".into(),
        node: "node".into(),
        modules,
    })
}

fn has(modules: &Path, name: &str, version: &str) -> bool {
    let manifest = modules.join("node_modules").join(name).join("package.json");
    let text = fs::read_to_string(manifest).unwrap_or_default();
    text.contains(&format!("\"version\": \"{version}\""))
}

fn install(modules: &Path) -> Result<()> {
    let mut command = Command::new("npm");
    command.args([
        "install",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
    ]);
    command.arg("--prefix").arg(modules);
    command.args(MODULES.map(|(name, version)| format!("{name}@{version}")));
    step::quiet("installing what drives the browser", &mut command)
}
