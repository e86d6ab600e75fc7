//! Keys and answers lead to what is on the screen.

use super::super::fixture::{HOSTILE, answers};
use super::super::model::Standing;
use super::*;

const SIZE: Size = Size {
    columns: 80,
    rows: 24,
};

fn view() -> View {
    let mut view = View::default();
    view.answered(Duration::ZERO, answers("1", 100));
    view.answered(Duration::from_secs(2), answers("1", 110));
    view
}

fn press(view: &mut View, keys: &str) -> Next {
    let mut next = Next::GoOn;
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\u{1b}' => KeyCode::Esc,
            '\u{8}' => KeyCode::Backspace,
            '↓' => KeyCode::Down,
            '↑' => KeyCode::Up,
            other => KeyCode::Char(other),
        };
        next = view.key(KeyEvent::from(code), SIZE);
    }
    next
}

fn names(view: &View) -> Vec<String> {
    view.rows().iter().map(|one| one.name.to_string()).collect()
}

#[test]
fn the_worst_comes_first() {
    let view = view();
    let hostile = Shown::from(HOSTILE).to_string();
    let expected = [
        "slow",
        "broken",
        "full",
        "web",
        "(unknown)",
        &hostile,
        "(host)",
        "open",
        "calm",
    ];
    assert_eq!(names(&view), expected);
    let standings: Vec<_> = view.containers.iter().map(|one| one.standing).collect();
    assert_eq!(
        standings,
        [
            Standing::Degraded,
            Standing::FailingToStart,
            Standing::Full,
            Standing::Refused,
            Standing::WasRefused,
            Standing::WasRefused,
            Standing::WasRefused,
            Standing::WritableRoot,
            Standing::Sealed,
        ]
    );
    let web = &view.containers[3];
    assert_eq!((web.rate, web.denials, web.killed), (Some(5.0), 110, 2));
}

#[test]
fn the_selection_stays_with_its_container() {
    let mut view = view();
    press(&mut view, "↓j↓");
    let rows = view.rows();
    assert_eq!(&*rows[view.index(&rows)].name, "web");
    press(&mut view, "<");
    assert_eq!(view.sort, Sort::Name);
    let rows = view.rows();
    assert_eq!(&*rows[view.index(&rows)].name, "web");
    press(&mut view, "s");
    assert_eq!(view.sort, Sort::State);
    press(&mut view, "kkkkk");
    assert_eq!(view.index(&view.rows()), 0);
    press(&mut view, "G↓↓");
    assert_eq!(view.index(&view.rows()), 8);
}

#[test]
fn every_order_is_one() {
    let mut view = view();
    for (sort, first) in [
        ("rate", "web"),
        ("denials", "web"),
        ("tmpfs", "full"),
        ("name", "(host)"),
        ("state", "slow"),
    ] {
        press(&mut view, ">");
        assert_eq!((view.sort.label(), &*names(&view)[0]), (sort, first));
    }
}

#[test]
fn a_filter_is_typed_and_taken_back() {
    let mut view = view();
    press(&mut view, "/webq");
    assert!(names(&view).is_empty());
    press(&mut view, "\u{8}\n");
    assert_eq!(names(&view), ["web"]);
    press(&mut view, "/x\u{1b}");
    assert_eq!(view.filter, "web");
    press(&mut view, "\u{1b}/DEGRADED\n");
    assert_eq!(names(&view), ["slow"]);
    press(&mut view, "\u{1b}");
    assert_eq!(names(&view).len(), 9);
    press(&mut view, &format!("/\u{1b}/{}", "x".repeat(200)));
    assert_eq!(view.filter.len(), FILTER_MAX);
    let mut typed = self::view();
    press(&mut typed, "/\u{202e}");
    assert_eq!(typed.filter, "\\xe2\\x80\\xae");
}

#[test]
fn a_container_is_opened_scrolled_and_left() {
    let mut view = view();
    press(&mut view, "/web\n\n");
    assert_eq!(view.screen, Screen::Container("web".into()));
    let text: Vec<String> = view.page(80).into_iter().map(|told| told.text).collect();
    let text = text.join("\n");
    for part in [
        "refused now  5.0 a second  110 denials",
        "/var/cache/app\n    create EROFS read_only_mount  110",
        "because the mount at / has MNT_READONLY",
        "-> mount a tmpfs at /var/cache/app",
        "\n--tmpfs /var/cache/app:rw,size=16m\n",
        "\ntmpfs:\n  - /var/cache/app:size=16m\n",
        "/data  volume from /srv/data  ext4 rw,relatime",
        "it runs as root",
        "2 processes killed",
    ] {
        assert!(text.contains(part), "{part:?} in {text}");
    }
    press(&mut view, "G");
    let last = view.scroll;
    assert!(last > 0);
    press(&mut view, "↓↓↑");
    assert_eq!(view.scroll, last - 1);
    view.answered(Duration::from_secs(3), Answers::default());
    assert!(view.page(80)[0].text.contains("not there any more"));
    press(&mut view, "\u{1b}");
    assert_eq!((&view.screen, view.scroll), (&Screen::List, 0));
}

#[test]
fn what_is_paused_stands_still_and_goes_on() {
    let mut view = view();
    press(&mut view, " ");
    view.answered(Duration::from_secs(4), answers("1", 200));
    assert_eq!(view.containers[3].denials, 110);
    press(&mut view, " ");
    view.answered(Duration::from_secs(5), answers("1", 210));
    assert_eq!(
        (view.containers[3].denials, view.containers[3].rate),
        (210, Some(22.0))
    );
}

#[test]
fn a_daemon_goes_away_and_comes_back_as_another() {
    let mut view = view();
    view.unanswered(Duration::from_secs(3), "no\u{1b}");
    view.unanswered(Duration::from_secs(4), "no");
    assert_eq!(view.away, Some((Duration::from_secs(3), "no".into())));
    assert_eq!(names(&view).len(), 9);
    view.answered(Duration::from_secs(5), answers("2", 1));
    assert_eq!(view.away, None);
    let web = view.containers.iter().find(|one| &*one.name == "web");
    assert_eq!(web.map(|web| (web.rate, web.denials)), Some((None, 1)));
}

#[test]
fn keys_that_quit_do() {
    let mut view = view();
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(press(&mut view, "?"), Next::GoOn);
    let help: Vec<String> = view.page(80).into_iter().map(|told| told.text).collect();
    assert!(
        help.iter().any(|line| line.contains("no trampolines")),
        "{help:?}"
    );
    assert_eq!(press(&mut view, "?q"), Next::Quit);
    assert_eq!(view.screen, Screen::List);
    assert_eq!(press(&mut view, "/q"), Next::GoOn);
    assert_eq!(view.key(control_c, SIZE), Next::Quit);
}
