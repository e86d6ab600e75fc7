//! Frames of many sizes, drawn without a terminal.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::style::{Color, Modifier};

use super::super::answers::Answers;
use super::super::fixture::answers;
use super::super::view::Size;
use super::*;

const NOW: Duration = Duration::from_secs(3);

fn view() -> View {
    let mut view = View::default();
    view.answered(Duration::ZERO, answers("1", 100));
    view.answered(Duration::from_secs(2), answers("1", 110));
    view
}

fn terminal(view: &View, columns: u16, rows: u16, coloured: bool) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let look = Look { coloured };
    terminal.draw(|frame| draw(frame, view, NOW, look)).unwrap();
    terminal
}

fn rows(view: &View, columns: u16, rows: u16) -> Vec<String> {
    let terminal = terminal(view, columns, rows, false);
    let buffer = terminal.backend().buffer();
    let row = |cells: &[ratatui::buffer::Cell]| {
        let text: String = cells.iter().map(|cell| cell.symbol()).collect();
        text.trim_end().to_owned()
    };
    buffer
        .content()
        .chunks(usize::from(columns))
        .map(row)
        .collect()
}

fn press(view: &mut View, codes: &[KeyCode]) {
    let size = Size {
        columns: 80,
        rows: 24,
    };
    for code in codes {
        view.key(KeyEvent::from(*code), size);
    }
}

#[test]
fn eighty_columns_have_all_of_it() {
    let mut view = view();
    press(&mut view, &[KeyCode::Down, KeyCode::Down]);
    let screen = rows(&view, 80, 24);
    let expected = [
        "sealwatch node\\x1b1  live                                               by state",
        "hooks: 61 tracepoint  1 not measured  docker up  nothing lost",
        "  CONTAINER                STATE              PER S   DENIALS TMPFS",
        "  slow                     degraded             0.0         0 -",
        "  broken                   failing to start     0.0         0 -",
        "> full                     tmpfs full           0.0         0 [##########] 100 %",
    ];
    assert_eq!(screen[..6], expected);
    let expected = [
        "TMPFS of full",
        "  /run                 [##########] 100 %  1019 KiB of 1 MiB, full in 90 s, full",
        "  /tmp                 [#####-----]  50 %  512 KiB of 1 MiB, full in 90 s",
        "LAST REFUSED of full",
        "  nothing was refused",
    ];
    assert_eq!(screen[12..17], expected);
    assert_eq!(
        screen[23],
        "q quit  ? help  Enter open  / filter  s sort  Space pause"
    );
    press(&mut view, &[KeyCode::Down]);
    let screen = rows(&view, 80, 24).join("\n");
    assert!(
        screen.contains(
            "  create   EROFS  read_only_mount  /var/cache/app/index\n    -> mount a tmpfs"
        ),
        "{screen}"
    );
}

#[test]
fn narrow_and_wide_screens_lose_and_gain_columns() {
    let view = view();
    let narrow = rows(&view, 60, 20);
    assert!(narrow.iter().all(|row| row.chars().count() <= 60));
    assert!(narrow[2].contains("DENIALS TMPFS"), "{narrow:?}");
    assert!(
        narrow[5].contains("tmpfs full") && narrow[5].contains("100 %"),
        "{narrow:?}"
    );
    let wide = rows(&view, 200, 50);
    assert!(wide[2].contains("LAST"), "{wide:?}");
    assert!(
        wide[6].contains("create EROFS read_only_mount /var/cache/app/index"),
        "{wide:?}"
    );
    let tiny = rows(&view, 24, 6);
    assert!(
        tiny[4].contains("broken") && tiny[4].contains("failing to"),
        "{tiny:?}"
    );
}

#[test]
fn any_size_does_on_every_screen() {
    let mut views = vec![View::default(), view(), view(), view(), view()];
    press(&mut views[2], &[KeyCode::Enter]);
    press(&mut views[3], &[KeyCode::Char('?'), KeyCode::End]);
    press(&mut views[4], &[KeyCode::Char('/'), KeyCode::Char('漢')]);
    for view in &views {
        for columns in (1..24).chain([40, 60, 80, 121]) {
            for height in 1..20 {
                terminal(view, columns, height, true);
            }
        }
    }
}

#[test]
fn what_is_served_moves_no_cursor_and_hides_nothing() {
    let mut view = view();
    press(&mut view, &[KeyCode::Down; 5]);
    let screen = rows(&view, 200, 50).join("\n");
    assert!(
        screen.contains("evil\\x1b[2J\\xe2\\x80\\xae\\xcc\\x81\\x0a漢"),
        "{screen}"
    );
    let odd = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!screen.contains(odd), "{screen}");
}

#[test]
fn without_colours_everything_is_still_said() {
    let view = view();
    let plain = terminal(&view, 80, 24, false);
    let cells = plain.backend().buffer().content();
    assert!(
        cells
            .iter()
            .all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset)
    );
    assert!(
        cells
            .iter()
            .any(|cell| cell.modifier.contains(Modifier::REVERSED))
    );
    let coloured = terminal(&view, 80, 24, true);
    let cells = coloured.backend().buffer().content();
    assert!(cells.iter().any(|cell| cell.fg == Color::Red));
    let text = |terminal: &Terminal<TestBackend>| -> String {
        let cells = terminal.backend().buffer().content();
        cells.iter().map(|cell| cell.symbol()).collect()
    };
    assert_eq!(text(&plain), text(&coloured));
}

#[test]
fn the_header_says_how_the_daemon_is() {
    let mut view = View::default();
    assert!(rows(&view, 80, 24)[0].contains("asking"));
    view.answered(NOW, Answers::default());
    let screen = rows(&view, 80, 24);
    assert!(screen[3].contains("no containers yet"), "{screen:?}");
    press(&mut view, &[KeyCode::Char(' ')]);
    assert!(rows(&view, 80, 24)[0].contains("PAUSED"));
    view.unanswered(Duration::from_secs(1), "no sealwatch answers");
    let screen = rows(&view, 80, 24);
    assert!(
        screen[0].contains("AWAY for 2 s: no sealwatch answers"),
        "{screen:?}"
    );
    let mut view = self::view();
    view.status.runtimes[0].up = false;
    assert!(rows(&view, 80, 24)[1].contains("docker DOWN"));
}
