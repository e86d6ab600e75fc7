//! Pieces that queries are made of.
//!
//! In: metrics and labels. Out: PromQL. Invariant: every selector can be an empty
//! label's too, as namespace and pod are on plain Docker. Lacks on purpose: what
//! only one dashboard asks.

/// Labels that tell whose a series is. Two hosts may have containers of one name.
pub(super) const IDENTITY: &str = "cluster, instance, namespace, pod, container";
/// The same of what recording rules make, which have no cluster but where
/// Prometheus adds one to everything.
const RECORDED_IDENTITY: &str = "instance, namespace, pod, container";
/// Whose the fleet's series are: what the overview's variables select.
pub(super) const FLEET: &str =
    r#"cluster=~"$cluster", instance=~"$instance", namespace=~"$namespace""#;
/// One container's series.
pub(super) const CONTAINER: &str = r#"cluster=~"$cluster", instance=~"$instance", namespace=~"$namespace", pod=~"$pod", container=~"$container""#;
/// Series of the agents themselves.
pub(super) const AGENTS: &str = r#"job=~"$job", cluster=~"$cluster", instance=~"$instance""#;

/// `metric{labels}`.
pub(super) fn of(metric: &str, labels: &str) -> String {
    format!("{metric}{{{labels}}}")
}

/// Events per second, over four scrapes at least.
pub(super) fn rate(metric: &str, labels: &str) -> String {
    format!("rate({metric}{{{labels}}}[$__rate_interval])")
}

/// How many events there were in the time range, exactly. `increase` leaves out
/// the value with which a series begins, and those of a container's refusals
/// begin with its start: all of them may be in that value. What a series had
/// before the range is taken off; one that ended within the range is counted.
pub(super) fn counted(metric: &str, labels: &str) -> String {
    let series = of(metric, labels);
    format!(
        "(clamp_min(max_over_time({series}[$__range]) - {series} offset $__range, 0) \
         or max_over_time({series}[$__range]))"
    )
}

/// Sum by labels.
pub(super) fn sum_by(labels: &str, expression: impl AsRef<str>) -> String {
    format!("sum by ({labels}) ({})", expression.as_ref())
}

/// The largest few.
pub(super) fn top(expression: impl AsRef<str>) -> String {
    format!("topk({}, {})", super::panel::TOP, expression.as_ref())
}

/// How many of them there are; 0 where there is none.
pub(super) fn number(expression: impl AsRef<str>) -> String {
    or_zero(format!("count({})", expression.as_ref()))
}

/// 0 instead of nothing: here, no series is no trouble.
pub(super) fn or_zero(expression: impl AsRef<str>) -> String {
    format!("{} or vector(0)", expression.as_ref())
}

/// Containers that have at least one such series.
pub(super) fn containers(expression: impl AsRef<str>) -> String {
    format!("group by ({IDENTITY}) ({})", expression.as_ref())
}

/// Only what is of these containers, which recording rules may tell.
pub(super) fn of_those(expression: impl AsRef<str>, those: impl AsRef<str>) -> String {
    format!(
        "({} and on ({RECORDED_IDENTITY}) {})",
        expression.as_ref(),
        those.as_ref()
    )
}

/// The query of a variable.
pub(super) fn label_values(metric: &str, labels: &str, label: &str) -> String {
    match labels {
        "" => format!("label_values({metric}, {label})"),
        _ => format!("label_values({metric}{{{labels}}}, {label})"),
    }
}
