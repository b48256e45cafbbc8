//! Images are well-formed, from allowed registries, and pinned where that is asked for.

use std::fmt;

use super::Input;
use crate::diagnostic::{Report, code};
use crate::spec::Limits;

pub(super) fn check(input: &Input<'_>, found: &mut Report) {
    for (p, preview) in input.config.previews.spec.previews.iter().enumerate() {
        for (s, service) in preview.services.iter().enumerate() {
            let path = format_args!("spec.previews[{p}].services[{s}]");
            if !service.image.is_empty() {
                check_image(input, format_args!("{path}.image"), &service.image, found);
            }
            for (c, container) in service.containers.iter().enumerate() {
                let path = format_args!("{path}.containers[{c}].image");
                check_image(input, path, &container.image, found);
            }
            for (w, workload) in service.workloads.iter().enumerate() {
                let path = format_args!("{path}.workloads[{w}].image");
                check_image(input, path, &workload.image, found);
            }
            let ways = [
                !service.image.is_empty(),
                !service.containers.is_empty(),
                !service.workloads.is_empty(),
            ];
            if ways.into_iter().filter(|used| *used).count() > 1 {
                found.push(input.config.finding(
                    &code::CONFIG_FIELD,
                    path,
                    format!(
                        "`{}` has more than one of image, containers and workloads",
                        service.name
                    ),
                    "keep the one that says it best: `image` for one container, `containers` for a \
                     pod of several, `workloads` for several workloads",
                ));
            }
        }
    }
}

fn check_image(input: &Input<'_>, path: fmt::Arguments<'_>, image: &str, found: &mut Report) {
    for problem in problems(&input.config.previews.spec.limits, image) {
        found.push(input.config.finding(
            &code::BAD_IMAGE,
            path,
            format!("the image `{image}` {}", problem.why),
            problem.help,
        ));
    }
}

/// Why an image is refused.
pub(crate) struct Problem {
    /// What comes behind the image.
    pub(crate) why: &'static str,
    /// What to do.
    pub(crate) help: String,
}

/// Why an image that a preview brings is refused; nothing where it is not.
pub(crate) fn problems(limits: &Limits, image: &str) -> Vec<Problem> {
    if !is_well_formed(image) {
        let help =
            "write repository:tag or repository@sha256:digest, as a container runtime takes it";
        return vec![Problem { why: "is not the name of an image", help: help.to_owned() }];
    }
    let mut problems = Vec::new();
    let allowed = &limits.registries;
    if !allowed.is_empty() && !allowed.iter().any(|prefix| is_under(image, prefix)) {
        let help = format!("use an image below one of: {}", allowed.join(", "));
        problems.push(Problem { why: "is from a registry that is not allowed", help });
    }
    if limits.require_digest && digest(image).is_none() {
        let help = "append the digest that the build printed: @sha256:…".to_owned();
        problems.push(Problem { why: "names no digest", help });
    }
    problems
}

/// Whether an image is below a prefix: `ghcr.io/shop` does not allow `ghcr.io/shopping/x`.
fn is_under(image: &str, prefix: &str) -> bool {
    image.strip_prefix(prefix).is_some_and(|rest| {
        prefix.ends_with('/') || rest.is_empty() || rest.starts_with(['/', ':', '@'])
    })
}

fn digest(image: &str) -> Option<&str> {
    let (_, digest) = image.split_once("@sha256:")?;
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digest.len() == 64 && digest.bytes().all(hex)).then_some(digest)
}

/// The grammar of image references, roughly: no spaces, no `$`, no empty parts, a digest that is one.
/// See <https://github.com/distribution/reference>.
fn is_well_formed(image: &str) -> bool {
    let fits = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/' | b':' | b'@')
    };
    image.bytes().all(fits)
        && image.starts_with(|c: char| c.is_ascii_alphanumeric())
        && image.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && !image.as_bytes().windows(2).any(|two| two == b"//")
        && (!image.contains('@') || digest(image).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_at_a_slash_or_name() {
        assert!(is_under("ghcr.io/shop/cart:v1", "ghcr.io/shop/"));
        assert!(is_under("ghcr.io/shop/cart:v1", "ghcr.io/shop"));
        assert!(!is_under("ghcr.io/shopping/cart:v1", "ghcr.io/shop"));
        assert!(!is_under("evil.io/ghcr.io/shop/cart", "ghcr.io/shop/"));
    }

    #[test]
    fn images_are_names() {
        for good in ["cart", "cart:v1", "ghcr.io:443/shop/cart:v1.2_3", "a/b"] {
            assert!(is_well_formed(good), "{good}");
        }
        for bad in ["", "a b", "${X}", "a//b", "a:", "a@sha256:12", "/a"] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }
}
