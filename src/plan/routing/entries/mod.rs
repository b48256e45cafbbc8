//! North-south routing: each way from a Gateway into the baseline is cloned for each preview.
//!
//! In go the entries of `spec.routing`, each of which stands for some Gateways, and the routes that bind to these
//! Gateways and lead into the baseline. Out comes, for each entry and route, one clone for all previews that affect the
//! same services of the route.

mod applicable;
mod at_gateways;
mod host_links;
mod limits;
mod routes;
mod visibility;

mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::swap::Swapped;
use super::{group_by_affected, hosts};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, RouteApi};
use crate::limits::{Counter, flag, or_raise};
use crate::model::route::gateways::{GatewayId, Gateways};
use crate::model::route::text_matcher::TextMatcher;
use crate::model::route::{Route, reader};
use crate::model::{Catalog, ServiceName};
use crate::plan::environment::Environment;
use crate::plan::naming::safe_hash;
use crate::spec::{Config, Delivery, Entry};
use crate::yaml::Node;

pub(super) use applicable::{
    Applicable, HostContext, rules_of_http_route, rules_of_virtual_service,
};
pub(crate) use host_links::{CorsOrigin, RedirectTarget};
pub(super) use limits::{full_for_clone, full_for_strip};
pub(super) use routes::{has_gateway_rule, is_dropped_way_in, leads_to_service};
use ways::WayFinder;

/// The ways in from outside.
#[derive(Debug, Default)]
pub(crate) struct Entries<'a> {
    /// Clones to make.
    pub(crate) clones: Vec<EntryClone<'a>>,
    /// Originals that drop the key.
    pub(crate) stripped: Vec<Route<'a>>,
    /// URLs of a preview, those of the first entry first.
    urls: Vec<Pattern>,
    /// The number of clones, with their hosts and rules. If it exceeds the limit, none is planned.
    pub(super) size: usize,
}

/// A text with a placeholder for the name of a preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(String);

impl Pattern {
    /// The text for a preview.
    pub(crate) fn of(&self, preview: &str) -> String {
        fill(&self.0, preview)
    }
}

/// Replaces `{preview}` in a text by the name of a preview.
pub(crate) fn fill(text: &str, preview: &str) -> String {
    text.replace("{preview}", preview)
}

/// A way in: an entry route, with those of its hosts to which the same rules apply.
#[derive(Debug)]
pub(crate) struct WayIn<'a> {
    /// The route.
    pub(crate) route: Route<'a>,
    /// Its index among the ways in of this route.
    part: usize,
    /// The Gateways.
    gateways: BTreeSet<GatewayId<'a>>,
    /// The rules that apply to these hosts.
    pub(crate) rules: Vec<CloneRule<'a>>,
    /// Original hosts, sorted, with their preview hosts.
    pub(super) hosts: Vec<(String, Pattern)>,
    /// The URL of a host, with `{}` for the host.
    base: String,
}

/// A rule of a clone, derived from one of its original.
#[derive(Debug)]
pub(crate) struct CloneRule<'a> {
    /// The API of the route.
    api: RouteApi,
    /// The rule.
    pub(crate) node: &'a Node,
    /// The matches of a VirtualService's rule; `None` if it applies to every request. A match on the authority contains
    /// `{preview}`.
    pub(crate) matches: Option<Vec<Node>>,
    /// The target of its redirect, if it differs from the original's.
    pub(crate) redirect: Option<RedirectTarget>,
    /// The origins that it allows, if they differ from the original's.
    pub(crate) origins: Option<Vec<CorsOrigin<'a>>>,
    /// Values of response headers that lead to original hosts, with their replacements.
    pub(crate) response_values: BTreeMap<&'a str, Pattern>,
}

