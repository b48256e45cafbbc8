//! A patch of a pod's labels takes no copy out of what holds for its original, and lets it in nowhere.

use serde_json::{Value, json};

use super::orchestrator::{Answer, render};
use super::policies::service;

const SERVICES: [&str; 3] = ["cart", "reco", "web"];

/// Three services; the pods of cart have the label `tier: restricted` as well.
fn baseline() -> Vec<Value> {
    let mut all = vec![json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}
    })];
    for name in SERVICES {
        let mut labels = json!({"app": name});
        if name == "cart" {
            labels["tier"] = json!("restricted");
        }
        all.extend(service(name, &labels));
    }
    all
}

fn istio(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": kind,
        "metadata": {"name": name, "namespace": "shop"}, "spec": spec
    })
}

fn network(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop"}, "spec": spec
    })
}

fn restricted() -> Value {
    json!({"matchLabels": {"tier": "restricted"}})
}

fn all_of(app: &str) -> Value {
    json!({"matchLabels": {"app": app}})
}

/// Previews, each with cart and with these labels of its pods.
fn previews(labels: &str, count: usize) -> String {
    let mut text = "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nmetadata: {name: shop}\n\
                    spec:\n  baseline: {namespace: shop}\n  previews:\n"
        .to_owned();
    for index in 1..=count {
        text += &format!(
            "  - name: pr-{index}\n    services:\n    - name: cart\n      image: ghcr.io/shop/cart:v2\n      patches:\n\
             \x20     - patch: |\n\
             \x20         {{apiVersion: apps/v1, kind: Deployment, metadata: {{name: cart}}, spec: {{template: {{metadata: {{labels: {labels}}}}}}}}}\n"
        );
    }
    text
}

fn patched(policies: &[Value], labels: &str) -> Answer {
    let mut objects = baseline();
    objects.extend(policies.iter().cloned());
    render(&objects, &previews(labels, 1))
}

/// The words of a run that must be refused as the copy would gain something.
#[track_caller]
fn gains(policies: &[Value], labels: &str, what: &str) {
    let stderr = patched(policies, labels).failed();
    let wanted = format!(
        "error[access-widened]: with the labels that a patch gives to its pods, the copy of Deployment shop/cart {what}"
    );
    assert!(stderr.contains(&wanted), "{wanted}\n{stderr}");
}

#[track_caller]
fn gains_nothing(policies: &[Value], labels: &str) {
    let Answer { code, stderr, .. } = patched(policies, labels);
    assert!(code == Some(0) && !stderr.contains("access-"), "{stderr}");
}

