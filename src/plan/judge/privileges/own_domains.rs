//! The domains of the team: those of the hosts at which users reach the baseline and its previews.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use crate::kube::{Object, RouteApi};
use crate::model::Catalog;
use crate::model::route::reader;
use crate::spec::Spec;
use crate::yaml::Node;

/// Names that nobody can buy (RFC 2606, RFC 6762, RFC 9476 and ICANN's `internal`), so that no vendor has them.
const RESERVED: &[&str] = &[
    "example.com",
    "example.net",
    "example.org",
    "alt",
    "example",
    "internal",
    "invalid",
    "local",
    "localhost",
    "test",
];

/// The domains of the team. They are collected when the first key with another domain is judged.
#[derive(Debug, Default)]
pub(crate) struct OwnDomains<'a> {
    input: Option<(&'a Spec, &'a Catalog<'a>)>,
    found: OnceLock<BTreeSet<String>>,
}

impl<'a> OwnDomains<'a> {
    pub(crate) fn new(spec: &'a Spec, catalog: &'a Catalog<'a>) -> Self {
        Self { input: Some((spec, catalog)), found: OnceLock::new() }
    }

    /// Whether a domain, or one above it, is the team's.
    pub(super) fn has(&self, domain: &str) -> bool {
        let mut above = domain.match_indices('.').map(|(at, _)| &domain[at + 1..]);
        let is_it = |name: &str| RESERVED.contains(&name) || self.found().contains(name);
        is_it(domain) || above.any(is_it)
    }

    fn found(&self) -> &BTreeSet<String> {
        self.found.get_or_init(|| {
            let Some((spec, catalog)) = self.input else { return BTreeSet::new() };
            let entries = spec.routing.entries.iter().map(|entry| entry.host.as_str());
            let routes = catalog.objects().flat_map(hosts);
            entries.chain(routes).filter_map(registered).map(str::to_owned).collect()
        })
    }
}

/// The hosts of an object that publishes something. VirtualServices and Gateways of Istio also have hosts of others,
/// which the baseline calls.
fn hosts(object: &Object) -> Vec<&str> {
    match RouteApi::of(object) {
        Some(RouteApi::GatewayApi) => reader(RouteApi::GatewayApi).hosts(object),
        None if object.is("networking.k8s.io", "Ingress") => {
            let rules: &[Node] = object.node.items_at(&["spec", "rules"]);
            rules.iter().filter_map(|rule| rule.text_at(&["host"])).collect()
        }
        Some(RouteApi::Istio) | None => Vec::new(),
    }
}

/// The part of a host that somebody registered, as a rule: the last two labels, or three of `shop.co.uk`.
fn registered(host: &str) -> Option<&str> {
    let labels: Vec<&str> = host.rsplit('.').collect();
    let is_country = |label: &str| label.len() == 2;
    let is_public =
        |label: &str| matches!(label, "ac" | "co" | "com" | "edu" | "gov" | "net" | "org");
    let several = match labels[..] {
        [country, second, _, ..] if is_country(country) && is_public(second) => 3,
        [_, _, ..] => 2,
        _ => return None,
    };
    let length = labels[..several].iter().map(|label| label.len() + 1).sum::<usize>() - 1;
    let domain = &host[host.len() - length..];
    let is_domain =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    domain.chars().all(is_domain).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_of_a_host_is_what_somebody_registered() {
        for (host, domain) in [
            ("shop.acme.io", Some("acme.io")),
            ("acme.io", Some("acme.io")),
            ("*.shop.acme.co.uk", Some("acme.co.uk")),
            ("{preview}.preview.acme.io", Some("acme.io")),
            ("{preview}.{host}", None),
            ("cart", None),
        ] {
            assert_eq!(registered(host), domain, "{host}");
        }
    }

    #[test]
    fn names_that_nobody_can_buy_are_of_the_team() {
        let own = OwnDomains::default();
        for domain in ["example.com", "platform.example.com", "shop.internal", "acme.test"] {
            assert!(own.has(domain), "{domain}");
        }
        for domain in ["acme.io", "notexample.com", "example.com.acme.io"] {
            assert!(!own.has(domain), "{domain}");
        }
    }
}
