//! North-south: each way from a Gateway into the baseline is cloned for each preview.
//!
//! An entry is an HTTPRoute or GRPCRoute attached to a Gateway, or a VirtualService with gateways,
//! that chooses a service of the baseline or stands in its namespace.

use std::collections::{BTreeMap, BTreeSet};

use super::swap::Swapped;
use super::{alike, chosen, hosts, swapped};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, gateway, istio as istio_kind};
use crate::model::Catalog;
use crate::model::route::gateway_api::{backends, rules};
use crate::model::route::istio;
use crate::plan::environment::Environment;
use crate::plan::naming::safe_hash;
use crate::spec::{Config, Delivery, Entry};
use crate::yaml::Node;

/// The ways in from outside.
#[derive(Debug, Default)]
pub struct Entries<'a> {
    /// Clones to make.
    pub clones: Vec<Clone<'a>>,
    /// Originals that drop the key.
    pub stripped: Vec<&'a Object>,
    /// URLs of each preview, the first entry first.
    urls: Vec<Pattern>,
    /// How many clones there are, with their hosts and rules. Beyond the limit none is planned.
    pub(super) size: usize,
}

/// A text with a preview's name in it.
#[derive(Debug)]
struct Pattern(String);

impl Pattern {
    fn of(&self, preview: &str) -> String {
        self.0.replace("{preview}", preview)
    }
}

/// A clone of an entry route for each of some previews.
#[derive(Debug)]
pub struct Clone<'a> {
    /// The previews, by the index of their environment. Of the services that the route chooses they
    /// affect the same.
    pub environments: Vec<usize>,
    /// The original.
    pub route: &'a Object,
    /// Its rules.
    pub rules: Vec<Swapped<'a>>,
    /// The entry it is made for.
    pub entry: &'a Entry,
    /// The number of the entry.
    number: usize,
    /// Original hosts, in order, and what becomes of them.
    hosts: Vec<(String, Pattern)>,
}

impl Entries<'_> {
    /// The URLs of a preview, the first entry first.
    pub(crate) fn urls(&self, preview: &str) -> impl Iterator<Item = String> {
        self.urls.iter().map(move |url| url.of(preview))
    }
}

impl Clone<'_> {
    /// The name of a preview's clone.
    pub(crate) fn name(&self, preview: &str) -> String {
        clone_name(self.route, preview, self.number)
    }

    /// The host of a preview in place of each original one, in order.
    pub(crate) fn hosts(&self, preview: &str) -> BTreeMap<&str, String> {
        self.hosts.iter().map(|(host, own)| (host.as_str(), own.of(preview))).collect()
    }
}

/// How much is written for a clone of a route: itself, its hosts, and its rules.
fn size(route: &Object) -> usize {
    let http = route.node.at(&["spec", "http"]).map(Node::items).unwrap_or_default();
    1 + original_hosts(route).len() + rules(route).len() + http.len()
}

/// Plans the clones of every preview, if these are not more than `most`.
pub(super) fn plan<'a>(
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    environments: &[Environment<'a>],
    most: usize,
    found: &mut Report,
) -> Entries<'a> {
    let entries = &config.previews.spec.routing.entries;
    let mut planned = Entries::default();
    if entries.is_empty() || environments.is_empty() {
        return planned;
    }
    let routes: Vec<&'a Object> = entry_routes(catalog, found);
    if routes.is_empty() {
        found.push(config.finding(
            &code::ENTRY_NOT_CLONED,
            "spec.routing.entries",
            "no route leads from a Gateway into the baseline",
            "pass the HTTPRoute, GRPCRoute or VirtualService of the entry with --baseline",
        ));
    }
    let each: usize = routes.iter().map(|route| size(route)).sum();
    planned.size = each.saturating_mul(entries.len()).saturating_mul(environments.len());
    if planned.size > most {
        return planned;
    }
    hosts::check(config, catalog, &routes, found);
    check_names(environments, entries, &routes, found);
    let alike = |route| {
        let chosen = chosen(route, catalog.home);
        alike(environments, 0..environments.len(), &chosen)
    };
    let mut seen = BTreeSet::new();
    for (number, entry) in entries.iter().enumerate() {
        let base = url_base(catalog, entry);
        for &route in &routes {
            let hosts = || {
                let hosts: BTreeSet<String> = original_hosts(route).into_iter().collect();
                hosts.into_iter().map(|host| {
                    let pattern = preview_host(entry, "{preview}", &host, route);
                    (host, Pattern(pattern))
                })
            };
            for (_, host) in hosts() {
                let url = Pattern(base.replace("{}", &host.0));
                if seen.insert(url.0.clone()) {
                    planned.urls.push(url);
                }
            }
            for (affected, environments) in alike(route) {
                let hosts = hosts().collect();
                let is_unrouted =
                    |name: &str| config.facts(name).is_some_and(|facts| facts.unrouted);
                let is_copied = |name: &str| affected.contains(&name) && !is_unrouted(name);
                let rules = swapped(route, catalog.home, is_copied);
                planned.clones.push(Clone { environments, route, rules, entry, number, hosts });
            }
        }
    }
    if entries.iter().any(|entry| entry.strip_key) {
        strip(config, routes, &mut planned, found);
    }
    planned
}

