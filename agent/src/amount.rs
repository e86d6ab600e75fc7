//! Numbers become words that people read: sizes, shares, spans of time.
//!
//! In: bytes, shares, seconds. Out: text. Invariant: pure; a unit is always
//! there, and no text is longer than a dozen characters. Lacks on purpose:
//! languages, and units of a thousand.

/// `12.5 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        if amount < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, next);
    }
    let text = format!("{amount:.1}");
    format!("{} {unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// `96 %` of a share from 0.0 to 1.0.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// `90 s`, `15 min`, `3 h`, `12 days`.
pub fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_follow_the_amount() {
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(64 << 20), "64 MiB");
        assert_eq!(percent(0.956), "96 %");
        assert_eq!(span(119), "119 s");
        assert_eq!(span(3_600), "60 min");
        assert_eq!(span(7_200), "2 h");
        assert_eq!(span(1_000_000), "11 days");
    }
}
