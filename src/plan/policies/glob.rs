//! Istio's two sorts of patterns.

/// Matches a text with `*` at one end at most, as for principals and hosts.
pub(super) fn matches_affix(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(suffix), _) => text.ends_with(suffix),
        (None, Some(prefix)) => text.starts_with(prefix),
        (None, None) => pattern == text,
    }
}

/// Matches a text with `*` anywhere, as for namespaces.
pub(super) fn matches_glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        // The first match leaves the longest rest for the parts that follow.
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_wherever_it_stands() {
        for (pattern, text, wanted) in [
            ("shop", "shop", true),
            ("shop", "shops", false),
            ("pr-*", "pr-", true),
            ("pr-*", "xpr-1", false),
            ("*-shop", "pr-1-shop", true),
            ("pr-*-shop", "pr-1-shop", true),
            ("pr-*-shop", "pr-shop", false),
            ("a*b*c", "a-b-b-c", true),
            ("*", "", true),
            ("é*", "éa", true),
        ] {
            assert_eq!(matches_glob(pattern, text), wanted, "{pattern} {text}");
        }
    }
}
