//! What is past the limit is left out of a scrape, and said to be.

use super::*;
use crate::aggregate::SeriesMax;

#[test]
fn series_past_the_limit_are_left_out_and_counted() {
    let lines = |snapshot: &Snapshot| {
        let text = render(snapshot, None).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let all = lines(&full());
    let limited = Snapshot {
        series_max: SeriesMax(3),
        ..full()
    };
    let some = lines(&limited);
    let left_out = all.len() - some.len();
    assert!(left_out > 3, "{some:?}");
    assert!(some.contains(&format!("sealwatch_left_out_series {left_out}")));
    let denials = |lines: &[String]| lines.iter().filter(|line| line.contains("denials")).count();
    assert_eq!(denials(&some), denials(&all));
}
