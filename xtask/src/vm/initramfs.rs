//! A kernel's modules and a static busybox become the first file system of a guest.
//!
//! In: [`KernelFiles`]. Out: a newc archive in the cache. Invariant: modules are
//! listed so that each comes after those it depends on. Lacks on purpose:
//! compression, which costs more in an emulated processor than it saves in reading.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::kernels::KernelFiles;
use crate::step;

/// What a guest needs before and after its root is mounted. One that the kernel has
/// no file for is built in.
const MODULES: [&str; 16] = [
    "virtio_pci",
    "virtio_blk",
    "virtio_console",
    "virtio_net",
    "fuse",
    "virtiofs",
    "overlay",
    "loop",
    "ext4",
    "quota_v2",
    "squashfs",
    "veth",
    "bridge",
    "unix_diag",
    "autofs4",
    "virtio_rng",
];

/// The script that the kernel starts; mounts the root and hands over to `guest.sh`.
const INIT: &str = include_str!("init.sh");

/// The archive for `kernel`, made in `home` unless one with the same content is there.
pub fn make(kernel: &KernelFiles, home: &Path) -> Result<PathBuf> {
    let archive = home.join("initramfs.cpio");
    let stamp = home.join("initramfs.stamp");
    let content = format!("{}\n{MODULES:?}\n{INIT}", kernel.release);
    if archive.exists() && fs::read_to_string(&stamp).is_ok_and(|old| old == content) {
        return Ok(archive);
    }
    let stage = home.join("initramfs");
    if stage.exists() {
        fs::remove_dir_all(&stage)?;
    }
    for directory in [
        "bin", "dev", "proc", "sys", "host", "scratch", "root", "modules",
    ] {
        fs::create_dir_all(stage.join(directory))?;
    }
    fs::copy(crate::engine::static_busybox()?, stage.join("bin/busybox")).context("busybox")?;
    fs::write(stage.join("init"), INIT)?;
    fs::set_permissions(stage.join("init"), fs::Permissions::from_mode(0o755))?;
    let mut order = String::new();
    for (name, bytes) in in_order(&kernel.modules, &MODULES)? {
        fs::write(stage.join("modules").join(format!("{name}.ko")), bytes)?;
        order.push_str(&format!("{name}\n"));
    }
    fs::write(stage.join("modules/order"), order)?;
    pack(&stage, &archive)?;
    fs::remove_dir_all(&stage)?;
    fs::write(&stamp, content)?;
    Ok(archive)
}

/// The wanted modules and their dependencies, decompressed, dependencies first.
fn in_order(modules: &Path, wanted: &[&str]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = HashMap::new();
    index(&modules.join("kernel"), &mut files)?;
    let mut ordered = Vec::new();
    for name in wanted {
        add(name, &files, &mut ordered)?;
    }
    Ok(ordered)
}

fn add(
    name: &str,
    files: &HashMap<String, PathBuf>,
    ordered: &mut Vec<(String, Vec<u8>)>,
) -> Result<()> {
    let Some(file) = files.get(name) else {
        return Ok(());
    };
    if ordered.iter().any(|(done, _)| done == name) {
        return Ok(());
    }
    let bytes = read(file)?;
    for dependency in dependencies(&bytes) {
        add(&dependency, files, ordered)?;
    }
    ordered.push((name.to_owned(), bytes));
    Ok(())
}

/// Module files by name, underscores for dashes, as the kernel itself names them.
fn index(directory: &Path, files: &mut HashMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            index(&path, files)?;
        } else if let Some((name, _)) = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.split_once(".ko"))
        {
            files.insert(name.replace('-', "_"), path);
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    if file.extension().is_some_and(|extension| extension == "xz") {
        let ran = Command::new("xz")
            .arg("-dc")
            .arg(file)
            .output()
            .context("xz")?;
        ensure!(
            ran.status.success(),
            "xz -dc {} failed with {}",
            file.display(),
            ran.status
        );
        return Ok(ran.stdout);
    }
    fs::read(file).with_context(|| file.display().to_string())
}

/// The `depends=` entry of a module's `.modinfo` section, whose entries are NUL terminated.
fn dependencies(module: &[u8]) -> Vec<String> {
    const ENTRY: &[u8] = b"\0depends=";
    let Some(start) = module
        .windows(ENTRY.len())
        .position(|window| window == ENTRY)
    else {
        return Vec::new();
    };
    let value = module[start + ENTRY.len()..]
        .split(|byte| *byte == 0)
        .next()
        .unwrap_or_default();
    String::from_utf8_lossy(value)
        .split(',')
        .filter(|name| !name.is_empty())
        .map(|name| name.replace('-', "_"))
        .collect()
}

fn pack(stage: &Path, archive: &Path) -> Result<()> {
    let names = step::output(Command::new("find").arg(".").current_dir(stage))?;
    let mut cpio = Command::new("cpio")
        .args(["--quiet", "-o", "-H", "newc", "-R", "0:0"])
        .current_dir(stage)
        .stdin(Stdio::piped())
        .stdout(fs::File::create(archive)?)
        .spawn()
        .context("cpio")?;
    cpio.stdin
        .take()
        .context("cpio's input")?
        .write_all(names.as_bytes())?;
    let status = cpio.wait()?;
    ensure!(status.success(), "cpio failed with {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_the_modinfo_section() {
        let module = b"\x7fELF..\0license=GPL\0depends=jbd2,crc16,fs-mbcache\0name=ext4\0";
        assert_eq!(dependencies(module), ["jbd2", "crc16", "fs_mbcache"]);
        assert!(dependencies(b"license=GPL\0depends=\0name=overlay\0").is_empty());
        assert!(dependencies(b"nothing here").is_empty());
    }
}
