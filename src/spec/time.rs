//! Times in the form of RFC 3339.

use jiff::Timestamp;
use jiff::civil::{DateTime, date};

/// Parses a time: `2026-12-01T00:00:00Z`, with a fraction, with an offset. Digits beyond nanoseconds are dropped.
///
/// See <https://www.rfc-editor.org/rfc/rfc3339#section-5.6>.
#[must_use]
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let (start, rest) = text.split_at_checked(FORM.len())?;
    let fits = |(byte, form): (u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        // The RFC allows a blank for readability; `date --rfc-3339` writes one.
        b'T' => matches!(byte, b'T' | b't' | b' '),
        _ => byte == *form,
    };
    let digits = rest.strip_prefix('.').unwrap_or_default();
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let zone = if count > 0 { &digits[count..] } else { rest };
    let is_offset = zone.len() == 6
        && zone.starts_with(['+', '-'])
        && zone.bytes().skip(1).zip(b"00:00").all(fits)
        && &zone[1..3] < "24"
        && &zone[4..6] < "60";
    if !start.bytes().zip(FORM).all(fits) || !(is_offset || matches!(zone, "Z" | "z")) {
        return None;
    }
    let fraction = if count > 0 { &rest[..=count.min(9)] } else { "" };
    format!("{start}{fraction}{zone}").parse().ok().or_else(|| last(start))
}

/// The last moment that a `Timestamp` can hold, for the day or two after it that the RFC can still write. People
/// write the end of the year 9999 for "never".
fn last(start: &str) -> Option<Timestamp> {
    let moment: DateTime = start.parse().ok()?;
    (moment >= date(9999, 12, 30).at(0, 0, 0, 0)).then_some(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_rfc_3339() {
        let moment = time("2026-12-01T00:00:00Z");
        assert!(moment.is_some());
        for no_time in ["2026-12-01T00:00:00+24:00", "2026-12-01T00:00:00-23:60"] {
            assert_eq!(time(no_time), None, "{no_time}");
        }
        for same in [
            "2026-12-01T00:00:00.000Z",
            "2026-12-01T00:00:00.0000000000000Z",
            "2026-12-01T00:00:00+00:00",
            "2026-12-01T00:00:00-00:00",
            "2026-12-01T01:00:00+01:00",
            "2026-11-30T18:30:00.000-05:30",
            "2026-12-01t00:00:00z",
            "2026-12-01 00:00:00+00:00",
        ] {
            assert_eq!(time(same), moment, "{same}");
        }
        assert!(time("2026-12-31T23:59:60Z").is_some());
        for never in
            ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z", "9999-12-30T20:00:00-04:00"]
        {
            assert_eq!(time(never), Some(Timestamp::MAX), "{never}");
        }
        for bad in [
            "",
            "tomorrow",
            "2026-12-01",
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-12-01T25:00:00Z",
            "2026-12-01T00:00:00",
            "2026-12-01T00:00Z",
            "2026-12-01T00:00:00.Z",
            "2026-12-01T00:00:00+0100",
            "2026-12-01T00:00:00+01",
            "2026-12-01T00:00:00Z[UTC]",
            "2026-12-01T00:00:00 Z",
            "20261201T000000Z",
            "+002026-12-01T00:00:00Z",
            "2026-12-01T00:00:00Zé",
        ] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }
}
