//! VirtualServices in the mesh: one per host, ever.
//!
//! Entries are tried in order, so the entries of previews stand in front, in the order of the
//! originals. An entry without affected destinations is cloned only where it stands before one that
//! is derived and some request satisfies both.
//! See <https://istio.io/latest/docs/reference/config/networking/virtual-service/>.

use std::collections::{BTreeMap, BTreeSet};

use super::swap::Swapped;
use super::{Routing, Table as Tables, alike};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, istio::GROUP};
use crate::model::route::istio::{destinations, hosts, http, is_mesh, matches, mesh_matches};
use crate::model::{Catalog, Home, Service};
use crate::spec::Delivery;
use crate::yaml::Node;

/// The VirtualService of one host, or of all hosts of an extended one.
#[derive(Debug)]
pub struct Table<'a> {
    /// The service whose host made it necessary.
    pub service: &'a str,
    /// Where its entries come from.
    pub source: Source<'a>,
    /// The previews that have entries in it, in order, by the index of their environment; each with
    /// the index of what is derived for it.
    pub previews: Vec<(usize, usize)>,
    /// The entries to derive, in order, for previews that affect the same services.
    pub derived: Vec<Vec<Swapped<'a>>>,
    /// Ports that can be routed, where there is no original; a service of one port needs no match.
    pub ports: Vec<u16>,
    /// Whether entries must match their port.
    pub match_port: bool,
    /// Ports of the service on which no entry of the original can apply, so that Istio routes them
    /// as if there were no VirtualService.
    pub bare: Vec<u16>,
}

/// Where the entries of a host come from.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// Nowhere: the host has no VirtualService yet.
    Nothing,
    /// The user's own, which is extended.
    Own(&'a Object),
    /// A wildcard that an exact host would shadow: its entries are carried over.
    Wildcard(&'a Object),
}

/// VirtualServices that apply in the mesh to services of the baseline.
#[derive(Debug, Default)]
pub struct Bound<'a> {
    exact: BTreeMap<String, Vec<&'a Object>>,
    wildcard: BTreeMap<String, Vec<&'a Object>>,
    home: Home<'a>,
}

impl<'a> Bound<'a> {
    /// The VirtualServices of a service: those of its exact host, else those of the longest wildcard.
    pub(super) fn of(&self, service: &str) -> &[&'a Object] {
        let host = self.home.host(service);
        if let Some(exact) = self.exact.get(&host) {
            return exact;
        }
        // Shorter ends come later, and there may be many wildcards.
        let ends = (1..host.len()).filter_map(|start| host.get(start..));
        let mut covering = ends.chain([""]).filter_map(|end| self.wildcard.get(end));
        covering.next().map(Vec::as_slice).unwrap_or_default()
    }

    fn is_exact(&self, service: &str) -> bool {
        self.exact.contains_key(&self.home.host(service))
    }

    /// Every service of the baseline that an entry for this service's host chooses.
    pub(super) fn destinations(&self, service: &str) -> BTreeSet<&'a str> {
        let entries = self.of(service).iter().flat_map(|object| {
            let chosen = http(object).iter().flat_map(destinations);
            chosen.filter_map(|host| self.home.service_of(host, object))
        });
        entries.collect()
    }
}

/// Finds the VirtualServices that are bound to the mesh and seen by everyone.
pub(super) fn bound<'a>(catalog: &'a Catalog<'a>) -> Bound<'a> {
    let mut found = Bound { home: catalog.home, ..Bound::default() };
    for object in catalog.of_kind(GROUP, "VirtualService") {
        let exported = object.node.at(&["spec", "exportTo"]).map(Node::items).unwrap_or_default();
        let foreign = object.id.namespace != catalog.namespace;
        let private = !exported.is_empty()
            && !exported.iter().any(
                |to| matches!(to.text(), Some(name) if name == "*" || name == catalog.namespace),
            );
        if !is_mesh(object) || (foreign && private) {
            continue;
        }
        for host in hosts(object) {
            if let Some(suffix) = host.strip_prefix('*') {
                found.wildcard.entry(suffix.to_owned()).or_default().push(object);
            } else {
                let host = catalog.home.full_host(host, &object.id.namespace);
                let objects = found.exact.entry(host).or_default();
                if objects.last().is_none_or(|last| last.id != object.id) {
                    objects.push(object);
                }
            }
        }
    }
    found
}

