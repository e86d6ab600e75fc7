//! A dashboard's description becomes Grafana's JSON.
//!
//! In: [`Dashboard`]. Out: its text. Invariant: panels are numbered and placed
//! in the order of the description, each where there is room highest up, so that
//! none overlaps another; every query goes to the variable data source. Lacks on
//! purpose: what differs between kinds of panels (`panel`, `table`).

use serde_json::{Value, json};

use super::model::{Annotation, Dashboard, Kind, Panel, Target};
use super::table;
use super::variable::Variable;

/// The oldest version of the format that has all that is used here: Grafana 10.4
/// reads it as it is, later ones migrate it.
const SCHEMA_VERSION: u32 = 39;
/// What the dashboards find each other by.
const TAG: &str = "sealwatch";
/// Columns of Grafana's grid.
const COLUMNS: usize = 24;

/// The whole text of the file.
pub(super) fn text(dashboard: Dashboard) -> String {
    let mut json = json!({
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "",
        "time": {"from": dashboard.from, "to": "now"},
        "templating": {"list": dashboard.variables.iter().map(Variable::json).collect::<Vec<_>>()},
        "annotations": {"list": dashboard.annotations.iter().map(annotation).collect::<Vec<_>>()},
        "links": [{
            "type": "dashboards", "tags": [TAG], "title": "Sealwatch", "icon": "external link",
            "tooltip": "The other dashboards", "asDropdown": true, "includeVars": true,
            "keepTime": true, "targetBlank": false, "url": "",
        }],
        "panels": panels(dashboard),
    });
    // Whether members keep the order of their writing is a choice of the build.
    json.sort_all_objects();
    format!("{json:#}\n")
}

/// What every query goes to.
pub(super) fn data_source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// The name of the query at this position.
pub(super) fn ref_id(query: usize) -> char {
    char::from(b'A'.saturating_add(u8::try_from(query).unwrap_or(u8::MAX)))
}

fn annotation(annotation: &Annotation) -> Value {
    json!({
        "name": annotation.name, "datasource": data_source(), "enable": true, "hide": false,
        "iconColor": annotation.color, "expr": annotation.expression,
        "titleFormat": annotation.title, "useValueForTime": false, "step": "60s",
    })
}

fn panels(dashboard: Dashboard) -> Vec<Value> {
    let mut all = Vec::new();
    let mut top = 0;
    for row in dashboard.rows {
        all.push(json!({
            "id": all.len() + 1, "type": "row", "title": row.title, "collapsed": false,
            "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1}, "panels": [],
        }));
        // How far down each column is taken.
        let mut taken = [top + 1; COLUMNS];
        for panel in row.panels {
            let (x, y) = place(&taken, panel.width);
            taken[x..x + panel.width].fill(y + panel.height);
            let place = json!({"x": x, "y": y, "w": panel.width, "h": panel.height});
            all.push(self::panel(&panel, all.len() + 1, place));
        }
        top = taken.into_iter().max().unwrap_or(top);
    }
    all
}

/// The highest place, and the leftmost of these, for a panel of that width.
fn place(taken: &[usize; COLUMNS], width: usize) -> (usize, usize) {
    let places = taken.windows(width).enumerate();
    let places = places.map(|(x, below)| (below.iter().copied().max().unwrap_or(0), x));
    places.min().map_or((0, 0), |(y, x)| (x, y))
}

fn panel(panel: &Panel, id: usize, place: Value) -> Value {
    let is_table = panel.kind == Kind::Table;
    let links: Vec<Value> = panel.runbooks.iter().map(|alert| runbook(alert)).collect();
    json!({
        "id": id,
        "type": panel.plugin(),
        "title": panel.title,
        "description": panel.description,
        "gridPos": place,
        "datasource": data_source(),
        "targets": targets(panel),
        "options": panel.options(),
        "fieldConfig": {
            "defaults": defaults(panel),
            "overrides": if is_table { table::overrides(panel) } else { Vec::new() },
        },
        "transformations": if is_table { table::transformations(panel) } else { json!([]) },
        "links": links,
    })
}

