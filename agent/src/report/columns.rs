//! Cells become lines whose columns stand below each other.
//!
//! In: a head and rows of cells. Out: text. Invariant: no line is wider than the
//! terminal as long as one column can give way; nothing in a cell moves a
//! terminal's cursor, if it went through [`printable`]. Lacks on purpose: colours.

use crate::denial::escape;

/// Narrowest that the column which gives way becomes.
const WIDTH_MIN: usize = 16;
/// Between columns.
const GAP: usize = 2;

/// Lines for a terminal of `width` columns, where cells of column `gives_way`
/// lose their beginnings; none cuts nothing off.
pub fn aligned<const N: usize>(
    head: [&str; N],
    mut rows: Vec<[String; N]>,
    gives_way: usize,
    width: Option<usize>,
) -> String {
    rows.insert(0, head.map(str::to_owned));
    let mut widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    if let Some(width) = width {
        let others: usize = widths.iter().sum::<usize>() - widths[gives_way] + GAP * (N - 1);
        widths[gives_way] = widths[gives_way].min(width.saturating_sub(others).max(WIDTH_MIN));
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let cell = if column == gives_way {
                shortened(cell, widths[gives_way])
            } else {
                cell.clone()
            };
            let padding = widths[column].saturating_sub(cell.chars().count());
            line.push_str(&cell);
            line.extend(std::iter::repeat_n(' ', padding + GAP));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// What is served is escaped already; a backslash is therefore left as it is.
pub fn printable(text: &str) -> String {
    text.split('\\')
        .map(|part| escape(part.as_bytes()))
        .collect::<Vec<_>>()
        .join("\\")
}

/// An RFC 3339 time in UTC without the parts of its second.
pub fn utc_seconds(time: &str) -> String {
    let time = printable(time);
    match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time,
    }
}

/// Keeps the end, which tells more than the beginning.
fn shortened(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(3);
    format!(
        "...{}",
        text.chars().skip(length - kept).collect::<String>()
    )
}
