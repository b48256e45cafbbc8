//! Decides which backends of a rule become copies, and with which weights, once for all previews that affect the same
//! services. `emit` only writes the result.
//!
//! If a rule splits requests between copies and others, the copies get all of them in the same proportions: a preview
//! that answers only now and then would be a silent fallback. So the backends of a rule are either all copies, or
//! none of them is. The targets of mirrors stay.

use super::planner::planner;
use crate::model::route::{Reader, Route, reader};
use crate::model::{Catalog, ServiceName};
use crate::yaml::Node;

/// A rule of a route, with the backends that it has for some previews.
#[derive(Debug, Clone)]
pub(crate) struct Swapped<'a> {
    /// The rule of the original.
    pub(crate) rule: &'a Node,
    /// Its backends, in order. If some are copies, the others are left out. Equal ones are merged.
    pub(crate) backends: Vec<Backend<'a>>,
}

/// A backend of a rule.
#[derive(Debug, Clone)]
pub(crate) struct Backend<'a> {
    /// The backend of the original.
    pub(crate) node: &'a Node,
    /// The copy that takes its place; `None` if it stays.
    pub(crate) copy: Option<CopyTarget<'a>>,
    /// Its weight.
    pub(crate) weight: Weight,
}

/// The copy of a service in place of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CopyTarget<'a> {
    /// The service.
    pub(crate) service: ServiceName<'a>,
    /// The only port of the service, if a destination of Istio names none: in another namespace there may be no
    /// listener to take it from.
    pub(crate) port: Option<u16>,
}

/// The weight of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// The weight of the original.
    Written,
    /// This weight.
    Settled(i64),
    /// No weight: it gets all requests.
    Whole,
}

impl<'a> Swapped<'a> {
    /// Decides about the backends of a rule.
    pub(super) fn of(
        rule: &'a Node,
        route: Route<'a>,
        catalog: &Catalog<'a>,
        is_copied: impl Fn(ServiceName<'_>) -> bool,
    ) -> Self {
        let reader = reader(route.api);
        let written = reader.backends(rule);
        let backends = written.iter().map(|node| {
            let service = reader.service(node, route.object, catalog.home);
            let service = service.filter(|name| is_copied(*name));
            let copy = service.map(|service| CopyTarget { service, port: None });
            Backend { node, copy, weight: Weight::Written }
        });
        let backends = settle(backends.collect(), reader);
        Self { rule, backends: planner(route.api).merge(backends, written.len(), catalog) }
    }

    /// Whether a copy is among its backends, and so all of them are copies.
    #[must_use]
    pub(crate) fn chooses_copy(&self) -> bool {
        self.copies().next().is_some()
    }

    /// The services whose copies are its backends.
    pub(crate) fn copies(&self) -> impl Iterator<Item = ServiceName<'a>> {
        self.backends.iter().filter_map(|backend| Some(backend.copy?.service))
    }
}

