//! The image with real programs: nginx, redis, and a Python web application under gunicorn.
//!
//! In: Debian's packages and the files in `programs/`. Out: an archive in the
//! cache that dockerd and containerd read, and how each program is run and
//! exercised. Invariant: no registry of images is asked; users, owners and
//! compiled modules are as the packages' own scripts leave them. Lacks on purpose:
//! those scripts, which need most of Debian, and a minute where this takes seconds.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{APP_USER, Engine, Owners, pack};
use crate::{layout, lock::Lock, step, toolchain::mirror::Suite};

/// The image's name.
pub const IMAGE: &str = "docker.io/sealwatch/programs:latest";
/// Its other name: by itself it sleeps, so that it serves as the sandbox of pods.
pub const SANDBOX: &str = "docker.io/sealwatch/pause:latest";
/// The user of Debian's redis.
const REDIS_USER: u32 = 101;
/// Debian's group of those who may read logs.
const ADM: u32 = 4;

const SUITE: &str = "bookworm";
/// `usr-is-merged` stands in for `usrmerge`, which would bring all of Perl.
const PACKAGES: [&str; 7] = [
    "base-files",
    "base-passwd",
    "busybox-static",
    "gunicorn",
    "nginx",
    "redis-server",
    "usr-is-merged",
];

/// What nobody reads in a container: half of the packages' files.
const UNREAD: [&str; 5] = ["doc", "info", "lintian", "locale", "man"];

/// Directories that packages' scripts or an image's author make: mode, user, group.
const TREE: [(&str, u32, u32, u32); 10] = [
    ("var/www/html", 0o755, 0, 0),
    ("var/cache/nginx", 0o755, 0, 0),
    ("var/lib/redis", 0o750, REDIS_USER, REDIS_USER),
    ("var/log/redis", 0o2750, REDIS_USER, ADM),
    ("run/redis", 0o755, REDIS_USER, REDIS_USER),
    ("app", 0o755, APP_USER, APP_USER),
    ("app/notes", 0o755, APP_USER, APP_USER),
    ("home/app", 0o755, APP_USER, APP_USER),
    ("run/notes", 0o755, APP_USER, APP_USER),
    ("var/log/notes", 0o755, APP_USER, APP_USER),
];

/// Files of the image's author.
const FILES: [(&str, &str); 6] = [
    (
        "etc/nginx/conf.d/site.conf",
        include_str!("programs/nginx.conf"),
    ),
    (
        "app/notes/__init__.py",
        include_str!("programs/notes/__init__.py"),
    ),
    (
        "app/notes/cache.py",
        include_str!("programs/notes/cache.py"),
    ),
    (
        "app/notes/render.py",
        include_str!("programs/notes/render.py"),
    ),
    (
        "app/notes/uploads.py",
        include_str!("programs/notes/uploads.py"),
    ),
    ("app/notes/web.py", include_str!("programs/notes/web.py")),
];

/// A program of the image.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// What it is called here.
    pub name: &'static str,
    /// The uid and gid that it is started as.
    pub user: u32,
    /// How it is started, in the foreground.
    pub command: &'static [&'static str],
    /// A shell script that waits until the program answers, makes it write all that
    /// it writes in its work, and fails where an answer is wrong. It writes nothing.
    pub exercise: &'static str,
}

/// A web server with Debian's settings: started as root, works as www-data.
pub const NGINX: Program = Program {
    name: "nginx",
    user: 0,
    command: &["nginx", "-g", "daemon off;"],
    exercise: include_str!("programs/nginx.sh"),
};

/// A database with Debian's settings that keeps snapshots and a log of changes.
pub const REDIS: Program = Program {
    name: "redis",
    user: REDIS_USER,
    command: &[
        "redis-server",
        "/etc/redis/redis.conf",
        "--daemonize",
        "no",
        "--bind",
        "127.94.0.2",
        "--appendonly",
        "yes",
    ],
    exercise: include_str!("programs/redis.sh"),
};

/// A web application of several modules, with a cache in its user's home.
pub const NOTES: Program = Program {
    name: "notes",
    user: APP_USER,
    command: &[
        "gunicorn",
        "--chdir",
        "/app",
        "--bind",
        "127.94.0.3:8000",
        "--pid",
        "/run/notes/notes.pid",
        "notes.web:application",
    ],
    exercise: include_str!("programs/notes.sh"),
};