fn targets(panel: &Panel) -> Vec<Value> {
    let format = if panel.kind == Kind::Table {
        "table"
    } else {
        "time_series"
    };
    let target = |(place, query): (usize, &super::model::Query)| {
        json!({
            "refId": ref_id(place).to_string(), "datasource": data_source(),
            "expr": table::expression(panel, query), "legendFormat": query.legend, "format": format,
            "instant": query.instant, "range": !query.instant, "editorMode": "code",
        })
    };
    panel.queries.iter().enumerate().map(target).collect()
}

fn defaults(panel: &Panel) -> Value {
    let graded = !panel.steps.is_empty();
    let mode = match panel.kind {
        Kind::Stat | Kind::Bars | Kind::States => "thresholds",
        Kind::Lines | Kind::Stack | Kind::Table => "palette-classic",
    };
    let links: Vec<Value> = match panel.target {
        // A table's links are those of its columns.
        Some(target) if panel.kind != Kind::Table => vec![data_link(target, "field.labels")],
        _ => Vec::new(),
    };
    let mut json = json!({
        "unit": panel.unit.id(),
        "color": {"mode": mode},
        "custom": panel.custom(),
        "mappings": mappings(panel),
        "thresholds": if graded || !panel.words.is_empty() { steps(&panel.steps) } else { neutral() },
        "links": links,
    });
    let (low, high) = panel.bounds;
    for (name, value) in [("min", low), ("max", high)] {
        if let Some(value) = value {
            json[name] = json!(value);
        }
    }
    if let Some(decimals) = panel.decimals {
        json["decimals"] = json!(decimals);
    }
    json
}

/// Green, and from each value on another colour.
pub(super) fn steps(steps: &[(f64, &str)]) -> Value {
    let first = json!({"value": null, "color": super::panel::GOOD});
    let more = steps
        .iter()
        .map(|(value, color)| json!({"value": value, "color": color}));
    json!({"mode": "absolute", "steps": std::iter::once(first).chain(more).collect::<Vec<_>>()})
}

fn neutral() -> Value {
    json!({"mode": "absolute", "steps": [{"value": null, "color": super::panel::NEUTRAL}]})
}

fn mappings(panel: &Panel) -> Value {
    if panel.words.is_empty() {
        return json!([]);
    }
    let mut options = serde_json::Map::new();
    for (place, word) in panel.words.iter().enumerate() {
        let shown = json!({"text": word.text, "color": word.color, "index": place});
        options.insert(word.value.to_string(), shown);
    }
    json!([{"type": "value", "options": options}])
}

fn runbook(alert: &str) -> Value {
    json!({
        "title": format!("Runbook: {alert}"), "type": "link", "icon": "doc",
        "url": format!("${{runbooks}}/{alert}.md"), "targetBlank": true,
        "asDropdown": false, "includeVars": false, "keepTime": false, "tags": [], "tooltip": "",
    })
}

/// A link that takes along whose value it is. Grafana replaces a label that a
/// series lacks by nothing, which the variables take for an empty label.
pub(super) fn data_link(target: Target, labels: &str) -> Value {
    let label = |name: &str| format!("${{__{labels}.{name}:percentencode}}");
    let own = |names: &[&str]| {
        let pairs: Vec<String> = names
            .iter()
            .map(|name| format!("var-{name}={}", label(name)))
            .collect();
        format!(
            "${{datasource:queryparam}}&${{cluster:queryparam}}&{}&${{__url_time_range}}",
            pairs.join("&")
        )
    };
    let (title, url) = match target {
        Target::Container => {
            let pairs = own(&["instance", "namespace", "pod", "container"]);
            (
                "Open the container",
                format!("/d/sealwatch-container?{pairs}"),
            )
        }
        Target::Agent => {
            let pairs = own(&["instance"]);
            ("Open its agent", format!("/d/sealwatch-agent?{pairs}"))
        }
        Target::Runbook => {
            let url = format!("${{runbooks}}/{}.md", label("alertname"));
            ("Open the runbook", url)
        }
    };
    json!({"title": title, "url": url, "targetBlank": target == Target::Runbook})
}
