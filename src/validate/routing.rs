//! The key, the hosts of entries, and what is not built yet.

use super::{Input, is_dns_label};
use crate::diagnostic::{Report, code};
use crate::spec::DataPlane;

pub(super) fn check(input: &Input<'_>, found: &mut Report) {
    let config = input.config;
    let routing = &config.previews.spec.routing;
    if routing.data_plane == DataPlane::Ambient {
        found.push(config.finding(
            &code::NOT_YET,
            "spec.routing.dataPlane",
            "dataPlane `ambient` is designed but not built yet",
            "use `sidecar`, or wait for the release that names ambient in its CHANGELOG",
        ));
    }
    let token = |text: &str| {
        text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && text.starts_with(|c: char| c.is_ascii_lowercase())
    };
    if !token(&routing.key.header) || routing.key.header == "host" {
        found.push(config.finding(
            &code::CONFIG_FIELD,
            "spec.routing.key.header",
            format!("`{}` is not a header name", routing.key.header),
            "use lower-case letters, digits and `-`: header names are compared in lower case",
        ));
    }
    if !routing.key.baggage.is_empty() && !token(&routing.key.baggage) {
        found.push(config.finding(
            &code::CONFIG_FIELD,
            "spec.routing.key.baggage",
            format!("`{}` is not a baggage key", routing.key.baggage),
            "use lower-case letters, digits and `-`",
        ));
    }
    for (e, entry) in routing.entries.iter().enumerate() {
        let path = format!("spec.routing.entries[{e}]");
        for (field, name) in
            [("namespace", &entry.gateway.namespace), ("name", &entry.gateway.name)]
        {
            if !name.split('.').all(is_dns_label) {
                found.push(config.finding(
                    &code::BAD_NAME,
                    format_args!("{path}.gateway.{field}"),
                    format!("`{name}` cannot name a Gateway's {field}"),
                    "use lower-case letters, digits and `-`",
                ));
            }
        }
        check_host(input, &format!("{path}.host"), &entry.host, found);
    }
}

fn check_host(input: &Input<'_>, path: &str, host: &str, found: &mut Report) {
    if !host.contains("{preview}") {
        found.push(input.config.finding(
            &code::CONFIG_FIELD,
            path,
            format!("`{host}` is the same host for every preview"),
            "write a template that contains `{preview}`, such as {preview}.preview.example.com",
        ));
        return;
    }
    let filled = host.replace("{preview}", "p").replace("{host}", "h").replace("{hash}", "h");
    if filled.len() > 253 || !filled.split('.').all(is_dns_label) {
        found.push(input.config.finding(
            &code::CONFIG_FIELD,
            path,
            format!("`{host}` does not make a host name"),
            "use lower-case letters, digits, `-` and `.` around {preview}, {host} and {hash}",
        ));
        return;
    }
    for preview in &input.config.previews.spec.previews {
        let longest = host.split('.').map(|label| label.replace("{preview}", &preview.name).len());
        if longest.max().unwrap_or(0) > 63 {
            found.push(input.config.finding(
                &code::CONFIG_FIELD,
                path,
                format!("for `{}` a label of the host is longer than 63 characters", preview.name),
                "put {preview} and {host} into labels of their own, separated by dots",
            ));
            return;
        }
    }
}