/// If there are copies and others, keeps only the copies. Their weights stay, but if all of these are 0, they get equal
/// shares.
fn settle<'a>(mut all: Vec<Backend<'a>>, reader: &dyn Reader) -> Vec<Backend<'a>> {
    let copies = all.iter().filter(|backend| backend.copy.is_some()).count();
    if copies == 0 || copies == all.len() {
        return all;
    }
    all.retain(|backend| backend.copy.is_some());
    if all.iter().all(|backend| reader.weight(backend.node) == 0) {
        all.iter_mut().for_each(|backend| backend.weight = Weight::Settled(1));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::Object;
    use crate::read::Parted;
    use crate::spec::Spec;
    use serde_json::{Value, json};

    fn object(value: Value) -> Object {
        Object::from_node(Node::from_json(value)).expect("an object")
    }

    fn service(name: &str, ports: &[u16]) -> Object {
        let ports: Vec<Value> = ports
            .iter()
            .map(|port| json!({"name": format!("http-{port}"), "port": port}))
            .collect();
        object(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": "shop"}, "spec": {"ports": ports}
        }))
    }

    /// What is decided of the backends of a rule, in the order of service, port and weight.
    fn decided(
        route: &Object,
        rule: Value,
        copied: &[&str],
    ) -> Vec<(Option<String>, Option<u16>, Weight)> {
        let users = vec![service("a", &[80]), service("b", &[80, 81])];
        let mut input = Parted { users, ..Parted::default() };
        input.users.iter_mut().enumerate().for_each(|(number, one)| one.number = number);
        let spec: Spec = serde_json::from_value(json!({"baseline": {"namespace": "shop"}}))
            .expect("a baseline is enough");
        let catalog = Catalog::new(&spec, &input, 10).expect("few services");
        let (route, rule) = (Route::of(route).expect("a route"), Node::from_json(rule));
        let swapped = Swapped::of(&rule, route, &catalog, |name| copied.contains(&name.name));
        let one = |one: &Backend<'_>| {
            let service = one.copy.map(|copy| copy.service.name.to_owned());
            (service, one.copy.and_then(|copy| copy.port), one.weight)
        };
        swapped.backends.iter().map(one).collect()
    }

    fn http_route() -> Object {
        object(json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "r", "namespace": "shop"}
        }))
    }

    fn virtual_service() -> Object {
        object(json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "v", "namespace": "shop"}
        }))
    }

    #[test]
    fn copies_get_everything_in_their_proportion() {
        let of = |weights: [i64; 3], copied: &[&str]| {
            let [a, b, c] = weights;
            let rule = json!({"backendRefs": [
                {"name": "a", "weight": a}, {"name": "b", "weight": b}, {"name": "c", "weight": c}
            ]});
            decided(&http_route(), rule, copied)
        };
        let copy = |name: &str, weight| (Some(name.to_owned()), None, weight);
        assert_eq!(of([5, 90, 5], &[]), vec![(None, None, Weight::Written); 3]);
        let two = vec![copy("a", Weight::Written), copy("c", Weight::Written)];
        assert_eq!(of([5, 90, 10], &["a", "c"]), two);
        assert_eq!(of([0, 90, 10], &["a"]), [copy("a", Weight::Settled(1))]);
        let three = ["a", "b", "c"].map(|name| copy(name, Weight::Written));
        assert_eq!(of([0, 0, 0], &["a", "b", "c"]), three);
    }

    #[test]
    fn destinations_that_differ_in_subset_and_spelling_are_one_copy() {
        let to = |host: &str, more: Value| {
            let mut destination = json!({"host": host});
            destination
                .as_object_mut()
                .expect("a map")
                .append(more.clone().as_object_mut().expect("a map"));
            destination
        };
        let rule = |a: Value, b: Value| json!({"route": [{"destination": a, "weight": 30}, {"destination": b, "weight": 70}]});
        let full = "a.shop.svc.cluster.local";
        let (v1, none) = (json!({"subset": "v1"}), json!({}));
        let of = |rule| decided(&virtual_service(), rule, &["a", "b"]);
        let copy = |name: &str, port, weight| (Some(name.to_owned()), port, weight);
        assert_eq!(
            of(rule(to("a", v1.clone()), to(full, none.clone()))),
            [copy("a", Some(80), Weight::Whole)]
        );
        let numbered = json!({"port": {"number": 80}});
        assert_eq!(
            of(rule(to("a", numbered), to("a", none.clone()))),
            [copy("a", None, Weight::Whole)]
        );
        // A service of several ports, and another one.
        let apart = of(rule(to("b", v1), to("a", none.clone())));
        assert_eq!(apart, [copy("b", None, Weight::Written), copy("a", Some(80), Weight::Written)]);
        let three = json!({"route": [
            {"destination": {"host": "a", "subset": "v1"}, "weight": 10},
            {"destination": {"host": "b"}, "weight": 20},
            {"destination": {"host": "a", "subset": "v2"}, "weight": 30}
        ]});
        assert_eq!(
            of(three),
            [copy("a", Some(80), Weight::Settled(40)), copy("b", None, Weight::Written)]
        );
    }
}
