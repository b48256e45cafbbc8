//! Removes users and passwords from URLs such as `https://bob:pw@host/`, as no finding shows them.
//!
//! See <https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1>. The text can be something else than a URL, or a line
//! of YAML or JSON with escaped slashes. In doubt, more is removed rather than less.

use std::borrow::Cow;
use std::ops::Range;

/// A text without the users and passwords of the URLs in it.
#[must_use]
pub(crate) fn without_userinfo(text: &str) -> Cow<'_, str> {
    replaced(text, |_| "…".to_owned())
}

/// A text with `*` for each character of the users and passwords of the URLs in it, so that columns stay.
#[must_use]
pub(super) fn starred(text: &str) -> Cow<'_, str> {
    replaced(text, |hidden| "*".repeat(hidden.chars().count()))
}

/// Whether the text of a URL names a user.
#[must_use]
pub(crate) fn has_userinfo(text: &str) -> bool {
    !userinfo(text).is_empty()
}

fn replaced(text: &str, shown: impl Fn(&str) -> String) -> Cow<'_, str> {
    let hidden = userinfo(text);
    if hidden.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut out, mut from) = (String::with_capacity(text.len()), 0);
    for range in hidden {
        out.push_str(&text[from..range.start]);
        out.push_str(&shown(&text[range.clone()]));
        from = range.end;
    }
    Cow::Owned(out + &text[from..])
}

/// The places of users and passwords, in order.
fn userinfo(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    if !text.contains('@') {
        return ranges;
    }
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`');
    let mut start = 0;
    for word in text.split_inclusive(is_end) {
        in_word(word.trim_end_matches(is_end), start, &mut ranges);
        start += word.len();
    }
    ranges
}

/// Finds them in a word that begins at `start`.
fn in_word(word: &str, start: usize, ranges: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some((at, is_escaped)) = authority(word, from) {
        let rest = &word[at..];
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // A host can have a port. Anything else after a colon can be the start of a password.
        let is_odd = || {
            let port = authority.rsplit_once(':').map(|(_, port)| port);
            let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
            !authority.starts_with('[') && port.is_some_and(|port| !is_port(port))
        };
        let end = match authority.rfind('@') {
            None if is_escaped || is_odd() => rest.rfind('@'),
            end => end,
        };
        from = at + end.unwrap_or(authority.len());
        ranges.extend(end.filter(|end| *end > 0).map(|end| start + at..start + at + end));
    }
    let is_plain = from == 0;
    let Some((before, host)) = word.rsplit_once('@').filter(|_| is_plain) else { return };
    let begin = match is_host(host) {
        true => Some(before.len() - before.trim_start_matches(['{', '[', '(', '/']).len()),
        false => relative(before).filter(|_| host.starts_with(|c: char| c.is_ascii_alphanumeric())),
    };
    if let Some(begin) = begin.filter(|begin| before[*begin..].contains(':')) {
        ranges.push(start + begin..start + before.len());
    }
}

/// Where the authority begins in a URL without a scheme: after two slashes that are not part of a path.
fn relative(word: &str) -> Option<usize> {
    let is_begin = |at: usize| !word[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    word.match_indices("//").find(|(at, _)| is_begin(*at)).map(|(at, _)| at + 2)
}

/// Whether the text after an `@` begins with a host. The digest of an image does not.
fn is_host(text: &str) -> bool {
    let is_end = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-');
    let host = text.split(is_end).next().unwrap_or_default();
    host.contains('.') || host == "localhost"
}

/// Where the authority of the next URL begins, and whether the slashes before it are escaped, as they can be in
/// double quotes.
fn authority(text: &str, from: usize) -> Option<(usize, bool)> {
    let rest = text.get(from..)?;
    let plain = rest.find("://").map(|at| (from + at + 3, false));
    let escaped = rest.find(":\\").map(|at| (from + at + 2, true));
    [plain, escaped].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_user_or_password_of_a_url_is_left() {
        for (text, left) in [
            ("https://bob:pw@host/a", "https://…@host/a"),
            ("`https://bob@host` and oci://a:b@c:5/d", "`https://…@host` and oci://…@c:5/d"),
            ("https://a@b:p@ss@host#x@y", "https://…@host#x@y"),
            ("https://bob:p/w?@host/a", "https://…@host/a"),
            ("https://bob:p#w@host", "https://…@host"),
            ("bob:p/w@host.io/a", "…@host.io/a"),
            (
                "{r: //bob:pw@host.io, s: [https:/bob:pw@localhost]}",
                "{r: //…@host.io, s: […@localhost]}",
            ),
            ("{r: //bob:pw@host/x, s=//bob:pw@db}", "{r: //…@host/x, s=//…@db}"),
            (r#""https:\/\/bob:pw@host\/a""#, r#""https:\…@host\/a""#),
            (r#""https:\x2f\u002fbob:pw@host""#, r#""https:\…@host""#),
        ] {
            assert_eq!(without_userinfo(text), left);
            let starred = starred(text);
            assert_eq!(starred.chars().count(), text.chars().count());
            assert!(starred.contains("*") && !starred.contains("bob"), "{starred}");
        }
    }

    #[test]
    fn what_is_no_user_stays() {
        for text in [
            "https://host:8080/@scope/a",
            "https://host/a@b?c@d#e@f",
            "http://[::1]:80/a@b",
            "ghcr.io/shop/cart:v1@sha256:abc",
            "oci://ghcr.io/shop/cart@sha256:abc",
            "git@github.com:shop/shop",
            "to: me@host.io",
            "cart:v1@latest",
            "https://host/a:b@host.io",
            "https://@host",
            "ghcr.io//cart:v1@sha256:abc",
            "//registry/cart@sha256:abc",
            "https:// bob:pw@host",
        ] {
            assert_eq!(without_userinfo(text), text);
            assert_eq!(starred(text), text);
            assert!(!has_userinfo(text));
        }
    }
}
