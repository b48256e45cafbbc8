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
fn a_copy_of_a_paused_deployment_runs_unless_a_patch_pauses_it() {
    let mut cart = workload("Deployment", &pod(&json!({})));
    cart["spec"]["paused"] = json!(true);
    let copy = |more: &Value| run(&cart, &[], more).copy("Deployment", "cart").clone();
    assert_eq!(copy(&json!({}))["spec"]["paused"], Value::Null);
    let patch = json!([{"patch": r#"[{"op": "add", "path": "/spec/paused", "value": true}]"#}]);
    let previews =
        json!([{"name": super::PREVIEW, "services": [{"name": "cart", "patches": patch}]}]);
    assert_eq!(copy(&json!({"previews": previews}))["spec"]["paused"], json!(true));
}
