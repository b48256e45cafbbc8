//! Which changes of any kind are reported, and which are not.

mod monitors;
mod pods;

use super::*;
use crate::diagnostic::Sources;
use crate::kube::Object;
use crate::limits::InputLimits;
use crate::yaml::parse_documents;

fn object(text: &str) -> Object {
    let mut sources = Sources::default();
    let file = sources.add("", text.to_owned());
    let mut read = parse_documents(&sources, file, &InputLimits::default()).expect("YAML");
    Object::from_node(read.remove(0)).expect("an object")
}

/// The messages about the change from one object to another.
fn messages(before: &str, after: &str) -> Vec<String> {
    let id =
        Id { group: "policy".into(), kind: "P".into(), namespace: "".into(), name: "x".into() };
    let labels = PolicyLabels::from([("tier", [&id].into())]);
    let (before, after) = (object(before), object(after));
    let changes = compare(&before.id, &labels, &OwnDomains::default(), &before.node, &after.node);
    changes.iter().map(|change| describe(&before.id, change)).collect()
}

/// The messages about a Deployment whose pod spec has these fields.
fn of_pods(before: &str, after: &str) -> Vec<String> {
    let pod = |fields: &str| {
        format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: d}}, \
             spec: {{template: {{spec: {{{fields}}}}}}}}}"
        )
    };
    messages(&pod(before), &pod(after))
}

/// The messages about its container.
fn of_containers(before: &str, after: &str) -> Vec<String> {
    let container = |fields: &str| format!("containers: [{{name: c, {fields}}}]");
    of_pods(&container(before), &container(after))
}

/// The messages about the metadata of its pods.
fn of_metadata(before: &str, after: &str) -> Vec<String> {
    let pod = |fields: &str| {
        format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: d}}, \
             spec: {{template: {{metadata: {{{fields}}}}}}}}}"
        )
    };
    messages(&pod(before), &pod(after))
}

/// One difference, named with its path and its values.
fn one(said: &[String], words: &[&str]) {
    assert_eq!(said.len(), 1, "{words:?}: {said:?}");
    assert!(words.iter().all(|word| said[0].contains(word)), "{words:?}: {said:?}");
}

#[test]
fn a_key_whose_domain_is_not_the_teams_is_named_once_for_labels_annotations_and_objects() {
    for (before, after, words) in [
        (
            "annotations: {autocert.step.sm/name: cart.shop.svc}",
            "annotations: {autocert.step.sm/name: payments.shop.svc}",
            &["autocert.step.sm/name", "from `cart.shop.svc` to `payments.shop.svc`"][..],
        ),
        (
            "",
            "annotations: {telegraf.influxdata.com/class: infra}",
            &["telegraf.influxdata.com/class"],
        ),
        ("", "annotations: {fluentbit.io/exclude: 'true'}", &["fluentbit.io/exclude"]),
        ("", "annotations: {pre.hook.backup.velero.io/command: sh}", &["backup.velero.io/command"]),
        ("", "annotations: {kubearmor-policy: disabled}", &["kubearmor-policy"]),
        ("", "annotations: {iam.amazonaws.com/role: admin}", &["iam.amazonaws.com/role"]),
        (
            "",
            "labels: {credentials-operator.otterize.com/create-aws-role: 'true'}",
            &["credentials-operator.otterize.com/create-aws-role"],
        ),
    ] {
        one(&of_metadata(before, after), words);
    }
    let service = |metadata: &str| {
        format!("{{apiVersion: v1, kind: Service, metadata: {{name: s, {metadata}}}}}")
    };
    let after = service("annotations: {resource.twingate.com: 'true'}");
    one(&messages(&service(""), &after), &["metadata.annotations.resource.twingate.com"]);
    for harmless in [
        "labels: {app.kubernetes.io/version: v2, team: b, role: a, example.com/tier: web}",
        "annotations: {checksum/config: a, prometheus.io/scrape: 'true', acme.io/team: shop}",
        "annotations: {platform.example.com/x: y, backstage.io/kubernetes-id: cart, log-level: debug}",
    ] {
        assert_eq!(of_metadata("", harmless), [""; 0], "{harmless}");
    }
}

