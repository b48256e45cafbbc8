//! Warns of cloned VirtualServices that the Gateway of an entry may not see. A clone is visible to the namespaces that
//! see the original, and to no others.
//!
//! A Gateway follows a VirtualService only if the namespace of the Gateway's pods sees it. No object of the input says
//! where these pods run.

use super::Planned;
use crate::diagnostic::{Diagnostic, Report, code, some_of};
use crate::model::route::{Route, reader};
use crate::spec::Config;

/// Reports, for each entry, the VirtualServices whose clones are not visible in the namespace of its Gateway.
pub(super) fn check(config: &Config, all: &[Planned<'_>], report: &mut Report) {
    for (index, Planned { entry, ways }) in all.iter().enumerate() {
        let namespace = entry.gateway.namespace.as_str();
        let mut hidden: Vec<Route<'_>> = ways.iter().map(|way| way.route).collect();
        hidden.retain(|route| !reader(route.api).visibility(route.object).includes(namespace));
        hidden.dedup_by_key(|route| &route.object.id);
        let Some(first) = hidden.first() else {
            continue;
        };
        let message = format!(
            "`exportTo` leaves out {namespace}, the namespace of Gateway {namespace}/{}: pods of the Gateway that \
             run there see no clone of {}",
            entry.gateway.name,
            some_of(hidden.iter().map(|route| route.id.to_string()))
        );
        let help = format!(
            "add {namespace} to its `exportTo`; nothing to do where the pods run in a namespace that sees it"
        );
        let path = format!("spec.routing.entries[{index}].gateway");
        let finding: Diagnostic = config.finding(&code::ENTRY_NOT_CLONED, path, message, help);
        let node = first.object.node.at(&["spec", "exportTo"]).unwrap_or(&first.object.node);
        report.push(finding.also(node.place, "clones are seen where the original is"));
    }
}
