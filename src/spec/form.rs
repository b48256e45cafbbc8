//! The JSON Schema of previews.yaml as a tree of Rust values, which checks a file with many thousand fields quickly.

use serde_json::Value;

/// The schema of a value.
#[derive(Debug)]
pub(super) struct Form {
    /// Its type.
    pub(super) kind: Kind,
    /// The fields of an object, by name.
    pub(super) fields: Vec<Field>,
    /// The schema of fields that are not listed, if any are allowed.
    rest: Option<Box<Form>>,
    /// The schema of the items of a list.
    pub(super) items: Option<Box<Form>>,
    /// The values that a string may have, if they are listed.
    pub(super) allowed: Option<Vec<String>>,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Object,
    Array,
    String,
    Boolean,
    Integer { most: u64 },
    Any,
}

/// A field of an object.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) required: bool,
    /// The first paragraph of its description.
    pub(super) description: String,
    form: Form,
}

impl Form {
    /// Reads a JSON Schema without references.
    ///
    /// # Panics
    /// If the text is no JSON: it is one of the program's own.
    pub(super) fn read(text: &str) -> Self {
        Self::new(&serde_json::from_str(text).expect("a schema of the program is JSON"))
    }

    fn new(schema: &Value) -> Self {
        let kind = match schema["type"].as_str() {
            Some("object") => Kind::Object,
            Some("array") => Kind::Array,
            Some("string") => Kind::String,
            Some("boolean") => Kind::Boolean,
            Some("integer") => {
                let of_format =
                    if schema["format"] == "uint32" { u32::MAX.into() } else { u64::MAX };
                Kind::Integer { most: schema["maximum"].as_u64().unwrap_or(of_format) }
            }
            _ => Kind::Any,
        };
        let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        let fields = schema["properties"].as_object().into_iter().flatten();
        let fields = fields.map(|(name, schema)| Field {
            name: name.clone(),
            required: required.iter().any(|one| one == name),
            description: first_paragraph(&schema["description"]),
            form: Self::new(schema),
        });
        let form = |key: &str| schema.get(key).filter(|value| value.is_object());
        let constant = schema.get("const").map(std::slice::from_ref);
        let allowed = constant.or_else(|| schema["enum"].as_array().map(Vec::as_slice));
        let texts =
            |values: &[Value]| values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Self {
            kind,
            fields: fields.collect(),
            // `true` is the schema that allows everything.
            rest: (schema.get("additionalProperties") == Some(&Value::Bool(true)))
                .then_some(&Value::Bool(true))
                .or_else(|| form("additionalProperties"))
                .map(|rest| Box::new(Self::new(rest))),
            items: form("items").map(|items| Box::new(Self::new(items))),
            allowed: allowed.map(texts),
        }
    }

    /// The schema of a field.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        let known = self.fields.iter().find(|field| field.name == name);
        known.map(|field| &field.form).or(self.rest.as_deref())
    }
}

fn first_paragraph(description: &Value) -> String {
    let text = description.as_str().unwrap_or_default();
    text.split("\n\n").next().unwrap_or_default().to_owned()
}
