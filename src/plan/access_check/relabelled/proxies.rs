//! Checks what proxies require of every call to a relabelled copy, whoever the caller is: mutual TLS
//! (PeerAuthentication) and signed tokens (RequestAuthentication).

use std::collections::BTreeSet;

use super::{
    AUTHORIZATION, PEER_AUTHENTICATION, REQUEST_AUTHENTICATION, Relabelled, is_in_root_namespace,
};
use crate::diagnostic::Diagnostic;
use crate::kube::Object;
use crate::yaml::Node;

/// Findings that the copy takes calls that its original refuses.
pub(super) fn check(copy: &Relabelled<'_, '_>) -> Vec<Diagnostic> {
    plain_text(copy).into_iter().chain(tokens(copy)).collect()
}

/// The finding that a port takes calls in plain text. The first such port is named.
fn plain_text(copy: &Relabelled<'_, '_>) -> Option<Diagnostic> {
    let before = Authentication::of(copy.applied(PEER_AUTHENTICATION));
    let after = Authentication::of(copy.applied_to_copy(PEER_AUTHENTICATION));
    let ports = before.ports().chain(after.ports()).map(Some);
    let ports: BTreeSet<Option<&str>> = ports.chain([None]).collect();
    ports.into_iter().find_map(|port| {
        let policy = before.strict(port)?;
        after.strict(port).is_none().then(|| {
            let at = port.map(|port| format!(" at port {port}")).unwrap_or_default();
            let difference = format!("takes calls in plain text{at}, and its original does not");
            copy.finding(true, &difference, policy)
        })
    })
}

/// The PeerAuthentications that apply to pods. One with a selector takes precedence over one of the namespace, and that
/// over one of the mesh. Of several of the same sort, Istio takes the oldest, which the input does not show. Here the
/// first by name counts.
struct Authentication<'a> {
    /// The one with a selector.
    of_pods: Option<&'a Object>,
    /// Those of the namespace, then those of the mesh.
    of_all: Vec<&'a Object>,
}

impl<'a> Authentication<'a> {
    fn of(policies: Vec<&'a Object>) -> Self {
        // With a selector, a policy of the root namespace applies to pods of that namespace only.
        let has_selector = |policy: &&Object| {
            let labels = policy.node.at(&["spec", "selector", "matchLabels"]);
            labels.is_some_and(|labels| !labels.entries().is_empty())
        };
        let (with_selector, mut of_all): (Vec<&Object>, Vec<&Object>) =
            policies.into_iter().partition(has_selector);
        of_all.sort_by_key(|policy| is_in_root_namespace(policy));
        let of_pods = with_selector.into_iter().find(|policy| !is_in_root_namespace(policy));
        Self { of_pods, of_all }
    }

    /// The ports with a mode of their own.
    fn ports(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let ports = self.of_pods.and_then(|policy| policy.node.at(&["spec", "portLevelMtls"]));
        ports.map(Node::entries).unwrap_or_default().iter().map(|(port, _)| port.text.as_str())
    }

    /// The policy that sets the mode STRICT for a port; without a port, for ports without a mode of their own.
    fn strict(&self, port: Option<&str>) -> Option<&'a Object> {
        let mode_at = |policy: &'a Object, path: &[&str]| {
            let mode = policy.node.text_at(path).filter(|mode| *mode != "UNSET");
            mode.map(|mode| (policy, mode))
        };
        let of_port = || mode_at(self.of_pods?, &["spec", "portLevelMtls", port?, "mode"]);
        let of_policy = || {
            let mut policies = self.of_pods.into_iter().chain(self.of_all.iter().copied());
            policies.find_map(|policy| mode_at(policy, &["spec", "mtls", "mode"]))
        };
        let (policy, mode) = of_port().or_else(of_policy)?;
        (mode == "STRICT").then_some(policy)
    }
}

/// The finding that the copy takes tokens that its original refuses or ignores.
fn tokens(copy: &Relabelled<'_, '_>) -> Option<Diagnostic> {
    let before = copy.applied(REQUEST_AUTHENTICATION);
    let after = copy.applied_to_copy(REQUEST_AUTHENTICATION);
    if let Some(lost) = first_with_other_rules(&before, &after) {
        let difference = "takes tokens that nobody has signed, and its original does not";
        return Some(copy.finding(true, difference, lost));
    }
    let gained = first_with_other_rules(&after, &before)?;
    // If the original ignores all tokens, an issuer only matters where a policy of the copy requires a token.
    let requires_token = |policy: &Object| {
        policy.node.any_text(&|text| text.starts_with("request.auth."))
            || sources(policy).any(|source| source.get("requestPrincipals").is_some())
    };
    if before.is_empty() && !copy.applied_to_copy(AUTHORIZATION).into_iter().any(requires_token) {
        return None;
    }
    let difference = "takes tokens of an issuer of which its original takes none";
    Some(copy.finding(true, difference, gained))
}

/// The first policy with a rule that none of `others` has.
fn first_with_other_rules<'a>(policies: &[&'a Object], others: &[&Object]) -> Option<&'a Object> {
    let is_other = |rule: &Node| !others.iter().any(|policy| rules(policy).contains(rule));
    policies.iter().copied().find(|policy| rules(policy).iter().any(is_other))
}

/// The sources that an AuthorizationPolicy names.
fn sources(policy: &Object) -> impl Iterator<Item = &Node> {
    let from =
        policy.node.items_at(&["spec", "rules"]).iter().flat_map(|rule| rule.items_at(&["from"]));
    from.filter_map(|from| from.get("source"))
}

/// The rules of a RequestAuthentication, one for each issuer.
fn rules(policy: &Object) -> &[Node] {
    policy.node.items_at(&["spec", "jwtRules"])
}
