//! VirtualService, from <https://istio.io/latest/docs/reference/config/networking/virtual-service/>.

use serde_json::{Value, json};

use super::answer::{canonical, shares};
use super::{Answer, Effects, Mesh, Request};
use super::{fqdn, full_match, host_rank, items, name, namespace, number, only, text};

/// A VirtualService.
#[derive(Debug)]
pub(super) struct VirtualService {
    namespace: String,
    name: String,
    hosts: Vec<String>,
    /// `mesh`, or `namespace/name`.
    gateways: Vec<String>,
    export_to: Vec<String>,
    http: Vec<Value>,
}

/// Whose proxy asks.
pub(super) struct Client<'a> {
    /// `mesh`, or the gateway.
    pub(super) gateway: &'a str,
    /// The caller's namespace; none at a gateway.
    pub(super) namespace: Option<&'a str>,
    /// The port that is called.
    pub(super) port: u16,
}

impl VirtualService {
    /// Reads a VirtualService.
    #[track_caller]
    pub(super) fn read(object: &Value) -> Self {
        let spec = &object["spec"];
        only(spec, "a VirtualService", &["hosts", "gateways", "exportTo", "http", "tcp", "tls"]);
        let home = namespace(object);
        let texts = |field: &str| -> Vec<String> {
            items(spec, field)
                .iter()
                .map(|item| item.as_str().expect("a list of strings").to_owned())
                .collect()
        };
        let mut gateways = gateway_names(&texts("gateways"), home);
        if gateways.is_empty() {
            gateways.push("mesh".to_owned());
        }
        admit(object, &texts("hosts"), &texts("exportTo"));
        Self {
            namespace: home.to_owned(),
            name: name(object).to_owned(),
            hosts: texts("hosts").iter().map(|host| resolved(host, home)).collect(),
            gateways,
            export_to: texts("exportTo"),
            http: items(spec, "http").to_vec(),
        }
    }

    /// How specific the host is under which this one speaks for `host` at `gateway`.
    fn rank(&self, gateway: &str, host: &str) -> Option<usize> {
        let bound = self.gateways.iter().any(|one| one == gateway);
        let ranks = self.hosts.iter().filter_map(|one| host_rank(one, host));
        if bound { ranks.max() } else { None }
    }

    /// Its turn for proxies of this namespace, where they see it: private ones come first, then those
    /// exported by name, then those for everybody.
    fn turn(&self, from: &str) -> Option<u8> {
        let has = |name: &str| self.export_to.iter().any(|target| target == name);
        if self.export_to.is_empty() || has("*") {
            return Some(2);
        }
        let own = self.namespace == from;
        let seen = has(from) || own && has(".");
        (seen && !has("~")).then_some(if own { 0 } else { 1 })
    }

    /// The answer of its first entry that holds; none where no entry is for this client at all,
    /// because Istio then passes the VirtualService over.
    #[track_caller]
    pub(super) fn answer(
        &self,
        mesh: &Mesh,
        client: &Client<'_>,
        request: &Request,
    ) -> Option<Answer> {
        let catch_all = [Value::Null];
        let mut for_client = false;
        for entry in &self.http {
            let matches = match items(entry, "match") {
                [] => &catch_all,
                matches => matches,
            };
            for one in matches {
                if !self.is_for(one, client) {
                    continue;
                }
                for_client = true;
                if let Some(matched) = holds(one, request) {
                    return Some(self.choose(mesh, entry, client, request, &matched));
                }
            }
        }
        for_client.then_some(Answer::NotFound)
    }

    /// What Istio decides before any request comes.
    fn is_for(&self, one: &Value, client: &Client<'_>) -> bool {
        let gateways: Vec<String> = items(one, "gateways")
            .iter()
            .map(|item| item.as_str().unwrap_or_default().to_owned())
            .collect();
        let gateways = gateway_names(&gateways, &self.namespace);
        let from = one.get("sourceNamespace").and_then(Value::as_str);
        // Who calls is looked at only where no gateway is named.
        let source = match gateways.as_slice() {
            [] => from.is_none_or(|from| client.namespace == Some(from)),
            some => some.iter().any(|gateway| gateway == client.gateway),
        };
        source && one.get("port").is_none_or(|port| number::<u16>(port) == client.port)
    }

