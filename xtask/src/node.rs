//! Node.js, and modules for it in the cache.
//!
//! In: names and versions. Out: where they are. Invariant: a module comes in a
//! fixed version from npm's registry, once, and runs no script of its own.
//! Lacks on purpose: modules of several versions side by side.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::lock::Lock;
use crate::toolchain::{apt::on_path, ensure_packages};
use crate::{layout, step};

/// Installs Node.js and npm where they are missing.
///
/// # Errors
/// A package that cannot be had.
pub(crate) fn ensure() -> Result<PathBuf> {
    // A Node.js of another origin brings its own npm, which Debian's excludes.
    for program in ["node", "npm"] {
        if !on_path(program) {
            ensure_packages(&["nodejs", "npm"])?;
        }
    }
    Ok("node".into())
}

/// Installs modules into a directory of the cache, below `node_modules`.
///
/// # Errors
/// A module that cannot be had.
pub(crate) fn modules(name: &str, wanted: &[(&str, &str)]) -> Result<PathBuf> {
    let dir = layout::cache_dir().join(name);
    fs::create_dir_all(&dir).with_context(|| dir.display().to_string())?;
    let _one = Lock::take(&dir.join("lock"))?;
    if !wanted
        .iter()
        .all(|(module, version)| has(&dir, module, version))
    {
        install(name, &dir, wanted)?;
    }
    Ok(dir)
}

fn has(dir: &Path, module: &str, version: &str) -> bool {
    let manifest = dir.join("node_modules").join(module).join("package.json");
    let text = fs::read_to_string(manifest).unwrap_or_default();
    text.contains(&format!("\"version\": \"{version}\""))
}

fn install(name: &str, dir: &Path, wanted: &[(&str, &str)]) -> Result<()> {
    let mut command = Command::new("npm");
    command.args([
        "install",
        "--no-save",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
    ]);
    command.arg("--prefix").arg(dir);
    command.args(
        wanted
            .iter()
            .map(|(module, version)| format!("{module}@{version}")),
    );
    step::quiet(&format!("installing Node.js modules: {name}"), &mut command)
}
