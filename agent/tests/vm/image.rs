//! A static busybox and `provoke` become an image archive, without an engine.
//!
//! In: the programs. Out: a tar in the form of `docker save`, which dockerd and
//! containerd both read. Invariant: the tree has what the read-only root's cases
//! need. Lacks on purpose: registries.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::step;

use super::engines::containerd::PAUSE;

/// The image's name.
pub const NAME: &str = "docker.io/sealwatch/vm:latest";
/// Where the read-only root's cases are.
pub const SEALED: &str = "/sealed";

/// Makes the archive in `scratch`.
pub fn make(provoke: &Path, scratch: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let tree = scratch.join("tree");
    let directories = [
        "bin", "dev", "etc", "proc", "sys", "tmp", "ro", "vol", "small", "few", "ext4", "lower",
        "disk", "noexec", "nodev", "full", "armor", "out",
    ];
    for directory in directories {
        fs::create_dir_all(tree.join(directory))?;
    }
    fs::copy(xtask::engine::static_busybox()?, tree.join("bin/busybox"))?;
    symlink("busybox", tree.join("bin/sh"))?;
    fs::copy(provoke, tree.join("bin/provoke"))?;
    fs::write(tree.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n")?;
    let sealed = format!("root={}{SEALED}", tree.display());
    step::output(Command::new(provoke).args(["prepare", &sealed]))?;

    let image = scratch.join("image");
    fs::create_dir_all(&image)?;
    let layer = image.join("layer.tar");
    tar(&tree, &layer)?;
    let sum = step::output(Command::new("sha256sum").arg(&layer))?;
    let sum = sum.split_whitespace().next().unwrap_or_default();
    let config = serde_json::json!({
        "architecture": "amd64",
        "os": "linux",
        "config": { "Cmd": ["/bin/busybox", "sleep", "100000"], "Env": ["PATH=/bin"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{sum}")] },
    });
    fs::write(image.join("config.json"), config.to_string())?;
    let manifest = serde_json::json!([{
        "Config": "config.json",
        "RepoTags": [NAME, PAUSE],
        "Layers": ["layer.tar"],
    }]);
    fs::write(image.join("manifest.json"), manifest.to_string())?;
    let archive = scratch.join("image.tar");
    tar(&image, &archive)?;
    Ok(archive)
}

fn tar(tree: &Path, archive: &Path) -> anyhow::Result<()> {
    let mut command = Command::new("tar");
    command
        .args(["--numeric-owner", "--owner=0", "--group=0", "-cf"])
        .arg(archive);
    step::output(command.arg("-C").arg(tree).arg(".")).map(drop)
}