/// A clone of an entry route, for all previews that affect the same of its services.
#[derive(Debug)]
pub(crate) struct EntryClone<'a> {
    /// The previews, as indices of environments.
    pub(crate) environments: Vec<usize>,
    /// The original.
    pub(crate) way: Arc<WayIn<'a>>,
    /// The rules of the way in, with the backends that these previews have.
    pub(crate) rules: Vec<Swapped<'a>>,
    /// The entry that it is made for.
    pub(crate) entry: &'a Entry,
    /// The index of the entry.
    number: usize,
}

impl Entries<'_> {
    /// The URLs of a preview, the first entry first.
    pub(crate) fn urls(&self, preview: &str) -> impl Iterator<Item = String> {
        self.urls.iter().map(move |url| url.of(preview))
    }
}

impl<'a> WayIn<'a> {
    /// The Gateways that it leads in from.
    pub(in crate::plan) fn gateways(&self) -> impl Iterator<Item = GatewayId<'a>> {
        self.gateways.iter().copied()
    }
}

impl EntryClone<'_> {
    /// The name of a preview's clone.
    pub(crate) fn name(&self, preview: &str) -> String {
        clone_name(&self.way, preview, self.number)
    }

    /// The original hosts and their preview hosts, with `{preview}` in place of the name.
    pub(in crate::plan) fn renamed_hosts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.way.hosts.iter().map(|(original, made)| (original.as_str(), made.0.as_str()))
    }

    /// The hosts of a preview's clone, without duplicates, in the order of the original hosts.
    pub(crate) fn hosts(&self, preview: &str) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let all = self.way.hosts.iter().filter(|(_, made)| seen.insert(&made.0));
        all.map(|(_, made)| made.of(preview)).collect()
    }
}

/// An entry and the ways in that it stands for.
pub(super) struct Planned<'a> {
    pub(super) entry: &'a Entry,
    pub(super) ways: Vec<Arc<WayIn<'a>>>,
}

/// This many comparisons of a host with an origin or a match count as one pair.
const HOSTS_PER_PAIR: usize = 32;

/// Plans the clones of every preview, if these are not more than `most` and need no more comparisons than those of
/// `pairs` pairs.
pub(super) fn plan<'a>(
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    environments: &[Environment<'a>],
    (most, pairs): (usize, usize),
    report: &mut Report,
) -> Entries<'a> {
    let entries = &config.previews.spec.routing.entries;
    let mut planned = Entries::default();
    if entries.is_empty() || environments.is_empty() {
        return planned;
    }
    let gateways = Gateways::of(catalog);
    let found = routes::entry_routes(catalog, &gateways, report);
    planned.size = size(&found.followed, entries.len(), environments.len());
    if planned.size > most {
        return planned;
    }
    let finder = WayFinder {
        key: &config.previews.spec.routing.key,
        gateways: &gateways,
        routes: &found.followed,
        matcher: TextMatcher::new(Counter::new(pairs.saturating_mul(HOSTS_PER_PAIR))),
        findings: Default::default(),
    };
    let (mut all, mut stripped) = (Vec::new(), BTreeMap::new());
    for (number, entry) in entries.iter().enumerate() {
        let mut entry_routes = finder.routes_of(entry);
        let mut routes = found.followed.iter().chain(&found.ignored);
        if !routes.any(|route| ways::stands_for_route(entry, *route)) {
            finder.say(nothing_leads_in(config, number, entry));
        }
        if entry.strip_key {
            stripped.extend(entry_routes.iter().map(|(route, _)| (&route.object.id, *route)));
        }
        entry_routes.retain(|(route, _)| {
            let dropped = at_gateways::dropped(entry, *route, &gateways, catalog);
            dropped.map(|finding| finder.say(finding)).is_none()
        });
        let ways = finder.ways(entry, entry_routes).into_iter().map(Arc::new).collect();
        all.push(Planned { entry, ways });
    }
    if finder.matcher.comparisons.is_over() {
        report.push(too_many_comparisons(config, pairs));
        return planned;
    }
    report.extend(finder.findings.take().into_values());
    at_gateways::check(config, &gateways, &all, report);
    visibility::check(config, &all, report);
    report.extend(at_gateways::published(config, &all));
    hosts::check(config, catalog, &gateways, &all, report);
    check_names(environments, &all, report);
    planned.urls = urls(&all);
    planned.clones = all_clones(config, catalog, environments, all);
    if entries.iter().any(|entry| entry.strip_key) {
        strip(config, stripped.into_values().collect(), &mut planned, report);
    }
    limits::check(&planned, &config.previews.spec.routing.key, report);
    planned
}

