//! Which changes of monitors, which say what Prometheus scrapes, are reported, and which are not.

use super::{messages, one};

/// The messages about a ServiceMonitor whose spec, or whose endpoint, has these fields.
fn of_monitors(before: &str, after: &str) -> Vec<String> {
    let monitor = |spec: &str| {
        format!(
            "{{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {{name: m}}, spec: {{{spec}}}}}"
        )
    };
    messages(&monitor(before), &monitor(after))
}

fn of_endpoints(before: &str, after: &str) -> Vec<String> {
    let endpoint = |fields: &str| format!("endpoints: [{{port: http, {fields}}}]");
    of_monitors(&endpoint(before), &endpoint(after))
}

#[test]
fn what_lets_a_copy_write_series_of_others_is_named() {
    const DROP: &str = "{action: drop, sourceLabels: [__name__], regex: go_.*}";
    const NAMESPACE: &str = "{targetLabel: namespace, replacement: shop}";
    for (before, after, words) in [
        ("", "honorLabels: true", &["endpoints[0].honorLabels: true"][..]),
        ("honorTimestamps: false", "", &["honorTimestamps: false"]),
        ("honorTimestamps: false", "honorTimestamps: true", &["honorTimestamps"]),
        ("", &format!("relabelings: [{NAMESPACE}]"), &["endpoints[0].relabelings"]),
        ("", &format!("metricRelabelings: [{DROP}, {NAMESPACE}]"), &["metricRelabelings", "shop"]),
        (&format!("metricRelabelings: [{DROP}]"), "", &["takes", "metricRelabelings"]),
        (
            "metricRelabelings: [{targetLabel: team, replacement: a}]",
            "metricRelabelings: [{targetLabel: team, replacement: b}]",
            &["metricRelabelings", "replacement"],
        ),
        ("", "metricRelabelings: [{action: labeldrop, regex: namespace}]", &["labeldrop"]),
        ("", "metricRelabelings: [{action: labelmap, regex: x_(.+)}]", &["labelmap"]),
    ] {
        one(&of_endpoints(before, after), words);
    }
    for (before, after, words) in [
        ("sampleLimit: 100", "", &["takes", "sampleLimit: 100"][..]),
        ("sampleLimit: 100", "sampleLimit: 0", &["sampleLimit"]),
        ("labelLimit: 100", "labelLimit: 101", &["labelLimit", "from `100` to `101`"]),
        ("bodySizeLimit: 1MB", "bodySizeLimit: 2MB", &["bodySizeLimit"]),
        ("", "jobLabel: team", &["jobLabel: team"]),
        ("", "targetLabels: [namespace]", &["targetLabels"]),
        ("", "podTargetLabels: [job]", &["podTargetLabels"]),
        ("", "attachMetadata: {node: true}", &["attachMetadata"]),
    ] {
        one(&of_monitors(before, after), words);
    }
    for (api, kind, after) in [
        ("operator.victoriametrics.com/v1beta1", "VMServiceScrape", "honorLabels: true"),
        ("operator.victoriametrics.com/v1beta1", "VMPodScrape", "sampleLimit: 0"),
        ("monitoring.googleapis.com/v1", "PodMonitoring", "targetLabels: {metadata: [pod]}"),
        ("monitoring.coreos.com/v1", "Probe", "jobName: shop"),
        ("monitoring.coreos.com/v1", "PrometheusRule", "groups: [{name: a}]"),
    ] {
        let object = |spec: &str| {
            format!("{{apiVersion: {api}, kind: {kind}, metadata: {{name: m}}, spec: {{{spec}}}}}")
        };
        one(&messages(&object(""), &object(after)), &["spec."]);
    }
}

#[test]
fn what_only_makes_fewer_series_is_not_named() {
    const DROP: &str = "{action: Drop, sourceLabels: [__name__], regex: go_.*}";
    const TEAM: &str = "{targetLabel: team, replacement: a}";
    for (before, after) in [
        ("honorLabels: true, honorTimestamps: true", "honorLabels: no, honorTimestamps: false"),
        ("honorLabels: true", ""),
        ("", &format!("metricRelabelings: [{DROP}]")),
        (
            &format!("metricRelabelings: [{TEAM}]"),
            &format!("metricRelabelings: [{DROP}, {TEAM}, {DROP}], relabelings: [{DROP}]"),
        ),
        ("", "path: /m, interval: 10s, scrapeTimeout: 5s"),
    ] {
        assert_eq!(of_endpoints(before, after), [""; 0], "{after}");
    }
    for (before, after) in [
        ("", "sampleLimit: 100, bodySizeLimit: 1MB, targetLimit: 1"),
        ("sampleLimit: 100", "sampleLimit: 10"),
        ("sampleLimit: 0", ""),
    ] {
        assert_eq!(of_monitors(before, after), [""; 0], "{after}");
    }
}
