//! Every source of settings, and what each refuses.

use std::io::Write as _;

use clap::{Args as _, FromArgMatches as _};
use proptest::prelude::*;

use super::*;

fn flags(args: &[&str]) -> Flags {
    let command = Flags::augment_args(clap::Command::new("run"));
    let matches = command.get_matches_from(std::iter::once("run").chain(args.iter().copied()));
    Flags::from_arg_matches(&matches).unwrap()
}

fn load(args: &[&str], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let variables = variables
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Config::load(&flags(args), variables)
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn defaults_are_valid() {
    let config = load(&[], &[("PATH", "/bin")]).unwrap();
    assert_eq!(config.listen_address, "127.0.0.1:9402".parse().ok());
    assert_eq!(config.backend, BackendChoice::Auto);
    assert_eq!(config.docker_sockets, Sockets::Auto);
    assert_eq!(config.sample_interval, Duration::from_secs(1));
    assert!(!config.host);
    assert_eq!(config.state_file, Place::Auto);
    let off = load(&["--state-file", "none"], &[]).unwrap();
    assert_eq!(off.state_file, Place::Off);
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let file = file(
        "events = \"none\"\nsample-interval = \"2s\"\n[log]\nlevel = \"warn\"\n[limits]\nseries = 5\n",
    );
    let config = load(
        &["--config", file.path().to_str().unwrap(), "--events=json"],
        &[
            ("SEALWATCH_EVENTS", "none"),
            ("SEALWATCH_SAMPLE_INTERVAL", "3s"),
        ],
    )
    .unwrap();
    assert_eq!(config.events, EventFormat::Json);
    assert_eq!(config.sample_interval, Duration::from_secs(3));
    assert_eq!(config.log_level, tracing::Level::WARN);
    assert_eq!(config.limits.series, 5);
}

/// Flags, variables, and what the message must say.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], [String; 3]);

#[test]
fn a_bad_value_names_itself_its_source_and_the_fix() {
    let toml = file("[web]\nlisten-address = 9402\n");
    let path = toml.path().to_str().unwrap().to_owned();
    let cases: [Case; 7] = [
        (
            &["--state-file", "state.json"],
            &[],
            [
                "\"state.json\" for state-file".into(),
                "flag --state-file".into(),
                "absolute path".into(),
            ],
        ),
        (
            &["--degraded.after", "0s"],
            &[],
            [
                "\"0s\" for degraded.after".into(),
                "flag --degraded.after".into(),
                "from 1s to 24h".into(),
            ],
        ),
        (
            &["--events", "xml"],
            &[],
            [
                "\"xml\" for events".into(),
                "flag --events".into(),
                "use one of: none, json".into(),
            ],
        ),
        (
            &[],
            &[("SEALWATCH_LIMITS_SERIES", "0")],
            [
                "\"0\" for limits.series".into(),
                "environment variable SEALWATCH_LIMITS_SERIES".into(),
                "from 1 to 1000000".into(),
            ],
        ),
        (
            &["--config", &path],
            &[],
            [
                "\"9402\" for web.listen-address".into(),
                format!("file {path}, key web.listen-address"),
                "ADDRESS:PORT".into(),
            ],
        ),
        (
            &["--backend", "fexit", "--sample-interval", "soon"],
            &[],
            [
                "\"soon\"".into(),
                "flag --sample-interval".into(),
                "duration".into(),
            ],
        ),
        (
            &["--docker-socket", "tcp://1.2.3.4:2375"],
            &[],
            [
                "tcp://1.2.3.4:2375".into(),
                "flag --docker-socket".into(),
                "absolute path".into(),
            ],
        ),
    ];
    for (args, variables, parts) in cases {
        let message = load(args, variables).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(&part), "{message} lacks {part}");
        }
    }
}

#[test]
fn unknown_keys_are_errors_with_the_nearest_name() {
    let toml = file("[web]\nlisten-adress = \":1\"\n");
    let path = toml.path().to_str().unwrap();
    let message = load(&["--config", path], &[]).unwrap_err().to_string();
    assert!(
        message.contains("did you mean web.listen-address?"),
        "{message}"
    );
    let message = load(&[], &[("SEALWATCH_EVENT", "json")])
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("did you mean SEALWATCH_EVENTS?"),
        "{message}"
    );
    let toml = file("colour = 1\n");
    let message = load(&["--config", toml.path().to_str().unwrap()], &[])
        .unwrap_err()
        .to_string();
    assert!(message.contains("lists all settings"), "{message}");
}

#[test]
fn files_that_cannot_be_used_are_errors() {
    let message = load(&["--config", "/does/not/exist"], &[])
        .unwrap_err()
        .to_string();
    assert!(message.contains("/does/not/exist"), "{message}");
    let toml = file("events = \n");
    let message = load(&[], &[("SEALWATCH_CONFIG", toml.path().to_str().unwrap())])
        .unwrap_err()
        .to_string();
    assert!(message.contains("SEALWATCH_CONFIG"), "{message}");
}

#[test]
fn a_kubernetes_service_of_that_name_is_no_setting() {
    load(
        &[],
        &[
            ("SEALWATCH_PORT", "tcp://10.0.0.1:9402"),
            ("SEALWATCH_SERVICE_HOST", "10.0.0.1"),
            ("SEALWATCH_SERVICE_PORT_METRICS", "9402"),
            ("SEALWATCH_PORT_9402_TCP_ADDR", "10.0.0.1"),
            ("SEALWATCH_PORT_9402_TCP", "tcp://10.0.0.1:9402"),
        ],
    )
    .unwrap();
}

