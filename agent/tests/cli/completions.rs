//! A real bash completes by the script that the binary prints.

use std::process::Command;

use super::{commands, run, text};

/// What a bash with the script offers for the last of these words.
fn offered(script: &str, words: &[&str]) -> Vec<String> {
    // As bash itself does it: the words, the place of the one to be completed, and
    // the function that the script has registered for the program.
    let ask = "source \"$1\" && shift
        COMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1)) COMP_LINE=\"$*\" COMP_POINT=${#COMP_LINE}
        registered=$(complete -p \"$1\") || exit 9
        [[ $registered =~ -F\\ ([^\\ ]+) ]] || exit 8
        \"${BASH_REMATCH[1]}\" \"$1\" \"${@: -1}\" \"${@: -2:1}\"
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let output = Command::new("bash")
        .args(["--norc", "-c", ask, "bash", script])
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {output:?}");
    let offered = text(&output.stdout);
    offered.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("sealwatch");
    let output = run(&["completions", "bash"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    std::fs::write(&script, output.stdout).unwrap();
    let script = script.to_str().unwrap();
    let read = Command::new("bash").args(["-n", script]).output().unwrap();
    assert!(read.status.success() && read.stderr.is_empty(), "{read:?}");

    assert_eq!(offered(script, &["sealwatch", "doc"]), ["doctor"]);
    let all = offered(script, &["sealwatch", ""]);
    for command in commands() {
        assert!(all.contains(&command), "{command} is not in {all:?}");
    }
    assert!(!all.contains(&"record".to_owned()), "{all:?}");
    assert_eq!(
        offered(script, &["sealwatch", "doctor", "--js"]),
        ["--json"]
    );
    let format = offered(script, &["sealwatch", "report", "--format", ""]);
    assert_eq!(format, ["table", "json"]);
    let backends = offered(script, &["sealwatch", "doctor", "--backend", "k"]);
    assert_eq!(backends, ["kprobe"]);
    let shells = offered(script, &["sealwatch", "completions", "f"]);
    assert_eq!(shells, ["fish"]);
}

#[test]
fn other_shells_have_scripts_too() {
    for (shell, sign) in [
        ("zsh", "#compdef sealwatch"),
        ("fish", "complete -c sealwatch"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion"),
    ] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = text(&output.stdout);
        assert!(
            script.contains(sign) && script.contains("doctor"),
            "{shell}: {script}"
        );
    }
}