    /// What an entry does with a request.
    fn choose(
        &self,
        mesh: &Mesh,
        entry: &Value,
        client: &Client<'_>,
        request: &Request,
        matched: &Uri,
    ) -> Answer {
        let mut effects = Effects::new();
        for (field, value) in entry.as_object().into_iter().flatten() {
            match field.as_str() {
                "name" | "match" | "route" => {}
                "mirror" => {
                    effects.insert(field.clone(), self.target(mesh, value, client));
                }
                "mirrors" => {
                    let targets = items(entry, "mirrors").iter().map(|mirror| {
                        only(mirror, "a mirror", &["destination", "percentage"]);
                        json!([
                            self.target(mesh, &mirror["destination"], client),
                            mirror["percentage"]
                        ])
                    });
                    effects.insert(field.clone(), targets.collect());
                }
                "rewrite" => {
                    only(value, "a rewrite", &["uri", "authority"]);
                    if let Some(uri) = value["uri"].as_str() {
                        effects.insert("path".to_owned(), json!(matched.rewritten(request, uri)));
                    }
                    effects.insert(field.clone(), value.clone());
                }
                "redirect" | "directResponse" | "timeout" | "retries" | "fault" | "corsPolicy"
                | "headers" | "mirrorPercentage" => {
                    effects.insert(field.clone(), value.clone());
                }
                other => panic!("an http entry has a field {other} that is not judged"),
            }
        }
        if entry.get("redirect").is_some() || entry.get("directResponse").is_some() {
            return Answer::Direct(canonical(&effects));
        }
        let routes = items(entry, "route");
        let destinations = routes.iter().map(|route| {
            only(route, "a route", &["destination", "weight", "headers"]);
            let mut destination = self.destination(mesh, &route["destination"], client);
            if let Some(headers) = route.get("headers") {
                destination.effects = canonical(headers);
            }
            let weight = match route.get("weight") {
                _ if routes.len() == 1 => 1,
                None => 0,
                Some(weight) => number(weight),
            };
            (destination, weight)
        });
        Answer::Backends { destinations: shares(destinations), effects: canonical(&effects) }
    }

    fn destination(&self, mesh: &Mesh, value: &Value, client: &Client<'_>) -> super::Destination {
        only(value, "a destination", &["host", "port", "subset"]);
        only(&value["port"], "a port", &["number"]);
        let host = resolved(text(value, "host"), &self.namespace);
        let port = match value["port"].get("number") {
            Some(port) => number(port),
            // At a gateway the called port is not the service's.
            None if client.namespace.is_none() => mesh.only_port(&host).unwrap_or(client.port),
            None => client.port,
        };
        mesh.destination(&host, port, value["subset"].as_str())
    }

    fn target(&self, mesh: &Mesh, value: &Value, client: &Client<'_>) -> Value {
        let target = self.destination(mesh, value, client);
        json!([target.host, target.port, target.subset, target.exists])
    }
}

impl Mesh {
    /// The VirtualServices that speak for a host in sidecars of this namespace, in their turn: where one has
    /// nothing for a client, the next counts.
    pub(super) fn bound(&self, host: &str, from: &str) -> Result<Vec<&VirtualService>, String> {
        self.most_specific("mesh", host, from)
    }

    /// The VirtualService that speaks for a host at a gateway.
    pub(super) fn entry(
        &self,
        gateway: &str,
        host: &str,
    ) -> Result<Option<&VirtualService>, String> {
        let home = gateway.split('/').next().unwrap_or_default();
        Ok(self.most_specific(gateway, host, home)?.first().copied())
    }

    fn most_specific(
        &self,
        gateway: &str,
        host: &str,
        from: &str,
    ) -> Result<Vec<&VirtualService>, String> {
        let seen = self.virtual_services.iter().filter_map(|one| Some((one.turn(from)?, one)));
        let ranked: Vec<_> =
            seen.filter_map(|(turn, one)| Some((one.rank(gateway, host)?, turn, one))).collect();
        let best = ranked.iter().map(|(rank, ..)| *rank).max();
        let mut best: Vec<_> =
            ranked.into_iter().filter(|(rank, ..)| Some(*rank) == best).collect();
        best.sort_by_key(|(_, turn, _)| *turn);
        for pair in best.windows(2) {
            if let [(_, first, one), (_, second, other)] = pair
                && first == second
            {
                return Err(format!(
                    "{}/{} and {}/{} both speak for {host}",
                    one.namespace, one.name, other.namespace, other.name
                ));
            }
        }
        Ok(best.into_iter().map(|(.., one)| one).collect())
    }
}

