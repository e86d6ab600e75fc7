//! Canary against baseline, as PromQL: who is on which side, and how they compare.
//!
//! In: the rollout dashboard's variables `label`, `canary` and `baseline`. Out:
//! expressions. Invariant: the verdict is made of the very expressions that the
//! dashboard's other panels show, by the thresholds of the alerts. Lacks on
//! purpose: which containers the alerts compare, which the recording rules
//! choose by track and age.

use super::query::{IDENTITY, containers, counted, of, of_those, or_zero};
use super::thresholds::{CANARY_DENIALS_PER_SECOND, CANARY_FACTOR};

/// The metric that tells which container is of which app, revision, track, image.
const INFO: &str = "container:sealwatch_container_info:max";
/// What namespace and app select.
pub(super) const APP: &str = r#"cluster=~"$cluster", namespace=~"$namespace", app=~"$app""#;
/// What they select of metrics without the label `app`.
pub(super) const NAMESPACE: &str = r#"cluster=~"$cluster", namespace=~"$namespace""#;

/// The verdict's values.
pub(super) const NOTHING_TO_COMPARE: i32 = -1;
pub(super) const BETTER: i32 = 0;
pub(super) const SAME: i32 = 1;
pub(super) const WORSE: i32 = 2;

/// Which containers.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Canary,
    /// Chosen as baseline, and not also as canary.
    Baseline,
}

impl Side {
    fn selector(self) -> String {
        let own = match self {
            Side::Canary => r#"$label=~"$canary""#,
            Side::Baseline => r#"$label=~"$baseline", $label!~"$canary""#,
        };
        of(INFO, &format!("{APP}, {own}"))
    }

    /// Its containers that are there.
    pub(super) fn now(self) -> String {
        self.selector()
    }

    /// Its containers that are or were there in the time range.
    pub(super) fn ever(self) -> String {
        format!("max_over_time({}[$__range])", self.selector())
    }

    /// How many are there.
    pub(super) fn containers(self) -> String {
        format!("count({})", self.now())
    }

    /// What a metric's series of its containers tell in the time range, exactly.
    pub(super) fn counted(self, metric: &str, labels: &str) -> String {
        of_those(counted(metric, labels), self.ever())
    }

    /// Refusals per second and container, by labels.
    pub(super) fn rate(self, by: &str, metric: &str, labels: &str, range: &str) -> String {
        let own = of_those(format!("rate({}[{range}])", of(metric, labels)), self.now());
        format!(
            "sum by ({by}) ({own}) / on () group_left () {}",
            self.containers()
        )
    }

    /// The share of its containers that have such a series, 0 to 1.
    pub(super) fn share(self, metric: &str) -> String {
        let those = containers(of(metric, NAMESPACE));
        let some = or_zero(format!("count({})", of_those(those, self.ever())));
        format!("({some}) / count({})", self.ever())
    }

    /// How often its containers were started anew in the time range.
    pub(super) fn restarts(self) -> String {
        let lives = format!(
            "count by ({IDENTITY}) (count_over_time({}[$__range])) - 1",
            of("sealwatch_container_info", NAMESPACE)
        );
        format!("sum({})", of_those(format!("({lives})"), self.ever()))
    }
}

/// Write roots, with the canary's counts, where the canary was refused something
/// and the baseline never was, as far as the time range shows.
pub(super) fn new_write_roots(by: &str) -> String {
    let metric = of("sealwatch_write_root_denials_total", NAMESPACE);
    // A series' value, not its increase: it begins with the container.
    let own = |side: Side| {
        let counts = format!("max_over_time({metric}[$__range])");
        of_those(counts, side.ever())
    };
    format!(
        "sum by ({by}) ({}) unless on (write_root) sum by (write_root) ({})",
        own(Side::Canary),
        own(Side::Baseline),
    )
}

/// Write roots where the canary is refused so much more often that an alert fires.
pub(super) fn worse_write_roots() -> String {
    let rate = |side: Side| {
        side.rate(
            "write_root",
            "sealwatch_write_root_denials_total",
            NAMESPACE,
            "5m",
        )
    };
    let canary = rate(Side::Canary);
    format!(
        "({canary}) > {CANARY_DENIALS_PER_SECOND} unless on (write_root) \
         (({canary}) <= on (write_root) {CANARY_FACTOR} * ({}))",
        rate(Side::Baseline)
    )
}

/// Refusals per second and container, 0 where there are none.
pub(super) fn denials_per_container(side: Side) -> String {
    let own = of_those(
        format!("rate({}[5m])", of("sealwatch_denials_total", NAMESPACE)),
        side.now(),
    );
    format!(
        "({}) / {}",
        or_zero(format!("sum({own})")),
        side.containers()
    )
}

/// -1, 0, 1 or 2, in this order: [`NOTHING_TO_COMPARE`], [`BETTER`], [`SAME`],
/// [`WORSE`]. The first part that there is decides: what is worse, then what is
/// better.
pub(super) fn verdict() -> String {
    let metrics = ["sealwatch_degraded", "sealwatch_failing_to_start"];
    let more = |a: Side, b: Side| {
        metrics.map(|metric| format!("{} > {}", a.share(metric), b.share(metric)))
    };
    let mut parts = Vec::new();
    let mut say =
        |verdict: i32, if_there: String| parts.push(format!("({if_there}) * 0 + {verdict}"));
    say(WORSE, format!("count({})", new_write_roots("write_root")));
    say(WORSE, format!("count({})", worse_write_roots()));
    for part in more(Side::Canary, Side::Baseline) {
        say(WORSE, part);
    }
    say(
        BETTER,
        format!(
            "{} > {CANARY_FACTOR} * {}",
            denials_per_container(Side::Baseline),
            denials_per_container(Side::Canary)
        ),
    );
    for part in more(Side::Baseline, Side::Canary) {
        say(BETTER, part);
    }
    say(SAME, Side::Canary.containers());
    format!(
        "(({}) and {} and {}) or vector({NOTHING_TO_COMPARE})",
        parts.join(" or "),
        Side::Canary.containers(),
        Side::Baseline.containers()
    )
}
