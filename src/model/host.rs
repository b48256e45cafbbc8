//! Host names of services, as Istio completes them.
//!
//! Only a host without a dot is completed, with the namespace of the object it stands in: `cart.shop`
//! is a host of that very name, which is in no registry.

use std::borrow::Cow;

use crate::kube::Object;

/// The full host name of a service.
#[must_use]
pub(crate) fn service_host(service: &str, namespace: &str, domain: &str) -> String {
    format!("{service}.{namespace}.svc.{domain}")
}

/// The domain that the services of a namespace have their names in.
#[must_use]
pub(crate) fn services_domain(namespace: &str, domain: &str) -> String {
    format!("{namespace}.svc.{domain}")
}

/// Where the services of the baseline are: what tells their hosts from others.
#[derive(Debug, Clone, Copy, Default)]
pub struct Home<'a> {
    /// The baseline's namespace.
    pub namespace: &'a str,
    /// The domain of the cluster.
    pub domain: &'a str,
}

impl Home<'_> {
    /// The full host name of a service of the baseline.
    #[must_use]
    pub fn host(&self, service: &str) -> String {
        service_host(service, self.namespace, self.domain)
    }

    /// The full name of a host that an object of this namespace writes.
    #[must_use]
    pub fn full_host(&self, host: &str, namespace: &str) -> String {
        let is_short = !host.contains(['.', ':']) && !host.starts_with('*');
        if is_short { service_host(host, namespace, self.domain) } else { host.to_owned() }
    }

    /// The service of the baseline that a host means which an object writes.
    #[must_use]
    pub fn service_of<'h>(&self, host: &'h str, writer: &Object) -> Option<&'h str> {
        if !host.contains('.') {
            return (writer.id.namespace == self.namespace).then_some(host);
        }
        let name = host.strip_suffix(self.domain)?.strip_suffix(".svc.")?;
        name.strip_suffix(self.namespace)?.strip_suffix('.').filter(|name| !name.contains('.'))
    }

    /// The service of the baseline that a VirtualService speaks for by one of its hosts: Istio reads these in
    /// any case, and destinations as they are written.
    #[must_use]
    pub fn service_routed<'h>(&self, host: &'h str, writer: &Object) -> Option<Cow<'h, str>> {
        if !host.contains(|c: char| c.is_ascii_uppercase()) {
            return self.service_of(host, writer).map(Cow::Borrowed);
        }
        let host = host.to_ascii_lowercase();
        Some(Cow::Owned(self.service_of(&host, writer)?.to_owned()))
    }

    /// The service of the baseline that a host would mean to a resolver, but does not mean to Istio.
    #[must_use]
    pub fn mistaken_service_of<'h>(&self, host: &'h str, writer: &Object) -> Option<&'h str> {
        let mut labels = host.split('.');
        let (name, namespace) = (labels.next()?, labels.next()?);
        let like_a_service =
            namespace == self.namespace && labels.next().is_none_or(|l| l == "svc");
        (like_a_service && self.service_of(host, writer).is_none()).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Node;
    use serde_json::json;

    const HOME: Home<'_> = Home { namespace: "shop", domain: "cluster.local" };

    fn writer(namespace: &str) -> Object {
        let node = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "cart", "namespace": namespace}
        });
        Object::from_node(Node::from_json(node)).expect("an object")
    }

    #[test]
    fn only_a_host_without_a_dot_is_completed() {
        assert_eq!(HOME.full_host("cart", "shop"), "cart.shop.svc.cluster.local");
        for host in
            ["cart.shop", "cart.shop.svc", "api.example.com", "*.shop.svc.cluster.local", "*"]
        {
            assert_eq!(HOME.full_host(host, "shop"), host);
        }
    }

    #[test]
    fn a_host_is_a_service_where_the_mesh_knows_it() {
        let (inside, outside) = (writer("shop"), writer("other"));
        assert_eq!(HOME.service_of("cart.shop.svc.cluster.local", &outside), Some("cart"));
        assert_eq!(HOME.service_of("cart", &inside), Some("cart"));
        assert_eq!(HOME.service_of("cart", &outside), None);
        for host in [
            "cart.shop",
            "cart.shop.svc",
            "cart.shop.svc.cluster.local.",
            "cart.shop.svc.corp.internal",
        ] {
            assert_eq!(HOME.service_of(host, &inside), None, "{host}");
            assert_eq!(HOME.mistaken_service_of(host, &inside), Some("cart"), "{host}");
        }
        for host in
            ["cart", "cart.shop.svc.cluster.local", "cart.shop.example.com", "cart.other.svc"]
        {
            assert_eq!(HOME.mistaken_service_of(host, &inside), None, "{host}");
        }
        // Hosts that are routed may be in any case, destinations not.
        for host in ["CART", "Cart.shop.SVC.cluster.local"] {
            assert_eq!(HOME.service_routed(host, &inside).as_deref(), Some("cart"), "{host}");
            let named = HOME.service_of(host, &inside);
            assert!(named.is_none_or(|name| name == host), "{host}");
        }
        assert_eq!(HOME.service_routed("CART", &outside), None);
        let corp = Home { domain: "corp.internal", ..HOME };
        assert_eq!(corp.service_of("cart.shop.svc.corp.internal", &inside), Some("cart"));
    }
}
