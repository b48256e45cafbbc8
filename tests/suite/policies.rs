//! Policies hold for previews as for the baseline: random ones, judged by an evaluator of its own, and what only some
//! show.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::access::{Request, World};
use super::dice::Dice;
use super::orchestrator::{Answer, function, render};
use super::schema::documents;

const SERVICES: [&str; 3] = ["cart", "reco", "web"];
/// The last may be the mesh's own, which no policy names.
const TRUSTS: [&str; 3] = ["cluster.local", "mesh.example", "own.example"];

/// A service of the namespace `shop` with an account of its own, whose pods have these labels.
pub(crate) fn service(name: &str, labels: &Value) -> [Value; 3] {
    let metadata = json!({"name": name, "namespace": "shop"});
    let pod = json!({
        "metadata": {"labels": labels},
        "spec": {
            "serviceAccountName": name,
            "containers": [{"name": "server", "image": format!("ghcr.io/shop/{name}:v1")}]
        }
    });
    [
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80}]}
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"selector": {"matchLabels": {"app": name}}, "template": pod}
        }),
    ]
}

fn baseline() -> Vec<Value> {
    let mut all = vec![json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}
    })];
    for name in SERVICES {
        all.extend(service(name, &json!({"app": name})));
    }
    all
}

/// A previews.yaml in which each preview changes these services.
fn previews(changed: &[Vec<&str>]) -> String {
    let mut text = "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nmetadata: {name: shop}\n\
                    spec:\n  baseline: {namespace: shop}\n  previews:\n"
        .to_owned();
    for (index, services) in changed.iter().enumerate() {
        text += &format!("  - name: pr-{}\n    services:\n", index + 1);
        for name in services {
            text += &format!("    - {{name: {name}, image: 'ghcr.io/shop/{name}:v2'}}\n");
        }
    }
    text
}

fn policy(name: &str, namespace: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
        "metadata": {"name": name, "namespace": namespace}, "spec": spec
    })
}

/// A policy for cart with one source.
fn of_cart(action: &str, source: &Value) -> Value {
    let spec = json!({
        "action": action, "selector": {"matchLabels": {"app": "cart"}},
        "rules": [{"from": [{"source": source}]}]
    });
    policy("cart-callers", "shop", &spec)
}

/// What random policies are made of.
struct Maker {
    dice: Dice,
    /// Whether a policy may have to be refused: it excludes callers, or stands in the root namespace.
    is_hard: bool,
}

impl Maker {
    fn some(&mut self, items: &[&str]) -> Vec<String> {
        let count = 1 + self.dice.roll(2);
        (0..count).map(|_| self.dice.pick(items).to_owned()).collect()
    }

    fn principals(&mut self) -> Vec<String> {
        self.some(&[
            "cluster.local/ns/shop/sa/web",
            "cluster.local/ns/shop/sa/reco",
            "mesh.example/ns/shop/sa/web",
            "cluster.local/ns/edge/sa/gateway",
            "*/ns/shop/sa/cart",
            "*/sa/web",
            "*eco",
            "cluster.local/ns/shop/*",
            "cluster.local/ns/shop/sa/we*",
            "mesh.example/*",
            "*",
        ])
    }

    fn namespaces(&mut self) -> Vec<String> {
        self.some(&["shop", "edge", "sho*", "*op", "*", "other"])
    }

    fn accounts(&mut self) -> Vec<String> {
        self.some(&["shop/web", "reco", "edge/gateway", "shop/cart"])
    }

