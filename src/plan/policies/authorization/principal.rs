//! Patterns for principals, `<trust domain>/ns/<namespace>/sa/<account>`, in AuthorizationPolicies.
//!
//! [`read`] splits a pattern into what it says of the namespace of the baseline and what it says of the rest. The rest
//! can then be combined with the namespaces of previews.
//!
//! Istio takes an exact principal, a prefix (`x*`) or a suffix (`*x`).
//! See <https://istio.io/latest/docs/reference/config/security/authorization-policy/#Source>.

use crate::plan::policies::glob::matches_affix;

/// In a principal with all five parts, this stands for the mesh's own trust domain and its aliases.
const MESH_TRUST_DOMAIN: &str = "cluster.local";

/// The service accounts of a namespace that a pattern matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// No account.
    Nobody,
    /// Some accounts, or all.
    Some {
        /// A pattern that matches the principals of the trust domain, if the pattern requires one.
        trust: Option<String>,
        accounts: Accounts,
    },
    /// The accounts of trust domains with a certain suffix. No pattern can say this of another namespace.
    TrustSuffix,
}

/// Service accounts, in any namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Accounts {
    All,
    /// Accounts whose principals match this pattern.
    Matching(String),
    /// Accounts whose names have this prefix.
    WithPrefix(String),
}

/// The five parts of the principals of a namespace; `None` for parts that differ between accounts.
fn parts_of(namespace: &str) -> [Option<&str>; 5] {
    [None, Some("ns"), Some(namespace), Some("sa"), None]
}

/// Reads a pattern for the service accounts of a namespace.
pub(super) fn read(pattern: &str, namespace: &str) -> Reading {
    if let Some(suffix) = pattern.strip_prefix('*') {
        return read_suffix(suffix, namespace);
    }
    match pattern.strip_suffix('*') {
        Some(prefix) => read_prefix(prefix, namespace),
        None => read_exact(pattern, namespace),
    }
}

fn read_exact(principal: &str, namespace: &str) -> Reading {
    let parts: Vec<&str> = principal.split('/').collect();
    let fits = |(part, wanted): (&&str, Option<&str>)| wanted.is_none_or(|wanted| *part == wanted);
    if parts.len() != 5 || !parts.iter().zip(parts_of(namespace)).all(fits) {
        return Reading::Nobody;
    }
    let trust = (parts[0] != MESH_TRUST_DOMAIN).then(|| format!("{}/*", parts[0]));
    Reading::Some { trust, accounts: Accounts::Matching(format!("*/sa/{}", parts[4])) }
}

fn read_suffix(suffix: &str, namespace: &str) -> Reading {
    let parts: Vec<&str> = suffix.split('/').collect();
    let Some(missing) = 5usize.checked_sub(parts.len()) else { return Reading::Nobody };
    let wanted = parts_of(namespace);
    for (index, part) in parts.iter().enumerate() {
        let fits = wanted[missing + index].is_none_or(|wanted| match index {
            0 => wanted.ends_with(part),
            _ => wanted == *part,
        });
        if !fits {
            return Reading::Nobody;
        }
    }
    if parts.len() == 5 && !parts[0].is_empty() {
        return Reading::TrustSuffix;
    }
    let accounts = match parts.as_slice() {
        [""] => Accounts::All,
        [suffix] => Accounts::Matching(format!("*{suffix}")),
        [.., account] => Accounts::Matching(format!("*/sa/{account}")),
        [] => return Reading::Nobody,
    };
    Reading::Some { trust: None, accounts }
}

fn read_prefix(prefix: &str, namespace: &str) -> Reading {
    let parts: Vec<&str> = prefix.split('/').collect();
    if parts.len() > 5 {
        return Reading::Nobody;
    }
    let last = parts.len() - 1;
    for (index, (part, wanted)) in parts.iter().zip(parts_of(namespace)).enumerate() {
        let fits = wanted.is_none_or(|wanted| match index == last {
            true => wanted.starts_with(part),
            false => wanted == *part,
        });
        if !fits {
            return Reading::Nobody;
        }
    }
    let trust = match parts.as_slice() {
        [prefix] => Some(format!("{prefix}*")),
        [_, _, _, _, _] if parts[0] == MESH_TRUST_DOMAIN => None,
        [trust, ..] => Some(format!("{trust}/*")),
        [] => None,
    };
    let accounts = match parts.get(4) {
        None | Some(&"") => Accounts::All,
        Some(prefix) => Accounts::WithPrefix((*prefix).to_owned()),
    };
    Reading::Some { trust, accounts }
}

/// The principal of a service account.
pub(super) fn principal_of(trust: &str, namespace: &str, account: &str) -> String {
    format!("{trust}/ns/{namespace}/sa/{account}")
}

/// Whether a pattern matches the principal of a caller.
pub(super) fn matches(pattern: &str, principal: &str) -> bool {
    let rest = pattern.strip_prefix(MESH_TRUST_DOMAIN).and_then(|rest| rest.strip_prefix('/'));
    match rest.filter(|rest| rest.matches('/').count() == 3) {
        // Istio replaces the trust domain by all aliases of the mesh's own.
        Some(rest) => matches_affix(rest, principal.split_once('/').map_or("", |(_, rest)| rest)),
        None => matches_affix(pattern, principal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(trust: Option<&str>, accounts: Accounts) -> Reading {
        Reading::Some { trust: trust.map(str::to_owned), accounts }
    }

    fn matching(pattern: &str) -> Accounts {
        Accounts::Matching(pattern.to_owned())
    }

    #[test]
    fn a_principal_keeps_what_it_says_besides_the_namespace() {
        for (principal, wanted) in [
            ("cluster.local/ns/shop/sa/web", some(None, matching("*/sa/web"))),
            ("mesh.example/ns/shop/sa/web", some(Some("mesh.example/*"), matching("*/sa/web"))),
            ("cluster.local/ns/edge/sa/web", Reading::Nobody),
            ("shop/sa/web", Reading::Nobody),
            ("*", some(None, Accounts::All)),
            ("*/sa/web", some(None, matching("*/sa/web"))),
            ("*/ns/shop/sa/web", some(None, matching("*/sa/web"))),
            ("*p/sa/web", some(None, matching("*/sa/web"))),
            ("*x/sa/web", Reading::Nobody),
            ("*eb", some(None, matching("*eb"))),
            ("*local/ns/shop/sa/web", Reading::TrustSuffix),
            ("cluster.local/*", some(Some("cluster.local/*"), Accounts::All)),
            ("cluster.local/ns/shop/*", some(Some("cluster.local/*"), Accounts::All)),
            ("cluster.local/ns/shop/sa/*", some(None, Accounts::All)),
            ("cluster.local/ns/sho*", some(Some("cluster.local/*"), Accounts::All)),
            ("cluster.local/ns/shopping/*", Reading::Nobody),
            ("clu*", some(Some("clu*"), Accounts::All)),
            ("cluster.local/ns/shop/sa/we*", some(None, Accounts::WithPrefix("we".to_owned()))),
        ] {
            assert_eq!(read(principal, "shop"), wanted, "{principal}");
        }
    }

    #[test]
    fn the_trust_domain_of_the_cluster_means_that_of_the_mesh() {
        let web = principal_of("mesh.example", "shop", "web");
        let matches = |pattern: &str| matches(pattern, &web);
        assert!(matches("cluster.local/ns/shop/sa/web"));
        assert!(matches("mesh.example/ns/shop/*") && matches("*/sa/web") && matches("*"));
        assert!(!matches("cluster.local/ns/*") && !matches("cluster.local/ns/shop/sa/reco"));
    }
}
