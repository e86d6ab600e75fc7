//! THE table of alerts, from which every file of alerts is generated.
//!
//! In: nothing. Out: rows that `rules` makes Prometheus' files of, and that the
//! daemon takes names, severities, texts and runbooks from where it sends alerts
//! itself. Invariant: a number that somebody may want to change is a row of
//! [`THRESHOLDS`]; each alert has a runbook of its name. Lacks on purpose:
//! deciding whether an alert is due, which Prometheus or `alert` does.

mod containers;
mod daemon;
mod recorded;
mod remedies;
mod rollout;
mod room;
#[cfg(test)]
mod tests;
mod text;
mod thresholds;

use crate::denial::Cause;

pub use recorded::{RECORDED, Recorded};
pub use remedies::remedy;
pub use text::{Piece, TextError, Unit, fill, pieces, sketch};
pub use thresholds::{THRESHOLDS, Threshold};

/// Where runbooks lie, unless a setting says otherwise: from the repository's root.
pub const RUNBOOKS: &str = "deploy/runbooks";

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Something is down, or about to be: look now.
    Critical,
    /// Something works less well: look today.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// Every member, the worst first.
    pub const ALL: [Severity; 3] = [Severity::Critical, Severity::Warning, Severity::Info];

    /// The value of the label `severity`.
    pub const fn label(self) -> &'static str {
        match self {
            Severity::Critical => "critical",
            Severity::Warning => "warning",
            Severity::Info => "info",
        }
    }
}

/// What to do about it, as [`text`](fill).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// For a container of a pod.
    pub in_pod: &'static str,
    /// For any other.
    pub elsewhere: &'static str,
}

impl Remedy {
    /// The same everywhere.
    const fn same(words: &'static str) -> Remedy {
        Remedy {
            in_pod: words,
            elsewhere: words,
        }
    }
}

/// Where the remedy comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// The label `cause` tells: [`remedy`].
    ByCause,
    /// It is always this.
    Always(Remedy),
}

impl Advice {
    /// The remedy for an alert with this value of the label `cause`.
    pub fn of(self, cause: Cause) -> Remedy {
        match self {
            Advice::ByCause => remedy(cause),
            Advice::Always(remedy) => remedy,
        }
    }
}

/// One alert.
#[derive(Clone, Copy, Debug)]
pub struct Alert {
    /// Its name, and that of its runbook.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// PromQL; `${NAME}` stands for the threshold of that name.
    pub expression: &'static str,
    /// How long that must hold until it fires, as Prometheus writes it.
    pub hold: &'static str,
    /// One line, as [`text`](fill).
    pub summary: &'static str,
    /// What is wrong and what follows, as [`text`](fill); the remedy comes after it.
    pub description: &'static str,
    /// What to do.
    pub advice: Advice,
    /// The dashboard that shows it.
    pub dashboard: &'static Dashboard,
}

/// A dashboard, and how a link to it is made of an alert.
#[derive(Clone, Copy, Debug)]
pub struct Dashboard {
    /// Its uid.
    pub uid: &'static str,
    /// Its variables, each with the label that it is set to.
    pub variables: &'static [(&'static str, &'static str)],
    /// Variables that are set to the same always.
    pub fixed: &'static [(&'static str, &'static str)],
}

/// One container.
const CONTAINER: &Dashboard = &Dashboard {
    uid: "sealwatch-container",
    variables: &[
        ("instance", "instance"),
        ("namespace", "namespace"),
        ("pod", "pod"),
        ("container", "container"),
    ],
    fixed: &[],
};
/// Canary and baseline of an app.
const CANARY: &Dashboard = &Dashboard {
    uid: "sealwatch-rollout",
    variables: &[("namespace", "namespace"), ("app", "app")],
    fixed: &[],
};
/// A new revision of an app and those before.
const REVISION: &Dashboard = &Dashboard {
    uid: "sealwatch-rollout",
    variables: &[
        ("namespace", "namespace"),
        ("app", "app"),
        ("canary", "revision"),
    ],
    fixed: &[("label", "revision")],
};
/// One agent.
const AGENT: &Dashboard = &Dashboard {
    uid: "sealwatch-agent",
    variables: &[("instance", "instance")],
    fixed: &[],
};

impl Alert {
    /// The row of that name.
    pub fn named(name: &str) -> Option<&'static Alert> {
        alerts().find(|alert| alert.name == name)
    }

    /// The address of its runbook; `base` is [`RUNBOOKS`] or what is set instead.
    pub fn runbook(&self, base: &str) -> String {
        format!("{}/{}.md", base.trim_end_matches('/'), self.name)
    }
}

/// Alerts that belong together.
#[derive(Debug)]
pub struct Group {
    /// The name of the group of rules.
    pub name: &'static str,
    /// Its alerts.
    pub alerts: &'static [Alert],
}

/// Every alert, in groups.
pub const GROUPS: &[Group] = &[
    Group {
        name: "sealwatch.containers",
        alerts: containers::ALERTS,
    },
    Group {
        name: "sealwatch.rollout",
        alerts: rollout::ALERTS,
    },
    Group {
        name: "sealwatch.room",
        alerts: room::ALERTS,
    },
    Group {
        name: "sealwatch.agent",
        alerts: daemon::ALERTS,
    },
];

/// Every alert.
pub fn alerts() -> impl Iterator<Item = &'static Alert> {
    GROUPS.iter().flat_map(|group| group.alerts)
}
