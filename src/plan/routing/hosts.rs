//! Checks that each preview host belongs to one preview and one way in. A Gateway merges two routes for the same host,
//! and if both match a request, the older one wins.
//! See <https://gateway-api.sigs.k8s.io/guides/api-design/#hostnames>.
//!
//! Only equal hosts are refused. A wildcard of the input that covers preview hosts is usual, and an exact host takes
//! precedence over it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use foldhash::fast::RandomState;

use super::entries::{Planned, WayIn, fill};
use super::planner::planner;
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::meta::is_substituted;
use crate::kube::{Object, RouteApi, gateway};
use crate::model::Catalog;
use crate::model::route::gateways::{GatewayId, Gateways, Hit, Listener, listeners};
use crate::model::route::{Ignored, Route, reader};
use crate::spec::Config;
use crate::validate::is_label_text;
use crate::yaml::Node;

/// Reports preview hosts that are not unique, are no DNS names, or have no listener.
pub(super) fn check<'a>(
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    gateways: &Gateways<'a>,
    all: &[Planned<'a>],
    report: &mut Report,
) {
    check_names(all, report);
    check_originals(config, all, report);
    check_listeners(config, catalog, gateways, all, report);
    let previews = &config.previews.spec.previews;
    let names = previews.iter().enumerate().map(|(index, preview)| (preview.name.as_str(), index));
    let names: HashMap<&str, usize, RandomState> = names.collect();
    let taken = hosts_of_input(catalog);
    for (gateway, patterns) in patterns(all) {
        let taken = taken.get(&gateway).into_iter().flatten();
        for (host, owner) in taken {
            let here = patterns.iter().filter_map(|pattern| names.get(preview_in(pattern, host)?));
            report.extend(here.min().map(|&index| taken_by_input(config, index, host, owner)));
        }
        check_previews(config, &patterns, report);
        report.extend(patterns.iter().filter_map(|pattern| too_long(config, pattern)));
    }
}

