//! The alerts' texts become templates of Prometheus.
//!
//! In: texts, remedies. Out: Go templates as Prometheus fills them. Invariant: an
//! alert with a label of the remedy's cause gets that remedy, and one of a pod the
//! words for pods. Lacks on purpose: filling them in.

use std::fmt::Write as _;

use super::super::alerts::{
    Advice, Alert, Dashboard, Piece, Remedy, TextError, Unit, pieces, remedy,
};
use crate::denial::Cause;

/// The path of a dashboard, with its variables set to the labels of the alert.
pub(super) fn link(dashboard: &Dashboard) -> String {
    let labels = dashboard
        .variables
        .iter()
        .map(|(name, label)| format!("var-{name}={{{{ $labels.{label} | urlquery }}}}"));
    let fixed = dashboard
        .fixed
        .iter()
        .map(|(name, value)| format!("var-{name}={value}"));
    let set: Vec<String> = labels.chain(fixed).collect();
    format!("/d/{}?{}", dashboard.uid, set.join("&"))
}

/// A text.
pub(super) fn prometheus(text: &str) -> Result<String, TextError> {
    let mut template = String::new();
    for piece in pieces(text)? {
        write(&mut template, &piece);
    }
    Ok(template)
}

fn write(template: &mut String, piece: &Piece<'_>) {
    match piece {
        Piece::Words(words) => template.push_str(words),
        Piece::Value(Unit::Number) => template.push_str("{{ $value | humanize }}"),
        // humanize would write 250m for a quarter.
        Piece::Value(Unit::Rate) => template.push_str("{{ printf \"%.2f\" $value }}"),
        Piece::Value(Unit::Percent) => template.push_str("{{ $value | humanizePercentage }}"),
        Piece::Value(Unit::Bytes) => template.push_str("{{ $value | humanize1024 }}B"),
        Piece::Label(name) => {
            let _ = write!(template, "{{{{ $labels.{name} }}}}");
        }
        Piece::Where(name, inner) => {
            let _ = write!(template, "{{{{ if $labels.{name} }}}}");
            for piece in inner {
                write(template, piece);
            }
            template.push_str("{{ end }}");
        }
    }
}

/// Description and remedy of an alert.
pub(super) fn described(alert: &Alert) -> Result<String, TextError> {
    let description = prometheus(alert.description)?;
    let advice = match alert.advice {
        Advice::Always(always) => placed(always)?,
        Advice::ByCause => by_cause()?,
    };
    Ok(format!("{description} {advice}"))
}

fn placed(remedy: Remedy) -> Result<String, TextError> {
    let in_pod = prometheus(remedy.in_pod)?;
    if remedy.in_pod == remedy.elsewhere {
        return Ok(in_pod);
    }
    let elsewhere = prometheus(remedy.elsewhere)?;
    Ok(format!(
        "{{{{ if $labels.pod }}}}{in_pod}{{{{ else }}}}{elsewhere}{{{{ end }}}}"
    ))
}

/// Every cause's remedy; causes with the same one share it.
fn by_cause() -> Result<String, TextError> {
    let mut groups: Vec<(Remedy, Vec<&str>)> = Vec::new();
    for cause in Cause::ALL {
        let own = remedy(cause);
        match groups.iter_mut().find(|(known, _)| *known == own) {
            Some((_, causes)) => causes.push(cause.label()),
            None => groups.push((own, vec![cause.label()])),
        }
    }
    let mut template = String::new();
    for (at, (remedy, causes)) in groups.iter().enumerate() {
        let branch = if at == 0 { "if" } else { "else if" };
        let causes: Vec<String> = causes.iter().map(|cause| format!("\"{cause}\"")).collect();
        let _ = write!(
            template,
            "{{{{ {branch} eq $labels.cause {} }}}}{}",
            causes.join(" "),
            placed(*remedy)?
        );
    }
    template.push_str("{{ end }}");
    Ok(template)
}