/// Plans the VirtualService of one service for the previews that are involved.
pub(super) fn plan<'a>(
    tables: &Tables<'a, '_>,
    service: &'a Service<'a>,
    involved: &[usize],
    routing: &mut Routing<'a>,
    found: &mut Report,
) {
    let own = tables.virtual_services.of(service.name()).first().copied();
    let source = match own {
        None => Source::Nothing,
        Some(object) if tables.virtual_services.is_exact(service.name()) => Source::Own(object),
        Some(object) => Source::Wildcard(object),
    };
    if let (Source::Own(object), Delivery::External) =
        (source, tables.config.previews.spec.baseline.delivery)
    {
        let message = format!("{} must be extended for {}", object.id, service.name());
        let help = "set `spec.baseline.delivery: include`, or run anabranch as a transformer in the \
                    overlay of the baseline";
        let finding = Diagnostic::new(&code::DELIVERY_EXTERNAL, message, help)
            .at(object.place(), "changed by previews, but delivered by something else");
        found.push(finding.also(tables.config.place("spec.baseline"), "delivery is external here"));
        return;
    }
    let routable: Vec<u16> = service
        .ports
        .iter()
        .filter(|port| port.protocol.is_routable())
        .map(|port| port.number)
        .collect();
    let (mut previews, mut derived, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    if let Source::Own(object) | Source::Wildcard(object) = source {
        for entry in http(object) {
            check_entry(tables, object, entry, found);
        }
        let mut chosen = tables.virtual_services.destinations(service.name());
        chosen.insert(service.name());
        let alike = alike(tables.environments, involved.iter().copied(), &chosen);
        let is_swapped = |affected: &[&str]| {
            affected.contains(&service.name()) && !tables.is_unrouted(service.name())
        };
        if alike.keys().any(|affected| is_swapped(affected)) {
            bare.extend(routable.iter().filter(|&&port| is_bare(object, port)));
        }
        if !bare.is_empty() && matches!(source, Source::Own(_)) && hosts(object).count() > 1 {
            found.push(refuse_bare(object, service.name(), &bare));
        }
        for (affected, environments) in alike {
            let entries = derive(tables, &affected, object, &mut routing.pairs);
            if entries.is_empty() && (bare.is_empty() || !is_swapped(&affected)) {
                continue;
            }
            routing.rules +=
                entries.iter().map(|entry| weight(entry.rule)).sum::<usize>() * environments.len();
            if routing.over(tables.ceiling).is_some() {
                return;
            }
            previews.extend(environments.into_iter().map(|index| (index, derived.len())));
            derived.push(entries);
        }
        previews.sort_unstable();
        // A VirtualService of several hosts is extended once, for all of them.
        let extends = matches!(source, Source::Own(_));
        if previews.is_empty() || extends && !routing.extended.insert(&object.id) {
            return;
        }
    } else {
        previews.extend(involved.iter().map(|&index| (index, 0)));
        derived.push(Vec::new());
    }
    routing.istio.push(Table {
        service: service.name(),
        source,
        previews,
        derived,
        ports: routable,
        match_port: service.ports.len() > 1,
        bare,
    });
}

/// What an entry counts as where rules are limited: itself, its matches and its destinations.
fn weight(entry: &Node) -> usize {
    1 + matches(entry).len() + destinations(entry).count()
}

/// Whether no entry of a VirtualService can apply to requests of the mesh on a port.
fn is_bare(object: &Object, port: u16) -> bool {
    let on_port = |one: &Node| {
        one.get("port").is_none_or(|node| node.integer_value() == Some(i64::from(port)))
    };
    let applies = |entry| mesh_matches(object, entry).is_some_and(|all| all.iter().any(on_port));
    !http(object).iter().any(applies)
}

fn refuse_bare(object: &Object, service: &str, bare: &[u16]) -> Diagnostic {
    let ports: Vec<String> = bare.iter().map(u16::to_string).collect();
    let message = format!(
        "{object} has several hosts and no entry for port {ports} of {service}, so entries for \
         previews would apply to its other hosts too",
        object = object.id,
        ports = ports.join(", "),
    );
    let help = "give every host a VirtualService of its own, or add an entry for the port";
    let node = object.node.at(&["spec", "hosts"]).unwrap_or(&object.node);
    Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help).at(node.place, "several hosts")
}

