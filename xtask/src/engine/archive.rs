//! A directory tree becomes an image archive, without an engine.
//!
//! In: a tree, the image's names and settings. Out: a tar in the form of `docker
//! save`, which dockerd and containerd both read. Lacks on purpose: more than one
//! layer.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::step;

/// Whose the files in the image are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owners {
    /// Those that the tree's files have, by number.
    Kept,
    /// Root, whoever made the tree.
    Root,
}

/// Packs `tree` as an image with these names and this `config`, as image
/// specifications have it (`Cmd`, `Env`). Makes `archive`, and needs the space of
/// two more beside it meanwhile.
///
/// # Errors
/// tar's own, or a full disk.
pub fn pack(
    tree: &Path,
    owners: Owners,
    names: &[&str],
    config: &Value,
    archive: &Path,
) -> Result<()> {
    let beside = archive.parent().context("the archive has no directory")?;
    let image = tempfile::tempdir_in(beside)?;
    let layer = image.path().join("layer.tar");
    tar(tree, owners, &layer)?;
    let sum = step::output(Command::new("sha256sum").arg(&layer))?;
    let sum = sum.split_whitespace().next().unwrap_or_default();
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{sum}")] },
    });
    fs::write(image.path().join("config.json"), config.to_string())?;
    let manifest = json!([{
        "Config": "config.json",
        "RepoTags": names,
        "Layers": ["layer.tar"],
    }]);
    fs::write(image.path().join("manifest.json"), manifest.to_string())?;
    tar(image.path(), Owners::Root, archive)
}

fn tar(directory: &Path, owners: Owners, archive: &Path) -> Result<()> {
    let mut command = Command::new("tar");
    command.arg("--numeric-owner");
    match owners {
        Owners::Kept => &mut command,
        Owners::Root => command.args(["--owner=0", "--group=0"]),
    };
    command.arg("-cf").arg(archive).arg("-C").arg(directory);
    step::output(command.arg(".")).map(drop)
}
