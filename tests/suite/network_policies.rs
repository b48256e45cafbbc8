//! NetworkPolicies, judged over all pairs of pods by an evaluator that was written from the specification and shares no
//! code with the program.
//!
//! What the baseline's pods reach, and are reached by, is compared with what previews' copies are: on random policies,
//! none is ever wider, and none narrower.
//! See <https://kubernetes.io/docs/concepts/services-networking/network-policies/>.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::dice::Dice;
use super::orchestrator::{ANABRANCH, Answer, run};
use super::schema::documents;

type Labels = BTreeMap<String, String>;

/// A pod, as far as policies see it.
#[derive(Debug, Clone)]
struct Pod {
    namespace: String,
    labels: Labels,
}

/// A port of a pod: number and name.
type Port = (u64, &'static str);

const PORTS: [Port; 2] = [(8080, "http"), (9090, "metrics")];

/// Namespaces and policies, all together.
struct World {
    namespaces: BTreeMap<String, Labels>,
    policies: Vec<Value>,
}

fn labels(value: &Value) -> Labels {
    let entries = value.as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().expect("a label is a text").to_owned();
    entries.map(|(key, value)| (key.clone(), text(value))).collect()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether a label selector selects these labels.
fn selects(selector: &Value, have: &Labels) -> bool {
    let equal =
        labels(&selector["matchLabels"]).iter().all(|(key, value)| have.get(key) == Some(value));
    equal
        && list(selector, "matchExpressions").iter().all(|one| {
            let value = have.get(one["key"].as_str().expect("an expression has a key"));
            let is_listed = || {
                value.is_some_and(|value| {
                    list(one, "values").iter().any(|other| other == value.as_str())
                })
            };
            match one["operator"].as_str().expect("an expression has an operator") {
                "In" => is_listed(),
                "NotIn" => !is_listed(),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                other => panic!("no operator {other}"),
            }
        })
}

impl World {
    fn new<'v>(objects: impl IntoIterator<Item = &'v Value>) -> Self {
        let mut world = Self { namespaces: BTreeMap::new(), policies: Vec::new() };
        for object in objects {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            match object["kind"].as_str() {
                Some("Namespace") => {
                    let mut labels = labels(&object["metadata"]["labels"]);
                    labels.insert("kubernetes.io/metadata.name".to_owned(), name.to_owned());
                    world.namespaces.insert(name.to_owned(), labels);
                }
                Some("NetworkPolicy") => world.policies.push(object.clone()),
                _ => {}
            }
        }
        world
    }

    fn is_peer(&self, peer: &Value, home: &str, pod: &Pod) -> bool {
        // No pod of these tests has an address.
        if peer.get("ipBlock").is_some() {
            return false;
        }
        let is_there = match peer.get("namespaceSelector") {
            Some(selector) => selects(selector, &self.namespaces[&pod.namespace]),
            None => pod.namespace == home,
        };
        is_there && peer.get("podSelector").is_none_or(|selector| selects(selector, &pod.labels))
    }

    /// Whether one side of a connection is open: of the pod at that side, to the other one.
    fn is_open(&self, side: &str, at: &Pod, other: &Pod, port: Port) -> bool {
        let (rules, peers) = if side == "Ingress" { ("ingress", "from") } else { ("egress", "to") };
        let mut is_closed = false;
        for policy in &self.policies {
            let spec = &policy["spec"];
            let types = list(spec, "policyTypes");
            let counts = match types {
                [] => side == "Ingress" || !list(spec, "egress").is_empty(),
                types => types.iter().any(|one| one == side),
            };
            let home = policy["metadata"]["namespace"].as_str().unwrap_or_default();
            if !counts || home != at.namespace || !selects(&spec["podSelector"], &at.labels) {
                continue;
            }
            is_closed = true;
            let lets = |rule: &Value| {
                let among = list(rule, peers);
                (among.is_empty() || among.iter().any(|peer| self.is_peer(peer, home, other)))
                    && is_port(list(rule, "ports"), port)
            };
            if list(spec, rules).iter().any(lets) {
                return true;
            }
        }
        !is_closed
    }

    fn connects(&self, from: &Pod, to: &Pod, port: Port) -> bool {
        self.is_open("Egress", from, to, port) && self.is_open("Ingress", to, from, port)
    }
}

fn is_port(ports: &[Value], (number, name): Port) -> bool {
    ports.is_empty()
        || ports.iter().any(|one| {
            let is_tcp = one["protocol"].as_str().is_none_or(|protocol| protocol == "TCP");
            is_tcp
                && match &one["port"] {
                    Value::Null => true,
                    Value::String(wanted) => wanted == name,
                    wanted => {
                        let first = wanted.as_u64().expect("a port is a number");
                        (first..=one["endPort"].as_u64().unwrap_or(first)).contains(&number)
                    }
                }
        })
}

const SERVICES: [(&str, &str); 4] =
    [("web", "front"), ("cart", "back"), ("reco", "back"), ("mail", "none")];
const HOME: &str = "shop";

fn labels_of((name, tier): (&str, &str)) -> Labels {
    let mut labels = Labels::from([("app".to_owned(), name.to_owned())]);
    if tier != "none" {
        labels.insert("tier".to_owned(), tier.to_owned());
    }
    labels
}

/// The shop, without policies.
fn shop() -> Vec<Value> {
    let namespace = |name: &str, labels: Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}});
    let mut objects = vec![
        namespace(HOME, json!({"istio-injection": "enabled", "team": "shop", "name": "shop"})),
        namespace("edge", json!({"role": "edge", "team": "net"})),
        namespace("bare", json!({})),
    ];
    for service in SERVICES {
        let (name, labels) = (service.0, labels_of(service));
        let metadata = json!({"name": name, "namespace": HOME});
        objects.push(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 8080}, {"name": "metrics", "port": 9090, "appProtocol": "tcp"}]},
        }));
        objects.push(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
            "spec": {"selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [{
                "name": "main", "image": format!("registry.example.com/{name}:v1"),
                "ports": [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9090}],
            }]}}},
        }));
    }
    objects
}

