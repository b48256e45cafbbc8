//! Annotations, labels and the objects that they name: every row of the guide does what its last cell says.

use serde_json::{Value, json};

use super::{Outcome, object, outcome, pod, service, workload};

/// A row: the key, what it stands on, and what the guide says.
type Row = [String; 3];

fn all_rows() -> Vec<Row> {
    let tables = anabranch::treatment::tables();
    let (.., rows) = tables.into_iter().find(|table| table.0 == "annotations").expect("a table");
    rows.into_iter()
        .map(|[key, on, what]| [key.replace('`', "").replace('*', "java"), on, what])
        .collect()
}

/// The API groups of the kinds that annotations name.
const GROUPS: [(&str, &str); 6] = [
    ("Component", "dapr.io/v1alpha1"),
    ("ConfigMap", "v1"),
    ("Configuration", "dapr.io/v1alpha1"),
    ("Instrumentation", "opentelemetry.io/v1alpha1"),
    ("NetworkAttachmentDefinition", "k8s.cni.cncf.io/v1"),
    ("OpenTelemetryCollector", "opentelemetry.io/v1beta1"),
];

/// The value that a key has here.
fn value(key: &str) -> &'static str {
    match key {
        "dapr.io/enabled" | "azure.workload.identity/use" => "true",
        "sidecar.istio.io/userVolume" => r#"[{"name": "x", "configMap": {"name": "thing"}}]"#,
        _ => "thing",
    }
}

/// A baseline in which the key stands where the row says; nothing where the row is no annotation or label.
fn baseline(key: &str, on: &str) -> Option<Vec<Value>> {
    let fields = json!({"serviceAccountName": "cart", "imagePullSecrets": [{"name": "pull"}]});
    let (mut service, mut workload) = (service(), workload("Deployment", &pod(&fields)));
    let (mut account, mut secret) =
        (object("v1", "ServiceAccount", "cart"), object("v1", "Secret", "pull"));
    let text = json!(value(key));
    match on {
        "the pod template" | "the pod template, the Namespace" => {
            workload["spec"]["template"]["metadata"]["annotations"] = json!({key: text});
        }
        "the pod template, as a label" => {
            workload["spec"]["template"]["metadata"]["labels"][key] = text;
        }
        "the ServiceAccount" => account["metadata"]["annotations"] = json!({key: text}),
        "a Service" => service["metadata"]["annotations"] = json!({key: text}),
        "a ConfigMap or Secret" => secret["metadata"]["annotations"] = json!({key: text}),
        "a workload, as a label too" => workload["metadata"]["annotations"] = json!({key: text}),
        _ => return None,
    }
    Some(vec![service, workload, account, secret])
}

fn judge([key, _, what]: &Row, baseline: &[Value]) {
    let run = |more: &[Value]| outcome(&[baseline, more].concat(), &json!({}), &json!({}));
    let is_there = |outcome: &Outcome| {
        outcome.objects.iter().any(|one| one.to_string().contains(key.as_str()))
    };
    let tells = |outcome: &Outcome, code: &str| {
        assert!(
            !outcome.failed && outcome.says(code, &format!("`{key}`")),
            "{key}: {}",
            outcome.words
        );
    };
    let plain = run(&[]);
    if what.contains("left-out") {
        tells(&plain, "left-out");
        return assert!(!is_there(&plain), "{key} is copied");
    }
    for code in ["identity-not-granted", "shared-with-original"] {
        if what.contains(code) {
            tells(&plain, code);
            return assert!(is_there(&plain), "{key} is not kept");
        }
    }
    let words = what.trim_start_matches("the ");
    let kind = match words.split(' ').next().expect("the cell has words") {
        "Components," => "Component",
        kind => kind,
    };
    if kind == "Secret" {
        assert!(
            plain.failed && plain.says("missing-object", "Secret thing"),
            "{key}: {}",
            plain.words
        );
    } else if what.contains("annotation-names-nothing") {
        assert!(plain.says("annotation-names-nothing", kind), "{key}: {}", plain.words);
    }
    let group = GROUPS.iter().find(|one| one.0 == kind).map_or("v1", |one| one.1);
    let named = run(&[object(group, kind, "thing")]);
    assert!(!named.failed && is_there(&named), "{key}: {}", named.words);
    named.copy(kind, "thing");
}

#[test]
fn every_annotation_and_label_has_the_outcome_that_the_guide_states() {
    let mut tried = 0;
    for row in all_rows() {
        if let Some(baseline) = baseline(&row[0], &row[1]) {
            judge(&row, &baseline);
            tried += 1;
        }
    }
    // The others are fields, which `stores` tries.
    assert_eq!(tried, all_rows().len() - 6);
}
