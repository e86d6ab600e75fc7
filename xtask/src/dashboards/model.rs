//! What a dashboard consists of, without a place, an id or a data source.
//!
//! In: what the descriptions say. Out: plain data for `render`. Lacks on
//! purpose: Grafana's JSON, of which `render` makes the frame and `panel` and
//! `table` what differs between kinds.

use super::table::Column;
use super::variable::Variable;

/// A dashboard.
pub(super) struct Dashboard {
    /// Fixed, since alerts link to it.
    pub(super) uid: &'static str,
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    /// How far back it looks when it is opened, as Grafana has it: `now-1h`.
    pub(super) from: &'static str,
    pub(super) variables: Vec<Variable>,
    pub(super) annotations: Vec<Annotation>,
    pub(super) rows: Vec<Row>,
}

/// Marks on the time axis, from the series that a query returns.
pub(super) struct Annotation {
    pub(super) name: &'static str,
    pub(super) color: &'static str,
    pub(super) expression: String,
    /// With labels as `{{label}}`.
    pub(super) title: &'static str,
}

/// A titled group of panels.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: Vec<Panel>,
}

/// What draws the values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One number.
    Stat,
    /// Lines over time.
    Lines,
    /// Areas over time, on top of each other.
    Stack,
    /// States over time.
    States,
    /// A bar per series.
    Bars,
    /// Rows and columns.
    Table,
}

/// How a number is written; Grafana's names for it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// A number of things, with a suffix if large.
    Count,
    /// Things per second.
    PerSecond,
    /// Bytes, by 1,024.
    Bytes,
    /// Bytes per second, by 1,024.
    BytesPerSecond,
    /// 0 to 1, shown as per cent.
    Share,
    /// Seconds, as a duration.
    Seconds,
    /// Milliseconds since 1970, shown as time gone by.
    Since,
    /// Words or states: the number is not shown.
    None,
}

impl Unit {
    pub(super) const fn id(self) -> &'static str {
        match self {
            Unit::Count => "short",
            Unit::PerSecond => "cps",
            Unit::Bytes => "bytes",
            Unit::BytesPerSecond => "binBps",
            Unit::Share => "percentunit",
            Unit::Seconds => "s",
            Unit::Since => "dateTimeFromNow",
            Unit::None => "none",
        }
    }
}

/// A query, and what its series are called.
pub(super) struct Query {
    pub(super) expression: String,
    pub(super) legend: &'static str,
    /// At one time, the end of the range, instead of along it.
    pub(super) instant: bool,
    pub(super) join: Join,
}

/// How a query's series become the rows of a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    /// It is no table's.
    No,
    /// Each row is the greatest of its series; mostly there is one.
    Greatest,
    /// Each row is their sum; those of 0 are left out.
    Total,
    /// The same, and only the largest few.
    Largest,
}

/// A value that is shown as a word.
pub(super) struct Word {
    pub(super) value: i32,
    pub(super) text: &'static str,
    pub(super) color: &'static str,
}

/// Where a click on a series or a row leads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// The container of the series.
    Container,
    /// The agent of the series.
    Agent,
    /// The runbook of the alert of the series.
    Runbook,
}

/// A panel.
pub(super) struct Panel {
    pub(super) kind: Kind,
    pub(super) title: &'static str,
    pub(super) description: String,
    pub(super) unit: Unit,
    pub(super) decimals: Option<u8>,
    pub(super) bounds: (Option<f64>, Option<f64>),
    /// Of 24 columns.
    pub(super) width: usize,
    /// Of about 30 pixels.
    pub(super) height: usize,
    pub(super) queries: Vec<Query>,
    /// From which value on which colour; without one, colours tell series apart.
    pub(super) steps: Vec<(f64, &'static str)>,
    pub(super) words: Vec<Word>,
    /// What a click on a value of the panel leads to.
    pub(super) target: Option<Target>,
    /// Alerts whose runbooks are linked at the panel's title.
    pub(super) runbooks: Vec<&'static str>,
    /// Of tables.
    pub(super) columns: Vec<Column>,
}
