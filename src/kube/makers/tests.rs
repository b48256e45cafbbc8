//! What makes what, by the table and by names.

use serde_json::{Value, json};

use super::*;

fn object(api: &str, kind: &str, name: &str, spec: Value) -> Object {
    let metadata = json!({"name": name, "namespace": "shop"});
    let node = json!({"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec});
    Object::from_node(Node::from_json(node)).expect("an object")
}

fn said(object: &Object, kind: &str, name: &str) -> Option<(Certainty, Way)> {
    let wanted =
        Id { group: "".into(), kind: kind.into(), namespace: "shop".into(), name: name.into() };
    let made = makers([object], &wanted).pop();
    made.map(|made| (made.certainty, made.way))
}

#[test]
fn the_table_is_in_order_and_names_no_kind_twice() {
    let names: Vec<_> = MAKERS.iter().map(|maker| (maker.group, maker.kind)).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
}

#[test]
fn an_operator_makes_what_its_row_says() {
    use Certainty::{Likely, Sure};
    let rows: [(&str, &str, Value, &str, &str, Certainty); 12] = [
        ("cert-manager.io/v1", "Certificate", json!({"secretName": "tls"}), "Secret", "tls", Sure),
        ("postgresql.cnpg.io/v1", "Cluster", json!({}), "Secret", "db-app", Sure),
        ("postgresql.cnpg.io/v1", "Cluster", json!({}), "Service", "db-rw", Sure),
        ("kafka.strimzi.io/v1beta2", "KafkaUser", json!({}), "Secret", "db", Sure),
        ("kafka.strimzi.io/v1beta2", "Kafka", json!({}), "Service", "db-kafka-bootstrap", Sure),
        ("rabbitmq.com/v1beta1", "RabbitmqCluster", json!({}), "Secret", "db-default-user", Sure),
        (
            "flagger.app/v1beta1",
            "Canary",
            json!({"targetRef": {"name": "web"}}),
            "Service",
            "web-canary",
            Sure,
        ),
        (
            "opentelemetry.io/v1beta1",
            "OpenTelemetryCollector",
            json!({}),
            "Service",
            "db-collector",
            Sure,
        ),
        (
            "acid.zalan.do/v1",
            "postgresql",
            json!({}),
            "Secret",
            "app.db.credentials.postgresql.acid.zalan.do",
            Likely,
        ),
        ("pgv2.percona.com/v2", "PerconaPGCluster", json!({}), "Secret", "db-pguser-app", Likely),
        (
            "secrets.infisical.com/v1alpha1",
            "InfisicalSecret",
            json!({"managedKubeSecretReferences": [{"secretName": "a"}, {"secretName": "b"}]}),
            "Secret",
            "b",
            Sure,
        ),
        (
            "external-secrets.io/v1",
            "ExternalSecret",
            json!({"target": {"name": "x"}}),
            "Secret",
            "x",
            Sure,
        ),
    ];
    for (api, kind, spec, wanted, name, certainty) in rows {
        let object = object(api, kind, "db", spec);
        let made = said(&object, wanted, name).map(|(certainty, _)| certainty);
        assert_eq!(made, Some(certainty), "{kind} {wanted} {name}");
        assert_eq!(said(&object, wanted, "other"), None, "{kind}");
    }
    let certificate = object("cert-manager.io/v1", "Certificate", "tls", json!({}));
    assert_eq!(said(&certificate, "Secret", "tls"), None, "its name is not what counts");
}

#[test]
fn a_chart_probably_makes_what_begins_with_its_release_and_perhaps_all_else() {
    use Certainty::{Conceivable, Likely};
    let release = |spec| object("helm.toolkit.fluxcd.io/v2", "HelmRelease", "search", spec);
    let makes = |spec, name| said(&release(spec), "Service", name);
    for name in ["search", "search-api"] {
        assert_eq!(makes(json!({}), name), Some((Likely, Way::Chart)), "{name}");
    }
    assert_eq!(makes(json!({}), "cart"), Some((Conceivable, Way::Chart)));
    let named = json!({"releaseName": "es", "values": {"fullnameOverride": "find"}});
    for name in ["es", "es-data", "find", "find-x"] {
        assert_eq!(makes(named.clone(), name), Some((Likely, Way::Chart)), "{name}");
    }
    assert_eq!(makes(json!({"targetNamespace": "other"}), "search"), None);
    let there = json!({"targetNamespace": "shop"});
    assert_eq!(makes(there, "shop-search"), Some((Likely, Way::Chart)));
    let flux = |spec| object("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "infra", spec);
    assert_eq!(said(&flux(json!({})), "Secret", "db"), Some((Conceivable, Way::Build)));
    assert_eq!(said(&flux(json!({"targetNamespace": "infra"})), "Secret", "db"), None);
}

#[test]
fn what_makes_things_by_an_annotation_makes_none_without() {
    let ingress = |annotations: Value| {
        let spec = json!({"tls": [{"secretName": "tls"}]});
        let mut node = object("networking.k8s.io/v1", "Ingress", "shop", spec).node;
        node.make(&["metadata"]).set("annotations", Node::from_json(annotations));
        Object::from_node(node).expect("an object")
    };
    let made = ingress(json!({"cert-manager.io/cluster-issuer": "ca"}));
    assert_eq!(said(&made, "Secret", "tls"), Some((Certainty::Sure, Way::Operator)));
    assert_eq!(said(&ingress(json!({"team": "shop"})), "Secret", "tls"), None);
    assert!(may_make(&made) && !may_make(&ingress(json!({}))));
}

#[test]
fn the_services_that_are_made_are_known_by_name() {
    let there = |api, kind, spec| {
        let object = object(api, kind, "db", spec);
        services_of(&object).map(|(namespace, names)| (namespace.to_owned(), names))
    };
    let of = |api, kind, spec| there(api, kind, spec).map(|(_, names)| names).unwrap_or_default();
    let cluster = of("postgresql.cnpg.io/v1", "Cluster", json!({}));
    assert_eq!(cluster, ["db-rw", "db-ro", "db-r"]);
    let release = of("helm.toolkit.fluxcd.io/v2", "HelmRelease", json!({"releaseName": "es"}));
    assert_eq!(release, ["es"]);
    assert_eq!(of("cert-manager.io/v1", "Certificate", json!({"secretName": "x"})), [""; 0]);
    assert_eq!(of("v1", "ConfigMap", json!({})), [""; 0]);
    let gateway = json!({"gatewayClassName": "istio"});
    assert_eq!(of("gateway.networking.k8s.io/v1", "Gateway", gateway), ["db-istio"]);
}

#[test]
fn services_are_made_in_the_namespace_that_their_maker_says() {
    let of = |api, kind, spec| {
        let object = object(api, kind, "db", spec);
        let made = services_of(&object).map(|(namespace, names)| (namespace.to_owned(), names));
        made.expect("it makes some")
    };
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let flux = "helm.toolkit.fluxcd.io/v2";
    let chart = json!({"targetNamespace": "data", "chart": {"spec": {"chart": "redis"}}});
    let all = names(&["db", "db-redis", "data-db", "data-db-redis"]);
    assert_eq!(of(flux, "HelmRelease", chart), ("data".to_owned(), all));
    let near = json!({"releaseName": "es", "chart": {"spec": {"chart": "redis"}}});
    let all = names(&["es", "es-redis"]);
    assert_eq!(of(flux, "HelmRelease", near), ("shop".to_owned(), all));
    let argo = json!({"destination": {"namespace": "data"}, "source": {"chart": "redis"}});
    let all = names(&["db", "db-redis"]);
    assert_eq!(of("argoproj.io/v1alpha1", "Application", argo), ("data".to_owned(), all));
}

#[test]
fn an_unknown_custom_resource_makes_what_has_its_name() {
    use Certainty::{Likely, Possible};
    let makes = |api, kind, spec, name| {
        said(&object(api, kind, "db", spec), "Secret", name).map(|(certainty, _)| certainty)
    };
    let custom = "databases.example.com/v1";
    assert_eq!(makes(custom, "Postgres", json!({}), "db"), Some(Likely));
    assert_eq!(makes(custom, "Postgres", json!({}), "db-password"), Some(Possible));
    let written = json!({"writeConnectionSecretToRef": {"name": "conn"}});
    assert_eq!(makes(custom, "Postgres", written, "conn"), Some(Likely));
    assert_eq!(makes(custom, "Postgres", json!({"output": "conn"}), "conn"), Some(Possible));
    assert_eq!(makes(custom, "Postgres", json!({}), "dbs"), None);
    for (api, kind) in [
        ("v1", "ConfigMap"),
        ("apps/v1", "Deployment"),
        ("gateway.networking.k8s.io/v1", "HTTPRoute"),
        ("networking.istio.io/v1", "DestinationRule"),
        ("monitoring.coreos.com/v1", "ServiceMonitor"),
    ] {
        assert_eq!(makes(api, kind, json!({}), "db"), None, "{kind}");
    }
}
