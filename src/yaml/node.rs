//! The tree that every stage works on: YAML as it was written, with places.
//!
//! A scalar keeps its source text and whether it was quoted. So numbers stay as they were (`0444` stays `0444`), and
//! fields that this program has never heard of survive. Trees made by the program itself have no places.

use std::collections::BTreeMap;

use serde_json::{Map as JsonMap, Number, Value};
use smol_str::{SmolStr, ToSmolStr};

use super::scalar::{self, Resolved};
use super::ser::PLAIN;
use crate::diagnostic::Place;
use crate::ordered::ordered;

/// One value of a YAML document, with its place.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// The value.
    pub data: Data,
    /// Its place; the default for trees made by the program.
    pub place: Place,
}

/// The value of a [`Node`].
#[derive(Debug, Clone)]
pub enum Data {
    /// A scalar: text, and whether it was plain (unquoted) and so may be a number, boolean or null.
    Scalar {
        /// The text after escape processing; the source text if plain.
        text: SmolStr,
        /// Unquoted in the source.
        plain: bool,
    },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in source order; keys are unique.
    Map(Vec<(Key, Node)>),
}

impl Default for Data {
    fn default() -> Self {
        Self::Map(Vec::new())
    }
}

/// The key of a mapping entry, with its place.
#[derive(Debug, Clone)]
pub struct Key {
    /// The key's text.
    pub text: SmolStr,
    /// Its place.
    pub place: Place,
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self { text: text.into(), place: Place::default() }
    }
}

/// The values of a mapping by key.
pub(crate) fn by_key(entries: &[(Key, Node)]) -> BTreeMap<&str, &Node> {
    ordered(entries.iter().map(|(key, value)| (key.text.as_str(), value)))
}

impl PartialEq for Node {
    /// Equality of values; places do not count.
    fn eq(&self, other: &Self) -> bool {
        match (&self.data, &other.data) {
            (Data::List(a), Data::List(b)) => a == b,
            (Data::Map(a), Data::Map(b)) => {
                // Mostly the order is the same. Keys are never searched one by one.
                let same_order = || a.iter().zip(b).all(|((a, _), (b, _))| a.text == b.text);
                a.len() == b.len()
                    && if same_order() {
                        a.iter().zip(b).all(|((_, a), (_, b))| a == b)
                    } else {
                        by_key(a) == by_key(b)
                    }
            }
            (Data::Scalar { text: a, plain: p }, Data::Scalar { text: b, plain: q }) => {
                // Mostly the texts are equal.
                p == q && a == b || self.resolve() == other.resolve()
            }
            _ => false,
        }
    }
}

impl Node {
    /// A string; it is quoted on output where a reader could take it for something else.
    #[must_use]
    pub fn string(text: impl Into<SmolStr>) -> Self {
        Self::from_data(Data::Scalar { text: text.into(), plain: false })
    }

    /// An integer.
    #[must_use]
    pub fn integer(value: i64) -> Self {
        Self::from_data(Data::Scalar { text: value.to_smolstr(), plain: true })
    }

