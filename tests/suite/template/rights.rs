//! The account of previews may write what anabranch writes, and no more.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::super::expected::{Files, files, folders, golden, name};
use super::super::schema::documents;
use super::rendered::rendered;
use super::{template, text};

/// Group and resource of an object.
fn resource(object: &Value) -> (String, String) {
    let (group, _) = text(object, "/apiVersion").split_once('/').unwrap_or_default();
    let kind = text(object, "/kind").to_lowercase();
    let plural = match kind.as_str() {
        one if one.ends_with("policy")
            || one.ends_with("repository")
            || one.ends_with("telemetry") =>
        {
            format!("{}ies", &one[..one.len() - 1])
        }
        one => format!("{one}s"),
    };
    (group.to_owned(), plural)
}

/// What a role of account.yaml lets the account write.
fn may_write(role: &str) -> BTreeSet<(String, String)> {
    let account = fs::read_to_string(template().join("previews/cluster/account.yaml"));
    let account = documents(&account.expect("it is there"));
    let role = account.iter().find(|one| one["kind"] == role).expect("the role is there");
    let mut may = BTreeSet::new();
    for rule in role["rules"].as_array().expect("a role has rules") {
        let texts = |field: &str| -> Vec<String> {
            let all = rule[field].as_array().into_iter().flatten();
            all.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let needed = ["get", "list", "watch", "create", "update", "patch", "delete"];
        if needed.iter().all(|verb| texts("verbs").iter().any(|one| one == verb)) {
            for group in texts("apiGroups") {
                may.extend(texts("resources").into_iter().map(|one| (group.clone(), one)));
            }
        }
    }
    may
}

fn objects(files: &Files) -> impl Iterator<Item = Value> {
    let manifests = files.iter().filter(|(name, _)| {
        name.ends_with(".yaml")
            && !name.ends_with("kustomization.yaml")
            && !name.contains("/baseline/")
    });
    manifests.flat_map(|(_, bytes)| documents(&String::from_utf8_lossy(bytes)))
}

#[test]
fn the_account_may_write_whatever_the_example_renders_to_and_only_there() {
    let (everywhere, here) = (may_write("ClusterRole"), may_write("Role"));
    let mut seen = 0;
    for object in objects(&rendered()).filter(|object| object["kind"].is_string()) {
        seen += 1;
        let (group, resource) = resource(&object);
        let namespace = text(&object, "/metadata/namespace");
        let is_flux = group.ends_with(".toolkit.fluxcd.io");
        let right = (group.clone(), resource.clone());
        let may = if is_flux { here.contains(&right) } else { everywhere.contains(&right) };
        assert!(may, "{group} {resource} {}", object["metadata"]["name"]);
        // What admission.yaml says.
        let place = match (resource.as_str(), namespace) {
            ("namespaces", _) => text(&object, "/metadata/name").starts_with("pr-"),
            (_, "previews") => is_flux,
            (_, "shop") => group == "gateway.networking.k8s.io",
            // A suite gets its namespace from Flux.
            (_, "") => ["jobs", "configmaps", "secrets"].contains(&resource.as_str()),
            (_, other) => other.starts_with("pr-") && !is_flux,
        };
        assert!(place, "{group} {resource} {} in `{namespace}`", object["metadata"]["name"]);
        if resource == "kustomizations" {
            assert_eq!(object["spec"]["serviceAccountName"], "previews");
        }
    }
    assert!(seen > 20, "{seen} objects");
}

#[test]
fn the_account_may_write_whatever_a_golden_case_renders_to() {
    // Kinds that only the author of a case has, and those of other makers: whoever has them adds them.
    let foreign = [
        "dapr.io",
        "example.com",
        "external-secrets.io",
        "k8s.cni.cncf.io",
        "opentelemetry.io",
        "secrets-store.csi.x-k8s.io",
    ];
    let (everywhere, here) = (may_write("ClusterRole"), may_write("Role"));
    let mut missing = BTreeSet::new();
    for case in folders(&golden()).into_iter().filter(|case| name(case) != "mistakes") {
        let mut tree = files(&case.join("expected/tree"));
        tree.retain(|name, _| !name.starts_with("baseline/"));
        for object in objects(&tree).filter(|object| object["kind"].is_string()) {
            let right = resource(&object);
            let known = everywhere.contains(&right) || here.contains(&right);
            if !known && !foreign.iter().any(|group| right.0.ends_with(group)) {
                missing.insert(format!("{}: {} {}", name(&case), right.0, right.1));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn whatever_the_account_may_write_is_under_the_admission_policy() {
    let policy = fs::read_to_string(template().join("previews/cluster/admission.yaml"));
    let policy = documents(&policy.expect("it is there"));
    let rule = &policy[0]["spec"]["matchConstraints"]["resourceRules"][0];
    for field in ["apiGroups", "apiVersions", "resources"] {
        assert_eq!(rule[field], serde_json::json!(["*"]), "{field}");
    }
    assert_eq!(rule["operations"], serde_json::json!(["CREATE", "UPDATE", "DELETE"]));
    assert_eq!(policy[0]["spec"]["failurePolicy"], "Fail");
    assert_eq!(policy[1]["spec"]["validationActions"], serde_json::json!(["Deny"]));
    let account = "system:serviceaccount:previews:previews";
    assert!(text(&policy[0], "/spec/matchConditions/0/expression").contains(account));
}

/// What previews.yaml, whose account.yaml is this, and reserved.yaml say of the same thing.
#[test]
fn the_prefix_is_reserved_for_the_account_that_applies_previews() {
    let read = |file: &str| fs::read_to_string(template().join(file)).expect("it is there");
    let policy = documents(&read("previews/cluster/reserved.yaml"));
    let previews = &documents(&read("previews/previews.yaml"))[0];
    let prefix = previews.pointer("/spec/prefix").and_then(Value::as_str).unwrap_or("pr-");
    let expression = text(&policy[0], "/spec/validations/0/expression");
    assert!(expression.contains(&format!("startsWith('{prefix}')")), "{expression}");
    let flux = |field: &str| text(previews, &format!("/spec/flux/{field}"));
    let account =
        format!("'system:serviceaccount:{}:{}'", flux("namespace"), flux("serviceAccountName"));
    assert!(text(&policy[0], "/spec/matchConditions/0/expression").ends_with(&account));
    assert_eq!(policy[0]["spec"]["failurePolicy"], "Fail");
    assert_eq!(policy[1]["spec"]["policyName"], policy[0]["metadata"]["name"]);
    assert_eq!(policy[1]["spec"]["validationActions"], serde_json::json!(["Deny"]));
}
