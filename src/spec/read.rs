//! A tree to [`Previews`] or [`Affected`], with every mistake at once.
//!
//! The tree is walked beside the JSON Schema, which reports unknown fields, missing fields and wrong
//! types with their places; only a tree without mistakes is handed to serde.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::affected::Affected;
use super::form::{Form, Kind};
use super::schema;
use super::v1alpha1::Previews;
use super::{AFFECTED_KIND, API_VERSION, KIND, ServiceFacts};
use crate::diagnostic::{Diagnostic, Place, Refused, Report, code, nearest};
use crate::yaml::scalar::{Resolved, is_ambiguous, is_date};
use crate::yaml::{Data, Node};

/// previews.yaml as read: its values, and where each stands in the text.
#[derive(Debug)]
pub struct Config {
    /// The values.
    pub(crate) previews: Previews,
    node: Node,
    /// The indices of `spec.services`, by name.
    facts: BTreeMap<String, Vec<usize>>,
}

impl Config {
    /// Reads a document.
    ///
    /// # Errors
    /// Every unknown field, missing field and wrong type of the document, as far as a report holds them.
    pub fn read(node: Node) -> Result<Self, Refused> {
        if let Some(error) = foreign_to_us(&node) {
            return Err(error.into());
        }
        let mut previews = read_previews(&node)?;
        let is_said = |field| node.at(&["spec", field]).is_some_and(|node| !node.is_null());
        if !previews.spec.baseline.namespaces.is_empty() && !is_said("namespace") {
            previews.spec.namespace = "{preview}-{baseline}".to_owned();
        }
        let mut facts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, service) in previews.spec.services.iter().enumerate() {
            facts.entry(service.name.clone()).or_default().push(index);
        }
        Ok(Self { previews, node, facts })
    }

    /// The name of this set of previews, by which several files of one cluster are told apart.
    #[must_use]
    pub fn set(&self) -> &str {
        &self.previews.metadata.name
    }

    /// The item of `spec.services` for a service, if there is one.
    #[must_use]
    pub fn facts(&self, service: &str, namespace: &str) -> Option<&ServiceFacts> {
        let all = self.facts.get(service)?.iter().map(|&index| &self.previews.spec.services[index]);
        // Two are an error; until it is reported, the first counts.
        let mut all = all.filter(|one| one.namespace.is_empty() || one.namespace == namespace);
        all.next()
    }

    /// Whether `spec.services` says that calls from outside a preview keep going to the baseline's copy of a service.
    #[must_use]
    pub(crate) fn is_unrouted(&self, service: &str, namespace: &str) -> bool {
        self.facts(service, namespace).is_some_and(|facts| facts.unrouted)
    }

    /// A field below `spec.flux` that only Flux interprets, as a tree; `None` if it is empty.
    #[must_use]
    pub fn flux(&self, field: &str) -> Option<&Node> {
        self.node.at(&["spec", "flux", field]).filter(|node| !node.entries().is_empty())
    }

    /// A field below `spec.limits.quota`, as a tree; `None` if it is empty.
    #[must_use]
    pub fn quota(&self, field: &str) -> Option<&Node> {
        let node = self.node.at(&["spec", "limits", "quota", field]);
        node.filter(|node| !node.entries().is_empty())
    }

    /// Whether the file says `delivery: include`. The output of the function always includes the baseline, whatever
    /// the file says, and is applied by whatever applies the baseline today.
    #[must_use]
    pub fn says_include(&self) -> bool {
        self.node.at(&["spec", "baseline", "delivery"]).and_then(Node::text) == Some("include")
    }

    /// The tree of the document.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The place of a field such as `spec.previews[0].name`; of its nearest parent if the field is not written.
    #[must_use]
    pub fn place(&self, path: &str) -> Place {
        place_of(&self.node, path)
    }

    /// A finding about a field. The path is formatted only here, when there is something to report.
    #[must_use]
    pub fn finding(
        &self,
        code: &'static crate::diagnostic::Code,
        path: impl ToString,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        let path = path.to_string();
        Diagnostic::new(code, message, help).at(self.place(&path), "").field(path)
    }
}