/// Reports an entry whose Gateway has no listener for its clones, if the Gateway is in the input: no host fits, or it
/// refuses their kind or namespace.
fn check_listeners(
    config: &Config,
    catalog: &Catalog<'_>,
    gateways: &Gateways<'_>,
    all: &[Planned<'_>],
    report: &mut Report,
) {
    for (index, planned) in all.iter().enumerate() {
        let wanted = &planned.entry.gateway;
        let name = (wanted.namespace.as_str(), wanted.name.as_str());
        let refused = planned.ways.iter().find_map(|way| {
            let Hit::Here(gateway) = gateways.find(name, way.route.api) else {
                return None;
            };
            let reader = reader(way.route.api);
            let section = if reader.names_listeners() { wanted.section_name.as_str() } else { "" };
            let open = listeners(gateway, &way.route.id.namespace).into_iter();
            let judged = open.filter(|one| one.is_named(section)).map(|one| {
                let refusal = reader.refusal(&one, gateway, way.route.object, catalog);
                (one, refusal)
            });
            let mut judged: Vec<(Listener<'_>, Option<Ignored<'_>>)> = judged.collect();
            let mut hosts = way.hosts.iter().map(|(_, pattern)| pattern.of("preview"));
            let host = hosts.find(|host| {
                !judged.iter().any(|(one, refusal)| refusal.is_none() && one.covers(host))
            })?;
            judged.retain(|(one, _)| one.covers(&host));
            let refusal = judged.into_iter().find_map(|(_, refusal)| refusal);
            Some((gateway, host, refusal))
        });
        let Some((gateway, host, refusal)) = refused else {
            continue;
        };
        if let Some(refusal) = refusal {
            let message = format!(
                "the listener of {} for hosts such as {host} {}: no preview answers there",
                gateway.id, refusal.why
            );
            let path = format!("spec.routing.entries[{index}].gateway");
            let finding = config.finding(&code::ENTRY_NOT_CLONED, path, message, refusal.help);
            report.push(finding.also(refusal.node.place, "refused here"));
            continue;
        }
        let message = format!(
            "{} has no listener for hosts such as {host}, and refuses their routes",
            gateway.id
        );
        let help = "write a host that one of its listeners has, or name another Gateway or section";
        let path = format!("spec.routing.entries[{index}].host");
        let finding = config.finding(&code::ENTRY_NOT_CLONED, path, message, help);
        report.push(finding.also(gateway.place(), "the Gateway is here"));
    }
}

/// Reports preview hosts that are no DNS names because of the names of their originals.
fn check_names(all: &[Planned<'_>], report: &mut Report) {
    let mut seen = BTreeSet::new();
    for (number, Planned { ways, .. }) in all.iter().enumerate() {
        for way in ways {
            let hosts = way.hosts.iter().map(|(host, pattern)| (host, pattern.of("preview")));
            // `too_long` checks lengths.
            let wrong = hosts.filter(|(_, host)| !host.split('.').all(is_label_text));
            for (original, host) in wrong {
                if seen.insert((number, &way.route.object.id, host.clone())) {
                    report.push(no_dns_name(number, way.route, original, &host));
                }
            }
        }
    }
}

fn no_dns_name(number: usize, route: Route<'_>, original: &str, host: &str) -> Diagnostic {
    let field = reader(route.api).host_field();
    let written = route.object.node.items_at(&["spec", field]).iter().find(|one| {
        let text = one.text().unwrap_or_default().trim_end_matches('.');
        !original.starts_with('*') && text.eq_ignore_ascii_case(original)
    });
    let (place, what) = match written {
        Some(node) => (node.place, "host"),
        None => (route.place(), "name"),
    };
    let text = written.and_then(Node::text).unwrap_or(&route.id.name);
    let path = format!("spec.routing.entries[{number}].host");
    let (why, help) = match is_substituted(text) {
        true => (
            "Flux fills the variable in later, so it cannot be known here",
            format!("put {{hash}} in place of {{host}} in {path}"),
        ),
        false => (
            "a DNS name has lower-case letters, digits, `-` and `.`",
            format!("mend the {what} of the route, or put {{hash}} in place of {{host}} in {path}"),
        ),
    };
    let message =
        format!("the {what} `{text}` of {} would make the preview host `{host}`: {why}", route.id);
    Diagnostic::new(&code::BAD_NAME, message, help).at(place, "makes no DNS name")
}

/// The finding that hosts of this pattern are too long for DNS. Only the preview with the longest name is checked.
fn too_long(config: &Config, pattern: &str) -> Option<Diagnostic> {
    let previews = config.previews.spec.previews.iter().enumerate();
    let (index, preview) = previews.rev().max_by_key(|(_, preview)| preview.name.len())?;
    let host = fill(pattern, &preview.name);
    let part = host.split('.').map(str::len).max().filter(|&length| length > 63);
    if part.is_none() && host.len() <= 253 {
        return None;
    }
    let message = format!(
        "`{}` would get the host {host}: a part between dots may have 63 characters, all of it 253",
        preview.name
    );
    let help = "shorten the preview's name, or put {hash} in place of {host} in the entry";
    let path = format!("spec.previews[{index}].name");
    Some(config.finding(&code::BAD_NAME, path, message, help))
}

/// The hosts of previews at each Gateway, with `{preview}` in them.
fn patterns<'a>(all: &[Planned<'a>]) -> BTreeMap<GatewayId<'a>, BTreeSet<String>> {
    let mut by_gateway: BTreeMap<GatewayId<'_>, BTreeSet<String>> = BTreeMap::new();
    for Planned { entry, ways } in all {
        let gateway = (entry.gateway.namespace.as_str(), entry.gateway.name.as_str());
        let hosts = ways.iter().flat_map(|way| &way.hosts);
        let patterns = hosts.map(|(_, pattern)| pattern.of("{preview}").to_ascii_lowercase());
        by_gateway.entry(gateway).or_default().extend(patterns);
    }
    by_gateway
}

