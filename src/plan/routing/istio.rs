//! VirtualServices in the mesh: one per host and for those who see it, ever.
//!
//! Entries are tried in order, so the entries of previews stand in front, in the order of the
//! originals. An entry without affected destinations is cloned only where it stands before one that
//! is derived and some request satisfies both.
//! See <https://istio.io/latest/docs/reference/config/networking/virtual-service/>.

use std::collections::BTreeSet;

use super::bound::chosen;
use super::swap::Swapped;
use super::{Routing, Table as Tables, alike};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, istio::GROUP, marks};
use crate::model::route::istio::{
    Seen, destinations, hosts, http, is_on_port, matches, mesh_matches,
};
use crate::model::{Home, Service};
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

/// Names the entries of a VirtualService that are not attached to copies of its services.
pub(super) fn check_local(object: &Object, found: &mut Report) {
    let tls = object.node.at(&["spec", "tls"]).filter(|tls| !tls.items().is_empty());
    if let Some(tls) = tls.filter(|_| object.is(GROUP, "VirtualService")) {
        let message =
            format!("the tls routes of {} do not hold for calls inside previews", object.id);
        let help = "nothing to do, unless copies call each other by TLS of their own: match by port under tcp";
        found.push(
            Diagnostic::new(&code::DROPPED, message, help).at(tls.place, "stay with the original"),
        );
    }
}

/// Plans the VirtualServices of one service for the previews that are involved.
pub(super) fn plan<'a>(
    tables: &Tables<'a, '_>,
    service: &'a Service<'a>,
    involved: &[usize],
    routing: &mut Routing<'a>,
    found: &mut Report,
) {
    let sources = tables.virtual_services.sources(service.name());
    found.extend(refuse_fall_through(service, &sources));
    for source in sources {
        let table = match source {
            Source::Nothing => make(tables, service, involved),
            Source::Own(object) | Source::Wildcard(object) => {
                found.extend(refuse_external(tables, source, service.name()));
                for entry in http(object) {
                    check_entry(tables, object, entry, found);
                }
                let table = derive_all(tables, service, source, object, involved, routing);
                let home = tables.catalog.home;
                found.extend(table.as_ref().and_then(|table| refuse_bare(home, table, object)));
                table
            }
        };
        if routing.over(tables.limits).is_some() {
            return;
        }
        // A VirtualService of several hosts is extended once, for all of them.
        let mut is_new = |source| match source {
            Source::Own(object) => routing.extended.insert(&object.id),
            Source::Wildcard(_) | Source::Nothing => true,
        };
        routing.istio.extend(table.filter(|table| !table.previews.is_empty() && is_new(source)));
    }
}

/// The finding that callers would fall through to the entries of a wildcard that did not count for them:
/// on a port of which an exact host says nothing, Istio looks for another exact host, and for no wildcard.
fn refuse_fall_through(service: &Service<'_>, sources: &[Source<'_>]) -> Option<Diagnostic> {
    let wildcard = sources.iter().find_map(|source| match source {
        Source::Wildcard(object) => Some(*object),
        Source::Own(_) | Source::Nothing => None,
    })?;
    let own = sources.iter().find_map(|source| match source {
        Source::Own(object) => Some(*object),
        Source::Wildcard(_) | Source::Nothing => None,
    });
    let object =
        own.filter(|object| service.routable().iter().any(|&port| is_bare(object, port)))?;
    let message = format!(
        "{} has no entry for some port of {}, which {} covers for others",
        object.id,
        service.name(),
        wildcard.id
    );
    let help = "add an entry for each port";
    let finding = Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help);
    Some(
        finding.at(object.place(), "has nothing for a port").also(wildcard.place(), "the wildcard"),
    )
}

/// The finding that an object of the baseline must change which something else delivers.
fn refuse_external(
    tables: &Tables<'_, '_>,
    source: Source<'_>,
    service: &str,
) -> Option<Diagnostic> {
    let (Source::Own(object), Delivery::External) =
        (source, tables.config.previews.spec.baseline.delivery)
    else {
        return None;
    };
    let message = format!("{} must be extended for {service}", object.id);
    let help = "set `spec.baseline.delivery: include`, or run anabranch as a transformer in the \
                overlay of the baseline";
    let finding = Diagnostic::new(&code::DELIVERY_EXTERNAL, message, help)
        .at(object.place(), "changed by previews, but delivered by something else");
    Some(finding.also(tables.config.place("spec.baseline"), "delivery is external here"))
}

