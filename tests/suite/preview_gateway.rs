//! Requests for preview hosts come from a Gateway of their own, which policies may not know.

use serde_json::{Value, json};

use super::orchestrator::{Answer, render};

fn object(group: &str, kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": format!("{group}/v1"), "kind": kind,
        "metadata": {"name": name, "namespace": namespace}, "spec": spec
    })
}

fn gateway(namespace: &str, name: &str, host: &str) -> Value {
    let listener = json!({
        "name": "http", "port": 80, "protocol": "HTTP", "hostname": host,
        "allowedRoutes": {"namespaces": {"from": "All"}}
    });
    let spec = json!({"gatewayClassName": "istio", "listeners": [listener]});
    object("gateway.networking.k8s.io", "Gateway", namespace, name, &spec)
}

/// A service `web` behind the Gateway `ingress/public`, and this Gateway for previews.
fn baseline(preview: &str) -> Vec<Value> {
    let pod = json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "server", "image": "ghcr.io/shop/web:v1"}]}
    });
    let route = json!({
        "parentRefs": [{"namespace": "ingress", "name": "public"}], "hostnames": ["shop.example.com"],
        "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]
    });
    vec![
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}
        }),
        object(
            "apps",
            "Deployment",
            "shop",
            "web",
            &json!({"selector": {"matchLabels": {"app": "web"}}, "template": pod}),
        ),
        gateway("ingress", "public", "shop.example.com"),
        gateway(preview, "preview", "*.preview.example.com"),
        object("gateway.networking.k8s.io", "HTTPRoute", "shop", "web", &route),
    ]
}

fn previews(preview: &str) -> String {
    format!(
        "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nmetadata: {{name: shop}}\nspec:\n  baseline: {{namespace: shop}}\n\
         \x20 routing:\n    entries:\n    - gateway: {{namespace: {preview}, name: preview}}\n      host: '{{preview}}.preview.example.com'\n\
         \x20 previews:\n  - name: pr-1\n    services:\n    - {{name: web, image: 'ghcr.io/shop/web:v2'}}\n"
    )
}

fn rendered(preview: &str, policy: Value) -> String {
    let mut objects = baseline(preview);
    objects.push(policy);
    let config = previews(preview);
    let Answer { code, stderr, .. } = render(&objects, &config);
    assert_eq!(code, Some(0), "{stderr}");
    stderr
}

fn from(source: &Value) -> Value {
    let spec = json!({"selector": {"matchLabels": {"app": "web"}}, "rules": [{"from": [{"source": source}]}]});
    object("security.istio.io", "AuthorizationPolicy", "shop", "web-callers", &spec)
}

#[track_caller]
fn assert_named(stderr: &str, preview: &str, policy: &str) {
    let wanted = format!(
        "warning[access-narrowed]: Gateway {preview}/preview may not call Deployment shop/web"
    );
    assert!(stderr.contains(&wanted), "{wanted}\n{stderr}");
    assert!(stderr.contains(&format!("refused by {policy}")), "{stderr}");
    assert_eq!(stderr.matches("[access-narrowed]").count(), 1, "{stderr}");
}

#[test]
fn an_authorization_policy_that_knows_the_public_gateway_alone_is_named() {
    let policy = "AuthorizationPolicy shop/web-callers";
    let principal = json!({"principals": ["cluster.local/ns/ingress/sa/public-istio"]});
    assert_named(&rendered("ingress", from(&principal)), "ingress", policy);
    assert_named(&rendered("edge", from(&principal)), "edge", policy);
    let namespaces = json!({"namespaces": ["ingress"]});
    assert_named(&rendered("edge", from(&namespaces)), "edge", policy);
    for (preview, source) in [
        ("ingress", namespaces),
        ("edge", json!({"namespaces": ["ingress", "edge"]})),
        ("ingress", json!({"principals": ["cluster.local/ns/ingress/sa/*"]})),
    ] {
        let stderr = rendered(preview, from(&source));
        assert!(!stderr.contains("[access-narrowed]"), "{preview} {source}\n{stderr}");
    }
}

