//! What pods name, wherever they do: in the input, missing, optional, and listed in `spec.external`.

use serde_json::{Value, json};

use super::{Outcome, assert_covered, object, outcome, pod, service, workload};

/// A way to name an object: the row of the guide, the object's apiVersion, fields of the pod that name `thing`, and whether
/// they can be optional.
type Case = (&'static str, &'static str, Value, bool);

/// Pods that name a ConfigMap or a Secret in a container.
fn in_containers(list: &str, container: &Value) -> Value {
    let mut one = json!({"name": "second", "image": "registry.example.com/second:1"});
    for (key, value) in container.as_object().expect("a container has fields") {
        one[key] = value.clone();
    }
    let first = json!({"name": "cart", "image": "registry.example.com/cart:1"});
    match list {
        "containers" => json!({"containers": [first, one]}),
        list => json!({"containers": [first], list: [one]}),
    }
}

fn in_volume(volume: &Value) -> Value {
    let mut one = json!({"name": "data"});
    for (key, value) in volume.as_object().expect("a volume has a type") {
        one[key] = value.clone();
    }
    json!({"volumes": [one]})
}

fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (kind, field, in_env, key) in [
        ("ConfigMap", "configMapRef", "configMapKeyRef", "name"),
        ("Secret", "secretRef", "secretKeyRef", "secretName"),
    ] {
        for list in ["containers", "initContainers"] {
            let from = json!({"envFrom": [{field: {"name": "thing"}}]});
            cases.push((kind, "v1", in_containers(list, &from), true));
            let of = json!({"env": [{"name": "A", "valueFrom": {in_env: {"name": "thing", "key": "a"}}}]});
            cases.push((kind, "v1", in_containers(list, &of), true));
        }
        let lower = if kind == "Secret" { "secret" } else { "configMap" };
        cases.push((kind, "v1", in_volume(&json!({lower: {key: "thing"}})), true));
        let projected = json!({"projected": {"sources": [{lower: {"name": "thing"}}]}});
        cases.push((kind, "v1", in_volume(&projected), true));
    }
    let published =
        json!({"csi": {"driver": "csi.spiffe.io", "nodePublishSecretRef": {"name": "thing"}}});
    let mounted = json!({"csi": {"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"secretProviderClass": "thing"}}});
    let claim = |key: &str| json!({"resourceClaims": [{"name": "gpu", key: "thing"}]});
    cases.extend([
        ("Secret", "v1", json!({"imagePullSecrets": [{"name": "thing"}]}), false),
        ("Secret", "v1", in_volume(&published), false),
        (
            "Secret",
            "v1",
            in_volume(&json!({"azureFile": {"shareName": "x", "secretName": "thing"}})),
            false,
        ),
        ("ServiceAccount", "v1", json!({"serviceAccountName": "thing"}), false),
        ("SecretProviderClass", "secrets-store.csi.x-k8s.io/v1", in_volume(&mounted), false),
        ("ResourceClaimTemplate", "resource.k8s.io/v1", claim("resourceClaimTemplateName"), false),
        ("ResourceClaim", "resource.k8s.io/v1", claim("resourceClaimName"), false),
        (
            "Endpoints",
            "v1",
            in_volume(&json!({"glusterfs": {"endpoints": "thing", "path": "x"}})),
            false,
        ),
    ]);
    cases
}

fn run(kind: &str, pod_fields: &Value, more: &[Value], spec: &Value) -> Outcome {
    let facts = json!({"stateful": "copy"});
    let all = [&[service(), workload(kind, &pod(pod_fields))], more].concat();
    outcome(&all, &facts, spec)
}

/// The same, where each place that names the object says that pods do without it.
fn optional(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let names = |key: &str| fields.get(key).is_some_and(|name| *name == "thing");
            let mut all: serde_json::Map<String, Value> =
                fields.iter().map(|(key, value)| (key.clone(), optional(value))).collect();
            if names("name") || names("secretName") {
                all.insert("optional".to_owned(), json!(true));
            }
            Value::Object(all)
        }
        Value::Array(items) => items.iter().map(optional).collect(),
        other => other.clone(),
    }
}

#[test]
fn what_a_pod_names_is_copied_or_missed_or_left_to_others_wherever_it_is_named() {
    for (kind, api_version, fields, can_be_optional) in cases() {
        let thing = object(api_version, kind, "thing");
        let list = if kind == "ConfigMap" { "configMaps" } else { "secrets" };
        let external = json!({"external": {list: ["thing"]}});
        for of in ["Deployment", "StatefulSet"] {
            let there = run(of, &fields, std::slice::from_ref(&thing), &json!({}));
            assert!(!there.failed, "{fields}: {}", there.words);
            there.copy(kind, "thing");
            assert_eq!(there.violations(), [""; 0], "{fields}");

            let missing = run(of, &fields, &[], &json!({}));
            assert!(
                missing.failed && missing.says("missing-object", &format!("{kind} thing")),
                "{fields}: {}",
                missing.words
            );
            let is_listed = matches!(kind, "ConfigMap" | "Secret");
            let listed = run(of, &fields, std::slice::from_ref(&thing), &external);
            assert_eq!(
                listed.find(kind, "thing").is_none(),
                is_listed,
                "{fields}: {}",
                listed.words
            );
            let by_others = run(of, &fields, &[], &external);
            assert_eq!(by_others.failed, !is_listed, "{fields}: {}", by_others.words);
            if can_be_optional {
                let without = run(of, &optional(&fields), &[], &json!({}));
                assert!(!without.failed, "{fields}: {}", without.words);
            }
        }
    }
}

#[test]
fn what_is_listed_as_external_is_not_made_by_copies_of_its_maker_either() {
    let mut maker = object("external-secrets.io/v1", "ExternalSecret", "maker");
    maker["spec"] = json!({"target": {"name": "thing"}, "secretStoreRef": {"kind": "ClusterSecretStore", "name": "vault"}});
    let fields = json!({"imagePullSecrets": [{"name": "thing"}]});
    let made = run("Deployment", &fields, std::slice::from_ref(&maker), &json!({}));
    made.copy("ExternalSecret", "maker");
    let listed = run("Deployment", &fields, &[maker], &json!({"external": {"secrets": ["thing"]}}));
    assert!(!listed.failed && listed.find("ExternalSecret", "maker").is_none(), "{}", listed.words);
}

#[test]
fn each_kind_that_the_guide_says_pods_name_is_tried() {
    let volumes = ["PersistentVolumeClaim"];
    let cases = cases();
    assert_covered("references", cases.iter().map(|(kind, ..)| *kind).chain(volumes));
}