/// The entries of a VirtualService to derive for previews that affect these services, which are in
/// order. Counts the pairs of matches it compares, and ends early where there are too many.
fn derive<'a>(
    tables: &Tables<'a, '_>,
    affected: &[&str],
    object: &'a Object,
    pairs: &mut usize,
) -> Vec<Swapped<'a>> {
    let is_copied = |name: &str| affected.binary_search(&name).is_ok() && !tables.is_unrouted(name);
    let mut derived: Vec<Swapped<'a>> = Vec::new();
    let (count, mut behind) = (|entry| matches(entry).len().max(1), 0);
    for entry in http(object).iter().rev() {
        *pairs += count(entry) * behind;
        if *pairs > tables.ceiling.pairs {
            break;
        }
        let swapped = Swapped::entry(entry, object, tables.catalog.home, is_copied);
        let is_ahead = || derived.iter().any(|later| may_overlap(entry, later.rule));
        if swapped.chooses_copy() || is_ahead() {
            derived.push(swapped);
            behind += count(entry);
        }
    }
    derived.reverse();
    derived
}

/// What cannot be derived from: delegates, and matches on the key's own header.
fn check_entry(tables: &Tables<'_, '_>, object: &Object, entry: &Node, found: &mut Report) {
    let mut refuse = |message: String, help: &str, node: &Node| {
        found.push(
            Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help)
                .at(node.place, "not supported"),
        );
    };
    if let Some(delegate) = entry.get("delegate") {
        refuse(
            format!("{} delegates an entry, whose rules stand in another object", object.id),
            "write the delegate's entries into the VirtualService itself",
            delegate,
        );
    }
    let key = &tables.config.previews.spec.routing.key;
    for one in entry.get("match").map(Node::items).unwrap_or_default() {
        for field in ["headers", "withoutHeaders"] {
            for (name, value) in one.get(field).map(Node::entries).unwrap_or_default() {
                let lower = name.text.to_ascii_lowercase();
                if lower == key.header || (!key.baggage.is_empty() && lower == "baggage") {
                    refuse(
                        format!(
                            "{} matches the header `{lower}`, which is the key's own",
                            object.id
                        ),
                        "choose another spec.routing.key, or remove the match",
                        value,
                    );
                }
            }
        }
    }
}

/// Whether some request can satisfy both entries. Errs on the side of yes.
fn may_overlap(a: &Node, b: &Node) -> bool {
    let (a, b) = (matches(a), matches(b));
    // An entry without matches is for everything.
    a.is_empty() || b.is_empty() || a.iter().any(|a| b.iter().any(|b| !disjoint(a, b)))
}

/// Whether two matches contradict each other in their path, method, port or an exact header.
fn disjoint(a: &Node, b: &Node) -> bool {
    fn uri(node: &Node) -> Option<(bool, &str)> {
        let uri = node.get("uri")?;
        let exact = uri.text_at(&["exact"]).map(|text| (true, text));
        exact.or_else(|| uri.text_at(&["prefix"]).map(|text| (false, text)))
    }
    let folds = |node: &Node| node.get("ignoreUriCase").is_some_and(Node::is_true);
    let paths = match (uri(a), uri(b)) {
        _ if folds(a) || folds(b) => false,
        (Some((true, a)), Some((true, b))) => a != b,
        (Some((true, exact)), Some((false, prefix)))
        | (Some((false, prefix)), Some((true, exact))) => !exact.starts_with(prefix),
        (Some((false, a)), Some((false, b))) => !a.starts_with(b) && !b.starts_with(a),
        _ => false,
    };
    let differ =
        |keys: &[&str]| matches!((a.text_at(keys), b.text_at(keys)), (Some(a), Some(b)) if a != b);
    let headers = a.get("headers").map(Node::entries).unwrap_or_default();
    let by_header = headers.iter().any(|(name, _)| differ(&["headers", &name.text, "exact"]));
    paths || differ(&["method", "exact"]) || differ(&["port"]) || by_header
}
