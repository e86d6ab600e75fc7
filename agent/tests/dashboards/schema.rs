//! The dashboards against Grafana's own schema.
//!
//! In: the committed files. Out: what TypeScript says of each as a `Dashboard` of
//! @grafana/schema, and of each panel's options and field settings as those of its
//! plugin. Invariant: a spoilt dashboard is refused, so that silence means
//! something. Lacks on purpose: a Grafana, which no package of the machine has.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use xtask::grafana::{self, Schema};

use super::board::BOARDS;
use super::engines::cannot_run;

/// Grafana's texts of a closed set are enums, which no plain text is.
const HEAD: &str = "\
import type { Dashboard } from '@grafana/schema';
type Loose<T> = T extends string ? `${T}` : T extends number | boolean | null | undefined ? T
  : T extends object ? { [K in keyof T]: Loose<T[K]> } : T;
";
/// Settings of an annotation that only Prometheus' data source has.
const OF_PROMETHEUS: [&str; 4] = ["expr", "step", "titleFormat", "useValueForTime"];
/// Plugins, as Grafana and as its schema call them, and whether fields have settings.
const PLUGINS: [(&str, &str, bool); 5] = [
    ("stat", "Stat", false),
    ("timeseries", "TimeSeries", true),
    ("state-timeline", "StateTimeline", true),
    ("bargauge", "BarGauge", false),
    ("table", "Table", true),
];

/// A program that is right if the dashboards are.
fn program(boards: &[Value]) -> String {
    let mut text = HEAD.to_owned();
    for (_, name, has_fields) in PLUGINS {
        let fields = if has_fields {
            format!(", FieldConfig as {name}Fields")
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "import type {{ Options as {name}Options{fields} }} from '@grafana/schema/dist/esm/raw/composable/{}/panelcfg/x/{name}PanelCfg_types.gen';",
            name.to_lowercase()
        );
    }
    for (place, json) in boards.iter().enumerate() {
        let mut json = json.clone();
        for annotation in json["annotations"]["list"].as_array_mut().unwrap() {
            let members = annotation.as_object_mut().unwrap();
            members.retain(|name, _| !OF_PROMETHEUS.contains(&name.as_str()));
        }
        let _ = writeln!(
            text,
            "export const board{place}: Loose<Dashboard> = {json};"
        );
        for panel in json["panels"].as_array().unwrap() {
            let plugin = PLUGINS.iter().find(|(plugin, ..)| panel["type"] == *plugin);
            let Some((_, plugin, has_fields)) = plugin else {
                assert_eq!(panel["type"], "row", "a plugin that nobody checks");
                continue;
            };
            let name = format!("board{place}panel{}", panel["id"]);
            let options = &panel["options"];
            let _ = writeln!(
                text,
                "export const {name}: Loose<Partial<{plugin}Options>> = {options};"
            );
            if *has_fields {
                let fields = &panel["fieldConfig"]["defaults"]["custom"];
                let _ = writeln!(
                    text,
                    "export const {name}fields: Loose<Partial<{plugin}Fields>> = {fields};"
                );
            }
        }
    }
    text
}

/// What the compiler complains of, by the lines of the program that it is in.
fn complaints(schema: &Schema, text: &str) -> Vec<(usize, String)> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("boards.ts"), text).unwrap();
    let options = json!({
        "noEmit": true, "strict": true, "skipLibCheck": true, "types": [],
        "module": "preserve", "preserveSymlinks": true,
    });
    let project = json!({"compilerOptions": options, "files": ["boards.ts"]});
    fs::write(dir.path().join("tsconfig.json"), project.to_string()).unwrap();
    let modules = schema.modules.join("node_modules");
    std::os::unix::fs::symlink(&modules, dir.path().join("node_modules")).unwrap();
    let output = Command::new(&schema.node)
        .arg(modules.join("typescript/bin/tsc"))
        .arg("--project")
        .arg(dir.path())
        .current_dir(dir.path())
        .output()
        .unwrap();
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words);
    let complaint = |line: &str| {
        let (number, what) = line.strip_prefix("boards.ts(")?.split_once(',')?;
        Some((number.parse().ok()?, what.to_owned()))
    };
    let found: Vec<_> = words.lines().filter_map(complaint).collect();
    assert_eq!(output.status.success(), found.is_empty(), "{words}");
    found
}

#[test]
fn grafanas_schema_takes_the_dashboards() {
    let schema = match grafana::ensure() {
        Ok(schema) => schema,
        Err(error) => return cannot_run("grafanas_schema", &format!("{error:#}")),
    };
    let boards: Vec<Value> = BOARDS.iter().map(|board| board.json.clone()).collect();
    let found = complaints(&schema, &program(&boards));
    assert!(found.is_empty(), "{found:#?}");

    // A dashboard that is spoilt in one place each, beside each other.
    let spoilt = [
        ("/panels/1/gridPos/w", json!("wide")),
        ("/links/0/type", json!("dashboard")),
        ("/panels/1/options/colorMode", json!("rainbow")),
        ("/templating/list/1/refresh", json!("often")),
    ];
    let all: Vec<Value> = spoilt
        .iter()
        .map(|(pointer, value)| {
            let mut json = BOARDS[0].json.clone();
            *json.pointer_mut(pointer).unwrap() = value.clone();
            json
        })
        .collect();
    let text = program(&all);
    let found = complaints(&schema, &text);
    let lines: Vec<&str> = text.lines().collect();
    for (place, (pointer, _)) in spoilt.iter().enumerate() {
        let head = format!("export const board{place}");
        let noticed = found
            .iter()
            .any(|(number, _)| lines[number - 1].starts_with(&head));
        assert!(noticed, "{pointer} is not noticed: {found:#?}");
    }
}
