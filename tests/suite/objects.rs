//! What programs print, as objects that can be compared: by identity and whole value, with the order
//! of objects and of fields left aside.
//!
//! Read by another YAML library than the program's own, which makes it a second judge.

use std::collections::BTreeMap;

use yaml_serde::{Deserializer, Value};

/// apiVersion, kind, namespace and name.
pub(crate) type Id = [String; 4];
/// Objects by identity; their order does not count.
pub(crate) type Objects = BTreeMap<Id, Value>;

/// A ResourceList with this configuration.
pub(crate) fn resource_list(items: &[Value], config: &str) -> String {
    let items = yaml_serde::to_string(items).expect("values can be written");
    format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{items}{}",
        function_config(config)
    )
}

/// The field `functionConfig` of a ResourceList.
pub(crate) fn function_config(config: &str) -> String {
    let indented: String = config.lines().map(|line| format!("  {line}\n")).collect();
    format!("functionConfig:\n{indented}")
}

/// The documents of a stream.
#[track_caller]
pub(crate) fn documents(text: &str) -> Vec<Value> {
    Deserializer::from_str(text)
        .map(|document| {
            serde::Deserialize::deserialize(document)
                .unwrap_or_else(|error| panic!("not YAML: {error}\n{text}"))
        })
        .filter(|value| *value != Value::Null)
        .collect()
}

/// The objects of a stream by identity; no two may share one.
#[track_caller]
pub(crate) fn objects(text: &str) -> Objects {
    by_id(documents(text))
}

#[track_caller]
pub(crate) fn by_id(values: Vec<Value>) -> Objects {
    let mut objects = Objects::new();
    for value in values {
        let id = id(&value);
        assert!(objects.insert(id.clone(), value).is_none(), "{id:?} is there twice");
    }
    objects
}

pub(crate) fn id(object: &Value) -> Id {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    [
        text(&object["apiVersion"]),
        text(&object["kind"]),
        text(&metadata["namespace"]),
        text(&metadata["name"]),
    ]
}

/// Compares objects one by one, so that a difference names its object.
#[track_caller]
pub(crate) fn assert_same(actual: &Objects, expected: &Objects) {
    let ids = |objects: &Objects| objects.keys().cloned().collect::<Vec<_>>();
    assert_eq!(ids(actual), ids(expected));
    for (id, object) in expected {
        assert_eq!(&actual[id], object, "{id:?}");
    }
}