/// The size of the clones of routes for some entries and environments.
fn size(routes: &[Route<'_>], entries: usize, environments: usize) -> usize {
    let each: usize = routes.iter().map(|route| ways::size(*route)).sum();
    each.saturating_mul(entries).saturating_mul(environments)
}

/// The clones of all ways in.
fn all_clones<'a>(
    config: &Config,
    catalog: &Catalog<'a>,
    environments: &[Environment<'a>],
    all: Vec<Planned<'a>>,
) -> Vec<EntryClone<'a>> {
    let of_entry = |(number, Planned { entry, ways }): (usize, Planned<'a>)| {
        let clones = move |way| clones(config, catalog, environments, (number, entry), way);
        ways.into_iter().flat_map(clones)
    };
    all.into_iter().enumerate().flat_map(of_entry).collect()
}

/// The clones of a way in, one for each group of previews that affect the same of its services.
fn clones<'a>(
    config: &Config,
    catalog: &Catalog<'a>,
    environments: &[Environment<'a>],
    (number, entry): (usize, &'a Entry),
    way: Arc<WayIn<'a>>,
) -> Vec<EntryClone<'a>> {
    let services = way.route.chosen(catalog.home);
    let groups = group_by_affected(environments, 0..environments.len(), &services);
    let clones = groups.into_iter().map(|(affected, environments)| {
        let is_copied = |name: ServiceName<'_>| {
            affected.contains(&name) && !config.is_unrouted(name.name, name.namespace)
        };
        let swapped = |rule: &CloneRule<'a>| Swapped::of(rule.node, way.route, catalog, is_copied);
        let rules = way.rules.iter().map(swapped).collect();
        EntryClone { environments, way: Arc::clone(&way), rules, entry, number }
    });
    clones.collect()
}

