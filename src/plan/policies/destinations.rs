//! DestinationRules: the rules for calls to an original also hold for calls to its copies, and the rules for calls from
//! an original also for calls from its copies.
//!
//! A proxy looks for the rule of a host in its own namespace, then in the namespace of the service, then in Istio's
//! root namespace. A copied rule is in the preview and has the host of the copied service, so callers from both the
//! preview and the baseline find it.
//!
//! Two sorts of rules keep their hosts in the copy, because they are for calls that leave the preview:
//! - rules for hosts outside of the rule's namespace;
//! - in previews that do not change the service, rules that only pods of the rule's namespace see (`exportTo`).
//!
//! `emit/copy.rs` fills in fields that contain the name of the preview.
//! See <https://istio.io/latest/docs/reference/config/networking/destination-rule/>.

use super::Treatment;
use super::context::{PolicyContext, Site};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, istio};
use crate::model::route::gateways::covers;
use crate::model::{Catalog, Mesh, Service, ServiceName, service_host};
use crate::yaml::Node;

pub(super) const GROUP: &str = istio::GROUP;
pub(super) const KIND: &str = "DestinationRule";

/// What the host of a rule stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host<'n> {
    /// The service of this name in the namespace of the rule.
    Service(&'n str),
    /// At least all services in the namespace of the rule.
    Namespace,
    /// Something outside of the namespace of the rule.
    Foreign,
}

impl<'n> Host<'n> {
    fn of(catalog: &Catalog<'_>, rule: &'n Object) -> Self {
        let host = rule.node.text_at(&["spec", "host"]).unwrap_or_default();
        let namespace = rule.id.namespace.as_str();
        let suffix = service_host("", namespace, catalog.home.domain);
        match host.strip_suffix(suffix.as_str()) {
            _ if !host.contains('.') && !host.starts_with('*') => Self::Service(host),
            Some(name) if !name.contains(['*', '.']) => Self::Service(name),
            _ if host.strip_prefix('*').is_some_and(|rest| suffix.ends_with(rest)) => {
                Self::Namespace
            }
            _ => Self::Foreign,
        }
    }
}

/// Whether a policy is a rule for calls that any pod of its namespace may make, and that previews do not see from
/// their namespaces. Such a rule is copied into every preview.
pub(super) fn is_for_callers(catalog: &Catalog<'_>, policy: &Object) -> bool {
    let is_foreign = || Host::of(catalog, policy) == Host::Foreign;
    policy.is(GROUP, KIND) && (is_foreign() || private_service(catalog, policy).is_some())
}

/// The service of a rule that pods of its namespace see and pods of previews do not.
pub(super) fn private_service<'a>(
    catalog: &Catalog<'_>,
    rule: &'a Object,
) -> Option<ServiceName<'a>> {
    let Host::Service(name) = Host::of(catalog, rule) else { return None };
    let namespace = rule.id.namespace.as_str();
    let spec = rule.node.get("spec")?;
    exports_of_copy(namespace, spec)?;
    let mut exports = spec.items_at(&["exportTo"]).iter();
    let is_seen = exports.any(|to| to.text() == Some(".") || to.text() == Some(namespace));
    is_seen.then_some(ServiceName { name, namespace })
}

/// Whether a policy is a rule without any traffic policy: it only defines subsets, which previews do not have.
pub(super) fn sets_nothing(policy: &Object) -> bool {
    let sets = |node: &Node| node.get("trafficPolicy").is_some();
    policy.is(GROUP, KIND)
        && !policy.node.get("spec").is_some_and(sets)
        && !policy.node.items_at(&["spec", "subsets"]).iter().any(sets)
}

