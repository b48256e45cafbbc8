//! The answer of a function: a ResourceList with items and results.

use crate::yaml::{Node, write_document};

/// A ResourceList as text. `function_config` is given back as it came.
#[must_use]
pub fn write_answer(
    api_version: &str,
    items: Vec<Node>,
    function_config: Option<Node>,
    results: Option<Node>,
) -> String {
    let mut answer = Node::map([
        ("apiVersion", Node::string(api_version)),
        ("kind", Node::string("ResourceList")),
        ("items", Node::list(items)),
    ]);
    if let Some(config) = function_config {
        answer.set("functionConfig", config);
    }
    if let Some(results) = results {
        answer.set("results", results);
    }
    let mut text = String::new();
    write_document(&mut text, &answer);
    text
}
