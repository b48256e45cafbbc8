//! What proxies ask of each call, whoever makes it: mutual TLS, and tokens that somebody has signed.

use std::collections::BTreeSet;

use super::{AUTHORIZATION, PEERS, Relabelled, TOKENS, is_of_root};
use crate::diagnostic::Diagnostic;
use crate::kube::Object;
use crate::plan::access_check::evaluate::items;
use crate::yaml::Node;

/// What a copy with other labels takes that its original does not.
pub(super) fn check(one: &Relabelled<'_, '_>) -> Vec<Diagnostic> {
    plain_text(one).into_iter().chain(tokens(one)).collect()
}

/// The first port that takes calls in plain text.
fn plain_text(one: &Relabelled<'_, '_>) -> Option<Diagnostic> {
    let before = Authentication::of(one.followed(PEERS, "selector"));
    let after = Authentication::of(one.followed_by_copy(PEERS, "selector"));
    let ports = before.ports().chain(after.ports()).map(Some);
    let ports: BTreeSet<Option<&str>> = ports.chain([None]).collect();
    ports.into_iter().find_map(|port| {
        let policy = before.strict(port)?;
        after.strict(port).is_none().then(|| {
            let at = port.map(|port| format!(" at port {port}")).unwrap_or_default();
            let gain = format!("takes calls in plain text{at}, and its original does not");
            one.finding(true, &gain, policy)
        })
    })
}

/// The PeerAuthentications that pods follow. That of the pods counts before that of the namespace, and that before the
/// one of the mesh. Of several, Istio takes the oldest; here it is the first by name.
struct Authentication<'a> {
    of_pods: Option<&'a Object>,
    of_all: Vec<&'a Object>,
}

impl<'a> Authentication<'a> {
    fn of(followed: Vec<&'a Object>) -> Self {
        // With a selector, one of the root namespace holds for nobody else.
        let selects = |policy: &&Object| {
            let labels = policy.node.at(&["spec", "selector", "matchLabels"]);
            labels.is_some_and(|labels| !labels.entries().is_empty())
        };
        let (of_some, mut of_all): (Vec<&Object>, Vec<&Object>) =
            followed.into_iter().partition(selects);
        of_all.sort_by_key(|policy| is_of_root(policy));
        let of_pods = of_some.into_iter().find(|policy| !is_of_root(policy));
        Self { of_pods, of_all }
    }

    /// The ports for which the one of the pods says something.
    fn ports(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let ports = self.of_pods.and_then(|policy| policy.node.at(&["spec", "portLevelMtls"]));
        ports.map(Node::entries).unwrap_or_default().iter().map(|(port, _)| port.text.as_str())
    }

    /// The policy by which a port takes no plain text; without a port, one that none of them names.
    fn strict(&self, port: Option<&str>) -> Option<&'a Object> {
        let said = |policy: &'a Object, keys: &[&str]| {
            let mode = policy.node.text_at(keys).filter(|mode| *mode != "UNSET");
            mode.map(|mode| (policy, mode))
        };
        let of_port = || said(self.of_pods?, &["spec", "portLevelMtls", port?, "mode"]);
        let rest = || {
            let mut policies = self.of_pods.into_iter().chain(self.of_all.iter().copied());
            policies.find_map(|policy| said(policy, &["spec", "mtls", "mode"]))
        };
        let (policy, mode) = of_port().or_else(rest)?;
        (mode == "STRICT").then_some(policy)
    }
}

/// A token that the original refuses, or that says nothing there.
fn tokens(one: &Relabelled<'_, '_>) -> Option<Diagnostic> {
    let before = one.followed(TOKENS, "selector");
    let after = one.followed_by_copy(TOKENS, "selector");
    let first_lacking = |of: &[&'_ Object], those: &[&Object]| {
        let lacks = |rule: &Node| !those.iter().any(|policy| rules(policy).contains(rule));
        of.iter().position(|policy| rules(policy).iter().any(lacks))
    };
    if let Some(lost) = first_lacking(&before, &after).map(|at| before[at]) {
        let gain = "takes tokens that nobody has signed, and its original does not";
        return Some(one.finding(true, gain, lost));
    }
    let more = first_lacking(&after, &before).map(|at| after[at])?;
    // Where neither refuses any token, one counts that a policy asks for.
    let asks = |policy: &Object| {
        policy.node.any_text(&|text| text.starts_with("request.auth."))
            || sources(policy).any(|source| source.get("requestPrincipals").is_some())
    };
    let is_asked = || one.followed_by_copy(AUTHORIZATION, "selector").into_iter().any(asks);
    if before.is_empty() && !is_asked() {
        return None;
    }
    let gain = "takes tokens of an issuer of which its original takes none";
    Some(one.finding(true, gain, more))
}

/// The sources that an AuthorizationPolicy names.
fn sources(policy: &Object) -> impl Iterator<Item = &Node> {
    let rules = policy.node.get("spec").map(|spec| items(spec, "rules")).unwrap_or_default();
    let from = rules.iter().flat_map(|rule| items(rule, "from"));
    from.filter_map(|from| from.get("source"))
}

/// The issuers of a RequestAuthentication.
fn rules(policy: &Object) -> &[Node] {
    policy.node.get("spec").map(|spec| items(spec, "jwtRules")).unwrap_or_default()
}
