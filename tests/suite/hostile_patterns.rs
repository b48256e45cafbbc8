//! Hostile patterns: small policies and routes with patterns that are slow to compare, or that are compared with many
//! values. Each baseline is compiled or refused, in the time and memory of [`hostile`](super::hostile).

use serde_json::{Value, json};

use super::hostile::{COUNT, assert_ends, compile, pair};

const ONE: &str = "    services: [{name: s0, image: \"x/s0:2\"}]\n";
const ENTRY: &str = "  routing: {entries: [{gateway: {namespace: infra, name: gw}, host: \"{host}-{preview}.p.example.com\"}]}\n";

fn list(count: usize, one: impl Fn(usize) -> Value) -> Vec<Value> {
    (0..count).map(one).collect()
}

fn document(object: &Value) -> String {
    format!("{object}\n---\n")
}

/// A service with a policy of these rules.
fn with_rules(rules: &Value) -> String {
    pair("s0")
        + &document(&json!({
            "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {"name": "a", "namespace": "shop"}, "spec": {"action": "ALLOW", "rules": rules}
        }))
}

/// A VirtualService of one host that allows an origin.
fn with_origin(index: usize, origin: &Value) -> String {
    document(&json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": format!("v{index}"), "namespace": "shop"},
        "spec": {"hosts": [format!("h{index}.example.com")], "gateways": ["infra/gw"], "http": [
            {"route": [{"destination": {"host": "s0"}}], "corsPolicy": {"allowOrigins": [origin]}}
        ]}
    }))
}

fn source(principals: &[String]) -> Value {
    json!({"source": {"principals": principals}})
}

#[test]
fn a_path_template_with_many_operators_ends_in_time() {
    let template = format!("/{}b", "{**}a".repeat(30));
    let rules = json!([
        {"from": [{"source": {"namespaces": ["shop"]}}],
         "to": [{"operation": {"paths": [template, format!("/{}", "a".repeat(200))]}}]},
        {"from": [source(&["cluster.local/ns/shop/sa/x".to_owned()])],
         "to": [{"operation": {"paths": ["/z"]}}]}
    ]);
    assert_ends("many operators", ONE, &with_rules(&rules));
}

#[test]
fn sources_times_operations_of_a_rule_end_in_time() {
    let rules = json!([{
        "from": list(500, |index| source(&[format!("*x{index}*")])),
        "to": list(3 * COUNT, |index| json!({"operation": {"paths": [format!("/p{index}*")]}}))
    }]);
    assert_ends("sources and operations", ONE, &with_rules(&rules));
    let by_address =
        |index| json!({"source": {"ipBlocks": [format!("10.0.{}.{}", index / 250, index % 250)]}});
    let rules = json!([
        {"from": list(COUNT, by_address),
         "to": list(COUNT, |index| json!({"operation": {"paths": [format!("/p{index}")]}}))},
        {"from": [{"source": {"namespaces": ["shop"]}}], "to": [{"operation": {"paths": ["/z"]}}]}
    ]);
    assert_ends("addresses and operations", ONE, &with_rules(&rules));
}

#[test]
fn conditions_that_multiply_are_refused_for_the_rules_that_they_become() {
    let two = ["t0/ns/shop/sa/x", "t1/ns/shop/sa/x"];
    let rules = json!([{
        "from": [{"source": {"namespaces": ["shop"]}}],
        "when": list(40, |_| json!({"key": "source.principal", "values": two}))
    }]);
    let words = assert_ends("conditions", ONE, &with_rules(&rules));
    assert!(words.contains("more than 512 rules for previews"), "{words:.300}");
}