/// The URLs that answer. A host that only redirects clients is not one.
fn urls(all: &[Planned<'_>]) -> Vec<Pattern> {
    let mut urls = Vec::new();
    let mut seen = BTreeSet::new();
    for way in all.iter().flat_map(|planned| &planned.ways) {
        if way.rules.iter().all(CloneRule::only_redirects) {
            continue;
        }
        for (_, host) in &way.hosts {
            let url = format!("{}/", way.base.replace("{}", &host.0));
            if seen.insert(url.clone()) {
                urls.push(Pattern(url));
            }
        }
    }
    urls
}

fn too_many_comparisons(config: &Config, pairs: usize) -> Diagnostic {
    let message = format!(
        "ways in need more comparisons, of hosts with origins and matches, than the limit of {pairs} pairs"
    );
    let help = or_raise("have fewer hosts, or fewer patterns of origins and hosts", flag::PAIRS);
    config.finding(&code::OUTPUT_LIMIT, "spec.routing.entries", message, help)
}

fn nothing_leads_in(config: &Config, number: usize, entry: &Entry) -> Diagnostic {
    if entry.of.is_empty() {
        let message = "no route leads from a Gateway into the baseline";
        let kinds = RouteApi::ALL.map(|api| api.names().kinds.join(", ")).join(" or ");
        let help = format!("pass the {kinds} of the entry with --baseline");
        return config.finding(&code::ENTRY_NOT_CLONED, "spec.routing.entries", message, help);
    }
    let path = format!("spec.routing.entries[{number}].of");
    let names: Vec<String> =
        entry.of.iter().map(|one| format!("{}/{}", one.namespace, one.name)).collect();
    let message = format!("no route leads into the baseline from {}", names.join(", "));
    let help = "name the Gateways to which the routes of the baseline are attached";
    config.finding(&code::ENTRY_NOT_CLONED, path, message, help)
}

/// The name of a clone: the names of the original and the preview, and `entry`. A route often has the name of its
/// service, and the service's routes in the mesh end in the preview's name. From the second entry on a number is added,
/// and from the second way in of the route on another one.
fn clone_name(way: &WayIn<'_>, preview: &str, entry: usize) -> String {
    let mut name = format!("{}.{preview}.entry", way.route.id.name);
    for (part, count) in [("", entry), (".hosts", way.part)] {
        if count > 0 {
            name += &format!("{part}-{}", count + 1);
        }
    }
    name
}

/// Reports routes whose clones would have a name that is too long for an object.
/// See <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names>.
fn check_names(environments: &[Environment<'_>], all: &[Planned<'_>], report: &mut Report) {
    let previews = environments.iter().map(|env| env.name);
    let longest = previews.max_by_key(|name| name.len()).unwrap_or_default();
    let mut longest_of: BTreeMap<_, (usize, &Object)> = BTreeMap::new();
    for (number, planned) in all.iter().enumerate() {
        for way in &planned.ways {
            let length = clone_name(way, longest, number).len();
            let known =
                longest_of.entry(&way.route.object.id).or_insert((length, way.route.object));
            known.0 = known.0.max(length);
        }
    }
    for (length, route) in longest_of.into_values().filter(|(length, _)| *length > 253) {
        let message = format!(
            "the clone of {} for `{longest}` would have a name of {length} characters, 253 are allowed",
            route.id,
        );
        let finding = Diagnostic::new(&code::BAD_NAME, message, "shorten the route's name");
        report.push(finding.at(route.place(), "this name is too long to add to"));
    }
}

fn strip<'a>(
    config: &Config,
    routes: Vec<Route<'a>>,
    planned: &mut Entries<'a>,
    report: &mut Report,
) {
    if config.previews.spec.baseline.delivery == Delivery::External {
        report.push(config.finding(
            &code::DELIVERY_EXTERNAL,
            "spec.routing.entries",
            "stripKey changes the entry routes of the baseline, which something else delivers",
            "set `spec.baseline.delivery: include`, or strip the key where the routes are written",
        ));
        return;
    }
    let is_for_mesh = |route: &&Route<'_>| reader(route.api).is_for_mesh(route.object);
    for route in routes.iter().filter(is_for_mesh) {
        let message = format!(
            "{} is for the mesh too, where stripKey would take the key from calls between services",
            route.id
        );
        let help =
            "give the Gateway a route of its own, or strip the key at the Gateway by other means";
        let finding = Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help);
        let place = config.place("spec.routing.entries");
        report.push(
            finding.at(route.place(), "for Gateway and mesh").also(place, "stripKey is here"),
        );
    }
    if !config.previews.spec.routing.key.baggage.is_empty() {
        report.push(config.finding(
            &code::STRIP_BAGGAGE,
            "spec.routing.entries",
            "stripKey removes the whole `baggage` header from production requests",
            "leave spec.routing.key.baggage empty if clients send other members that must arrive",
        ));
    }
    planned.stripped = routes;
}

/// The preview host in place of an original host.
pub(super) fn preview_host(
    entry: &Entry,
    preview: &str,
    original: &str,
    route: Route<'_>,
) -> String {
    let known_as = if original.starts_with('*') { route.id.name.as_str() } else { original };
    entry
        .host
        .replace("{preview}", preview)
        .replace("{host}", known_as.split('.').next().unwrap_or(known_as))
        .replace("{hash}", &safe_hash([known_as], 8))
}
