//! The same input gives the same bytes: run twice, and with the baseline's files in another order.

use std::fs;
use std::process::Command;

use super::orchestrator::{ANABRANCH, kustomize, root, run};

/// The documents of the example's baseline, as text.
fn baseline() -> Vec<String> {
    let folder = root().join("examples/shop/baseline");
    let built = run(kustomize().arg("build").arg(folder), "").ok();
    built.split("\n---\n").map(|document| format!("{}\n", document.trim_end())).collect()
}

/// The stream rendered from these documents, one file each, passed in this order.
fn render(documents: &[String]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(ANABRANCH);
    command.arg("render").arg(root().join("examples/shop/previews.yaml"));
    for (index, document) in documents.iter().enumerate() {
        let file = folder.path().join(format!("{index:03}.yaml"));
        fs::write(&file, document).expect("the folder can be written");
        command.arg("--baseline").arg(file);
    }
    run(&mut command, "").ok()
}

#[test]
fn two_runs_write_the_same_bytes() {
    let documents = baseline();
    assert_eq!(render(&documents), render(&documents));
}

#[test]
fn the_order_of_the_input_does_not_matter() {
    let documents = baseline();
    let expected = render(&documents);
    let mut other = documents.clone();
    other.reverse();
    assert_eq!(render(&other), expected, "reversed");
    for step in [3, 7, 11] {
        let shuffled: Vec<String> = (0..step)
            .flat_map(|start| documents.iter().skip(start).step_by(step).cloned())
            .collect();
        assert_eq!(shuffled.len(), documents.len());
        assert_eq!(render(&shuffled), expected, "every {step}th first");
    }
}

#[test]
fn stdin_and_a_list_give_what_files_give() {
    let documents = baseline();
    let previews = root().join("examples/shop/previews.yaml");
    let from_stdin = |text: &str| {
        let mut command = Command::new(ANABRANCH);
        command.arg("render").arg(&previews).args(["--baseline", "-"]);
        run(&mut command, text).ok()
    };
    let expected = render(&documents);
    assert_eq!(from_stdin(&documents.join("---\n")), expected);
    let items: String = documents
        .iter()
        .map(|document| {
            let indented: Vec<String> = document.lines().map(|line| format!("  {line}")).collect();
            format!("- {}\n", indented.join("\n").trim_start())
        })
        .collect();
    assert_eq!(from_stdin(&format!("apiVersion: v1\nkind: List\nitems:\n{items}")), expected);
}
