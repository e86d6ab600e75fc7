//! Advice for the flags of mounts and files: noexec, nodev, immutable.
//!
//! In: an [`Advice`]. Out: words. Invariant: a flag that protects is lifted for
//! one directory at most, and only where the program needs it. Lacks on
//! purpose: changes, since each takes a decision.

use super::{Advice, plain::shown, read_only::words};
use crate::denial::Remedy;

fn target<'a>(advice: &Advice<'a>) -> &'a str {
    let root = shown(advice.write_root, "its mount point");
    advice.mount.map_or(root, |mount| shown(mount.target, root))
}

pub(super) fn noexec(advice: &Advice) -> Option<Remedy> {
    let (path, at) = (shown(advice.path, "the program"), target(advice));
    let option = if advice.kubernetes {
        "an emptyDir, which may execute"
    } else {
        "a tmpfs with the option exec"
    };
    words(format!(
        "{at} is mounted noexec: put {path} into the image, or, if the program must unpack code there, mount a directory for that alone as {option}"
    ))
}

pub(super) fn nodev(advice: &Advice) -> Option<Remedy> {
    let at = target(advice);
    let way = if advice.kubernetes {
        "a device plugin of the node"
    } else {
        "--device"
    };
    words(format!(
        "{at} is mounted nodev: hand the device to the container with {way} instead of making a device file"
    ))
}

pub(super) fn immutable(advice: &Advice) -> Option<Remedy> {
    let path = shown(advice.path, "the file");
    words(format!(
        "{path} or its directory is immutable or append-only, set by somebody with chattr: write elsewhere, open it to append, or have the file's owner on the host clear it (chattr -i or -a)"
    ))
}
