//! Properties of routes, judged by [`super::evaluator`]: for random baselines, previews and requests,
//! no key means no change, and a key means exactly the swap.
//!
//! Each case is made from one number, so a failure names the number that shows it again.

use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::Value;

use super::evaluator::{Answer, Call, Mesh, Request, fqdn};
use super::orchestrator::{ANABRANCH, root, run};
use super::schema::documents;
use super::shop::{self, Preview, Shop};

/// A rendered case: the routes before and after.
struct Judged {
    shop: Shop,
    before: Mesh,
    after: Mesh,
}

impl Judged {
    fn new(seed: u64) -> Self {
        let shop = Shop::random(seed);
        let baseline = shop.baseline();
        let previews = shop.previews_yaml();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("the folder can be written");
        };
        write("baseline.yaml", &baseline);
        write("previews.yaml", &previews);
        let mut command = Command::new(ANABRANCH);
        command.current_dir(folder.path());
        command.args(["render", "previews.yaml", "--baseline", "baseline.yaml"]);
        let answer = run(&mut command, "");
        assert_eq!(answer.code, Some(0), "seed {seed}: {}\n{baseline}\n{previews}", answer.stderr);
        let before = Mesh::new(&documents(&baseline));
        let after = Mesh::new(&documents(&answer.stdout));
        Self { shop, before, after }
    }
}

/// The answer to a call, told in the way in which answers are compared.
pub(super) fn call(mesh: &Mesh, from: &str, host: &str, port: u16, request: &Request) -> Answer {
    let (from, host) = (from.to_owned(), host.to_owned());
    mesh.call(&Call { from, host, port, request: request.clone() }).normal()
}

/// The host of the copy, where a preview changes the service.
pub(super) fn copy_of(preview: &Preview) -> impl Fn(&str) -> Option<String> + '_ {
    |host| {
        let changed = preview.services.iter().find(|name| host == fqdn(name, shop::BASELINE));
        changed.map(|name| fqdn(name, &preview.name))
    }
}

/// Ways to write the key of a preview.
fn keys(shop: &Shop, preview: &str) -> Vec<(&'static str, String)> {
    let mut keys = vec![("x-preview-id", preview.to_owned()), ("X-Preview-ID", preview.to_owned())];
    if shop.baggage {
        keys.push(("baggage", format!("preview={preview}")));
        keys.push(("baggage", format!("a=1, preview={preview} ;ttl=3")));
        keys.push(("baggage", format!("preview = {preview},b=2")));
    }
    keys
}

/// What is nearly the key of some preview, and is not.
fn near_misses() -> Vec<(&'static str, String)> {
    let header = ["pr-4x", "PR-4", "pr-43", "pr-", "pr-4,pr-42", "xpr-42"];
    let baggage =
        ["preview=pr-42x", "xpreview=pr-4", "a=preview=pr-4", "Preview=pr-4", "preview=pr%2D4"];
    let lines = header.map(|value| ("x-preview-id", value.to_owned()));
    lines.into_iter().chain(baggage.map(|value| ("baggage", value.to_owned()))).collect()
}

const SHOP_HOST: &str = "shop.example.com";

