//! The texts of alerts: words with labels and the value in between.
//!
//! In: a text such as `[pod|{pod}/]{container} is full: {value:percent}`. Out: its
//! pieces, or the text with labels and value filled in. Invariant: `{NAME}` is a
//! label, `{who}` the container with the pod before it where there is one,
//! `{value}` the value; what stands in `[NAME|...]` is only there if that label
//! is not empty. Lacks on purpose: Prometheus' templates, which `rules` makes.

/// How the value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// As a number.
    Number,
    /// How often in a second, with two digits behind the point.
    Rate,
    /// A share, in percent.
    Percent,
    /// Bytes.
    Bytes,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Words.
    Words(&'a str),
    /// A label's value.
    Label(&'a str),
    /// The alert's value.
    Value(Unit),
    /// Only where the label is not empty.
    Where(&'a str, Vec<Piece<'a>>),
}

/// Why a text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// A bracket without its partner.
    #[error("a bracket is not closed in {0:?}")]
    Open(String),
    /// `[...]` without `NAME|`.
    #[error("{0:?} names no label: write [NAME|...]")]
    Nameless(String),
    /// An unknown form of the value.
    #[error("{0:?} is no form of a value: rate, percent or bytes")]
    Form(String),
}

/// What `{who}` stands for.
const WHO: &str = "[pod|{namespace}/{pod}/]{container}";

/// Takes a text apart.
///
/// # Errors
/// What is wrong with it; a test holds all texts of the tables.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, TextError> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '[']) {
        if at > 0 {
            found.push(Piece::Words(&rest[..at]));
        }
        let (open, close) = match rest[at..].starts_with('{') {
            true => ('{', '}'),
            false => ('[', ']'),
        };
        let inner = &rest[at + open.len_utf8()..];
        let (inner, after) = inner
            .split_once(close)
            .ok_or_else(|| TextError::Open(text.to_owned()))?;
        rest = after;
        match (open, inner) {
            ('{', "who") => found.extend(pieces(WHO)?),
            ('{', "value") => found.push(Piece::Value(Unit::Number)),
            ('{', "value:rate") => found.push(Piece::Value(Unit::Rate)),
            ('{', "value:percent") => found.push(Piece::Value(Unit::Percent)),
            ('{', "value:bytes") => found.push(Piece::Value(Unit::Bytes)),
            ('{', name) if name.contains(':') => return Err(TextError::Form(name.to_owned())),
            ('{', name) => found.push(Piece::Label(name)),
            (_, optional) => {
                let (name, words) = optional
                    .split_once('|')
                    .ok_or_else(|| TextError::Nameless(optional.to_owned()))?;
                found.push(Piece::Where(name, pieces(words)?));
            }
        }
    }
    if !rest.is_empty() {
        found.push(Piece::Words(rest));
    }
    Ok(found)
}

/// The text with labels and value; a label that is not there is empty.
///
/// # Errors
/// As [`pieces`].
pub fn fill<'a>(
    text: &str,
    label: impl Fn(&str) -> &'a str,
    value: f64,
) -> Result<String, TextError> {
    let mut filled = String::with_capacity(text.len());
    write(&pieces(text)?, &label, value, &mut filled);
    Ok(filled)
}

/// The text for a document: labels as `{NAME}`, and all that may be there.
///
/// # Errors
/// As [`pieces`].
pub fn sketch(text: &str) -> Result<String, TextError> {
    fn add(pieces: &[Piece<'_>], text: &mut String) {
        for piece in pieces {
            match piece {
                Piece::Words(words) => text.push_str(words),
                Piece::Label(name) => text.push_str(&format!("{{{name}}}")),
                Piece::Value(_) => text.push_str("{value}"),
                Piece::Where(_, inner) => add(inner, text),
            }
        }
    }
    let mut whole = String::new();
    add(&pieces(&text.replace("{who}", "{container}"))?, &mut whole);
    Ok(whole)
}

fn write<'a>(
    pieces: &[Piece<'_>],
    label: &impl Fn(&str) -> &'a str,
    value: f64,
    filled: &mut String,
) {
    for piece in pieces {
        match piece {
            Piece::Words(words) => filled.push_str(words),
            Piece::Label(name) => filled.push_str(label(name)),
            Piece::Value(Unit::Number) => filled.push_str(&number(value)),
            Piece::Value(Unit::Rate) => filled.push_str(&format!("{value:.2}")),
            Piece::Value(Unit::Percent) => filled.push_str(&format!("{:.1}%", value * 100.0)),
            Piece::Value(Unit::Bytes) => filled.push_str(&bytes(value)),
            Piece::Where(name, _) if label(name).is_empty() => {}
            Piece::Where(_, inner) => write(inner, label, value, filled),
        }
    }
}

/// Three digits behind the point at most.
fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn bytes(value: f64) -> String {
    let mut rest = value;
    let mut units = ["B", "KiB", "MiB", "GiB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if rest.abs() < 1024.0 {
            break;
        }
        rest /= 1024.0;
        unit = next;
    }
    format!("{}{unit}", number(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, labels: &[(&str, &'static str)], value: f64) -> String {
        let label = |name: &str| {
            let found = labels.iter().find(|(known, _)| *known == name);
            found.map_or("", |(_, value)| value)
        };
        fill(text, label, value).unwrap()
    }

    #[test]
    fn labels_and_values_are_filled_in() {
        let docker = [("container", "web"), ("mount", "/tmp")];
        let pod = [("namespace", "shop"), ("pod", "web-1"), ("container", "c")];
        let text = "{mount} of {who} is at {value:percent}[cache| ({cache})]";
        assert_eq!(filled(text, &docker, 0.8125), "/tmp of web is at 81.2%");
        assert_eq!(filled("{who}", &pod, 0.0), "shop/web-1/c");
        assert_eq!(filled("[pod|p {pod}][mount|m]", &pod, 0.0), "p web-1");
        assert_eq!(filled("{value}", &[], 3.0), "3");
        assert_eq!(filled("{value}", &[], 0.02), "0.02");
        assert_eq!(filled("{value:rate}", &[], 0.25), "0.25");
        assert_eq!(filled("{value:bytes}", &[], 1536.0 * 1024.0), "1.5MiB");
        assert_eq!(filled("{value:bytes}", &[], 12.0), "12B");
    }

    #[test]
    fn a_sketch_has_all_that_may_be_there() {
        let text = "{who}[mount| at {mount}]: {value:bytes}";
        assert_eq!(sketch(text).unwrap(), "{container} at {mount}: {value}");
    }

    #[test]
    fn a_bad_text_is_named() {
        assert!(matches!(pieces("{pod"), Err(TextError::Open(_))));
        assert!(matches!(pieces("[pod]"), Err(TextError::Nameless(_))));
        assert!(matches!(pieces("{value:miles}"), Err(TextError::Form(_))));
    }
}
