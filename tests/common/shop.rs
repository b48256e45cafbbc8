//! Random shops: services with and without routes of their own, previews, and requests over the same
//! small alphabet, so that they meet.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::dice::Dice;
use crate::evaluator::{Request, fqdn};

/// The baseline's namespace.
pub(crate) const BASELINE: &str = "baseline";
const NAMES: [&str; 5] = ["cart", "web", "legacy", "reco", "chat"];
const PATHS: [&str; 5] = ["/", "/api", "/api/v1", "/a", "/api/v1/deep"];

/// A shop, its previews, and requests to judge it by.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) services: Vec<Service>,
    pub(crate) previews: Vec<Preview>,
    pub(crate) requests: Vec<Request>,
    pub(crate) baggage: bool,
    /// The entry's route.
    pub(crate) entry: Option<Value>,
    /// A route for the same host at a Gateway for which the entry does not stand.
    internal: Option<Value>,
    /// Routes of the mesh.
    routes: Vec<Value>,
    api: &'static str,
    /// Whether a wildcard covers every service.
    wildcard: bool,
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) ports: Vec<u16>,
}

#[derive(Debug)]
pub(crate) struct Preview {
    pub(crate) name: String,
    pub(crate) services: Vec<String>,
}

fn any_of(dice: &mut Dice, services: &[Service]) -> String {
    services[dice.roll(services.len())].name.clone()
}

impl Shop {
    /// The shop of this number.
    pub(crate) fn random(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let count = 2 + dice.roll(4);
        let services: Vec<Service> = NAMES[..count]
            .iter()
            .map(|name| Service {
                name: (*name).to_owned(),
                ports: if dice.one_in(3) { vec![80, 8081] } else { vec![80] },
            })
            .collect();
        let mut shop = Self {
            previews: previews(&mut dice, &services),
            baggage: dice.one_in(3),
            entry: None,
            internal: None,
            routes: Vec::new(),
            requests: Vec::new(),
            api: "auto",
            wildcard: false,
            services,
        };
        shop.add_routes(&mut dice);
        if dice.one_in(2) {
            shop.entry = Some(shop.entry_at(&mut dice, "public"));
            shop.internal = dice.one_in(2).then(|| shop.entry_at(&mut dice, "internal"));
        }
        shop.requests = (0..14).map(|_| request(&mut dice)).collect();
        shop
    }

