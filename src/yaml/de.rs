//! Deserializes trees to typed values with serde. A field that is null counts as absent.

use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::node::{Data, Key, Node};
use super::scalar::Resolved;

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.data {
            Data::Map(entries) => visitor.visit_map(Entries { rest: entries, value: None }),
            Data::List(items) => visitor.visit_seq(Items { rest: items }),
            Data::Scalar { .. } => match self.resolve() {
                Some(Resolved::Bool(value)) => visitor.visit_bool(value),
                Some(Resolved::String(text)) => visitor.visit_borrowed_str(text),
                Some(Resolved::Number(text)) => match (text.parse(), text.parse()) {
                    (Ok(number), _) => visitor.visit_u64(number),
                    (_, Ok(number)) => visitor.visit_i64(number),
                    _ => visitor.visit_f64(text.parse().map_err(Error::custom)?),
                },
                Some(Resolved::Null) | None => visitor.visit_unit(),
            },
        }
    }

    // The code of a visitor is in the binary for each of its methods that may be called: here only that for mappings.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.data {
            Data::Map(entries) => visitor.visit_map(Entries { rest: entries, value: None }),
            _ => Err(is_not(self, &visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.data {
            Data::List(items) => visitor.visit_seq(Items { rest: items }),
            _ => Err(is_not(self, &visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let variant: StrDeserializer<'_, Error> =
            self.text().unwrap_or_default().into_deserializer();
        visitor.visit_enum(variant)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// The error that a tree is not what a visitor expects.
fn is_not(node: &Node, expected: &dyn Expected) -> Error {
    let unexpected = match &node.data {
        Data::Map(_) => Unexpected::Map,
        Data::List(_) => Unexpected::Seq,
        Data::Scalar { text, .. } => Unexpected::Str(text),
    };
    Error::invalid_type(unexpected, expected)
}

struct Entries<'de> {
    rest: &'de [(Key, Node)],
    value: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        while let Some(((key, value), rest)) = self.rest.split_first() {
            self.rest = rest;
            if !value.is_null() {
                self.value = Some(value);
                let key: StrDeserializer<'_, Error> = key.text.as_str().into_deserializer();
                return seed.deserialize(key).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self.value.take().ok_or_else(|| Error::custom("a value without its key"))?;
        seed.deserialize(value)
    }
}

struct Items<'de> {
    rest: &'de [Node],
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Some((item, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        self.rest = rest;
        seed.deserialize(item).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}
