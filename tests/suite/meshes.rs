//! What previews are in each mesh: ambient mode, Linkerd, Cilium, and none. Routes of ambient mode are judged by the
//! evaluator's waypoint, over random shops.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::evaluator::{Answer, Call, Mesh, Request, fqdn};
use super::orchestrator::render;
use super::routes::{config, copy_of};
use super::schema::documents;
use super::shop::{BASELINE, Shop};

/// A Namespace with these labels.
fn namespace(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

fn waypoint(namespace: &str, name: &str, allowed: &Value) -> Value {
    let listener = json!({"name": "mesh", "port": 15008, "protocol": "HBONE", "allowedRoutes": {"namespaces": allowed}});
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"gatewayClassName": "istio-waypoint", "listeners": [listener]}
    })
}

/// A Service with these labels, and its Deployment, whose pods have these.
fn service(name: &str, labels: &Value, pods: &Value) -> [Value; 2] {
    let mut of_pods = pods.clone();
    of_pods["app"] = json!(name);
    let container = json!({"name": "server", "image": format!("ghcr.io/shop/{name}:v1"), "args": ["http://cart.shop:80"]});
    [
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop", "labels": labels},
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80}]}
        }),
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
            "spec": {
                "selector": {"matchLabels": {"app": name}},
                "template": {"metadata": {"labels": of_pods}, "spec": {"containers": [container]}}
            }
        }),
    ]
}

/// A shop of cart and web whose Namespace has these labels, and more objects.
fn shop(labels: &Value, more: &[Value]) -> Vec<Value> {
    let none = json!({});
    let mut objects = vec![namespace("shop", labels)];
    objects.extend(service("cart", &none, &none).into_iter().chain(service("web", &none, &none)));
    objects.extend(more.iter().cloned());
    objects
}

/// Previews of cart, with these lines in their spec.
fn previews(lines: &str) -> String {
    format!(
        "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nmetadata: {{name: shop}}\nspec:\n  baseline: {{namespace: shop}}\n\
         {lines}\n  previews: [{{name: pr-4, services: [{{name: cart, image: 'ghcr.io/shop/cart:v2'}}]}}]\n"
    )
}

const AMBIENT: &str = "  routing: {dataPlane: ambient}";

fn of_kind<'o>(objects: &'o [Value], kind: &str) -> Vec<&'o Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

#[test]
fn labels_of_injection_beside_those_of_ambient_mode_mean_sidecars() {
    let both = json!({"istio.io/dataplane-mode": "ambient", "istio-injection": "enabled"});
    let objects = documents(&render(&shop(&both, &[]), &previews("")).ok());
    let made = of_kind(&objects, "Namespace")[0];
    assert_eq!(made["metadata"]["labels"]["istio-injection"], "enabled");
    assert!(objects.iter().any(|object| object["spec"]["type"] == "ExternalName"), "aliases");
    let words = render(&shop(&both, &[]), &previews(AMBIENT)).failed();
    assert!(words.contains("error[data-plane]"), "{words}");
    let revision = json!({"istio.io/dataplane-mode": "ambient", "istio.io/rev": "stable"});
    let words = render(&shop(&revision, &[]), &previews(AMBIENT)).failed();
    assert!(words.contains("error[data-plane]"), "{words}");
}

#[test]
fn a_waypoint_of_another_namespace_has_to_take_those_of_the_baseline() {
    let labels = json!({
        "istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "shared",
        "istio.io/use-waypoint-namespace": "infra", "team": "books"
    });
    let with = |allowed: Value| {
        let objects = shop(&labels, &[waypoint("infra", "shared", &allowed)]);
        render(&objects, &previews(AMBIENT))
    };
    let of_team =
        |team: &str| json!({"from": "Selector", "selector": {"matchLabels": {"team": team}}});
    let by_name = json!({"matchLabels": {"kubernetes.io/metadata.name": "shop"}});
    for allowed in
        [json!({"from": "All"}), of_team("books"), json!({"from": "Selector", "selector": by_name})]
    {
        with(allowed).ok();
    }
    for refused in [json!({"from": "Same"}), of_team("toys"), json!({})] {
        let words = with(refused).failed();
        assert!(words.contains("error[no-waypoint]") && words.contains("infra/shared"), "{words}");
    }
}

#[test]
fn the_label_of_a_service_goes_before_that_of_its_namespace() {
    let ambient = json!({"istio.io/dataplane-mode": "ambient"});
    let allowed = json!({"from": "Same"});
    let labelled = |name: &str| json!({"istio.io/use-waypoint": name});
    let mut objects = shop(&ambient, &[waypoint("shop", "own", &allowed)]);
    objects[1]["metadata"]["labels"] = labelled("own");
    render(&objects, &previews(AMBIENT)).ok();
    objects[0]["metadata"]["labels"]["istio.io/use-waypoint"] = json!("own");
    objects[1]["metadata"]["labels"] = labelled("none");
    assert!(render(&objects, &previews(AMBIENT)).failed().contains("no-waypoint"));
    objects[1]["metadata"]["labels"] = json!({});
    render(&objects, &previews(AMBIENT)).ok();
    // What is not routed needs none.
    objects[1]["metadata"]["labels"] = labelled("none");
    let lines = format!("{AMBIENT}\n  services: [{{name: cart, unrouted: true}}]");
    render(&objects, &previews(&lines)).ok();
}

