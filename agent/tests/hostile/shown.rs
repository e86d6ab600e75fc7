//! Names that fool terminals, shells, HTML, JSON and metrics, in every form in
//! which they are shown.

use std::process::Command;
use std::time::Duration;

use super::http::get;
use super::stage::Stage;

/// Labels are a container's maker's choice.
const LABELS: [&str; 6] = [
    "--label",
    "com.docker.compose.project=\x1b[31m<script>alert(2)</script>\"\n",
    "--label",
    "com.docker.compose.service=\u{202e}evil`$(reboot)`",
    "--label",
    "track=a{b=\"c\"} 1\n# HELP x",
];

/// Nothing of it reaches anybody as more than text.
pub fn names(stage: &Stage) {
    let count = stage.run("names", &LABELS, &["hostile", "names"]);
    stage.is_counted("names", count);
    stage.honest("after-names");

    let metrics = stage.agent.metrics_text();
    super::exposition::parse(&metrics);
    xtask::prometheus::lint(&metrics).unwrap();
    is_plain("the metrics", &metrics);

    let rows = stage.agent.denials();
    let own = rows
        .iter()
        .filter(|row| row.text("/container/name") == "names");
    let paths: Vec<_> = own.map(|row| row.text("/path").to_owned()).collect();
    assert!(
        paths.iter().any(|path| path.contains("\\x1b[2J")),
        "{paths:?}"
    );
    assert!(
        paths.iter().any(|path| path.contains("\\xff\\xfe")),
        "{paths:?}"
    );
    assert!(paths.iter().any(|path| path.len() > 240), "{paths:?}");
    for event in stage
        .agent
        .events(|event| event.text("/container/name") == "names")
    {
        is_plain("an event", event.text("/path"));
    }

    let address = stage.agent.address();
    let id = rows
        .iter()
        .find(|row| row.text("/container/name") == "names");
    let id = id.unwrap().text("/container/id").to_owned();
    for path in ["/".to_owned(), format!("/containers/{id}")] {
        let page = get(
            address,
            &path,
            "Accept: text/html\r\n",
            Duration::from_secs(5),
        )
        .unwrap();
        let (head, page) = page.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert!(!page.contains("<script>alert"), "{path}");
        assert!(!page.contains("<script src=x"), "{path}");
        is_plain("a page", page);
    }
    let url = format!("http://{address}");
    for command in ["report", "events"] {
        let output = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
            .args([command, "--agent", &url])
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("\\x1b[2J"), "{command}: {text}");
        is_plain(command, &text);
    }
}

/// No character that a terminal acts upon.
fn is_plain(what: &str, text: &str) {
    let hidden = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
    };
    let found = text.chars().find(hidden);
    let around = found.and_then(|found| text.lines().find(|line| line.contains(found)));
    assert!(found.is_none(), "{what}: {found:?} in {around:?}");
}
