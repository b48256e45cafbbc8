//! Checks URLs: they contain nothing that Flux would substitute, and no password.

use std::fmt;

use super::Input;
use crate::diagnostic::text::short;
use crate::diagnostic::{Report, code, has_userinfo};

/// Reports a field that is not a URL. `what` says what kind of URL it is.
pub(super) fn check_url(
    input: &Input<'_>,
    field: fmt::Arguments<'_>,
    text: &str,
    (what, help): (&str, &str),
    report: &mut Report,
) {
    if !check_user(input, field, text, report) && !is_url(text) {
        let message = format!("`{}` is not {what}", short(text));
        report.push(input.config.finding(&code::CONFIG_FIELD, field, message, help));
    }
}

/// Reports a URL with a user or a password, which would get into objects, statuses on pull requests and logs. Returns
/// whether it has one.
pub(super) fn check_user(
    input: &Input<'_>,
    field: fmt::Arguments<'_>,
    text: &str,
    report: &mut Report,
) -> bool {
    let has_user = has_userinfo(text);
    if has_user {
        report.push(input.config.finding(
            &code::CONFIG_FIELD,
            field,
            "this URL names a user or a password, and whoever sees what is made of it would see that",
            "leave it out, with the `@` behind it; if it is a password, it is known now and must be changed. \
             Flux takes credentials from Secrets (spec.notify[].secretRef)",
        ));
    }
    has_user
}

/// Whether a text is a plain http(s) URL: no `$` that Flux could substitute, no control characters.
fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#@!&'()*+,;=%{}".contains(&byte);
    rest.is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphanumeric()) && rest.bytes().all(fits)
    })
}

/// Reports a field that is not the URL of a repository. It comes from outside, and gets into variables of tests and
/// messages for people, so it may contain nothing that a shell or Markdown would interpret.
pub(super) fn check_repository(
    input: &Input<'_>,
    field: fmt::Arguments<'_>,
    text: &str,
    help: &str,
    report: &mut Report,
) {
    if !(check_user(input, field, text, report) || is_url(text) && is_plain(text)) {
        let message = format!("`{}` is not the URL of a repository", short(text));
        report.push(input.config.finding(&code::CONFIG_FIELD, field, message, help));
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/+%".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_hold_nothing_that_flux_could_substitute() {
        assert!(is_url("https://github.com/shop/shop"));
        for bad in ["github.com/x", "https://", "https://x/$A", "https://x/a b", "https://x\n"] {
            assert!(!is_url(bad), "{bad}");
        }
    }

    #[test]
    fn urls_of_repositories_mean_nothing_to_a_shell_or_to_markdown() {
        for good in ["https://github.com/a-b/c.d_e", "https://dev.azure.com/o/my%20p/_git/r"] {
            assert!(is_plain(good), "{good}");
        }
        for bad in ["https://x/;id", "https://x/a)", "https://x/*", "https://x/'", "https://x/{a}"]
        {
            assert!(is_url(bad) && !is_plain(bad), "{bad}");
        }
    }
}
