//! Ways in by VirtualServices: for random entries with conditions on gateways, ports, schemes and hosts, a
//! preview host does what its original host does for a client with TLS at the Gateways that are stood for.
//! And vectors for the judge of that.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Value, json};

use super::dice::Dice;
use super::evaluator::{Answer, Mesh, Request, fqdn};
use super::orchestrator::render;
use super::schema::documents;

const HOSTS: [&str; 2] = ["shop.example.com", "api.example.com"];

fn gateway(name: &str, port: u16, protocol: &str, host: &str) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Gateway",
        "metadata": {"name": name, "namespace": "infra"},
        "spec": {"servers": [{"port": {"number": port, "protocol": protocol, "name": "a"}, "hosts": [host]}]}
    })
}

fn virtual_service(name: &str, gateways: &[&str], http: &Value) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": name, "namespace": "baseline"},
        "spec": {"hosts": HOSTS, "gateways": gateways, "http": http}
    })
}

fn service(name: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80, "name": "http"}]}
    })
}

fn deployment(name: &str) -> Value {
    let container = json!({"name": "server", "image": format!("ghcr.io/shop/{name}:v1")});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "baseline"},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
        }
    })
}

/// A match. One `without_tls` never holds for a client with TLS.
fn random_match(dice: &mut Dice, without_tls: bool) -> Value {
    let mut one = json!({});
    if without_tls {
        match dice.roll(3) {
            0 => one["port"] = json!(80),
            1 => one["gateways"] = json!(["infra/plain"]),
            _ => one["scheme"] = json!({"exact": "http"}),
        }
    }
    if dice.one_in(2) {
        one["uri"] = json!({dice.pick(&["prefix", "exact"]): dice.pick(&["/", "/api", "/a"])});
    }
    match dice.roll(9) {
        0 if !without_tls => one["port"] = json!(443),
        1 if !without_tls => {
            one["gateways"] = json!(dice.pick(&[
                &["infra/public"][..],
                &["infra/internal"],
                &["mesh"],
                &["infra/internal", "public.infra"]
            ]));
        }
        2 => one["authority"] = json!({"exact": dice.pick(&HOSTS)}),
        3 => one["authority"] = json!({"prefix": dice.pick(&["api.", "s", "x"])}),
        4 => {
            one["authority"] =
                json!({"regex": dice.pick(&[".*", "api[.]example[.]com(:\\d+)?", "(shop|web).+"])})
        }
        5 => one["authority"] = json!({"exact": "shop.example.com:8443"}),
        6 => one["headers"] = json!({"x-a": {"exact": "1"}}),
        7 if !without_tls => one["scheme"] = json!({"prefix": "http"}),
        _ => {}
    }
    one
}

fn random_entry(dice: &mut Dice) -> Value {
    let without_tls = dice.one_in(4);
    let mut entry = json!({});
    if without_tls || !dice.one_in(6) {
        let matches = (0..=dice.roll(2)).map(|_| random_match(dice, without_tls));
        entry["match"] = matches.collect();
    }
    let to = |name: &str| json!({"destination": {"host": name, "port": {"number": 80}}});
    match dice.roll(7) {
        0 if without_tls => entry["redirect"] = json!({"scheme": "https"}),
        0 => entry["redirect"] = json!({"authority": dice.pick(&HOSTS), "uri": "/moved"}),
        1 => entry["directResponse"] = json!({"status": 403}),
        2 => entry["route"] = json!([to("web")]),
        _ => entry["route"] = json!([to("cart")]),
    }
    if dice.one_in(3) {
        let location = format!("{}{}/a", dice.pick(&["https://", "//"]), dice.pick(&HOSTS));
        entry["headers"] =
            json!({"response": {"set": {"location": location, "x-a": "https://y.org"}}});
    }
    entry
}

/// The objects of a random baseline.
fn baseline(dice: &mut Dice) -> Vec<Value> {
    let entries: Vec<Value> = (0..2 + dice.roll(4)).map(|_| random_entry(dice)).collect();
    let gateways: &[&str] = dice.pick(&[
        &["infra/public"][..],
        &["public.infra", "infra/plain"],
        &["infra/internal", "infra/plain", "infra/public", "mesh"],
    ]);
    let mut site = virtual_service("site", gateways, &json!(entries));
    match dice.roll(6) {
        0 => site["spec"]["exportTo"] = json!(["."]),
        1 => site["spec"]["exportTo"] = json!(["infra", "baseline"]),
        _ => {}
    }
    vec![
        gateway("public", 443, "HTTPS", "*.example.com"),
        gateway("internal", 443, "HTTPS", "*"),
        gateway("plain", 80, "HTTP", "*"),
        gateway("preview", 443, "HTTPS", "*.preview.example.com"),
        service("cart", "baseline"),
        service("web", "baseline"),
        deployment("cart"),
        deployment("web"),
        site,
    ]
}

