//! Serializes typed values to trees with serde.

use serde::de::value::Error;
use serde::ser::{
    Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple,
    SerializeTupleStruct, Serializer,
};
use smol_str::{SmolStr, ToSmolStr};

use super::node::{Data, Key, Node};
use crate::diagnostic::Place;

/// The name of a newtype by which a tree within a typed value says that a scalar is plain.
pub(super) const PLAIN: &str = "anabranch plain scalar";

/// The tree of a typed value, without places. Fields are in the order of the type.
///
/// # Errors
/// Keys that are not scalars, bytes, and enum variants with several values: YAML has none of them.
pub fn to_node(value: &impl Serialize) -> Result<Node, Error> {
    value.serialize(Trees)
}

fn plain(text: impl ToSmolStr) -> Result<Node, Error> {
    Ok(scalar(text.to_smolstr(), true))
}

fn scalar(text: SmolStr, plain: bool) -> Node {
    Node { data: Data::Scalar { text, plain }, place: Place::default() }
}

/// Methods for values that are plain scalars.
macro_rules! plain {
    ($($method:ident($type:ty))*) => {$(
        fn $method(self, value: $type) -> Result<Node, Error> {
            plain(value)
        }
    )*};
}

#[derive(Clone, Copy)]
struct Trees;

impl Serializer for Trees {
    type Ok = Node;
    type Error = Error;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Impossible<Node, Error>;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Impossible<Node, Error>;

    plain! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32)
        serialize_i64(i64) serialize_u8(u8) serialize_u16(u16) serialize_u32(u32)
        serialize_u64(u64)
    }

    fn serialize_f32(self, value: f32) -> Result<Node, Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<Node, Error> {
        let number = serde_json::Number::from_f64(value);
        plain(number.ok_or_else(|| Error::custom("a number that is not finite"))?)
    }

    fn serialize_char(self, value: char) -> Result<Node, Error> {
        Ok(Node::string(value.to_smolstr()))
    }

    fn serialize_str(self, value: &str) -> Result<Node, Error> {
        Ok(Node::string(value))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Node, Error> {
        Err(Error::custom("bytes"))
    }

    fn serialize_none(self) -> Result<Node, Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Node, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Node, Error> {
        plain("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Node, Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Node, Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Node, Error> {
        let mut node = value.serialize(self)?;
        if let (PLAIN, Data::Scalar { plain, .. }) = (name, &mut node.data) {
            *plain = true;
        }
        Ok(node)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Node, Error> {
        Ok(Node::map([(variant, value.serialize(self)?)]))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items, Error> {
        Ok(Items(Vec::with_capacity(length.unwrap_or_default())))
    }

    fn serialize_tuple(self, length: usize) -> Result<Items, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Items, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        Err(Error::custom("a variant with several values"))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Entries, Error> {
        Ok(Entries(Vec::with_capacity(length.unwrap_or_default())))
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Entries, Error> {
        self.serialize_map(Some(length))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        Err(Error::custom("a variant with several values"))
    }
}

struct Items(Vec<Node>);

impl SerializeSeq for Items {
    type Ok = Node;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.0.push(value.serialize(Trees)?);
        Ok(())
    }

    fn end(self) -> Result<Node, Error> {
        Ok(Node::list(self.0))
    }
}

impl SerializeTuple for Items {
    type Ok = Node;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<Node, Error> {
        SerializeSeq::end(self)
    }
}

impl SerializeTupleStruct for Items {
    type Ok = Node;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Result<Node, Error> {
        SerializeSeq::end(self)
    }
}

/// The value of an entry is null until it is serialized.
struct Entries(Vec<(Key, Node)>);

impl Entries {
    fn push(&mut self, text: SmolStr, value: Node) {
        self.0.push((Key { text, place: Place::default() }, value));
    }

    fn node(self) -> Node {
        Node { data: Data::Map(self.0), place: Place::default() }
    }
}

impl SerializeMap for Entries {
    type Ok = Node;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let Data::Scalar { text, .. } = key.serialize(Trees)?.data else {
            return Err(Error::custom("a key that is no scalar"));
        };
        self.push(text, scalar("null".into(), true));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let (_, empty) =
            self.0.last_mut().ok_or_else(|| Error::custom("a value without its key"))?;
        *empty = value.serialize(Trees)?;
        Ok(())
    }

    fn end(self) -> Result<Node, Error> {
        Ok(self.node())
    }
}

impl SerializeStruct for Entries {
    type Ok = Node;
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let value = value.serialize(Trees)?;
        self.push(SmolStr::new_static(key), value);
        Ok(())
    }

    fn end(self) -> Result<Node, Error> {
        Ok(self.node())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::*;
    use crate::diagnostic::Sources;
    use crate::limits::InputLimits;
    use crate::yaml::{parse_documents, write_document};

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    enum Port {
        Number(u16),
        Any,
    }

    #[derive(Serialize)]
    struct Typed {
        text: &'static str,
        number: i64,
        share: f64,
        flag: Option<bool>,
        none: Option<bool>,
        pair: (u8, char),
        ports: Vec<Port>,
        map: BTreeMap<u8, ()>,
        tree: Node,
    }

    #[test]
    fn typed_values_become_the_trees_that_serde_describes() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "a: 0444\nb: \"0444\"\nc: 0.50\nd: ~\n");
        let tree =
            parse_documents(&sources, file, &InputLimits::default()).expect("valid").remove(0);
        let typed = Typed {
            text: "yes",
            number: -1,
            share: 50.0,
            flag: Some(true),
            none: None,
            pair: (1, 'x'),
            ports: vec![Port::Number(80), Port::Any],
            map: [(7, ())].into(),
            tree,
        };
        let mut text = String::new();
        write_document(&mut text, &to_node(&typed).expect("all of it is YAML"));
        let wanted = "text: \"yes\"\nnumber: -1\nshare: 50.0\nflag: true\nnone: null\npair:\n- 1\n- x\n\
                      ports:\n- number: 80\n- any\nmap:\n  \"7\": null\n\
                      tree:\n  a: 0444\n  b: \"0444\"\n  c: 0.50\n  d: null\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn keys_that_are_no_scalars_are_refused() {
        assert!(to_node(&BTreeMap::from([(vec![1], 2)])).is_err());
        assert!(to_node(&f64::NAN).is_err());
    }
}
