//! Settings read again while the daemon runs: what changes now, and what needs a restart.
//!
//! In: the settings in force, those that were just read. Out: the settings in
//! force from now on, and the names of those that differ and stay. Invariant:
//! every setting is either taken or named; the compiler asks for a new one.
//! Lacks on purpose: acting on what has changed.

use super::{Alerting, Config};

impl Config {
    /// Takes from `next` what can change while the daemon runs. Returns the
    /// settings that are others there and stay as they are until a restart.
    pub fn take_over(&mut self, next: Config) -> Vec<&'static str> {
        let Config {
            listen_address,
            socket,
            telemetry_path,
            allowed_hosts,
            events,
            backend,
            seccomp,
            host,
            inventory,
            contracts,
            docker_sockets,
            cri_endpoints,
            sample_interval,
            degraded,
            state_file,
            alerting,
            node_name,
            pin,
            log_format,
            log_level,
            limits,
        } = next;
        let stay = [
            ("web.listen-address", listen_address != self.listen_address),
            ("web.socket", socket != self.socket),
            ("web.telemetry-path", telemetry_path != self.telemetry_path),
            ("events", events != self.events),
            ("backend", backend != self.backend),
            ("seccomp", seccomp != self.seccomp),
            ("host", host != self.host),
            ("docker-socket", docker_sockets != self.docker_sockets),
            ("cri-endpoint", cri_endpoints != self.cri_endpoints),
            ("sample-interval", sample_interval != self.sample_interval),
            ("state-file", state_file != self.state_file),
            ("pin", pin != self.pin),
            ("node-name", node_name != self.node_name),
            ("log.format", log_format != self.log_format),
            (
                "limits.containers",
                limits.containers != self.limits.containers,
            ),
            (
                "limits.write-roots-per-container",
                limits.write_roots_per_container != self.limits.write_roots_per_container,
            ),
            ("limits.series", limits.series != self.limits.series),
        ];
        let stay = stay.into_iter().chain(self.alerting_differs(&alerting));
        let differ = stay.filter(|(_, differs)| *differs);
        let differ = differ.map(|(name, _)| name).collect();
        self.allowed_hosts = allowed_hosts;
        self.inventory = inventory;
        self.contracts = contracts;
        self.degraded = degraded;
        self.log_level = log_level;
        differ
    }

    fn alerting_differs(&self, next: &Alerting) -> [(&'static str, bool); 8] {
        let Alerting {
            alertmanagers,
            alertmanager_token_file,
            webhooks,
            webhook_token_file,
            ca_file,
            runbooks,
            kubernetes_events,
            kubernetes_account,
        } = &self.alerting;
        [
            ("alertmanager-url", *alertmanagers != next.alertmanagers),
            (
                "alertmanager-token-file",
                *alertmanager_token_file != next.alertmanager_token_file,
            ),
            ("webhook-url", *webhooks != next.webhooks),
            (
                "webhook-token-file",
                *webhook_token_file != next.webhook_token_file,
            ),
            ("notify.ca-file", *ca_file != next.ca_file),
            ("notify.runbooks", *runbooks != next.runbooks),
            (
                "kubernetes-events",
                *kubernetes_events != next.kubernetes_events,
            ),
            (
                "kubernetes-service-account",
                *kubernetes_account != next.kubernetes_account,
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, SETTINGS, Setting};

    /// A value of each setting that is none's default.
    fn other(setting: &Setting) -> &'static str {
        match setting.name {
            "web.listen-address" => ":1",
            "web.telemetry-path" => "/other",
            "events" | "log.format" => "json",
            "backend" => "fexit",
            "seccomp" | "host" | "kubernetes-events" => "true",
            "alertmanager-url" | "webhook-url" => "http://a.example",
            "notify.runbooks" => "http://runbooks.example",
            "node-name" => "other",
            "sample-interval" | "degraded.after" | "degraded.silence" | "start-window" => "7s",
            "degraded.failures"
            | "limits.containers"
            | "limits.write-roots-per-container"
            | "limits.series" => "7",
            "log.level" => "debug",
            "web.allowed-host" => "other",
            _ => "/other",
        }
    }

    fn with(setting: Option<&'static Setting>) -> Config {
        let given = setting.map(|setting| (setting.name, vec![other(setting).to_owned()]));
        let flags = Flags {
            config: None,
            given: given.into_iter().collect(),
        };
        Config::load(&flags, std::iter::empty()).unwrap()
    }

    #[test]
    fn each_setting_is_taken_or_named() {
        for setting in SETTINGS {
            let next = with(Some(setting));
            assert_ne!(next, with(None), "{} has a default here", setting.name);
            let mut config = with(None);
            match config.take_over(next.clone())[..] {
                [] => assert_eq!(config, next, "{}", setting.name),
                ref named => {
                    assert_eq!(named, [setting.name]);
                    assert_eq!(config, with(None), "{}", setting.name);
                }
            }
        }
    }
}