    fn source(&mut self) -> Value {
        let mut source = json!({});
        if self.dice.one_in(4) {
            source["serviceAccounts"] = json!(self.accounts());
        } else {
            if self.dice.one_in(2) {
                source["principals"] = json!(self.principals());
            }
            if source.get("principals").is_none() || self.dice.one_in(4) {
                source["namespaces"] = json!(self.namespaces());
            }
        }
        if self.dice.one_in(8) {
            let list = self.dice.pick(&["trustDomains", "notTrustDomains"]);
            source[list] =
                json!(self.some(&["cluster.local", "mesh.example", "*.example", "third.*"]));
        }
        if self.dice.one_in(6) {
            self.is_hard = true;
            source = match self.dice.roll(3) {
                0 => json!({"notPrincipals": self.principals()}),
                1 => json!({"notNamespaces": self.namespaces()}),
                _ => json!({"notServiceAccounts": self.accounts()}),
            };
        }
        source
    }

    fn rule(&mut self) -> Value {
        let mut rule = json!({});
        if !self.dice.one_in(4) {
            let sources = 1 + self.dice.roll(2);
            let from: Vec<Value> = (0..sources).map(|_| json!({"source": self.source()})).collect();
            rule["from"] = json!(from);
        }
        if self.dice.one_in(2) {
            let operation = match self.dice.roll(4) {
                0 => json!({"methods": ["GET"]}),
                1 => json!({"paths": ["/admin/*"]}),
                2 => json!({"notPaths": ["/admin/*"], "methods": ["GET", "POST"]}),
                _ => json!({"hosts": ["cart", "cart.*"]}),
            };
            rule["to"] = json!([{"operation": operation}]);
        }
        if self.dice.one_in(3) {
            let (key, values) = match self.dice.roll(4) {
                0 => ("source.namespace", self.namespaces()),
                1 => ("source.principal", self.principals()),
                2 => ("source.serviceAccount", self.accounts()),
                _ => ("request.headers[x-tier]", vec!["gold".to_owned()]),
            };
            let list = if self.dice.one_in(5) { "notValues" } else { "values" };
            self.is_hard |= list == "notValues" && key.starts_with("source");
            rule["when"] = json!([{"key": key, list: values}]);
        }
        rule
    }

    fn policy(&mut self, name: &str) -> Value {
        let action = self.dice.pick(&["ALLOW", "ALLOW", "ALLOW", "DENY", "AUDIT"]);
        let count = self.dice.roll(3);
        let rules: Vec<Value> = (0..count).map(|_| self.rule()).collect();
        let mut spec = json!({"action": action, "rules": rules});
        if !self.dice.one_in(4) {
            spec["selector"] = json!({"matchLabels": {"app": self.dice.pick(&SERVICES)}});
        }
        let is_root = self.dice.one_in(8);
        self.is_hard |= is_root;
        policy(name, if is_root { "istio-system" } else { "shop" }, &spec)
    }
}

const REQUESTS: [Request<'static>; 6] = [
    Request { method: "GET", path: "/", host: "cart", tier: None },
    Request { method: "POST", path: "/", host: "cart.shop.svc.cluster.local", tier: None },
    Request { method: "GET", path: "/admin/x", host: "other", tier: Some("gold") },
    Request { method: "POST", path: "/admin/x", host: "cart", tier: None },
    Request { method: "PUT", path: "/", host: "other", tier: Some("gold") },
    Request { method: "GET", path: "/", host: "other", tier: Some("tin") },
];

/// Compares who may call what before and after, for all callers of the baseline, of previews and of elsewhere.
fn assert_alike(before: &World, after: &World, changed: &[Vec<&str>], words: &str) {
    let outside = [("edge", "gateway"), ("other", "web"), ("xpr-1", "reco"), ("edge", "reco")];
    for callee in SERVICES {
        let copies = changed.iter().enumerate().filter(|(_, some)| some.contains(&callee));
        let places = copies.map(|(index, _)| format!("pr-{}", index + 1));
        for place in places.chain(["shop".to_owned()]) {
            for request in REQUESTS {
                let same = |was: Option<[&str; 3]>, is: Option<[&str; 3]>| {
                    let old = before.allows(was, ["shop", callee], &request);
                    let new = after.allows(is, [&place, callee], &request);
                    assert_eq!(new, old, "{is:?} to {callee}.{place}: {request:?}\n{words}");
                };
                same(None, None);
                for trust in TRUSTS {
                    for (namespace, account) in outside {
                        let caller = Some([trust, namespace, account]);
                        same(caller, caller);
                    }
                    for caller in SERVICES.into_iter().filter(|caller| *caller != callee) {
                        let was = Some([trust, "shop", caller]);
                        same(was, was);
                        for (index, some) in changed.iter().enumerate() {
                            if some.contains(&caller) {
                                let namespace = format!("pr-{}", index + 1);
                                same(was, Some([trust, &namespace, caller]));
                            }
                        }
                    }
                }
            }
        }
    }
}

