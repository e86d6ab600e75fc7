//! What was found becomes the corpus of the sources, as small as it can be.
//!
//! In: the corpus as it is, and what was found. Out: files that reach as much as
//! both, the smallest first, [`FILES_MAX`] at most. Invariant: a file that has a
//! name of its own stays: people wrote it, or it broke a promise once. Lacks on
//! purpose: committing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Places, sources};
use crate::step;

/// Most files of one corpus, those with names included.
const FILES_MAX: usize = 28;
/// Longest file.
const BYTES_MAX: u64 = 2 << 10;

/// Writes a target's corpus anew; tells how many files it has.
pub(super) fn keep(target: &str, places: &Places) -> Result<usize> {
    let corpus = sources().join("corpus").join(target);
    let merged = places.found.join(format!("{target}.kept"));
    if merged.exists() {
        fs::remove_dir_all(&merged)?;
    }
    fs::create_dir_all(&merged)?;
    let mut command = Command::new(places.programs.join(target));
    command.arg("-set_cover_merge=1").arg(&merged);
    command.arg(&corpus).arg(places.found.join(target));
    step::quiet(&format!("minimising {target}"), &mut command)?;

    for path in files(&corpus)? {
        if is_unnamed(&path) {
            fs::remove_file(&path)?;
        }
    }
    let mut kept = files(&corpus)?.len();
    let mut new = Vec::new();
    for path in files(&merged)? {
        let bytes = fs::metadata(&path)?.len();
        if bytes <= BYTES_MAX {
            new.push((bytes, path));
        }
    }
    new.sort();
    for (_, path) in new {
        let name = path.file_name().context("a file without a name")?;
        if kept >= FILES_MAX {
            break;
        }
        fs::copy(&path, corpus.join(name))?;
        kept += 1;
    }
    Ok(kept)
}

fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    let paths = entries.map(|entry| Ok(entry?.path()));
    paths.collect()
}

/// Is it called after its hash, as the fuzzer does?
fn is_unnamed(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.len() == 40 && name.iter().all(u8::is_ascii_hexdigit)
}
