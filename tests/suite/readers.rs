//! What the writer writes, the readers of Kubernetes read as it was meant: kubectl's, pinned as a
//! library; kubectl itself where it is installed; and kustomize.

use std::fs;

use anabranch::yaml::{Node, write_stream};
use serde_json::{Map, Value, json};

use super::nasty::{is_broken_by_kustomize, strings};
use super::orchestrator::{kustomize, program, run, yaml2json};

/// An object that holds these strings as values, as items and as keys.
fn object(strings: &[String]) -> Value {
    let by_number = |(index, text): (usize, &String)| (format!("k{index}"), json!(text));
    let by_text = |(index, text): (usize, &String)| (text.clone(), json!(index));
    json!({
        "apiVersion": "example.com/v1",
        "kind": "Nasty",
        "metadata": {"name": "nasty", "namespace": "baseline"},
        "values": strings.iter().enumerate().map(by_number).collect::<Map<_, _>>(),
        "list": strings,
        "keys": strings.iter().enumerate().map(by_text).collect::<Map<_, _>>(),
        "nested": [{"list": [strings]}],
    })
}

fn written(object: &Value) -> String {
    write_stream(&[Node::from_json(object.clone())])
}

/// Names each string that did not come back, instead of two long objects.
#[track_caller]
fn assert_same(found: &Value, wanted: &Value) {
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let mut wrong = Vec::new();
    for field in ["values", "keys"] {
        let found = fields(&found[field]);
        for (key, value) in fields(&wanted[field]) {
            if found.get(&key) != Some(&value) {
                wrong.push(format!("{field}: {key:?}: {value} is {:?}", found.get(&key)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(found, wanted);
}

/// What a text can hold: no input has U+007F, which the writer writes as it is, since it frames the placeholders of
/// templates.
fn writable() -> Vec<String> {
    strings().into_iter().filter(|text| !text.contains('\u{7f}')).collect()
}

/// The key `<<` where kustomize reads it: its library merges the key even where it is quoted.
fn for_kustomize() -> Vec<String> {
    let broken = |text: &String| is_broken_by_kustomize(text) || text == "<<";
    strings().into_iter().filter(|text| !broken(text)).collect()
}

#[test]
fn the_reader_of_kubectl_reads_every_string_as_it_was_meant() {
    let wanted = object(&writable());
    let [found] = &yaml2json(&[written(&wanted)])[..] else { panic!("one document") };
    assert_same(found.as_ref().expect("kubectl's reader takes it"), &wanted);
}

#[test]
fn kubectl_reads_every_string_as_it_was_meant() {
    let Some(mut kubectl) = program("kubectl") else { return };
    let mut wanted = object(&writable());
    let arguments = ["annotate", "--local", "-o", "json", "-f", "-", "a=b"];
    let answer = run(kubectl.args(arguments), &written(&wanted)).ok();
    wanted["metadata"]["annotations"] = json!({"a": "b"});
    assert_same(&serde_json::from_str(&answer).expect("kubectl prints JSON"), &wanted);
}

/// What `kustomize build` makes of a file.
fn build(name: &str, text: &str) -> super::orchestrator::Answer {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join(name), text).expect("the folder can be written");
    let list = format!("resources: [{name}]\n");
    fs::write(folder.path().join("kustomization.yaml"), list).expect("the folder can be written");
    run(kustomize().arg("build").arg(folder.path()), "")
}

#[test]
fn kustomize_reads_every_string_as_it_was_meant() {
    let mut wanted = object(&for_kustomize());
    // It cannot read longer keys back from the text that it makes of them itself.
    let keys = wanted["keys"].as_object_mut().expect("keys is an object");
    keys.retain(|key, _| key.len() <= 1000);
    let built = build("nasty.yaml", &written(&wanted)).ok();
    let [found] = &yaml2json(&[built])[..] else { panic!("one document") };
    assert_same(found.as_ref().expect("kubectl's reader takes kustomize's output"), &wanted);
}

#[test]
fn kustomize_breaks_the_strings_that_are_left_out_whatever_the_input_is() {
    let left_out = strings().into_iter().filter(|text| is_broken_by_kustomize(text));
    for text in left_out {
        let object = object(std::slice::from_ref(&text));
        let answer = build("nasty.json", &object.to_string());
        let found = (answer.code == Some(0)).then(|| yaml2json(&[answer.stdout]).remove(0));
        assert_ne!(found, Some(Ok(object)), "{text:?} can be taken off the list");
    }
}