fn world(objects: &[Value], output: &str) -> World {
    World(objects.iter().cloned().chain(documents(output)).collect())
}

#[test]
fn with_random_policies_previews_may_do_and_be_asked_just_what_the_baseline_may() {
    let [mut accepted, mut refused] = [0; 2];
    for case in 0..120 {
        let mut maker = Maker { dice: Dice(case), is_hard: false };
        let mut objects = baseline();
        let count = 1 + maker.dice.roll(3);
        let policies: Vec<Value> =
            (0..count).map(|index| maker.policy(&format!("policy-{index}"))).collect();
        objects.extend(policies.clone());
        let changed: Vec<Vec<&str>> = (0..1 + maker.dice.roll(2))
            .map(|_| {
                let mut some: Vec<&str> = SERVICES.to_vec();
                some.retain(|_| maker.dice.one_in(2));
                if some.is_empty() { vec!["web"] } else { some }
            })
            .collect();
        let words = format!("case {case}, changed {changed:?}: {}", json!(policies));
        let Answer { code, stdout, stderr } = render(&objects, &previews(&changed));
        assert!(!stderr.contains("[access-"), "{words}\n{stderr}");
        if code == Some(0) {
            accepted += 1;
            let words = format!("{words}\n{stdout}");
            assert_alike(&World(objects.clone()), &world(&objects, &stdout), &changed, &words);
        } else {
            refused += 1;
            assert!(maker.is_hard, "nothing of it needs to be refused: {words}\n{stderr}");
            assert!(
                stderr.contains("error[policy-unlike]: AuthorizationPolicy"),
                "{words}\n{stderr}"
            );
        }
    }
    assert!(accepted > 60 && refused > 5, "{accepted} accepted, {refused} refused");
}

/// The rules that a refusal shows.
fn shown_rules(stderr: &str) -> Value {
    let (_, behind) = stderr.split_once("by these rules:\n").expect("the rules are shown");
    let lines = behind.lines().take_while(|line| !line.trim().is_empty());
    let indent = " ".repeat(behind.len() - behind.trim_start().len());
    let text: Vec<&str> = lines.map(|line| line.strip_prefix(&indent).unwrap_or(line)).collect();
    documents(&text.join("\n")).remove(0)["rules"].clone()
}

#[test]
fn what_a_refusal_tells_to_write_is_accepted_and_right() {
    let changed = [vec!["reco", "web"], vec!["cart"]];
    for (action, source) in [
        ("DENY", json!({"notNamespaces": ["shop", "edge"]})),
        ("DENY", json!({"notPrincipals": ["cluster.local/ns/shop/sa/web"]})),
        ("DENY", json!({"notServiceAccounts": ["web", "edge/gateway"]})),
        ("ALLOW", json!({"notPrincipals": ["cluster.local/ns/shop/sa/reco"]})),
        ("ALLOW", json!({"notNamespaces": ["shop"]})),
        ("ALLOW", json!({"notServiceAccounts": ["shop/reco"]})),
    ] {
        let mut objects = baseline();
        objects.push(of_cart(action, &source));
        let before = World(objects.clone());
        let stderr = render(&objects, &previews(&changed)).failed();
        assert!(stderr.contains("AuthorizationPolicy shop/cart-callers"), "{stderr}");
        let policy = objects.last_mut().expect("it was added");
        policy["spec"]["rules"] = shown_rules(&stderr);
        let output = render(&objects, &previews(&changed)).ok();
        let words = format!("{action} {source}\n{output}");
        assert_alike(&before, &world(&objects, &output), &changed, &words);
    }
}

