//! Checks previews with pull requests of forks. Whoever opened one is unknown, so it may set images and nothing else.
//!
//! See <https://securitylab.github.com/resources/github-actions-preventing-pwn-requests/>.

use std::fmt;

use super::Input;
use crate::diagnostic::{Report, code};
use crate::kube::ImageName;
use crate::spec::{ServiceChange, ServicePath};

pub(super) fn check(input: &Input<'_>, report: &mut Report) {
    let spec = &input.config.previews.spec;
    let of_forks = spec.previews.iter().enumerate();
    let of_forks = of_forks.filter_map(|(p, preview)| Some((p, preview, preview.fork()?)));
    for (p, preview, change) in of_forks {
        if spec.limits.registries.texts().is_empty() {
            report.push(input.config.finding(
                &code::UNTRUSTED_CHANGE,
                format_args!("spec.previews[{p}].changes[{change}].trust"),
                format!(
                    "`{}` runs code of a fork, and spec.limits.registries does not say where images may come from",
                    preview.name
                ),
                "list the registries, or folders of them, that your own pipelines push to: the owner of \
                 any other could replace an image",
            ));
        }
        for (s, service) in preview.services.iter().enumerate() {
            let path = ServicePath(p, s);
            check_images(input, path, service, report);
            check_nothing_else(input, path, service, report);
        }
    }
}

/// Reports images without a digest: whoever can push could move a tag after the review.
fn check_images(
    input: &Input<'_>,
    path: ServicePath,
    service: &ServiceChange,
    report: &mut Report,
) {
    // If every image needs a digest, `images` reports it; it also reports invalid images and wrong registries.
    if input.config.previews.spec.limits.require_digest {
        return;
    }
    let mut check = |field: fmt::Arguments<'_>, image: &str| {
        if ImageName::read(image).is_ok_and(|name| name.digest.is_none()) {
            report.push(input.config.finding(
                &code::UNTRUSTED_CHANGE,
                field,
                format!("the image `{image}` is of a fork and names no digest"),
                "append the digest that the build printed: @sha256:…",
            ));
        }
    };
    if !service.image.is_empty() {
        check(format_args!("{path}.image"), &service.image);
    }
    for (c, container) in service.containers.iter().enumerate() {
        check(format_args!("{path}.containers[{c}].image"), &container.image);
    }
    for (w, workload) in service.workloads.iter().enumerate() {
        check(format_args!("{path}.workloads[{w}].image"), &workload.image);
    }
}

/// Reports everything that a preview sets for a service besides images.
fn check_nothing_else(
    input: &Input<'_>,
    path: ServicePath,
    service: &ServiceChange,
    report: &mut Report,
) {
    let said = [
        ("env", !service.env.is_empty()),
        ("replicas", service.replicas != 1),
        ("patches", !service.patches.is_empty()),
    ];
    for (field, _) in said.into_iter().filter(|(_, is_said)| *is_said) {
        report.push(input.config.finding(
            &code::UNTRUSTED_CHANGE,
            format_args!("{path}.{field}"),
            format!("a change of a fork gives `{}` {field}", service.name),
            format!("remove `{field}`: a fork brings an image and nothing else"),
        ));
    }
}
