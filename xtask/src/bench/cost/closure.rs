//! Programs of the machine -> files to copy into a guest, libraries included.
//!
//! In: paths. Out: pairs of a path here and one in the guest. Invariant: what is copied
//! is whole files, never links. Why copied: with memory that is not zeroed, an emulated
//! processor may execute what lay earlier in a page that another process (virtiofsd)
//! fills; what the guest has copied itself, it has written itself. Lacks on purpose:
//! what a program loads by name later.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// The files that these need, they themselves included.
pub fn of(paths: &[&str]) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut wanted: BTreeSet<PathBuf> = paths.iter().map(PathBuf::from).collect();
    for path in paths {
        let Ok(output) = Command::new("ldd").arg(path).output() else {
            continue;
        };
        // A script or a setting is no dynamic executable, and says so by its exit code.
        if output.status.success() {
            wanted.extend(libraries(&String::from_utf8_lossy(&output.stdout)));
        }
    }
    wanted.iter().map(|path| placed(path)).collect()
}

/// The absolute paths of ldd's lines: `NAME => PATH (ADDRESS)`, or `PATH (ADDRESS)`.
fn libraries(ldd: &str) -> Vec<PathBuf> {
    let words = ldd.lines().filter_map(|line| {
        let path = line.split("=>").last()?.split_whitespace().next()?;
        path.starts_with('/').then(|| PathBuf::from(path))
    });
    words.collect()
}

/// The file behind a path, and the path with its directories' links followed: `/lib` is
/// one, and a directory cannot be copied onto it.
fn placed(path: &Path) -> Result<(PathBuf, PathBuf)> {
    let shown = || path.display().to_string();
    let file = fs::canonicalize(path).with_context(shown)?;
    let directory = path.parent().with_context(shown)?;
    let name = path.file_name().with_context(shown)?;
    let directory = fs::canonicalize(directory).with_context(shown)?;
    Ok((file, directory.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_ldd() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd)\n\
                    \tlibelf.so.1 => /lib/x86_64-linux-gnu/libelf.so.1 (0x00007f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        let found = libraries(text);
        let wanted = [
            "/lib/x86_64-linux-gnu/libelf.so.1",
            "/lib64/ld-linux-x86-64.so.2",
        ];
        assert_eq!(found, wanted.map(PathBuf::from));
    }
}
