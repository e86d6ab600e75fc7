//! Puts the kernel half into the daemon.
//!
//! In: the object that `cargo xtask build` made, from `XTASK_EBPF_OBJECT` or
//! its usual place. Out: `$OUT_DIR/kernel.o`, and the cfg `kernel_half` where
//! there is one. Invariant: without an object the daemon still compiles, so that
//! lints, documents and unit tests need no kernel toolchain; it then refuses to
//! load and says how to build. Lacks on purpose: building the object.

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
            bytes
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

fn required(name: &str) -> Result<std::ffi::OsString, Box<dyn Error>> {
    env::var_os(name).ok_or_else(|| format!("cargo did not set {name}").into())
}