/// The name of the preview in a host, if the host fits this pattern.
fn preview_in<'h>(pattern: &str, host: &'h str) -> Option<&'h str> {
    let count = pattern.matches("{preview}").count();
    let start = pattern.find("{preview}")?;
    let length = host.len().checked_sub(pattern.len() - count * "{preview}".len())? / count;
    let name = host.get(start..start + length)?;
    (pattern.replace("{preview}", name) == host).then_some(name)
}

/// The finding that a route of the input has a preview host.
fn taken_by_input(config: &Config, index: usize, host: &str, owner: &Object) -> Diagnostic {
    let name = &config.previews.spec.previews[index].name;
    let message =
        format!("`{name}` would get the host {host}, which {} has at the same Gateway", owner.id);
    let help = "rename the preview, or give the entry a host template that leads to no other host";
    let path = format!("spec.previews[{index}].name");
    let finding = config.finding(&code::HOST_COLLISION, path, message, help);
    finding.also(owner.place(), "the host is used here")
}

/// Reports hosts that two previews would have for different routes.
fn check_previews(config: &Config, patterns: &BTreeSet<String>, report: &mut Report) {
    let mut seen: HashMap<String, usize, RandomState> = HashMap::default();
    for pattern in that_may_clash(patterns) {
        for (index, preview) in config.previews.spec.previews.iter().enumerate() {
            let host = fill(pattern, &preview.name);
            let Some(&first) = seen.get(&host) else {
                seen.insert(host, index);
                continue;
            };
            if first == index {
                continue;
            }
            let names = [first, index].map(|index| &config.previews.spec.previews[index].name);
            let message =
                format!("`{}` and `{}` would both get the host {host}", names[0], names[1]);
            let help = "rename one of the two, or keep {preview} and {host} apart with a dot, as in \
                        {host}.{preview}.example.com";
            let place = |index: usize| format!("spec.previews[{index}].name");
            let finding = config.finding(&code::HOST_COLLISION, place(index), message, help);
            report.push(finding.also(config.place(&place(first)), "the other preview is here"));
        }
    }
}

/// The patterns that can give two previews the same host. For that, the texts before and behind `{preview}` must each
/// begin or end like those of another pattern. There may be many patterns, so they are not compared in pairs.
fn that_may_clash(patterns: &BTreeSet<String>) -> impl Iterator<Item = &str> {
    let around = |pattern: &'_ String| {
        let (before, rest) = pattern.split_once("{preview}")?;
        let behind = rest.rsplit("{preview}").next().unwrap_or(rest);
        Some((before.to_owned(), behind.chars().rev().collect::<String>()))
    };
    let (mut before, mut behind) = (Vec::new(), Vec::new());
    for (index, pattern) in patterns.iter().enumerate() {
        if let Some((left, right)) = around(pattern) {
            before.push((left, index));
            behind.push((right, index));
        }
    }
    let (left, right) = (with_common_prefix(before), with_common_prefix(behind));
    let fits = move |index: &usize| left.contains(index) && right.contains(index);
    patterns.iter().enumerate().filter(move |(index, _)| fits(index)).map(|(_, one)| one.as_str())
}

/// The indices of the texts that are a prefix of another text, or have another one as a prefix.
fn with_common_prefix(mut texts: Vec<(String, usize)>) -> HashSet<usize> {
    texts.sort();
    let (mut numbers, mut open): (HashSet<usize>, Vec<&(String, usize)>) = Default::default();
    for one in &texts {
        while open.pop_if(|(text, _)| !one.0.starts_with(text.as_str())).is_some() {}
        if let Some((_, shorter)) = open.last() {
            numbers.extend([*shorter, one.1]);
        }
        open.push(one);
    }
    numbers
}

