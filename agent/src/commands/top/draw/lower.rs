//! What is shown of the selected container without opening it.
//!
//! In: a [`View`]. Out: the lower rows: its tmpfs mounts, its last refused paths,
//! each with cause and remedy. Invariant: where there is no room for all, the
//! latest are shown. Lacks on purpose: evidence and changes, which its page has.

use super::super::answers::Denial;
use super::super::look::Tone;
use super::super::model::Container;
use super::super::shown::{padded, tail, width, wrapped};
use super::super::view::View;
use super::super::words::{amount, bar, cause, path};
use super::Canvas;

/// Rows below which only the list is shown.
const ROWS_MIN: usize = 3;
/// Mounts that are shown.
const MOUNTS_MAX: usize = 3;
const MOUNT: usize = 20;
/// Cells of a bar, by the screen's width.
const BAR: usize = 10;

pub(super) fn draw(canvas: &mut Canvas<'_, '_>, view: &View) {
    if canvas.rows() < ROWS_MIN {
        return;
    }
    let rows = view.rows();
    let Some(container) = rows.get(view.index(&rows)) else {
        return;
    };
    tmpfs(canvas, container);
    last(canvas, container);
}

fn tmpfs(canvas: &mut Canvas<'_, '_>, container: &Container) {
    let mounts = container.mounts();
    // The paths come first where there is little room.
    let room = canvas.rows().saturating_sub(6).min(MOUNTS_MAX);
    if mounts.is_empty() || room == 0 {
        return;
    }
    let more = mounts.len().saturating_sub(room);
    let more = match more {
        0 => String::new(),
        more => format!(", {more} more"),
    };
    title(canvas, &format!("TMPFS of {}{more}", container.name));
    for mount in mounts.into_iter().take(room) {
        let name = padded(&mount.mount, MOUNT.min(canvas.columns() / 3));
        let text = format!("  {name} {}  {}", bar(mount.share(), BAR), amount(mount));
        let tone = match mount.bytes.pressure.as_deref() {
            Some("full") => Tone::Bad,
            Some("near") => Tone::Warning,
            Some(_) | None => Tone::Plain,
        };
        let style = canvas.tone(tone);
        canvas.line(vec![(style, text)]);
    }
}

fn last(canvas: &mut Canvas<'_, '_>, container: &Container) {
    title(canvas, &format!("LAST REFUSED of {}", container.name));
    if container.refused.is_empty() {
        let text = match container.denials {
            0 => "  nothing was refused",
            _ => "  nothing lately",
        };
        let style = canvas.tone(Tone::Faint);
        return canvas.line(vec![(style, text.to_owned())]);
    }
    for (at, denial) in container.refused.iter().enumerate() {
        if canvas.rows() == 0 {
            return;
        }
        refusal(canvas, denial);
        // What is the same for the next is said once, below the last of them.
        let next = container.refused.get(at + 1);
        if next.is_some_and(|next| next.remedy == denial.remedy) && canvas.rows() > 2 {
            continue;
        }
        let Some(remedy) = &denial.remedy else {
            continue;
        };
        let text = format!("    -> {remedy}");
        let style = canvas.tone(Tone::Good);
        for line in wrapped(&text, canvas.columns(), 7) {
            canvas.line(vec![(style, line)]);
        }
    }
}

fn refusal(canvas: &mut Canvas<'_, '_>, denial: &Denial) {
    let cause = cause(denial);
    let front = format!(
        "  {:<8} {:<6} {cause:<16} ",
        &*denial.operation, &*denial.errno
    );
    let room = canvas.columns().saturating_sub(width(&front));
    let front_style = canvas.tone(Tone::Warning);
    let plain = canvas.tone(Tone::Plain);
    canvas.line(vec![
        (front_style, front),
        (plain, tail(path(denial), room)),
    ]);
}

fn title(canvas: &mut Canvas<'_, '_>, text: &str) {
    let style = canvas.tone(Tone::Head);
    canvas.line(vec![(style, text.to_owned())]);
}
