//! Run on its own output, the function recognises what it made: nothing changes, and without previews
//! the baseline is as if nothing had been. On the example, which has a VirtualService that is extended
//! and an entry route that drops the key.

use std::fs;

use yaml_serde::Value;

use super::objects::{Objects, by_id, documents, resource_list};
use super::orchestrator::{function, kustomize, root, run};

fn config() -> String {
    fs::read_to_string(root().join("examples/shop/previews.yaml")).expect("the example")
}

fn baseline() -> Vec<Value> {
    let folder = root().join("examples/shop/baseline");
    documents(&run(kustomize().arg("build").arg(folder), "").ok())
}

fn items(answer: &str) -> Vec<Value> {
    let list = documents(answer).remove(0);
    list["items"].as_sequence().expect("a list of items").clone()
}

/// The objects of an answer that were made for previews by name, or are not ours.
fn of_users(answer: &str) -> Objects {
    let mut objects = by_id(items(answer));
    objects.retain(|_, object| {
        object["metadata"]["labels"]["app.kubernetes.io/managed-by"] != "anabranch"
    });
    objects
}

#[test]
fn a_second_run_on_the_example_changes_nothing() {
    let config = config();
    let once = function(&resource_list(&baseline(), &config)).ok();
    let twice = function(&resource_list(&items(&once), &config)).ok();
    assert_eq!(items(&once), items(&twice));
}

#[test]
fn without_previews_the_baseline_is_as_it_was() {
    let text = config();
    let head = &text[..text.find("\n  previews:\n").expect("the example lists previews")];
    let empty = format!("{head}\n  previews: []\n");
    let once = function(&resource_list(&baseline(), &text)).ok();
    let after = function(&resource_list(&items(&once), &empty)).ok();
    assert_eq!(of_users(&after), by_id(baseline()));
}