/// The exact hosts of routes of the input, other sets' too, at each Gateway.
fn hosts_of_input<'a>(
    catalog: &'a Catalog<'a>,
) -> BTreeMap<GatewayId<'a>, BTreeMap<String, &'a Object>> {
    let mut by_gateway: BTreeMap<GatewayId<'_>, BTreeMap<String, &Object>> = BTreeMap::new();
    for object in catalog.objects().chain(catalog.others()) {
        for (gateway, hosts) in hosts_of(catalog, object) {
            let exact = hosts.into_iter().filter(|host| !host.contains('*'));
            let exact = exact.map(|host| host.trim_end_matches('.').to_ascii_lowercase());
            let known = by_gateway.entry(gateway).or_default();
            exact.for_each(|host| {
                known.entry(host).or_insert(object);
            });
        }
    }
    by_gateway
}

/// The hosts of a route at each Gateway that it is bound to.
fn hosts_of<'a>(
    catalog: &'a Catalog<'a>,
    object: &'a Object,
) -> Vec<(GatewayId<'a>, Vec<&'a str>)> {
    match RouteApi::of(object) {
        Some(api) => planner(api).hosts_at_gateways(catalog, object),
        None if object.is(gateway::GROUP, "TLSRoute") => of_parents(catalog, object),
        None => Vec::new(),
    }
}

/// The hosts of a route of the Gateway API at each Gateway in its parentRefs.
pub(super) fn of_parents<'a>(
    catalog: &'a Catalog<'a>,
    object: &'a Object,
) -> Vec<(GatewayId<'a>, Vec<&'a str>)> {
    let home = object.id.namespace.as_str();
    let named: Vec<&str> =
        object.node.items_at(&["spec", "hostnames"]).iter().filter_map(Node::text).collect();
    let parents = object.node.items_at(&["spec", "parentRefs"]).iter();
    let bound = parents.filter_map(|parent| {
        let (gateway, listeners) = gateway_of(catalog, parent, home, !named.is_empty())?;
        // A route without hosts applies to those of its listeners.
        let all = if named.is_empty() { listeners } else { named.clone() };
        Some((gateway, all))
    });
    bound.collect()
}

/// The Gateway of a parentRef, perhaps through a ListenerSet, and the hosts of its listeners that the parentRef is for.
/// If the route has `named` hosts itself, those of a Gateway's listeners are not looked up.
fn gateway_of<'a>(
    catalog: &'a Catalog<'a>,
    parent: &'a Node,
    home: &'a str,
    named: bool,
) -> Option<(GatewayId<'a>, Vec<&'a str>)> {
    let namespace = parent.text_at(&["namespace"]).unwrap_or(home);
    let name = parent.text_at(&["name"])?;
    let kind = parent.text_at(&["kind"]).unwrap_or("Gateway");
    if kind == "Gateway" && named {
        return Some(((namespace, name), Vec::new()));
    }
    let mut objects = catalog.objects().chain(catalog.others());
    let object = objects.find(|object| {
        object.id.kind == kind && object.id.namespace == namespace && object.id.name == name
    });
    let section = parent.text_at(&["sectionName"]);
    let listeners = object.map(|object| object.node.items_at(&["spec", "listeners"]));
    let meant = listeners.unwrap_or_default().iter().filter(|listener| {
        section.is_none_or(|section| listener.text_at(&["name"]) == Some(section))
    });
    let hosts = meant.filter_map(|listener| listener.text_at(&["hostname"])).collect();
    match kind {
        "Gateway" => Some(((namespace, name), hosts)),
        "ListenerSet" | "XListenerSet" => {
            let above = object?.node.at(&["spec", "parentRef"])?;
            let of = above.text_at(&["namespace"]).unwrap_or(namespace);
            Some(((of, above.text_at(&["name"])?), hosts))
        }
        _ => None,
    }
}