pub(super) fn config(cases: u32) -> Config {
    Config {
        cases,
        rng_seed: RngSeed::Fixed(42),
        failure_persistence: None,
        max_shrink_iters: 0,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn without_the_key_nothing_changes(seed in any::<u64>()) {
        let case = Judged::new(seed);
        let misses = near_misses();
        for (index, (service, port, request)) in case.shop.calls().enumerate() {
            let host = fqdn(service, shop::BASELINE);
            for (from, host) in [(shop::BASELINE, service), (shop::BASELINE, &host), ("elsewhere", &host), ("far", &host)] {
                let expected = call(&case.before, from, host, port, request);
                let found = call(&case.after, from, host, port, request);
                prop_assert_eq!(
                    &found, &expected, "{}:{} from {}, {:?} of seed {}", service, port, from, request, seed
                );
            }
            let (name, value) = &misses[index % misses.len()];
            let near = request.clone().header(name, value);
            let expected = call(&case.before, shop::BASELINE, service, port, &near);
            let found = call(&case.after, shop::BASELINE, service, port, &near);
            prop_assert_eq!(found, expected, "{}:{} {:?} of seed {}", service, port, near, seed);
        }
        for request in &case.shop.requests {
            for preview in &case.shop.previews {
                let keyed = request.clone().header("x-preview-id", &preview.name);
                for request in [request, &keyed] {
                    let expected = case.before.enter("infra/public", SHOP_HOST, request);
                    let found = case.after.enter("infra/public", SHOP_HOST, request);
                    prop_assert_eq!(found, expected, "production host, {:?} of seed {}", request, seed);
                }
            }
        }
    }

    #[test]
    fn with_the_key_exactly_the_affected_backends_are_swapped(seed in any::<u64>()) {
        let case = Judged::new(seed);
        for preview in &case.shop.previews {
            let keys = keys(&case.shop, &preview.name);
            for (index, (service, port, request)) in case.shop.calls().enumerate() {
                let (name, value) = &keys[index % keys.len()];
                let keyed = request.clone().header(name, value);
                let host = fqdn(service, shop::BASELINE);
                let from = [shop::BASELINE, "elsewhere", "far"][index % 3];
                let expected = call(&case.before, from, &host, port, &keyed);
                let expected = expected.swapped(copy_of(preview));
                let found = call(&case.after, from, &host, port, &keyed);
                prop_assert_eq!(
                    found, expected, "{}:{} from {}, {:?} of seed {}", service, port, from, keyed, seed
                );
            }
        }
    }

    #[test]
    fn inside_a_preview_its_copies_answer_by_the_baselines_rules(seed in any::<u64>()) {
        let case = Judged::new(seed);
        for preview in &case.shop.previews {
            for (service, port, request) in case.shop.calls() {
                let host = fqdn(service, shop::BASELINE);
                let expected = match preview.services.iter().any(|name| name == service) {
                    true => call(&case.before, shop::BASELINE, &host, port, request)
                        .swapped(copy_of(preview)),
                    // An alias: without the key the baseline answers as it answers any other namespace.
                    false => call(&case.before, "far", &host, port, request),
                };
                let found = call(&case.after, &preview.name, service, port, request);
                prop_assert_eq!(
                    found, expected, "{} from {}, {:?} of seed {}", service, preview.name, request, seed
                );
            }
        }
    }

    #[test]
    fn a_preview_host_answers_as_production_with_the_key_set(seed in any::<u64>()) {
        let case = Judged::new(seed);
        for preview in case.shop.previews.iter().filter(|_| case.shop.entry.is_some()) {
            let host = format!("{}.preview.example.com", preview.name);
            for request in &case.shop.requests {
                let production = case.before.enter("infra/public", SHOP_HOST, request);
                let expected = production.swapped(copy_of(preview));
                let found = case.after.enter("infra/preview", &host, request);
                match (found, expected) {
                    (
                        Answer::Backends { destinations, effects },
                        Answer::Backends { destinations: expected, .. },
                    ) => {
                        prop_assert_eq!(destinations, expected, "{:?} of seed {}", request, seed);
                        let key = ["x-preview-id", preview.name.as_str()];
                        prop_assert!(
                            key.iter().all(|part| effects.contains(part)),
                            "{} of seed {}", effects, seed
                        );
                    }
                    (found @ Answer::Direct(_), expected @ Answer::Direct(_)) => {
                        let led = |answer: &Answer, asked: &str| {
                            let (to, path) = answer.leads_to(asked, &request.path)?;
                            Some((to.replace(SHOP_HOST, &host), path))
                        };
                        prop_assert_eq!(
                            led(&found, &host), led(&expected, SHOP_HOST), "{:?} of seed {}", request, seed
                        );
                    }
                    (found, expected) => prop_assert_eq!(found, expected, "{:?} of seed {}", request, seed),
                }
            }
        }
    }
}

/// The judge is not blind: a rule with the key that loses to a longer path is told apart.
#[test]
fn a_bare_header_rule_that_loses_to_a_path_is_caught() {
    let service = |name: &str, namespace: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
             spec: {{ports: [{{port: 80}}]}}\n---\n"
        )
    };
    let route = |name: &str, rules: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n\
             metadata: {{name: {name}, namespace: baseline}}\n\
             spec: {{parentRefs: [{{group: '', kind: Service, name: cart}}], rules: {rules}}}\n---\n"
        )
    };
    let baseline = service("cart", "baseline")
        + &route(
            "cart",
            "[{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: cart, port: 80}]}]",
        );
    let bare = route(
        "cart.pr-4",
        "[{matches: [{headers: [{name: x-preview-id, value: pr-4}]}], backendRefs: [{name: cart, namespace: pr-4, port: 80}]}]",
    );
    let before = Mesh::new(&documents(&baseline));
    let after = Mesh::new(&documents(&(baseline.clone() + &service("cart", "pr-4") + &bare)));
    let request = Request::new("GET", "/api").header("x-preview-id", "pr-4");
    let preview = Preview { name: "pr-4".to_owned(), services: vec!["cart".to_owned()] };
    let expected = call(&before, "baseline", "cart", 80, &request).swapped(copy_of(&preview));
    assert_ne!(call(&after, "baseline", "cart", 80, &request), expected);
}