/// Reads affected.yaml.
///
/// # Errors
/// Every unknown field, missing field and wrong type of the document, as far as a report holds them.
pub(crate) fn read_affected(node: &Node) -> Result<Affected, Refused> {
    if node.text_at(&["kind"]) != Some(AFFECTED_KIND) {
        let message = "this document is not a map of paths: its kind is another, or missing";
        let help = format!("begin it with `apiVersion: {API_VERSION}` and `kind: {AFFECTED_KIND}`");
        return Err(foreign(node, message, help).into());
    }
    read_as(node, &Form::read(schema::AFFECTED), |_, _| ())
}

fn read_previews(node: &Node) -> Result<Previews, Refused> {
    read_as(node, &Form::read(schema::PREVIEWS), check_baseline)
}

fn read_as<'n, T: Deserialize<'n> + Send>(
    node: &'n Node,
    form: &Form,
    check_more: impl FnOnce(&Node, &mut Report),
) -> Result<T, Refused> {
    let mut report = Report::default();
    // Mistakes were reported above, in our words. Those of serde are for a mistake that the schema does not know.
    let (read, ()) =
        rayon::join(|| T::deserialize(node), || check(node, form, &Path::Root, &mut report));
    check_more(node, &mut report);
    report.unless_errors(())?;
    read.map_err(|error| {
        let message = format!("the document cannot be read: {error}");
        let help = "compare the value with `anabranch schema`";
        let error = Diagnostic::new(&code::CONFIG_TYPE, message, help);
        error.at(node.place, "in this document").into()
    })
}

/// Checks that the baseline has exactly one of `namespace` and `namespaces`, which a schema without references cannot
/// say.
fn check_baseline(node: &Node, report: &mut Report) {
    let Some(baseline) =
        node.at(&["spec", "baseline"]).filter(|it| matches!(it.data, Data::Map(_)))
    else {
        return;
    };
    let said = |field| baseline.get(field).filter(|node| !node.is_null());
    let (field, message, help, place) = match (said("namespace"), said("namespaces")) {
        (None, None) => (
            "spec.baseline.namespace",
            "the field `spec.baseline.namespace` is missing",
            "add `namespace`, or `namespaces` where the baseline has several; manifests without one belong to it",
            baseline.place,
        ),
        (Some(_), Some(several)) => (
            "spec.baseline.namespaces",
            "the baseline has both `namespace` and `namespaces`",
            "keep `namespaces`, with all of them in it",
            several.place,
        ),
        (None, Some(none)) if none.items().is_empty() => (
            "spec.baseline.namespaces",
            "the baseline has no namespace",
            "list the namespaces in which its services run",
            none.place,
        ),
        _ => return,
    };
    let finding = Diagnostic::new(&code::CONFIG_FIELD, message, help);
    report.push(finding.at(place, "").field(field));
}

/// Whether a document is meant for anabranch, by its kind or its version.
fn is_ours(node: &Node) -> bool {
    let version = node.text_at(&["apiVersion"]).unwrap_or_default();
    node.text_at(&["kind"]) == Some(KIND) || version.starts_with("anabranch.dev/")
}

/// The finding about a document that is meant for another program. It quotes nothing of the content: that may be
/// secret, and a link may have led there.
pub(crate) fn foreign_to_us(node: &Node) -> Option<Diagnostic> {
    let message =
        "this document is not a previews file: its kind and apiVersion are others, or missing";
    let help = format!("begin it with `apiVersion: {API_VERSION}` and `kind: {KIND}`");
    (!is_ours(node)).then(|| foreign(node, message, help))
}

fn foreign(node: &Node, message: &str, help: String) -> Diagnostic {
    let start = node.place.range().start;
    Diagnostic::new(&code::CONFIG_FIELD, message, help)
        .at(Place::new(node.place.file(), start, start), "expected apiVersion and kind")
}

fn place_of(node: &Node, path: &str) -> Place {
    let mut path = path;
    loop {
        if let Some(value) = node.at_path(path) {
            return value.place;
        }
        match path.rfind(['.', '[']) {
            Some(cut) => path = &path[..cut],
            None => return node.place,
        }
    }
}

