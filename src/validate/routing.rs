//! Checks the routing key, the hosts of entries, and the API of routes.

use super::{Input, is_dns_label};
use crate::diagnostic::{Report, code};
use crate::kube::RouteApi;
use crate::spec::{Api, RoutingKey};

pub(super) fn check(input: &Input<'_>, report: &mut Report) {
    let config = input.config;
    let routing = &config.previews.spec.routing;
    // Without a mesh, routes of the Gateway API still lead in from outside.
    let is_followed = match routing.api {
        Api::Istio => routing.data_plane.may_follow(RouteApi::Istio),
        Api::Auto | Api::GatewayApi => true,
    };
    if !is_followed {
        report.push(config.finding(
            &code::CONFIG_FIELD,
            "spec.routing.api",
            format!(
                "`api: istio` is for sidecars of Istio, and `dataPlane` is {}",
                routing.data_plane.name()
            ),
            "leave `api` out, or set `gateway-api`",
        ));
    }
    report.extend(key_problem(&routing.key).into_iter().map(|(field, message, help)| {
        let path = format!("spec.routing.key.{field}");
        config.finding(&code::CONFIG_FIELD, path, message, help)
    }));
    let domain = &config.previews.spec.cluster_domain;
    if domain.len() > 200 || !domain.split('.').all(is_dns_label) {
        report.push(config.finding(
            &code::CONFIG_FIELD,
            "spec.clusterDomain",
            format!("`{domain}` is not a domain"),
            "write the domain that names of Services end with, such as cluster.local",
        ));
    }
    for (e, entry) in routing.entries.iter().enumerate() {
        let path = format!("spec.routing.entries[{e}]");
        let gateway = (format!("{path}.gateway"), &entry.gateway.namespace, &entry.gateway.name);
        let of = entry
            .of
            .iter()
            .enumerate()
            .map(|(index, one)| (format!("{path}.of[{index}]"), &one.namespace, &one.name));
        for (path, namespace, name) in [gateway].into_iter().chain(of) {
            for (field, name) in [("namespace", namespace), ("name", name)] {
                if !name.split('.').all(is_dns_label) {
                    report.push(config.finding(
                        &code::BAD_NAME,
                        format_args!("{path}.{field}"),
                        format!("`{name}` cannot name a Gateway's {field}"),
                        "use lower-case letters, digits and `-`",
                    ));
                }
            }
        }
        check_host(input, &format!("{path}.host"), &entry.host, report);
    }
}

/// Headers that cannot be the key: those of HTTP itself, those of proxies on the way, and those with another purpose,
/// which a preview host would overwrite. A name that ends with `-` means all that begin with it.
/// See RFC 9110 section 7.6.1 and
/// <https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers>.
const TAKEN: [&str; 58] = [
    "accept",
    "accept-",
    "age",
    "allow",
    "authorization",
    "b3",
    "baggage",
    "cache-control",
    "connection",
    "content-",
    "cookie",
    "date",
    "early-data",
    "end-stream",
    "expect",
    "forwarded",
    "from",
    "grpc-",
    "host",
    "http2-settings",
    "if-",
    "keep-alive",
    "last-event-id",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "proxy-",
    "range",
    "referer",
    "sec-",
    "server",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "vary",
    "via",
    "x-amzn-trace-id",
    "x-b3-flags",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-client-trace-id",
    "x-cloud-trace-context",
    "x-datadog-",
    "x-envoy-",
    "x-forwarded-",
    "x-istio-",
    "x-ot-span-context",
    "x-real-ip",
    "x-request-id",
];

/// The problems of the key: field, message and remedy.
fn key_problem(key: &RoutingKey) -> Vec<(&'static str, String, &'static str)> {
    let mut problems = Vec::new();
    let header = &key.header;
    let is_name = header.starts_with(|c: char| c.is_ascii_lowercase())
        && header.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let is_taken = |taken: &str| match taken.ends_with('-') {
        true => header.starts_with(taken),
        false => header == taken,
    };
    if !is_name || header.len() > 256 {
        let message = format!("`{header}` is not a header name");
        let help =
            "use lower-case letters, digits and `-`: header names are compared in lower case";
        problems.push(("header", message, help));
    } else if TAKEN.iter().any(|taken| is_taken(taken)) {
        let message =
            format!("the header `{header}` cannot be the key: HTTP, a proxy or tracing owns it");
        let help = "choose a name of your own, such as x-preview-id";
        problems.push(("header", message, help));
    }
    // A token of RFC 9110, which W3C Baggage uses for keys.
    let of_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !key.baggage.bytes().all(of_token) || key.baggage.len() > 256 {
        let message = format!("`{}` is not a baggage key", key.baggage);
        let help = "use letters, digits, `.`, `_` and `-`; case counts";
        problems.push(("baggage", message, help));
    }
    problems
}

fn check_host(input: &Input<'_>, path: &str, host: &str, report: &mut Report) {
    if !host.contains("{preview}") {
        report.push(input.config.finding(
            &code::CONFIG_FIELD,
            path,
            format!("`{host}` is the same host for every preview"),
            "write a template that contains `{preview}`, such as {preview}.preview.example.com",
        ));
        return;
    }
    let filled = host.replace("{preview}", "p").replace("{host}", "h").replace("{hash}", "h");
    if filled.len() > 253 || !filled.split('.').all(is_dns_label) {
        report.push(input.config.finding(
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
            report.push(input.config.finding(
                &code::CONFIG_FIELD,
                path,
                format!("for `{}` a label of the host is longer than 63 characters", preview.name),
                "put {preview} and {host} into labels of their own, separated by dots",
            ));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(header: &str, baggage: &str) -> usize {
        let key = RoutingKey { header: header.to_owned(), baggage: baggage.to_owned() };
        key_problem(&key).len()
    }

    #[test]
    fn headers_that_others_own_cannot_be_the_key() {
        for header in [
            "x-preview-id",
            "preview",
            "x-tenant",
            "x-b3-preview",
            "x-baggage-preview",
            "x-connection-id",
            "tea",
            "via-preview",
        ] {
            assert_eq!(problems(header, ""), 0, "{header}");
        }
        for header in [
            "baggage",
            "connection",
            "te",
            "cookie",
            "host",
            "content-length",
            "grpc-timeout",
            "x-envoy-any",
            "x-forwarded-for",
            "x-request-id",
            "traceparent",
            "sec-fetch-mode",
            "X-Preview",
            "a b",
            "",
        ] {
            assert_eq!(problems(header, ""), 1, "{header}");
        }
    }

    #[test]
    fn a_baggage_key_is_a_token() {
        for key in ["preview", "preview_id", "com.example.preview", "Preview", "a!#$%&'*+-.^_`|~9"]
        {
            assert_eq!(problems("x-preview-id", key), 0, "{key}");
        }
        for key in ["a b", "a,b", "a=b", "a;b", "\"a\"", "a(b)", "\u{e9}"] {
            assert_eq!(problems("x-preview-id", key), 1, "{key}");
        }
    }
}
