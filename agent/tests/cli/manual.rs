//! The pages are typeset without a complaint.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{cannot_run, commands, run, text};

/// The page as a terminal shows it; none where there is nothing to typeset with.
fn typeset(page: &Path) -> Option<String> {
    let output = Command::new("groff")
        .args(["-man", "-ww", "-Tutf8", "-P-cbou"])
        .arg(page)
        .output()
        .ok()?;
    let complaints = text(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{}: {complaints}",
        page.display()
    );
    Some(text(&output.stdout))
}

#[test]
fn each_command_has_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let pages = dir.path().join("share/man/man1");
    let output = run(&["man", pages.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let own = commands().into_iter().filter(|name| name != "help");
    let mut expected: Vec<_> = own.map(|name| format!("sealwatch-{name}.1")).collect();
    expected.push("sealwatch.1".to_owned());
    expected.sort();
    let found = fs::read_dir(&pages).unwrap();
    let mut found: Vec<_> = found
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, expected);

    for page in &found {
        let Some(shown) = typeset(&pages.join(page)) else {
            return cannot_run("each_command_has_a_page", &"there is no groff");
        };
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXAMPLES"] {
            let has = shown.lines().any(|line| line == section);
            assert!(has, "{page} has no {section}:\n{shown}");
        }
    }
    let doctor = typeset(&pages.join("sealwatch-doctor.1")).unwrap_or_default();
    assert!(doctor.contains("EXIT CODES"), "{doctor}");

    // The main page alone is the same.
    let main = run(&["man"]);
    assert_eq!(main.status.code(), Some(0));
    assert_eq!(main.stdout, fs::read(pages.join("sealwatch.1")).unwrap());
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let output = run(&["man", "/proc/no/man1"]);
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(
        complaint.contains("/proc/no/man1: name a directory"),
        "{complaint}"
    );
}