#[test]
fn a_network_policy_that_lets_in_the_public_gateway_alone_is_named() {
    let of_namespace = |pods: Option<Value>| {
        let mut peer = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}});
        if let Some(pods) = pods {
            peer["podSelector"] = json!({"matchLabels": pods});
        }
        let spec =
            json!({"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{"from": [peer]}]});
        object("networking.k8s.io", "NetworkPolicy", "shop", "fence", &spec)
    };
    assert_named(&rendered("edge", of_namespace(None)), "edge", "NetworkPolicy shop/fence");
    let stderr = rendered("ingress", of_namespace(None));
    assert!(!stderr.contains("[access-narrowed]"), "{stderr}");
    let of_one = json!({"gateway.networking.k8s.io/gateway-name": "public"});
    assert_named(
        &rendered("ingress", of_namespace(Some(of_one))),
        "ingress",
        "NetworkPolicy shop/fence",
    );
}

/// A server of an Istio Gateway may have the preview's host and read no request, or answer each with a redirect.
#[test]
fn a_server_of_istio_that_reads_no_requests_or_only_redirects_is_named_and_gives_no_url() {
    let server = |number: u16, protocol: &str, tls: Value| {
        let port = json!({"number": number, "name": format!("p{number}"), "protocol": protocol});
        json!({"port": port, "hosts": ["*.preview.example.com"], "tls": tls})
    };
    let rendered = |servers: &[Value]| {
        let istio = "networking.istio.io";
        let mut objects = baseline("edge");
        objects.truncate(3);
        objects.extend([
            object(istio, "Gateway", "edge", "preview", &json!({"servers": servers})),
            object(
                istio,
                "VirtualService",
                "shop",
                "web",
                &json!({
                    "hosts": ["shop.example.com"], "gateways": ["ingress/public"],
                    "http": [{"route": [{"destination": {"host": "web"}}]}]
                }),
            ),
        ]);
        let answer = render(&objects, &previews("edge"));
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        answer
    };
    let redirect = server(80, "HTTP", json!({"httpsRedirect": true}));
    let through = server(443, "TLS", json!({"mode": "PASSTHROUGH"}));
    let tls = server(8443, "HTTPS", json!({"mode": "SIMPLE", "credentialName": "cert"}));
    for (refused, why) in [
        (vec![redirect.clone()], "sends every client on to HTTPS"),
        (vec![through.clone()], "passes TLS through"),
        (vec![redirect.clone(), through.clone()], "sends every client on to HTTPS"),
        (vec![server(443, "HTTPS", json!({"mode": "AUTO_PASSTHROUGH"}))], "passes TLS through"),
        (vec![server(443, "TLS", json!({"mode": "SIMPLE"}))], "speaks TLS"),
        (vec![server(80, "tcp", json!({}))], "speaks tcp"),
        (vec![server(80, "MONGO", json!({}))], "speaks MONGO"),
    ] {
        let stderr = rendered(&refused).stderr;
        let wanted = "[entry-not-cloned]: the listener of Gateway edge/preview for hosts such as preview.preview.example.com ";
        assert!(stderr.contains(&format!("{wanted}{why}")), "{why}\n{stderr}");
    }
    for (servers, url) in [
        (vec![redirect, through, tls.clone()], "https://pr-1.preview.example.com:8443/"),
        (vec![server(80, "HTTP", json!({}))], "http://pr-1.preview.example.com/"),
        (vec![tls], "https://pr-1.preview.example.com:8443/"),
    ] {
        let answer = rendered(&servers);
        assert!(!answer.stderr.contains("[entry-not-cloned]"), "{}", answer.stderr);
        assert!(answer.stdout.contains(&format!("PREVIEW_URL: {url}")), "{url}");
    }
}
