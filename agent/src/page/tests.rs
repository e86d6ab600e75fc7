//! Pages of a snapshot with everything in it, hostile names among it.

use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::aggregate::GroupSeries;
use crate::aggregate::Labels;
use crate::overview::{self, tests as fixture};

fn seen(snapshot: &Snapshot) -> Seen<'_> {
    Seen {
        snapshot,
        waits_for: &[],
        node: "node-1",
        metrics: "metrics",
        now: UNIX_EPOCH + Duration::from_secs(1_750_000_090),
        now_ns: 60_000_000_000,
    }
}

fn of(snapshot: &Snapshot, letter: &str) -> String {
    let one = overview::container(snapshot, &letter.repeat(64)).unwrap();
    let happened = Happened {
        time: UNIX_EPOCH,
        kind: "denial",
        line: r#"{"operation":"create","path":"/<b>","errno":"EROFS","cause":"read_only_mount"}"#
            .to_owned(),
    };
    container(&seen(snapshot), &one, &[happened])
}

/// The text between tags, with what stands for characters turned back.
fn visible(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in page.chars() {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    text.replace("&amp;", "&")
}

#[test]
fn hostile_names_and_paths_stay_text() {
    let snapshot = fixture::snapshot();
    let name = "<script>alert(1)</script>\\x1b[2J\\xe2\\x80\\xae";
    let missing = missing(&seen(&snapshot), "<script>x\u{1b}", &[]);
    for page in [
        list(&seen(&snapshot), &Asked::default()),
        of(&snapshot, "d"),
        missing,
    ] {
        assert!(
            !page.contains("<script>") && !page.contains("<img"),
            "{page}"
        );
        assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'));
    }
    assert!(visible(&list(&seen(&snapshot), &Asked::default())).contains(name));
    let page = visible(&of(&snapshot, "d"));
    assert!(
        page.contains(name) && page.contains("/var/run/<img src=x>\\x1b"),
        "{page}"
    );
    let words = Asked {
        words: "\"><script>".to_owned(),
        ..Asked::default()
    };
    assert!(!list(&seen(&snapshot), &words).contains("<script>"));
}

#[test]
fn a_page_obeys_a_strict_policy_and_has_its_headings_in_order() {
    let snapshot = fixture::snapshot();
    let mut pages = vec![list(&seen(&snapshot), &Asked::default())];
    pages.extend(["a", "b", "c", "d", "e", "f", "0"].map(|letter| of(&snapshot, letter)));
    for page in pages {
        for forbidden in [" style=", "<style", " onclick=", "javascript:", "<script>"] {
            assert!(!page.contains(forbidden), "{forbidden} in {page}");
        }
        assert!(page.contains("<html lang=\"en\">") && page.contains("<main id=\"main\""));
        let levels: Vec<u32> = page
            .match_indices("<h")
            .filter_map(|(at, _)| page[at + 2..].chars().next()?.to_digit(10))
            .collect();
        assert_eq!(
            levels.iter().filter(|level| **level == 1).count(),
            1,
            "{levels:?}"
        );
        assert_eq!(levels[0], 1);
        for pair in levels.windows(2) {
            assert!(pair[1] <= pair[0] + 1, "{levels:?} in {page}");
        }
    }
}

#[test]
fn a_container_is_told_with_cause_remedy_and_what_is_not_known() {
    let snapshot = fixture::snapshot();
    for (letter, words) in [
        (
            "d",
            &[
                "writes refused",
                "/var/run",
                "cause: read-only mount",
                "the mount has MNT_READONLY",
                "Remedy mount a tmpfs at /var/run",
                "--tmpfs /var/run:size=64k",
                "uid 0, on the host 100000",
            ][..],
        ),
        (
            "b",
            &[
                "degraded",
                "It runs on without /var/cache/nginx",
                "12 writes failed since 90 s ago",
                "nginx temporary files",
                "Writes there succeeded earlier",
            ],
        ),
        (
            "c",
            &[
                "under pressure",
                "nearly full",
                "48 MiB of 96 MiB (50 %)",
                "full in 60 s",
                "Last 59 s: from 0 B to 48 MiB, now 48 MiB",
                "did not answer in time",
                "Killed for want of memory",
            ],
        ),
        (
            "e",
            &[
                "writable root",
                "8 KiB in 3 files and directories, or more",
                "growing by 150 B a minute",
                "Findings",
                "Fix: ",
            ],
        ),
        (
            "f",
            &[
                "failing to start",
                "with exit code 1",
                "create under /run",
                "lsm (apparmor)",
                "no mount table of it was read",
            ],
        ),
        ("0", &["ended 90 s ago", "cause: selinux"]),
        (
            "a",
            &[
                "sealed and healthy",
                "Nothing that is measured was refused",
                "a read-only root",
            ],
        ),
    ] {
        let page = visible(&of(&snapshot, letter));
        for word in words {
            assert!(page.contains(word), "{word} is not in\n{page}");
        }
    }
}

#[test]
fn the_list_says_what_is_not_whole() {
    let snapshot = fixture::snapshot();
    let page = visible(&list(&seen(&snapshot), &Asked::default()));
    for word in [
        "No answer from /run/docker.sock",
        "7 events lost",
        "Nothing was counted for 7 s",
        "Not attached (no symbol <unix_bind>): bind",
        "Not seen at all: ",
        "Tmpfs mounts not measured or not shown (stuck): 2",
        "1 by fexit",
        "EROFS under /var/cache/nginx (nginx temporary files and proxy cache)",
    ] {
        assert!(page.contains(word), "{word} is not in\n{page}");
    }
    let nothing = Snapshot::default();
    assert!(visible(&list(&seen(&nothing), &Asked::default())).contains("No hook is attached"));
    let starting = Seen {
        waits_for: &["hooks"],
        ..seen(&nothing)
    };
    assert!(visible(&list(&starting, &Asked::default())).contains("waits for hooks"));
}

#[test]
fn a_thousand_containers_take_ten_pages_and_can_be_filtered() {
    let many = (0..1_000).map(|number| {
        let mut container = fixture::named('a', &format!("web-{number:03}"));
        std::sync::Arc::make_mut(&mut container).id = format!("{number:064x}");
        GroupSeries {
            labels: Labels::of(&container),
            container: Some(container),
            counts: Vec::new(),
            oom_kills: 0,
        }
    });
    let snapshot = Snapshot {
        groups: many.collect(),
        ..Snapshot::default()
    };
    let page = |words: &str, page| {
        list(
            &seen(&snapshot),
            &Asked {
                words: words.to_owned(),
                state: Some(State::Unknown),
                page,
            },
        )
    };
    let rows = |page: &str| page.matches("<th scope=\"row\">").count();
    let first = page("", 0);
    assert_eq!(rows(&first), 100);
    assert!(first.contains("state=unknown&amp;page=2"), "{first}");
    assert!(visible(&first).contains("Page 1 of 10, 1\u{202f}000 containers"));
    let last = page("", 99);
    assert!(last.contains("web-999") && !last.contains("rel=\"next\""));
    assert_eq!(rows(&page("WEB-00 shop", 0)), 10);
    assert!(page("web-00 x&y", 0).contains("No container fits"));
    assert!(page("web 0", 0).contains("q=web%200&amp;state=unknown&amp;page=2"));
}