/// The headers that a rule writes into answers.
fn answered(effects: &str) -> Value {
    let effects: Value = serde_json::from_str(effects).expect("effects are JSON");
    effects["headers"]["response"].clone()
}

const PREVIEWS: &str = "
apiVersion: anabranch.dev/v1alpha1
kind: Previews
metadata: {name: shop}
spec:
  baseline: {namespace: baseline, delivery: include}
  routing:
    entries:
    - gateway: {namespace: infra, name: preview}
      of: [{namespace: infra, name: public}, {namespace: infra, name: plain}]
      host: '{preview}-{host}.preview.example.com'
  previews: [{name: pr-4, services: [{name: cart, image: 'ghcr.io/shop/cart:v2'}]}]
";

fn rendered(objects: &[Value]) -> Vec<Value> {
    let answer = render(objects, PREVIEWS);
    assert_eq!(answer.code, Some(0), "{}\n{objects:?}", answer.stderr);
    documents(&answer.stdout)
}

/// A preview host for each original one.
fn preview_of(text: &str) -> String {
    let own = |text: String, host: &&str| {
        let first = host.split('.').next().unwrap_or_default();
        text.replace(host, &format!("pr-4-{first}.preview.example.com"))
    };
    HOSTS.iter().fold(text.to_owned(), own)
}

proptest! {
    #![proptest_config(Config {
        cases: 100, rng_seed: RngSeed::Fixed(7), failure_persistence: None, max_shrink_iters: 0, ..Config::default()
    })]

    #[test]
    fn a_preview_host_does_what_its_original_does_for_clients_with_tls(seed in any::<u64>()) {
        let objects = baseline(&mut Dice(seed));
        let before = Mesh::new(&objects);
        let made = rendered(&objects);
        let gateways = objects.iter().filter(|object| object["kind"] == "Gateway");
        let is_gateway = |object: &&Value| object["kind"] != "Gateway";
        let after: Vec<Value> = made.iter().filter(is_gateway).chain(gateways).cloned().collect();
        let has_host = |host: &str| after.iter().any(|one| {
            one["spec"]["hosts"].as_array().into_iter().flatten().any(|own| *own == preview_of(host))
        });
        let leads_out = |text: &str| HOSTS.iter().any(|host| text.contains(host) && !has_host(host));
        let after = Mesh::new(&after);
        let copy = |host: &str| (host == fqdn("cart", "baseline")).then(|| fqdn("cart", "pr-4"));
        for host in HOSTS {
            for path in ["/", "/api", "/api/v1", "/a"] {
                for request in [Request::new("GET", path), Request::new("GET", path).header("x-a", "1")] {
                    let original = before.enter("infra/public", host, &request);
                    let found = after.enter("infra/preview", &preview_of(host), &request);
                    let known = after.enter("infra/public", host, &request);
                    prop_assert_eq!(&original, &known, "{} of seed {} changed", host, seed);
                    match (found, original.swapped(copy)) {
                        (
                            Answer::Backends { destinations, effects },
                            Answer::Backends { destinations: expected, effects: original },
                        ) => {
                            // A host at which nothing holds has no preview host.
                            let answers = answered(&original).to_string();
                            let led = answered(&effects).to_string();
                            prop_assert!(
                                led == preview_of(&answers) || led == answers && leads_out(&led),
                                "{} of seed {}: {}", host, seed, led
                            );
                            prop_assert_eq!(destinations, expected, "{}{} of seed {}", host, path, seed);
                            prop_assert!(effects.contains("pr-4"), "{} of seed {}", effects, seed);
                        }
                        (Answer::Direct(found), Answer::Direct(expected)) => {
                            prop_assert_eq!(found, preview_of(&expected), "{}{} of seed {}", host, path, seed);
                        }
                        (found, expected) => {
                            prop_assert_eq!(found, expected, "{}{} of seed {}", host, path, seed);
                        }
                    }
                }
            }
        }
    }
}

