//! Finds the object of the input that probably makes a missing one: a chart, a build of Flux or Argo CD, an operator.
//!
//! `table` has a row for each kind that is known to make others. A custom resource of another kind may make an object
//! of its own name.

mod table;
#[cfg(test)]
mod tests;

use table::MAKERS;

use super::{Id, Object};
use crate::yaml::Node;

/// A kind whose objects make others.
#[derive(Debug)]
struct Maker {
    group: &'static str,
    kind: &'static str,
    /// How what it makes gets into a preview.
    way: Way,
    /// Annotations: an object makes the products only with one of them. Empty: with or without.
    only_with: &'static [&'static str],
    /// What its objects make without such an annotation too.
    anyway: &'static [(&'static str, &'static str)],
    /// A pattern of the namespace in which its objects make others.
    namespace: &'static str,
    /// The kind of what it makes, empty for any, and a pattern of its name.
    products: &'static [(&'static str, &'static str)],
}

impl Maker {
    const fn of(group: &'static str, kind: &'static str, way: Way) -> Self {
        let namespace = "{namespace}";
        Self { group, kind, way, only_with: &[], anyway: &[], namespace, products: &[] }
    }

    const fn only_with(self, only_with: &'static [&'static str]) -> Self {
        Self { only_with, ..self }
    }

    const fn anyway(self, anyway: &'static [(&'static str, &'static str)]) -> Self {
        Self { anyway, ..self }
    }

    const fn into_namespace(self, namespace: &'static str) -> Self {
        Self { namespace, ..self }
    }

    const fn makes(self, products: &'static [(&'static str, &'static str)]) -> Self {
        Self { products, ..self }
    }

    /// What an object of the kind makes.
    fn products_of(
        &self,
        object: &Object,
    ) -> impl Iterator<Item = &'static (&'static str, &'static str)> + use<> {
        let mut keys = self.only_with.iter();
        let is_active =
            self.only_with.is_empty() || keys.any(|key| object.annotation(key).is_some());
        let products = if is_active { self.products } else { &[] };
        products.iter().chain(self.anyway)
    }

    /// The namespaces in which an object makes others. If it names none, it may be any.
    fn namespaces<'o>(&self, object: &'o Object) -> impl Iterator<Item = &'o str> {
        let named = values(self.namespace.trim_matches(['{', '}']), object);
        named.filter(|namespace| !namespace.is_empty())
    }
}

/// How an object that another one makes gets into a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The user renders the chart and passes the result.
    Chart,
    /// Flux builds a folder: the user passes it.
    Build,
    /// Argo CD builds it: the user passes the result.
    Argo,
    /// A controller makes it in the namespace of the maker.
    Operator,
    /// A controller makes it in every namespace that the maker selects.
    Everywhere,
    /// The maker is copied, and the copy makes it again.
    Copied,
    /// The maker is copied if a service needs it, and the copy makes it again.
    Again,
    /// It exists while a pod mounts the maker.
    Mounted,
    /// Not at all: it is encrypted for one namespace.
    Sealed,
}

/// How sure it is that an object makes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Certainty {
    /// A chart or a folder may hold anything.
    Conceivable,
    /// The names leave room for it.
    Possible,
    /// The names say so.
    Likely,
    /// Its controller is known to.
    Sure,
}

/// An object that makes another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made<'a> {
    pub(crate) by: &'a Object,
    pub(crate) certainty: Certainty,
    pub(crate) way: Way,
}

impl Made<'_> {
    /// Who makes it, in words that say how sure that is.
    pub(crate) fn says(&self) -> String {
        let id = &self.by.id;
        match self.certainty {
            Certainty::Sure => format!("{id} makes it in the cluster"),
            Certainty::Likely => format!("{id} probably makes it in the cluster"),
            Certainty::Possible | Certainty::Conceivable => {
                format!("{id} may make it in the cluster")
            }
        }
    }

    /// The label for the place of the maker.
    pub(crate) fn label(&self) -> &'static str {
        match self.certainty {
            Certainty::Sure => "makes it in the cluster",
            Certainty::Likely => "probably makes it",
            Certainty::Possible | Certainty::Conceivable => "may make it",
        }
    }

    /// What to do about a missing object of this kind.
    pub(crate) fn remedy(&self, kind: &str, name: &str) -> String {
        let maker = &self.by.id.name;
        let external = match kind {
            "ConfigMap" => Some("configMaps"),
            "Secret" => Some("secrets"),
            _ => None,
        };
        match (self.way, external) {
            (Way::Chart, _) => {
                "render the chart with `helm template` and pass the result with a --baseline of its own".to_owned()
            }
            (Way::Build, _) => {
                let path = self.by.node.text_at(&["spec", "path"]).unwrap_or("./");
                format!(
                    "pass the folder that it builds, `{path}`, or what `flux build kustomization {maker} --path {path}` \
                     prints with a --baseline of its own"
                )
            }
            (Way::Argo, _) => {
                format!("pass what `argocd app manifests {maker}` prints with a --baseline of its own")
            }
            (Way::Everywhere, Some(list)) => format!(
                "if it does so for previews too, which have the labels of the baseline's Namespace, list `{name}` under \
                 spec.external.{list}"
            ),
            (_, Some(list)) => format!(
                "for previews have `{name}` made by other means, such as a rule that copies it into their namespaces, and \
                 list it under spec.external.{list}"
            ),
            (_, None) => "what it runs cannot be copied, as no manifest shows it: pass the object itself with --baseline if \
                          you have its manifest"
                .to_owned(),
        }
    }
}

