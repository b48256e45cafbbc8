//! Where copies of ExternalSecrets and SecretProviderClasses get their values from, and as whom.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Outcome, object, outcome, pod, service, workload};

const EXTERNAL: &str = "external-secrets.io/v1";

/// An ExternalSecret that makes the Secret `db` of a store.
fn external(store: &str, target: &Value) -> Value {
    let mut one = object(EXTERNAL, "ExternalSecret", "from-the-vault");
    one["spec"] = json!({
        "secretStoreRef": {"kind": store, "name": "vault"}, "target": target,
        "data": [{"secretKey": "password", "remoteRef": {"key": "db"}}],
    });
    one
}

fn store(kind: &str, spec: &Value) -> Value {
    let mut one = object(EXTERNAL, kind, "vault");
    if kind.starts_with("Cluster") {
        one["metadata"] = json!({"name": "vault"});
    }
    one["spec"] = spec.clone();
    one
}

fn run(more: &[Value]) -> Outcome {
    let pod = pod(&json!({"imagePullSecrets": [{"name": "db"}]}));
    let all = [&[service(), workload("Deployment", &pod)], more].concat();
    outcome(&all, &json!({}), &json!({}))
}

fn target() -> Value {
    json!({"name": "db"})
}

#[test]
fn a_store_of_the_namespace_comes_along_with_what_it_signs_in_with() {
    let spec =
        json!({"provider": {"vault": {"auth": {"tokenSecretRef": {"name": "token", "key": "t"}}}}});
    let all = [
        external("SecretStore", &target()),
        store("SecretStore", &spec),
        object("v1", "Secret", "token"),
    ];
    let copied = run(&all);
    copied.copy("ExternalSecret", "from-the-vault");
    copied.copy("SecretStore", "vault");
    copied.copy("Secret", "token");
    let missing = run(&all[..1]);
    assert!(
        missing.failed && missing.says("missing-object", "SecretStore vault"),
        "{}",
        missing.words
    );
}

#[test]
fn what_a_store_signs_in_with_may_be_there_by_other_means() {
    let spec =
        json!({"provider": {"vault": {"auth": {"tokenSecretRef": {"name": "token", "key": "t"}}}}});
    for kind in ["SecretStore", "ClusterSecretStore"] {
        let pod = pod(&json!({"imagePullSecrets": [{"name": "db"}]}));
        let secret = object("v1", "Secret", "token");
        let all = [
            service(),
            workload("Deployment", &pod),
            external(kind, &target()),
            store(kind, &spec),
            secret,
        ];
        let listed = outcome(&all, &json!({}), &json!({"external": {"secrets": ["token"]}}));
        assert!(!listed.failed && listed.find("Secret", "token").is_none(), "{}", listed.words);
    }
}

#[test]
fn a_store_of_the_cluster_looks_beside_a_copy_for_what_it_names_without_a_namespace() {
    let near =
        json!({"provider": {"vault": {"auth": {"tokenSecretRef": {"name": "token", "key": "t"}}}}});
    let all = [external("ClusterSecretStore", &target()), store("ClusterSecretStore", &near)];
    let missing = run(&all);
    assert!(missing.failed && missing.says("missing-object", "Secret token"), "{}", missing.words);
    let copied = run(&[&all[..], &[object("v1", "Secret", "token")]].concat());
    copied.copy("Secret", "token");
    assert!(copied.find("ClusterSecretStore", "vault").is_none(), "it is there for all");

    let far = json!({"provider": {"vault": {"auth": {"tokenSecretRef": {"name": "token", "key": "t", "namespace": "vault"}}}}});
    let elsewhere =
        run(&[external("ClusterSecretStore", &target()), store("ClusterSecretStore", &far)]);
    assert!(!elsewhere.failed, "{}", elsewhere.words);
}

#[test]
fn a_store_of_the_cluster_that_serves_other_namespaces_alone_is_named() {
    for (conditions, serves) in [
        (json!([]), true),
        (json!([{"namespaces": ["shop"]}]), false),
        (json!([{"namespaces": ["shop", "pr-1"]}]), true),
        (json!([{"namespaces": ["shop"]}, {"namespaceRegexes": ["^pr-.*$"]}]), true),
        (json!([{"namespaceRegexes": [".*"]}]), true),
        (json!([{"namespaceRegexes": ["^shop$"]}]), false),
        (json!([{"namespaceSelector": {"matchLabels": {"team": "shop"}}}]), true),
        (json!([{"namespaceSelector": {"matchLabels": {"team": "other"}}}]), false),
        (
            json!([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]),
            false,
        ),
    ] {
        let spec = json!({"provider": {}, "conditions": conditions});
        let outcome =
            run(&[external("ClusterSecretStore", &target()), store("ClusterSecretStore", &spec)]);
        assert!(!outcome.failed, "{}", outcome.words);
        let is_named = outcome.says("identity-not-granted", "ClusterSecretStore vault");
        assert_eq!(is_named, !serves, "{conditions}: {}", outcome.words);
    }
}

