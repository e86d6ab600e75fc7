//! Settings: a file in TOML, variables, flags.
//!
//! In: the three, apart by zeros; variables and flags are `NAME=VALUE`, one on
//! each line. Out: nothing; a broken promise panics: what is refused is named
//! with a fix, what is taken is the same when it is taken again.

use sealwatch::config::{Config, ENV_PREFIX, Flags, SETTINGS};

/// The three layers.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut parts = text.splitn(3, '\0');
    let file = parts.next().unwrap_or_default();
    let pairs = |text: Option<&str>| {
        let lines = text.unwrap_or_default().lines().take(32);
        let pairs = lines.filter_map(|line| line.split_once('='));
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        pairs.collect::<Vec<_>>()
    };
    let variables = pairs(parts.next());
    let variables = variables
        .into_iter()
        .map(|(name, value)| (format!("{ENV_PREFIX}{name}"), value));
    let variables: Vec<_> = variables
        .filter(|(name, _)| !name.ends_with("_CONFIG"))
        .collect();
    let mut flags = Flags {
        config: Some("settings.toml".to_owned()),
        given: Vec::new(),
    };
    for (name, value) in pairs(parts.next()) {
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.name == name) {
            flags.given.push((setting.name, vec![value]));
        }
    }
    let load = || Config::load_with(&flags, variables.iter().cloned(), |_| Ok(file.to_owned()));
    match load() {
        Ok(mut config) => {
            assert!(config.telemetry_path.starts_with('/'));
            assert!(config.limits.containers > 0 && config.limits.series > 0);
            let again = load().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(config, again);
            let stay = config.take_over(again);
            assert!(stay.is_empty(), "the same differs: {stay:?}");
        }
        Err(error) => {
            let text = error.to_string();
            assert!(
                text.contains("\n  fix:  ") && text.contains("\n  from: "),
                "{text}"
            );
        }
    }
}