/// What istiod's webhook asks of every VirtualService. See `ValidateVirtualService` in Istio.
#[track_caller]
fn admit(object: &Value, hosts: &[String], export_to: &[String]) {
    let (id, spec) = (format!("{}/{}", namespace(object), name(object)), &object["spec"]);
    for (index, host) in hosts.iter().enumerate() {
        let covers = |a: &str, b: &str| host_rank(a, b).is_some();
        let mut others = hosts[index + 1..].iter();
        let twice = others.any(|other| covers(host, other) || covers(other, host));
        assert!(!twice, "{id}: duplicate hosts in {hosts:?}");
    }
    let rules = ["http", "tcp", "tls"].map(|section| items(spec, section).len());
    assert!(rules.iter().sum::<usize>() > 0, "{id}: http, tcp or tls must be provided");
    for entry in items(spec, "http") {
        let acts = ["route", "redirect", "directResponse", "delegate"];
        assert!(
            acts.iter().any(|act| entry.get(act).is_some()),
            "{id}: an entry does nothing: {entry}"
        );
    }
    assert!(
        export_to.len() < 2 || !export_to.iter().any(|to| to == "*" || to == "~"),
        "{id}: exportTo {export_to:?}"
    );
}

/// Names without a dot are of the VirtualService's namespace; others are taken as they are.
fn resolved(host: &str, home: &str) -> String {
    if host.contains('.') || host.starts_with('*') { host.to_owned() } else { fqdn(host, home) }
}

fn gateway_names(gateways: &[String], home: &str) -> Vec<String> {
    let full = |name: &String| {
        if name == "mesh" || name.contains('/') { name.clone() } else { format!("{home}/{name}") }
    };
    gateways.iter().map(full).collect()
}

/// How the path matched, on which a rewrite depends.
enum Uri {
    Exact,
    Prefix(String),
    Regex,
}

impl Uri {
    fn rewritten(&self, request: &Request, uri: &str) -> String {
        match self {
            Self::Exact => uri.to_owned(),
            Self::Prefix(prefix) => {
                let rest = request.path.strip_prefix(prefix.as_str());
                format!("{uri}{}", rest.expect("the prefix holds"))
            }
            Self::Regex => panic!("a rewrite after a regex is not judged"),
        }
    }
}

/// Whether a match holds, apart from what [`VirtualService::is_for`] decides.
fn holds(one: &Value, request: &Request) -> Option<Uri> {
    let known = [
        "name",
        "uri",
        "method",
        "headers",
        "withoutHeaders",
        "queryParams",
        "port",
        "gateways",
        "sourceNamespace",
    ];
    only(one, "a match", &known);
    let uri = match one["uri"].as_object().and_then(|uri| uri.iter().next()) {
        None => Uri::Prefix("/".to_owned()),
        Some((kind, value)) => match kind.as_str() {
            "exact" => Uri::Exact,
            "prefix" => Uri::Prefix(value.as_str().unwrap_or_default().to_owned()),
            _ => Uri::Regex,
        },
    };
    let fields = |field: &str| one[field].as_object().into_iter().flatten();
    let holds = string_match(&one["uri"], &request.path)
        && string_match(&one["method"], &request.method)
        && fields("headers").all(|(name, wanted)| {
            let found = request.header_value(name);
            found.is_some_and(|found| string_match(wanted, &found))
        })
        && !fields("withoutHeaders").any(|(name, unwanted)| {
            let found = request.header_value(name);
            match found {
                Some(found) => string_match(unwanted, &found),
                None => !is_presence(unwanted) && string_match(unwanted, ""),
            }
        })
        && fields("queryParams").all(|(name, wanted)| {
            let found = request.param_value(name);
            found.is_some_and(|found| string_match(wanted, found))
        });
    holds.then_some(uri)
}

fn is_presence(wanted: &Value) -> bool {
    wanted.as_object().is_none_or(serde_json::Map::is_empty)
}

fn string_match(wanted: &Value, found: &str) -> bool {
    only(wanted, "a match of a string", &["exact", "prefix", "regex"]);
    let mut fields = wanted.as_object().into_iter().flatten();
    let Some((kind, value)) = fields.next() else {
        return true;
    };
    assert!(fields.next().is_none(), "{wanted} matches in two ways");
    let value = value.as_str().expect("a match is a string");
    match kind.as_str() {
        "exact" => found == value,
        "prefix" => found.starts_with(value),
        // `*` alone is Istio's way to say that the header is there.
        _ => value == "*" || full_match(value, found),
    }
}
