//! A baseline of several namespaces, judged by [`super::evaluator`]: a random shop whose services live in two, which call
//! each other across them.

use std::fs;
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Value, json};

use super::evaluator::{Mesh, fqdn};
use super::orchestrator::{ANABRANCH, run};
use super::routes::call;
use super::schema::documents;
use super::shop::{BASELINE, Preview, Shop};

/// The namespace of the services that move out of the shop's own.
const OTHER: &str = "other";
const MOVED: [&str; 2] = ["web", "reco"];

/// Where a service lives.
fn home(service: &str) -> &'static str {
    if MOVED.contains(&service) { OTHER } else { BASELINE }
}

/// The objects of a shop with some of its services in another namespace, each with its routes.
fn moved(baseline: &str) -> Vec<Value> {
    let text = MOVED.iter().fold(baseline.to_owned(), |text, name| {
        text.replace(&format!("{name}.{BASELINE}"), &format!("{name}.{OTHER}"))
    });
    let mut objects = documents(&text);
    let mut other = objects[0].clone();
    other["metadata"]["name"] = json!(OTHER);
    objects.iter_mut().skip(1).for_each(move_object);
    objects.push(other);
    for (namespace, from) in [(BASELINE, OTHER), (OTHER, BASELINE)] {
        let kinds = ["HTTPRoute", "GRPCRoute"];
        let from = kinds.map(
            |kind| json!({"group": "gateway.networking.k8s.io", "kind": kind, "namespace": from}),
        );
        objects.push(json!({
            "apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant",
            "metadata": {"name": "both-ways", "namespace": namespace},
            "spec": {"from": from, "to": [{"group": "", "kind": "Service"}]}
        }));
    }
    objects
}

fn move_object(object: &mut Value) {
    let parent = &object["spec"]["parentRefs"][0];
    let named = match object["kind"].as_str().unwrap_or_default() {
        "Service" | "Deployment" => &object["metadata"]["name"],
        "VirtualService" => &object["spec"]["hosts"][0],
        _ if parent["kind"] == "Service" => &parent["name"],
        _ => &Value::Null,
    };
    let service = named.as_str().unwrap_or_default().split('.').next().unwrap_or_default();
    let namespace = home(service);
    object["metadata"]["namespace"] = json!(namespace);
    if let Some(seen) = object.pointer_mut("/spec/exportTo").and_then(Value::as_array_mut) {
        seen.iter_mut().filter(|name| *name == BASELINE).for_each(|name| *name = json!(namespace));
    }
    spell(object, namespace);
}

/// Lets references say the namespace where that is not the writer's.
fn spell(node: &mut Value, namespace: &str) {
    match node {
        Value::Array(items) => items.iter_mut().for_each(|item| spell(item, namespace)),
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    "backendRefs" => value
                        .as_array_mut()
                        .into_iter()
                        .flatten()
                        .for_each(|backend| spell_reference(backend, namespace)),
                    "backendRef" => spell_reference(value, namespace),
                    "destination" | "mirror" => {
                        let host = value["host"].as_str().unwrap_or_default().to_owned();
                        if !host.contains('.') && home(&host) != namespace {
                            value["host"] = json!(fqdn(&host, home(&host)));
                        }
                    }
                    _ => spell(value, namespace),
                }
            }
        }
        _ => {}
    }
}

fn spell_reference(reference: &mut Value, namespace: &str) {
    let name = reference["name"].as_str().unwrap_or_default().to_owned();
    if !name.contains('.') && home(&name) != namespace {
        reference["namespace"] = json!(home(&name));
    }
}

/// A rendered case: the routes before and after.
struct Judged {
    shop: Shop,
    before: Mesh,
    after: Mesh,
}