fn pods_selector(dice: &mut Dice) -> Value {
    let apps = ["web", "cart", "reco", "mail", "nobody"];
    match dice.roll(9) {
        0 | 1 => json!({}),
        2..=4 => json!({"matchLabels": {"app": dice.pick(&apps)}}),
        5 => json!({"matchLabels": {"tier": dice.pick(&["front", "back"])}}),
        6 => {
            json!({"matchExpressions": [{"key": "app", "operator": dice.pick(&["In", "NotIn"]), "values": [dice.pick(&apps), dice.pick(&apps)]}]})
        }
        7 => {
            json!({"matchExpressions": [{"key": "tier", "operator": dice.pick(&["Exists", "DoesNotExist"])}]})
        }
        _ => {
            json!({"matchExpressions": [{"key": "app", "operator": "Exists"}, {"key": "tier", "operator": "DoesNotExist"}]})
        }
    }
}

fn namespaces_selector(dice: &mut Dice) -> Value {
    let name = "kubernetes.io/metadata.name";
    match dice.roll(8) {
        0 => json!({}),
        1 | 2 => json!({"matchLabels": {name: dice.pick(&[HOME, "edge", "bare"])}}),
        3 => json!({"matchLabels": {"team": dice.pick(&["shop", "net"])}}),
        4 => json!({"matchLabels": {"name": "shop"}}),
        5 => {
            json!({"matchExpressions": [{"key": name, "operator": dice.pick(&["In", "In", "NotIn"]), "values": [dice.pick(&[HOME, "edge"]), "bare"]}]})
        }
        6 => {
            json!({"matchExpressions": [{"key": "role", "operator": dice.pick(&["Exists", "DoesNotExist"])}]})
        }
        _ => json!({"matchLabels": {"istio-injection": "enabled"}}),
    }
}

fn peer(dice: &mut Dice) -> Value {
    match dice.roll(7) {
        0..=2 => json!({"podSelector": pods_selector(dice)}),
        3 | 4 => json!({"namespaceSelector": namespaces_selector(dice)}),
        5 => {
            json!({"namespaceSelector": namespaces_selector(dice), "podSelector": pods_selector(dice)})
        }
        _ => json!({"ipBlock": {"cidr": "10.0.0.0/8"}}),
    }
}