#[test]
fn what_stands_beside_policies_is_the_same_with_any_number_of_previews() {
    let mut objects = baseline();
    objects.push(of_cart("ALLOW", &json!({"principals": ["cluster.local/ns/shop/sa/web"]})));
    let added = |count: usize| -> Vec<Value> {
        let output = render(&objects, &previews(&vec![vec!["web"]; count])).ok();
        let is_added = |one: &Value| {
            one["kind"] == "AuthorizationPolicy" && one["metadata"]["namespace"] == "shop"
        };
        documents(&output).into_iter().filter(is_added).collect()
    };
    let one = added(1);
    assert_eq!(one[0]["metadata"]["name"], "cart-callers.anabranch.shop");
    assert_eq!(added(5), one);
    // Where no preview changes a caller, nothing has to be let in.
    let output = render(&objects, &previews(&[vec!["cart"]])).ok();
    let names: BTreeSet<String> = documents(&output)
        .iter()
        .filter(|one| one["kind"] == "AuthorizationPolicy")
        .map(|one| one["metadata"]["namespace"].to_string())
        .collect();
    assert_eq!(names, BTreeSet::from(["\"pr-1\"".to_owned()]));
}

#[test]
fn a_second_run_knows_what_the_first_has_added_to_policies() {
    let mut objects = baseline();
    objects.push(of_cart("ALLOW", &json!({"namespaces": ["shop"]})));
    let config = previews(&[vec!["web", "cart"]]);
    let list = |items: &Value| {
        let config: Value = documents(&config).remove(0);
        json!({
            "apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList",
            "items": items, "functionConfig": config
        })
        .to_string()
    };
    let items = |answer: &str| documents(answer).remove(0)["items"].clone();
    let once = items(&function(&list(&json!(objects))).ok());
    let added = |items: &Value| items.to_string().matches("cart-callers.anabranch.shop").count();
    assert_eq!(added(&once), 1, "{once}");
    assert_eq!(items(&function(&list(&once)).ok()), once);
    let none =
        config.replace(&config[config.find("  previews:").expect("it has")..], "  previews: []\n");
    let config: Value = documents(&none).remove(0);
    let without = json!({
        "apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList",
        "items": once, "functionConfig": config
    });
    assert_eq!(added(&items(&function(&without.to_string()).ok())), 0);
}

#[test]
fn what_istio_only_notes_neither_adds_nor_refuses_anything() {
    let mut objects = baseline();
    let mut policy = of_cart("DENY", &json!({"notNamespaces": ["shop"]}));
    policy["metadata"]["annotations"] = json!({"istio.io/dry-run": "true"});
    objects.push(policy);
    let output = render(&objects, &previews(&[vec!["web", "cart"]])).ok();
    let made: Vec<Value> =
        documents(&output).into_iter().filter(|one| one["kind"] == "AuthorizationPolicy").collect();
    assert_eq!(made.len(), 1, "{output}");
    assert_eq!(made[0]["metadata"]["annotations"]["istio.io/dry-run"], "true");
    assert_eq!(
        made[0]["spec"]["rules"][0]["from"][0]["source"]["notNamespaces"],
        json!(["shop", "pr-*"])
    );
}

