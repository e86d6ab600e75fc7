//! The help has examples, and a mistake is answered with the fix.

use super::{commands, run, text};

#[test]
fn every_command_shows_examples() {
    let commands = commands();
    for expected in ["run", "doctor", "report", "completions", "man"] {
        assert!(commands.iter().any(|name| name == expected), "{commands:?}");
    }
    let own = commands.iter().filter(|name| *name != "help");
    let all = own.map(|name| vec![name.as_str(), "--help"]);
    for args in all.chain([vec!["--help"]]) {
        let output = run(&args);
        let help = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        let examples = help.split_once("\nExamples:\n");
        let (_, examples) = examples.unwrap_or_else(|| panic!("{args:?} has no examples: {help}"));
        assert!(examples.contains("sealwatch"), "{args:?}: {examples}");
    }
}

#[test]
fn a_mistake_is_answered_with_the_fix() {
    for (args, fix) in [
        (&["--no-such-flag"][..], "--help"),
        (&["docter"], "doctor"),
        (
            &["doctor", "--backend", "best"],
            "auto, fexit, kprobe, tracepoint",
        ),
        (&["doctor", "--jsn"], "--json"),
        (&["completions", "cmd"], "bash"),
        (&["run", "--sample-interval", "1 parsec"], "1s"),
        (
            &["run", "--docker-socket", "tcp://1.2.3.4"],
            "absolute path",
        ),
        (
            &["run", "--config", "/does/not/exist"],
            "readable TOML file",
        ),
    ] {
        let output = run(args);
        let complaint = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {complaint}");
        assert!(complaint.contains(fix), "{args:?}: {complaint}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn health_of_nobody_is_no_answer() {
    let output = run(&["health", "--agent", "http://127.0.0.1:1"]);
    let complaint = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{complaint}");
    assert!(complaint.contains("no sealwatch answers"), "{complaint}");
}
