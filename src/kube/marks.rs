//! Labels, annotations and names by which anabranch recognizes what it made: objects, and rules in objects of the user.
//! Constants and functions for them are here, with one exception: routes, and whatever is in a preview's namespace, get
//! their names where they are made. [`is_made_elsewhere`] recognizes routes by the preview's name, which is a part of
//! theirs: `cart.pr-42`, `web.pr-42.entry`.
//!
//! If two sets could make the same object or rule, its name contains the set: Flux objects, VirtualServices, rules.
//! Names are joined with a dot, which none of them contains, so that `a-b` and `c` never clash with `a` and `b-c`.

use super::{Kind, Object, RouteApi};
use crate::yaml::Node;

/// Standard label; its value on our objects is [`MANAGER`].
pub(crate) const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`] on every object that anabranch makes.
pub(crate) const MANAGER: &str = "anabranch";
/// The preview an object belongs to.
pub(crate) const PREVIEW: &str = "anabranch.dev/preview";
/// The set an object belongs to: the `metadata.name` of the previews.yaml that it was made from.
pub(crate) const SET: &str = "anabranch.dev/previews";
/// The suite that a Flux Kustomization runs.
pub(crate) const SUITE: &str = "anabranch.dev/suite";
/// The repository whose pull request hears of a suite; Alerts select by it.
pub(crate) const REPOSITORY: &str = "anabranch.dev/repository";
/// Label of the Namespaces of previews that run untrusted code, with the value [`FORK`].
pub(crate) const TRUST: &str = "anabranch.dev/trust";
/// The value of [`TRUST`].
pub(crate) const FORK: &str = "fork";
/// Label of a preview's Namespace with its namespace of the baseline, if there are several.
pub(crate) const BASELINE: &str = "anabranch.dev/baseline";
/// Annotation of the object that applies a preview: when the preview expires.
pub(crate) const EXPIRES: &str = "anabranch.dev/expires";

/// The prefix of the annotation that records what a set changed in an object of the user; the name of the set
/// follows. Its values are [`HTTP`], [`EXPORT_TO`], and `-name` for a header that is now removed.
const RESTORE: &str = "restore.anabranch.dev/";
/// Rules of the set were added.
pub(crate) const HTTP: &str = "http";
/// `exportTo` was added.
pub(crate) const EXPORT_TO: &str = "exportTo";

/// Records what a set changed in an object of the user.
pub(crate) fn set_changes<T: AsRef<str>>(node: &mut Node, set: &str, changes: &[T]) {
    let changes: Vec<&str> = changes.iter().map(AsRef::as_ref).collect();
    let metadata = node.make(&["metadata"]);
    // An empty mapping is removed, so that the new one is at the end: there it is too when the changes of an earlier
    // run are undone and made again.
    if metadata.get("annotations").is_some_and(|annotations| annotations.entries().is_empty()) {
        metadata.remove("annotations");
    }
    let annotations = metadata.make(&["annotations"]);
    annotations.set(&format!("{RESTORE}{set}"), Node::string(changes.join(",")));
}

/// Returns what a set changed in an object of the user, and removes the record.
pub(crate) fn take_changes(node: &mut Node, set: &str) -> Option<Vec<String>> {
    let metadata = node.get_mut("metadata")?;
    let annotations = metadata.get_mut("annotations")?;
    let changes = annotations.remove(&format!("{RESTORE}{set}"))?;
    if annotations.entries().is_empty() {
        metadata.remove("annotations");
    }
    Some(changes.text()?.split(',').map(str::to_owned).collect())
}

/// The changes recorded in an object of the user: pairs of a set and one change.
fn changes(node: &Node) -> impl Iterator<Item = (&str, &str)> {
    let annotations = node.entries_at(&["metadata", "annotations"]);
    let noted = annotations
        .iter()
        .filter_map(|(key, value)| Some((key.text.strip_prefix(RESTORE)?, value.text()?)));
    noted.flat_map(|(set, changes)| changes.split(',').map(move |change| (set, change)))
}

/// Whether some set recorded this change of an object of the user.
pub(crate) fn is_changed(node: &Node, change: &str) -> bool {
    changes(node).any(|(_, noted)| noted == change)
}

/// Copies the rules that other sets added to an earlier object of ours, and their records, to the new object.
pub(crate) fn keep_additions(node: &mut Node, earlier: &Node) {
    for (set, _) in changes(earlier).filter(|(_, change)| *change == HTTP) {
        let rules = earlier.items_at(&["spec", "http"]);
        let theirs = rules.iter().filter(|rule| is_made_rule(rule, set));
        let mut all: Vec<Node> = theirs.cloned().collect();
        let ours = node.items_at(&["spec", "http"]);
        all.extend(ours.iter().cloned());
        node.make(&["spec"]).set("http", Node::list(all));
        set_changes(node, set, &[HTTP]);
    }
}

/// Whether an annotation or label is one of ours.
pub(crate) fn is_key(key: &str) -> bool {
    key.starts_with("anabranch.dev/") || key.starts_with(RESTORE)
}

/// Whether a rule of a VirtualService has a name that a set gives: [`rule`] or [`rule_of_port`].
pub(crate) fn is_made_rule(rule: &Node, set: &str) -> bool {
    let name = rule.text_at(&["name"]).and_then(|name| name.strip_prefix("anabranch."));
    let rest = name.and_then(|name| name.strip_prefix(set)?.strip_prefix('.')).unwrap_or_default();
    let (preview, number) = rest.rsplit_once('.').unwrap_or(("", rest));
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits && !preview.contains('.')
}

/// The name of a preview's rule with this number.
pub(crate) fn rule(set: &str, preview: &str, number: usize) -> String {
    format!("anabranch.{set}.{preview}.{number}")
}

/// The name of the rule that sends a port to the baseline. It cannot clash with the name of a preview's rule, as no
/// preview's name begins with a digit.
pub(crate) fn rule_of_port(set: &str, port: u16) -> String {
    format!("anabranch.{set}.{port}")
}

/// The name of a new VirtualService for a service that had none.
pub(crate) fn virtual_service(set: &str, service: &str) -> String {
    format!("anabranch.{set}.{service}")
}

/// The name of the object that a set adds beside a policy of the user, for all its previews.
pub(crate) fn sibling(set: &str, policy: &str) -> String {
    format!("{policy}{}", sibling_suffix(set))
}

fn sibling_suffix(set: &str) -> String {
    format!(".anabranch.{set}")
}

/// Whether an object is one that a set added beside a policy of the user.
fn is_sibling(object: &Object, set: &str) -> bool {
    object.row.is_some_and(Kind::is_copied_policy) && object.id.name.ends_with(&sibling_suffix(set))
}

/// The name of a preview's ReferenceGrant outside its namespace.
pub(crate) fn grant(set: &str, preview: &str) -> String {
    format!("anabranch.{set}.{preview}")
}

/// The name of a Flux object of a set: for a preview's environment, for a shared folder, or for notifications of a
/// repository.
pub(crate) fn flux(set: &str, part: &str) -> String {
    format!("{set}.{part}")
}

/// The part of a name for a preview's gate. No suite may have this name.
pub(crate) const GATE: &str = "gate";

/// The part of a name for the Kustomization that applies a preview's Flux objects. No suite may have this name.
pub(crate) const FLUX: &str = "flux";

/// The name of a further Flux object of a preview: of a suite, [`GATE`] or [`FLUX`].
pub(crate) fn flux_of_preview(set: &str, preview: &str, part: &str) -> String {
    format!("{set}.{preview}.{part}")
}

/// The CEL expression that names the commit status of a suite.
pub(crate) fn commit_status(set: &str) -> String {
    format!("'{set}/' + event.metadata.suite")
}

/// The set in an object's labels. The user may have written or copied them, so it counts only if the set makes such
/// an object there.
pub(crate) fn set_of(object: &Object) -> Option<&str> {
    object.label(SET).filter(|_| object.label(MANAGED_BY) == Some(MANAGER))
}

/// Whether an object with the labels of a set has a kind and name that the set uses outside the namespaces of its
/// previews.
pub(crate) fn is_made_elsewhere(object: &Object, set: &str) -> bool {
    let name = object.id.name.as_str();
    let Some(preview) = object.label(PREVIEW) else {
        return is_shared(object, set)
            || is_sibling(object, set)
            || is_flux(object) && name.starts_with(&flux(set, ""));
    };
    let is_part = |rest: &str| rest.is_empty() || rest.starts_with('.');
    let after = |whole: String| name.strip_prefix(&whole).is_some_and(is_part);
    if RouteApi::of(object).is_some() {
        let mut parts = name.match_indices('.').map(|(at, _)| &name[at + 1..]);
        return parts.any(|rest| rest.strip_prefix(preview).is_some_and(is_part));
    }
    match object.id.kind.as_str() {
        "ReferenceGrant" => name == grant(set, preview),
        "Kustomization" | "OCIRepository" => is_flux(object) && after(flux(set, preview)),
        _ => false,
    }
}

/// Whether an object is a VirtualService that a set made for all its previews. A host has only one, so sets extend
/// each other's.
pub(crate) fn is_shared(object: &Object, set: &str) -> bool {
    object.is(super::istio::GROUP, "VirtualService")
        && object.label(PREVIEW).is_none()
        && object.id.name.starts_with(&virtual_service(set, ""))
}

/// Whether an object is a VirtualService that a set made for its previews and that has no rules of any set any more.
pub(crate) fn is_left_over(object: &Object) -> bool {
    let rules = object.node.items_at(&["spec", "http"]);
    set_of(object).is_some_and(|set| {
        is_shared(object, set) && !rules.iter().any(|rule| is_made_rule(rule, set))
    }) && !is_changed(&object.node, HTTP)
}

fn is_flux(object: &Object) -> bool {
    object.id.group.ends_with(".toolkit.fluxcd.io")
}

/// The rules of a VirtualService that are not marked as a set's.
pub(crate) fn rules_of_users(object: &Object) -> impl DoubleEndedIterator<Item = &Node> {
    let made = set_of(object).filter(|set| is_shared(object, set));
    let extended = changes(&object.node).filter(|(_, change)| *change == HTTP).map(|(set, _)| set);
    let sets: Vec<&str> = made.into_iter().chain(extended).collect();
    let rules = object.node.items_at(&["spec", "http"]);
    rules.iter().filter(move |rule| !sets.iter().any(|set| is_made_rule(rule, set)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_known_by_their_whole_name() {
        let is_ours = |name: &str| is_made_rule(&Node::map([("name", Node::string(name))]), "shop");
        assert!(is_ours(&rule("shop", "pr-42", 1)) && is_ours(&rule_of_port("shop", 8080)));
        for foreign in [
            "anabranch",
            "anabranch.shop",
            "anabranch.shop.",
            "anabranch.shop.house-rule",
            "anabranch.shop.a.b.1",
            "anabranch.shop-a.pr-42.1",
            "anabranch.canary",
            "shop.pr-42.1",
        ] {
            assert!(!is_ours(foreign), "{foreign}");
        }
    }

    #[test]
    fn what_is_made_outside_of_previews_is_known_by_kind_and_name() {
        let object = |kind: &str, name: &str, preview: Option<&str>| {
            let api = match kind {
                "VirtualService" => "networking.istio.io/v1",
                "Kustomization" => "kustomize.toolkit.fluxcd.io/v1",
                "AuthorizationPolicy" => "security.istio.io/v1",
                _ => "gateway.networking.k8s.io/v1",
            };
            let labels = preview.map(|preview| (PREVIEW, Node::string(preview)));
            let metadata = [("name", Node::string(name)), ("labels", Node::map(labels))];
            let fields = [("apiVersion", Node::string(api)), ("kind", Node::string(kind))];
            let all = fields.into_iter().chain([("metadata", Node::map(metadata))]);
            Object::from_node(Node::map(all)).expect("an object")
        };
        let made = [
            object("HTTPRoute", "cart.pr-4", Some("pr-4")),
            object("GRPCRoute", "cart.pr-4.8080.part-2", Some("pr-4")),
            object("VirtualService", "web.pr-4.entry", Some("pr-4")),
            object("ReferenceGrant", "anabranch.shop.pr-4", Some("pr-4")),
            object("Kustomization", "shop.pr-4", Some("pr-4")),
            object("Kustomization", "shop.pr-4.smoke", Some("pr-4")),
            object("Kustomization", "shop.shared", None),
            object("VirtualService", "anabranch.shop.cart", None),
            object("AuthorizationPolicy", "cart-viewer.anabranch.shop", None),
        ];
        let foreign = [
            object("HTTPRoute", "cart", Some("pr-4")),
            object("HTTPRoute", "cart.pr-42", Some("pr-4")),
            object("Kustomization", "shop.pr-42", Some("pr-4")),
            object("Service", "cart.pr-4", Some("pr-4")),
            object("VirtualService", "cart", None),
            object("AuthorizationPolicy", "cart-viewer.anabranch.other", None),
            object("Service", "cart-viewer.anabranch.shop", None),
        ];
        assert!(made.iter().all(|object| is_made_elsewhere(object, "shop")));
        for object in foreign {
            assert!(!is_made_elsewhere(&object, "shop"), "{}", object.id);
        }
    }
}