#[test]
fn a_patch_that_takes_a_copy_out_of_a_deny_is_refused() {
    let spec = json!({
        "action": "DENY", "selector": restricted(),
        "rules": [{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/reco"]}}]}]
    });
    let policies = [istio("AuthorizationPolicy", "no-reco", &spec)];
    let what = "may be called by `shop/reco` (GET /), and its original may not: by AuthorizationPolicy shop/no-reco";
    gains(&policies, "{tier: null}", what);
    gains(&policies, "{tier: free}", what);
    gains_nothing(&policies, "{team: cart}");
}

#[test]
fn a_patch_that_takes_a_copy_out_of_its_only_allow_is_refused() {
    let only_web = json!({
        "selector": restricted(),
        "rules": [{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/web"]}}]}]
    });
    let mut policies = vec![istio("AuthorizationPolicy", "only-web", &only_web)];
    let what = "may be called by a caller in plain text (GET /), and its original may not: by AuthorizationPolicy shop/only-web";
    gains(&policies, "{tier: null}", what);
    // Another that says the same holds on.
    let mut same = only_web.clone();
    same["selector"] = all_of("cart");
    policies.push(istio("AuthorizationPolicy", "same", &same));
    gains_nothing(&policies, "{tier: null}");
    // With one that says less, web is refused, which is no danger.
    same["rules"][0]["to"] = json!([{"operation": {"methods": ["GET"]}}]);
    policies[1] = istio("AuthorizationPolicy", "less", &same);
    let Answer { code, stderr, .. } = patched(&policies, "{tier: null}");
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("warning[access-narrowed]: with the labels"), "{stderr}");
    assert!(stderr.contains("may not be called by `shop/web`"), "{stderr}");
}

#[test]
fn a_patch_that_puts_a_copy_under_an_allow_of_others_is_refused() {
    let of = |app: &str, caller: &str| {
        json!({
            "selector": all_of(app),
            "rules": [{"from": [{"source": {"principals": [format!("cluster.local/ns/shop/sa/{caller}")]}}]}]
        })
    };
    let public = json!({"selector": {"matchLabels": {"public": "yes"}}, "rules": [{}]});
    let policies = [
        istio("AuthorizationPolicy", "cart", &of("cart", "web")),
        istio("AuthorizationPolicy", "public", &public),
    ];
    // No copy in the preview is public, so the policy is not there.
    gains_nothing(&policies, "{public: 'yes'}");
    let mut root = policies[1].clone();
    root["metadata"]["namespace"] = json!("istio-system");
    let what = "may be called by a caller in plain text (GET /), and its original may not: by AuthorizationPolicy istio-system/public";
    gains(&[policies[0].clone(), root], "{public: 'yes'}", what);
}

#[test]
fn a_patch_that_takes_a_copy_out_of_strict_mutual_tls_is_refused() {
    let strict = json!({"selector": restricted(), "mtls": {"mode": "STRICT"}});
    let policies = [istio("PeerAuthentication", "strict", &strict)];
    let what =
        "takes calls in plain text, and its original does not: by PeerAuthentication shop/strict";
    gains(&policies, "{tier: null}", what);
    // The whole namespace is strict.
    let all = istio("PeerAuthentication", "default", &json!({"mtls": {"mode": "STRICT"}}));
    gains_nothing(&[policies[0].clone(), all], "{tier: null}");
    let ports = json!({
        "selector": restricted(), "mtls": {"mode": "PERMISSIVE"},
        "portLevelMtls": {"8443": {"mode": "STRICT"}}
    });
    let what = "takes calls in plain text at port 8443, and its original does not: by PeerAuthentication shop/ports";
    gains(&[istio("PeerAuthentication", "ports", &ports)], "{tier: null}", what);
}

#[test]
fn a_patch_that_takes_a_copy_out_of_a_check_of_tokens_is_refused() {
    let spec = json!({
        "selector": restricted(),
        "jwtRules": [{"issuer": "https://issuer.example", "jwksUri": "https://issuer.example/keys"}]
    });
    let policies = [istio("RequestAuthentication", "tokens", &spec)];
    let what = "takes tokens that nobody has signed, and its original does not: by RequestAuthentication shop/tokens";
    gains(&policies, "{tier: null}", what);
}

#[test]
fn a_patch_that_takes_a_copy_out_of_a_network_policy_is_refused() {
    let from_web = json!([{"from": [{"podSelector": all_of("web")}]}]);
    let fence = network("fence", &json!({"podSelector": restricted(), "ingress": from_web}));
    let policies = [fence.clone()];
    let what =
        "may be connected to by anything, and its original may not: by NetworkPolicy shop/fence";
    gains(&policies, "{tier: null}", what);
    // What lets everything through holds nobody.
    let open = network("fence", &json!({"podSelector": restricted(), "ingress": [{}]}));
    gains_nothing(&[open], "{tier: null}");
    // Another closes it as well, and lets the same through.
    let again = network("again", &json!({"podSelector": all_of("cart"), "ingress": from_web}));
    gains_nothing(&[fence.clone(), again], "{tier: null}");
    let all = network("all", &json!({"podSelector": {}}));
    gains_nothing(&[fence, all], "{tier: null}");
    let egress = network(
        "egress",
        &json!({
            "podSelector": restricted(), "policyTypes": ["Egress"],
            "egress": [{"to": [{"podSelector": all_of("reco")}], "ports": [{"port": 80}]}]
        }),
    );
    let what = "may connect to anything, and its original may not: by NetworkPolicy shop/egress";
    gains(&[egress], "{tier: null}", what);
}

#[test]
fn a_patch_that_gives_a_copy_the_label_of_those_who_are_let_in_is_refused() {
    let trusted = json!({"matchLabels": {"trusted": "yes"}});
    let into_reco = |from: &Value| {
        let ingress = json!([{"from": from, "ports": [{"port": 80}]}]);
        network("reco-callers", &json!({"podSelector": all_of("reco"), "ingress": ingress}))
    };
    let everywhere = json!([{"namespaceSelector": {}, "podSelector": trusted}]);
    let what =
        "may connect to pods to which its original may not: by NetworkPolicy shop/reco-callers";
    gains(&[into_reco(&everywhere)], "{trusted: 'yes'}", what);
    gains_nothing(&[into_reco(&everywhere)], "{trusted: 'no'}");
    // The original is let in by another label.
    let both =
        json!([{"namespaceSelector": {}, "podSelector": trusted}, {"podSelector": all_of("cart")}]);
    gains_nothing(&[into_reco(&both)], "{trusted: 'yes'}");
    // Pods of the namespace alone are meant, and no copy that a preview has.
    gains_nothing(&[into_reco(&json!([{"podSelector": trusted}]))], "{trusted: 'yes'}");
}

#[test]
fn a_patch_that_gives_a_copy_the_account_of_another_is_refused_where_that_may_call_more() {
    let spec = json!({
        "selector": all_of("reco"),
        "rules": [{"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/web"]}}]}]
    });
    let mut objects = baseline();
    objects.push(istio("AuthorizationPolicy", "reco-callers", &spec));
    let with = |account: &str| {
        let labels = "{team: cart}}, spec: {serviceAccountName: ACCOUNT";
        let config = previews(&labels.replace("ACCOUNT", account), 2);
        render(&objects, &config)
    };
    let stderr = with("web").failed();
    let wanted = "error[access-widened]: with the account `web` that a patch gives to its pods, the copy of Deployment shop/cart \
                  may call Deployment shop/reco (GET /), and its original may not: by AuthorizationPolicy shop/reco-callers";
    assert!(stderr.contains(wanted), "{stderr}");
    assert_eq!(stderr.matches("[access-widened]").count(), 1, "{stderr}");
    let Answer { code, stderr, .. } = with("reco");
    assert!(code == Some(0) && !stderr.contains("[access-"), "{stderr}");
}

#[test]
fn what_many_previews_write_alike_is_said_once_at_the_first() {
    let mut objects = baseline();
    let strict = json!({"selector": restricted(), "mtls": {"mode": "STRICT"}});
    objects.push(istio("PeerAuthentication", "strict", &strict));
    let stderr = render(&objects, &previews("{tier: null}", 100)).failed();
    assert_eq!(stderr.matches("error[access-widened]").count(), 1, "{stderr}");
    assert!(stderr.contains("leave `tier` of its pods as the original has it"), "{stderr}");
}
