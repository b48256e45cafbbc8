//! Reports rules of the baseline that remove the key from requests.

use std::collections::BTreeSet;

use super::super::RouteIndex;
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::RouteApi;
use crate::model::route::reader;
use crate::yaml::Node;

impl<'a> RouteIndex<'a, '_> {
    /// Warns of rules in the mesh behind which a request has lost the key.
    pub(super) fn check_key_lost(&self, report: &mut Report) {
        if self.environments.is_empty() {
            return;
        }
        let mut seen = BTreeSet::new();
        for service in self.catalog.services() {
            for route in self.routes_of(service.id()) {
                if !seen.insert(&route.object.id) {
                    continue;
                }
                let mut changes = reader(route.api).request_changes(route.object).into_iter();
                let lost = changes.find_map(|change| self.loses_key(route.api, change));
                if let Some((node, header)) = lost {
                    let message = format!(
                        "{} changes the header `{header}`, which carries the key",
                        route.id
                    );
                    let help =
                        "leave the header alone, or know that a request leaves its preview there";
                    report.push(
                        Diagnostic::new(&code::KEY_LOST, message, help)
                            .at(node.place, "behind this rule there is no key"),
                    );
                }
            }
        }
    }

    /// The list of a header modifier that changes a header of the key, and that header.
    fn loses_key<'n>(&self, api: RouteApi, change: &'n Node) -> Option<(&'n Node, &'a str)> {
        let key = &self.config.previews.spec.routing.key;
        let baggage = (!key.baggage.is_empty()).then_some("baggage");
        [Some(key.header.as_str()), baggage].into_iter().flatten().find_map(|header| {
            ["set", "add", "remove"].into_iter().find_map(|field| {
                // Adding a member to the baggage keeps the key.
                let node = change.get(field).filter(|_| header != "baggage" || field != "add")?;
                let mut headers = api.form().headers(node).into_iter();
                let is_changed = headers.any(|(name, _)| name.eq_ignore_ascii_case(header));
                is_changed.then_some((node, header))
            })
        })
    }
}
