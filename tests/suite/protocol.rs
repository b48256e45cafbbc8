//! The function protocol itself: what a ResourceList on stdin is answered with.
//!
//! An orchestrator deletes what an answer leaves out, so nothing may be lost, least of all on
//! failure.

use yaml_serde::Value;

use crate::objects::{by_id, documents, function_config, id, resource_list};
use crate::orchestrator::{Answer, Workspace, function};

/// The one document of an answer: a ResourceList, whatever else happened.
#[track_caller]
fn answered(text: &str) -> Value {
    let mut found = documents(text);
    assert_eq!(found.len(), 1, "one document: {text}");
    let list = found.remove(0);
    assert_eq!(list["apiVersion"], "config.kubernetes.io/v1");
    assert_eq!(list["kind"], "ResourceList");
    list
}

#[track_caller]
fn items(list: &Value) -> Vec<Value> {
    list["items"].as_sequence().expect("items is a list").clone()
}

/// Every item came back whole, in the order in which it came.
#[track_caller]
fn assert_nothing_lost(sent: &[Value], received: &[Value]) {
    let mut rest = received.iter();
    for item in sent {
        let found = rest.find(|other| id(other) == id(item));
        assert_eq!(found, Some(item));
    }
}

/// A list with all that orchestrators attach to items, and with kinds that no schema knows.
fn decorated(workspace: &Workspace) -> (Vec<Value>, String) {
    let text = workspace.resource_list();
    let mut sent = items(&answered(&text));
    for (index, item) in sent.iter_mut().enumerate() {
        let metadata = item["metadata"].as_mapping_mut().expect("objects have metadata");
        let annotations = metadata
            .entry("annotations".into())
            .or_insert_with(|| Value::Mapping(Default::default()));
        for (key, value) in [
            ("internal.config.kubernetes.io/path", format!("baseline/{}.yaml", index / 2)),
            ("internal.config.kubernetes.io/index", (index % 2).to_string()),
            ("config.kubernetes.io/path", format!("baseline/{}.yaml", index / 2)),
            ("config.kubernetes.io/index", (index % 2).to_string()),
            ("internal.config.kubernetes.io/id", index.to_string()),
            ("internal.config.kubernetes.io/annotations-migration-resource-id", index.to_string()),
            ("internal.config.kubernetes.io/previousNames", "before".to_owned()),
            ("internal.config.kubernetes.io/seqindent", "compact".to_owned()),
            ("internal.kpt.dev/upstream-identifier", "a|b|c|d".to_owned()),
            ("kustomize.config.k8s.io/id", "kind: A\nname: b\n".to_owned()),
        ] {
            annotations[key] = value.into();
        }
    }
    let strange = "\
apiVersion: v1
kind: Strange
metadata:
  name: strange
  namespace: baseline
spec: {a: 1.10, b: '1.10', c: 0x1F, d: [[], {}, null], 'e f': ' ', g: \"tab\\there\"}
status: {phase: Running}
";
    sent.extend(documents(strange));
    let list = resource_list(&sent, &workspace.previews());
    (sent, list)
}

#[test]
fn every_item_keeps_every_field_and_annotation() {
    let (sent, list) = decorated(&Workspace::new());
    let answer = answered(&function(&list).ok());
    assert_nothing_lost(&sent, &items(&answer));
    assert!(items(&answer).len() > sent.len());
}

#[test]
fn what_is_copied_takes_no_place_in_a_file_along() {
    let (sent, list) = decorated(&Workspace::new());
    let answer = answered(&function(&list).ok());
    let sent = by_id(sent);
    for item in items(&answer).iter().filter(|item| !sent.contains_key(&id(item))) {
        let Some(annotations) = item["metadata"]["annotations"].as_mapping() else {
            continue;
        };
        for key in annotations.keys().filter_map(Value::as_str) {
            let place = ["/path", "/index", "/id", "-id", "/seqindent"]
                .iter()
                .any(|end| key.ends_with(end) && key.contains("config."));
            assert!(!place && !key.starts_with("internal.kpt.dev/"), "{:?}: {key}", id(item));
        }
    }
}

#[test]
fn items_that_are_lists_are_opened_and_stay_in_their_file() {
    let workspace = Workspace::new();
    let plain = items(&answered(&workspace.resource_list()));
    let inner: Value = plain[1..].to_vec().into();
    let list = "apiVersion: v1\nkind: List\nmetadata: {annotations: {config.kubernetes.io/path: a.yaml, \
                config.kubernetes.io/index: '1'}}\nitems: []\n";
    let mut lists = documents(list).remove(0);
    let mut outer = lists.clone();
    lists["items"] = inner;
    outer["items"] = vec![lists].into();
    let answer = function(&resource_list(&[plain[0].clone(), outer], &workspace.previews())).ok();
    let mut opened = by_id(items(&answered(&answer)));
    for item in &plain[1..] {
        let found = opened.get_mut(&id(item)).expect("it is there");
        let annotations = found["metadata"]["annotations"].as_mapping_mut().expect("a mapping");
        assert_eq!(annotations.remove("config.kubernetes.io/path"), Some("a.yaml".into()));
        assert!(!annotations.contains_key("config.kubernetes.io/index"));
        if annotations.is_empty() {
            found["metadata"].as_mapping_mut().expect("a mapping").remove("annotations");
        }
    }
    let answer = function(&resource_list(&plain, &workspace.previews())).ok();
    assert_eq!(opened, by_id(items(&answered(&answer))));
}

#[test]
fn its_own_output_as_input_gives_the_same_bytes() {
    let workspace = Workspace::new();
    let first = function(&workspace.resource_list()).ok();
    let mut again = first.clone();
    if !again.contains("\nfunctionConfig:") {
        again += &function_config(&workspace.previews());
    }
    assert_eq!(function(&again).ok(), first);
}

#[test]
fn a_preview_that_is_gone_is_gone_from_the_items_too() {
    let workspace = Workspace::new();
    let both = answered(&function(&workspace.resource_list()).ok());
    let shorter: String = workspace.previews().split("    - name: pr-42").take(1).collect();
    let one = answered(&function(&resource_list(&items(&both), &shorter)).ok());
    let mentions = |list: &Value, name: &str| {
        items(list).iter().any(|item| id(item)[2] == name || id(item)[3] == name)
    };
    assert!(mentions(&both, "pr-42") && mentions(&both, "pr-4"));
    assert!(!mentions(&one, "pr-42") && mentions(&one, "pr-4"));
}

/// On bad input: exit 1, the items that came, and each mistake as a result and as a line.
#[track_caller]
fn assert_refused(answer: &Answer, sent: &[Value], mistakes: usize) {
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    let list = answered(&answer.stdout);
    assert_eq!(items(&list), sent);

    let results = list["results"].as_sequence().expect("results is a list");
    let errors: Vec<&str> = results
        .iter()
        .filter(|result| result["severity"] == "error")
        .map(|result| result["message"].as_str().expect("a result has a message"))
        .collect();
    assert_eq!(errors.len(), mistakes, "{errors:?}");
    let lines = answer.stderr.lines().filter(|line| line.starts_with("error")).count();
    assert_eq!(lines, mistakes, "one line each: {}", answer.stderr);
}

#[test]
fn bad_input_is_handed_back_whole_with_every_mistake() {
    let workspace = Workspace::new();
    workspace.edit("name: cart", "name: kart");
    workspace.edit("name: reco", "name: rico");
    let (sent, list) = decorated(&workspace);
    let answer = function(&list);
    assert_refused(&answer, &sent, 2);
    for name in ["kart", "rico"] {
        assert!(answer.stderr.contains(name) && answer.stdout.contains(name));
    }
}

#[test]
fn a_configuration_of_another_kind_is_refused() {
    let workspace = Workspace::new();
    workspace.edit("kind: Previews", "kind: Preview");
    let (sent, list) = decorated(&workspace);
    assert_refused(&function(&list), &sent, 1);
}

#[test]
fn a_missing_configuration_is_refused() {
    let (sent, list) = decorated(&Workspace::new());
    let bare = list.split("functionConfig:").next().expect("split gives at least one part");
    assert_refused(&function(bare), &sent, 1);
}

#[test]
fn a_number_where_a_string_belongs_is_refused_with_the_advice_to_quote_it() {
    let workspace = Workspace::new();
    workspace.edit("commit: 90d51dc2888fbbef60f3ddecea6cb05ac8c43ec4", "commit: 1e10");
    let answer = function(&workspace.resource_list());
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains("quote"), "{}", answer.stderr);
}

#[test]
fn the_list_that_kustomize_sends_a_generator_is_refused() {
    let workspace = Workspace::new();
    let config = documents(&workspace.previews());
    let answer = function(&resource_list(&config, &workspace.previews()));
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains("transformers:"), "{}", answer.stderr);
}

#[test]
fn an_input_that_is_no_list_is_never_answered_with_success() {
    for text in ["", "\n", "items: [", "just text", "kind: ResourceList\nitems: 7\n"] {
        let answer = function(text);
        assert_eq!(answer.code, Some(1), "{text:?}");
        assert!(answer.stderr.starts_with("error"), "{text:?}: {}", answer.stderr);
        documents(&answer.stdout);
    }
}
