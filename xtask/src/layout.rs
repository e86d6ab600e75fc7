//! Where things lie: the workspace's directories and the nested cargo's environment.
//!
//! In: the environment of the running `cargo xtask`. Out: paths, the host's
//! triple, and a `Command` for another cargo that inherits nothing of this one.
//! Lacks on purpose: making any of what it names.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

/// The target that the kernel half is compiled for (little-endian hosts).
pub const EBPF_TARGET: &str = "bpfel-unknown-none";

/// The workspace's root directory.
pub fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask).to_path_buf()
}

/// Cargo's target directory: `CARGO_TARGET_DIR`, or `target` in the workspace.
pub fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// What is installed or downloaded once and kept: ignored by git, survives `cargo clean`.
pub fn cache_dir() -> PathBuf {
    root().join(".cache")
}

/// The kernel half as `cargo xtask build` leaves it.
pub fn ebpf_object() -> PathBuf {
    target_dir()
        .join("ebpf")
        .join(EBPF_TARGET)
        .join("ebpf")
        .join("sealwatch-ebpf")
}

/// The daemon as `cargo xtask build` leaves it.
pub fn agent_binary(triple: &str, profile: &str) -> PathBuf {
    target_dir().join(triple).join(profile).join("sealwatch")
}

/// The triple of the host, as the rustc of the running cargo names it.
pub fn host_triple() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text = crate::step::output(Command::new(rustc).arg("-vV"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("`rustc -vV` names no host")
}

/// The cargo that runs this `xtask`, in an environment where it starts afresh.
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    forget_outer_cargo(&mut command);
    command.current_dir(root());
    command
}

/// Removes from a nested cargo's environment what the outer `cargo run` put
/// there, and flags that would replace those the build needs. Settings of the
/// network, the registry and the terminal stay.
pub fn forget_outer_cargo(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_of_outer_cargo) {
            command.env_remove(name);
        }
    }
}

fn is_of_outer_cargo(name: &str) -> bool {
    const KEPT: [&str; 7] = [
        "CARGO_HOME",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
        "CARGO_TARGET_DIR",
    ];
    // `cargo run` prepends its own toolchain's libraries to LD_LIBRARY_PATH,
    // where another rustc must not find them.
    const DROPPED: [&str; 5] = [
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "LD_LIBRARY_PATH",
    ];
    let cargo = name == "CARGO" || name.starts_with("CARGO_");
    DROPPED.contains(&name) || (cargo && !KEPT.iter().any(|kept| name.starts_with(kept)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_outer_cargo_is_forgotten() {
        for dropped in [
            "CARGO",
            "CARGO_PKG_NAME",
            "CARGO_MANIFEST_DIR",
            "CARGO_ENCODED_RUSTFLAGS",
        ] {
            assert!(is_of_outer_cargo(dropped), "{dropped}");
        }
        for kept in [
            "CARGO_HOME",
            "CARGO_HTTP_CAINFO",
            "CARGO_REGISTRIES_X_INDEX",
            "PATH",
            "HOME",
        ] {
            assert!(!is_of_outer_cargo(kept), "{kept}");
        }
    }
}