/// Whether an object may make any other, whatever it is called.
pub(crate) fn may_make(object: &Object) -> bool {
    match find(&object.id.group, &object.id.kind) {
        Some(maker) => maker.products_of(object).next().is_some(),
        None => is_unknown(object),
    }
}

/// The objects that make this one. If some do so more certainly than others, only these.
pub(crate) fn makers<'a>(
    objects: impl IntoIterator<Item = &'a Object>,
    wanted: &Id,
) -> Vec<Made<'a>> {
    let all = objects.into_iter().filter_map(|object| made_by(object, wanted));
    let mut all: Vec<Made<'a>> = all.collect();
    let best = all.iter().map(|made| made.certainty).max();
    all.retain(|made| Some(made.certainty) == best);
    all
}

/// The Services that an object is known to make, and those that a chart probably makes: their namespace and names. The
/// namespace is that of the object, unless it names another.
pub(crate) fn services_of(object: &Object) -> Option<(&str, Vec<String>)> {
    let maker = find(&object.id.group, &object.id.kind)?;
    let of_services = |(kind, _): &&(&str, &str)| matches!(*kind, "" | "Service");
    let certain = maker.products_of(object).filter(of_services);
    let certain = certain.filter(|(_, pattern)| !pattern.contains('*'));
    let names: Vec<String> = certain.flat_map(|(_, pattern)| expand(pattern, object)).collect();
    let namespace = maker.namespaces(object).next().unwrap_or(&object.id.namespace);
    (!names.is_empty()).then_some((namespace, names))
}

/// The names that a pattern without `*` stands for.
fn expand(pattern: &str, object: &Object) -> Vec<String> {
    let Some((before, rest)) = pattern.split_once('{') else { return vec![pattern.to_owned()] };
    let (field, rest) = rest.split_once('}').unwrap_or((rest, ""));
    let behind = expand(rest, object);
    let values = values(field, object).filter(|value| !value.is_empty());
    let with = |value: &str| {
        let name = |rest: &String| format!("{before}{value}{rest}");
        behind.iter().map(name).collect::<Vec<_>>()
    };
    values.flat_map(with).collect()
}

fn made_by<'a>(object: &'a Object, wanted: &Id) -> Option<Made<'a>> {
    let of = |certainty, way| Some(Made { by: object, certainty, way });
    let Some(maker) = find(&object.id.group, &object.id.kind) else {
        return of(unknown(object, wanted)?, Way::Operator);
    };
    let mut namespaces = maker.namespaces(object).peekable();
    let is_there = maker.namespace == "*"
        || namespaces.peek().is_none()
        || namespaces.any(|namespace| namespace == wanted.namespace);
    let fits = |(kind, pattern): &&(&str, &str)| {
        (kind.is_empty() || *kind == wanted.kind) && fits(pattern, object, &wanted.name)
    };
    let (_, pattern) = maker.products_of(object).filter(|_| is_there).find(fits)?;
    let is_known = !matches!(maker.way, Way::Chart | Way::Build | Way::Argo);
    match *pattern {
        "*" => of(Certainty::Conceivable, maker.way),
        pattern if is_known && !pattern.contains('*') => of(Certainty::Sure, maker.way),
        _ => of(Certainty::Likely, maker.way),
    }
}

fn find(group: &str, kind: &str) -> Option<&'static Maker> {
    let order = |maker: &Maker| maker.group.cmp(group).then_with(|| maker.kind.cmp(kind));
    MAKERS.binary_search_by(order).ok().map(|at| &MAKERS[at])
}

