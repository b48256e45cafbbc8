//! README.md of the template: what it names is there, and its commands can be run.

use std::fs;
use std::process::Command;

use super::super::orchestrator::{ANABRANCH, run_with, write_text};
use super::{Copy, template};

fn readme() -> String {
    fs::read_to_string(template().join("README.md")).expect("there is a README")
}

/// The blocks of a language, with the text that comes before each.
fn blocks(language: &str) -> Vec<(String, String)> {
    let (text, fence) = (readme(), format!("```{language}\n"));
    let mut parts = text.split("```").map(str::to_owned);
    let mut blocks = Vec::new();
    let mut before = parts.next().unwrap_or_default();
    while let Some(block) = parts.next() {
        if let Some(content) = format!("```{block}").strip_prefix(&fence) {
            // A block of a list is indented.
            let content = content.lines().map(|line| line.strip_prefix("  ").unwrap_or(line));
            blocks.push((before, content.collect::<Vec<_>>().join("\n")));
        }
        before = parts.next().unwrap_or_default();
    }
    blocks
}

#[test]
fn the_structure_is_that_of_the_folder() {
    let (_, drawing) = blocks("text").into_iter().next().expect("the structure is drawn");
    let mut above = String::new();
    let mut named = 0;
    for line in readme().split("```text\n").nth(1).expect("a drawing").lines() {
        if line.starts_with("```") {
            break;
        }
        let name = line.trim_start().split(' ').next().unwrap_or_default();
        let nested = line.starts_with("  ");
        if !nested {
            above = if name.ends_with('/') { name.to_owned() } else { String::new() };
        }
        let path = if nested { format!("{above}{name}") } else { name.to_owned() };
        // configs/{base,staging} are several.
        let (start, rest) = path.split_once('{').unwrap_or((&path, ""));
        let (names, end) = rest.split_once('}').unwrap_or(("", ""));
        for name in names.split(',') {
            let path = format!("{start}{name}{end}");
            assert!(template().join(&path).exists(), "README names {path}");
            named += 1;
        }
    }
    assert!(named > 20, "{named} names: {drawing}");
    for folder in fs::read_dir(template()).expect("the template") {
        let name = folder.expect("it can be read").file_name().to_string_lossy().into_owned();
        let hidden = name.starts_with('.') || name == "README.md";
        assert!(hidden || drawing.contains(&name), "README does not name {name}");
    }
}

#[test]
fn every_block_of_commands_is_bash() {
    let blocks = blocks("sh");
    assert!(blocks.len() > 8, "{} blocks", blocks.len());
    for (_, block) in blocks {
        let mut bash = Command::new("bash");
        let said = super::run(bash.args(["-n", "-c", &block]), "");
        assert_eq!(said.code, Some(0), "{}\n{block}", said.stderr);
        for script in block.split([' ', '\n', '(', '"']).filter(|word| word.starts_with("scripts/"))
        {
            assert!(template().join(script).is_file(), "{script}");
        }
    }
}

#[test]
fn what_it_says_of_previews_without_a_cluster_can_be_done() {
    let (_, block) = blocks("sh")
        .into_iter()
        .find(|(before, _)| before.contains("without a cluster:"))
        .expect("README has commands that need no cluster");
    let copy = Copy::new();
    write_text(
        &copy.path("walk.sh"),
        &format!("eval \"$(scripts/configure.sh --shell)\"\n{block}"),
    );
    let mut bash = Command::new("bash");
    bash.current_dir(copy.path(".")).args(["-eu", "walk.sh"]);
    let programs = std::path::Path::new(ANABRANCH).parent().expect("the program is in a folder");
    run_with(&mut bash, programs).ok();
    assert!(copy.path("out/previews/pr-42/objects/cart.yaml").is_file());
    assert!(copy.text("previews/previews.yaml").contains("previews: []"));
}

#[test]
fn every_secret_that_the_workflows_and_manifests_name_is_in_the_table() {
    let table = readme();
    let files = Copy::new().files();
    let mut seen = 0;
    for (name, bytes) in files.iter().filter(|(name, _)| name.contains("workflows/")) {
        let text = String::from_utf8_lossy(bytes);
        for secret in text.split("secrets.").skip(1) {
            let secret: String =
                secret.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            assert!(table.contains(&format!("`{secret}`")), "{name}: {secret}");
            seen += 1;
        }
    }
    for name in files.keys().filter_map(|name| name.strip_prefix("secrets/staging/")) {
        let name = name.trim_end_matches(".yaml");
        let listed = table.contains(&format!("| `{name}` |"));
        assert!(listed || ["kustomization", "namespace"].contains(&name), "{name}");
        seen += 1;
    }
    assert!(seen > 8, "{seen} secrets");
}
