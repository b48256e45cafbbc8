//! Two sets of previews in one pipeline never meet: each leaves what the other made as it was, in
//! whatever order and however often they run.

use yaml_serde::Value;

use super::objects::{Objects, by_id, documents, resource_list};
use super::orchestrator::{ANABRANCH, CART, function, run as run_command};

const VIRTUAL_SERVICE: &str = "---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: cart, namespace: base}
spec:
  hosts: [cart]
  http:
    - {name: anabranch.canary, match: [{uri: {prefix: /new}}], route: [{destination: {host: cart}}], timeout: 2s}
    - {name: all, route: [{destination: {host: cart}}]}
";
const WILDCARD: &str = "---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: base}
spec:
  hosts: ['*.base.svc.cluster.local']
  http: [{timeout: 9s, route: [{destination: {host: cart}}]}]
";
const HTTP_ROUTE: &str = "---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: base}
spec:
  parentRefs: [{group: '', kind: Service, name: cart}]
  rules: [{matches: [{path: {type: PathPrefix, value: /v1}}], backendRefs: [{name: cart, port: 80}]}]
";

/// One service, `cart`, with these routes.
fn baseline(routes: &str) -> String {
    let namespace = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: base}\n";
    format!("{}{namespace}{routes}", CART.replace("shop", "base"))
}

/// A set that previews cart.
fn set(name: &str, api: &str) -> String {
    format!(
        "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nmetadata: {{name: {name}}}\nspec:\n  \
         baseline: {{namespace: base}}\n  prefix: {name}-\n  routing: {{api: {api}}}\n  \
         tests: [{{name: smoke, path: ./tests}}]\n  \
         previews: [{{name: {name}-1, services: [{{name: cart, image: 'cart:2'}}]}}]\n"
    )
}

fn run(items: &[Value], config: &str) -> Vec<Value> {
    let answer = function(&resource_list(items, config)).ok();
    let list = documents(&answer).remove(0);
    list["items"].as_sequence().expect("a list of items").clone()
}

/// The objects of the answer of each set to the baseline and what the sets before it made.
fn steps(baseline: &str, sets: &[&str]) -> Vec<Vec<Value>> {
    let mut items = documents(baseline);
    let steps = sets.iter().map(|config| {
        items = run(&items, config);
        items.clone()
    });
    steps.collect()
}

/// What is compared: entries of different sets match different requests, so that their order among each
/// other does not count, but each set's own does.
fn settled(items: &[Value]) -> Objects {
    let mut objects = by_id(items.to_vec());
    for object in objects.values_mut() {
        if let Some(entries) = object["spec"]["http"].as_sequence_mut() {
            entries.sort_by_key(|entry| {
                let name = entry["name"].as_str().unwrap_or("zzz");
                let set = ["anabranch.a.", "anabranch.b."].iter().position(|p| name.starts_with(p));
                set.unwrap_or(2)
            });
        }
    }
    objects
}

/// The values of the key in entries of a VirtualService, in order.
fn keys(items: &[Value]) -> Vec<String> {
    let services = items.iter().filter(|one| one["kind"] == "VirtualService");
    let in_base = services.filter(|one| one["metadata"]["namespace"] == "base");
    let entries = in_base.flat_map(|one| one["spec"]["http"].as_sequence().expect("entries"));
    let matches = entries.filter_map(|entry| entry["match"].as_sequence()).flatten();
    let keys = matches.filter_map(|one| one["headers"]["x-preview-id"]["exact"].as_str());
    let mut keys: Vec<String> = keys.map(str::to_owned).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[test]
fn two_sets_in_one_pipeline_leave_each_other_alone() {
    let cases = [
        ("routes of nobody", "", "auto"),
        ("routes of nobody, with Istio", "", "istio"),
        ("a VirtualService", VIRTUAL_SERVICE, "auto"),
        ("a wildcard", WILDCARD, "auto"),
        ("an HTTPRoute", HTTP_ROUTE, "auto"),
    ];
    for (what, route, api) in cases {
        let baseline = baseline(route);
        let (a, b) = (set("a", api), set("b", api));
        let once = steps(&baseline, &[&a, &b, &a, &b]);
        assert_eq!(settled(&once[1]), settled(&once[3]), "{what}: a second run changes something");
        let turned = steps(&baseline, &[&b, &a, &b]);
        for (order, items) in [("a, b", &once[1]), ("a, b, a", &once[2]), ("b, a", &turned[1])] {
            let objects = by_id(items.clone());
            for set in ["a", "b"] {
                let alone = by_id(steps(&baseline, &[[&a, &b][usize::from(set == "b")]]).remove(0));
                for (id, object) in alone {
                    // A VirtualService is shared, and only one set makes that of a host without one.
                    if object["kind"] != "VirtualService" {
                        assert_eq!(objects.get(&id), Some(&object), "{what}, {order}: {id:?}");
                    }
                }
            }
            if !keys(items).is_empty() {
                assert_eq!(keys(items), ["a-1", "b-1"], "{what}, {order}");
            }
        }
    }
}

#[test]
fn streams_of_two_sets_behind_each_other_keep_the_entries_of_both() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (route, api) in [("", "istio"), (VIRTUAL_SERVICE, "auto"), (WILDCARD, "auto")] {
        let mut text = baseline(route);
        for name in ["a", "b", "a"] {
            let config =
                set(name, api).replace("{namespace: base}", "{namespace: base, delivery: include}");
            let file = folder.path().join("previews.yaml");
            std::fs::write(&file, config).expect("the folder can be written");
            let mut command = std::process::Command::new(ANABRANCH);
            text =
                run_command(command.arg("render").arg(&file).args(["--baseline", "-"]), &text).ok();
        }
        assert_eq!(keys(&documents(&text)), ["a-1", "b-1"], "{api} {route}");
    }
}

