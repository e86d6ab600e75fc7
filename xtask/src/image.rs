//! `cargo xtask image`: the daemon becomes a container image, by `deploy/Dockerfile`.
//!
//! In: a built daemon and an engine. Out: an image in the engine, and an archive
//! of it. Invariant: the context holds all that the image gets, so no network is
//! needed. Lacks on purpose: pushing it anywhere.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::engine::Engine;
use crate::{build, layout, step};

/// The image's name; the tag is [`VERSION`].
pub const NAME: &str = "sealwatch";
/// The version of all crates of the workspace.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

const DOCKERFILE: &str = "deploy/Dockerfile";
/// What a distributed binary must be accompanied by.
const LICENCES: [&str; 4] = [
    "LICENSE",
    "LICENSE-APACHE",
    "LICENSE-GPL-2.0",
    "LICENSE-MIT",
];

/// `cargo xtask image`.
#[derive(clap::Args, Debug)]
pub struct ImageArgs {
    /// Cargo profile of the daemon in it: dist, or release (quicker to build).
    #[arg(long, default_value = "dist")]
    profile: String,
}

/// Builds the daemon and its image, in the machine's own engine where one
/// answers, and writes the archive; prints its path.
///
/// # Errors
/// The compiler's or the engine's.
pub fn run(args: &ImageArgs) -> Result<()> {
    let daemon = build::build(&args.profile)?.agent;
    let directory = layout::target_dir().join("image");
    fs::create_dir_all(&directory).with_context(|| directory.display().to_string())?;
    let archive = directory.join(format!("{NAME}-{VERSION}.tar"));
    let private = tempfile::tempdir()?;
    let engine = match Engine::host() {
        Some(engine) => engine,
        None => Engine::start(private.path())?,
    };
    step::timed("building the image", || make(&engine, &daemon, &archive))?;
    println!("{}", archive.display());
    Ok(())
}

/// Builds the image in an engine, and writes an archive of it as `docker load`
/// and `ctr images import` read it. Returns its name.
///
/// # Errors
/// The engine's.
pub fn make(engine: &Engine, daemon: &Path, archive: &Path) -> Result<String> {
    let scratch = tempfile::tempdir()?;
    let context = scratch.path().join("context");
    assemble(daemon, &context)?;
    let name = format!("{NAME}:{VERSION}");
    let mut command = engine.command();
    command
        .args(["build", "--network", "none", "--tag", &name])
        .args(["--build-arg", &format!("VERSION={VERSION}")])
        .arg("--file")
        .arg(layout::root().join(DOCKERFILE))
        .arg(&context);
    step::output(&mut command)?;
    step::output(
        engine
            .command()
            .arg("save")
            .arg("--output")
            .arg(archive)
            .arg(&name),
    )?;
    Ok(name)
}

/// Lays out what the Dockerfile copies.
fn assemble(daemon: &Path, context: &Path) -> Result<()> {
    let licences = context.join("licences");
    fs::create_dir_all(&licences)?;
    for name in LICENCES {
        let from: PathBuf = layout::root().join(name);
        fs::copy(&from, licences.join(name)).with_context(|| from.display().to_string())?;
    }
    let to = context.join("sealwatch");
    fs::copy(daemon, &to).with_context(|| daemon.display().to_string())?;
    fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
