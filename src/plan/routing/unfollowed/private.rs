//! Reports rules for callers of the baseline's namespace only: they do not apply to copies in a preview's namespace.

use super::super::RouteIndex;
use super::super::planner::planner;
use crate::diagnostic::{Diagnostic, Place, code, first_of};
use crate::kube::Object;
use crate::kube::istio::{EXPORT_ANNOTATION, GROUP};
use crate::model::ServiceName;
use crate::model::route::Route;
use crate::model::route::istio::visibility;
use crate::yaml::Node;

/// How many objects a finding names; the others are counted.
const SHOWN: usize = 5;

impl RouteIndex<'_, '_> {
    /// One finding about all rules for the baseline's namespaces alone.
    pub(super) fn private_rules(&self) -> Option<Diagnostic> {
        let all = self.catalog.objects();
        let private: Vec<(&Object, Place)> =
            all.filter_map(|object| Some((object, self.private(object)?.place))).collect();
        let (first, others) = private.split_first()?;
        let names = private.iter().map(|(object, _)| object.id.to_string());
        let message = format!(
            "rules that apply only to callers in the baseline's namespace do not apply to copies: {}",
            first_of(SHOWN, ", ", names)
        );
        let help = "nothing to do, unless a copy needs them: then set `exportTo` to `*`, and match no \
                    `sourceNamespace`";
        let label = "applies to the baseline's callers";
        let finding = Diagnostic::new(&code::ONE_NAMESPACE, message, help).at(first.1, label);
        let shown = others.iter().take(SHOWN - 1);
        Some(shown.fold(finding, |finding, (_, place)| finding.also(*place, "so does this")))
    }

    /// The warning that routes of services are not attached to copies, because no waypoint would read them there.
    pub(in super::super) fn not_attached(&self) -> Option<Diagnostic> {
        let services = self.affecting.keys().filter(|name| self.catalog.service(**name).is_some());
        let routed = services.filter_map(|&name| {
            let followed = self.apis.iter().filter(|(api, _)| self.catalog.mesh.follows(*api));
            let mut routes = followed.flat_map(|(_, routes)| routes.at_home(name));
            routes.next().map(|route| (name.name, route.place()))
        });
        let routed: Vec<(&str, Place)> = routed.collect();
        let names = first_of(SHOWN, ", ", routed.iter().map(|(name, _)| name));
        let message = format!(
            "calls inside a preview do not follow the routes of {names}: no waypoint serves the preview"
        );
        let help = "nothing to do where these routes only choose backends; a path that they rewrite or a header that they \
                    set is missing there, unless the copy is called by its name in the baseline's namespace";
        let finding = Diagnostic::new(&code::ROUTE_NOT_ATTACHED, message, help);
        let mut places = routed.into_iter().map(|(_, place)| place).take(SHOWN);
        let finding = finding.at(places.next()?, "applies to calls of the baseline");
        Some(places.fold(finding, |finding, place| finding.also(place, "so does this")))
    }

    /// The field that limits an object to the baseline's namespaces.
    fn private<'o>(&self, object: &'o Object) -> Option<&'o Node> {
        let home = self.catalog.home;
        if let Some(route) = Route::of(object) {
            return planner(route.api).private(self, object);
        }
        if object.is(GROUP, "ServiceEntry") {
            let node = object.node.at(&["spec", "exportTo"]);
            return node.filter(|_| visibility(object).is_private(home));
        }
        let name = home.service(&object.id.name, &object.id.namespace);
        let service = name.filter(|_| object.is("", "Service"));
        let concerned = service.is_some_and(|service| self.is_called(service));
        let node = object.node.at(&["metadata", "annotations", EXPORT_ANNOTATION]);
        node.filter(|node| {
            let written = node.text().unwrap_or_default();
            concerned && !written.is_empty() && !written.split(',').any(|to| to.trim() == "*")
        })
    }

    /// Whether some preview calls the baseline's service and not a copy of its own.
    fn is_called(&self, service: ServiceName<'_>) -> bool {
        self.affecting.get(&service).map_or(0, Vec::len) < self.environments.len()
    }

    /// Whether copies can call a service of a VirtualService in the baseline. If every preview has copies of all of
    /// these services, the rules are attached to the copies.
    pub(in super::super) fn is_met_by_copies(&self, object: &Object) -> bool {
        let mut services = self.services_of_hosts(object).peekable();
        services.peek().is_none() || services.any(|name| self.is_called(name))
    }
}