#[test]
fn an_external_secret_that_adds_to_a_secret_of_the_input_comes_along_with_it() {
    let secret = object("v1", "Secret", "db");
    for (policy, comes) in [("Merge", true), ("Owner", false), ("Orphan", false)] {
        let target = json!({"name": "db", "creationPolicy": policy});
        let outcome = run(&[external("ClusterSecretStore", &target), secret.clone()]);
        outcome.copy("Secret", "db");
        let copy = outcome.find("ExternalSecret", "from-the-vault");
        assert_eq!(copy.is_some(), comes, "{policy}: {}", outcome.words);
    }
}

/// Fields by which a copy is known as another one than its original, each in a baseline that has it.
fn fields() -> Vec<(&'static str, Vec<Value>)> {
    let volume = |source: Value| {
        let volumes = json!({"volumes": [source]});
        vec![service(), workload("Deployment", &pod(&volumes))]
    };
    let token = |audience: &str| json!({"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "t", "audience": audience}}]}});
    let csi = |driver: &str, attributes: Value| json!({"name": "c", "csi": {"driver": driver, "volumeAttributes": attributes}});
    let mut class = object("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass", "vault");
    class["spec"] = json!({"provider": "vault", "parameters": {"roleName": "cart"}});
    let mounted = csi("secrets-store.csi.k8s.io", json!({"secretProviderClass": "vault"}));
    let of_store = |auth: Value| {
        let spec = json!({"provider": {"vault": {"auth": auth}}});
        let pulled = pod(&json!({"imagePullSecrets": [{"name": "db"}]}));
        vec![
            service(),
            workload("Deployment", &pulled),
            external("SecretStore", &target()),
            store("SecretStore", &spec),
        ]
    };
    vec![
        ("serviceAccountToken.audience", volume(token("vault"))),
        (
            "csi.cert-manager.io/issuer-name",
            volume(csi("csi.cert-manager.io", json!({"csi.cert-manager.io/issuer-name": "ca"}))),
        ),
        ("parameters.roleName", [volume(mounted), vec![class]].concat()),
        (
            "spec.provider.vault.auth.kubernetes.role",
            of_store(json!({"kubernetes": {"mountPath": "kubernetes", "role": "cart"}})),
        ),
        (
            "spec.provider.vault.auth.jwt.role",
            of_store(json!({"jwt": {"path": "jwt", "role": "cart"}})),
        ),
    ]
}

#[test]
fn fields_by_which_others_know_the_original_alone_are_named() {
    let fields = fields();
    for (key, baseline) in &fields {
        let outcome = outcome(baseline, &json!({}), &json!({}));
        assert!(!outcome.failed, "{key}: {}", outcome.words);
        assert!(
            outcome.says("identity-not-granted", &format!("`{key}`")),
            "{key}: {}",
            outcome.words
        );
    }
    assert_covered_fields(fields.iter().map(|(key, _)| *key));
}

/// Each field in the guide's table of annotations and fields is tried here.
#[track_caller]
fn assert_covered_fields<'f>(fields: impl Iterator<Item = &'f str>) {
    let places = ["a projected volume", "a volume of", "the SecretProviderClass", "a SecretStore"];
    let of_fields = |on: &str| places.iter().any(|place| on.starts_with(place));
    let tables = anabranch::treatment::tables();
    let (.., rows) = tables.into_iter().find(|table| table.0 == "annotations").expect("a table");
    let rows =
        rows.into_iter().filter(|[_, on, _]| of_fields(on)).map(|[key, ..]| key.replace('`', ""));
    assert_eq!(rows.collect::<BTreeSet<_>>(), fields.map(str::to_owned).collect());
}

#[test]
fn tokens_for_those_who_trust_every_namespace_are_not_named() {
    for audience in ["", "api", "istio-ca", "https://kubernetes.default.svc.cluster.local"] {
        let source = json!({"serviceAccountToken": {"path": "t", "audience": audience}});
        let volumes = json!({"volumes": [{"name": "t", "projected": {"sources": [source]}}]});
        let outcome =
            outcome(&[service(), workload("Deployment", &pod(&volumes))], &json!({}), &json!({}));
        assert!(!outcome.words.contains("identity-not-granted"), "{audience}: {}", outcome.words);
    }
}
