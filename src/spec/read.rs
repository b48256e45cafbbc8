//! A tree to [`Previews`], with every mistake at once.
//!
//! The tree is walked beside the JSON Schema, which reports unknown fields, missing fields and wrong
//! types with their places; only a tree without mistakes is handed to serde.

use serde_json::Value;

use super::schema::previews_schema;
use super::v1alpha1::Previews;
use crate::diagnostic::{Diagnostic, Place, code, nearest};
use crate::yaml::scalar::{is_ambiguous, is_date};
use crate::yaml::{Data, Node};

/// previews.yaml: what it says, and where it says it.
#[derive(Debug)]
pub struct Config {
    /// What it says.
    pub previews: Previews,
    node: Node,
}

impl Config {
    /// Reads a document.
    ///
    /// # Errors
    /// Every unknown field, missing field and wrong type of the document.
    pub fn read(node: Node) -> Result<Self, Vec<Diagnostic>> {
        let previews = read_previews(&node)?;
        Ok(Self { previews, node })
    }

    /// The document as it was written.
    #[must_use]
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// The place of a field such as `spec.previews[0].name`, or of the nearest thing around it.
    #[must_use]
    pub fn place(&self, path: &str) -> Place {
        place_of(&self.node, path)
    }

    /// A finding about a field.
    #[must_use]
    pub fn finding(
        &self,
        code: &'static crate::diagnostic::Code,
        path: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::new(code, message, help).at(self.place(path), "").field(path)
    }
}

fn read_previews(node: &Node) -> Result<Previews, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    check(node, &previews_schema(), "", &mut errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut value = node.to_json();
    drop_nulls(&mut value);
    serde_json::from_value(value).map_err(|error| {
        let message = format!("previews.yaml cannot be read: {error}");
        let help = "compare the value with `anabranch schema`";
        vec![Diagnostic::new(&code::CONFIG_TYPE, message, help).at(node.place, "in this document")]
    })
}

