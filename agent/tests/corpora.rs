//! The fuzz targets' corpora, replayed: no fuzzer is needed to hold what it found.
//!
//! `cargo xtask fuzz` looks for more; what it finds and what crashed once lies in
//! `agent/fuzz/corpus/TARGET`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A corpus that grows past this is to be minimised: it is read by people, too.
const FILES_MAX: usize = 64;
const FILE_BYTES_MAX: usize = 20 << 10;

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().path());
    let names = names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    names.collect()
}

#[test]
fn every_file_of_the_corpora_keeps_the_promises() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let known: BTreeSet<String> = targets::TARGETS.map(|(name, _)| name.to_owned()).into();
    assert_eq!(names(&fuzz.join("corpus")), known, "corpora");
    assert_eq!(names(&fuzz.join("fuzz_targets")), known, "fuzz_targets");
    let mut broken = Vec::new();
    for target in &known {
        let corpus = fuzz.join("corpus").join(target);
        let files = fs::read_dir(&corpus).unwrap();
        let files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
        assert!(
            (1..=FILES_MAX).contains(&files.len()),
            "{target}: {}",
            files.len()
        );
        for file in files {
            let bytes = fs::read(&file).unwrap();
            assert!(bytes.len() <= FILE_BYTES_MAX, "{}", file.display());
            let run = std::panic::catch_unwind(|| targets::run(target, &bytes));
            if run.is_err() {
                broken.push(file);
            }
        }
    }
    assert!(broken.is_empty(), "these broke a promise: {broken:#?}");
}
