//! No text makes the reader panic, take long, or write to a terminal.

use proptest::prelude::*;

use super::*;

#[test]
fn lists_and_texts_are_bounded() {
    let roots = |count: usize| {
        let lines = (0..count).map(|n| format!("  - {{path: /r{n}, kind: tmpfs}}\n"));
        format!("write_roots:\n{}", lines.collect::<String>())
    };
    let text = |lines: String| format!("version: 1\ncontainer: web\n{lines}");
    assert!(parse("x", &text(roots(WRITE_ROOTS_MAX))).is_ok());
    assert!(error(&roots(WRITE_ROOTS_MAX + 1)).contains("\"257 items\" for write_roots"));
    let long = format!("image: {}", "i".repeat(TEXT_MAX_BYTES + 1));
    assert!(error(&long).len() < 400);
    let many = "---\nversion: 1\ncontainer: web\n".repeat(CONTRACTS_MAX + 1);
    assert!(
        parse("x", &many)
            .unwrap_err()
            .to_string()
            .contains("more than 64 contracts")
    );
    let large = " ".repeat(FILE_MAX_BYTES + 1);
    assert!(
        parse("x", &large)
            .unwrap_err()
            .to_string()
            .contains("bytes")
    );
}

#[test]
fn aliases_do_not_multiply() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, last) in ('b'..='z').zip('a'..) {
        let list = vec![format!("*{last}"); 8].join(", ");
        bomb.push_str(&format!("{name}: &{name} [{list}]\n"));
    }
    assert!(parse("x", &bomb).is_err());
    let deep = "[".repeat(100_000);
    assert!(parse("x", &deep).is_err());
}

#[test]
fn what_is_taken_can_be_written_and_read_back() {
    let named = |name: &str| format!("version: 1\ncontainer: \"{name}\"\n");
    let contracts = parse("x", &named(&"\\x5b".repeat(TEXT_MAX_BYTES))).unwrap();
    assert_eq!(contracts[0].container.len(), TEXT_MAX_BYTES);
    assert_eq!(parse("x", &text(&contracts).unwrap()).unwrap(), contracts);
    let three = vec![named(&"\\x5b".repeat(TEXT_MAX_BYTES)); 3].join("---\n");
    let error = parse("x", &three).unwrap_err().to_string();
    assert!(error.contains("more than 8192 brackets"), "{error}");
}

#[test]
fn errors_reach_no_terminal_raw() {
    for lines in [
        "image: \"a\\x1b[2Jb\"",
        "\"ke\\x1by\": 1",
        "write_roots: [{path: \"/a\\x1b\", kind: tmpfs}]",
        "environment: [{name: A, value: \"x\\ny\"}]",
        "image: \"\\u202e\"",
    ] {
        let error = error(lines);
        let printable = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
        assert!(error.chars().all(printable), "{error:?}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,400}") {
        let _ = parse("x", &text);
        let _ = parse("x", &format!("version: 1\ncontainer: web\nwrite_roots: {text}"));
    }

    #[test]
    fn any_path_is_judged(path in "[/.a-c]{0,40}") {
        let contract = whole();
        let _ = contract.permits(&path);
        let below = format!("/tmp/{}", path.replace('.', "x"));
        prop_assert!(contract.permits(&below).inside());
    }
}
