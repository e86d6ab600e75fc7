//! The past of a tmpfs becomes a line.
//!
//! In: points in time, the limit. Out: an SVG with its words, or nothing where
//! there is no past yet. Invariant: pure; drawn with attributes alone; the scale
//! goes from nothing to the limit, or to the highest point where that is far
//! below, which the words tell. Lacks on purpose: axes.

use std::fmt::Write as _;

use maud::{Markup, html};

use crate::amount::{size, span};
use crate::tmpfs::Past;
use crate::tmpfs::history::WINDOW_NS;

/// Units of the drawing.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 36.0;
/// Below this share of the limit, the highest point is the scale.
const LOW: f64 = 0.25;

/// The drawing of points up to now.
pub(super) fn of(points: &[Past], limit: Option<u64>, now_ns: u64) -> Markup {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return html! {};
    };
    let begin_ns = first.at_ns.max(now_ns.saturating_sub(WINDOW_NS));
    let seconds = now_ns.saturating_sub(begin_ns) / 1_000_000_000;
    if points.len() < 2 || seconds == 0 {
        return html! {};
    }
    let used = || points.iter().map(|point| point.used);
    let (highest, lowest) = (used().max().unwrap_or(0), used().min().unwrap_or(0));
    let limit = limit.filter(|limit| highest as f64 >= *limit as f64 * LOW);
    let scale = limit.unwrap_or(highest).max(highest).max(1);
    let line = line(points, begin_ns, now_ns, scale);
    let words = format!(
        "Last {}: from {} to {}, now {}",
        span(seconds),
        size(lowest),
        size(highest),
        size(last.used)
    );
    html! {
        figure class="past" {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(words) {
                polygon class="area" points={ "0," (HEIGHT) " " (line) " " (WIDTH) "," (HEIGHT) } {}
                polyline class="line" points=(line) {}
            }
            figcaption { (words) }
        }
    }
}

/// Steps, since an amount holds until the next point.
fn line(points: &[Past], begin_ns: u64, now_ns: u64, scale: u64) -> String {
    let whole = now_ns.saturating_sub(begin_ns).max(1) as f64;
    let mut text = String::new();
    let mut before: Option<f64> = None;
    let mut put = |x: f64, y: f64| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{x:.1},{y:.1} ");
    };
    for point in points {
        let past = point.at_ns.saturating_sub(begin_ns) as f64 / whole;
        let x = past.clamp(0.0, 1.0) * WIDTH;
        let y = HEIGHT - 1.0 - point.used as f64 / scale as f64 * (HEIGHT - 2.0);
        if let Some(before) = before.replace(y) {
            put(x, before);
        }
        put(x, y);
    }
    if let Some(last) = before {
        put(WIDTH, last);
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    #[test]
    fn a_line_has_steps_and_words() {
        let past = |at_s, used| Past {
            at_ns: at_s * S,
            used,
        };
        let points = [past(0, 0), past(50, 512), past(75, 1024)];
        let drawn = of(&points, Some(1024), 100 * S).into_string();
        assert!(
            drawn.contains("0.0,35.0 120.0,35.0 120.0,18.0 180.0,18.0 180.0,1.0 240.0,1.0"),
            "{drawn}"
        );
        assert!(
            drawn.contains("Last 100 s: from 0 B to 1 KiB, now 1 KiB"),
            "{drawn}"
        );
        assert!(of(&points[..1], None, 100 * S).into_string().is_empty());
        assert!(of(&[], None, 0).into_string().is_empty());
        // A clock that is behind draws no nonsense.
        assert!(of(&points, None, 0).into_string().is_empty());
    }
}
