//! The function protocol, on any text as the ResourceList.
//!
//! An orchestrator deletes what an answer leaves out, so every answer is one ResourceList; on an error
//! it holds each item as it came, and says why; else, given to the function again, it stays as it is.

#![no_main]

use anabranch::command::respond;
use anabranch::diagnostic::Sources;
use anabranch::limits::InputLimits;
use anabranch::yaml::{Node, parse_documents};
use libfuzzer_sys::fuzz_target;

fn read(text: &str) -> Option<Vec<Node>> {
    let mut sources = Sources::default();
    let file = sources.add("<stdin>", text);
    parse_documents(&sources, file, &InputLimits::default()).ok()
}

/// The one list of a text, if that is what it holds.
fn list(text: &str) -> Option<Node> {
    let [list] = <[Node; 1]>::try_from(read(text)?).ok()?;
    (list.text_at(&["kind"]) == Some("ResourceList")).then_some(list)
}

fuzz_target!(|text: &str| {
    let (answer, ok) = respond(text);
    let answered = list(&answer).unwrap_or_else(|| panic!("the answer is no list:\n{answer}"));
    let received = answered.get("items").expect("an answer has items").items();
    if ok {
        if received.is_empty() {
            // A validator's answer.
            return;
        }
        let (again, ok) = respond(&answer);
        assert!(ok, "its own answer is refused:\n{again}");
        assert_eq!(answer, again, "its own answer changes");
        return;
    }
    let results = answered.get("results").map(Node::items).unwrap_or_default();
    let is_error = |result: &Node| result.text_at(&["severity"]) == Some("error");
    assert!(results.iter().any(is_error), "it fails and does not say why:\n{answer}");
    if let Some(sent) = list(text) {
        let sent = sent.get("items").map(Node::items).unwrap_or_default();
        assert_eq!(received, sent, "an item changed or is missing");
    }
});