/// The path of a field, formatted only for a message.
enum Path<'p> {
    Root,
    Field(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl std::fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

fn check(node: &Node, form: &Form, path: &Path<'_>, report: &mut Report) {
    match form.kind {
        Kind::Object => check_object(node, form, path, report),
        Kind::Array => {
            if !matches!(node.data, Data::List(_)) {
                report.push(wrong_type(node, "a list", path));
            }
            if let Some(items) = &form.items {
                for (index, item) in node.items().iter().enumerate() {
                    if report.len() > Report::KEPT {
                        return;
                    }
                    check(item, items, &Path::Item(path, index), report);
                }
            }
        }
        Kind::String => check_string(node, form, path, report),
        Kind::Boolean => {
            if !matches!(node.resolve(), Some(Resolved::Bool(_))) {
                let is_quoted = matches!(quoted(node), Some("true" | "false"));
                report.push(without_quotes(
                    node,
                    is_quoted,
                    wrong_type(node, "true or false", path),
                ));
            }
        }
        Kind::Integer { most } => {
            let value = node.integer_value().and_then(|value| u64::try_from(value).ok());
            match value {
                None => {
                    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
                    let is_quoted =
                        quoted(node).is_some_and(|text| !text.is_empty() && digits(text));
                    let error = wrong_type(node, "a whole number, zero or more", path);
                    report.push(without_quotes(node, is_quoted, error));
                }
                Some(value) if value > most => {
                    report.push(wrong_type(node, &format!("a whole number up to {most}"), path));
                }
                Some(_) => {}
            }
        }
        Kind::Any => {}
    }
}

fn check_object(node: &Node, form: &Form, path: &Path<'_>, report: &mut Report) {
    if !matches!(node.data, Data::Map(_)) {
        report.push(wrong_type(node, "a mapping", path));
        return;
    }
    for (key, value) in node.entries() {
        if report.len() > Report::KEPT {
            return;
        }
        let inside = Path::Field(path, &key.text);
        match form.field(&key.text) {
            Some(_) if value.is_null() => {}
            Some(form) => check(value, form, &inside, report),
            None => {
                let names = form.fields.iter().map(|field| field.name.as_str());
                let help = nearest(&key.text, names.clone()).map_or_else(
                    || format!("the fields here are: {}", names.collect::<Vec<_>>().join(", ")),
                    |name| format!("did you mean `{name}`?"),
                );
                let message = format!("unknown field `{inside}`");
                report.push(
                    Diagnostic::new(&code::CONFIG_FIELD, message, help)
                        .at(key.place, "no such field")
                        .field(inside.to_string()),
                );
            }
        }
    }
    for field in form.fields.iter().filter(|field| field.required) {
        let name = field.name.as_str();
        if node.get(name).is_none_or(Node::is_null) {
            let inside = Path::Field(path, name);
            report.push(
                Diagnostic::new(
                    &code::CONFIG_FIELD,
                    format!("the field `{inside}` is missing"),
                    format!("add `{name}`, {}", lower_first(&field.form.description)),
                )
                .at(node.place, format!("`{name}` is missing here"))
                .field(inside.to_string()),
            );
        }
    }
}

fn check_string(node: &Node, form: &Form, path: &Path<'_>, report: &mut Report) {
    let Data::Scalar { text, .. } = &node.data else {
        let mut error = wrong_type(node, "a string", path);
        // To YAML, `{preview}` without quotes is a mapping of one key.
        if let [(key, value)] = node.entries()
            && value.is_null()
        {
            error.help = format!("put the value into quotes: \"{{{}}}\"", key.text);
        }
        report.push(error);
        return;
    };
    if let Some(read_as) = misread(node) {
        report.push(
            Diagnostic::new(
                &code::CONFIG_TYPE,
                format!("`{path}` is a string, but `{text}` without quotes is read as {read_as}"),
                format!("quote this value: \"{text}\""),
            )
            .at(node.place, "quote this value")
            .field(path.to_string()),
        );
        return;
    }
    if let Some(allowed) =
        form.allowed.as_ref().filter(|allowed| !allowed.iter().any(|one| one == text))
    {
        let help = nearest(text, allowed.iter().map(String::as_str)).map_or_else(
            || format!("write one of: {}", allowed.join(", ")),
            |name| format!("did you mean `{name}`? allowed: {}", allowed.join(", ")),
        );
        report.push(
            Diagnostic::new(&code::CONFIG_FIELD, format!("`{path}` cannot be `{text}`"), help)
                .at(node.place, "not allowed")
                .field(path.to_string()),
        );
    }
}

/// The text of a scalar that is in quotes.
fn quoted(node: &Node) -> Option<&str> {
    match &node.data {
        Data::Scalar { text, plain: false } => Some(text),
        _ => None,
    }
}

/// Adds the remedy to an error that is only about quotes.
fn without_quotes(node: &Node, is_quoted: bool, mut error: Diagnostic) -> Diagnostic {
    if is_quoted {
        error.help = format!("remove the quotes: {}", quoted(node).unwrap_or_default());
    }
    error
}

/// A description with a small first letter, to be part of another sentence.
fn lower_first(text: &str) -> String {
    let mut rest = text.trim_end_matches('.').chars();
    rest.next().map_or(String::new(), |first| first.to_lowercase().chain(rest).collect())
}

/// What readers make of a plain scalar that is to be a string; none where all of them read a string.
pub(crate) fn misread(node: &Node) -> Option<String> {
    let Data::Scalar { text, plain } = &node.data else {
        return None;
    };
    match node.resolve() {
        Some(Resolved::Number(number)) => Some(format!("the number {}", plainly(&number))),
        Some(Resolved::Bool(value)) => Some(format!("the boolean {value}")),
        Some(Resolved::Null) => Some("null".to_owned()),
        _ if *plain && is_date(text) => Some("a date by kustomize".to_owned()),
        _ if *plain && is_ambiguous(text) => Some("a boolean by kubectl".to_owned()),
        _ => None,
    }
}

/// A number as YAML readers print it: `1.10` is 1.1, `1e10` is 10000000000.
fn plainly(number: &str) -> String {
    let is_float = number.contains(['.', 'e', 'E']);
    let value = number.parse::<f64>().ok().filter(|_| is_float);
    value.map_or_else(|| number.to_owned(), |value| value.to_string())
}

fn wrong_type(node: &Node, wanted: &str, path: &Path<'_>) -> Diagnostic {
    let actual = match &node.data {
        Data::Map(_) => "a mapping".to_owned(),
        Data::List(_) => "a list".to_owned(),
        Data::Scalar { .. } if node.is_null() => "nothing".to_owned(),
        Data::Scalar { text, plain: false } => format!("the text `{text}`"),
        Data::Scalar { text, .. } => format!("`{text}`"),
    };
    let path = path.to_string();
    let name = if path.is_empty() { "the document" } else { &path };
    Diagnostic::new(
        &code::CONFIG_TYPE,
        format!("`{name}` takes {wanted}, not {actual}"),
        format!("write {wanted} here; `anabranch schema` shows the form"),
    )
    .at(node.place, format!("expected {wanted}"))
    .field(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Sources;
    use crate::limits::InputLimits;
    use crate::yaml::parse_documents;

    fn read(text: &str) -> Result<Previews, Refused> {
        let mut sources = Sources::default();
        let file = sources.add("previews.yaml", text);
        let documents = parse_documents(&sources, file, &InputLimits::default()).expect("YAML");
        read_previews(&documents[0])
    }

    const HEAD: &str = "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\n";

    #[test]
    fn only_namespace_and_the_previews_names_and_services_are_needed() {
        let previews = read(&format!(
            "{HEAD}spec:\n  baseline: {{namespace: baseline}}\n  previews:\n  - name: pr-1\n    services:\n    - name: cart\n"
        ))
        .expect("valid");
        assert_eq!(previews.spec.prefix, "pr-");
        assert_eq!(previews.spec.routing.key.header, "x-preview-id");
        assert_eq!(previews.spec.previews[0].services[0].replicas, 1);
        assert_eq!(previews.spec.limits.previews, 100);
    }

    #[test]
    fn all_mistakes_come_at_once() {
        let errors = read(&format!(
            "{HEAD}spec:\n  baseline: {{namespace: 7, delivery: extern}}\n  prefx: pr-\n  previews:\n  - name: on\n    services: cart\n  - services: []\n"
        ))
        .expect_err("wrong");
        let fields: Vec<_> = errors.iter().filter_map(|error| error.field.as_deref()).collect();
        assert_eq!(
            fields,
            [
                "spec.baseline.namespace",
                "spec.baseline.delivery",
                "spec.prefx",
                "spec.previews[0].name",
                "spec.previews[0].services",
                "spec.previews[1].name"
            ]
        );
        assert!(errors[0].help.contains("quote this value"));
        assert!(errors[1].help.contains("external"));
        assert!(errors[2].help.contains("`prefix`"));
    }
}
