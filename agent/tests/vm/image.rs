//! A static busybox and `provoke` become an image archive, without an engine.
//!
//! In: the programs. Out: a tar in the form of `docker save`, which dockerd and
//! containerd both read. Invariant: the tree has what the read-only root's cases
//! need. Lacks on purpose: registries.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::engine::{Owners, pack};
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

    let archive = scratch.join("image.tar");
    let config = serde_json::json!({
        "Cmd": ["/bin/busybox", "sleep", "100000"],
        "Env": ["PATH=/bin"],
    });
    pack(&tree, Owners::Root, &[NAME, PAUSE], &config, &archive)?;
    Ok(archive)
}