/// What was reviewed line by line is judged as well.
#[test]
fn expected_files_answer_as_the_baseline_without_the_key_and_with_the_copy_with_it() {
    let preview = Preview { name: "pr-42".to_owned(), services: vec!["cart".to_owned()] };
    for case in [
        "backends-of-other-kinds",
        "headless-and-unrouted",
        "parents-named-twice",
        "routes-that-istio-drops",
        "routes-that-the-mesh-ignores",
        "virtual-service",
        "virtual-service-seen-by-some",
        "virtual-service-spelled-twice",
        "virtual-service-with-tcp",
    ] {
        let folder = root().join("golden").join(case);
        let read = |path: &Path| fs::read_to_string(path).expect("a golden can be read");
        let mut inputs: Vec<_> = fs::read_dir(folder.join("input/baseline"))
            .expect("a golden has a baseline")
            .map(|entry| entry.expect("it can be listed").path())
            .collect();
        inputs.sort();
        let baseline: Vec<String> = inputs.iter().map(|path| read(path)).collect();
        let baseline = documents(&baseline.join("\n---\n"));
        let made = documents(&read(&folder.join("expected/stream.yaml")));
        // The output may carry the baseline, changed or not.
        let id = |object: &Value| {
            let meta = &object["metadata"];
            [&object["kind"], &meta["namespace"], &meta["name"]].map(Value::to_string)
        };
        let carried: Vec<_> = made.iter().map(id).collect();
        let left = baseline.iter().filter(|object| !carried.contains(&id(object)));
        let after: Vec<Value> = left.chain(&made).cloned().collect();
        let (before, after) = (Mesh::new(&baseline), Mesh::new(&after));
        for path in ["/", "/api", "/self/x", "/legacy", "/pay"] {
            for from in ["baseline", "web", "far"] {
                let request = Request::new("GET", path);
                let host = fqdn("cart", "baseline");
                let expected = call(&before, from, &host, 80, &request);
                let found = call(&after, from, &host, 80, &request);
                assert_eq!(found, expected, "{case}: {path} from {from}");
                let keyed = request.header("x-preview-id", "pr-42");
                let found = call(&after, from, &host, 80, &keyed);
                assert_eq!(
                    found,
                    expected.swapped(copy_of(&preview)),
                    "{case}: {path} from {from}"
                );
            }
        }
    }
}
