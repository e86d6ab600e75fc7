//! Values become the words of the live view.
//!
//! In: rates, shares, refusals. Out: text. Invariant: pure; what is not known is
//! said, never zero. Lacks on purpose: looks.

use super::answers::{Denial, Mount};
use super::look::Tone;
use super::model::Standing;
use crate::denial::Cause;
use crate::report::tmpfs::size;

/// How a standing is shown beside its word.
pub(super) const fn tone(standing: Standing) -> Tone {
    match standing {
        Standing::Degraded | Standing::FailingToStart | Standing::Full => Tone::Bad,
        Standing::Near | Standing::Refused | Standing::WritableRoot => Tone::Warning,
        Standing::WasRefused => Tone::Plain,
        Standing::Unknown => Tone::Faint,
        Standing::Sealed => Tone::Good,
    }
}

/// `1.5`, or `-` where it is not known yet.
pub(super) fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".to_owned(),
        Some(rate) if rate >= 100.0 => format!("{rate:.0}"),
        Some(rate) => format!("{rate:.1}"),
    }
}

/// `read_only_mount`, or `lsm/apparmor`.
pub(super) fn cause(denial: &Denial) -> String {
    match &denial.lsm {
        Some(lsm) if &*denial.cause == Cause::Lsm.label() => format!("{}/{lsm}", denial.cause),
        Some(_) | None => denial.cause.to_string(),
    }
}

/// The path, or `-` where there is none.
pub(super) fn path(denial: &Denial) -> &str {
    match denial.path.is_empty() {
        true => "-",
        false => &denial.path,
    }
}

/// `[#####-----]  50 %`; of `cells` cells.
pub(super) fn bar(share: f64, cells: usize) -> String {
    let share = share.clamp(0.0, 1.0);
    // Something in it shows, and only a full one looks full.
    let filled = (share * cells as f64).round() as usize;
    let filled = match share {
        0.0 => 0,
        share if share < 0.995 => filled.clamp(1.min(cells), cells.saturating_sub(1)),
        _ => cells,
    };
    format!(
        "[{}{}] {:>3.0} %",
        "#".repeat(filled),
        "-".repeat(cells - filled),
        share * 100.0
    )
}

/// What stands behind a mount's bar.
pub(super) fn amount(mount: &Mount) -> String {
    let bytes = &mount.bytes;
    let mut text = match (bytes.used, bytes.limit) {
        (Some(used), Some(limit)) => format!("{} of {}", size(used), size(limit)),
        (Some(used), None) => size(used),
        (None, _) => format!(
            "not measured: {}",
            bytes.unmeasured.as_deref().unwrap_or("no reason told")
        ),
    };
    if mount.inodes.share > bytes.share
        && let (Some(used), Some(limit)) = (mount.inodes.used, mount.inodes.limit)
    {
        text.push_str(&format!(", {used} of {limit} inodes"));
    }
    let soonest = [bytes.full_in_seconds, mount.inodes.full_in_seconds];
    if let Some(seconds) = soonest.into_iter().flatten().min() {
        text.push_str(&format!(", full in {}", time(seconds)));
    }
    for amount in [bytes, &mount.inodes] {
        match amount.pressure.as_deref() {
            Some("full") => text.push_str(", full"),
            Some("near") => text.push_str(", near full"),
            Some(_) | None => {}
        }
    }
    text
}

/// `90 s`, `12 min`, `3 h`.
pub(super) fn time(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_look_full_only_where_they_are() {
        assert_eq!(bar(0.0, 10), "[----------]   0 %");
        assert_eq!(bar(0.001, 10), "[#---------]   0 %");
        assert_eq!(bar(0.5, 10), "[#####-----]  50 %");
        assert_eq!(bar(0.98, 10), "[#########-]  98 %");
        assert_eq!(bar(7.0, 10), "[##########] 100 %");
        assert_eq!(bar(0.5, 0), "[]  50 %");
    }

    #[test]
    fn rates_and_times_are_short() {
        assert_eq!(
            [rate(None), rate(Some(0.25)), rate(Some(1234.4))],
            ["-", "0.2", "1234"]
        );
        assert_eq!(
            [time(90), time(600), time(7_200)],
            ["90 s", "10 min", "2 h"]
        );
    }
}