/// The names of the original and the preview, and `entry`, with a number from the second entry on. A
/// route often has the name of its service, whose routes in the mesh end with the preview's name.
fn clone_name(route: &Object, preview: &str, entry: usize) -> String {
    let name = format!("{}.{preview}.entry", route.id.name);
    if entry == 0 { name } else { format!("{name}-{}", entry + 1) }
}

/// Reports routes whose clones would have a name that is too long for an object.
/// See <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names>.
fn check_names(
    environments: &[Environment<'_>],
    entries: &[Entry],
    routes: &[&Object],
    found: &mut Report,
) {
    let previews = environments.iter().map(|env| env.name);
    let longest = previews.max_by_key(|name| name.len()).unwrap_or_default();
    for route in routes {
        let name = clone_name(route, longest, entries.len().saturating_sub(1));
        if name.len() > 253 {
            let message = format!(
                "the clone of {} for `{longest}` would have a name of {} characters, 253 are allowed",
                route.id,
                name.len()
            );
            let finding = Diagnostic::new(&code::BAD_NAME, message, "shorten the route's name");
            found.push(finding.at(route.place(), "this name is too long to add to"));
        }
    }
}

fn strip<'a>(
    config: &Config,
    routes: Vec<&'a Object>,
    planned: &mut Entries<'a>,
    found: &mut Report,
) {
    if config.previews.spec.baseline.delivery == Delivery::External {
        found.push(config.finding(
            &code::DELIVERY_EXTERNAL,
            "spec.routing.entries",
            "stripKey changes the entry routes of the baseline, which something else delivers",
            "set `spec.baseline.delivery: include`, or strip the key where the routes are written",
        ));
        return;
    }
    for route in routes.iter().filter(|route| is_for_mesh_too(route)) {
        let message = format!(
            "{} is for the mesh too, where stripKey would take the key from calls between services",
            route.id
        );
        let help =
            "give the Gateway a route of its own, or strip the key at the Gateway by other means";
        let finding = Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help);
        let place = config.place("spec.routing.entries");
        found.push(
            finding.at(route.place(), "for Gateway and mesh").also(place, "stripKey is here"),
        );
    }
    if !config.previews.spec.routing.key.baggage.is_empty() {
        found.push(config.finding(
            &code::STRIP_BAGGAGE,
            "spec.routing.entries",
            "stripKey removes the whole `baggage` header from production requests",
            "leave spec.routing.key.baggage empty if clients send other members that must arrive",
        ));
    }
    planned.stripped = routes;
}

/// The entry routes of the input, and warnings for ways in that cannot be cloned.
fn entry_routes<'a>(catalog: &'a Catalog<'a>, found: &mut Report) -> Vec<&'a Object> {
    let home = catalog.namespace;
    let mut routes = Vec::new();
    for object in catalog.objects() {
        let own = object.id.namespace == home;
        let leads_in = match (object.id.group.as_str(), object.id.kind.as_str()) {
            (gateway::GROUP, "HTTPRoute" | "GRPCRoute") => {
                let chooses = rules(object)
                    .iter()
                    .flat_map(backends)
                    .any(|backend| backend.text_at(&["namespace"]) == Some(home));
                attached_to_gateway(object) && (own || chooses)
            }
            (istio_kind::GROUP, "VirtualService") => {
                let chooses = istio::http(object).flat_map(istio::destinations);
                let chooses =
                    chooses.filter(|host| catalog.home.service_of(host, object).is_some()).count();
                let leads = bound_to_gateway(object) && (own || chooses > 0);
                if leads && !has_gateway_entry(object) {
                    not_cloned(object, found);
                }
                leads && has_gateway_entry(object)
            }
            (gateway::GROUP, "TLSRoute" | "TCPRoute") => {
                if own && attached_to_gateway(object) {
                    not_cloned(object, found);
                }
                false
            }
            ("networking.k8s.io", "Ingress") => {
                if own {
                    not_cloned(object, found);
                }
                false
            }
            _ => false,
        };
        if leads_in && is_only_upgrade(object) {
            found.push(
                Diagnostic::new(
                    &code::DROPPED,
                    format!("{} only redirects to another scheme and is not cloned", object.id),
                    "nothing to do: preview hosts are served by the listener that the entry names",
                )
                .at(object.place(), "would redirect a preview host to itself"),
            );
        } else if leads_in {
            routes.push(object);
        }
    }
    routes
}

