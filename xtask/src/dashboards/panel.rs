//! How panels are described, and what differs between their kinds in Grafana's JSON.
//!
//! In: what a description says, in the order of a sentence. Out: [`Panel`], and
//! its options and field settings. Lacks on purpose: place, id and data source,
//! which `render` gives all panels the same way.

use serde_json::{Value, json};

use super::model::{Join, Kind, Panel, Query, Target, Unit, Word};
use super::table;

/// Colours by what they say.
pub(super) const GOOD: &str = "green";
pub(super) const WARN: &str = "orange";
pub(super) const BAD: &str = "red";
pub(super) const NEUTRAL: &str = "text";

/// At most so many rows or lines, where a query could return any number.
pub(super) const TOP: u32 = 20;

/// One number.
pub(super) fn stat(title: &'static str, description: impl Into<String>) -> Panel {
    Panel::new(Kind::Stat, title, description).sized(4, 4)
}

/// Lines over time.
pub(super) fn lines(title: &'static str, description: impl Into<String>) -> Panel {
    Panel::new(Kind::Lines, title, description).sized(12, 8)
}

/// Areas over time, on top of each other.
pub(super) fn stack(title: &'static str, description: impl Into<String>) -> Panel {
    Panel::new(Kind::Stack, title, description).sized(12, 8)
}

/// A bar per series.
pub(super) fn bars(title: &'static str, description: impl Into<String>) -> Panel {
    Panel::new(Kind::Bars, title, description).sized(8, 8)
}

/// States over time, each with a word.
pub(super) fn states(title: &'static str, description: impl Into<String>) -> Panel {
    Panel::new(Kind::States, title, description).sized(12, 6)
}

/// Rows and columns.
pub(super) fn rows(title: &'static str, description: impl Into<String>) -> Panel {
    Panel::new(Kind::Table, title, description).sized(24, 8)
}

impl Panel {
    fn new(kind: Kind, title: &'static str, description: impl Into<String>) -> Panel {
        Panel {
            kind,
            title,
            description: description.into(),
            unit: Unit::Count,
            decimals: None,
            bounds: (None, None),
            width: 0,
            height: 0,
            queries: Vec::new(),
            steps: Vec::new(),
            words: Vec::new(),
            target: None,
            runbooks: Vec::new(),
            columns: Vec::new(),
        }
    }

    pub(super) fn sized(mut self, width: usize, height: usize) -> Panel {
        (self.width, self.height) = (width, height);
        self
    }

    pub(super) fn unit(mut self, unit: Unit) -> Panel {
        self.unit = unit;
        self
    }

    /// A query along the time range; `{{label}}` in the legend.
    pub(super) fn query(self, legend: &'static str, expression: impl Into<String>) -> Panel {
        self.joined(Join::No, legend, expression.into())
    }

    pub(super) fn joined(mut self, join: Join, legend: &'static str, expression: String) -> Panel {
        let instant = !matches!(self.kind, Kind::Lines | Kind::Stack | Kind::States);
        self.queries.push(Query {
            expression,
            legend,
            instant,
            join,
        });
        self
    }

    /// From this value on in that colour; green below.
    pub(super) fn from(mut self, value: f64, color: &'static str) -> Panel {
        self.steps.push((value, color));
        self
    }

    /// Good at 0, otherwise in that colour. After the unit.
    pub(super) fn none_is_good(self, color: &'static str) -> Panel {
        let some = match self.unit {
            Unit::Share => 0.001,
            _ => 1.0,
        };
        self.from(some, color)
    }

    pub(super) fn word(mut self, value: i32, text: &'static str, color: &'static str) -> Panel {
        self.words.push(Word { value, text, color });
        self
    }

    pub(super) fn bounds(mut self, low: f64, high: f64) -> Panel {
        self.bounds = (Some(low), Some(high));
        self
    }

    pub(super) fn starting_at_zero(mut self) -> Panel {
        self.bounds.0 = Some(0.0);
        self
    }

    pub(super) fn decimals(mut self, decimals: u8) -> Panel {
        self.decimals = Some(decimals);
        self
    }

    /// A click leads to the container.
    pub(super) fn leads_to(mut self, target: Target) -> Panel {
        self.target = Some(target);
        self
    }

    /// The runbook of an alert that watches the same.
    pub(super) fn runbook(mut self, alert: &'static str) -> Panel {
        self.runbooks.push(alert);
        self
    }

    /// The plugin's name.
    pub(super) fn plugin(&self) -> &'static str {
        match self.kind {
            Kind::Stat => "stat",
            Kind::Lines | Kind::Stack => "timeseries",
            Kind::States => "state-timeline",
            Kind::Bars => "bargauge",
            Kind::Table => "table",
        }
    }

    /// The plugin's options.
    pub(super) fn options(&self) -> Value {
        let reduced = json!({"calcs": ["lastNotNull"], "fields": "", "values": false});
        let legend =
            json!({"showLegend": true, "displayMode": "list", "placement": "bottom", "calcs": []});
        let tooltip = json!({"mode": "multi", "sort": "desc"});
        match self.kind {
            Kind::Stat => json!({
                "colorMode": if self.steps.is_empty() && self.words.is_empty() { "none" } else { "background" },
                "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
                "textMode": if self.queries.len() > 1 { "value_and_name" } else { "auto" },
                "wideLayout": true, "showPercentChange": false, "percentChangeColorMode": "standard",
                "reduceOptions": reduced,
            }),
            Kind::Lines | Kind::Stack => json!({"legend": legend, "tooltip": tooltip}),
            Kind::States => json!({
                "mergeValues": true, "showValue": "auto", "alignValue": "left",
                "rowHeight": 0.8, "legend": legend, "tooltip": tooltip,
            }),
            Kind::Bars => json!({
                "displayMode": "basic", "orientation": "horizontal", "valueMode": "color",
                "namePlacement": "auto", "showUnfilled": true, "sizing": "auto",
                "minVizHeight": 16, "minVizWidth": 8, "maxVizHeight": 32,
                "legend": {"showLegend": false, "displayMode": "list", "placement": "bottom", "calcs": []},
                "reduceOptions": reduced,
            }),
            Kind::Table => table::options(self),
        }
    }

    /// The plugin's settings of each field.
    pub(super) fn custom(&self) -> Value {
        match self.kind {
            Kind::Stat | Kind::Bars => json!({}),
            Kind::Lines | Kind::Stack => json!({
                "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1,
                "fillOpacity": if self.kind == Kind::Stack { 40 } else { 10 },
                "gradientMode": "none", "showPoints": "auto", "pointSize": 5,
                "spanNulls": false, "insertNulls": false, "axisPlacement": "auto",
                "axisLabel": "", "axisBorderShow": false, "axisCenteredZero": false,
                "stacking": {"mode": if self.kind == Kind::Stack { "normal" } else { "none" }, "group": "A"},
                "thresholdsStyle": {"mode": if self.steps.is_empty() { "off" } else { "dashed" }},
            }),
            Kind::States => json!({"fillOpacity": 70, "lineWidth": 0}),
            Kind::Table => table::custom(),
        }
    }
}
