//! Principals of policies, `<trust domain>/ns/<namespace>/sa/<account>`, read for the accounts of one namespace: what
//! stays of them once the namespace may be that of any preview.
//!
//! Istio compares a principal with an exact text, with the beginning of one (`x*`) or with its end (`*x`).
//! See <https://istio.io/latest/docs/reference/config/security/authorization-policy/#Source>.

/// The trust domain that stands for the mesh's own, and its aliases, in a principal with all five parts.
const OWN_TRUST: &str = "cluster.local";

/// Which accounts of a namespace a principal means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// None of them.
    Nobody,
    /// Some of them, or all.
    Some {
        /// A principal that all of the trust domain have, where one is named.
        trust: Option<String>,
        /// Which accounts.
        accounts: Accounts,
    },
    /// Those of trust domains that end with some text. No pattern says that of accounts of another namespace.
    TrustWithEnd,
}

/// Accounts, whatever their namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Accounts {
    All,
    /// Those whose principals fit this one.
    Fitting(String),
    /// Those whose names begin so.
    BeginningWith(String),
}

/// What the five parts of the principals of a namespace have to be; none for those that differ.
fn parts_of(namespace: &str) -> [Option<&str>; 5] {
    [None, Some("ns"), Some(namespace), Some("sa"), None]
}

/// Reads a principal for the accounts of a namespace.
pub(super) fn read(principal: &str, namespace: &str) -> Reading {
    if let Some(end) = principal.strip_prefix('*') {
        return read_end(end, namespace);
    }
    match principal.strip_suffix('*') {
        Some(beginning) => read_beginning(beginning, namespace),
        None => read_exact(principal, namespace),
    }
}

fn read_exact(principal: &str, namespace: &str) -> Reading {
    let parts: Vec<&str> = principal.split('/').collect();
    let fits = |(part, wanted): (&&str, Option<&str>)| wanted.is_none_or(|wanted| *part == wanted);
    if parts.len() != 5 || !parts.iter().zip(parts_of(namespace)).all(fits) {
        return Reading::Nobody;
    }
    let trust = (parts[0] != OWN_TRUST).then(|| format!("{}/*", parts[0]));
    Reading::Some { trust, accounts: Accounts::Fitting(format!("*/sa/{}", parts[4])) }
}

fn read_end(end: &str, namespace: &str) -> Reading {
    let parts: Vec<&str> = end.split('/').collect();
    let Some(before) = 5usize.checked_sub(parts.len()) else { return Reading::Nobody };
    let wanted = parts_of(namespace);
    for (index, part) in parts.iter().enumerate() {
        let fits = wanted[before + index].is_none_or(|wanted| match index {
            0 => wanted.ends_with(part),
            _ => wanted == *part,
        });
        if !fits {
            return Reading::Nobody;
        }
    }
    if parts.len() == 5 && !parts[0].is_empty() {
        return Reading::TrustWithEnd;
    }
    let accounts = match parts.as_slice() {
        [""] => Accounts::All,
        [end] => Accounts::Fitting(format!("*{end}")),
        [.., account] => Accounts::Fitting(format!("*/sa/{account}")),
        [] => return Reading::Nobody,
    };
    Reading::Some { trust: None, accounts }
}

fn read_beginning(beginning: &str, namespace: &str) -> Reading {
    let parts: Vec<&str> = beginning.split('/').collect();
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
        [beginning] => Some(format!("{beginning}*")),
        [_, _, _, _, _] if parts[0] == OWN_TRUST => None,
        [trust, ..] => Some(format!("{trust}/*")),
        [] => None,
    };
    let accounts = match parts.get(4) {
        None | Some(&"") => Accounts::All,
        Some(beginning) => Accounts::BeginningWith((*beginning).to_owned()),
    };
    Reading::Some { trust, accounts }
}

/// The principal of an account.
pub(super) fn principal_of(trust: &str, namespace: &str, account: &str) -> String {
    format!("{trust}/ns/{namespace}/sa/{account}")
}

/// Whether a principal of a policy means the caller with this one.
pub(super) fn means(principal: &str, of_caller: &str) -> bool {
    if let Some(rest) = principal.strip_prefix(OWN_TRUST).and_then(|rest| rest.strip_prefix('/'))
        && rest.matches('/').count() == 3
    {
        // Aliases are put in place of the trust domain before the rest is compared.
        return is_like(rest, of_caller.split_once('/').map_or("", |(_, rest)| rest));
    }
    is_like(principal, of_caller)
}

fn is_like(pattern: &str, text: &str) -> bool {
    if let Some(end) = pattern.strip_prefix('*') {
        return text.ends_with(end);
    }
    pattern.strip_suffix('*').map_or(pattern == text, |beginning| text.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(trust: Option<&str>, accounts: Accounts) -> Reading {
        Reading::Some { trust: trust.map(str::to_owned), accounts }
    }

    fn fitting(pattern: &str) -> Accounts {
        Accounts::Fitting(pattern.to_owned())
    }

    #[test]
    fn a_principal_keeps_what_it_says_besides_the_namespace() {
        for (principal, wanted) in [
            ("cluster.local/ns/shop/sa/web", some(None, fitting("*/sa/web"))),
            ("mesh.example/ns/shop/sa/web", some(Some("mesh.example/*"), fitting("*/sa/web"))),
            ("cluster.local/ns/edge/sa/web", Reading::Nobody),
            ("shop/sa/web", Reading::Nobody),
            ("*", some(None, Accounts::All)),
            ("*/sa/web", some(None, fitting("*/sa/web"))),
            ("*/ns/shop/sa/web", some(None, fitting("*/sa/web"))),
            ("*p/sa/web", some(None, fitting("*/sa/web"))),
            ("*x/sa/web", Reading::Nobody),
            ("*eb", some(None, fitting("*eb"))),
            ("*local/ns/shop/sa/web", Reading::TrustWithEnd),
            ("cluster.local/*", some(Some("cluster.local/*"), Accounts::All)),
            ("cluster.local/ns/shop/*", some(Some("cluster.local/*"), Accounts::All)),
            ("cluster.local/ns/shop/sa/*", some(None, Accounts::All)),
            ("cluster.local/ns/sho*", some(Some("cluster.local/*"), Accounts::All)),
            ("cluster.local/ns/shopping/*", Reading::Nobody),
            ("clu*", some(Some("clu*"), Accounts::All)),
            ("cluster.local/ns/shop/sa/we*", some(None, Accounts::BeginningWith("we".to_owned()))),
        ] {
            assert_eq!(read(principal, "shop"), wanted, "{principal}");
        }
    }

    #[test]
    fn the_trust_domain_of_the_cluster_means_that_of_the_mesh() {
        let web = principal_of("mesh.example", "shop", "web");
        let means = |principal: &str| means(principal, &web);
        assert!(means("cluster.local/ns/shop/sa/web"));
        assert!(means("mesh.example/ns/shop/*") && means("*/sa/web") && means("*"));
        assert!(!means("cluster.local/ns/*") && !means("cluster.local/ns/shop/sa/reco"));
    }
}
