//! Makes objects beside policies of the baseline: siblings in the namespace of the policy, one for all previews, and
//! guards in previews, which let only the waypoint of a service call its copies.

use std::collections::BTreeSet;

use super::meta::{derived, managed};
use crate::kube::istio::REVISION;
use crate::kube::{Object, in_front, marks};
use crate::model::AccountName;
use crate::plan::policies::{Guard, Sibling};
use crate::plan::{Environment, Plan};
use crate::yaml::{Node, to_node};

/// Makes the object of a sibling. Its rules are parts of the user's, in which Flux may substitute.
pub(super) fn sibling(plan: &Plan<'_>, sibling: &Sibling<'_>) -> Object {
    let original = sibling.original;
    let name = marks::sibling(plan.config.set(), &original.id.name);
    let metadata = derived(plan.config, &name, &original.id.namespace, None);
    let mut metadata = to_node(&metadata).expect("our own types have string keys only");
    in_front(&mut metadata, &["name", "namespace", "labels"]);
    if let Some(revision) = original.label(REVISION) {
        metadata.make(&["labels"]).set(REVISION, Node::string(revision));
    }
    let text = |key: &str| Node::string(original.node.text_at(&[key]).unwrap_or_default());
    let node = Node::map([
        ("apiVersion", text("apiVersion")),
        ("kind", text("kind")),
        ("metadata", metadata),
        ("spec", sibling.spec.clone()),
    ]);
    Object::from_node(node).expect("a policy keeps the kind that it was read with")
}

/// Makes the policies of a preview about calls to its copies that bypass the waypoint.
pub(super) fn guard(plan: &Plan<'_>, env: &Environment<'_>, guard: &Guard<'_>) -> Vec<Object> {
    let service = guard.service.name();
    let principal = |namespace: &str, account: &str| format!("*/ns/{namespace}/sa/{account}");
    let principals_of = |accounts: &BTreeSet<AccountName<'_>>| -> Vec<String> {
        let here = |account: &AccountName<'_>| {
            Some(principal(&env.find_room(account.namespace)?.namespace, account.name))
        };
        accounts.iter().filter_map(here).collect()
    };
    let namespace = &env.room(&guard.service.object.id.namespace).namespace;
    let policy = |name: String, action: &str, source: Node| {
        let metadata = managed(plan.config, &name, namespace, Some(env.name));
        let mut rule = Node::map([("from", Node::list([Node::map([("source", source)])]))]);
        if !guard.ports.is_empty() {
            let operation = Node::map([("ports", texts(guard.ports.iter().cloned()))]);
            rule.set("to", Node::list([Node::map([("operation", operation)])]));
        }
        let selector = guard.service.object.node.at(&["spec", "selector"]).cloned();
        let spec = Node::map([
            ("selector", Node::map([("matchLabels", selector.unwrap_or_default())])),
            ("action", Node::string(action)),
            ("rules", Node::list([rule])),
        ]);
        let mut metadata = to_node(&metadata).expect("our own types have string keys only");
        in_front(&mut metadata, &["name", "namespace", "labels", "annotations"]);
        let node = Node::map([
            ("apiVersion", Node::string("security.istio.io/v1")),
            ("kind", Node::string("AuthorizationPolicy")),
            ("metadata", metadata),
            ("spec", spec),
        ]);
        Object::from_node(node).expect("it has a kind and a name")
    };
    let denies = guard.denies_all_but.iter().map(|callers| {
        let waypoint = principal(callers.waypoint.namespace, callers.waypoint.name);
        let principals = [waypoint].into_iter().chain(principals_of(&callers.accounts));
        let mut source = Node::map([("notPrincipals", texts(principals))]);
        if !callers.namespaces.is_empty() {
            let namespaces = callers.namespaces.iter().map(|name| (*name).to_owned());
            source.set("notNamespaces", texts(namespaces));
        }
        policy(format!("{service}.waypoint"), "DENY", source)
    });
    let allowed = principals_of(&guard.allows);
    let allows = (!allowed.is_empty()).then(|| {
        let source = Node::map([("principals", texts(allowed))]);
        policy(format!("{service}.inside"), "ALLOW", source)
    });
    allows.into_iter().chain(denies).collect()
}

fn texts(all: impl IntoIterator<Item = String>) -> Node {
    Node::list(all.into_iter().map(Node::string))
}