fn place_of(node: &Node, path: &str) -> Place {
    let mut path = path;
    loop {
        if let Some(found) = node.at_path(path) {
            return found.place;
        }
        match path.rfind(['.', '[']) {
            Some(cut) => path = &path[..cut],
            None => return node.place,
        }
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn check(node: &Node, schema: &Value, path: &str, errors: &mut Vec<Diagnostic>) {
    match schema["type"].as_str() {
        Some("object") => check_object(node, schema, path, errors),
        Some("array") => {
            if !matches!(node.data, Data::List(_)) {
                errors.push(wrong_type(node, "a list", path));
            }
            for (index, item) in node.items().iter().enumerate() {
                check(item, &schema["items"], &format!("{path}[{index}]"), errors);
            }
        }
        Some("string") => check_string(node, schema, path, errors),
        Some("boolean") if !matches!(node.to_json(), Value::Bool(_)) => {
            errors.push(wrong_type(node, "true or false", path));
        }
        Some("integer") => {
            let fits = node.integer_value().is_some_and(|value| {
                value >= 0 && (schema["format"] != "uint32" || u32::try_from(value).is_ok())
            });
            if !fits {
                errors.push(wrong_type(node, "a whole number, zero or more", path));
            }
        }
        _ => {}
    }
}

fn check_object(node: &Node, schema: &Value, path: &str, errors: &mut Vec<Diagnostic>) {
    if !matches!(node.data, Data::Map(_)) {
        errors.push(wrong_type(node, "a mapping", path));
        return;
    }
    let inside = |key: &str| {
        if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
    };
    let properties = schema["properties"].as_object();
    for (key, value) in node.entries() {
        let known = properties.and_then(|properties| properties.get(&key.text));
        match known.or_else(|| schema.get("additionalProperties").filter(|more| more.is_object())) {
            Some(_) if value.is_null() => {}
            Some(schema) => check(value, schema, &inside(&key.text), errors),
            None => {
                let names = properties.into_iter().flat_map(|map| map.keys().map(String::as_str));
                let help = nearest(&key.text, names.clone()).map_or_else(
                    || format!("the fields here are: {}", names.collect::<Vec<_>>().join(", ")),
                    |name| format!("did you mean `{name}`?"),
                );
                let message = format!("unknown field `{}`", inside(&key.text));
                errors.push(
                    Diagnostic::new(&code::CONFIG_FIELD, message, help)
                        .at(key.place, "no such field")
                        .field(inside(&key.text)),
                );
            }
        }
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if node.get(name).is_none_or(Node::is_null) {
            let what = properties.and_then(|map| map[name]["description"].as_str()).unwrap_or("");
            let message = format!("the field `{}` is missing", inside(name));
            errors.push(
                Diagnostic::new(
                    &code::CONFIG_FIELD,
                    message,
                    format!("add `{name}`, {}", lower_first(what)),
                )
                .at(node.place, format!("`{name}` is missing here"))
                .field(inside(name)),
            );
        }
    }
}

fn check_string(node: &Node, schema: &Value, path: &str, errors: &mut Vec<Diagnostic>) {
    let Data::Scalar { text, plain } = &node.data else {
        errors.push(wrong_type(node, "a string", path));
        return;
    };
    let read_as = match node.to_json() {
        Value::Number(number) => Some(format!("the number {}", plainly(&number))),
        Value::Bool(value) => Some(format!("the boolean {value}")),
        Value::Null => Some("null".to_owned()),
        _ if *plain && is_date(text) => Some("a date by kustomize".to_owned()),
        _ if *plain && is_ambiguous(text) => Some("a boolean by kubectl".to_owned()),
        _ => None,
    };
    if let Some(read_as) = read_as {
        errors.push(
            Diagnostic::new(
                &code::CONFIG_TYPE,
                format!("`{path}` is a string, but `{text}` without quotes is read as {read_as}"),
                format!("quote this value: \"{text}\""),
            )
            .at(node.place, "quote this value")
            .field(path),
        );
        return;
    }
    let constant = schema.get("const").map(std::slice::from_ref);
    let allowed = constant.or_else(|| schema["enum"].as_array().map(Vec::as_slice));
    if let Some(allowed) = allowed.filter(|allowed| !allowed.iter().any(|one| one == text)) {
        let names: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        let help = nearest(text, names.iter().copied()).map_or_else(
            || format!("write one of: {}", names.join(", ")),
            |name| format!("did you mean `{name}`? allowed: {}", names.join(", ")),
        );
        errors.push(
            Diagnostic::new(&code::CONFIG_FIELD, format!("`{path}` cannot be `{text}`"), help)
                .at(node.place, "not allowed")
                .field(path),
        );
    }
}

/// The sentence of a field's documentation as a part of another sentence.
fn lower_first(text: &str) -> String {
    let mut rest = text.trim_end_matches('.').chars();
    rest.next().map_or(String::new(), |first| first.to_lowercase().chain(rest).collect())
}

/// A number as a reader gives it back: `1.10` is 1.1, `1e10` is 10000000000.
fn plainly(number: &serde_json::Number) -> String {
    let text = number.to_string();
    let is_float = text.contains(['.', 'e', 'E']);
    number.as_f64().filter(|_| is_float).map_or(text, |value| value.to_string())
}

fn wrong_type(node: &Node, wanted: &str, path: &str) -> Diagnostic {
    let found = match &node.data {
        Data::Map(_) => "a mapping".to_owned(),
        Data::List(_) => "a list".to_owned(),
        Data::Scalar { .. } if node.is_null() => "nothing".to_owned(),
        Data::Scalar { text, .. } => format!("`{text}`"),
    };
    let name = if path.is_empty() { "the document" } else { path };
    Diagnostic::new(
        &code::CONFIG_TYPE,
        format!("`{name}` takes {wanted}, not {found}"),
        format!("write {wanted} here; `anabranch schema` shows the form"),
    )
    .at(node.place, format!("expected {wanted}"))
    .field(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Sources;
    use crate::yaml::{Budget, parse_documents};

    fn read(text: &str) -> Result<Previews, Vec<Diagnostic>> {
        let mut sources = Sources::default();
        let file = sources.add("previews.yaml", text);
        let documents = parse_documents(&sources, file, &Budget::default()).expect("YAML");
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
