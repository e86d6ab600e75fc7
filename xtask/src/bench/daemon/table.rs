//! Cells become Markdown, and are held against the targets.
//!
//! In: rows of cells. Out: text. Invariant: a target is met or missed by the worst
//! figure of those that it is about. Lacks on purpose: measuring.

use std::time::Duration;

use super::cell::{Cell, Load};
use crate::process::MIB;

/// What was measured with one number of containers.
pub(super) struct Row {
    pub(super) containers: usize,
    /// The median, from before the start until ready.
    pub(super) start: Duration,
    /// Processor time until then.
    pub(super) start_cpu: Duration,
    /// From ready until every container had its name.
    pub(super) named: Duration,
    pub(super) cells: Vec<Cell>,
}

/// In bytes.
pub(super) struct Sizes {
    pub(super) binary: u64,
    pub(super) image: u64,
    pub(super) archive: u64,
}

/// The table of all cells.
pub(super) fn cells(rows: &[Row]) -> String {
    let mut text = String::from(
        "| Containers | Refusals asked for | had, per second | counted | Processor: user + system (user) | \
         RSS (RssAnon) | Scrape: median, worst | its size | To the event: median, worst | \
         To the metric: median, worst |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        for one in &row.cells {
            text.push_str(&format!("| {} {}\n", row.containers, cell(one)));
        }
    }
    text
}

/// One cell, without the number of containers.
pub(super) fn cell(cell: &Cell) -> String {
    let counted = match cell.wrong.is_empty() {
        true => "exactly".to_owned(),
        false => format!("WRONG: {}", cell.wrong.join("; ")),
    };
    let per_second = match cell.load {
        Load::Idle => "0".to_owned(),
        _ => format!("{:.0}", cell.provoked as f64 / cell.seconds),
    };
    let events = sorted(cell.delays.iter().map(|delay| delay.to_event));
    let metrics = sorted(cell.delays.iter().map(|delay| delay.to_metric));
    format!(
        "| {} | {per_second} | {counted} | {:.2} % ({:.2} %) | {:.1} MiB ({:.1}) | {} | {} KiB | {} | {} |",
        cell.load,
        cell.cpu * 100.0,
        cell.cpu_user * 100.0,
        cell.memory.resident as f64 / MIB,
        cell.memory.anonymous as f64 / MIB,
        spread(&cell.scrapes),
        cell.scrape_bytes / 1024,
        spread(&events),
        spread(&metrics),
    )
}

fn sorted(times: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times
}

/// Median and worst of what is sorted.
fn spread(times: &[Duration]) -> String {
    match times.last() {
        Some(worst) => format!("{}, {} ms", millis(times[times.len() / 2]), millis(*worst)),
        None => "none".to_owned(),
    }
}

fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    match millis < 10.0 {
        true => format!("{millis:.1}"),
        false => format!("{millis:.0}"),
    }
}

/// The targets beside what was measured.
pub(super) fn targets(rows: &[Row], sizes: &Sizes) -> String {
    let mut text = String::from("| | target | measured |\n|---|---|---|\n");
    let mut line = |what: &str, target: &str, measured: String| {
        text.push_str(&format!("| {what} | {target} | {measured} |\n"));
    };
    let of = |load: Load| {
        rows.iter().flat_map(move |row| {
            let cells = row.cells.iter().filter(move |cell| cell.load == load);
            cells.map(|cell| (row.containers, cell))
        })
    };
    let by_containers = |load, figure: &dyn Fn(&Cell) -> String| {
        let each = of(load).map(|(containers, cell)| format!("{} ({containers})", figure(cell)));
        each.collect::<Vec<_>>().join(", ")
    };
    let share = |share: f64| format!("{:.3} %", share * 100.0);
    line(
        "idle, of a core, at (so many containers)",
        "0.1 %",
        by_containers(Load::Idle, &|cell| share(cell.cpu)),
    );
    line(
        "flood: user + system, of a core",
        "",
        by_containers(Load::Flood, &|cell| share(cell.cpu)),
    );
    line(
        "flood: user alone",
        "2 %",
        by_containers(Load::Flood, &|cell| share(cell.cpu_user)),
    );
    for row in rows {
        let most = row.cells.iter().map(|cell| cell.memory.resident).max();
        let target = match row.containers {
            500 => "30 MiB",
            _ => "",
        };
        line(
            &format!("most RSS under any load, {} containers", row.containers),
            target,
            format!("{:.1} MiB", most.unwrap_or(0) as f64 / MIB),
        );
        let scrapes = sorted(row.cells.iter().flat_map(|cell| cell.scrapes.clone()));
        let idle = row.cells.first().map(|cell| spread(&cell.scrapes));
        line(
            &format!(
                "scrape, {} containers: idle; under any load",
                row.containers
            ),
            "50 ms",
            format!("{}; {}", idle.unwrap_or_default(), spread(&scrapes)),
        );
        line(
            &format!("start to ready, {} containers", row.containers),
            "1 s",
            format!(
                "{:.2} s ({:.2} s of processor); all names {:.2} s later",
                row.start.as_secs_f64(),
                row.start_cpu.as_secs_f64(),
                row.named.as_secs_f64()
            ),
        );
    }
    let wrong = rows.iter().flat_map(|row| &row.cells);
    let wrong = wrong.filter(|cell| !cell.wrong.is_empty()).count();
    line(
        "counts lost",
        "none",
        match wrong {
            0 => "none".to_owned(),
            some => format!("in {some} cells"),
        },
    );
    line(
        "size of the binary; of the image; of its archive",
        "",
        format!(
            "{:.1} MiB; {:.1} MiB; {:.1} MiB",
            sizes.binary as f64 / MIB,
            sizes.image as f64 / MIB,
            sizes.archive as f64 / MIB
        ),
    );
    text
}