/// Copies have hosts of their own, so what another namespace says about the original's host passes them by.
#[test]
fn a_destination_rule_of_another_namespace_for_originals_alone_is_named() {
    let is_named = |namespace: &str, host: &str, spec: Value| {
        let mut rule = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
            "metadata": {"name": "one", "namespace": namespace}, "spec": spec
        });
        rule["spec"]["host"] = json!(host);
        let mut objects = baseline();
        objects.push(rule);
        let Answer { code, stderr, .. } =
            render(&objects, &previews(&[vec!["cart"], vec!["cart"]]));
        assert_eq!(code, Some(0), "{stderr}");
        let wanted = format!("DestinationRule {namespace}/one holds for calls of cart and not");
        assert!(stderr.matches(&wanted).count() < 2, "{stderr}");
        stderr.contains(&wanted)
    };
    let policy = || json!({"trafficPolicy": {"tls": {"mode": "SIMPLE"}}});
    let full = "cart.shop.svc.cluster.local";
    for namespace in ["istio-system", "elsewhere"] {
        assert!(is_named(namespace, full, policy()));
        assert!(is_named(namespace, "*.shop.svc.cluster.local", policy()));
        for host in ["*.local", "*.svc.cluster.local", "cart", "web.shop.svc.cluster.local"] {
            assert!(!is_named(namespace, host, policy()), "{host}");
        }
        assert!(!is_named(namespace, full, json!({"subsets": [{"name": "v1"}]})));
    }
    assert!(!is_named("shop", full, policy()));
}

#[test]
fn siblings_are_for_the_revision_of_istio_that_their_originals_are_for() {
    let mut objects = baseline();
    let mut policy = of_cart("ALLOW", &json!({"namespaces": ["shop"]}));
    policy["metadata"]["labels"] = json!({"istio.io/rev": "canary", "team": "shop"});
    objects.push(policy);
    let output = render(&objects, &previews(&[vec!["web"]])).ok();
    let sibling = documents(&output)
        .into_iter()
        .find(|one| one["metadata"]["name"] == "cart-callers.anabranch.shop")
        .expect("one is added");
    let labels = &sibling["metadata"]["labels"];
    assert_eq!(labels["istio.io/rev"], "canary");
    assert!(labels.get("team").is_none(), "{labels}");
}

/// The additions beside policies of the namespace `shop`.
fn additions(output: &str) -> Vec<Value> {
    let all = documents(output).into_iter();
    all.filter(|one| one["metadata"]["name"].to_string().contains(".anabranch.")).collect()
}

#[test]
fn a_copy_may_not_ask_its_original_what_that_may_not_ask_itself() {
    let mut objects = baseline();
    objects.push(of_cart("DENY", &json!({"namespaces": ["shop"]})));
    let output = render(&objects, &previews(&[vec!["cart"]])).ok();
    let world = world(&objects, &output);
    for caller in [["cluster.local", "shop", "cart"], ["cluster.local", "pr-1", "cart"]] {
        for request in REQUESTS {
            assert!(!world.allows(Some(caller), ["shop", "cart"], &request), "{output}");
        }
    }
    objects.pop();
    objects.push(of_cart("ALLOW", &json!({"notPrincipals": ["cluster.local/ns/shop/sa/cart"]})));
    let stderr = render(&objects, &previews(&[vec!["cart"]])).failed();
    assert!(stderr.contains("error[policy-unlike]: AuthorizationPolicy shop/cart-callers"));
}

#[test]
fn each_source_of_a_rule_is_extended_also_beside_one_that_means_everybody() {
    let mut objects = baseline();
    let spec = json!({
        "action": "DENY", "selector": {"matchLabels": {"app": "cart"}},
        "rules": [{"from": [
            {"source": {"requestPrincipals": ["*"]}},
            {"source": {"principals": ["cluster.local/ns/shop/sa/web"]}}
        ]}]
    });
    objects.push(policy("cart-callers", "shop", &spec));
    let changed = [vec!["cart", "web"]];
    let output = render(&objects, &previews(&changed)).ok();
    assert_alike(&World(objects.clone()), &world(&objects, &output), &changed, &output);
}

