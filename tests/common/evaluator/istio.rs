//! VirtualService, from <https://istio.io/latest/docs/reference/config/networking/virtual-service/>.

use serde_json::{Value, json};

use super::answer::{canonical, shares};
use super::gateway::Door;
use super::{Answer, Effects, Mesh, Request};
use super::{fqdn, full_match, host_rank, items, name, namespace, number, only, text};

const GROUP: &str = "networking.istio.io";

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
    /// The host that is asked for.
    pub(super) host: &'a str,
    /// `http` or `https`.
    pub(super) scheme: &'a str,
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
            // See `separateVSHostsAndServices` in Istio; destinations are compared as they are written.
            hosts: texts("hosts")
                .iter()
                .map(|host| resolved(host, home).to_ascii_lowercase())
                .collect(),
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
        let mut all = self.tried(client).peekable();
        all.peek()?;
        let held = all.find_map(|(entry, one)| Some((entry, holds(one, client, request)?)));
        Some(held.map_or(Answer::NotFound, |(entry, matched)| {
            self.choose(mesh, entry, client, request, &matched)
        }))
    }

    /// The matches that Istio makes routes of for a client, with their entries and in order. Behind one that is
    /// for every request it makes no more.
    fn tried<'v>(&'v self, client: &Client<'_>) -> impl Iterator<Item = (&'v Value, &'v Value)> {
        static CATCH_ALL: [Value; 1] = [Value::Null];
        let all = self.http.iter().flat_map(|entry| {
            let matches = match items(entry, "match") {
                [] => &CATCH_ALL,
                matches => matches,
            };
            matches.iter().map(move |one| (entry, one))
        });
        let mut is_over = false;
        let own = all.filter(|(_, one)| self.is_for(one, client)).take_while(move |(_, one)| {
            let was_over = is_over;
            is_over |= is_catch_all(one);
            !was_over
        });
        own.collect::<Vec<_>>().into_iter()
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

    /// The VirtualServices that speak for a host at a gateway: all of the most specific host.
    pub(super) fn bound_at(&self, door: &Door<'_>) -> Vec<&VirtualService> {
        let home = door.gateway.split('/').next().unwrap_or_default();
        let all = self.virtual_services.iter().filter(|one| {
            one.turn(home).is_some() && self.lets_in(door, GROUP, &one.namespace, "")
        });
        let ranked: Vec<_> =
            all.filter_map(|one| Some((one.rank(door.gateway, door.host)?, one))).collect();
        let best = ranked.iter().map(|(rank, _)| *rank).max();
        ranked.into_iter().filter(|(rank, _)| Some(*rank) == best).map(|(_, one)| one).collect()
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

/// What VirtualServices of one host do together at a gateway: their routes are one list, in which those that
/// are for every request stand last. Who of two comes first is a matter of age.
pub(super) fn merged(
    mesh: &Mesh,
    found: &[&VirtualService],
    client: &Client<'_>,
    request: &Request,
) -> Answer {
    for is_last in [false, true] {
        let held = found.iter().filter_map(|one| {
            let mut own = one.tried(client).filter(|(_, one)| is_catch_all(one) == is_last);
            let first =
                own.find_map(|(entry, matched)| Some((entry, holds(matched, client, request)?)));
            Some((*one, first?))
        });
        let held: Vec<_> = held.collect();
        match held.as_slice() {
            [] => {}
            [(one, (entry, matched))] => return one.choose(mesh, entry, client, request, matched),
            [(one, _), (other, _), ..] => {
                return Answer::Undefined(format!(
                    "{}/{} and {}/{} both answer for {}",
                    one.namespace, one.name, other.namespace, other.name, client.host
                ));
            }
        }
    }
    Answer::NotFound
}

/// Whether a match is for every request. See `IsCatchAllRoute` in Istio.
fn is_catch_all(one: &Value) -> bool {
    let conditions = ["headers", "withoutHeaders", "queryParams", "method", "authority", "scheme"];
    let uri = &one["uri"];
    conditions.iter().all(|field| one.get(*field).is_none())
        && (uri.is_null() || uri["prefix"] == "/" || uri["regex"] == ".*")
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

/// See `resolveGatewayName` in Istio.
fn gateway_names(gateways: &[String], home: &str) -> Vec<String> {
    let full = |name: &String| match (name.strip_prefix("./"), name.split_once('.')) {
        _ if name == "mesh" => name.clone(),
        (Some(name), _) => format!("{home}/{name}"),
        _ if name.contains('/') => name.clone(),
        (None, Some((name, rest))) => format!("{}/{name}", rest.split('.').next().unwrap_or(rest)),
        (None, None) => format!("{home}/{name}"),
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
fn holds(one: &Value, client: &Client<'_>, request: &Request) -> Option<Uri> {
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
        "authority",
        "scheme",
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
        && string_match(&one["authority"], client.host)
        && string_match(&one["scheme"], client.scheme)
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
