//! In ambient mode it is tried as well who may call whom: at ztunnels, which see connections alone, and at waypoints.

use serde_json::{Value, json};

use super::orchestrator::{Answer, render};
use super::policies::service;

const PREVIEWS: &str = "\
apiVersion: anabranch.dev/v1alpha1
kind: Previews
metadata: {name: shop}
spec:
  baseline: {namespace: shop}
  routing: {dataPlane: ambient}
  previews:
  - name: pr-1
    services:
    - {name: cart, image: 'ghcr.io/shop/cart:v2'}
    - {name: web, image: 'ghcr.io/shop/web:v2'}
";

/// Two services behind a waypoint, and a namespace of somebody else that looks like one of previews.
fn baseline() -> Vec<Value> {
    let listener = json!({"name": "mesh", "port": 15008, "protocol": "HBONE"});
    let mut all = vec![
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {
                "name": "shop",
                "labels": {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint"}
            }
        }),
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "waypoint", "namespace": "shop"},
            "spec": {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
        }),
        json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "web", "namespace": "pr-legacy"}
        }),
    ];
    for name in ["cart", "web"] {
        all.extend(service(name, &json!({"app": name})));
    }
    all
}

/// What is said with a policy that lets web call cart, with what else it says.
fn rendered(more: &Value, operation: Option<Value>) -> Answer {
    let mut rule = json!({"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/web"]}}]});
    if let Some(operation) = operation {
        rule["to"] = json!([{"operation": operation}]);
    }
    let mut spec = json!({"rules": [rule]});
    for (key, value) in more.as_object().expect("it is a map") {
        spec[key] = value.clone();
    }
    let mut objects = baseline();
    objects.push(json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": "cart-callers", "namespace": "shop"}, "spec": spec
    }));
    render(&objects, PREVIEWS)
}

#[test]
fn who_gets_more_at_ztunnels_and_at_waypoints_is_told() {
    let selector = json!({"selector": {"matchLabels": {"app": "cart"}}});
    let stderr = rendered(&selector, None).failed();
    let widened = "error[access-widened]: with previews `pr-legacy/web` may call";
    assert!(stderr.contains(&format!("{widened} Deployment shop/cart")), "{stderr}");

    let targets = json!({"targetRefs": [{"group": "", "kind": "Service", "name": "cart"}]});
    let stderr = rendered(&targets, Some(json!({"methods": ["POST"]}))).failed();
    assert!(stderr.contains(&format!("{widened} Service shop/cart (POST /)")), "{stderr}");
}

#[test]
fn a_rule_about_requests_lets_nobody_through_at_a_ztunnel() {
    let selector = json!({"selector": {"matchLabels": {"app": "cart"}}});
    let Answer { stderr, .. } = rendered(&selector, Some(json!({"methods": ["POST"]})));
    assert!(!stderr.contains("[access-"), "{stderr}");
    // Where it denies, the whole connection is meant.
    let deny = json!({"action": "DENY", "selector": {"matchLabels": {"app": "cart"}}});
    let Answer { stderr, .. } = rendered(&deny, Some(json!({"methods": ["POST"]})));
    let narrowed = "warning[access-narrowed]: with previews `pr-legacy/web` may not call Deployment shop/cart (GET /)";
    assert!(stderr.contains(narrowed), "{stderr}");
}
