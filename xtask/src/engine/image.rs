//! The image that containers are started from: one static busybox and a usual tree.
//!
//! In: a static busybox. Out: `sealwatch/busybox:latest` in an engine.
//! Invariant: made from what the machine has, as no registry is asked. Lacks on
//! purpose: layers, an entry point.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{APP_USER, Engine, IMAGE};
use crate::{layout, step, toolchain::apt};

/// Directories with their mode and owner.
const TREE: [(&str, u32, u32); 15] = [
    ("bin", 0o755, 0),
    ("etc", 0o755, 0),
    ("dev", 0o755, 0),
    ("proc", 0o755, 0),
    ("sys", 0o755, 0),
    ("root", 0o700, 0),
    ("home/app", 0o755, APP_USER),
    ("srv", 0o755, 0),
    ("tmp", 0o1777, 0),
    ("data", 0o755, APP_USER),
    ("var/run", 0o1777, 0),
    ("var/lib", 0o755, 0),
    ("var/log", 0o755, 0),
    ("var/tmp", 0o1777, 0),
    ("var/cache/myapp", 0o755, APP_USER),
];

/// Makes the tree and imports it.
pub(super) fn import(engine: &Engine) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let tree = dir.path().join("root");
    make_tree(&tree)?;
    let archive = dir.path().join("root.tar");
    step::output(
        Command::new("tar")
            .arg("-C")
            .arg(&tree)
            .arg("-cf")
            .arg(&archive)
            .args(["--numeric-owner", "."]),
    )?;
    let archive = archive.to_string_lossy();
    let path = "ENV PATH=/bin";
    engine.docker_ok(&[
        "import",
        "--change",
        path,
        "--change",
        "CMD [\"sh\"]",
        &archive,
        IMAGE,
    ])?;
    Ok(())
}

fn make_tree(root: &Path) -> Result<()> {
    for (name, mode, owner) in TREE {
        let dir = root.join(name);
        fs::create_dir_all(&dir)?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(mode))?;
        chown(&dir, Some(owner), Some(owner)).with_context(|| format!("chown {name}"))?;
    }
    let busybox = static_busybox()?;
    fs::copy(&busybox, root.join("bin/busybox"))?;
    for applet in step::output(Command::new(&busybox).arg("--list"))?.lines() {
        if applet != "busybox" {
            symlink("busybox", root.join("bin").join(applet))?;
        }
    }
    let passwd = format!(
        "root:x:0:0:root:/root:/bin/sh\napp:x:{APP_USER}:{APP_USER}:app:/home/app:/bin/sh\n"
    );
    fs::write(root.join("etc/passwd"), passwd)?;
    fs::write(
        root.join("etc/group"),
        format!("root:x:0:\napp:x:{APP_USER}:\n"),
    )?;
    Ok(())
}

/// A static busybox: the installed one, or the package's without installing it,
/// because it conflicts with the dynamic one that many machines have.
///
/// # Errors
/// Where neither can be had.
pub fn static_busybox() -> Result<PathBuf> {
    let unpacked = layout::cache_dir().join("busybox-static");
    let candidates = [
        "/bin/busybox".into(),
        unpacked.join("bin/busybox"),
        unpacked.join("usr/bin/busybox"),
    ];
    if let Some(found) = candidates.iter().find(|path| is_static(path)) {
        return Ok(found.clone());
    }
    if !Path::new("/bin/busybox").exists() {
        apt::ensure_packages(&["busybox-static"])?;
    } else {
        apt::unpack("busybox-static", &unpacked)?;
    }
    candidates
        .into_iter()
        .find(|path| is_static(path))
        .context("busybox-static has no busybox")
}

/// ldd refuses what is linked statically.
fn is_static(program: &Path) -> bool {
    program.is_file()
        && Command::new("ldd")
            .arg(program)
            .output()
            .is_ok_and(|output| !output.status.success())
}
