//! Values as a contract's file writes them: `64Mi`, `0755`, `create`.
//!
//! In: numbers and enums. Out: text, and [`Size`] from it. Invariant: what is
//! written is read back as the same. Lacks on purpose: fractions of a unit, and
//! decimal units, which nobody gives to a tmpfs.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

use crate::denial::{Errno, Operation};

/// Binary units, the smallest first.
const UNITS: [(&str, u64); 4] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
];

/// A number of bytes that is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size(u64);

impl Size {
    /// None for zero, which kernels take as no limit at all.
    pub const fn bytes(bytes: u64) -> Option<Size> {
        if bytes == 0 { None } else { Some(Size(bytes)) }
    }

    /// In bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// For a person: rounded up to three digits at most of a unit.
    pub fn about(bytes: u64) -> String {
        if bytes < 1000 {
            return format!("{bytes} bytes");
        }
        let mut unit = 1;
        while bytes.div_ceil(unit) >= 1000 {
            unit <<= 10;
        }
        Size(bytes.div_ceil(unit).saturating_mul(unit)).to_string()
    }

    /// Reads `64Mi`, or bytes without a unit.
    pub fn parse(text: &str) -> Option<Size> {
        let units = UNITS.iter();
        let (digits, unit) = units
            .filter_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
            .next()
            .unwrap_or((text, 1));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Size::bytes(digits.parse::<u64>().ok()?.checked_mul(unit)?)
    }
}

impl fmt::Display for Size {
    /// In the largest unit that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS
            .iter()
            .rev()
            .find(|(_, unit)| self.0.is_multiple_of(*unit));
        match whole {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bytes, not zero, with a binary unit such as in 64Mi.",
            "anyOf": [
                { "type": "string", "pattern": "^0*[1-9][0-9]*(Ki|Mi|Gi|Ti)?$" },
                { "type": "integer", "minimum": 1 },
            ],
        })
    }
}

/// Octal digits, as `chmod` takes them.
pub(super) fn serialize_mode<S: Serializer>(
    mode: &Option<u16>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match mode {
        Some(mode) => serializer.collect_str(&format_args!("{mode:04o}")),
        None => serializer.serialize_none(),
    }
}

/// Its label.
pub(super) fn serialize_operation<S: Serializer>(
    operation: &Option<Operation>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    operation.map(Operation::label).serialize(serializer)
}

/// Its symbol.
pub(super) fn serialize_errno<S: Serializer>(
    errno: &Option<Errno>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    errno.map(Errno::label).serialize(serializer)
}

/// The labels that may stand for an operation.
pub(super) fn operations(_: &mut SchemaGenerator) -> Schema {
    let labels: Vec<_> = Operation::ALL
        .iter()
        .copied()
        .map(Operation::label)
        .collect();
    json_schema!({ "type": "string", "enum": labels })
}

/// The symbols that may stand for an error.
pub(super) fn errnos(_: &mut SchemaGenerator) -> Schema {
    let labels = Errno::ALL.map(Errno::label);
    json_schema!({ "type": "string", "enum": labels })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (text, bytes, shown) in [
            ("64Mi", 64 << 20, "64Mi"),
            ("1024Ki", 1 << 20, "1Mi"),
            ("1000", 1000, "1000"),
            ("1Ti", 1 << 40, "1Ti"),
        ] {
            let size = Size::parse(text).unwrap();
            assert_eq!((size.get(), size.to_string().as_str()), (bytes, shown));
        }
        for text in [
            "",
            "0",
            "0Mi",
            "64M",
            "64 Mi",
            "+1",
            "-1",
            "1.5Gi",
            "Mi",
            "99999999Ti",
        ] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_size_is_read_as_it_was_written(bytes in 1..=u64::MAX) {
            let size = Size::bytes(bytes).unwrap();
            prop_assert_eq!(Size::parse(&size.to_string()), Some(size));
            Size::about(bytes);
        }

        #[test]
        fn no_text_makes_it_panic(text: String, odd in "[0-9KMGTi]{0,24}") {
            let _ = (Size::parse(&text), Size::parse(&odd));
        }
    }
}
