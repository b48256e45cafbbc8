//! How routes of both APIs match a member of the baggage header. See <https://www.w3.org/TR/baggage/>.

/// The regular expression of a header with this member among others. Envoy matches the whole value.
pub(super) fn pattern(key: &str, value: &str) -> String {
    let key = escaped(key);
    format!(r"(?:.*,)?\s*{key}\s*=\s*{value}\s*(?:[,;].*)?")
}

/// Escapes a token for a regular expression of RE2. Other special characters are not allowed in tokens.
fn escaped(token: &str) -> String {
    let mut escaped = String::with_capacity(token.len());
    for c in token.chars() {
        if matches!(c, '.' | '+' | '*' | '^' | '$' | '|') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baggage_key_means_itself_and_nothing_else() {
        let matches = |key: &str, baggage: &str| {
            let whole = format!("^(?:{})$", pattern(key, "pr-42"));
            regex::Regex::new(&whole).expect("it compiles").is_match(baggage)
        };
        for key in ["com.example.preview", "a+b", "a*", "a|b", "^a", "$a", "preview_id", "Preview"]
        {
            assert!(matches(key, &format!("x=1, {key} = pr-42 ;ttl=3,y=2")), "{key}");
            assert!(
                !matches(key, &format!("{key}=pr-421")) && !matches(key, &format!("x{key}=pr-42"))
            );
        }
        assert!(!matches("com.example.preview", "comXexample.preview=pr-42"));
        assert!(!matches("a|b", "a") && !matches("a+b", "aab=pr-42"));
        assert!(!matches("Preview", "preview=pr-42"));
    }
}