/// The table of a host for which nobody speaks: of the previews that have a copy of the service.
fn make<'a>(
    tables: &Tables<'a, '_>,
    service: &'a Service<'a>,
    involved: &[usize],
) -> Option<Table<'a>> {
    let has_copy = |index: &&usize| tables.environments[**index].affected.contains(service.name());
    let routed = involved.iter().filter(|_| !tables.is_unrouted(service.name()));
    Some(Table {
        service: service.name(),
        source: Source::Nothing,
        previews: routed.filter(has_copy).map(|&index| (index, 0)).collect(),
        derived: vec![Vec::new()],
        ports: service.routable(),
        match_port: service.ports.len() > 1,
        bare: Vec::new(),
    })
}

/// The table of a host for which a VirtualService speaks; none where there are too many rules.
fn derive_all<'a>(
    tables: &Tables<'a, '_>,
    service: &'a Service<'a>,
    source: Source<'a>,
    object: &'a Object,
    involved: &[usize],
    routing: &mut Routing<'a>,
) -> Option<Table<'a>> {
    let mut chosen: BTreeSet<&str> = chosen(object, tables.catalog.home).collect();
    chosen.insert(service.name());
    let alike = alike(tables.environments, involved.iter().copied(), &chosen);
    let is_swapped = |affected: &[&str]| {
        affected.contains(&service.name()) && !tables.is_unrouted(service.name())
    };
    let mut bare = Vec::new();
    // On a port of which one that only some see says nothing, the one that everybody sees counts.
    if alike.keys().any(|affected| is_swapped(affected)) && Seen::of(object) == Seen::Everywhere {
        bare.extend(service.routable().into_iter().filter(|&port| is_bare(object, port)));
    }
    let (mut previews, mut derived) = (Vec::new(), Vec::new());
    for (affected, environments) in alike {
        let entries = derive(tables, &affected, object, &mut routing.pairs);
        if entries.is_empty() && (bare.is_empty() || !is_swapped(&affected)) {
            continue;
        }
        routing.rules +=
            entries.iter().map(|entry| weight(entry.rule)).sum::<usize>() * environments.len();
        if routing.over(tables.limits).is_some() {
            return None;
        }
        previews.extend(environments.into_iter().map(|index| (index, derived.len())));
        derived.push(entries);
    }
    previews.sort_unstable();
    let (ports, match_port) = (service.routable(), service.ports.len() > 1);
    Some(Table { service: service.name(), source, previews, derived, ports, match_port, bare })
}

/// What an entry counts as where rules are limited: itself, its matches and its destinations.
fn weight(entry: &Node) -> usize {
    1 + matches(entry).len() + destinations(entry).count()
}

/// Whether no entry of a VirtualService can apply to requests of the mesh on a port.
fn is_bare(object: &Object, port: u16) -> bool {
    let on_port = |one: &Node| is_on_port(one, port);
    let applies = |entry| mesh_matches(object, entry).is_some_and(|all| all.iter().any(on_port));
    !http(object).any(applies)
}

/// The finding that entries for a port would apply to other hosts as well. Spellings of the service's own
/// are none.
fn refuse_bare(home: Home<'_>, table: &Table<'_>, object: &Object) -> Option<Diagnostic> {
    let mut others = hosts(object)
        .filter(|host| home.service_routed(host, object).as_deref() != Some(table.service));
    if table.bare.is_empty() || !matches!(table.source, Source::Own(_)) || others.next().is_none() {
        return None;
    }
    let ports: Vec<String> = table.bare.iter().map(u16::to_string).collect();
    let message = format!(
        "{object} has several hosts and no entry for port {ports} of {service}, so entries for \
         previews would apply to its other hosts too",
        object = object.id,
        ports = ports.join(", "),
        service = table.service,
    );
    let help = "give every host a VirtualService of its own, or add an entry for the port";
    let node = object.node.at(&["spec", "hosts"]).unwrap_or(&object.node);
    Some(Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help).at(node.place, "several hosts"))
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
    for entry in http(object).rev() {
        *pairs += count(entry) * behind;
        if *pairs > tables.limits.pairs {
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
    if marks::is_entry(entry, tables.config.set()) {
        let name = entry.text_at(&["name"]).unwrap_or_default();
        let message = format!("{} has an entry `{name}`, a name that anabranch needs", object.id);
        let help = "rename it, or remove it if an earlier run left it";
        let place = entry.get("name").map_or(entry.place, |name| name.place);
        found.push(
            Diagnostic::new(&code::NAME_TAKEN, message, help).at(place, "looks like one of ours"),
        );
    }
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
                        "choose another spec.routing.key, or remove the match from the route",
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
