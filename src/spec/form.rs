//! The JSON Schema of previews.yaml as a tree of Rust values, which checks a file with many thousand fields quickly.

use std::borrow::Cow;
use std::fmt::{self, Formatter};

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The schema of a value.
#[derive(Debug)]
pub(super) struct Form {
    /// Its type.
    pub(super) kind: Kind,
    /// The first paragraph of its description.
    pub(super) description: String,
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
    pub(super) form: Form,
}

impl Form {
    /// Reads a JSON Schema without references.
    ///
    /// # Panics
    /// If the text is no schema: it is one of the program's own.
    pub(super) fn read(text: &str) -> Self {
        serde_json::from_str(text).expect("a schema of the program is valid")
    }

    /// The schema that allows everything.
    fn any() -> Self {
        Self {
            kind: Kind::Any,
            description: String::new(),
            fields: Vec::new(),
            rest: None,
            items: None,
            allowed: None,
        }
    }

    /// The schema of a field.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        let known = self.fields.iter().find(|field| field.name == name);
        known.map(|field| &field.form).or(self.rest.as_deref())
    }
}

/// Reads keyword by keyword. A tree of the whole text in between would take half a millisecond of each run.
impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let schema = Schema::deserialize(deserializer)?;
        let kind = match schema.kind.as_str() {
            Some("object") => Kind::Object,
            Some("array") => Kind::Array,
            Some("string") => Kind::String,
            Some("boolean") => Kind::Boolean,
            Some("integer") => {
                let is_short = schema.format.as_deref() == Some("uint32");
                let of_format = if is_short { u32::MAX.into() } else { u64::MAX };
                Kind::Integer { most: schema.maximum.unwrap_or(of_format) }
            }
            _ => Kind::Any,
        };
        let mut fields = schema.properties.0;
        fields.iter_mut().for_each(|field| field.required = schema.required.contains(&field.name));
        Ok(Self {
            kind,
            description: schema.description.split("\n\n").next().unwrap_or_default().to_owned(),
            fields,
            rest: schema.additional_properties.0,
            items: schema.items,
            allowed: schema.constant.map(|one| vec![one]).or(schema.allowed),
        })
    }
}

/// The keywords of a schema that a file is checked by.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Schema<'s> {
    /// A list where null may be written too, which any reader of the file takes for an absent field.
    #[serde(rename = "type")]
    kind: Value,
    format: Option<String>,
    maximum: Option<u64>,
    #[serde(borrow)]
    description: Cow<'s, str>,
    required: Vec<String>,
    properties: Properties,
    additional_properties: Rest,
    items: Option<Box<Form>>,
    #[serde(rename = "const")]
    constant: Option<String>,
    #[serde(rename = "enum")]
    allowed: Option<Vec<String>>,
}

/// The fields of an object, in the order of the text.
#[derive(Default)]
struct Properties(Vec<Field>);

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Properties;

            fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str("schemas by name")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Properties, M::Error> {
                let mut fields = Vec::new();
                while let Some((name, form)) = map.next_entry()? {
                    fields.push(Field { name, required: false, form });
                }
                Ok(Properties(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// The schema of fields that are not listed: `true`, `false`, or a schema.
#[derive(Default)]
struct Rest(Option<Box<Form>>);

impl<'de> Deserialize<'de> for Rest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyOrForm;
        impl<'de> Visitor<'de> for AnyOrForm {
            type Value = Rest;

            fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
                f.write_str("a schema")
            }

            fn visit_bool<E>(self, is_any: bool) -> Result<Rest, E> {
                Ok(Rest(is_any.then(|| Box::new(Form::any()))))
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Rest, M::Error> {
                let form = Form::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Rest(Some(Box::new(form))))
            }
        }
        deserializer.deserialize_any(AnyOrForm)
    }
}
