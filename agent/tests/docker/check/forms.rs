//! The reports for build servers, from real checks with a hostile path.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::toolchain::apt;

use super::super::Stage;
use super::super::engines::cannot_run;
use super::{command, docker, run};

fn schema() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docker/check/junit.xsd")
}

#[test]
fn build_servers_can_read_it() {
    let stage = match Stage::set() {
        Ok(stage) => stage,
        Err(why) => return cannot_run("build_servers_can_read_it", &why),
    };
    let hostile = "cd /srv; echo > \"$(printf 'a\\n::error::x%%0Ab,<b>&')\"; exit 5";
    let mut words = docker(&stage);
    words.extend(run(&[], hostile).iter().map(|word| (*word).to_owned()));

    let summary = stage.path().join("summary.md");
    let mut github = command(&["--format", "github"], &words);
    let github = github
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output()
        .unwrap();
    assert_eq!(github.status.code(), Some(1));
    let stdout = String::from_utf8(github.stdout).unwrap();
    let mut lines = stdout.lines();
    let first = lines.next().unwrap();
    assert!(
        first.starts_with("::error title=") && first.contains("EROFS under /srv::create of /srv/a"),
        "{stdout}"
    );
    // The newline is text, the percent sign is escaped, and no line is the path's.
    assert!(first.contains("\\x0a::error::x%250Ab,<b>&"), "{stdout}");
    assert!(
        stdout
            .lines()
            .all(|line| line.starts_with("::") && line.contains(" title=")),
        "{stdout}"
    );
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(
        summary.contains("failed") && !summary.contains("<b>"),
        "{summary}"
    );
    assert!(String::from_utf8_lossy(&github.stderr).contains("sealwatch check failed"));

    if !apt::on_path("xmllint")
        && let Err(why) = apt::ensure_packages(&["libxml2-utils"])
    {
        return cannot_run("build_servers_can_read_it", &format!("{why:#}"));
    }
    let report = stage.path().join("junit.xml");
    let flags = ["--format", "junit", "--output", report.to_str().unwrap()];
    let clean: Vec<String> = docker(&stage)
        .into_iter()
        .chain(run(&[], "exit 0").into_iter().map(str::to_owned))
        .collect();
    for (words, code, cases) in [(&words, 1, "<failure"), (&clean, 0, "no denials")] {
        let checked = command(&flags, words).output().unwrap();
        assert_eq!(checked.status.code(), Some(code));
        let text = std::fs::read_to_string(&report).unwrap();
        assert!(text.contains(cases), "{text}");
        let valid = Command::new("xmllint")
            .args(["--noout", "--schema"])
            .arg(schema())
            .arg(&report)
            .output()
            .unwrap();
        assert!(
            valid.status.success(),
            "{}\n{text}",
            String::from_utf8_lossy(&valid.stderr)
        );
    }
}
