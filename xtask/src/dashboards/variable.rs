//! The variables at a dashboard's head.
//!
//! In: a name and where its values come from. Out: Grafana's JSON. Invariant: a
//! variable that may be all of its values is `.*` then, which fits an empty label
//! too: on plain Docker, namespace and pod are empty.

use serde_json::{Value, json};

use super::query::label_values;

/// What a variable's values come from.
enum Values {
    /// The machine's data sources of Prometheus' kind.
    DataSources,
    /// `label_values(...)`.
    Query(String),
    /// A fixed list.
    List(&'static [&'static str]),
    /// A text that whoever provisions may replace; not shown.
    Constant(&'static str),
}

/// A variable.
pub(super) struct Variable {
    name: &'static str,
    label: &'static str,
    description: &'static str,
    values: Values,
    all: All,
    several: bool,
}

/// May all of the values be chosen at once?
#[derive(Clone, Copy, PartialEq, Eq)]
enum All {
    No,
    /// `.*`: whatever the label is, empty too.
    Anything,
    /// Those that are listed and no other.
    Listed,
}

/// The data source, which every query goes to.
pub(super) fn data_source() -> Variable {
    Variable {
        name: "datasource",
        label: "Data source",
        description: "The Prometheus that scrapes the agents and has their recording rules.",
        values: Values::DataSources,
        all: All::No,
        several: false,
    }
}

/// Where runbooks are read.
pub(super) fn runbooks(base: &'static str) -> Variable {
    Variable {
        name: "runbooks",
        label: "Runbooks",
        description: "Where the runbooks of the alerts are; a page's name follows.",
        values: Values::Constant(base),
        all: All::No,
        several: false,
    }
}

/// One of a fixed list, the first by default.
pub(super) fn list(
    name: &'static str,
    label: &'static str,
    description: &'static str,
    values: &'static [&'static str],
) -> Variable {
    Variable {
        name,
        label,
        description,
        values: Values::List(values),
        all: All::No,
        several: false,
    }
}

/// Values of a label: several of them, all by default.
pub(super) fn any(
    name: &'static str,
    label: &'static str,
    description: &'static str,
    query: String,
) -> Variable {
    Variable {
        name,
        label,
        description,
        values: Values::Query(query),
        all: All::Anything,
        several: true,
    }
}

/// The clusters that a metric tells of.
pub(super) fn cluster(metric: &str) -> Variable {
    any(
        "cluster",
        "Cluster",
        "The label cluster, where Prometheus adds one.",
        label_values(metric, "", "cluster"),
    )
}

/// The jobs by which the agents of the chosen cluster are scraped.
pub(super) fn job(metric: &str) -> Variable {
    any(
        "job",
        "Job",
        "The agents' scrape job.",
        label_values(metric, r#"cluster=~"$cluster""#, "job"),
    )
    .listed()
}

/// The agents of the chosen cluster and job.
pub(super) fn agents(metric: &str) -> Variable {
    any(
        "instance",
        "Node",
        "The agents, one on each node.",
        label_values(metric, r#"cluster=~"$cluster", job=~"$job""#, "instance"),
    )
}

impl Variable {
    /// One value alone, the first by default.
    pub(super) fn one(mut self) -> Variable {
        self.all = All::No;
        self.several = false;
        self
    }

    /// All values are those of the list, where others must not be counted.
    pub(super) fn listed(mut self) -> Variable {
        self.all = All::Listed;
        self
    }

    /// One value or several, the first by default.
    pub(super) fn one_value_first(mut self) -> Variable {
        self.all = All::No;
        self
    }

    /// One value or all of them.
    pub(super) fn one_or_all(mut self) -> Variable {
        self.several = false;
        self
    }

    pub(super) fn json(&self) -> Value {
        let mut json = json!({
            "name": self.name, "label": self.label, "description": self.description,
            "hide": 0, "skipUrlSync": false,
        });
        let more = match &self.values {
            Values::DataSources => json!({
                "type": "datasource", "query": "prometheus", "regex": "", "refresh": 1,
                "multi": false, "includeAll": false, "options": [],
            }),
            Values::Constant(text) => json!({
                "type": "constant", "query": text, "hide": 2, "skipUrlSync": true,
                "current": option(text, true), "options": [option(text, true)],
            }),
            Values::List(values) => {
                let options: Vec<Value> =
                    values.iter().map(|v| option(v, *v == values[0])).collect();
                json!({
                    "type": "custom", "query": values.join(","), "multi": false,
                    "includeAll": false, "options": options, "current": options[0],
                })
            }
            Values::Query(query) => json!({
                "type": "query", "datasource": super::render::data_source(),
                "query": {"query": query, "refId": self.name},
                "refresh": 2, "regex": "", "sort": 1, "options": [],
                "multi": self.several, "includeAll": self.all != All::No,
            }),
        };
        merge(&mut json, more);
        if self.all == All::Anything {
            json["allValue"] = json!(".*");
        }
        // Without one, Grafana takes the first value that there is.
        match (self.all, self.several) {
            (All::No, _) => {}
            (_, true) => {
                json["current"] = json!({"selected": true, "text": ["All"], "value": ["$__all"]});
            }
            (_, false) => {
                json["current"] = json!({"selected": true, "text": "All", "value": "$__all"});
            }
        }
        json
    }
}

fn option(value: &str, selected: bool) -> Value {
    json!({"text": value, "value": value, "selected": selected})
}

/// Adds the members of one object to another.
pub(super) fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}