/// Decides what becomes of a DestinationRule.
pub(super) fn treat(context: &PolicyContext<'_>, rule: &Object, report: &mut Report) -> Treatment {
    if context.site(rule) != Site::Baseline {
        report.extend(misses_copies(context, rule));
        return Treatment::default();
    }
    let Some(spec) = rule.node.get("spec") else {
        return Treatment::default();
    };
    let host = Host::of(context.catalog, rule);
    report.extend(unseen(context, rule, spec, host));
    if !context.copies(rule) {
        return Treatment::default();
    }
    let private = private_service(context.catalog, rule);
    let for_callers = private.map(|service| for_callers(context.catalog, service, spec));
    let service = private.and_then(|service| context.catalog.service(service));
    if private.is_some() && !service.is_some_and(|service| context.copies(service.object)) {
        return Treatment { copy: for_callers.clone(), for_callers, ..Treatment::default() };
    }
    let mut copy = spec.clone();
    if host == Host::Foreign {
        copy.set("exportTo", Node::list([Node::string(".")]));
        return Treatment { copy: Some(copy), ..Treatment::default() };
    }
    if let Host::Service(name) = host {
        // Istio completes a short name with the namespace of the rule.
        copy.set("host", Node::string(name));
    }
    report.extend(without_subsets(rule, copy.remove("subsets")));
    report.extend(has_workload_selector(rule, spec));
    if let Some(exports) = exports_of_copy(&rule.id.namespace, spec) {
        copy.set("exportTo", Node::list(exports.into_iter().map(Node::string)));
    }
    Treatment { copy: Some(copy), for_callers, ..Treatment::default() }
}

/// The spec of a copy for calls to a service that its preview does not change.
fn for_callers(catalog: &Catalog<'_>, service: ServiceName<'_>, spec: &Node) -> Node {
    let mut copy = spec.clone();
    let host = service_host(service.name, service.namespace, catalog.home.domain);
    copy.set("host", Node::string(host));
    copy.set("exportTo", Node::list([Node::string(".")]));
    copy
}

/// The namespaces that see a copy: those that see the original, and the preview (`.`). `None` if all do.
fn exports_of_copy<'n>(home: &'n str, spec: &'n Node) -> Option<Vec<&'n str>> {
    let exports = spec.items_at(&["exportTo"]).iter();
    let exports: Vec<&str> = exports.filter_map(Node::text).collect();
    if exports.is_empty() || exports.contains(&"*") {
        return None;
    }
    let others = exports.into_iter().filter(|to| !matches!(*to, "." | "~") && *to != home);
    Some([home].into_iter().chain(others).chain(["."]).collect())
}

/// The note that subsets with a traffic policy are not copied: no route of a preview chooses a subset.
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

/// The warning that a rule has a `workloadSelector`. It selects callers in its own namespace, so calls from the
/// baseline to copies are made without it.
fn has_workload_selector(rule: &Object, spec: &Node) -> Option<Diagnostic> {
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

/// The warning that the host of a rule in another namespace covers a service and not its copies.
fn misses_copies(context: &PolicyContext<'_>, rule: &Object) -> Option<Diagnostic> {
    let (catalog, host) = (context.catalog, rule.node.text_at(&["spec", "host"])?);
    if catalog.mesh == Mesh::Absent || sets_nothing(rule) {
        return None;
    }
    let is_lost = |service: &&Service<'_>| {
        let name = service.id();
        let home = context.homes.iter().find(|home| home.namespace == name.namespace);
        let covers_copy = |preview_pattern: &str| {
            let preview = preview_pattern.replace('*', "x");
            covers(host, &service_host(name.name, &preview, catalog.home.domain))
        };
        context.copies(service.object)
            && covers(host, &catalog.home.host(name))
            && home.is_some_and(|home| !covers_copy(&home.preview_pattern))
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

/// The warning that another namespace of the baseline sees a rule, and the previews for it do not.
fn unseen(
    context: &PolicyContext<'_>,
    rule: &Object,
    spec: &Node,
    host: Host<'_>,
) -> Option<Diagnostic> {
    let Host::Service(name) = host else { return None };
    let namespace = rule.id.namespace.as_str();
    if context.catalog.mesh == Mesh::Ambient {
        // The waypoint of the service applies the rule to every caller.
        return None;
    }
    let exports = exports_of_copy(namespace, spec)?;
    let homes = context.homes.iter().filter(|home| home.namespace != namespace);
    let mut seeing = homes.filter(|home| exports.contains(&home.namespace));
    let home = seeing.find(|home| !context.copied_pods(home, None).is_empty())?;
    let message = format!(
        "{} is seen by `{}` and not by its previews, so copies there call `{name}` without its settings: mutual TLS, load \
         balancing, connections, subsets",
        rule.id, home.namespace
    );
    let help = "export it to all namespaces (`exportTo: [\"*\"]`) where calls need it";
    let finding = Diagnostic::new(&code::POLICY_NOT_COPIED, message, help);
    Some(finding.at(rule.place(), "not seen by previews"))
}