impl Judged {
    /// None where a wildcard covers the services of one namespace alone: the shop means all.
    fn new(seed: u64) -> Option<Self> {
        let shop = Shop::random(seed);
        let baseline = shop.baseline();
        if baseline.contains(&format!("*.{BASELINE}")) {
            return None;
        }
        let objects = moved(&baseline);
        let texts: Vec<String> =
            objects.iter().map(|object| format!("---\n{object:#}\n")).collect();
        let mut previews: Value = documents(&shop.previews_yaml()).remove(0);
        previews["spec"]["baseline"] =
            json!({"namespaces": [BASELINE, OTHER], "delivery": "include"});
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("the folder can be written");
        };
        write("baseline.yaml", &texts.concat());
        write("previews.yaml", &previews.to_string());
        let mut command = Command::new(ANABRANCH);
        command.current_dir(folder.path());
        command.args(["render", "previews.yaml", "--baseline", "baseline.yaml"]);
        let answer = run(&mut command, "");
        let input = || format!("{}\n{previews:#}", texts.concat());
        assert_eq!(answer.code, Some(0), "seed {seed}: {}\n{}", answer.stderr, input());
        let (before, after) = (Mesh::new(&objects), Mesh::new(&documents(&answer.stdout)));
        Some(Self { shop, before, after })
    }
}

/// The namespace of a preview for one of the baseline's.
fn room(preview: &Preview, namespace: &str) -> String {
    format!("{}-{namespace}", preview.name)
}

/// The host of the copy, where a preview changes the service.
fn copy_of(preview: &Preview) -> impl Fn(&str) -> Option<String> + '_ {
    |host| {
        let mut changed = preview.services.iter();
        let name = changed.find(|name| host == fqdn(name, home(name)))?;
        Some(fqdn(name, &room(preview, home(name))))
    }
}

proptest! {
    #![proptest_config(Config {
        cases: 120,
        rng_seed: RngSeed::Fixed(42),
        failure_persistence: None,
        max_shrink_iters: 0,
        ..Config::default()
    })]

    #[test]
    fn the_key_swaps_copies_wherever_they_and_their_callers_live(seed in any::<u64>()) {
        let Some(case) = Judged::new(seed) else { return Ok(()) };
        for (index, (service, port, request)) in case.shop.calls().enumerate() {
            let host = fqdn(service, home(service));
            let from = [BASELINE, OTHER, "far"][index % 3];
            let expected = call(&case.before, from, &host, port, request);
            let found = call(&case.after, from, &host, port, request);
            prop_assert_eq!(found, expected, "{} from {}, {:?} of seed {}", host, from, request, seed);
            for preview in &case.shop.previews {
                let keyed = request.clone().header("x-preview-id", &preview.name);
                let expected = call(&case.before, from, &host, port, &keyed).swapped(copy_of(preview));
                let found = call(&case.after, from, &host, port, &keyed);
                prop_assert_eq!(found, expected, "{} from {}, {:?} of seed {}", host, from, keyed, seed);
            }
        }
    }

    #[test]
    fn copies_call_their_own_namespace_by_short_names_and_others_in_full(seed in any::<u64>()) {
        let Some(case) = Judged::new(seed) else { return Ok(()) };
        for preview in &case.shop.previews {
            let changes = |name: &str| preview.services.iter().any(|one| one == name);
            for namespace in [BASELINE, OTHER] {
                if !preview.services.iter().any(|name| home(name) == namespace) {
                    continue;
                }
                let from = room(preview, namespace);
                for (service, port, request) in case.shop.calls() {
                    let (host, is_near) = (fqdn(service, home(service)), home(service) == namespace);
                    if is_near {
                        let expected = match changes(service) {
                            true => call(&case.before, namespace, &host, port, request)
                                .swapped(copy_of(preview)),
                            false => call(&case.before, "far", &host, port, request),
                        };
                        let found = call(&case.after, &from, service, port, request);
                        prop_assert_eq!(
                            found, expected, "{} from {}, {:?} of seed {}", service, from, request, seed
                        );
                        continue;
                    }
                    let keyed = request.clone().header("x-preview-id", &preview.name);
                    let expected = call(&case.before, "far", &host, port, &keyed);
                    let found = call(&case.after, &from, &host, port, &keyed);
                    prop_assert_eq!(
                        found, expected.swapped(copy_of(preview)), "{} from {}, {:?} of seed {}", host, from, keyed, seed
                    );
                }
            }
        }
    }
}
