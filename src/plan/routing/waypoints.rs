//! Reports services in ambient mode that no waypoint serves. Nothing follows their routes then: a call goes straight to
//! the baseline's pods, whatever key it has, and no status of a route says so.
//! See <https://istio.io/latest/docs/ambient/usage/waypoint/>.

use std::collections::BTreeMap;

use super::RouteIndex;
use crate::diagnostic::{Diagnostic, Place, Report, code, first_of};
use crate::model::waypoint::{USE_WAYPOINT, Waypoint, WaypointName, of_namespace};
use crate::model::{Mesh, Service};

/// How many services a finding names; the others are counted.
const SHOWN: usize = 5;

/// Why no waypoint reads the routes of a service, or why that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause<'a> {
    /// Neither the Service nor its Namespace names a waypoint.
    Unlabelled,
    /// A label says that there is none.
    OptedOut,
    /// The waypoint does not take it.
    Refused(WaypointName<'a>),
    /// The Namespace, which may name one, is not in the input.
    Unknown,
    /// The waypoint is not in the input.
    Elsewhere(WaypointName<'a>),
}

/// Services whose routes are not read, or perhaps not, by namespace and cause. Each has the place that shows the cause.
#[derive(Debug, Default)]
pub(super) struct Unread<'a>(BTreeMap<(&'a str, Cause<'a>), Vec<(&'a str, Place)>>);

impl<'a> RouteIndex<'a, '_> {
    /// Whether a waypoint reads the routes of a service. If not, or if that is not known, notes the cause in `unread`.
    /// If no preview changes the service, only warns that its routes have no effect, which is so without previews too.
    pub(super) fn is_read(
        &self,
        service: &'a Service<'a>,
        unread: &mut Unread<'a>,
        report: &mut Report,
    ) -> bool {
        if self.catalog.mesh != Mesh::Ambient {
            return true;
        }
        let cause = self.cause(service);
        let sure = cause.is_some_and(|(cause, _)| {
            matches!(cause, Cause::Unlabelled | Cause::OptedOut | Cause::Refused(_))
        });
        if !self.is_previewed(service.id()) && (sure || service.headless) {
            report.extend(self.unread_route(service));
            return false;
        }
        if let Some((cause, place)) = cause {
            unread
                .0
                .entry((service.id().namespace, cause))
                .or_default()
                .push((service.name(), place));
        }
        !sure && !service.headless
    }

    fn cause(&self, service: &Service<'a>) -> Option<(Cause<'a>, Place)> {
        let place = service.object.place();
        match Waypoint::of(self.catalog, service.object) {
            Waypoint::Unlabelled => Some((Cause::Unlabelled, place)),
            Waypoint::OptedOut(label) => Some((Cause::OptedOut, label.place)),
            Waypoint::Unknown => Some((Cause::Unknown, place)),
            Waypoint::Named(named) => {
                match named.refusal(self.catalog, &service.object.id.namespace) {
                    Some(refusal) => Some((Cause::Refused(named), refusal.node.place)),
                    None if named.gateway(self.catalog).is_none() => {
                        Some((Cause::Elsewhere(named), place))
                    }
                    None => None,
                }
            }
        }
    }

    /// The warning that a route of the user for a service without waypoint is not followed.
    fn unread_route(&self, service: &Service<'a>) -> Option<Diagnostic> {
        let route = self.routes_of(service.id()).next()?;
        let message = format!(
            "{} is for {}, which no waypoint serves, so the mesh does not follow it",
            route.id,
            service.name()
        );
        let help = format!(
            "label the Service `{USE_WAYPOINT}`: previews are made as if it were not there"
        );
        let finding = Diagnostic::new(&code::ROUTE_IGNORED, message, help);
        Some(finding.at(route.place(), "is read by nobody"))
    }

    /// Reports these services, with one finding for each namespace and cause.
    pub(super) fn report_unread(&self, unread: &Unread<'a>, report: &mut Report) {
        for ((home, cause), services) in &unread.0 {
            report.push(self.unread(home, *cause, services));
        }
    }

    fn unread(&self, home: &str, cause: Cause<'a>, services: &[(&str, Place)]) -> Diagnostic {
        let names = first_of(SHOWN, ", ", services.iter().map(|(name, _)| name));
        let none = format!("no waypoint reads the routes of {names}");
        let is_sure = !matches!(cause, Cause::Unknown | Cause::Elsewhere(_));
        let (message, help, label) = match cause {
            Cause::Unlabelled => (
                format!("{none}: neither Service nor Namespace/{home} has the label `{USE_WAYPOINT}`"),
                self.add_waypoint(home, services),
                "has no waypoint",
            ),
            Cause::OptedOut => (
                format!("{none}: the label `{USE_WAYPOINT}` says that there is none"),
                "name a waypoint in that label, or take it off where the Namespace names one; or set \
                 `unrouted: true` in spec.services"
                    .to_owned(),
                "opts out",
            ),
            Cause::Refused(named) => {
                let refusal = named.refusal(self.catalog, home);
                let (why, help) = refusal.map(|one| (one.why, one.help)).unwrap_or_default();
                let message = format!("{none}: `{USE_WAYPOINT}` names {named}, which {why}");
                (message, help.to_owned(), "for this reason")
            }
            Cause::Unknown => (
                format!(
                    "whether a waypoint reads the routes of {names} is not known: Namespace/{home}, which may have \
                     the label `{USE_WAYPOINT}`, is not in the input"
                ),
                "pass the Namespace with --baseline, or label the Services".to_owned(),
                "names no waypoint itself",
            ),
            Cause::Elsewhere(named) => (
                format!("{named}, the waypoint of {names} by the label `{USE_WAYPOINT}`, is not in the input"),
                "pass it with --baseline, or see to it that it is in the cluster: without it nobody reads routes"
                    .to_owned(),
                "is served by it",
            ),
        };
        let code = if is_sure { &code::NO_WAYPOINT } else { &code::WAYPOINT_UNKNOWN };
        let mut places: Vec<Place> = services.iter().map(|(_, place)| *place).collect();
        places.dedup();
        let finding = Diagnostic::new(code, message, help);
        let first = places.first().copied().unwrap_or_default();
        let others = places.into_iter().skip(1).take(SHOWN - 1);
        others.fold(finding.at(first, label), |finding, place| finding.also(place, "so does this"))
    }

    /// How services without a waypoint get one.
    fn add_waypoint(&self, home: &str, services: &[(&str, Place)]) -> String {
        let there = of_namespace(self.catalog, home).next();
        let name = there.map_or("waypoint", |gateway| gateway.id.name.as_str());
        let add = match there {
            Some(_) => String::new(),
            None => format!(
                " and add a Gateway `{name}` of `gatewayClassName: istio-waypoint` with a listener for HBONE at port \
                 15008, as `istioctl waypoint generate --namespace {home}` prints it"
            ),
        };
        let first = services.first().map(|(name, _)| *name).unwrap_or_default();
        format!(
            "label Namespace/{home} or Service/{first} `{USE_WAYPOINT}: {name}`{add}; or set `unrouted: true` in \
             spec.services"
        )
    }
}