/// Reports original hosts with different rules for which the template gives the same preview host. Hosts with the same
/// rules are in the same way in. Also reports entries with the same Gateway and host.
fn check_originals(config: &Config, all: &[Planned<'_>], report: &mut Report) {
    let mut seen = BTreeSet::new();
    for (number, Planned { entry, ways }) in all.iter().enumerate() {
        let mut originals: BTreeMap<String, BTreeMap<&str, Vec<&WayIn<'_>>>> = BTreeMap::new();
        for way in ways {
            for (host, pattern) in &way.hosts {
                let of_preview = originals.entry(pattern.of("preview")).or_default();
                of_preview.entry(host).or_default().push(way);
            }
        }
        report.extend(originals.values().find_map(|hosts| collapsed(config, number, hosts)));
        let gateway = &entry.gateway;
        let known = (&gateway.namespace, &gateway.name, &gateway.section_name, entry.host.as_str());
        if !seen.insert(known) {
            report.push(config.finding(
                &code::HOST_COLLISION,
                format_args!("spec.routing.entries[{number}]"),
                "two entries have the same gateway and host",
                "remove one of the two",
            ));
        }
    }
}

/// The finding that two original hosts get the same preview host and have different ways in.
fn collapsed(
    config: &Config,
    number: usize,
    hosts: &BTreeMap<&str, Vec<&WayIn<'_>>>,
) -> Option<Diagnostic> {
    let (first, first_ways) = hosts.first_key_value()?;
    let has = |ways: &[&WayIn<'_>], way: &WayIn<'_>| ways.iter().any(|one| std::ptr::eq(*one, way));
    let (host, ways) = hosts.iter().find(|(_, ways)| {
        ways.len() != first_ways.len() || !ways.iter().all(|way| has(first_ways, way))
    })?;
    // A way in that only one of the two has shows the difference.
    let (mut one, mut other) = (first_ways.first()?.route, ways.first()?.route);
    if let Some(way) = ways.iter().find(|way| !has(first_ways, way)) {
        other = way.route;
    } else if let Some(way) = first_ways.iter().find(|way| !has(ways, way)) {
        one = way.route;
    }
    let message = match one.id == other.id {
        true => format!(
            "{} has other rules for {first} than for {host}, which get the same preview host",
            one.id
        ),
        false => {
            format!("{} ({first}) and {} ({host}) get the same preview host", one.id, other.id)
        }
    };
    let help = "tell them apart with {host} or {hash}, as in {preview}-{host}.example.com";
    let path = format!("spec.routing.entries[{number}].host");
    let finding = config.finding(&code::HOST_COLLISION, path, message, help);
    let finding = finding.also(one.place(), "one route is here");
    Some(match one.id == other.id {
        true => finding,
        false => finding.also(other.place(), "the other here"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preview_of_a_host_is_found_however_often_it_stands_there() {
        assert_eq!(preview_in("{preview}.x", "pr-1.x"), Some("pr-1"));
        assert_eq!(preview_in("a.{preview}.{preview}.x", "a.pr-1.pr-1.x"), Some("pr-1"));
        assert_eq!(preview_in("a.{preview}.{preview}.x", "a.pr-1.pr-2.x"), None);
        assert_eq!(preview_in("{preview}.example.com", "x"), None);
    }

    #[test]
    fn hosts_meet_only_where_what_is_around_the_names_fits() {
        let meet = |one: &str, other: &str| {
            let patterns = BTreeSet::from([one, other].map(str::to_owned));
            let clashing: Vec<&str> = that_may_clash(&patterns).collect();
            clashing.contains(&one) && clashing.contains(&other)
        };
        assert!(meet("{preview}-shop.x", "{preview}-a-shop.x"));
        assert!(meet("a-{preview}.x", "{preview}.x"));
        assert!(!meet("{preview}-shop.x", "{preview}-admin.x"));
        assert!(!meet("shop.{preview}.x", "admin.{preview}.x"));
    }
}
