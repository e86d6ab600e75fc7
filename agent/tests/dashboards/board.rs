//! The committed dashboards, read the way Grafana reads them.
//!
//! In: `dashboards/*.json`. Out: panels, queries, variables, and queries with
//! variables filled in. Invariant: what is filled in is what Grafana fills in:
//! values of variables that may be several are escaped and joined, all of them are
//! what `allValue` says, and a name that nobody defines fails the test. Lacks on
//! purpose: knowing how the files were made.

use std::collections::BTreeMap;
use std::fs;
use std::sync::LazyLock;

use serde_json::Value;

/// A dashboard.
pub struct Board {
    /// Its file's name.
    pub file: String,
    /// What is in the file.
    pub json: Value,
}

/// A query, and where it stands.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `overview.json: Degraded, A`.
    pub place: String,
    /// As it is in the file.
    pub expression: String,
    /// At one time, or along a range.
    pub instant: bool,
}

/// What is chosen of a variable.
#[derive(Clone, Debug)]
pub enum Chosen {
    /// One value, or several.
    Values(Vec<String>),
    /// `All`.
    All,
}

/// What is chosen of each variable.
pub type Choice = BTreeMap<String, Chosen>;

/// A variable of a dashboard.
#[derive(Debug)]
pub struct Variable<'a>(pub &'a Value);

impl<'a> Variable<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        self.0["name"].as_str().unwrap()
    }

    /// The query of its values, if it has one.
    pub fn query(&self) -> Option<&'a str> {
        let is_query = self.0["type"] == "query";
        is_query.then(|| self.0["query"]["query"].as_str().unwrap())
    }

    /// What stands for it in a query.
    fn filled(&self, chosen: &Chosen) -> String {
        let may_be_several = self.0["multi"] == true || self.0["includeAll"] == true;
        match chosen {
            Chosen::All => match self.0["allValue"].as_str() {
                Some(all) => all.to_owned(),
                None => panic!("{}: all values must be given one by one", self.name()),
            },
            Chosen::Values(values) if !may_be_several => values.concat(),
            Chosen::Values(values) => {
                let escaped: Vec<String> = values.iter().map(|value| escaped(value)).collect();
                match escaped.as_slice() {
                    [one] => one.clone(),
                    several => format!("({})", several.join("|")),
                }
            }
        }
    }
}

/// A value as part of a regular expression in a string of PromQL.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        if "\\^$*+?.()|[]{}".contains(c) {
            text.push_str("\\\\");
        }
        text.push(c);
    }
    text
}

/// Every dashboard that is committed.
pub static BOARDS: LazyLock<Vec<Board>> = LazyLock::new(|| {
    let dir = xtask::layout::root().join("dashboards");
    let mut boards: Vec<Board> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "json"))
        .map(|entry| Board {
            file: entry.file_name().to_string_lossy().into_owned(),
            json: serde_json::from_slice(&fs::read(entry.path()).unwrap()).unwrap(),
        })
        .collect();
    boards.sort_by(|a, b| a.file.cmp(&b.file));
    boards
});

/// The dashboard of that uid.
pub fn board(uid: &str) -> &'static Board {
    let found = BOARDS.iter().find(|board| board.json["uid"] == uid);
    found.unwrap_or_else(|| panic!("no dashboard has the uid {uid}"))
}

fn list(json: &Value) -> impl Iterator<Item = &Value> {
    json.as_array().unwrap().iter()
}

impl Board {
    /// Panels that show something.
    pub fn panels(&self) -> impl Iterator<Item = &Value> {
        list(&self.json["panels"]).filter(|panel| panel["type"] != "row")
    }

    /// The panel of that title.
    pub fn panel(&self, title: &str) -> &Value {
        let found = self.panels().find(|panel| panel["title"] == title);
        found.unwrap_or_else(|| panic!("{}: no panel {title:?}", self.file))
    }

    /// Its variables.
    pub fn variables(&self) -> Vec<Variable<'_>> {
        list(&self.json["templating"]["list"])
            .map(Variable)
            .collect()
    }

    /// Every query: of panels and of annotations.
    pub fn queries(&self) -> Vec<Asked> {
        let mut asked = Vec::new();
        for panel in self.panels() {
            let title = panel["title"].as_str().unwrap();
            for target in list(&panel["targets"]) {
                let query = target["refId"].as_str().unwrap();
                asked.push(Asked {
                    place: format!("{}: {title}, {query}", self.file),
                    expression: target["expr"].as_str().unwrap().to_owned(),
                    instant: target["instant"] == true,
                });
            }
        }
        for annotation in list(&self.json["annotations"]["list"]) {
            asked.push(Asked {
                place: format!("{}: annotation {}", self.file, annotation["name"]),
                expression: annotation["expr"].as_str().unwrap().to_owned(),
                instant: false,
            });
        }
        asked
    }

    /// A query with its variables filled in.
    pub fn filled(&self, expression: &str, choice: &Choice) -> String {
        let variables = self.variables();
        let mut text = String::new();
        let mut rest = expression;
        while let Some((before, after)) = rest.split_once('$') {
            text.push_str(before);
            let end = after
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            text.push_str(&match name {
                "__range" => "5m".to_owned(),
                // As for a data source with the usual scrape interval of 15 s.
                "__rate_interval" => "1m".to_owned(),
                "__interval" => "15s".to_owned(),
                name => {
                    let found = variables.iter().find(|variable| variable.name() == name);
                    let variable =
                        found.unwrap_or_else(|| panic!("{}: ${name} is no variable", self.file));
                    let chosen = choice.get(name);
                    variable.filled(chosen.unwrap_or(&Chosen::All))
                }
            });
            rest = after;
        }
        text.push_str(rest);
        text
    }
}

#[test]
fn values_are_filled_in_as_grafana_does() {
    let board = board("sealwatch-rollout");
    let choose =
        |values: &[&str]| Chosen::Values(values.iter().map(|value| (*value).to_owned()).collect());
    let choice = Choice::from([
        ("label".to_owned(), choose(&["image"])),
        ("canary".to_owned(), choose(&["a/b:1.2", "c"])),
        ("namespace".to_owned(), choose(&[""])),
    ]);
    let text = board.filled(
        "x{$label=~\"$canary\",namespace=~\"$namespace\",app=~\"$app\"}[$__range]",
        &choice,
    );
    assert_eq!(
        text,
        "x{image=~\"(a/b:1\\\\.2|c)\",namespace=~\"\",app=~\".*\"}[5m]"
    );
}
