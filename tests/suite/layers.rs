//! Stages import only from stages before them, and every file says what it is for.

use std::fs;
use std::path::{Path, PathBuf};

use super::orchestrator::root;

/// The modules of the library, in the order of the pipeline.
const ORDER: [&str; 15] = [
    "diagnostic",
    "limits",
    "yaml",
    "kube",
    "spec",
    "read",
    "validate",
    "model",
    "edit",
    "plan",
    "emit",
    "write",
    "pipeline",
    "cli",
    "command",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("src can be read")
        .map(|entry| entry.expect("src can be read").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    sources(&root().join("src"), &mut paths);
    paths
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root()).expect("below the root").display().to_string();
            (name, fs::read_to_string(path).expect("source is text"))
        })
        .collect()
}

#[test]
fn a_stage_imports_only_from_stages_before_it() {
    let mut wrong = Vec::new();
    for (name, text) in all() {
        let Some(stage) = name.split('/').nth(1).map(|stage| stage.trim_end_matches(".rs")) else {
            continue;
        };
        let Some(own) = ORDER.iter().position(|module| *module == stage) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for rest in code.split("crate::").skip(1) {
                let module: String =
                    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if ORDER.iter().position(|other| *other == module).is_some_and(|other| other > own)
                {
                    wrong.push(format!("{name}:{}: {stage} imports {module}", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_by_saying_its_job() {
    let silent: Vec<String> = all()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(name, _)| name)
        .collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn every_finding_that_is_defined_can_be_found() {
    let all = all();
    let codes = &all.iter().find(|(name, _)| name == "src/diagnostic/code.rs").expect("codes").1;
    let names =
        codes.lines().filter_map(|line| line.trim().split_once(" = \"")).map(|(name, _)| name);
    let unused: Vec<&str> = names
        .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .filter(|name| !all.iter().any(|(_, text)| text.contains(&format!("code::{name}"))))
        .collect();
    assert!(unused.is_empty(), "no rule reports {}", unused.join(", "));
}