#[test]
fn callers_in_ambient_mode_follow_no_route_to_a_baseline_with_sidecars_unless_a_waypoint_serves_it()
{
    let mut caller = service("probe", &json!({}), &json!({}))[1].clone();
    caller["metadata"]["namespace"] = json!("tools");
    let tools = namespace("tools", &json!({"istio.io/dataplane-mode": "ambient"}));
    let mut objects = shop(&json!({"istio-injection": "enabled"}), &[tools, caller]);
    let words = render(&objects, &previews("")).stderr;
    assert!(words.contains("warning[no-sidecar]") && words.contains("tools/probe"), "{words}");
    objects[1]["metadata"]["labels"] = json!({"istio.io/use-waypoint": "own"});
    let words = render(&objects, &previews("")).stderr;
    assert!(!words.contains("no-sidecar"), "{words}");
}

#[test]
fn nothing_of_istio_is_written_for_other_meshes() {
    let found = "  dependencies: found";
    let linkerd = json!({"linkerd.io/inject": "enabled"});
    let mut of_pods = shop(&json!({}), &[]);
    of_pods[2]["spec"]["template"]["metadata"]["annotations"] = linkerd.clone();
    let mut of_namespace = shop(&json!({}), &[]);
    of_namespace[0]["metadata"]["annotations"] = linkerd;
    let other = format!("{found}\n  routing: {{dataPlane: other}}");
    let kuma = json!({"kuma.io/sidecar-injection": "enabled"});
    for (objects, lines) in [
        (of_pods, found),
        (of_namespace, found),
        (shop(&kuma, &[]), found),
        // Cilium has no marks: nothing says Istio either.
        (shop(&json!({}), &[]), found),
        (shop(&json!({}), &[]), other.as_str()),
    ] {
        let made = documents(&render(&objects, &previews(lines)).ok());
        let of_istio = made.iter().filter(|object| object.to_string().contains("istio"));
        assert_eq!(of_istio.count(), 0);
        assert_eq!(of_kind(&made, "HTTPRoute").len(), 1);
    }
    let istio = shop(&json!({"istio-injection": "enabled"}), &[]);
    let made = documents(&render(&istio, &previews(found)).ok());
    assert_eq!(of_kind(&made, "Sidecar").len(), 1);
}

#[test]
fn without_a_mesh_no_route_for_calls_inside_the_cluster_is_made() {
    let answer = render(&shop(&json!({}), &[]), &previews("  routing: {dataPlane: none}"));
    assert!(
        answer.stderr.contains("warning[no-mesh]") && answer.stderr.contains("cart"),
        "{}",
        answer.stderr
    );
    let made = documents(&answer.ok());
    assert!(of_kind(&made, "HTTPRoute").is_empty() && of_kind(&made, "ReferenceGrant").is_empty());
}

/// A random shop in ambient mode: without what ambient mode refuses.
struct Ambient {
    shop: Shop,
    before: Mesh,
    after: Mesh,
}

impl Ambient {
    fn new(seed: u64) -> Self {
        let shop = Shop::random(seed);
        let (objects, previews) = shop.in_ambient_mode(documents(&shop.baseline()));
        let answer = render(&objects, &previews.to_string());
        assert_eq!(answer.code, Some(0), "seed {seed}: {}", answer.stderr);
        let made = documents(&answer.stdout);
        Self { shop, before: Mesh::new(&objects), after: Mesh::new(&made) }
    }
}

fn call(mesh: &Mesh, from: &str, host: &str, port: u16, request: &Request) -> Answer {
    let (from, host) = (from.to_owned(), host.to_owned());
    mesh.call_by_waypoint(&Call { from, host, port, request: request.clone() }, BASELINE).normal()
}

proptest! {
    #![proptest_config(config(80))]

    #[test]
    fn a_waypoint_leads_requests_with_a_key_to_copies_and_all_others_where_they_went(seed in any::<u64>()) {
        let case = Ambient::new(seed);
        for service in &case.shop.services {
            for (&port, request) in service.ports.iter().flat_map(|port| case.shop.requests.iter().map(move |one| (port, one))) {
                let host = fqdn(&service.name, BASELINE);
                let near = request.clone().header("x-preview-id", "pr-4x");
                for request in [request, &near] {
                    let expected = call(&case.before, "far", &host, port, request);
                    prop_assert_eq!(call(&case.after, "far", &host, port, request), expected, "{} {:?} of seed {}", host, request, seed);
                }
                for preview in &case.shop.previews {
                    let keyed = request.clone().header("x-preview-id", &preview.name);
                    let expected = call(&case.before, BASELINE, &host, port, &keyed).swapped(copy_of(preview));
                    prop_assert_eq!(call(&case.after, BASELINE, &host, port, &keyed), expected.clone(), "{} {:?} of seed {}", host, keyed, seed);
                    // A copy finds the copies beside it first, and the baseline by the search list.
                    let inside = call(&case.after, &preview.name, &service.name, port, &keyed);
                    match preview.services.contains(&service.name) {
                        true => {
                            let itself = format!("{:?}", inside);
                            prop_assert!(itself.contains(&fqdn(&service.name, &preview.name)), "{} of seed {}", itself, seed);
                        }
                        false => prop_assert_eq!(inside, expected, "{} {:?} of seed {}", host, keyed, seed),
                    }
                }
            }
        }
    }
}