#[test]
fn sockets_repeat_and_none_turns_a_kind_off() {
    let config = load(
        &[
            "--docker-socket",
            "/a",
            "--docker-socket",
            "unix:///b",
            "--cri-endpoint",
            "none",
        ],
        &[],
    )
    .unwrap();
    assert_eq!(
        config.docker_sockets,
        Sockets::Only(vec!["/a".into(), "/b".into()])
    );
    assert_eq!(config.cri_endpoints, Sockets::Only(vec![]));
    let config = load(&[], &[("SEALWATCH_DOCKER_SOCKET", "/a,/b")]).unwrap();
    assert_eq!(
        config.docker_sockets,
        Sockets::Only(vec!["/a".into(), "/b".into()])
    );
}

#[test]
fn addresses_may_leave_the_host_out() {
    let config = load(&["--web.listen-address", ":0"], &[]).unwrap();
    assert_eq!(config.listen_address, "[::]:0".parse().ok());
    assert!(load(&["--web.listen-address", "example.org:1"], &[]).is_err());
    assert!(load(&["--web.telemetry-path", "/healthz"], &[]).is_err());
    assert!(load(&["--web.telemetry-path", "/assets/x"], &[]).is_err());
    assert!(load(&["--web.telemetry-path", "/apiary"], &[]).is_ok());
    assert!(load(&["--web.allowed-host", "a b"], &[]).is_err());
    assert!(load(&["--web.telemetry-path", "metrics"], &[]).is_err());
}

#[test]
fn a_switch_may_be_given_bare_or_with_a_value() {
    assert!(load(&["--host"], &[]).unwrap().host);
    assert!(
        !load(&["--host=false"], &[("SEALWATCH_HOST", "true")])
            .unwrap()
            .host
    );
    assert!(load(&["--host=maybe"], &[]).is_err());
}

#[test]
fn every_setting_is_its_own_flag_and_variable() {
    let names: std::collections::BTreeSet<_> = SETTINGS.iter().map(Setting::variable).collect();
    assert_eq!(names.len(), SETTINGS.len());
    for setting in SETTINGS {
        assert!(
            !is_service_link(&setting.variable()),
            "{} looks like a service",
            setting.name
        );
        assert!(setting.help.ends_with('.'), "{}", setting.name);
    }
    Flags::augment_args(clap::Command::new("run")).debug_assert();
}

/// The chart's schema offers every setting but the one that the chart sets itself.
#[test]
fn the_chart_knows_every_setting() {
    let schema = include_str!("../../../deploy/chart/values.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let offered = schema["properties"]["settings"]["properties"].as_object();
    let mut offered: Vec<&str> = offered.unwrap().keys().map(String::as_str).collect();
    offered.push("web.listen-address");
    let mut settings: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    offered.sort_unstable();
    settings.sort_unstable();
    assert_eq!(offered, settings);
}

#[test]
fn receivers_are_read_and_bad_ones_shown_without_their_secrets() {
    let config = load(
        &["--alertmanager-url", "http://a:9093", "--node-name", "n-1"],
        &[("SEALWATCH_WEBHOOK_URL", "https://u:p@b/x,http://c")],
    )
    .unwrap();
    let places = |urls: &[ReceiverUrl]| urls.iter().map(ReceiverUrl::place).collect::<Vec<_>>();
    assert_eq!(places(&config.alerting.alertmanagers), ["a:9093"]);
    assert_eq!(places(&config.alerting.webhooks), ["b:443", "c:80"]);
    assert_eq!(config.node_name.as_deref(), Some("n-1"));
    assert!(!format!("{config:?}").contains("u:p"));

    let error = load(&["--webhook-url", "hxxp://u:p@b/T0/secret"], &[]);
    let error = error.unwrap_err().to_string();
    for part in [
        "hxxp://***@b/...",
        "flag --webhook-url",
        "http:// or https://",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!error.contains("secret"), "{error}");
    let error = load(&["--alertmanager-token-file", "token"], &[]);
    assert!(error.unwrap_err().to_string().contains("absolute path"));
    assert!(load(&["--node-name", "a b"], &[]).is_err());
}

proptest! {
    #[test]
    fn any_value_is_taken_or_refused_by_name(
        which in 0..SETTINGS.len(),
        value in "\\PC{0,24}|[0-9]{1,20}[a-z%]{0,2}|/[a-z/.]{0,20}|(none|auto|true)",
    ) {
        let name = SETTINGS[which].name;
        let mut flags = Flags::default();
        flags.given.push((name, vec![value.clone()]));
        if let Err(error) = Config::load(&flags, std::iter::empty()) {
            let error = error.to_string();
            prop_assert!(error.contains(name) && error.contains("\n  fix:  "), "{}", error);
        }
    }

    #[test]
    fn no_file_makes_it_panic(text: String, odd in "([a-z.-]{1,9} = [\\[\\]\"a-z0-9{}=,.]{0,20}\n){0,4}") {
        for text in [text, odd] {
            let flags = Flags {
                config: Some("file".to_owned()),
                given: Vec::new(),
            };
            let _ = Config::load_with(&flags, std::iter::empty(), |_| Ok(text));
        }
    }
}