#[test]
fn label_patches_of_many_previews_are_compared_with_policies_once() {
    let policy = |index| {
        let principals: Vec<String> =
            (0..20).map(|one| format!("cluster.local/ns/shop/sa/s{one}")).collect();
        document(&json!({
            "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {"name": format!("a{index}"), "namespace": "shop"},
            "spec": {"selector": {"matchLabels": {"n": "x"}}, "rules": [
                {"from": [source(&principals)], "to": [{"operation": {"paths": ["/a", "/b", "/c"]}}]}
            ]}
        }))
    };
    let mut baseline: String = (0..50).map(policy).collect();
    for index in 0..20 {
        let name = format!("s{index}");
        let labels = format!("labels: {{app: {name}");
        baseline += &pair(&name).replacen(&labels, &format!("{labels}, n: x"), 1);
    }
    let patched = |preview: usize, index: usize| {
        let patch = format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: s{index}}}, spec: {{template: {{metadata: {{labels: {{n: y{preview}}}}}}}}}}}"
        );
        format!("{{name: s{index}, image: \"x/a:2\", patches: [{{patch: '{patch}'}}]}}, ")
    };
    let services = |preview| (0..20).map(|index| patched(preview, index)).collect::<String>();
    let one = |preview| format!("    services: [{}]\n", services(preview));
    let mut previews = one(1);
    for preview in 2..30 {
        previews += &format!("  - name: pr-{preview}\n{}", one(preview));
    }
    assert_ends("label patches", &previews, &baseline);
}

#[test]
fn regular_expressions_of_routes_are_compiled_once_and_have_a_size() {
    let plain = json!({"regex": "https://[a-z0-9-]+\\.internal\\.example\\.org"});
    let routes: String = (0..COUNT).map(|index| with_origin(index, &plain)).collect();
    assert_ends("one harmless expression", &with_entry(ONE), &(pair("s0") + &routes));
    let costly = |index: usize| json!({"regex": format!("(.{{1,1000}}){{1,20}}{index}")});
    let routes: String = (0..100).map(|index| with_origin(index, &costly(index))).collect();
    let words = assert_ends("costly expressions", &with_entry(ONE), &(pair("s0") + &routes));
    assert!(
        words.contains("allows origins by a regular expression that cannot be read"),
        "{words}"
    );
    let other = |index: usize| json!({"regex": format!("(a|b)*a(a|b){{60}}{index}")});
    let routes: String = (0..COUNT).map(|index| with_origin(index, &other(index))).collect();
    assert_ends("an expression of each route", &with_entry(ONE), &(pair("s0") + &routes));
    let route = document(&json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "v", "namespace": "shop"},
        "spec": {
            "hosts": list(COUNT / 10, |index| json!(format!("h{index}.example.com"))),
            "gateways": ["infra/gw"],
            "http": list(COUNT / 10, |index| json!({
                "match": [{"authority": {"regex": format!("(.{{1,1000}}){{1,20}}{index}")}}],
                "route": [{"destination": {"host": "s0"}}]
            }))
        }
    }));
    let words = assert_ends("hosts and expressions", &with_entry(ONE), &(pair("s0") + &route));
    assert!(words.contains("cannot be read"), "{words:.300}");
}

#[test]
fn hosts_times_origins_are_counted_against_the_limit_of_pairs() {
    let star = |index: usize| json!({"prefix": format!("https://z{index}.")});
    let routes: String = (0..COUNT).map(|index| with_origin(index, &star(index))).collect();
    let baseline = pair("s0") + &routes;
    assert_ends("origins", &with_entry(ONE), &baseline);
    let (answer, _) = compile(&with_entry(ONE), &baseline, &["--max-pairs", "1000"]);
    assert_eq!(answer.code, Some(1), "{:.300}", answer.stderr);
    assert!(answer.stderr.contains("or raise --max-pairs"), "{:.300}", answer.stderr);
}

/// What `one` says, after the entry of the set. The list of previews ends and `spec` goes on.
fn with_entry(one: &str) -> String {
    format!("{one}{ENTRY}")
}

#[test]
fn a_policy_of_more_trust_domains_than_can_be_tried_is_refused() {
    let sources = list(400, |index| source(&[format!("d{index}.example/ns/shop/sa/a{index}")]));
    let said = assert_ends("trust domains", ONE, &with_rules(&json!([{"from": sources}])));
    assert!(said.contains("names callers of 401 trust domains"), "{said}");
}
