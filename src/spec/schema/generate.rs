//! Makes the schemas and the definition from the Rust types.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{AFFECTED, DEFINITION, PREVIEWS};
use crate::spec::affected::Affected;
use crate::spec::v1alpha1::Previews;
use crate::spec::{AFFECTED_KIND, API_VERSION, KIND};
use crate::yaml::{Node, write_document};

fn previews_schema() -> Value {
    schema_of::<Previews>(KIND)
}

fn affected_schema() -> Value {
    schema_of::<Affected>(AFFECTED_KIND)
}

fn schema_of<T: JsonSchema>(kind: &str) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    simplify(&mut schema);
    schema["properties"]["apiVersion"]["const"] = json!(API_VERSION);
    schema["properties"]["kind"]["const"] = json!(kind);
    schema
}

fn definition() -> Value {
    let mut schema = previews_schema();
    // Structural schemas of Kubernetes do not have this keyword.
    without(&mut schema, "enumDescriptions");
    if let Some(root) = schema.as_object_mut() {
        root.retain(|key, _| !matches!(key.as_str(), "$schema" | "title"));
        for field in ["apiVersion", "kind"] {
            root["properties"][field].as_object_mut().map(|field| field.remove("const"));
        }
    }
    json!({
        "apiVersion": "config.kubernetes.io/v1alpha1",
        "kind": "KRMFunctionDefinition",
        "metadata": {"name": "anabranch"},
        "spec": {
            "group": "anabranch.dev",
            "names": {"kind": KIND},
            "description": "Expands previews.yaml, together with the manifests of a baseline, into \
                            one preview environment per pull request.",
            "publisher": "anabranch",
            "versions": [{
                "name": "v1alpha1",
                "idempotent": true,
                "usage": "List previews.yaml under transformers: in a layer that has no namespace: field.",
                "license": "Apache-2.0",
                "schema": {"openAPIV3Schema": schema},
                "runtime": {
                    "container": {"image": concat!("ghcr.io/anabranch/anabranch:v", env!("CARGO_PKG_VERSION"))}
                },
            }],
        },
    })
}

/// Writes enumerations as `enum`, and optional values as plain ones: the forms that Kubernetes' structural schemas
/// have and that error messages can list.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(simplify),
        Value::Object(object) => {
            if let Some(Value::Array(choices)) = object.get("oneOf") {
                let values: Vec<Value> =
                    choices.iter().filter_map(|choice| choice.get("const").cloned()).collect();
                if values.len() == choices.len() {
                    let words = choices.iter().map(|choice| choice["description"].as_str());
                    let words: Vec<String> =
                        words.map(|words| words.unwrap_or_default().to_owned()).collect();
                    describe(object, &values, words);
                    object.remove("oneOf");
                    object.insert("type".to_owned(), json!("string"));
                    object.insert("enum".to_owned(), Value::Array(values));
                }
            }
            if let Some(Value::Array(choices)) = object.remove("anyOf") {
                let present = choices.into_iter().find(|choice| choice["type"] != json!("null"));
                if let Some(Value::Object(choice)) = present {
                    for (key, value) in choice {
                        object.entry(key).or_insert(value);
                    }
                }
            }
            object.values_mut().for_each(simplify);
        }
        _ => {}
    }
}

/// Keeps the description of each value of an enumeration: in `enumDescriptions` for editors that show it, and in the
/// description of the field for all others.
fn describe(object: &mut Map<String, Value>, values: &[Value], words: Vec<String>) {
    let mut text = object["description"].as_str().unwrap_or_default().to_owned();
    for (value, words) in values.iter().zip(&words) {
        let gap = if text.contains("\n\n") { "\n" } else { "\n\n" };
        text.push_str(&format!("{gap}- `{}`: {words}", value.as_str().unwrap_or_default()));
    }
    object.insert("description".to_owned(), json!(text));
    object.insert("enumDescriptions".to_owned(), json!(words));
}

/// Removes a keyword from a schema, at every depth.
fn without(schema: &mut Value, keyword: &str) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| without(item, keyword)),
        Value::Object(object) => {
            object.remove(keyword);
            object.values_mut().for_each(|value| without(value, keyword));
        }
        _ => {}
    }
}

#[test]
fn the_files_are_made_from_the_types() {
    let mut yaml = String::new();
    write_document(&mut yaml, &Node::from_json(definition()));
    for (name, contained, made) in [
        ("previews.schema.json", PREVIEWS, format!("{:#}\n", previews_schema())),
        ("affected.schema.json", AFFECTED, format!("{:#}\n", affected_schema())),
        ("definition.yaml", DEFINITION, yaml),
    ] {
        if std::env::var("GOLDEN").is_ok_and(|value| value == "bless") {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/functions/anabranch/");
            std::fs::write(format!("{folder}{name}"), made).expect("written");
        } else {
            assert_eq!(contained, made, "{name} is out of date: run `make schema`");
        }
    }
}

#[test]
fn the_schema_has_no_references_and_closes_every_object() {
    let (schema, other) = (previews_schema(), affected_schema());
    let text = format!("{schema}{other}");
    assert!(!text.contains("$ref") && !text.contains("oneOf") && !text.contains("anyOf"));
    assert_eq!(other["properties"]["spec"]["additionalProperties"], json!(false));
    let spec = &schema["properties"]["spec"];
    assert_eq!(spec["additionalProperties"], json!(false));
    assert_eq!(
        spec["properties"]["baseline"]["properties"]["delivery"]["enum"],
        json!(["external", "include"])
    );
}

#[test]
fn every_enumeration_says_what_its_values_mean_and_which_is_meant_without_one() {
    fn check(schema: &Value, path: &str, count: &mut usize) {
        if let Some(values) = schema["enum"].as_array() {
            *count += 1;
            let words = schema["enumDescriptions"].as_array().expect("a list");
            assert_eq!(words.len(), values.len(), "{path}");
            let description = schema["description"].as_str().expect("a text");
            for (value, words) in values.iter().zip(words) {
                let words = words.as_str().filter(|words| !words.is_empty()).expect("words");
                let line = format!("\n- `{}`: {words}", value.as_str().expect("a text"));
                assert!(description.contains(&line), "{path}: {description}");
            }
            // `provider` alone has no default.
            let has_default = values.contains(&schema["default"]);
            assert_eq!(has_default, !path.ends_with(".provider"), "{path}");
        }
        for (name, one) in schema["properties"].as_object().into_iter().flatten() {
            check(one, &format!("{path}.{name}"), count);
        }
        if schema["items"].is_object() {
            check(&schema["items"], path, count);
        }
    }
    let mut count = 0;
    check(&previews_schema(), "", &mut count);
    check(&affected_schema(), "", &mut count);
    assert!(count >= 10, "{count}");
    let definition = definition().to_string();
    assert!(!definition.contains("enumDescriptions") && definition.contains("- `include`: "));
}
