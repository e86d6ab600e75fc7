//! The systemd unit, by systemd's own tools.

use std::fs;
use std::process::Command;

use xtask::toolchain::ensure_packages;
use xtask::{layout, step};

use super::{cannot_run, deployed};

const UNIT: &str = "systemd/sealwatch.service";

#[test]
fn the_readme_tells_the_units_exposure() {
    if let Err(error) = ensure_packages(&["systemd"]) {
        return cannot_run("the_readme_tells_the_units_exposure", &format!("{error:#}"));
    }
    let mut command = Command::new("systemd-analyze");
    command.args(["security", "--no-pager", "--offline=true"]);
    let told = step::output(command.arg(deployed(UNIT))).unwrap();
    let (_, figure) = told
        .split_once("Overall exposure level for sealwatch.service: ")
        .unwrap();
    let figure = figure.split_whitespace().next().unwrap();
    let readme = fs::read_to_string(layout::root().join("README.md")).unwrap();
    let wanted = format!("`systemd-analyze security` rates it {figure}");
    assert!(
        readme.contains(&wanted),
        "the README does not say: {wanted}"
    );
}

/// Every line is one that systemd knows, and none contradicts another.
#[test]
fn the_unit_is_sound() {
    if let Err(error) = ensure_packages(&["systemd"]) {
        return cannot_run("the_unit_is_sound", &format!("{error:#}"));
    }
    let directory = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(deployed(UNIT)).unwrap();
    let program = directory.path().join("sealwatch");
    // What it starts must be there, and the manual page is installed by hand.
    fs::copy("/bin/true", &program).unwrap();
    let text = text
        .replace("/usr/local/bin/sealwatch", program.to_str().unwrap())
        .replace("Documentation=man:sealwatch(1)\n", "");
    let unit = directory.path().join("sealwatch.service");
    fs::write(&unit, text).unwrap();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&unit)
        .output()
        .unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let about = complaints.lines().filter(|line| line.contains("sealwatch"));
    assert_eq!(about.collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(output.status.success(), "{complaints}");
}