fn rule(dice: &mut Dice, peers: &str) -> Value {
    let mut rule = json!({});
    if !dice.one_in(8) {
        let among: Vec<Value> = (0..=dice.roll(2)).map(|_| peer(dice)).collect();
        rule[peers] = json!(among);
    }
    match dice.roll(7) {
        0 => rule["ports"] = json!([{"port": 8080}]),
        1 => {
            rule["ports"] =
                json!([{"port": "metrics", "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}])
        }
        2 => rule["ports"] = json!([{"port": 9000, "endPort": 9100}]),
        _ => {}
    }
    rule
}

fn policy(dice: &mut Dice, index: usize) -> Value {
    let mut spec = json!({"podSelector": pods_selector(dice)});
    for (list, peers) in [("ingress", "from"), ("egress", "to")] {
        if dice.one_in(2) {
            let rules: Vec<Value> = (0..dice.roll(3)).map(|_| rule(dice, peers)).collect();
            spec[list] = json!(rules);
        }
    }
    match dice.roll(5) {
        0 => spec["policyTypes"] = json!(["Ingress"]),
        1 => spec["policyTypes"] = json!(["Egress"]),
        2 => spec["policyTypes"] = json!(["Ingress", "Egress"]),
        _ => {}
    }
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": format!("p{index}"), "namespace": HOME}, "spec": spec})
}

fn render(objects: &[Value], affected: &[&str], previews: usize) -> Answer {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let baseline = scratch.path().join("baseline.yaml");
    let text: String = objects.iter().map(|object| format!("---\n{object}\n")).collect();
    fs::write(&baseline, text).expect("the folder can be written");
    let services: Vec<Value> = affected
        .iter()
        .map(|name| json!({"name": name, "image": "registry.example.com/x:v2"}))
        .collect();
    let preview = |n: usize| json!({"name": format!("pr-{n}"), "services": services});
    let config = json!({
        "apiVersion": "anabranch.dev/v1alpha1", "kind": "Previews", "metadata": {"name": "shop"},
        "spec": {"baseline": {"namespace": HOME}, "previews": (1..=previews).map(preview).collect::<Vec<_>>()},
    });
    let file = scratch.path().join("previews.yaml");
    fs::write(&file, config.to_string()).expect("the folder can be written");
    run(Command::new(ANABRANCH).arg("render").arg(&file).arg("--baseline").arg(&baseline), "")
}

/// Compares a baseline with its previews, over all pairs of pods and both ports.
fn compare(objects: &[Value], output: &[Value], affected: &[&str]) {
    let before = World::new(objects);
    let after = World::new(objects.iter().chain(output));
    let pod = |namespace: &str, labels: Labels| Pod { namespace: namespace.to_owned(), labels };
    let places = |name: &str| match affected.contains(&name) {
        true => vec![HOME, "pr-1", "pr-2"],
        false => vec![HOME],
    };
    let strangers = [Labels::new(), Labels::from([("app".to_owned(), "suite".to_owned())])];
    for (&port, &callee) in
        PORTS.iter().flat_map(|port| SERVICES.iter().map(move |one| (port, one)))
    {
        let was = pod(HOME, labels_of(callee));
        for place in places(callee.0) {
            let is = pod(place, labels_of(callee));
            let said = |from: &Pod| {
                format!(
                    "{from:?} to {is:?} at {port:?} with {affected:?} changed; {}",
                    json!(before.policies)
                )
            };
            for caller in SERVICES {
                let could = before.connects(&pod(HOME, labels_of(caller)), &was, port);
                for origin in places(caller.0) {
                    let from = pod(origin, labels_of(caller));
                    let can = after.connects(&from, &is, port);
                    let are_of_two = origin != HOME && place != HOME && origin != place;
                    if are_of_two {
                        assert!(could || !can, "wider: {}", said(&from));
                    } else {
                        assert_eq!(could, can, "{}", said(&from));
                    }
                }
            }
            for outsider in [pod("edge", labels_of(SERVICES[0])), pod("bare", Labels::new())] {
                let ways = |world: &World, inside: &Pod| {
                    (
                        world.connects(&outsider, inside, port),
                        world.connects(inside, &outsider, port),
                    )
                };
                assert_eq!(ways(&before, &was), ways(&after, &is), "{}", said(&outsider));
            }
            for labels in &strangers {
                let (like, it) = (pod(HOME, labels.clone()), pod("pr-1", labels.clone()));
                for (could, can) in [
                    (before.connects(&like, &was, port), after.connects(&it, &is, port)),
                    (before.connects(&was, &like, port), after.connects(&is, &it, port)),
                ] {
                    assert!(could || !can || place == "pr-2", "a suite may more: {}", said(&it));
                }
            }
        }
    }
}

#[test]
fn random_network_policies_mean_the_same_for_previews() {
    let (mut compared, mut refused) = (0, 0);
    for seed in 0..250 {
        let mut dice = Dice(seed);
        let mut objects = shop();
        let policies: Vec<Value> =
            (0..=dice.roll(4)).map(|index| policy(&mut dice, index)).collect();
        objects.extend(policies);
        let affected: Vec<&str> =
            SERVICES.iter().map(|one| one.0).filter(|_| dice.one_in(2)).collect();
        if affected.is_empty() {
            continue;
        }
        let answer = render(&objects, &affected, 2);
        if answer.code != Some(0) {
            assert!(
                answer.stderr.contains("error[policy-unlike]"),
                "seed {seed}: {}",
                answer.stderr
            );
            refused += 1;
            continue;
        }
        compared += 1;
        compare(&objects, &documents(&answer.stdout), &affected);
    }
    assert!(compared > 120 && refused > 0, "{compared} compared, {refused} refused");
}

#[test]
fn what_is_added_beside_network_policies_does_not_grow_with_previews() {
    let mut objects = shop();
    objects.push(json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "inside", "namespace": HOME},
        "spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}}));
    let added = |previews| {
        let output = documents(&render(&objects, &["cart"], previews).ok());
        output
            .iter()
            .filter(|one| one["kind"] == "NetworkPolicy" && one["metadata"]["namespace"] == HOME)
            .count()
    };
    assert_eq!((added(1), added(7)), (1, 1));
}
