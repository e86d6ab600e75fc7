//! The containers, a row each.
//!
//! In: a [`View`]. Out: the upper rows. Invariant: a narrow screen loses columns
//! from the right, never the name and the state. Lacks on purpose: the selected
//! one's paths, which `lower` has.

use super::super::look::Tone;
use super::super::model::Container;
use super::super::shown::{head, padded, right, tail};
use super::super::view::View;
use super::super::words::{bar, cause, path, rate, tone};
use super::Canvas;

const STATE: usize = 16;
const RATE: usize = 7;
const DENIALS: usize = 9;
/// A bar of ten cells, and its share.
const BAR: usize = 18;
const SHARE: usize = 6;
const NAME_MAX: usize = 48;
const GAP: usize = 1;
/// Widths from which the columns have room.
const WITH_RATE: usize = 40;
const WITH_DENIALS: usize = 52;
const WITH_SHARE: usize = 60;
const WITH_BAR: usize = 74;
const WITH_LAST: usize = 120;

/// Widths of the columns; none has no room.
struct Columns {
    name: usize,
    state: usize,
    rate: Option<usize>,
    denials: Option<usize>,
    tmpfs: Option<usize>,
    last: Option<usize>,
}

impl Columns {
    fn of(width: usize) -> Columns {
        let from = |least: usize, columns: usize| (width >= least).then_some(columns);
        let rate = from(WITH_RATE, RATE);
        let denials = from(WITH_DENIALS, DENIALS);
        let tmpfs = from(WITH_BAR, BAR).or(from(WITH_SHARE, SHARE));
        let others = [rate, denials, tmpfs].into_iter().flatten();
        // The mark before a name takes two.
        let others: usize = others.map(|columns| columns + GAP).sum::<usize>() + 2;
        let state = STATE.min(width.saturating_sub(others) / 2);
        let left = width.saturating_sub(others + state + GAP);
        let name = if width >= WITH_LAST {
            left.min(NAME_MAX)
        } else {
            left
        };
        Columns {
            name,
            state,
            rate,
            denials,
            tmpfs,
            last: from(WITH_LAST, left.saturating_sub(name + GAP)),
        }
    }
}

/// Rows that the list takes of those that are left: at most half where there is
/// something to show below, but three at least.
fn rows(left: usize, containers: usize) -> usize {
    match left {
        0..8 => left,
        left => containers.clamp(3, left / 2),
    }
}

pub(super) fn draw(canvas: &mut Canvas<'_, '_>, view: &View) {
    let columns = Columns::of(canvas.columns());
    let containers = view.rows();
    let rows = rows(canvas.rows().saturating_sub(1), containers.len());
    let index = view.index(&containers);
    // Page by page, so that the rows stand still while the selection moves.
    let from = index.checked_div(rows).unwrap_or(0) * rows;
    let to = containers.len().min(from + rows);
    titles(canvas, &columns, from, to, containers.len());
    for row in from..from + rows {
        match containers.get(row) {
            Some(container) => one(canvas, &columns, container, row == index),
            None if containers.is_empty() && row == from => {
                let why = match (view.answered, view.filter.is_empty()) {
                    (None, _) => "",
                    (Some(_), true) => "  no containers yet",
                    (Some(_), false) => "  no container has that in its name, image or state",
                };
                let style = canvas.tone(Tone::Faint);
                canvas.line(vec![(style, why.to_owned())]);
            }
            None => canvas.line(Vec::new()),
        }
    }
}

fn titles(canvas: &mut Canvas<'_, '_>, columns: &Columns, from: usize, to: usize, all: usize) {
    let name = match to - from < all {
        true => format!("CONTAINER {}-{to} of {all}", from + 1),
        false => "CONTAINER".to_owned(),
    };
    let mut text = format!(
        "  {} {}",
        padded(head(&name, columns.name), columns.name),
        padded(head("STATE", columns.state), columns.state)
    );
    for (width, word) in [(columns.rate, "PER S"), (columns.denials, "DENIALS")] {
        if let Some(width) = width {
            text.push_str(&format!(" {}", right(word, width)));
        }
    }
    if let Some(width) = columns.tmpfs {
        text.push_str(&format!(" {}", padded("TMPFS", width)));
    }
    if columns.last.is_some() {
        text.push_str(" LAST");
    }
    let style = canvas.tone(Tone::Head);
    canvas.line(vec![(style, text)]);
}

fn one(canvas: &mut Canvas<'_, '_>, columns: &Columns, container: &Container, selected: bool) {
    let standing = container.standing;
    let plain = match selected {
        true => canvas.look.selected(),
        false => canvas.tone(Tone::Plain),
    };
    let state = plain.patch(canvas.tone(tone(standing)));
    let mark = if selected { "> " } else { "  " };
    let mut rest = String::new();
    if let Some(width) = columns.rate {
        rest.push_str(&format!(" {}", right(&rate(container.rate), width)));
    }
    if let Some(width) = columns.denials {
        rest.push_str(&format!(
            " {}",
            right(&container.denials.to_string(), width)
        ));
    }
    if let Some(width) = columns.tmpfs {
        let text = match container.fullest() {
            None => "-".to_owned(),
            Some(share) if width >= BAR => bar(share, BAR - 8),
            Some(share) => format!("{:.0} %", share * 100.0),
        };
        rest.push_str(&format!(" {}", padded(&text, width)));
    }
    if let (Some(width), Some(last)) = (columns.last, container.refused.first()) {
        let text = format!("{} {} {} ", last.operation, last.errno, cause(last));
        let room = width.saturating_sub(text.len());
        rest.push_str(&format!(" {text}{}", tail(path(last), room)));
    }
    canvas.line(vec![
        (
            plain,
            format!("{mark}{} ", padded(&container.name, columns.name)),
        ),
        (
            state,
            padded(head(standing.label(), columns.state), columns.state),
        ),
        (plain, rest),
    ]);
}