    /// A route for the shop's host at a Gateway.
    fn entry_at(&self, dice: &mut Dice, gateway: &str) -> Value {
        let mut rules = [self.http_rule(dice, true), self.http_rule(dice, true)];
        for rule in &mut rules {
            // To the host itself, by its name.
            if !rule["filters"][0]["requestRedirect"].is_null() && dice.one_in(2) {
                rule["filters"][0]["requestRedirect"]["hostname"] = json!("shop.example.com");
            }
        }
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": format!("at-{gateway}"), "namespace": BASELINE},
            "spec": {
                "parentRefs": [{"namespace": "infra", "name": gateway}],
                "hostnames": ["shop.example.com"],
                "rules": rules
            }
        })
    }

    fn add_routes(&mut self, dice: &mut Dice) {
        // One API for the whole shop now and then, with a wildcard or with `api: istio`.
        let mode = dice.roll(8);
        self.wildcard = mode == 0;
        if mode == 0 {
            let mut wildcard =
                self.virtual_service(dice, "everything", &["*.baseline.svc.cluster.local"]);
            wildcard["spec"]["http"][0]["timeout"] = json!("7s");
            self.routes.push(wildcard);
        }
        if mode <= 1 {
            self.api = "istio";
        }
        for index in 0..self.services.len() {
            let name = self.services[index].name.clone();
            let kind = dice.roll(6);
            let route = match kind {
                0 | 1 => continue,
                2 => {
                    // Of several spellings Istio completes the one without a dot.
                    let (dotted, full) = (format!("{name}.baseline"), fqdn(&name, BASELINE));
                    let spelled = [name.as_str(), &dotted, &full];
                    let both = [spelled[0], spelled[2]];
                    let hosts = dice.pick(&[&spelled[..1], &spelled[2..], &spelled[..], &both]);
                    self.virtual_service(dice, &name, hosts)
                }
                _ if mode <= 1 => continue,
                3 => self.grpc_route(dice, &name),
                4 => {
                    for port in self.services[index].ports.clone() {
                        if dice.one_in(3) {
                            continue;
                        }
                        let mut route = self.http_route(dice, &format!("{name}-{port}"), &name);
                        route["spec"]["parentRefs"][0]["port"] = json!(port);
                        self.routes.push(route);
                    }
                    continue;
                }
                _ => self.http_route(dice, &name, &name),
            };
            self.routes.push(route);
        }
        self.add_ignored(dice);
    }

    /// Routes that look as if they counted, and that Istio does not follow.
    fn add_ignored(&mut self, dice: &mut Dice) {
        let name = any_of(dice, &self.services);
        let mut ignored = match dice.roll(6) {
            0 => self.virtual_service(dice, "ignored", &[&format!("{name}.baseline")]),
            1 => {
                let mut route = self.http_route(dice, "ignored", &name);
                route["spec"]["parentRefs"][0]["port"] = json!(9999);
                route
            }
            2 => {
                let mut route = self.http_route(dice, "ignored", &name);
                let dotted = json!({"name": format!("{name}.baseline"), "port": 80});
                route["spec"]["rules"][0] = json!({"backendRefs": [dotted]});
                route
            }
            3 => {
                let mut route = self.http_route(dice, "ignored", &name);
                let parent = &mut route["spec"]["parentRefs"][0];
                *parent = json!({"kind": "Service", "name": parent["name"]});
                route
            }
            _ => return,
        };
        ignored["metadata"]["name"] = json!("ignored");
        self.routes.push(ignored);
    }

    fn http_route(&self, dice: &mut Dice, name: &str, service: &str) -> Value {
        let rules: Vec<Value> = (0..=dice.roll(4)).map(|_| self.http_rule(dice, true)).collect();
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": BASELINE},
            "spec": {
                "parentRefs": [{"group": "", "kind": "Service", "name": service}],
                "hostnames": dice.pick(&[&[][..], &["shop.example.com"][..]]), "rules": rules
            }
        })
    }

    fn http_rule(&self, dice: &mut Dice, redirects: bool) -> Value {
        let mut rule = json!({});
        if !dice.one_in(4) {
            let matches: Vec<Value> = (0..=dice.roll(2)).map(|_| http_match(dice)).collect();
            rule["matches"] = json!(matches);
        }
        if redirects && dice.one_in(8) {
            rule["filters"] = json!([{"type": "RequestRedirect", "requestRedirect": {"statusCode": 301, "path": {"type": "ReplaceFullPath", "replaceFullPath": "/moved"}}}]);
            return rule;
        }
        rule["backendRefs"] = json!(self.backends(dice));
        match dice.roll(6) {
            0 => {
                rule["filters"] = json!([{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-z", "value": "1"}]}}]);
            }
            1 => {
                let target = any_of(dice, &self.services);
                rule["filters"] = json!([{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": target, "port": 80}}}]);
            }
            2 => rule["timeouts"] = json!({"request": "3s"}),
            _ => {}
        }
        rule
    }

    /// One to three different services, with weights.
    fn backends(&self, dice: &mut Dice) -> Vec<Value> {
        let mut names: Vec<&str> =
            self.services.iter().map(|service| service.name.as_str()).collect();
        let count = 1 + dice.roll(names.len().min(3));
        let mut backends = Vec::new();
        for _ in 0..count {
            let name = names.remove(dice.roll(names.len()));
            let mut backend = match dice.one_in(6) {
                true => json!({
                    "group": "networking.istio.io", "kind": "Hostname", "port": 80,
                    "name": format!("{name}.baseline.svc.cluster.local")
                }),
                false => json!({"name": name, "port": 80}),
            };
            if count > 1 && !dice.one_in(4) {
                backend["weight"] = json!(dice.pick(&[0, 1, 5, 90]));
            }
            backends.push(backend);
        }
        backends
    }

    fn grpc_route(&self, dice: &mut Dice, service: &str) -> Value {
        let rules: Vec<Value> = (0..=dice.roll(3))
            .map(|_| {
                let mut rule = json!({"backendRefs": self.backends(dice)});
                let mut one = json!({});
                match dice.roll(4) {
                    0 => one["method"] = json!({"service": "api", "method": "v1"}),
                    1 => one["method"] = json!({"service": "api"}),
                    2 => one["headers"] = json!([{"name": "x-a", "value": "1"}]),
                    _ => return rule,
                }
                rule["matches"] = json!([one]);
                rule
            })
            .collect();
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "GRPCRoute",
            "metadata": {"name": service, "namespace": BASELINE},
            "spec": {"parentRefs": [{"group": "", "kind": "Service", "name": service}], "rules": rules}
        })
    }

    fn virtual_service(&self, dice: &mut Dice, name: &str, hosts: &[&str]) -> Value {
        let wildcard = hosts[0].starts_with('*');
        let mut entries: Vec<Value> = (0..=dice.roll(4)).map(|_| self.http_entry(dice)).collect();
        let seen: &[&str] = match wildcard {
            true => &["*"],
            false => dice.pick(&[&[][..], &["*"], &["."], &[BASELINE, "elsewhere"]]),
        };
        if self.wildcard && !wildcard || hosts.len() > 1 {
            // Or callers on a port without entries would fall through to what is carried over, and entries
            // for that port would be refused beside other hosts.
            let mut last = self.http_entry(dice);
            last.as_object_mut().expect("an entry").remove("match");
            entries.push(last);
        }
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": name, "namespace": BASELINE},
            "spec": {"hosts": hosts, "http": entries, "exportTo": seen}
        })
    }

    fn http_entry(&self, dice: &mut Dice) -> Value {
        let mut entry = json!({});
        if !dice.one_in(4) {
            let matches: Vec<Value> = (0..=dice.roll(2)).map(|_| istio_match(dice)).collect();
            entry["match"] = json!(matches);
        }
        if dice.one_in(8) {
            entry["redirect"] = json!({"uri": "/moved"});
            return entry;
        }
        let destinations = self.destinations(dice);
        entry["route"] = json!(destinations);
        match dice.roll(6) {
            // What a rewrite makes of a path that a regular expression matched is not specified.
            0 if !entry.to_string().contains("regex") => {
                entry["rewrite"] = json!({"uri": "/other"});
            }
            1 => entry["mirror"] = json!({"host": any_of(dice, &self.services)}),
            2 => entry["timeout"] = json!("3s"),
            3 => entry["headers"] = json!({"request": {"set": {"x-z": "1"}}}),
            _ => {}
        }
        entry
    }

    /// One to three destinations, subsets of one service among them.
    fn destinations(&self, dice: &mut Dice) -> Vec<Value> {
        let count = 1 + dice.roll(3);
        let mut seen = Vec::new();
        let mut destinations = Vec::new();
        for _ in 0..count {
            let name = any_of(dice, &self.services);
            let subset = dice.pick(&["", "", "v1", "v2"]);
            if seen.contains(&(name.clone(), subset)) {
                continue;
            }
            seen.push((name.clone(), subset));
            let host = if dice.one_in(2) {
                name.clone()
            } else {
                format!("{name}.baseline.svc.cluster.local")
            };
            let mut destination = json!({"host": host, "port": {"number": 80}});
            if !subset.is_empty() {
                destination["subset"] = json!(subset);
            }
            destinations.push(json!({"destination": destination}));
        }
        if destinations.len() > 1 {
            for destination in &mut destinations {
                destination["weight"] = json!(dice.pick(&[0, 10, 30, 60]));
            }
            if destinations.iter().all(|destination| destination["weight"] == 0) {
                destinations[0]["weight"] = json!(100);
            }
        }
        destinations
    }

    /// Every port of every service with every request of the case.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (&str, u16, &Request)> {
        self.services.iter().flat_map(move |service| {
            service.ports.iter().flat_map(move |&port| {
                self.requests.iter().map(move |request| (service.name.as_str(), port, request))
            })
        })
    }

    /// The manifests of the baseline.
    pub(crate) fn baseline(&self) -> String {
        let mut objects = vec![json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": BASELINE, "labels": {"istio-injection": "enabled"}}
        })];
        let hosts: Vec<&str> = self.services.iter().map(|service| service.name.as_str()).collect();
        for service in &self.services {
            let name = &service.name;
            let ports: Vec<Value> = service
                .ports
                .iter()
                .map(|port| json!({"name": format!("http-{port}"), "port": port}))
                .collect();
            objects.push(json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": {"name": name, "namespace": BASELINE},
                "spec": {"selector": {"app": name}, "ports": ports}
            }));
            objects.push(json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": name, "namespace": BASELINE},
                "spec": {
                    "selector": {"matchLabels": {"app": name}},
                    "template": {
                        "metadata": {"labels": {"app": name}},
                        "spec": {"containers": [{
                            "name": "server", "image": format!("ghcr.io/shop/{name}:v1"),
                            "env": [{"name": "HOSTS", "value": hosts.join(" ")}]
                        }]}
                    }
                }
            }));
        }
        objects.extend(self.routes.iter().cloned());
        objects.extend(self.entry.iter().chain(&self.internal).cloned());
        objects.iter().fold(String::new(), |mut text, object| {
            writeln!(text, "---\n{object:#}").expect("a string can be written");
            text
        })
    }

    /// The shop in Istio's ambient mode, from its own manifests: without what is refused there, and with a waypoint.
    pub(crate) fn in_ambient_mode(&self, mut objects: Vec<Value>) -> (Vec<Value>, Value) {
        objects.retain(|object| object["kind"] != "VirtualService");
        objects[0]["metadata"]["labels"] =
            json!({"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint"});
        objects.push(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"name": "waypoint", "namespace": BASELINE},
            "spec": {
                "gatewayClassName": "istio-waypoint",
                "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE"}]
            }
        }));
        let mut previews: Value =
            serde_json::from_str(&self.previews_yaml()).expect("the file is JSON");
        previews["spec"]["routing"]["api"] = json!("auto");
        previews["spec"]["routing"]["dataPlane"] = json!("ambient");
        (objects, previews)
    }

    /// The file of the previews.
    pub(crate) fn previews_yaml(&self) -> String {
        let previews: Vec<Value> = self
            .previews
            .iter()
            .map(|preview| {
                let services: Vec<Value> = preview
                    .services
                    .iter()
                    .map(|name| json!({"name": name, "image": format!("ghcr.io/shop/{name}:v2")}))
                    .collect();
                json!({"name": preview.name, "services": services})
            })
            .collect();
        let mut key = json!({"header": "x-preview-id"});
        if self.baggage {
            key["baggage"] = json!("preview");
        }
        let mut routing = json!({"api": self.api, "key": key});
        if self.entry.is_some() {
            routing["entries"] = json!([{
                "gateway": {"namespace": "infra", "name": "preview"},
                "host": "{preview}.preview.example.com"
            }]);
            if self.internal.is_some() {
                routing["entries"][0]["of"] = json!([{"namespace": "infra", "name": "public"}]);
            }
        }
        let file = json!({
            "apiVersion": "anabranch.dev/v1alpha1", "kind": "Previews", "metadata": {"name": "shop"},
            "spec": {
                "baseline": {"namespace": BASELINE, "delivery": "include"},
                "routing": routing, "previews": previews
            }
        });
        format!("{file:#}\n")
    }
}

