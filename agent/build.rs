//! Puts the kernel half into the daemon.
//!
//! In: the object that `cargo xtask build` made, from `XTASK_EBPF_OBJECT` or
//! its usual place. Out: `$OUT_DIR/kernel.o`, without what only a debugger reads,
//! and the cfg `kernel_half` where there is one. Invariant: without an object the
//! daemon still compiles, so that lints, documents and unit tests need no kernel
//! toolchain; it then refuses to load and says how to build. Lacks on purpose:
//! building the object.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rustc-check-cfg=cfg(kernel_half)");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=XTASK_EBPF_OBJECT");
    let named = env::var_os("XTASK_EBPF_OBJECT").map(PathBuf::from);
    let object = match &named {
        Some(path) => path.clone(),
        None => {
            let agent = PathBuf::from(required("CARGO_MANIFEST_DIR")?);
            agent.join("../target/ebpf/bpfel-unknown-none/ebpf/sealwatch-ebpf")
        }
    };
    println!("cargo:rerun-if-changed={}", object.display());
    let bytes = match fs::read(&object) {
        Ok(bytes) => {
            println!("cargo:rustc-cfg=kernel_half");
            without_debug(&bytes)
                .ok_or_else(|| format!("{}: not an ELF object", object.display()))?
        }
        // An object that was asked for by name must be there.
        Err(error) if named.is_some() => {
            return Err(format!("XTASK_EBPF_OBJECT={}: {error}", object.display()).into());
        }
        Err(_) => Vec::new(),
    };
    fs::write(PathBuf::from(required("OUT_DIR")?).join("kernel.o"), bytes)?;
    Ok(())
}

/// Bytes of an ELF header, and of a section's.
const HEADER: usize = 64;
/// Section types: unused, and without bytes in the file.
const SHT_NULL: u64 = 0;
const SHT_NOBITS: u64 = 8;

/// Three quarters of the object are DWARF, of which the linker has made BTF; neither
/// the loader nor the kernel reads it. Its sections stay, as unused ones, so that
/// the numbers of all others do. None for what is no ELF of 64 bits, little endian.
fn without_debug(object: &[u8]) -> Option<Vec<u8>> {
    if !object.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (sections, count) = (number(object, 40, 8)?, number(object, 60, 2)?);
    let mut headers = object.get(sections..sections + count * HEADER)?.to_vec();
    let names = number(object, 62, 2)? * HEADER;
    let names = object.get(number(&headers, names + 24, 8)?..)?;
    let mut stripped = object.get(..HEADER)?.to_vec();
    for header in headers.chunks_exact_mut(HEADER) {
        let name = names.get(number(header, 0, 4)?..)?;
        if name.starts_with(b".debug_") || name.starts_with(b".rel.debug_") {
            header[4..].fill(0);
            continue;
        }
        let (offset, size) = (number(header, 24, 8)?, number(header, 32, 8)?);
        let kind = number(header, 4, 4)? as u64;
        if kind == SHT_NULL || kind == SHT_NOBITS {
            continue;
        }
        let align = number(header, 48, 8)?.max(1);
        stripped.resize(stripped.len().next_multiple_of(align), 0);
        header[24..32].copy_from_slice(&(stripped.len() as u64).to_le_bytes());
        stripped.extend_from_slice(object.get(offset..offset + size)?);
    }
    stripped.resize(stripped.len().next_multiple_of(8), 0);
    let sections = (stripped.len() as u64).to_le_bytes();
    stripped[40..48].copy_from_slice(&sections);
    stripped.extend_from_slice(&headers);
    Some(stripped)
}

/// A little-endian number of so many bytes.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + size)?.iter().rev();
    Some(bytes.fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

fn required(name: &str) -> Result<std::ffi::OsString, Box<dyn Error>> {
    env::var_os(name).ok_or_else(|| format!("cargo did not set {name}").into())
}