fn said(mesh: &Mesh, scheme: &str, port: u16, host: &str, path: &str) -> String {
    let answer = mesh.enter_by("infra/public", scheme, port, host, &Request::new("GET", path));
    match answer {
        Answer::Direct(text) => text,
        Answer::Undefined(_) => "undefined".to_owned(),
        Answer::NotFound => "404".to_owned(),
        other => format!("{other:?}"),
    }
}

/// The judge's answers at a listener with TLS, of these objects.
fn answers(objects: &[Value], asked: &[(&str, &str)]) -> Vec<String> {
    let mesh = Mesh::new(objects);
    asked.iter().map(|(host, path)| said(&mesh, "https", 443, host, path)).collect()
}

fn status(status: u16) -> Value {
    json!({"directResponse": {"status": status}})
}

fn with(mut entry: Value, one: Value) -> Value {
    entry["match"] = json!([one]);
    entry
}

fn shown(code: u16) -> String {
    format!("{{\"directResponse\":{{\"status\":{code}}}}}")
}

#[test]
fn a_virtual_service_binds_to_a_gateway_of_istio_alone() {
    let of_gateway_api = json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": "public", "namespace": "infra"},
        "spec": {"listeners": [{"name": "a", "port": 443, "protocol": "HTTPS"}]}
    });
    let route = virtual_service("site", &["infra/public"], &json!([status(201)]));
    let asked = [("shop.example.com", "/")];
    assert_eq!(answers(std::slice::from_ref(&route), &asked), [shown(201)]);
    assert_eq!(answers(&[route.clone(), of_gateway_api.clone()], &asked), ["404"]);
    let both = [route, of_gateway_api, gateway("public", 443, "HTTPS", "*")];
    assert_eq!(answers(&both, &asked), [shown(201)]);
}

#[test]
fn a_server_hears_its_port_its_scheme_its_hosts_and_its_namespaces() {
    let heard = |server: Value, scheme, port| {
        let mesh =
            Mesh::new(&[virtual_service("site", &["public.infra"], &json!([status(201)])), server]);
        said(&mesh, scheme, port, "shop.example.com", "/") == shown(201)
    };
    assert!(heard(gateway("public", 443, "HTTPS", "*.example.com"), "https", 443));
    assert!(heard(gateway("public", 443, "HTTPS", "baseline/shop.example.com"), "https", 443));
    for (server, scheme, port) in [
        (gateway("public", 443, "HTTPS", "*"), "https", 8443),
        (gateway("public", 443, "HTTPS", "*"), "http", 443),
        (gateway("public", 443, "HTTPS", "api.example.com"), "https", 443),
        (gateway("public", 443, "HTTPS", "./*"), "https", 443),
    ] {
        assert!(!heard(server, scheme, port));
    }
}

#[test]
fn the_authority_and_the_scheme_are_conditions() {
    let entries = json!([
        with(status(201), json!({"authority": {"prefix": "api."}})),
        with(status(202), json!({"authority": {"regex": "shop[.].*"}, "uri": {"prefix": "/a"}})),
        with(status(203), json!({"scheme": {"exact": "http"}})),
        with(status(204), json!({"port": 443, "gateways": ["infra/public"]})),
    ]);
    let route = virtual_service("site", &["infra/public"], &entries);
    let asked = [("api.example.com", "/"), ("shop.example.com", "/a"), ("shop.example.com", "/")];
    assert_eq!(answers(std::slice::from_ref(&route), &asked), [shown(201), shown(202), shown(204)]);
    let mesh = Mesh::new(&[route]);
    assert_eq!(said(&mesh, "http", 80, "shop.example.com", "/"), shown(203));
}

#[test]
fn at_a_gateway_virtual_services_of_one_host_are_one_list_with_what_is_for_everything_last() {
    let all = |first: Value| {
        [
            virtual_service("a", &["infra/public"], &json!([first])),
            virtual_service(
                "b",
                &["infra/public"],
                &json!([with(status(202), json!({"uri": {"prefix": "/b"}}))]),
            ),
        ]
    };
    let asked = [("shop.example.com", "/b"), ("shop.example.com", "/")];
    assert_eq!(answers(&all(status(201)), &asked), [shown(202), shown(201)]);
    // With a condition on the host it is for everything no more: then the age decides.
    let of_host = with(status(201), json!({"authority": {"prefix": "shop."}}));
    assert_eq!(answers(&all(of_host), &asked), ["undefined".to_owned(), shown(201)]);
}
