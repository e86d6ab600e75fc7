//! Puts the kernel half into the daemon.
//!
//! In: the object that `cargo xtask build` made, from `XTASK_EBPF_OBJECT` or
//! its usual place. Out: `$OUT_DIR/kernel.o`, without what only a debugger reads,
//! and the cfg `kernel_half` where there is one. Invariant: without an object the
//! daemon still compiles, so that lints, documents and unit tests need no kernel
//! toolchain; it then refuses to load and says how to build. Lacks on purpose:
//! building the object.

use std::{env, error::Error, fs, path::PathBuf};

use object::build::elf::{Builder, SectionData};
use object::elf::SHT_STRTAB;

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
            without_debug(&bytes).map_err(|error| format!("{}: {error}", object.display()))?
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

/// Three quarters of the object are DWARF, of which the linker has made BTF; neither
/// the loader nor the kernel reads it.
fn without_debug(object: &[u8]) -> Result<Vec<u8>, object::build::Error> {
    let mut builder = Builder::read(object)?;
    for section in &mut builder.sections {
        let name = section.name.as_slice();
        section.delete = name.starts_with(b".debug_") || name.starts_with(b".rel.debug_");
    }
    builder.delete_orphans();
    // The linker keeps the sections' names with the symbols'; the writer wants a table.
    let names = builder.sections.add();
    names.name = b".shstrtab".as_slice().into();
    names.sh_type = SHT_STRTAB;
    names.data = SectionData::SectionString;
    let mut stripped = Vec::new();
    builder.write(&mut stripped)?;
    Ok(stripped)
}

fn required(name: &str) -> Result<std::ffi::OsString, Box<dyn Error>> {
    env::var_os(name).ok_or_else(|| format!("cargo did not set {name}").into())
}