/// One to three previews whose names begin alike, each of one or two services.
fn previews(dice: &mut Dice, services: &[Service]) -> Vec<Preview> {
    let count = 1 + dice.roll(3);
    ["pr-4", "pr-42", "pr-421"][..count]
        .iter()
        .map(|name| {
            let mut changed = vec![any_of(dice, services)];
            if dice.one_in(2) {
                changed.push(any_of(dice, services));
            }
            changed.sort();
            changed.dedup();
            Preview { name: (*name).to_owned(), services: changed }
        })
        .collect()
}

fn http_match(dice: &mut Dice) -> Value {
    let mut one = json!({});
    if !dice.one_in(4) {
        let kind = if dice.one_in(3) { "Exact" } else { "PathPrefix" };
        one["path"] = json!({"type": kind, "value": dice.pick(&PATHS)});
    }
    if dice.one_in(4) {
        one["method"] = json!("GET");
    }
    if dice.one_in(3) {
        one["headers"] = json!([{"name": "x-a", "value": dice.pick(&["1", "2"])}]);
    }
    if dice.one_in(5) {
        one["queryParams"] = json!([{"name": dice.pick(&["q", "Q"]), "value": "1"}]);
    }
    one
}

fn istio_match(dice: &mut Dice) -> Value {
    let mut one = json!({});
    let path = dice.pick(&PATHS);
    match dice.roll(4) {
        0 => one["uri"] = json!({"exact": path}),
        1 => one["uri"] = json!({"regex": format!("{path}.*")}),
        2 => one["uri"] = json!({"prefix": path}),
        _ => one["method"] = json!({"exact": "GET"}),
    }
    match dice.roll(5) {
        0 => one["headers"] = json!({"x-a": {"exact": dice.pick(&["1", "2"])}}),
        1 => one["withoutHeaders"] = json!({"x-a": {"exact": "1"}}),
        2 => one["queryParams"] = json!({"q": {"exact": "1"}}),
        3 => one["port"] = json!(dice.pick(&[80, 8081])),
        _ => {}
    }
    one
}

fn request(dice: &mut Dice) -> Request {
    const ASKED: [&str; 9] =
        ["/", "/api", "/api/", "/api/v1", "/api/v1/deep", "/apix", "/a", "/a/b", "/b"];
    let mut request = Request::new(dice.pick(&["GET", "POST"]), dice.pick(&ASKED));
    if dice.one_in(2) {
        request = request.header("X-A", dice.pick(&["1", "2", "3"]));
    }
    if dice.one_in(3) {
        request = request.param("q", dice.pick(&["1", "2"]));
        if dice.one_in(2) {
            request = request.param("Q", dice.pick(&["1", "2"]));
        }
    }
    request
}