fn not_cloned(object: &Object, found: &mut Report) {
    found.push(
        Diagnostic::new(
            &code::ENTRY_NOT_CLONED,
            format!(
                "{} leads into the baseline but cannot set the key, so it has no preview host",
                object.id
            ),
            "write an HTTPRoute for what previews must reach from outside",
        )
        .at(object.place(), "not cloned"),
    );
}

/// Whether a route from a Gateway also routes calls inside the mesh.
fn is_for_mesh_too(route: &Object) -> bool {
    if route.id.group == istio_kind::GROUP {
        return istio::is_mesh(route);
    }
    let parents = route.node.at(&["spec", "parentRefs"]).map(Node::items).unwrap_or_default();
    parents.iter().any(|parent| parent.text_at(&["kind"]) == Some("Service"))
}

fn attached_to_gateway(route: &Object) -> bool {
    let parents = route.node.at(&["spec", "parentRefs"]).map(Node::items).unwrap_or_default();
    parents.iter().any(|parent| parent.text_at(&["kind"]).is_none_or(|kind| kind == "Gateway"))
}

fn bound_to_gateway(object: &Object) -> bool {
    let gateways = object.node.at(&["spec", "gateways"]).map(Node::items).unwrap_or_default();
    gateways.iter().any(|gateway| gateway.text() != Some("mesh"))
}

/// Whether some HTTP entry of a VirtualService holds at a gateway.
fn has_gateway_entry(object: &Object) -> bool {
    istio::http(object).any(|entry| {
        let matches = istio::matches(entry);
        matches.is_empty() || matches.iter().any(istio::is_for_gateway)
    })
}

/// Whether a route does nothing but send clients from http to https: on the listener of an entry it
/// would redirect to itself for ever.
fn is_only_upgrade(route: &Object) -> bool {
    let upgrades = |rule: &Node| {
        let filters = rule.get("filters").map(Node::items).unwrap_or_default();
        backends(rule).is_empty()
            && filters.iter().any(|filter| {
                let redirect = filter.get("requestRedirect");
                redirect.is_some_and(|redirect| {
                    redirect.get("scheme").is_some() && redirect.get("path").is_none()
                })
            })
    };
    !rules(route).is_empty() && rules(route).iter().all(upgrades)
}

/// The hosts of an entry route; one without hosts, or with a wildcard, is known by its name.
pub(super) fn original_hosts(route: &Object) -> Vec<String> {
    let named: Vec<String> = match route.id.kind.as_str() {
        "VirtualService" => istio::hosts(route)
            .filter(|host| host.contains('.') || host.starts_with('*'))
            .map(str::to_owned)
            .collect(),
        _ => {
            let hosts = route.node.at(&["spec", "hostnames"]).map(Node::items).unwrap_or_default();
            hosts.iter().filter_map(Node::text).map(str::to_owned).collect()
        }
    };
    if named.is_empty() { vec!["*".to_owned()] } else { named }
}

/// The host in place of an original one, of this preview.
pub(super) fn preview_host(entry: &Entry, preview: &str, original: &str, route: &Object) -> String {
    let known_as = if original.starts_with('*') { route.id.name.as_str() } else { original };
    entry
        .host
        .replace("{preview}", preview)
        .replace("{host}", known_as.split('.').next().unwrap_or(known_as))
        .replace("{hash}", &safe_hash([known_as], 8))
}

/// The URL of a host behind an entry, with `{}` for the host. The scheme and port are the listener's
/// where the Gateway is in the input, else what the listener's name says.
fn url_base(catalog: &Catalog<'_>, entry: &Entry) -> String {
    let listener = catalog
        .of_kind(gateway::GROUP, "Gateway")
        .find(|object| {
            object.id.namespace == entry.gateway.namespace && object.id.name == entry.gateway.name
        })
        .and_then(|object| {
            let listeners = object.node.at(&["spec", "listeners"])?.items();
            let wanted = &entry.gateway.section_name;
            listeners.iter().find(|l| wanted.is_empty() || l.text_at(&["name"]) == Some(wanted))
        });
    let protocol = listener.and_then(|listener| listener.text_at(&["protocol"]));
    let plain = match protocol {
        Some(protocol) => protocol == "HTTP",
        None => {
            entry.gateway.section_name == "http" || entry.gateway.section_name.starts_with("http-")
        }
    };
    let port = listener.and_then(|listener| listener.get("port")).and_then(Node::integer_value);
    let (scheme, usual) = if plain { ("http", 80) } else { ("https", 443) };
    match port.filter(|port| *port != usual) {
        Some(port) => format!("{scheme}://{{}}:{port}/"),
        None => format!("{scheme}://{{}}/"),
    }
}
