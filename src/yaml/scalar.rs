//! Says what a plain scalar means to the readers of Kubernetes YAML, and when a string must be quoted so that none of
//! them takes it for something else.
//!
//! Three readers matter: go-yaml v2 (kubectl and the API server's clients: `yes` is a boolean), go-yaml v3
//! (kustomize: `2001-01-01` is a timestamp) and YAML 1.2 parsers. A string is written plain only if all of them read
//! it as that string.

use smol_str::{SmolStr, ToSmolStr, format_smolstr};

/// The key that merges another mapping into this one.
pub(crate) const MERGE: &str = "<<";

/// A scalar's type and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved<'t> {
    /// Null, or a missing value.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, as JSON text.
    Number(SmolStr),
    /// A string.
    String(&'t str),
}

/// The meaning of a plain scalar on which kubectl and kustomize agree. Words that only one of them takes for a
/// boolean (`yes`, `on`) are strings here; see [`is_ambiguous`].
#[must_use]
pub fn resolve(text: &str) -> Resolved<'_> {
    match text {
        _ if is_null(text) => return Resolved::Null,
        "true" | "True" | "TRUE" => return Resolved::Bool(true),
        "false" | "False" | "FALSE" => return Resolved::Bool(false),
        _ => {}
    }
    number(text).map_or(Resolved::String(text), Resolved::Number)
}

/// Whether a plain scalar is null.
#[must_use]
pub fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Whether some reader of Kubernetes YAML takes this plain scalar for something else than a string, although
/// [`resolve`] does not: `yes`, `off`, `y`, a date.
#[must_use]
pub fn is_ambiguous(text: &str) -> bool {
    const BOOLEANS: [&str; 8] = ["y", "yes", "n", "no", "on", "off", "true", "false"];
    let boolean = || BOOLEANS.iter().any(|word| text.eq_ignore_ascii_case(word));
    // No such word is longer.
    (text.len() <= "false".len() && boolean()) || is_date(text)
}

/// Whether a plain scalar is infinite or not a number. JSON has neither, and kubectl and kustomize refuse the
/// document.
pub(super) fn is_no_json(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

/// Whether kubectl reads a plain key as written. It reads `no` as `false` and `0777` as `511`; kustomize refuses
/// numbers or changes them; null is not a key at all.
pub(super) fn is_key(text: &str) -> bool {
    // Most keys begin with a letter with which only strings begin.
    let is_string = |first: &u8| first.is_ascii_alphabetic() && !b"fFnNoOtTyY".contains(first);
    if text.as_bytes().first().is_some_and(is_string) {
        return true;
    }
    match resolve(text) {
        Resolved::Null => false,
        Resolved::Bool(value) => text == if value { "true" } else { "false" },
        Resolved::Number(_) => is_canonical(text),
        Resolved::String(_) => match text.as_bytes() {
            [b'+' | b'-' | b'.', ..] => !matches!(
                text.trim_start_matches(['+', '-']),
                ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
            ),
            _ => !matches!(
                text,
                "y" | "Y"
                    | "yes"
                    | "Yes"
                    | "YES"
                    | "n"
                    | "N"
                    | "no"
                    | "No"
                    | "NO"
                    | "on"
                    | "On"
                    | "ON"
                    | "off"
                    | "Off"
                    | "OFF"
            ),
        },
    }
}

/// Whether a number is written as Go would print it: an integer, or a fraction of few digits.
fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "1"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = match digits.len() == whole.len() {
        true => whole.len() <= 18 && text != "-0",
        // With more digits it would print an exponent, or round.
        false => digits.len() <= 7 && !fraction.starts_with("0000") && !fraction.ends_with('0'),
    };
    is_number(whole)
        && is_number(fraction)
        && is_short
        && (whole.len() == 1 || !whole.starts_with('0'))
}