/// The image's archive, made unless an earlier one of the same recipe is in the cache.
///
/// # Errors
/// No root, no Debian mirror, or what apt says of it.
pub fn archive() -> Result<PathBuf> {
    let home = layout::cache_dir().join("programs");
    fs::create_dir_all(&home).with_context(|| home.display().to_string())?;
    let _lock = Lock::take(&home.join("lock"))?;
    let archive = home.join("image.tar");
    let recipe = home.join("recipe");
    if fs::read_to_string(&recipe).is_ok_and(|made_of| made_of == self::recipe()) {
        return Ok(archive);
    }
    step::timed(
        &format!("making an image of nginx, redis and Python from Debian {SUITE}"),
        || make(&home, &archive),
    )?;
    // The last thing of all, so that what broke off halfway is never used.
    fs::write(recipe, self::recipe())?;
    Ok(archive)
}

/// Loads the image into an engine.
///
/// # Errors
/// As [`archive`], and docker's own.
pub fn load(engine: &Engine) -> Result<()> {
    let archive = archive()?;
    engine.docker_ok(&["load", "--input", &archive.to_string_lossy()])?;
    Ok(())
}

/// All that the archive is made of, but for the versions of packages.
fn recipe() -> String {
    let files = FILES.map(|(path, text)| format!("{path}\n{text}"));
    [include_str!("programs.rs"), &files.concat()].concat()
}

fn make(home: &Path, archive: &Path) -> Result<()> {
    let scratch = tempfile::tempdir_in(home)?;
    let root = scratch.path().join("root");
    let suite = Suite::open(&scratch.path().join("apt"), SUITE)?;
    suite.unpack_with_dependencies(&PACKAGES, &root)?;
    complete(&root)?;
    let config = json!({
        "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        "Cmd": ["/bin/busybox", "sleep", "100000"],
    });
    pack(&root, Owners::Kept, &[IMAGE, SANDBOX], &config, archive)
}

/// Does what the packages' scripts and an image's author would have done.
fn complete(root: &Path) -> Result<()> {
    for name in UNREAD {
        let directory = root.join("usr/share").join(name);
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
    }
    fs::remove_dir(root.join("var/run"))?;
    symlink("/run", root.join("var/run"))?;
    symlink("busybox", root.join("bin/sh"))?;
    users(root)?;
    for (name, mode, user, group) in TREE {
        let directory = root.join(name);
        fs::create_dir_all(&directory)?;
        chown(&directory, Some(user), Some(group)).with_context(|| format!("chown {name}"))?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(mode))?;
    }
    for (path, text) in FILES {
        fs::write(root.join(path), text)?;
    }
    let settings = root.join("etc/redis/redis.conf");
    chown(&settings, Some(REDIS_USER), Some(REDIS_USER))?;
    let page = root.join("usr/share/nginx/html/index.html");
    fs::copy(page, root.join("var/www/html/index.html"))?;
    // As the packages of Python do: what is not compiled, its user would have to.
    let mut compile = Command::new("chroot");
    compile.arg(root);
    compile.args(["/usr/bin/python3", "-m", "compileall", "-q"]);
    step::output(compile.args(["/usr/lib/python3.11", "/usr/lib/python3"]))?;
    Ok(())
}

/// Debian's users, and those of redis and of the application.
fn users(root: &Path) -> Result<()> {
    let base = root.join("usr/share/base-passwd");
    let mut users = fs::read_to_string(base.join("passwd.master"))?;
    let mut groups = fs::read_to_string(base.join("group.master"))?;
    for (name, id, home) in [
        ("redis", REDIS_USER, "/var/lib/redis"),
        ("app", APP_USER, "/home/app"),
    ] {
        users.push_str(&format!("{name}:x:{id}:{id}::{home}:/bin/sh\n"));
        groups.push_str(&format!("{name}:x:{id}:\n"));
    }
    fs::write(root.join("etc/passwd"), users)?;
    fs::write(root.join("etc/group"), groups)?;
    Ok(())
}
