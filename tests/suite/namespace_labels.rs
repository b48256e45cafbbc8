//! What the labels of the baseline's Namespace mean for previews: for their sidecars, and for Gateways. A variable of
//! Flux among them is not known.

use serde_json::{Value, json};

use super::orchestrator::render;

/// A service of the baseline whose Namespace has these labels, and whose pods have these.
fn baseline(namespace: &Value, pod: &Value) -> Vec<Value> {
    let mut labels = json!({"app": "cart"});
    let more = pod.as_object().expect("labels").clone();
    labels.as_object_mut().expect("labels").extend(more);
    vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": namespace}}),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "cart", "namespace": "shop"},
            "spec": {"selector": {"app": "cart"}, "ports": [{"port": 80, "name": "http"}]}
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart", "namespace": "shop"},
            "spec": {
                "selector": {"matchLabels": {"app": "cart"}},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "server", "image": "cart:1"}]}
                }
            }
        }),
    ]
}

/// What is said of the injection, if anything is.
#[track_caller]
fn said(namespace: &Value, pod: &Value, flux: &str) -> Option<String> {
    let previews = format!(
        "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {{namespace: shop}}\n  flux: {flux}\n  \
         previews: [{{name: pr-1, services: [{{name: cart, image: 'cart:2'}}]}}]\n"
    );
    let answer = render(&baseline(namespace, pod), &previews);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let mut lines = answer.stderr.lines();
    let line =
        lines.find_map(|line| line.strip_prefix("warning[injection-unknown]: Namespace shop "));
    line.map(|line| line.split(": pods of previews").next().unwrap_or(line).to_owned())
}

#[test]
fn all_but_enabled_switches_injection_off_whatever_else_is_said() {
    let asks = json!({"sidecar.istio.io/inject": "true"});
    let none = json!({});
    for (namespace, pod, wanted) in [
        (json!({"istio-injection": "enabled"}), &none, None),
        (json!({"istio.io/rev": "stable"}), &none, None),
        (none.clone(), &asks, None),
        (none.clone(), &none, Some("says nothing of sidecar injection")),
        (json!({"istio-injection": "disabled"}), &asks, Some("switches sidecar injection off")),
        (
            json!({"istio-injection": "true", "istio.io/rev": "stable"}),
            &asks,
            Some("switches sidecar injection off with `istio-injection: true`"),
        ),
    ] {
        assert_eq!(said(&namespace, pod, "{}").as_deref(), wanted, "{namespace} {pod}");
    }
}

#[test]
fn a_variable_in_the_label_is_not_known_unless_flux_is_told_its_value() {
    let none = json!({});
    let namespace = json!({"istio-injection": "${INJECT:=enabled}"});
    let unknown = "says `istio-injection: ${INJECT:=enabled}`, and nothing here says its value";
    let told = |value: &str| format!("{{postBuild: {{substitute: {{INJECT: {value}}}}}}}");
    assert_eq!(said(&namespace, &none, "{}").as_deref(), Some(unknown));
    assert_eq!(said(&namespace, &none, &told("enabled")), None);
    let off = "switches sidecar injection off";
    assert_eq!(said(&namespace, &none, &told("disabled")).as_deref(), Some(off));
    let elsewhere = "{postBuild: {substituteFrom: [{kind: ConfigMap, name: mesh}]}}";
    assert_eq!(said(&namespace, &none, elsewhere).as_deref(), Some(unknown));
    // A revision by any name is one.
    assert_eq!(said(&json!({"istio.io/rev": "${REVISION}"}), &none, "{}"), None);
}

#[test]
fn a_listener_that_asks_for_a_label_may_take_what_a_variable_stands_for() {
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "preview", "namespace": "infra"},
        "spec": {"gatewayClassName": "istio", "listeners": [{
            "name": "https", "port": 443, "protocol": "HTTPS",
            "allowedRoutes": {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "shop"}}}}
        }]}
    });
    let route = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "parentRefs": [{"namespace": "infra", "name": "public"}], "hostnames": ["www.example.com"],
            "rules": [{"backendRefs": [{"name": "cart", "port": 80}]}]
        }
    });
    let previews = "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {namespace: shop}\n  \
                    routing: {entries: [{gateway: {namespace: infra, name: preview}, host: '{preview}.example.com'}]}\n  \
                    previews: [{name: pr-1, services: [{name: cart, image: 'cart:2'}]}]\n";
    for (labels, is_refused) in [
        (json!({"team": "shop"}), false),
        (json!({"team": "pay"}), true),
        (json!({"team": "${TEAM}"}), false),
        (json!({"team": "pay", "region": "${REGION}"}), true),
    ] {
        let mut objects = baseline(&labels, &json!({}));
        objects.extend([gateway.clone(), route.clone()]);
        let answer = render(&objects, previews);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        assert_eq!(
            answer.stderr.contains("whose selector leaves out"),
            is_refused,
            "{labels}: {}",
            answer.stderr
        );
    }
}
