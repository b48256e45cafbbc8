//! DestinationRules: what holds for calls of a service holds for calls of its copy, and what holds for calls that
//! leave the baseline's pods holds for those of their copies.
//!
//! A proxy looks for the rule of a host in its own namespace, then in the one of the service, then in Istio's root
//! namespace. So the rule of a copy stands in the preview, with the copy's host, where the baseline's callers find
//! it too. Hosts of other namespaces stay as they are, and so does that of a service whose rule its own namespace alone
//! sees, in previews that do not change the service: their calls of it follow the rule as those of the baseline do.
//! Fields that name the preview are written in `emit/copy.rs`.
//! See <https://istio.io/latest/docs/reference/config/networking/destination-rule/>.

use super::Treated;
use super::estate::{Estate, Home, Site};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, istio};
use crate::model::route::gateways::covers;
use crate::model::{Catalog, Mesh, Service, ServiceName, service_host};
use crate::yaml::Node;

/// The API group.
pub(super) const GROUP: &str = istio::GROUP;
pub(super) const KIND: &str = "DestinationRule";

/// Whose host a rule has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host<'n> {
    /// Of the service of this name of the baseline.
    OfService(&'n str),
    /// Of all services of the baseline, and perhaps of more.
    OfAll,
    /// Of something else.
    Foreign,
}

impl<'n> Host<'n> {
    fn of(catalog: &Catalog<'_>, rule: &'n Object) -> Self {
        let host = rule.node.text_at(&["spec", "host"]).unwrap_or_default();
        let namespace = rule.id.namespace.as_str();
        let own = service_host("", namespace, catalog.home.domain);
        match host.strip_suffix(own.as_str()) {
            _ if !host.contains('.') && !host.starts_with('*') => Self::OfService(host),
            Some(name) if !name.contains(['*', '.']) => Self::OfService(name),
            _ if host.strip_prefix('*').is_some_and(|rest| own.ends_with(rest)) => Self::OfAll,
            _ => Self::Foreign,
        }
    }
}

/// Whether a policy is a rule for calls that leave the baseline's pods, and that previews do not see where it is: it
/// comes with whatever may make them.
pub(super) fn is_of_callers(catalog: &Catalog<'_>, policy: &Object) -> bool {
    let is_foreign = || Host::of(catalog, policy) == Host::Foreign;
    policy.is(GROUP, KIND) && (is_foreign() || private_service(catalog, policy).is_some())
}

/// The service of a rule that is seen by the pods of its namespace, and not by those of previews.
pub(super) fn private_service<'a>(
    catalog: &Catalog<'_>,
    rule: &'a Object,
) -> Option<ServiceName<'a>> {
    let Host::OfService(name) = Host::of(catalog, rule) else { return None };
    let namespace = rule.id.namespace.as_str();
    let spec = rule.node.get("spec")?;
    exported(namespace, spec)?;
    let mut to = spec.get("exportTo").map(Node::items).unwrap_or_default().iter();
    let is_seen = to.any(|to| to.text() == Some(".") || to.text() == Some(namespace));
    is_seen.then_some(ServiceName { name, namespace })
}

/// Whether a policy is a rule that only names subsets, of which previews have none.
pub(super) fn sets_nothing(policy: &Object) -> bool {
    let sets = |node: &Node| node.get("trafficPolicy").is_some();
    let spec = policy.node.get("spec");
    let subsets = spec.and_then(|spec| spec.get("subsets")).map(Node::items).unwrap_or_default();
    policy.is(GROUP, KIND) && !spec.is_some_and(sets) && !subsets.iter().any(sets)
}

/// Says what becomes of a DestinationRule.
pub(super) fn treat(estate: &Estate<'_>, rule: &Object, report: &mut Report) -> Treated {
    if estate.site(rule) != Site::Home {
        report.extend(of_originals_alone(estate, rule));
        return Treated::default();
    }
    let Some(spec) = rule.node.get("spec") else {
        return Treated::default();
    };
    let host = Host::of(estate.catalog, rule);
    report.extend(unseen(estate, rule, spec, host));
    if !estate.copies(rule) {
        return Treated::default();
    }
    let private = private_service(estate.catalog, rule);
    let for_callers = private.map(|service| for_callers(estate.catalog, service, spec));
    let service = private.and_then(|service| estate.catalog.service(service));
    if private.is_some() && !service.is_some_and(|service| estate.copies(service.object)) {
        return Treated { copy: for_callers.clone(), for_callers, ..Treated::default() };
    }
    let mut copy = spec.clone();
    if host == Host::Foreign {
        copy.set("exportTo", Node::list([Node::string(".")]));
        return Treated { copy: Some(copy), ..Treated::default() };
    }
    if let Host::OfService(name) = host {
        // Completed with the namespace that the copy is in.
        copy.set("host", Node::string(name));
    }
    report.extend(without_subsets(rule, copy.remove("subsets")));
    report.extend(of_some_callers(rule, spec));
    if let Some(all) = exported(&rule.id.namespace, spec) {
        copy.set("exportTo", Node::list(all.into_iter().map(Node::string)));
    }
    Treated { copy: Some(copy), for_callers, ..Treated::default() }
}