#[test]
fn what_a_set_changed_is_taken_back_while_what_another_changed_stays() {
    let baseline = baseline(VIRTUAL_SERVICE);
    let (a, b) = (set("a", "auto"), set("b", "auto"));
    let none = |config: &str| {
        format!("{}previews: []\n", config.split("previews: [").next().unwrap_or_default())
    };
    let both = steps(&baseline, &[&a, &b]).remove(1);
    let without_a = run(&both, &none(&a));
    assert_eq!(keys(&without_a), ["b-1"]);
    let alone = steps(&baseline, &[&b]).remove(0);
    let virtual_service = |items: &[Value]| {
        let found = items
            .iter()
            .find(|one| one["kind"] == "VirtualService" && one["metadata"]["namespace"] == "base");
        found.cloned().expect("it is there")
    };
    assert_eq!(virtual_service(&without_a), virtual_service(&alone));
    let without_both = run(&without_a, &none(&b));
    assert_eq!(virtual_service(&without_both), virtual_service(&documents(&baseline)));
}

#[test]
fn the_rules_of_a_set_outlive_the_set_that_made_their_virtual_service() {
    let baseline = baseline("");
    let (a, b) = (set("a", "istio"), set("b", "istio"));
    let none = |config: &str| {
        format!("{}previews: []\n", config.split("previews: [").next().unwrap_or_default())
    };
    let both = steps(&baseline, &[&a, &b]).remove(1);
    let without_a = run(&both, &none(&a));
    assert_eq!(keys(&without_a), ["b-1"], "the rules of the set that did not make it");
    assert_eq!(settled(&run(&without_a, &none(&a))), settled(&without_a));
    assert_eq!(virtual_services(&without_a), ["anabranch.a.cart"]);
    let anew = steps(&baseline, &[&none(&a), &b]).remove(1);
    assert_eq!(settled(&run(&without_a, &b)), settled(&anew), "then the other set makes one");
    assert_eq!(keys(&run(&without_a, &a)), ["a-1", "b-1"]);
    let without_both = run(&without_a, &none(&b));
    assert_eq!(virtual_services(&without_both), [""; 0]);
    assert_eq!(settled(&without_both), settled(&documents(&baseline)));
    let without_b = run(&both, &none(&b));
    assert_eq!(keys(&without_b), ["a-1"]);
    assert_eq!(settled(&run(&without_b, &none(&a))), settled(&documents(&baseline)));
    assert_eq!(virtual_services(&anew), ["anabranch.b.cart"]);
}

/// The names of the VirtualServices in the baseline's namespace.
fn virtual_services(items: &[Value]) -> Vec<&str> {
    let services = items.iter().filter(|one| one["kind"] == "VirtualService");
    let in_base = services.filter(|one| one["metadata"]["namespace"] == "base");
    in_base.filter_map(|one| one["metadata"]["name"].as_str()).collect()
}

#[test]
fn entries_of_the_user_stay_whatever_their_names_begin_with() {
    let once = steps(&baseline(VIRTUAL_SERVICE), &[&set("a", "auto")]).remove(0);
    let twice = run(&once, &set("a", "auto"));
    let canaries = |items: &[Value]| {
        let entries = items.iter().filter_map(|one| one["spec"]["http"].as_sequence()).flatten();
        entries.filter(|entry| entry["name"] == "anabranch.canary").count()
    };
    // One in the baseline, and one attached to the copy.
    assert_eq!((canaries(&once), canaries(&twice)), (2, 2));
}

#[test]
fn two_sets_that_would_have_one_namespace_or_route_or_two_apis_are_refused() {
    let first = steps(&baseline(""), &[&set("a", "auto")]).remove(0);
    let same =
        set("b", "auto").replace("prefix: b-", "prefix: a-").replace("name: b-1", "name: a-1");
    let refused = function(&resource_list(&first, &same)).failed();
    assert!(
        refused.contains("the namespace `a-1` belongs to a preview of the set `a`"),
        "{refused}"
    );
    let elsewhere = same.replace("spec:\n", "spec:\n  namespace: '{preview}-too'\n");
    let taken = function(&resource_list(&first, &elsewhere)).failed();
    assert!(taken.contains("HTTPRoute base/cart.a-1 of the input has a name"), "{taken}");
    let istio = function(&resource_list(&first, &set("b", "istio"))).failed();
    assert!(istio.contains("HTTPRoute base/cart.a-1 of another set routes cart"), "{istio}");
}

#[test]
fn a_second_set_without_a_name_of_its_own_is_refused_and_one_whose_prefix_changed_is_told_what_to_do()
 {
    let named = |prefix: &str, name: &str| {
        set(prefix, "auto").replace(&format!("metadata: {{name: {prefix}}}\n"), name)
    };
    for name in ["", "metadata: {name: shop}\n"] {
        let first = steps(&baseline(""), &[&named("a", name)]).remove(0);
        let refused = function(&resource_list(&first, &named("b", name))).failed();
        let set = if name.is_empty() { "previews" } else { "shop" };
        let message = format!(
            "of a preview of the set `{set}` whose name does not begin with `b-` (metadata.name); help: give each set of \
             previews a metadata.name of its own if two of them meet here; remove these objects if \
             spec.prefix was another one when they were made"
        );
        assert!(refused.contains("Namespace a-1, with "), "{refused}");
        assert!(refused.contains(&message), "{refused}");
        // A preview that is gone, under the same prefix, still takes its objects with it.
        let gone = named("a", name).replace("a-1", "a-2");
        let next = by_id(run(&first, &gone));
        assert!(!next.values().any(|object| object["metadata"]["name"] == "a-1"), "{name}");
    }
}
