//! Members of a copied StatefulSet that call each other by name: their own, those that they have not, and the original's.

use serde_json::{Value, json};

use super::{Outcome, object, outcome, pod, workload};

/// A set of three that names its peers in a variable, or in a ConfigMap.
fn baseline(peers: &str, in_config_map: bool) -> Vec<Value> {
    let mut members = pod(&json!({}));
    let variable = json!([{"name": "PEERS", "value": peers}]);
    let mut config = object("v1", "ConfigMap", "peers");
    if in_config_map {
        config["data"] = json!({"peers.conf": format!("seeds = {peers}")});
        members["containers"][0]["envFrom"] = json!([{"configMapRef": {"name": "peers"}}]);
    } else {
        members["containers"][0]["env"] = variable;
    }
    let mut set = workload("StatefulSet", &members);
    set["spec"]["serviceName"] = json!("cart");
    set["spec"]["replicas"] = json!(3);
    let mut service = super::service();
    service["spec"]["clusterIP"] = json!("None");
    service["spec"]["ports"] = json!([{"name": "tcp", "port": 7000}]);
    vec![service, set, config]
}

fn run(peers: &str, in_config_map: bool, change: &Value, routing: &Value) -> Outcome {
    let mut service = json!({"name": "cart"});
    for (key, value) in change.as_object().expect("a change has fields") {
        service[key] = value.clone();
    }
    let mut all = baseline(peers, in_config_map);
    if routing["dataPlane"] == "ambient" {
        all.push(json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "shop", "labels": {"istio.io/dataplane-mode": "ambient"}}}));
    }
    let facts = json!({"stateful": "copy", "unrouted": true});
    let more = json!({"previews": [{"name": "pr-1", "services": [service]}], "routing": routing});
    let outcome = outcome(&all, &facts, &more);
    assert!(!outcome.failed, "{}", outcome.words);
    outcome
}

#[test]
fn a_copied_set_that_names_pods_or_the_service_of_its_original_is_named() {
    for in_config_map in [false, true] {
        for peers in [
            "cart-0.cart.shop.svc.cluster.local:7000",
            "cart-2.cart.shop",
            "tcp://cart.shop.svc.cluster.local:7000",
            "$(POD_NAME).cart.shop.svc",
        ] {
            let named = run(peers, in_config_map, &json!({}), &json!({}));
            assert!(
                named.says("shared-with-original", "its pods, which they call as"),
                "{peers}: {}",
                named.words
            );
        }
        for peers in ["cart-0.cart:7000", "cart-0.cart.other", "mart-0.mart.shop", "cart"] {
            let quiet = run(peers, in_config_map, &json!({}), &json!({}));
            assert!(!quiet.words.contains("shared-with-original"), "{peers}: {}", quiet.words);
            assert!(!quiet.words.contains("pod-host"), "{peers}: {}", quiet.words);
        }
    }
}

#[test]
fn a_copied_set_that_names_more_pods_than_it_has_is_named() {
    let peers = "cart-0.cart,cart-1.cart,cart-2.cart";
    for in_config_map in [false, true] {
        let named = run(peers, in_config_map, &json!({}), &json!({}));
        assert!(
            named.says("pod-host", "`cart-1.cart`, `cart-2.cart`, which they do not have in pr-1"),
            "{}",
            named.words
        );
        let enough = run(peers, in_config_map, &json!({"replicas": 3}), &json!({}));
        assert!(!enough.words.contains("pod-host"), "{}", enough.words);
    }
    let told = json!({"env": [{"name": "PEERS", "value": "cart-0.cart"}]});
    let mended = run(peers, false, &told, &json!({}));
    assert!(!mended.words.contains("pod-host"), "{}", mended.words);
}

#[test]
fn in_ambient_mode_peers_that_a_copy_has_not_are_those_of_the_baseline() {
    let ambient = json!({"dataPlane": "ambient"});
    let named = run("cart-0.cart,cart-1.cart", false, &json!({}), &ambient);
    assert!(named.says("shared-with-original", "they call as `cart-1.cart`"), "{}", named.words);
    let enough = run("cart-0.cart,cart-1.cart", false, &json!({"replicas": 2}), &ambient);
    assert!(!enough.words.contains("shared-with-original"), "{}", enough.words);
}

#[test]
fn a_copy_that_calls_the_original_of_a_set_which_is_copied_too_is_named() {
    for (host, is_named) in [
        ("cart.shop.svc.cluster.local:7000", true),
        ("cart-0.cart.shop:7000", true),
        ("cart:7000", false),
        ("cart-2.cart:7000", false),
    ] {
        for copies_the_set in [true, false] {
            let mut caller = workload("Deployment", &pod(&json!({})));
            caller["metadata"]["name"] = json!("api");
            let labels = json!({"app": "api"});
            caller["spec"]["selector"]["matchLabels"] = labels.clone();
            caller["spec"]["template"]["metadata"]["labels"] = labels.clone();
            caller["spec"]["template"]["spec"]["containers"][0]["env"] =
                json!([{"name": "DB", "value": host}]);
            let mut front = super::service();
            front["metadata"]["name"] = json!("api");
            front["spec"]["selector"] = labels;
            let all = [baseline("", false), vec![caller, front]].concat();
            let mut services = vec![json!({"name": "api"})];
            services.extend(copies_the_set.then(|| json!({"name": "cart"})));
            let facts = json!({"stateful": "copy", "unrouted": true});
            let more = json!({"previews": [{"name": "pr-1", "services": services}]});
            let outcome = outcome(&all, &facts, &more);
            assert!(!outcome.failed, "{}", outcome.words);
            let says =
                outcome.says("shared-with-original", "which is StatefulSet shop/cart itself");
            assert_eq!(says, is_named && copies_the_set, "{host}: {}", outcome.words);
        }
    }
}
