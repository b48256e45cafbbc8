//! Compares the values of a call with the patterns of policies, as Istio does. Like the rest of the check it shares no
//! code with `plan/policies`, not even for globs.

use std::net::IpAddr;

use super::evaluate::{Caller, HOST, Identity, PATH, PORT};

/// Whether a pattern of a policy matches the value of an attribute.
pub(super) fn is_value(key: &str, pattern: &str, value: &str) -> bool {
    match key {
        // The hosts of calls are in lower case.
        HOST => is_like(&pattern.to_ascii_lowercase(), value),
        PATH if is_template(key, pattern) => is_path(pattern, value),
        PORT => pattern == value,
        "source.ip" | "remote.ip" | "destination.ip" => is_in_block(pattern, value),
        _ => is_like(pattern, value),
    }
}

/// Matches an exact text, a prefix (`x*`), a suffix (`*x`), or any text but the empty one (`*`).
fn is_like(pattern: &str, value: &str) -> bool {
    if pattern == "*" {
        return !value.is_empty();
    }
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(suffix), _) => value.ends_with(suffix),
        (None, Some(prefix)) => value.starts_with(prefix),
        (None, None) => pattern == value,
    }
}

/// Whether a pattern is a path template.
pub(super) fn is_template(key: &str, pattern: &str) -> bool {
    key == PATH && pattern.contains('{')
}

const SEGMENT: &str = "{*}";
const ANY: &str = "{**}";

/// Matches a path template, with `{*}` for one segment and `{**}` for any number of segments. Istio takes several `{**}`,
/// and Envoy refuses them. Here each stands for any text.
fn is_path(template: &str, path: &str) -> bool {
    let path = path.as_bytes();
    // Where in the path a match of the parts so far may end.
    let mut ends = vec![false; path.len() + 1];
    ends[0] = true;
    for part in template_parts(template) {
        let mut next = vec![false; ends.len()];
        let mut is_open = false;
        for at in 0..ends.len() {
            match part {
                ANY => {
                    is_open |= ends[at];
                    next[at] = is_open;
                }
                SEGMENT => {
                    next[at] = is_open;
                    is_open = (is_open || ends[at]) && path.get(at) != Some(&b'/');
                }
                text if ends[at] && path[at..].starts_with(text.as_bytes()) => {
                    next[at + text.len()] = true;
                }
                _ => {}
            }
        }
        ends = next;
    }
    ends.last() == Some(&true)
}

/// The operators of a path template, and the texts between them.
fn template_parts(template: &str) -> impl Iterator<Item = &str> {
    let mut rest = template;
    std::iter::from_fn(move || {
        let operator = [ANY, SEGMENT].into_iter().find(|one| rest.starts_with(one));
        let next = || [ANY, SEGMENT].into_iter().filter_map(|one| rest.find(one)).min();
        let end = operator.map_or_else(|| next().unwrap_or(rest.len()), str::len);
        let (part, behind) = rest.split_at(end);
        rest = behind;
        (!part.is_empty()).then_some(part)
    })
}

/// Whether an address is in a block such as `10.0.0.0/8`.
fn is_in_block(block: &str, address: &str) -> bool {
    let bits = |text: &str| -> Option<(u128, u32)> {
        Some(match text.parse().ok()? {
            IpAddr::V4(one) => (u128::from(u32::from(one)), 32),
            IpAddr::V6(one) => (u128::from(one), 128),
        })
    };
    let (base, length) =
        block.split_once('/').map_or((block, None), |(base, length)| (base, Some(length)));
    let (Some((base, width)), Some((address, other))) = (bits(base), bits(address)) else {
        return false;
    };
    let length = length.map_or(Some(width), |length| length.parse::<u32>().ok()).unwrap_or(width);
    let shift = width.saturating_sub(length);
    width == other
        && base.checked_shr(shift).unwrap_or(0) == address.checked_shr(shift).unwrap_or(0)
}

/// Whether a principal, in any trust domain of the mesh, is that of a caller.
pub(super) fn is_principal(pattern: &str, caller: Caller<'_>) -> bool {
    let Some(Identity { principal, .. }) = caller else { return false };
    // With all five parts, this trust domain stands for the mesh's own and its aliases.
    let of_mesh =
        pattern.strip_prefix("cluster.local/").filter(|rest| rest.matches('/').count() == 3);
    match (of_mesh, principal.split_once('/')) {
        (Some(pattern), Some((_, rest))) => is_like(pattern, rest),
        _ => is_like(pattern, principal),
    }
}

/// Matches a text with `*` anywhere, as for namespaces and trust domains.
pub(super) fn is_glob(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Whether a service account, of the namespace `here` unless it names one, is that of a caller.
pub(super) fn is_account(here: &str, pattern: &str, caller: Caller<'_>) -> bool {
    let Some(&Identity { namespace, account, .. }) = caller else { return false };
    let (of_pattern, name) = pattern.split_once('/').unwrap_or((here, pattern));
    of_pattern == namespace && name == account
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_addresses_are_compared_as_istio_does() {
        for (pattern, path, wanted) in [
            ("/admin/{*}", "/admin/x", true),
            ("/admin/{*}", "/admin/x/y", false),
            ("/admin/{*}", "/admin/", false),
            ("/a/{**}/z", "/a/b/c/z", true),
            ("/a/{**}", "/b", false),
            ("/a/{*}/b/{**}", "/a/x/b/c/d", true),
            ("/a/{*}/b/{**}", "/a/x/y/b/c", false),
            ("/{*}.css", "/a.css", true),
            ("/{*}.css", "/.css", false),
            ("/{**}.css", "/.css", true),
            ("/{a}/{*}", "/{a}/b", true),
            ("/ä{**}", "/äöü", true),
        ] {
            assert_eq!(is_path(pattern, path), wanted, "{pattern} {path}");
        }
        // Ten thousand ways to read it, and more.
        let (template, path) =
            (format!("/{}b", "{**}a".repeat(50)), format!("/{}", "a".repeat(500)));
        assert!(!is_path(&template, &path) && is_path(&template, &(path + "b")));
        for (block, address, wanted) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("::/0", "1.2.3.4", false),
            ("nonsense", "1.2.3.4", false),
        ] {
            assert_eq!(is_in_block(block, address), wanted, "{block} {address}");
        }
    }
}