/// Whether an object is a custom resource of a kind without a row.
fn is_unknown(object: &Object) -> bool {
    // Groups whose objects configure what is there.
    const CONFIGURE: [&str; 9] = [
        "k8s.io",
        "istio.io",
        "fluxcd.io",
        "cilium.io",
        "linkerd.io",
        "traefik.io",
        "keda.sh",
        "kyverno.io",
        "k8s.cni.cncf.io",
    ];
    let Id { group, .. } = &object.id;
    let configures = CONFIGURE.iter().any(|of| group.ends_with(of));
    group.contains('.') && !configures && object.row.is_none()
}

/// How certain it is that a custom resource of an unknown kind makes an object. It probably makes one of its own name,
/// and perhaps one whose name begins with its own or is in its spec.
fn unknown(object: &Object, wanted: &Id) -> Option<Certainty> {
    let Id { namespace, name, .. } = &object.id;
    if namespace != &wanted.namespace || !is_unknown(object) {
        return None;
    }
    // Crossplane's word for the Secret that a resource makes.
    let mut written = Vec::new();
    texts(&object.node, "spec.writeConnectionSecretToRef.name", &mut written);
    let is_written = wanted.kind == "Secret" && written.contains(&wanted.name.as_str());
    if name == &wanted.name || is_written {
        return Some(Certainty::Likely);
    }
    let begins = wanted.name.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('-'));
    let spec = object.node.get("spec");
    let names = || spec.is_some_and(|spec| spec.any_text(&|text| text == wanted.name));
    let is_data = matches!(wanted.kind.as_str(), "Secret" | "ConfigMap");
    (begins || is_data && names()).then_some(Certainty::Possible)
}

/// Whether a name fits a pattern: `{a.b|c}` stands for the first of these fields of an object that it has, `[]` for the
/// items of a list, `@` for an annotation, and `*` for any text.
fn fits(pattern: &str, object: &Object, name: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix('{') {
        let (field, rest) = rest.split_once('}').unwrap_or((rest, ""));
        return values(field, object)
            .filter(|value| !value.is_empty())
            .filter_map(|value| name.strip_prefix(value))
            .any(|name| fits(rest, object, name));
    }
    if let Some(rest) = pattern.strip_prefix('*') {
        return name.char_indices().any(|(at, _)| fits(rest, object, &name[at..]))
            || rest.is_empty();
    }
    let end = pattern.find(['{', '*']).unwrap_or(pattern.len());
    let (text, rest) = pattern.split_at(end);
    match name.strip_prefix(text) {
        Some(name) if rest.is_empty() => name.is_empty(),
        Some(name) => fits(rest, object, name),
        None => false,
    }
}

/// The values of the first of several fields, between `|`, that an object has.
fn values<'o>(fields: &'o str, object: &'o Object) -> impl Iterator<Item = &'o str> {
    let of_field = |field: &'o str| -> Vec<&'o str> {
        match field {
            "name" => vec![object.id.name.as_str()],
            "namespace" => vec![object.id.namespace.as_str()],
            _ => match field.strip_prefix('@') {
                Some(key) => object.annotation(key).into_iter().collect(),
                None => {
                    let mut of_field = Vec::new();
                    texts(&object.node, field, &mut of_field);
                    of_field
                }
            },
        }
    };
    fields
        .split('|')
        .map(of_field)
        .find(|values| !values.is_empty())
        .unwrap_or_default()
        .into_iter()
}

/// The texts behind a path, `[]` behind a key meaning each item.
fn texts<'o>(node: &'o Node, path: &str, out: &mut Vec<&'o str>) {
    let Some((key, rest)) = path.split_once('.').or((!path.is_empty()).then_some((path, "")))
    else {
        out.extend(node.text());
        return;
    };
    match key.strip_suffix("[]") {
        Some(key) => {
            let items = node.items_at(&[key]);
            items.iter().for_each(|item| texts(item, rest, out));
        }
        None => node.get(key).into_iter().for_each(|value| texts(value, rest, out)),
    }
}

/// The rows for the documentation: group, kind, how what it makes gets into a preview, and what it makes.
pub(crate) fn table() -> impl Iterator<Item = (&'static str, &'static str, Way, Vec<String>)> {
    let rows = MAKERS.iter().filter(|maker| !maker.products.is_empty());
    rows.map(|maker| {
        let products = maker.products.iter().chain(maker.anyway);
        let described = |(kind, pattern): &(&str, &str)| {
            format!("{} `{pattern}`", if kind.is_empty() { "anything" } else { kind })
        };
        (maker.group, maker.kind, maker.way, products.map(described).collect())
    })
}