/// Whether a text starts like `2001-1-1`, which go-yaml v3 rewrites as a timestamp.
#[must_use]
pub fn is_date(text: &str) -> bool {
    if !text.starts_with(|first: char| first.is_ascii_digit()) {
        return false;
    }
    let mut parts = text.splitn(3, '-');
    let digits = |part: Option<&str>, least: usize, most: usize| {
        part.is_some_and(|part| {
            (least..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let (year, month) = (parts.next(), parts.next());
    let day = parts.next().map(|day| day.split(['T', 't', ' ']).next().unwrap_or_default());
    digits(year, 4, 4) && digits(month, 1, 2) && digits(day, 1, 2)
}

/// The JSON text of a plain scalar that is a number to go-yaml: decimal, octal (`0777`, `0o777`),
/// hexadecimal and binary integers, `_` between digits, and floats.
fn number(text: &str) -> Option<SmolStr> {
    let first = *text.as_bytes().first()?;
    if !(first.is_ascii_digit() || matches!(first, b'+' | b'-' | b'.')) {
        return None;
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits && (first != b'0' || text.len() == 1) && text.len() < 19 {
        return Some(text.into());
    }
    // A float that is too large, or has `_` after its first point, is a string.
    if first == b'.' && text.contains('_') {
        return None;
    }
    let finite = |number: &serde_json::Number| number.as_f64().is_some_and(f64::is_finite);
    if let Some(number) = text.parse::<serde_json::Number>().ok().filter(finite) {
        return Some(number.to_smolstr());
    }
    let bare = text.replace('_', "");
    let (sign, digits) = match bare.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", bare.strip_prefix('+').unwrap_or(&bare)),
    };
    let radix = |prefixes: [&str; 2], radix| {
        prefixes.iter().find_map(|prefix| {
            let digits = digits.strip_prefix(prefix)?;
            let unsigned = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
            u64::from_str_radix(digits, radix).ok().filter(|_| unsigned)
        })
    };
    let octal = || {
        let rest = digits.strip_prefix('0')?;
        let unsigned = rest.bytes().all(|byte| byte.is_ascii_digit());
        u64::from_str_radix(rest, 8).ok().filter(|_| unsigned)
    };
    let decimal = || digits.parse::<u64>().ok().filter(|_| !digits.starts_with(['0', '+', '-']));
    let integer = decimal()
        .or_else(|| radix(["0x", "0X"], 16))
        .or_else(|| radix(["0o", "0O"], 8))
        .or_else(|| radix(["0b", "0B"], 2))
        .or_else(octal);
    if let Some(value) = integer {
        return Some(format_smolstr!("{sign}{value}"));
    }
    float(digits).map(|value| format_smolstr!("{sign}{value}"))
}

/// A float in go-yaml's grammar, `(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?`, as JSON text.
fn float(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_ok = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let value: f64 = format!("0{whole}.{fraction}0e{}", exponent.unwrap_or("0")).parse().ok()?;
    (exponent_ok && value.is_finite()).then(|| {
        serde_json::Number::from_f64(value).map_or_else(String::new, |number| number.to_string())
    })
}

/// Whether a string may be written without quotes: every reader of Kubernetes YAML reads it back as
/// exactly this string, as a value and as a key.
///
/// The rule: it starts with a letter, `_` or `/`; holds only letters, digits, `_ . / -` and, between
/// them, one of `: @ + =` at a time; and is not a word that some reader takes for a boolean or null.
/// A string that starts with a digit is plain only as a quantity (`100Mi`, `250m`, `15m0s`).
#[must_use]
pub fn is_safe_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(&first) = bytes.first() else {
        return false;
    };
    if bytes.len() > 256 {
        return false;
    }
    if first.is_ascii_digit() {
        return is_quantity(text);
    }
    let starts = first.is_ascii_alphabetic() || matches!(first, b'_' | b'/' | FRAME);
    // Most texts are safe. Checking all bytes is faster than stopping early.
    let (mut before, mut wrong) = (JOINT, 0);
    for &byte in bytes {
        let class = CLASSES[usize::from(byte)];
        wrong |= class & (before | OTHER);
        before = class;
    }
    let null = text.eq_ignore_ascii_case("null");
    starts && wrong | before == WORD && !null && !is_ambiguous(text)
}

/// Whether a byte has no meaning in YAML anywhere within a word.
pub(super) fn is_word(byte: u8) -> bool {
    CLASSES[usize::from(byte)] == WORD
}

/// A byte that means nothing to YAML anywhere in a word.
const WORD: u8 = 0;
/// A byte that means nothing to YAML between two of these.
const JOINT: u8 = 1;
/// Any other byte.
const OTHER: u8 = 2;

/// A [placeholder](super::placeholder) counts as letters.
const FRAME: u8 = super::placeholder::FRAME as u8;

const CLASSES: [u8; 256] = {
    let mut classes = [OTHER; 256];
    let mut byte = 0;
    while byte < 128 {
        classes[byte] = match byte as u8 {
            b'_' | b'.' | b'/' | b'-' | FRAME => WORD,
            b':' | b'@' | b'+' | b'=' => JOINT,
            c if c.is_ascii_alphanumeric() => WORD,
            _ => OTHER,
        };
        byte += 1;
    }
    classes
};

/// Whether a text is digits with a unit, which cannot be a number: `100Mi`, `250m`, `64Gi`, `5m0s`.
fn is_quantity(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let letters = unit.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let safe_start = unit.starts_with(['m', 'M', 'K', 'k', 'G', 'T', 'P', 's', 'h']);
    !text.starts_with('0') && letters && safe_start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number_text(text: &str) -> Option<SmolStr> {
        match resolve(text) {
            Resolved::Number(text) => Some(text),
            _ => None,
        }
    }

    #[test]
    fn numbers_are_what_kubectl_reads() {
        for (text, value) in [
            ("12", "12"),
            ("0444", "292"),
            ("0o14", "12"),
            ("0x1F", "31"),
            ("1_000", "1000"),
            ("-7", "-7"),
            ("1.10", "1.10"),
            ("1.", "1.0"),
            (".5", "0.5"),
        ] {
            assert_eq!(number_text(text).as_deref(), Some(value), "{text}");
        }
        for text in ["1.2.3", "12e", "0xZZ", "-", "+", ".", "90d51dc", "10.0.0.1", "--1", "0x+1"] {
            assert_eq!(number_text(text), None, "{text}");
        }
    }

    #[test]
    fn strings_that_a_reader_takes_for_something_else_are_quoted() {
        for text in [
            "",
            "y",
            "No",
            "on",
            "null",
            "~",
            "1e3",
            "0o14",
            "1_000",
            "2001-01-01",
            "12:30:45",
            "=",
            "<<",
            "- a",
            "a: b",
            "a #b",
            "a:",
            "@a",
            "-946609e5",
            " a",
            "a ",
            "0777",
            "1d2",
        ] {
            assert!(!is_safe_plain(text), "{text:?}");
        }
        for text in ["cart", "ghcr.io/shop/cart:v1", "100Mi", "250m", "http://reco", "a=b", "/"] {
            assert!(is_safe_plain(text), "{text:?}");
        }
    }
}
