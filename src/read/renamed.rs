//! Adapts references to what kustomize renamed.
//!
//! kustomize gives objects their prefixes and suffixes at once, and adapts the references to them when its build
//! ends, after every function. So a function reads references here as kustomize will write them. Fields that
//! kustomize does not know are adapted only if the user's `configurations` say so, which a function is not told: a
//! reference that this would change is refused.
//!
//! How kustomize finds the object of a reference:
//! <https://github.com/kubernetes-sigs/kustomize/blob/api/v0.21.1/api/filters/nameref/nameref.go>.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::diagnostic::{Diagnostic, Report, code, some_of};
use crate::kube::{Id, Object, kinds, names};
use crate::yaml::{Data, Node};

/// A field that holds names.
struct Field {
    /// The path of the mappings with the field: keys with `/` between them, also through lists.
    parent: &'static str,
    key: &'static str,
    target: Target,
}

/// The kind of the object that a field names.
#[derive(Clone, Copy)]
enum Target {
    Is(&'static str),
    /// The kind in the field `kind` beside it; without that field, this kind.
    Says(&'static str),
    /// A ServiceAccount, if the subject of a binding is one.
    Subject,
    /// ConfigMaps or Secrets, depending on a rule.
    OfRule,
}

const fn is(parent: &'static str, key: &'static str, kind: &'static str) -> Field {
    Field { parent, key, target: Target::Is(kind) }
}

const fn says(parent: &'static str, key: &'static str, kind: &'static str) -> Field {
    Field { parent, key, target: Target::Says(kind) }
}

/// Fields that kustomize adapts in the pods of the kinds in [`ADAPTED_PODS`].
/// See
/// <https://github.com/kubernetes-sigs/kustomize/blob/master/api/internal/konfig/builtinpluginconsts/namereference.go>.
const OF_PODS: [Field; 15] = [
    is("containers/env/valueFrom/configMapKeyRef", "name", "ConfigMap"),
    is("containers/env/valueFrom/secretKeyRef", "name", "Secret"),
    is("containers/envFrom/configMapRef", "name", "ConfigMap"),
    is("containers/envFrom/secretRef", "name", "Secret"),
    is("initContainers/env/valueFrom/configMapKeyRef", "name", "ConfigMap"),
    is("initContainers/env/valueFrom/secretKeyRef", "name", "Secret"),
    is("initContainers/envFrom/configMapRef", "name", "ConfigMap"),
    is("initContainers/envFrom/secretRef", "name", "Secret"),
    is("volumes/configMap", "name", "ConfigMap"),
    is("volumes/secret", "secretName", "Secret"),
    is("volumes/projected/sources/configMap", "name", "ConfigMap"),
    is("volumes/projected/sources/secret", "name", "Secret"),
    is("volumes/persistentVolumeClaim", "claimName", "PersistentVolumeClaim"),
    is("imagePullSecrets", "name", "Secret"),
    is("", "serviceAccountName", "ServiceAccount"),
];

/// The kinds in whose pods kustomize adapts references.
const ADAPTED_PODS: [&str; 7] =
    ["CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "StatefulSet"];

/// Fields that kustomize adapts in other objects, as far as they matter here.
const ADAPTED: [(&str, Field); 9] = [
    ("ClusterRoleBinding", Field { parent: "subjects", key: "name", target: Target::Subject }),
    ("HorizontalPodAutoscaler", says("spec/scaleTargetRef", "name", "Deployment")),
    ("Ingress", is("spec/defaultBackend/service", "name", "Service")),
    ("Ingress", is("spec/rules/http/paths/backend/service", "name", "Service")),
    ("Role", Field { parent: "rules", key: "resourceNames", target: Target::OfRule }),
    ("RoleBinding", says("roleRef", "name", "Role")),
    ("RoleBinding", Field { parent: "subjects", key: "name", target: Target::Subject }),
    ("ServiceAccount", is("imagePullSecrets", "name", "Secret")),
    ("StatefulSet", is("spec", "serviceName", "Service")),
];

/// Other fields of pods that name objects.
const OTHERS_OF_PODS: [Field; 16] = [
    is("", "serviceAccount", "ServiceAccount"),
    is("ephemeralContainers/env/valueFrom/configMapKeyRef", "name", "ConfigMap"),
    is("ephemeralContainers/env/valueFrom/secretKeyRef", "name", "Secret"),
    is("ephemeralContainers/envFrom/configMapRef", "name", "ConfigMap"),
    is("ephemeralContainers/envFrom/secretRef", "name", "Secret"),
    is("resourceClaims", "resourceClaimName", "ResourceClaim"),
    is("resourceClaims", "resourceClaimTemplateName", "ResourceClaimTemplate"),
    is("volumes/azureFile", "secretName", "Secret"),
    is("volumes/cephfs/secretRef", "name", "Secret"),
    is("volumes/cinder/secretRef", "name", "Secret"),
    is("volumes/csi/nodePublishSecretRef", "name", "Secret"),
    is("volumes/csi/volumeAttributes", "secretProviderClass", "SecretProviderClass"),
    is("volumes/flexVolume/secretRef", "name", "Secret"),
    is("volumes/iscsi/secretRef", "name", "Secret"),
    is("volumes/rbd/secretRef", "name", "Secret"),
    is("volumes/scaleIO/secretRef", "name", "Secret"),
];

/// Other fields that name objects, in kinds that matter here.
const OTHERS: [(&str, Field); 24] = [
    ("DestinationRule", is("spec", "host", "Service")),
    ("ExternalSecret", says("spec/data/sourceRef/storeRef", "name", "SecretStore")),
    ("ExternalSecret", says("spec/dataFrom/sourceRef/storeRef", "name", "SecretStore")),
    ("ExternalSecret", says("spec/secretStoreRef", "name", "SecretStore")),
    ("GRPCRoute", MIRROR_OF_BACKEND),
    ("GRPCRoute", MIRROR_OF_RULE),
    ("GRPCRoute", says("spec/parentRefs", "name", "Gateway")),
    ("GRPCRoute", says("spec/rules/backendRefs", "name", "Service")),
    ("HTTPRoute", MIRROR_OF_BACKEND),
    ("HTTPRoute", MIRROR_OF_RULE),
    ("HTTPRoute", says("spec/parentRefs", "name", "Gateway")),
    ("HTTPRoute", says("spec/rules/backendRefs", "name", "Service")),
    ("ServiceAccount", is("secrets", "name", "Secret")),
    ("TCPRoute", says("spec/parentRefs", "name", "Gateway")),
    ("TCPRoute", says("spec/rules/backendRefs", "name", "Service")),
    ("TLSRoute", says("spec/parentRefs", "name", "Gateway")),
    ("TLSRoute", says("spec/rules/backendRefs", "name", "Service")),
    ("VirtualService", is("spec", "gateways", "Gateway")),
    ("VirtualService", is("spec", "hosts", "Service")),
    ("VirtualService", is("spec/http/mirror", "host", "Service")),
    ("VirtualService", is("spec/http/mirrors/destination", "host", "Service")),
    ("VirtualService", is("spec/http/route/destination", "host", "Service")),
    ("VirtualService", is("spec/tcp/route/destination", "host", "Service")),
    ("VirtualService", is("spec/tls/route/destination", "host", "Service")),
];

const MIRROR_OF_BACKEND: Field =
    says("spec/rules/backendRefs/filters/requestMirror/backendRef", "name", "Service");
const MIRROR_OF_RULE: Field =
    says("spec/rules/filters/requestMirror/backendRef", "name", "Service");

/// Rewrites references to the names that kustomize will write when its build ends. Reports each reference
/// for which that is unknown, if it is in an object of the baseline.
pub(crate) fn adapt_references(
    objects: &mut [Object],
    is_of_baseline: impl Fn(&str) -> bool,
    report: &mut Report,
) {
    let is_changed = |object: &Object| {
        let Id { namespace, name, .. } = &object.id;
        let mut namespaces = names::noted(&object.node, names::PREVIOUS_NAMESPACES);
        names::previous(&object.node).any(|before| before != name)
            || namespaces.any(|before| before != namespace)
    };
    if !objects.iter().any(is_changed) {
        return;
    }
    let known = Known::new(objects, is_of_baseline);
    for (number, object) in objects.iter_mut().enumerate() {
        let Object { id, node, .. } = object;
        let mut adapter = ReferenceAdapter { known: &known, referrer: number, id, report };
        let kind = id.kind.as_str();
        let template = kinds::template(kinds::find(&id.group, kind));
        let is_adapted = ADAPTED_PODS.contains(&kind);
        if let Some(pod) = node.at_mut(template).and_then(|template| template.get_mut("spec")) {
            OF_PODS.iter().for_each(|field| adapter.look(pod, field, is_adapted));
            OTHERS_OF_PODS.iter().for_each(|field| adapter.look(pod, field, false));
        }
        for (fields, is_adapted) in [(&ADAPTED[..], true), (&OTHERS[..], false)] {
            let of_kind = fields.iter().filter(|(of, _)| *of == kind);
            of_kind.for_each(|(_, field)| adapter.look(node, field, is_adapted));
        }
    }
}

/// An object with the names that kustomize gave it.
struct Past {
    id: Id,
    /// Whether previews can copy it.
    is_copied: bool,
    /// The namespace that it had at first.
    first_namespace: SmolStr,
    prefixes: Vec<SmolStr>,
    suffixes: Vec<SmolStr>,
}

/// The objects of a build, by their earlier names.
struct Known {
    all: Vec<Past>,
    by_name: HashMap<(SmolStr, SmolStr), Vec<usize>, RandomState>,
}

/// The object that a reference means.
enum Meant<'k> {
    /// None that kustomize could have renamed.
    Itself,
    One(&'k Past),
    AnyOf(Vec<&'k Past>),
}

impl Known {
    fn new(objects: &[Object], is_of_baseline: impl Fn(&str) -> bool) -> Self {
        let mut known = Self { all: Vec::new(), by_name: HashMap::default() };
        for (number, object) in objects.iter().enumerate() {
            let noted = |key| names::noted(&object.node, key).map(SmolStr::from);
            let current = Some(object.id.namespace.clone());
            let first_namespace = noted(names::PREVIOUS_NAMESPACES).next().or(current);
            let namespace = object.id.namespace.as_str();
            known.all.push(Past {
                id: object.id.clone(),
                is_copied: namespace.is_empty() || is_of_baseline(namespace),
                first_namespace: first_namespace.unwrap_or_default(),
                prefixes: noted(names::PREFIXES).collect(),
                suffixes: noted(names::SUFFIXES).collect(),
            });
            for name in names::previous(&object.node) {
                let key = (object.id.kind.clone(), name.into());
                let numbers = known.by_name.entry(key).or_default();
                if numbers.last() != Some(&number) {
                    numbers.push(number);
                }
            }
        }
        known
    }

    /// The objects that had this name, of those for which `is_there` holds.
    fn called(&self, kind: &str, name: &str, is_there: impl Fn(&Past) -> bool) -> Vec<&Past> {
        let numbers = self.by_name.get(&(kind.into(), name.into()));
        let all = numbers.into_iter().flatten().map(|&number| &self.all[number]);
        all.filter(|past| is_there(past)).collect()
    }

    /// Chooses among the objects that had the name, as kustomize does: if there are several, those with the same
    /// prefixes and suffixes.
    fn choose<'k>(&self, referrer: &Past, called: Vec<&'k Past>) -> Meant<'k> {
        let alike = |loosely: bool, some: &[&'k Past]| -> Vec<&'k Past> {
            some.iter().copied().filter(|past| past.is_like(referrer, loosely)).collect()
        };
        let mut left = called;
        if left.len() > 1 {
            left = alike(true, &left);
        }
        if left.len() > 1 {
            left = alike(false, &left);
        }
        match left[..] {
            [] => Meant::Itself,
            [one] => Meant::One(one),
            _ => Meant::AnyOf(left),
        }
    }

    /// Whether an object was in this namespace first. If no object was, whether it is in it now.
    fn is_of(&self, past: &Past, namespace: &str) -> bool {
        let is_first = |past: &Past| is_one(&past.first_namespace, namespace);
        match self.all.iter().any(is_first) {
            true => is_first(past),
            false => is_one(&past.id.namespace, namespace),
        }
    }
}

impl Past {
    /// Whether two objects have the same prefixes and suffixes, as far as both have any. If `loosely`, one without
    /// any is like all others.
    fn is_like(&self, other: &Self, loosely: bool) -> bool {
        let is_like = |some: &[SmolStr], others: &[SmolStr]| match (some, others) {
            ([], []) => true,
            ([], _) | (_, []) => loosely,
            _ => some.ends_with(others) || others.ends_with(some),
        };
        is_like(&self.prefixes, &other.prefixes) && is_like(&self.suffixes, &other.suffixes)
    }

    /// Whether kustomize takes two objects to be in the same namespace.
    fn is_beside(&self, other: &Self) -> bool {
        is_one(&self.id.namespace, &other.id.namespace)
    }
}

/// Whether two namespaces are the same to kustomize.
fn is_one(namespace: &str, other: &str) -> bool {
    let whole = |name: &str| if name.is_empty() { "default".into() } else { SmolStr::from(name) };
    whole(namespace) == whole(other)
}

/// Adapts the references of one object.
struct ReferenceAdapter<'k, 'r> {
    known: &'k Known,
    referrer: usize,
    id: &'k Id,
    report: &'r mut Report,
}

impl<'k> ReferenceAdapter<'k, '_> {
    fn look(&mut self, node: &mut Node, field: &Field, is_adapted: bool) {
        visit(node, field.parent, &mut |parent| self.field(parent, field, is_adapted));
    }

    /// Handles a field of this mapping: a name or a list of names.
    fn field(&mut self, parent: &mut Node, field: &Field, is_adapted: bool) {
        let said = parent.text_at(&["kind"]);
        let kind: SmolStr = match field.target {
            Target::Is(kind) => kind.into(),
            Target::Says(kind) => said.unwrap_or(kind).into(),
            Target::Subject if said == Some("ServiceAccount") => "ServiceAccount".into(),
            Target::Subject => return,
            Target::OfRule => {
                let resources = parent.get("resources").map(Node::items).unwrap_or_default();
                let says = |wanted| resources.iter().any(|one| one.text() == Some(wanted));
                match (says("configmaps"), says("secrets")) {
                    (true, _) => "ConfigMap".into(),
                    (false, true) => "Secret".into(),
                    (false, false) => return,
                }
            }
        };
        let namespace = parent.text_at(&["namespace"]).map(SmolStr::from);
        let Some(value) = parent.get_mut(field.key) else { return };
        let mut given = None;
        let names: SmallVec<[&mut Node; 1]> = match &mut value.data {
            Data::List(items) => items.iter_mut().collect(),
            _ => SmallVec::from_iter([value]),
        };
        for name in names {
            let past = self.name(name, &kind, namespace.as_deref(), field.target);
            match past {
                Some(past) if is_adapted => {
                    *name = Node { place: name.place, ..Node::string(past.id.name.clone()) };
                    given = Some(&past.id.namespace);
                }
                Some(past) => self.refuse(name, &kind, past),
                None => {}
            }
        }
        let given = given.filter(|given| !given.is_empty());
        if let (Target::Subject, Some(namespace)) = (field.target, given) {
            parent.set("namespace", Node::string(namespace.clone()));
        }
    }

    /// Rewrites a name if kustomize has given its object another one; also the subject of a binding.
    fn name(
        &mut self,
        node: &Node,
        kind: &str,
        namespace: Option<&str>,
        target: Target,
    ) -> Option<&'k Past> {
        let (known, written) = (self.known, node.text()?);
        let referrer = &known.all[self.referrer];
        let is_subject = matches!(target, Target::Subject);
        let called = known.called(kind, written, |past| match namespace {
            Some(namespace) if is_subject => known.is_of(past, namespace),
            Some(namespace) => is_one(namespace, &past.id.namespace),
            None => past.is_beside(referrer),
        });
        let past = match known.choose(referrer, called) {
            Meant::Itself => return None,
            Meant::One(past) if past.id.name == written => return is_subject.then_some(past),
            Meant::One(past) => past,
            Meant::AnyOf(several) => {
                self.unclear(node, kind, &several);
                return None;
            }
        };
        Some(past)
    }

    fn unclear(&mut self, name: &Node, kind: &str, several: &[&Past]) {
        if several.iter().any(|past| past.is_copied) {
            let mut names: Vec<&str> = several.iter().map(|past| past.id.name.as_str()).collect();
            names.sort_unstable();
            let (id, old) = (self.id, name.text().unwrap_or_default());
            let message = format!(
                "{id} names {kind} `{old}`, and kustomize has renamed several so: {}",
                some_of(names)
            );
            let help = "give them names of their own before they meet in one build";
            self.report(name, message, help.to_owned());
        }
    }

    fn refuse(&mut self, name: &Node, kind: &str, past: &Past) {
        if past.is_copied {
            let (id, old, new) = (self.id, name.text().unwrap_or_default(), &past.id.name);
            let message = format!(
                "{id} names {kind} `{old}`, which kustomize has renamed to `{new}`; whether it mends this \
                 reference is known when its build ends"
            );
            let help = format!(
                "write `{new}` there by a patch in this layer, or render what is built: `kustomize build \
                 FOLDER | anabranch render --baseline -`"
            );
            self.report(name, message, help);
        }
    }

    /// Reports a reference of an object, once however often it is there.
    fn report(&mut self, name: &Node, message: String, help: String) {
        let finding = Diagnostic::new(&code::RENAMED_REFERENCE, message, help);
        self.report.push(finding.at(name.place, "the name before").once());
    }
}

/// Calls `take` with each mapping at a path, also through lists.
fn visit(node: &mut Node, path: &str, take: &mut dyn FnMut(&mut Node)) {
    if let Data::List(items) = &mut node.data {
        items.iter_mut().for_each(|item| visit(item, path, take));
        return;
    }
    if path.is_empty() {
        take(node);
        return;
    }
    let (key, rest) = path.split_once('/').unwrap_or((path, ""));
    if let Some(child) = node.get_mut(key) {
        visit(child, rest, take);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::RouteApi;

    #[test]
    fn routes_of_every_api_name_services() {
        for kind in RouteApi::ALL.into_iter().flat_map(|api| api.names().kinds) {
            let is_service = |field: &Field| {
                matches!(field.target, Target::Is("Service") | Target::Says("Service"))
            };
            let mut fields = OTHERS.iter().filter(|(of, _)| of == kind);
            assert!(fields.any(|(_, field)| is_service(field)), "{kind}");
        }
    }
}
