//! Checks that images are well-formed, from allowed registries, and pinned if that is required.

use std::fmt;

use super::Input;
use crate::diagnostic::{Problem, Report, code, some_of};
use crate::kube::{ImageName, Prefix};
use crate::spec::{Limits, ServicePath};

pub(super) fn check(input: &Input<'_>, report: &mut Report) {
    for (r, prefix) in input.config.previews.spec.limits.registries.texts().iter().enumerate() {
        if Prefix::read(prefix).is_none() {
            report.push(input.config.finding(
                &code::CONFIG_FIELD,
                format_args!("spec.limits.registries[{r}]"),
                format!("`{}` is neither a registry nor a part of one", prefix),
                "write a host, and a path where not all of it is meant: ghcr.io/shop, without scheme, tag \
                 or wildcard",
            ));
        }
    }
    for (p, preview) in input.config.previews.spec.previews.iter().enumerate() {
        let of = if preview.fork().is_some() { " of a fork" } else { "" };
        for (s, service) in preview.services.iter().enumerate() {
            let path = ServicePath(p, s);
            if !service.image.is_empty() {
                check_image(input, format_args!("{path}.image"), (&service.image, of), report);
            }
            for (c, container) in service.containers.iter().enumerate() {
                let path = format_args!("{path}.containers[{c}].image");
                check_image(input, path, (&container.image, of), report);
            }
            for (w, workload) in service.workloads.iter().enumerate() {
                let path = format_args!("{path}.workloads[{w}].image");
                check_image(input, path, (&workload.image, of), report);
            }
            let ways = [
                !service.image.is_empty(),
                !service.containers.is_empty(),
                !service.workloads.is_empty(),
            ];
            if ways.into_iter().filter(|used| *used).count() > 1 {
                report.push(input.config.finding(
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

/// Reports the problems of an image. `of` says whose it is.
fn check_image(
    input: &Input<'_>,
    path: fmt::Arguments<'_>,
    (image, of): (&str, &str),
    report: &mut Report,
) {
    for problem in problems(&input.config.previews.spec.limits, image) {
        report.push(input.config.finding(
            &code::BAD_IMAGE,
            path,
            format!("the image `{image}`{of} {}", problem.message),
            problem.help,
        ));
    }
}

/// The reasons to refuse an image of a preview, each as text that follows its name; empty if it is fine.
pub(crate) fn problems(limits: &Limits, image: &str) -> Vec<Problem> {
    let name = match ImageName::read(image) {
        Ok(name) => name,
        Err(why) => {
            let why = format!("is not the name of an image: {why}");
            let help =
                "write repository:tag or repository@sha256:digest, as a container runtime takes it";
            return vec![Problem::new(why, help)];
        }
    };
    let mut problems = Vec::new();
    if !limits.registries.admit(&name) {
        let help = format!("use an image below one of: {}", some_of(limits.registries.texts()));
        problems.push(Problem::new("is from a registry that is not allowed", help));
    }
    if limits.require_digest && name.digest.is_none() {
        let help = "append the digest that the build printed: @sha256:…";
        problems.push(Problem::new("names no digest", help));
    }
    problems
}
