//! Tables: which columns a table has, and what its queries' results become.
//!
//! In: [`Column`]s. Out: options, transformations and overrides in Grafana's JSON.
//! Invariant: a table's rows are series joined by their labels; a label that is
//! no column is hidden; columns keep their labels' names, since links are made of
//! these. Lacks on purpose: columns of anything but labels and values.

use serde_json::{Value, json};

use super::model::{Join, Panel, Query, Target, Unit};
use super::panel::TOP;
use super::render;

/// A column.
pub(super) enum Column {
    /// A label of the series.
    Label(&'static str),
    /// The value of the query at this position, from 0.
    Value {
        query: usize,
        title: &'static str,
        unit: Unit,
        /// From which value on which colour.
        steps: Vec<(f64, &'static str)>,
    },
}

/// Labels that tell which container a row is of.
const IDENTITY: [&str; 4] = ["instance", "namespace", "pod", "container"];

impl Panel {
    /// Columns for the container's name.
    pub(super) fn identity(self) -> Panel {
        IDENTITY
            .iter()
            .fold(self, |panel, label| panel.label(label))
    }

    /// A column for a label.
    pub(super) fn label(mut self, label: &'static str) -> Panel {
        self.columns.push(Column::Label(label));
        self
    }

    /// A query whose value gets a column.
    pub(super) fn column(
        self,
        title: &'static str,
        unit: Unit,
        expression: impl Into<String>,
    ) -> Panel {
        self.valued(Join::Greatest, title, unit, &[], expression.into())
    }

    /// The same, coloured from a value on.
    pub(super) fn graded(
        self,
        title: &'static str,
        unit: Unit,
        steps: &[(f64, &'static str)],
        expression: impl Into<String>,
    ) -> Panel {
        self.valued(Join::Greatest, title, unit, steps, expression.into())
    }

    /// A column for the sum of a row's series.
    pub(super) fn total(
        self,
        title: &'static str,
        unit: Unit,
        expression: impl Into<String>,
    ) -> Panel {
        self.valued(Join::Total, title, unit, &[], expression.into())
    }

    /// The same, of the largest few rows alone.
    pub(super) fn largest(
        self,
        title: &'static str,
        unit: Unit,
        expression: impl Into<String>,
    ) -> Panel {
        self.valued(Join::Largest, title, unit, &[], expression.into())
    }

    /// A query for its labels alone.
    pub(super) fn of(self, expression: impl Into<String>) -> Panel {
        self.joined(Join::Greatest, "", expression.into())
    }

    fn valued(
        mut self,
        join: Join,
        title: &'static str,
        unit: Unit,
        steps: &[(f64, &'static str)],
        expression: String,
    ) -> Panel {
        self.columns.push(Column::Value {
            query: self.queries.len(),
            title,
            unit,
            steps: steps.to_vec(),
        });
        self.joined(join, "", expression)
    }
}

/// A query as it is asked: rows are told apart by the table's labels alone, so
/// that the queries' results can be joined.
pub(super) fn expression(panel: &Panel, query: &Query) -> String {
    let labels: Vec<&str> = panel
        .columns
        .iter()
        .filter_map(|column| match column {
            Column::Label(label) => Some(*label),
            Column::Value { .. } => None,
        })
        .collect();
    let (labels, series) = (labels.join(", "), &query.expression);
    match query.join {
        Join::No => series.clone(),
        Join::Greatest => format!("max by ({labels}) ({series})"),
        Join::Total => format!("sum by ({labels}) ({series}) > 0"),
        Join::Largest => format!("topk({TOP}, sum by ({labels}) ({series}) > 0)"),
    }
}

/// What Grafana calls the value of a query, once queries are merged.
fn value_name(panel: &Panel, query: usize) -> String {
    match panel.queries.len() {
        1 => "Value".to_owned(),
        _ => format!("Value #{}", render::ref_id(query)),
    }
}

pub(super) fn options(panel: &Panel) -> Value {
    let first_value = panel.columns.iter().find_map(|column| match column {
        Column::Value { title, .. } => Some(*title),
        Column::Label(_) => None,
    });
    let sort: Vec<Value> = first_value
        .iter()
        .map(|title| json!({"displayName": title, "desc": true}))
        .collect();
    json!({"showHeader": true, "cellHeight": "sm", "sortBy": sort})
}

pub(super) fn custom() -> Value {
    json!({"align": "auto", "cellOptions": {"type": "auto"}, "filterable": true, "inspect": false})
}

/// Joins the queries' results, then shows the columns in their order and nothing else.
pub(super) fn transformations(panel: &Panel) -> Value {
    let mut order = serde_json::Map::new();
    let mut names = serde_json::Map::new();
    let mut shown = Vec::new();
    for (place, column) in panel.columns.iter().enumerate() {
        let name = match column {
            Column::Label(label) => (*label).to_owned(),
            Column::Value { query, title, .. } => {
                let name = value_name(panel, *query);
                names.insert(name.clone(), json!(title));
                name
            }
        };
        order.insert(name.clone(), json!(place));
        shown.push(name);
    }
    // A field that is in no row, such as the namespace on plain Docker, is left out.
    let pattern = format!("^({})$", shown.join("|"));
    json!([
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"pattern": pattern}}},
        {"id": "organize", "options": {"excludeByName": {}, "indexByName": order, "renameByName": names}},
    ])
}

/// Units, colours and links of single columns.
pub(super) fn overrides(panel: &Panel) -> Vec<Value> {
    let mut all = Vec::new();
    for column in &panel.columns {
        let Column::Value {
            title, unit, steps, ..
        } = column
        else {
            continue;
        };
        let mut properties = vec![json!({"id": "unit", "value": unit.id()})];
        if !steps.is_empty() {
            properties.push(json!({"id": "thresholds", "value": render::steps(steps)}));
            properties.push(json!({"id": "custom.cellOptions", "value": {"type": "color-text"}}));
            properties.push(json!({"id": "color", "value": {"mode": "thresholds"}}));
        }
        all.push(by_name(title, properties));
    }
    let linked: &[(&str, Target)] = match panel.target {
        Some(Target::Container) => &[("container", Target::Container)],
        Some(Target::Agent) => &[("instance", Target::Agent)],
        Some(Target::Runbook) => &[
            ("alertname", Target::Runbook),
            ("container", Target::Container),
        ],
        None => &[],
    };
    for (label, target) in linked {
        let links = json!([render::data_link(*target, "data.fields")]);
        all.push(by_name(label, vec![json!({"id": "links", "value": links})]));
    }
    all
}

fn by_name(name: &str, properties: Vec<Value>) -> Value {
    json!({"matcher": {"id": "byName", "options": name}, "properties": properties})
}