#[test]
fn an_item_without_a_source_means_everybody_beside_sources_too() {
    let mut objects = baseline();
    let spec = json!({
        "action": "DENY", "selector": {"matchLabels": {"app": "cart"}},
        "rules": [{
            "from": [{"source": {"requestPrincipals": ["*"]}}, {}],
            "to": [{"operation": {"methods": ["GET"]}}]
        }]
    });
    objects.push(policy("cart-callers", "shop", &spec));
    let changed = [vec!["cart", "web"]];
    let output = render(&objects, &previews(&changed)).ok();
    assert_alike(&World(objects.clone()), &world(&objects, &output), &changed, &output);
}

/// A baseline of two namespaces, of which the one's name ends in the other's: `cart` in `a-shop`, and a policy of `reco`.
fn overlapping(action: &str) -> Vec<Value> {
    let mut objects = baseline();
    for object in &mut objects {
        let is_cart = object["metadata"]["name"] == "cart";
        if is_cart {
            object["metadata"]["namespace"] = json!("a-shop");
        }
        if object["spec"]["template"]["spec"].is_object() {
            object["spec"]["template"]["spec"]["serviceAccountName"] = json!("same");
        }
    }
    let spec = json!({
        "action": action, "selector": {"matchLabels": {"app": "reco"}},
        "rules": [{"from": [{"source": {"serviceAccounts": ["a-shop/same"]}}]}]
    });
    objects.extend(["shop", "a-shop"].map(|namespace| {
        let metadata = json!({"name": "same", "namespace": namespace});
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    }));
    objects.push(json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "a-shop", "labels": {"istio-injection": "enabled"}}
    }));
    objects.push(policy("reco-callers", "shop", &spec));
    objects
}

#[test]
fn previews_of_namespaces_with_names_alike_are_not_mistaken_for_each_other() {
    let of_two = |changed: &[Vec<&str>], name: &str| {
        let both = "baseline: {namespaces: [shop, a-shop]}\n  namespace: '{preview}-{baseline}'";
        let text = previews(changed).replace("baseline: {namespace: shop}", both);
        text.replace("name: pr-1\n", &format!("name: {name}\n"))
    };
    let changed = [vec!["web", "cart"]];
    let mut objects = overlapping("DENY");
    // Of `pr-*-shop`, those for the other namespace are left out.
    let spec = &mut objects.last_mut().expect("it was added")["spec"];
    spec["rules"][0]["from"][0]["source"]["serviceAccounts"] = json!(["shop/same"]);
    let output = render(&objects, &of_two(&changed, "pr-1")).ok();
    assert_eq!(
        additions(&output)[0]["spec"]["rules"][0]["from"][0]["source"],
        json!({
            "namespaces": ["pr-*-shop"], "notNamespaces": ["pr-*-a-shop"],
            "principals": ["*/sa/same"]
        })
    );
    // `pr-1-a` for `shop` has the namespace that `pr-1` has for `a-shop`.
    let objects = overlapping("ALLOW");
    render(&objects, &of_two(&changed, "pr-1")).ok();
    let stderr = render(&objects, &of_two(&changed, "pr-1-a")).failed();
    assert!(stderr.contains("error[access-widened]: the copy of `shop/same`"), "{stderr}");
}

/// A policy of all of `shop` with rules for paths, each for one account.
fn of_paths(name: &str, action: &str, paths: std::ops::Range<usize>) -> Value {
    let rules: Vec<Value> = paths
        .map(|index| {
            let account = SERVICES[index % SERVICES.len()];
            let principal = format!("cluster.local/ns/shop/sa/{account}");
            json!({
                "from": [{"source": {"principals": [principal]}}],
                "to": [{"operation": {"paths": [format!("/{index}*")]}}]
            })
        })
        .collect();
    policy(name, "shop", &json!({"action": action, "rules": rules}))
}