#[test]
fn other_kinds_are_compared_as_well_and_secrets_are_not_shown() {
    let kind = |api: &str, kind: &str, rest: &str| {
        format!("{{apiVersion: {api}, kind: {kind}, metadata: {{name: x}}, {rest}}}")
    };
    for (api, of, before, after, words) in [
        ("v1", "Secret", "data: {a: b2xk}", "data: {a: bmV3}", &["data.a", "not shown"][..]),
        ("v1", "Secret", "stringData: {a: old}", "", &["stringData", "not shown"]),
        ("v1", "ConfigMap", "data: {a: b}", "data: {a: c, d: e}", &[]),
        ("v1", "Service", "spec: {ports: [{port: 1}]}", "spec: {ports: [{port: 2}]}", &[]),
        ("v1", "Service", "spec: {selector: {a: b}}", "spec: {selector: {a: c}}", &["selector.a"]),
        ("v1", "ServiceAccount", "", "secrets: [{name: s}]", &["secrets[s]"]),
        (
            "rbac.authorization.k8s.io/v1",
            "Role",
            "rules: [{verbs: [get]}, {verbs: [list]}]",
            "rules: [{verbs: [get]}]",
            &[],
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "Role",
            "rules: [{verbs: [get]}]",
            "rules: [{verbs: ['*']}]",
            &["rules[0]"],
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            "roleRef: {name: a}",
            "roleRef: {name: b}",
            &["roleRef.name", "from `a` to `b`"],
        ),
        (
            "external-secrets.io/v1",
            "ExternalSecret",
            "spec: {data: [{remoteRef: {key: a}}]}",
            "spec: {data: [{remoteRef: {key: a}}], refreshInterval: 1h}",
            &[],
        ),
        (
            "external-secrets.io/v1",
            "ExternalSecret",
            "spec: {target: {template: {data: {a: old}}}}",
            "spec: {target: {template: {data: {a: new}}}}",
            &["template.data.a", "not shown"],
        ),
        (
            "monitoring.coreos.com/v1",
            "PodMonitor",
            "spec: {podMetricsEndpoints: [{port: a}]}",
            "spec: {podMetricsEndpoints: [{port: b, path: /m}]}",
            &[],
        ),
        (
            "example.com/v1",
            "Unknown",
            "spec: {a: [1, 2]}",
            "spec: {a: [2, 1, 3]}",
            &["spec.a[2]: 3"],
        ),
        (
            "example.com/v1",
            "Unknown",
            "spec: {a: [1, 2]}",
            "spec: {a: [2, 1]}",
            &["spec.a` ", "from `[1,2]` to `[2,1]`"],
        ),
    ] {
        let said = messages(&kind(api, of, before), &kind(api, of, after));
        match words {
            [] => assert_eq!(said, [""; 0], "{of} {after}"),
            words => one(&said, words),
        }
        assert!(!said.concat().contains("old") && !said.concat().contains("bmV3"), "{said:?}");
    }
}

#[test]
fn labels_by_which_pods_are_selected_are_known_in_every_spelling() {
    let labels = |spec: &str| {
        let node =
            object(&format!("{{apiVersion: e/v1, kind: E, metadata: {{name: e}}, spec: {spec}}}"))
                .node;
        let mut keys = Vec::new();
        for_each_selected_label("spec", node.get("spec").expect("written above"), &mut |key| {
            keys.push(key.to_owned());
        });
        keys
    };
    for spec in [
        "{matchResources: {objectSelector: {matchLabels: {tier: x}}}}",
        "{match: {labelSelector: {matchExpressions: [{key: tier, operator: Exists}]}}}",
        "{podSelector: {matchLabels: {tier: x}}, namespaceSelector: {matchLabels: {team: y}}}",
        "{selector: {tier: x}}",
        "{podSelectors: [{tier: x}], nodeSelector: {zone: a}}",
        "{workloadSelector: {labels: {tier: x}}, labels: {team: y}}",
        "{selectors: [{podSelector: {matchLabels: {tier: x}}}]}",
        "{labelSelector: tier}",
        "{namespaces: {selector: {matchLabels: {team: y}}}, selector: {matchLabels: {tier: x}}}",
        "{affinity: {podAffinity: {labelSelector: {matchLabels: {app: y}}}}, match: {matchLabels: {tier: x}}}",
    ] {
        assert_eq!(labels(spec), ["tier"], "{spec}");
    }
    for spec in ["{labels: {tier: x}}", "{match: {tier: x}}", "{nodeSelectorTerms: [{tier: x}]}"] {
        assert!(labels(spec).is_empty(), "{spec}");
    }
}