    /// A mapping of the given entries.
    #[must_use]
    pub fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Node)>) -> Self {
        Self::from_data(Data::Map(
            entries.into_iter().map(|(key, value)| (key.into(), value)).collect(),
        ))
    }

    /// A sequence of the given items.
    #[must_use]
    pub fn list(items: impl IntoIterator<Item = Node>) -> Self {
        Self::from_data(Data::List(items.into_iter().collect()))
    }

    fn from_data(data: Data) -> Self {
        Self { data, place: Place::default() }
    }

    /// The entries of a mapping; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    /// The items of a sequence, to change them; none for anything else.
    pub fn items_mut(&mut self) -> &mut [Node] {
        match &mut self.data {
            Data::List(items) => items,
            _ => &mut [],
        }
    }

    /// The value of a mapping's key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name.text == key).map(|(_, value)| value)
    }

    /// The value of a mapping's key, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.data {
            Data::Map(entries) => {
                entries.iter_mut().find(|(name, _)| name.text == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The value behind a chain of keys.
    #[must_use]
    pub fn at(&self, keys: &[&str]) -> Option<&Node> {
        keys.iter().try_fold(self, |node, key| node.get(key))
    }

    /// The value behind a chain of keys, to change it.
    pub fn at_mut(&mut self, keys: &[&str]) -> Option<&mut Node> {
        keys.iter().try_fold(self, |node, key| node.get_mut(key))
    }

    /// The value behind a path such as `spec.previews[2].name`.
    #[must_use]
    pub fn at_path(&self, path: &str) -> Option<&Node> {
        path.split(['.', '[']).filter(|step| !step.is_empty()).try_fold(self, |node, step| {
            match step.strip_suffix(']') {
                Some(index) => node.items().get(index.parse::<usize>().ok()?),
                None => node.get(step),
            }
        })
    }

    /// The value behind a path such as `spec.previews[2].name`, to change it.
    pub fn at_path_mut(&mut self, path: &str) -> Option<&mut Node> {
        path.split(['.', '[']).filter(|step| !step.is_empty()).try_fold(self, |node, step| {
            match step.strip_suffix(']') {
                Some(index) => node.items_mut().get_mut(index.parse::<usize>().ok()?),
                None => node.get_mut(step),
            }
        })
    }

    /// The items of the list behind several keys; empty if there is none.
    #[must_use]
    pub fn items_at(&self, keys: &[&str]) -> &[Node] {
        self.at(keys).map(Self::items).unwrap_or_default()
    }

    /// The entries of the mapping behind several keys; empty if there is none.
    #[must_use]
    pub fn entries_at(&self, keys: &[&str]) -> &[(Key, Node)] {
        self.at(keys).map(Self::entries).unwrap_or_default()
    }

    /// The text at a chain of keys: that of any scalar; `None` for null or absent ones.
    #[must_use]
    pub fn text_at(&self, keys: &[&str]) -> Option<&str> {
        self.at(keys)?.text()
    }

    /// The text of any scalar; `None` for null and for anything else.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// Whether this is null: written so, or left empty.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar { text, plain: true } if scalar::is_null(text))
    }

    /// Whether this is the boolean true.
    #[must_use]
    pub fn is_true(&self) -> bool {
        matches!(self.resolve(), Some(Resolved::Bool(true)))
    }

    /// The type and value that Kubernetes' readers see in a scalar; `None` for collections.
    #[must_use]
    pub fn resolve(&self) -> Option<Resolved<'_>> {
        match &self.data {
            Data::Scalar { text, plain: true } => Some(scalar::resolve(text)),
            Data::Scalar { text, plain: false } => Some(Resolved::String(text)),
            _ => None,
        }
    }

    /// The value as an integer, if it is one.
    #[must_use]
    pub fn integer_value(&self) -> Option<i64> {
        match self.resolve()? {
            Resolved::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Sets the value of a key, in place if the key exists, else at the end. Anything that is not a mapping becomes
    /// one.
    pub fn set(&mut self, key: &str, value: Node) {
        if let Some(old) = self.get_mut(key) {
            *old = value;
            return;
        }
        match &mut self.data {
            Data::Map(entries) => entries.push((key.into(), value)),
            other => *other = Data::Map(vec![(key.into(), value)]),
        }
    }

    /// The mapping at a chain of keys, created if needed.
    pub fn make(&mut self, keys: &[&str]) -> &mut Node {
        let Some((first, rest)) = keys.split_first() else {
            return self;
        };
        if !matches!(self.get(first), Some(Node { data: Data::Map(_), .. })) {
            self.set(first, Node::default());
        }
        self.get_mut(first).expect("the key was set on the line above").make(rest)
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        match &mut self.data {
            Data::Map(entries) => {
                let index = entries.iter().position(|(name, _)| name.text == key)?;
                Some(entries.remove(index).1)
            }
            _ => None,
        }
    }

    /// Keeps only the entries of a mapping for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        if let Data::Map(entries) = &mut self.data {
            entries.retain(|(key, _)| keep(&key.text));
        }
    }

    /// Adds an item to a sequence. Anything that is not a sequence becomes one.
    pub fn push(&mut self, item: Node) {
        match &mut self.data {
            Data::List(items) => items.push(item),
            other => *other = Data::List(vec![item]),
        }
    }

    /// Whether `is` holds for any text of the tree, keys included.
    pub fn any_text(&self, is: &impl Fn(&str) -> bool) -> bool {
        match &self.data {
            Data::Scalar { text, .. } => is(text),
            Data::List(items) => items.iter().any(|item| item.any_text(is)),
            Data::Map(entries) => {
                entries.iter().any(|(key, value)| is(&key.text) || value.any_text(is))
            }
        }
    }

    /// The number of nodes of the tree; each 64 bytes of a text or key count as one.
    #[must_use]
    pub fn weight(&self) -> usize {
        let text = |text: &SmolStr| text.len() / 64;
        1 + match &self.data {
            Data::Scalar { text: value, .. } => text(value),
            Data::List(items) => items.iter().map(Node::weight).sum(),
            Data::Map(entries) => {
                entries.iter().map(|(key, value)| text(&key.text) + value.weight()).sum()
            }
        }
    }

    /// The number of levels of mappings and sequences; 0 for a scalar.
    #[must_use]
    pub fn depth(&self) -> usize {
        match &self.data {
            Data::Scalar { .. } => 0,
            Data::List(items) => 1 + items.iter().map(Node::depth).max().unwrap_or_default(),
            Data::Map(entries) => {
                1 + entries.iter().map(|(_, value)| value.depth()).max().unwrap_or_default()
            }
        }
    }

    /// Releases unused capacity.
    pub(super) fn shrink(&mut self) {
        match &mut self.data {
            Data::Scalar { .. } => {}
            Data::List(items) => items.shrink_to_fit(),
            Data::Map(entries) => entries.shrink_to_fit(),
        }
    }

    /// The same value as JSON. Plain scalars become what Kubernetes' readers see in them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.data {
            Data::Scalar { .. } => match self.resolve() {
                None | Some(Resolved::Null) => Value::Null,
                Some(Resolved::Bool(value)) => Value::Bool(value),
                Some(Resolved::Number(text)) => {
                    text.parse::<Number>().map_or(Value::String(text.into()), Value::Number)
                }
                Some(Resolved::String(text)) => Value::String(text.to_owned()),
            },
            Data::List(items) => Value::Array(items.iter().map(Node::to_json).collect()),
            Data::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.text.as_str().to_owned(), value.to_json()))
                    .collect::<JsonMap<_, _>>(),
            ),
        }
    }

    /// The tree of a JSON value, without places.
    #[must_use]
    pub fn from_json(value: Value) -> Self {
        let plain = |text: &dyn ToSmolStr| {
            Self::from_data(Data::Scalar { text: text.to_smolstr(), plain: true })
        };
        match value {
            Value::Null => plain(&"null"),
            Value::Bool(value) => plain(&value),
            Value::Number(number) => plain(&number),
            Value::String(text) => Self::string(text),
            Value::Array(items) => Self::list(items.into_iter().map(Self::from_json)),
            Value::Object(entries) => {
                let entry = |(text, value): (String, Value)| {
                    (Key { text: text.into(), place: Place::default() }, Self::from_json(value))
                };
                Self::from_data(Data::Map(entries.into_iter().map(entry).collect()))
            }
        }
    }
}

/// For trees within typed values that [`to_node`](super::to_node) converts to trees: a plain scalar stays plain.
impl serde::Serialize for Node {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.data {
            Data::Scalar { plain: false, text } => serializer.serialize_str(text),
            Data::Scalar { plain: true, text } => {
                serializer.serialize_newtype_struct(PLAIN, text.as_str())
            }
            Data::List(items) => serializer.collect_seq(items),
            Data::Map(entries) => {
                serializer.collect_map(entries.iter().map(|(k, v)| (&*k.text, v)))
            }
        }
    }
}