#[test]
fn a_policy_that_gets_more_rules_or_sources_than_istio_takes_is_refused() {
    let changed = [vec!["web", "cart", "reco"]];
    let mut objects = baseline();
    objects.push(of_paths("paths", "ALLOW", 0..256));
    render(&objects, &previews(&changed)).ok();
    objects.pop();
    objects.push(of_paths("paths", "ALLOW", 0..257));
    let stderr = render(&objects, &previews(&changed)).failed();
    let wanted = "error[policy-unlike]: AuthorizationPolicy shop/paths would have 514 rules with those for \
                  previews: Istio takes 512";
    assert!(stderr.contains(wanted), "{stderr}");
    assert!(stderr.contains("divide its rules among two policies"), "{stderr}");

    let sources: Vec<Value> = (0..513)
        .map(|index| json!({"source": {"namespaces": ["shop"], "ipBlocks": [format!("10.0.{}.{}", index / 256, index % 256)]}}))
        .collect();
    objects.pop();
    objects.push(policy("sources", "shop", &json!({"rules": [{"from": sources}]})));
    let stderr = render(&objects, &previews(&changed)).failed();
    assert!(stderr.contains("would have 513 sources in a rule"), "{stderr}");
    assert!(stderr.contains("divide the sources of the rule among two rules"), "{stderr}");
}

#[test]
fn many_policies_of_all_workloads_are_tried_in_no_time() {
    let mut objects = baseline();
    for index in 0..200 {
        let action = ["ALLOW", "DENY"][index % 2];
        let paths = index * 100..index * 100 + 2;
        objects.push(of_paths(&format!("p{index}"), action, paths));
    }
    objects.push(of_paths("paths", "ALLOW", 0..250));
    let started = std::time::Instant::now();
    render(&objects, &previews(&[vec!["web"], vec!["cart"], vec!["reco"]])).ok();
    // It took minutes, and takes less than a second.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn settings_of_proxies_too_make_a_namespace_one_that_may_be_the_root_namespace() {
    let object = |api_version: &str, kind: &str, spec: &Value| {
        let metadata = json!({"name": "all", "namespace": "mesh-config"});
        json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec})
    };
    let changed = [vec!["cart"]];
    let is_warned_of = |objects: &[Value]| {
        let stderr = render(&[baseline(), objects.to_vec()].concat(), &previews(&changed)).stderr;
        stderr.contains("warning[root-namespace]: `mesh-config` has only policies")
    };
    let selected = json!({"matchLabels": {"app": "cart"}});
    let kinds = [
        ("extensions.istio.io/v1alpha1", "TrafficExtension", "selector"),
        ("extensions.istio.io/v1alpha1", "WasmPlugin", "selector"),
        ("networking.istio.io/v1alpha3", "EnvoyFilter", "workloadSelector"),
        ("networking.istio.io/v1beta1", "ProxyConfig", "selector"),
        ("networking.istio.io/v1", "Sidecar", "workloadSelector"),
        ("security.istio.io/v1", "AuthorizationPolicy", "selector"),
        ("security.istio.io/v1", "PeerAuthentication", "selector"),
        ("security.istio.io/v1", "RequestAuthentication", "selector"),
        ("telemetry.istio.io/v1", "Telemetry", "selector"),
    ];
    for (api_version, kind, selector) in kinds {
        let for_all = object(api_version, kind, &json!({}));
        assert!(is_warned_of(std::slice::from_ref(&for_all)), "{kind}");
        let for_some = object(api_version, kind, &json!({selector: selected}));
        assert!(!is_warned_of(&[for_some]), "{kind}");
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "broker", "namespace": "mesh-config"}, "spec": {}
        });
        assert!(!is_warned_of(&[for_all, service]), "{kind} beside what it may be for");
    }
    let rule = json!({"host": "*.example.com", "trafficPolicy": {"tls": {"mode": "SIMPLE"}}});
    let rule = object("networking.istio.io/v1", "DestinationRule", &rule);
    assert!(!is_warned_of(&[rule]), "it applies to its host, not to a namespace");
}
