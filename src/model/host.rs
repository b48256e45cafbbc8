//! Host names of services, completed as Istio does.
//!
//! Only a host without a dot is completed, with the namespace of the object that writes it: `cart.shop` is a host of
//! exactly that name, which is in no registry.

use std::fmt::{Display, Formatter};

use crate::kube::Object;

/// The full host name of a service.
#[must_use]
pub(crate) fn service_host(service: &str, namespace: &str, domain: &str) -> String {
    format!("{service}.{namespace}.svc.{domain}")
}

/// The domain of the services of a namespace.
#[must_use]
pub(crate) fn services_domain(namespace: &str, domain: &str) -> String {
    format!("{namespace}.svc.{domain}")
}

/// The name of a service of the baseline, or of a workload without one, with its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ServiceName<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
}

/// The name alone. Messages that could be about two services name the object instead.
impl Display for ServiceName<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        self.name.fmt(f)
    }
}

/// The baseline's namespaces and the domain of the cluster, which tell hosts of its services from others.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Home<'a> {
    /// The baseline's namespaces.
    pub(crate) namespaces: &'a [String],
    /// The domain of the cluster.
    pub(crate) domain: &'a str,
}

impl<'a> Home<'a> {
    /// Whether this is a namespace of the baseline.
    #[must_use]
    pub(crate) fn includes(&self, namespace: &str) -> bool {
        self.namespaces.iter().any(|one| one == namespace)
    }

    /// The service with this name and namespace, if the namespace is the baseline's.
    #[must_use]
    pub(crate) fn service<'h>(&self, name: &'h str, namespace: &str) -> Option<ServiceName<'h>>
    where
        'a: 'h,
    {
        let namespace = self.namespaces.iter().find(|one| *one == namespace)?;
        Some(ServiceName { name, namespace })
    }

    /// The full host name of a service of the baseline.
    #[must_use]
    pub(crate) fn host(&self, service: ServiceName<'_>) -> String {
        service_host(service.name, service.namespace, self.domain)
    }

    /// The full name of a host in an object of this namespace.
    #[must_use]
    pub(crate) fn full_host(&self, host: &str, namespace: &str) -> String {
        let is_short = !host.contains(['.', ':']) && !host.starts_with('*');
        if is_short { service_host(host, namespace, self.domain) } else { host.to_owned() }
    }

    /// The service of the baseline that a host in an object means.
    #[must_use]
    pub(crate) fn service_of<'h>(&self, host: &'h str, writer: &Object) -> Option<ServiceName<'h>>
    where
        'a: 'h,
    {
        if !host.contains('.') {
            return self.service(host, &writer.id.namespace);
        }
        let name = host.strip_suffix(self.domain)?.strip_suffix(".svc.")?;
        let (name, namespace) = name.split_once('.')?;
        self.service(name, namespace)
    }

    /// The service of the baseline that a DNS resolver would find for a host, but Istio does not.
    #[must_use]
    pub(crate) fn mistaken_service_of<'h>(
        &self,
        host: &'h str,
        writer: &Object,
    ) -> Option<ServiceName<'h>>
    where
        'a: 'h,
    {
        let mut labels = host.split('.');
        let (name, namespace) = (labels.next()?, labels.next()?);
        let service = self.service(name, namespace)?;
        let like_a_service = labels.next().is_none_or(|l| l == "svc");
        (like_a_service && self.service_of(host, writer).is_none()).then_some(service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Node;
    use serde_json::json;

    fn home(namespaces: &[String]) -> Home<'_> {
        Home { namespaces, domain: "cluster.local" }
    }

    fn writer(namespace: &str) -> Object {
        let node = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "cart", "namespace": namespace}
        });
        Object::from_node(Node::from_json(node)).expect("an object")
    }

    #[test]
    fn only_a_host_without_a_dot_is_completed() {
        let home = home(&[]);
        assert_eq!(home.full_host("cart", "shop"), "cart.shop.svc.cluster.local");
        for host in
            ["cart.shop", "cart.shop.svc", "api.example.com", "*.shop.svc.cluster.local", "*"]
        {
            assert_eq!(home.full_host(host, "shop"), host);
        }
    }

    #[test]
    fn a_host_is_a_service_where_the_mesh_knows_it() {
        let shop = ["shop".to_owned()];
        let (inside, outside, home) = (writer("shop"), writer("other"), home(&shop));
        let cart = Some(ServiceName { name: "cart", namespace: "shop" });
        assert_eq!(home.service_of("cart.shop.svc.cluster.local", &outside), cart);
        assert_eq!(home.service_of("cart", &inside), cart);
        assert_eq!(home.service_of("cart", &outside), None);
        for host in [
            "cart.shop",
            "cart.shop.svc",
            "cart.shop.svc.cluster.local.",
            "cart.shop.svc.corp.internal",
        ] {
            assert_eq!(home.service_of(host, &inside), None, "{host}");
            assert_eq!(home.mistaken_service_of(host, &inside), cart, "{host}");
        }
        for host in
            ["cart", "cart.shop.svc.cluster.local", "cart.shop.example.com", "cart.other.svc"]
        {
            assert_eq!(home.mistaken_service_of(host, &inside), None, "{host}");
        }
        assert_eq!(home.service_of("a.cart.shop.svc.cluster.local", &inside), None);
        let corp = Home { domain: "corp.internal", ..home };
        assert_eq!(corp.service_of("cart.shop.svc.corp.internal", &inside), cart);
    }

    #[test]
    fn a_short_host_is_of_the_namespace_of_who_writes_it() {
        let both = ["shop", "pay"].map(str::to_owned);
        let home = home(&both);
        let of = |namespace| ServiceName { name: "cart", namespace };
        assert_eq!(home.service_of("cart", &writer("pay")), Some(of("pay")));
        let host = "cart.pay.svc.cluster.local";
        assert_eq!(home.service_of(host, &writer("shop")), Some(of("pay")));
        assert_eq!(home.host(of("pay")), host);
    }
}
