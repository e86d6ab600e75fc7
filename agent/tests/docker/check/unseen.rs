//! What could not be seen, or was told badly, is told as such.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use xtask::engine::IMAGE;

use super::super::Stage;
use super::super::engines::cannot_run;
use super::{check, command, docker, run, strip};

fn make_enterable(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_cannot_be_observed_is_not_called_clean() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("what_cannot_be_observed", &why),
    };
    let missing = check(&stage, &[], &["run", "--pull", "never", "no-such-image:1"]);
    assert_eq!(missing.code, Some(3), "{}", missing.stderr);
    assert!(
        missing.stderr.contains("no-such-image"),
        "docker's own words: {}",
        missing.stderr
    );
    let program = check(
        &stage,
        &[],
        &["run", "--rm", "--network", "none", IMAGE, "/no/such"],
    );
    assert_eq!(program.code, Some(3), "{}", program.stderr);
    let nobody = command(&[], &["true".to_owned()]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(3), "{nobody:?}");
    assert!(String::from_utf8_lossy(&nobody.stdout).contains("no container was seen"));
    let not_there = command(&[], &["/no/such/command".to_owned()])
        .output()
        .unwrap();
    assert_eq!(not_there.status.code(), Some(3), "{not_there:?}");

    let mut words = docker(&stage);
    words.extend(
        run(&[], "echo it ran")
            .iter()
            .map(|word| (*word).to_owned()),
    );
    let unprivileged = command(&[], &words);
    // The binary may lie where nobody else may enter.
    let copy = stage.path().join("sealwatch");
    std::fs::copy(env!("CARGO_BIN_EXE_sealwatch"), &copy).unwrap();
    make_enterable(stage.path());
    let mut nobody = Command::new(&copy);
    strip(&mut nobody);
    nobody
        .args(unprivileged.get_args())
        .stdin(Stdio::null())
        .uid(65_534)
        .gid(65_534);
    let nobody = nobody.output().unwrap();
    assert_eq!(nobody.status.code(), Some(3), "{nobody:?}");
    assert!(
        !String::from_utf8_lossy(&nobody.stdout).contains("it ran"),
        "{nobody:?}"
    );

    for wrong in [
        command(&[], &[]),
        command(&["--timeout", "soon"], &["true".to_owned()]),
        command(&["--accept", "relative"], &["true".to_owned()]),
        command(&["--contract", "/no/such/file"], &["true".to_owned()]),
        command(&[], &["docker", "create", IMAGE].map(str::to_owned)),
    ] {
        let mut wrong = wrong;
        let output = wrong.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong:?} {output:?}");
        assert!(!output.stderr.is_empty());
    }
}