/// What a copy says for calls of a service that its preview does not change.
fn for_callers(catalog: &Catalog<'_>, service: ServiceName<'_>, spec: &Node) -> Node {
    let mut copy = spec.clone();
    let host = service_host(service.name, service.namespace, catalog.home.domain);
    copy.set("host", Node::string(host));
    copy.set("exportTo", Node::list([Node::string(".")]));
    copy
}

/// Where a copy is seen: where its original is, in the baseline and in the preview. Nothing where that is
/// everywhere.
fn exported<'n>(home: &'n str, spec: &'n Node) -> Option<Vec<&'n str>> {
    let to = spec.get("exportTo").map(Node::items).unwrap_or_default();
    let to: Vec<&str> = to.iter().filter_map(Node::text).collect();
    if to.is_empty() || to.contains(&"*") {
        return None;
    }
    let others = to.into_iter().filter(|to| !matches!(*to, "." | "~") && *to != home);
    Some([home].into_iter().chain(others).chain(["."]).collect())
}

/// The note that copies have no subsets, where these set something: no route of a preview chooses one.
fn without_subsets(rule: &Object, subsets: Option<Node>) -> Option<Diagnostic> {
    let subsets = subsets?;
    let set = subsets.items().iter().filter(|one| one.get("trafficPolicy").is_some());
    let names: Vec<&str> = set.filter_map(|one| one.text_at(&["name"])).collect();
    if names.is_empty() {
        return None;
    }
    let message = format!(
        "the copies of {} have no subsets, nor what `{}` sets for calls",
        rule.id,
        names.join("`, `")
    );
    let help = "nothing to do where trafficPolicy of the rule is enough; a preview has one version of a service";
    Some(Diagnostic::new(&code::DROPPED, message, help).at(rule.place(), "subsets are not copied"))
}

/// The warning that a rule is for some callers alone: in the baseline these call copies without it.
fn of_some_callers(rule: &Object, spec: &Node) -> Option<Diagnostic> {
    spec.get("workloadSelector").filter(|selector| !selector.entries().is_empty())?;
    let message = format!(
        "{} is for calls of some workloads: those in the baseline call copies without it",
        rule.id
    );
    let help = "leave out workloadSelector, or see that calls of copies do without: such a rule holds for pods of its own \
                namespace alone";
    let finding = Diagnostic::new(&code::POLICY_NOT_COPIED, message, help);
    Some(finding.at(rule.place(), "copied for previews' callers alone"))
}

/// The warning that a rule of another namespace holds for calls of services, and not for those of their copies: its
/// host covers theirs alone.
fn of_originals_alone(estate: &Estate<'_>, rule: &Object) -> Option<Diagnostic> {
    let (catalog, host) = (estate.catalog, rule.node.text_at(&["spec", "host"])?);
    if catalog.mesh == Mesh::Absent || sets_nothing(rule) {
        return None;
    }
    let is_lost = |service: &&Service<'_>| {
        let name = service.id();
        let home = estate.homes.iter().find(|home| home.namespace == name.namespace);
        let copy = |home: &Home<'_>| {
            service_host(name.name, &home.previews.replace('*', "x"), catalog.home.domain)
        };
        estate.copies(service.object)
            && covers(host, &catalog.home.host(name))
            && home.is_some_and(|home| !covers(host, &copy(home)))
    };
    let service = match host.starts_with('*') {
        true => catalog.services().find(is_lost),
        false => catalog.service(catalog.home.service_of(host, rule)?).filter(is_lost),
    }?;
    let name = service.id();
    let message = format!(
        "{} holds for calls of {name} and not for calls of its copies, which have other hosts than `{host}`: mutual TLS, \
         load balancing, connections",
        rule.id
    );
    let help = format!(
        "move it to `{}`, the namespace of the service, from where previews copy it, or add one for the copies' hosts",
        name.namespace
    );
    let finding = Diagnostic::new(&code::POLICY_NOT_COPIED, message, help);
    let place = rule.node.at(&["spec", "host"]).map_or_else(|| rule.place(), |node| node.place);
    Some(finding.at(place, "not the host of a copy"))
}

/// The warning that previews do not see a rule that another namespace of the baseline sees.
fn unseen(estate: &Estate<'_>, rule: &Object, spec: &Node, host: Host<'_>) -> Option<Diagnostic> {
    let Host::OfService(name) = host else { return None };
    let namespace = rule.id.namespace.as_str();
    if estate.catalog.mesh == Mesh::Ambient {
        // The waypoint of the service follows it, for whoever calls.
        return None;
    }
    let to = exported(namespace, spec)?;
    let homes = estate.homes.iter().filter(|home| home.namespace != namespace);
    let mut seeing = homes.filter(|home| to.contains(&home.namespace));
    let home = seeing.find(|home| !estate.copied_pods(home, None).is_empty())?;
    let message = format!(
        "{} is seen by `{}` and not by its previews, so copies there call `{name}` without its settings: mutual TLS, load \
         balancing, connections, subsets",
        rule.id, home.namespace
    );
    let help = "export it to all namespaces (`exportTo: [\"*\"]`) where calls need it";
    let finding = Diagnostic::new(&code::POLICY_NOT_COPIED, message, help);
    Some(finding.at(rule.place(), "not seen by previews"))
}
