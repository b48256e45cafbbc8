//! Pods: commands that run inside of them, what they stand near, and whether they run at all.

use serde_json::{Value, json};

use super::{Outcome, object, outcome, pod, service, workload};

fn run(cart: &Value, others: &[Value], more: &Value) -> Outcome {
    let baseline = [&[service(), cart.clone()], others].concat();
    let outcome = outcome(&baseline, &json!({}), more);
    assert!(!outcome.failed, "{}", outcome.words);
    outcome
}

/// A Service of the baseline that no preview changes.
fn other(name: &str) -> Value {
    let mut other = object("v1", "Service", name);
    other["spec"] = json!({"selector": {"app": name}, "ports": [{"name": "http", "port": 8080}]});
    other
}

/// A pod whose container, of a list of containers, has a command at this path.
fn with_command(list: &str, path: &[&str], command: &str) -> Value {
    let words =
        path.iter().rev().fold(json!(["sh", "-c", command]), |inner, key| json!({*key: inner}));
    let mut pod = pod(&json!({}));
    if list == "containers" {
        let container = pod["containers"][0].as_object_mut().expect("a container");
        container.extend(words.as_object().expect("fields").clone());
    } else {
        pod[list] = json!([words]);
        pod[list][0]["name"] = json!("wait");
        pod[list][0]["image"] = json!("registry.example.com/wait:1");
    }
    pod
}

#[test]
fn every_command_that_runs_inside_a_container_is_read_for_hosts() {
    let paths: [&[&str]; 7] = [
        &["args"],
        &["command"],
        &["livenessProbe", "exec", "command"],
        &["readinessProbe", "exec", "command"],
        &["startupProbe", "exec", "command"],
        &["lifecycle", "postStart", "exec", "command"],
        &["lifecycle", "preStop", "exec", "command"],
    ];
    for list in ["containers", "initContainers"] {
        for path in paths {
            let cart = workload("Deployment", &with_command(list, path, "nc -z reco 8080"));
            let found = run(&cart, &[other("reco")], &json!({"dependencies": "found"}));
            assert!(found.find("Service", "reco").is_some(), "{list} {path:?}");
        }
    }
}

#[test]
fn a_copy_of_a_paused_deployment_runs() {
    let mut cart = workload("Deployment", &pod(&json!({})));
    cart["spec"]["paused"] = json!(true);
    let copy = run(&cart, &[], &json!({})).copy("Deployment", "cart").clone();
    assert_eq!(copy["spec"]["paused"], Value::Null);
}

/// What the copy has of a term of pod affinity, required and preferred.
fn terms(kind: &str, term: &Value) -> [Value; 2] {
    let affinity = json!({kind: {
        "requiredDuringSchedulingIgnoredDuringExecution": [term],
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}],
    }});
    let cart = workload("Deployment", &pod(&json!({"affinity": affinity})));
    let outcome = run(&cart, &[other("reco")], &json!({}));
    assert_eq!(outcome.violations(), [""; 0]);
    let copy = outcome.copy("Deployment", "cart");
    let of = &copy["spec"]["template"]["spec"]["affinity"][kind];
    let preferred = &of["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"];
    [of["requiredDuringSchedulingIgnoredDuringExecution"][0].clone(), preferred.clone()]
}

#[test]
fn a_copy_stands_near_the_pods_of_the_baseline_that_its_original_stands_near() {
    let term = |app: &str| json!({"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "kubernetes.io/hostname"});
    for kind in ["podAffinity", "podAntiAffinity"] {
        for copied in terms(kind, &term("reco")) {
            assert_eq!(copied["namespaces"], json!(["shop", super::PREVIEW]), "{kind}");
        }
        for (field, value) in [("namespaces", json!(["shop"])), ("namespaceSelector", json!({}))] {
            let mut said = term("reco");
            said[field] = value;
            assert_eq!(terms(kind, &said), [said.clone(), said.clone()], "what is said stays");
        }
        let own = term("cart");
        assert_eq!(terms(kind, &own), [own.clone(), own.clone()], "a term about its own pods");
        let none = json!({"topologyKey": "kubernetes.io/hostname"});
        assert_eq!(terms(kind, &none), [none.clone(), none.clone()], "a term that selects nothing");
    }
}

#[test]
fn a_variable_of_a_service_that_a_preview_does_not_copy_is_named() {
    let said = |container: &Value, pod_fields: &Value, previews: &Value| {
        let mut pod = pod(pod_fields);
        let fields = container.as_object().expect("a container has fields").clone();
        pod["containers"][0].as_object_mut().expect("a container").extend(fields);
        let mut known = object("v1", "ConfigMap", "known");
        known["data"] = json!({"SERVICE_HOST": "reco"});
        let mut many = other("many");
        many["spec"]["clusterIP"] = json!("None");
        let others = [other("reco"), known, many];
        let more = json!({"previews": [{"name": super::PREVIEW, "services": [previews]}]});
        run(&workload("Deployment", &pod), &others, &more)
    };
    let (none, plain) = (json!({}), json!({"name": "cart"}));
    for text in ["$(RECO_SERVICE_HOST)", "http://${RECO_SERVICE_HOST}:1", "nc $RECO_SERVICE_HOST 1"]
    {
        for container in [
            json!({"args": [text]}),
            json!({"env": [{"name": "URL", "value": text}]}),
            json!({"lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", text]}}}}),
        ] {
            let named = said(&container, &none, &plain);
            assert!(named.says("service-variable", "`RECO_SERVICE_HOST`"), "{}", named.words);
            assert!(named.says("service-variable", "write `reco:8080`"), "{}", named.words);
            for quiet in [
                said(&container, &json!({"enableServiceLinks": false}), &plain),
                said(
                    &container,
                    &none,
                    &json!({"name": "cart", "env":
                    [{"name": "RECO_SERVICE_HOST", "value": "reco"}]}),
                ),
            ] {
                assert!(!quiet.words.contains("service-variable"), "{}", quiet.words);
            }
        }
    }
    for text in ["$(RECO_SERVICE_PORT)", "$(RECO_PORT_8080_TCP_ADDR)", "$(RECO_SERVICE_PORT_HTTP)"]
    {
        let named = said(&json!({"args": [text]}), &none, &plain);
        assert!(named.says("service-variable", "variables only for Services"), "{}", named.words);
    }
    for text in [
        "$(OTHER_SERVICE_HOST)",
        "$(MANY_SERVICE_HOST)",
        "$(CART_SERVICE_HOST)",
        "$$(RECO_SERVICE_HOST)",
        "RECO_SERVICE_HOST",
        "${RECO_SERVICE_HOST:-reco}",
        "RECO_SERVICE_HOST=reco; nc $RECO_SERVICE_HOST 1",
    ] {
        let quiet = said(&json!({"args": [text]}), &none, &plain);
        assert!(!quiet.words.contains("service-variable"), "{text}: {}", quiet.words);
    }
    let known = json!({"args": ["$(RECO_SERVICE_HOST)"],
        "envFrom": [{"prefix": "RECO_", "configMapRef": {"name": "known"}}]});
    let quiet = said(&known, &none, &plain);
    assert!(!quiet.words.contains("service-variable"), "{}", quiet.words);
}
