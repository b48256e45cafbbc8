//! What documents show is what the program does: blocks of the README are its real output, and the
//! files made from the Rust types are up to date. `GOLDEN=bless` rewrites them.

use std::fs;
use std::process::Command;

use anabranch::cli::Cli;
use clap::CommandFactory;

use super::expected::bless;
use super::orchestrator::{ANABRANCH, kustomize, root, run};

/// Compares a file with what it should be, or rewrites it.
#[track_caller]
fn settle(path: &str, wanted: &str) {
    let file = root().join(path);
    let found = fs::read_to_string(&file).unwrap_or_default();
    if found == wanted {
        return;
    }
    assert!(bless(), "{path} is not up to date: run `make bless` and read the diff");
    fs::write(&file, wanted).expect("the file can be written");
}

fn anabranch(arguments: &[&str]) -> Command {
    let mut command = Command::new(ANABRANCH);
    command.current_dir(root()).args(arguments);
    command
}

const EXAMPLE: [&str; 4] =
    ["render", "examples/shop/previews.yaml", "--baseline", "examples/shop/baseline"];

/// The folder that the README's command writes, as a drawing.
fn tree() -> String {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let out = scratch.path().join("out");
    let mut command = anabranch(&EXAMPLE);
    run(command.args(["--source-root", "examples/shop", "-o"]).arg(&out), "").ok();
    let mut drawing = String::new();
    let mut folders: Vec<String> = Vec::new();
    let files: Vec<_> = super::expected::files(&out).into_keys().collect();
    for file in files.iter().filter(|file| !file.starts_with('.')) {
        let parts: Vec<&str> = file.split('/').collect();
        let (name, above) = parts.split_last().expect("a path has a last part");
        for depth in 0..above.len() {
            let folder = above[..=depth].join("/");
            if !folders.contains(&folder) {
                drawing.push_str(&format!("{}{}/\n", "  ".repeat(depth), above[depth]));
                folders.push(folder);
            }
        }
        drawing.push_str(&format!("{}{name}\n", "  ".repeat(above.len())));
    }
    drawing
}

/// The first rule of the catalog's route, and how many more there are.
fn route() -> String {
    let stream = run(&mut anabranch(&EXAMPLE), "").ok();
    let route = stream
        .split("---\n")
        .find(|document| document.contains("\n  name: catalog.pr-42\n"))
        .expect("the example has this route");
    let rules: Vec<usize> = route.match_indices("\n  - matches:").map(|(at, _)| at + 1).collect();
    let more = rules.len() - 1;
    format!("{}  # ... and {more} more rules\n", &route[..rules[1]])
}

/// What a misspelt service gets.
fn mistake() -> String {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let text = fs::read_to_string(root().join("examples/shop/previews.yaml")).expect("the example");
    fs::write(
        scratch.path().join("previews.yaml"),
        text.replace("- name: basket", "- name: baskte"),
    )
    .expect("the folder can be written");
    let mut command = Command::new(ANABRANCH);
    command.current_dir(scratch.path()).args(["render", "previews.yaml", "--baseline"]);
    let answer = run(command.arg(root().join("examples/shop/baseline")), "").failed();
    let error = answer.find("error[unknown-service]").expect("the service is misspelt");
    answer[error..].split("\n\n").next().unwrap_or_default().to_owned() + "\n"
}

/// What a program gets that does not pass baggage on.
fn lost_key() -> String {
    let said = root().join("golden/programs-that-lose-the-key/expected/stderr.txt");
    let said = fs::read_to_string(said).expect("the golden says it");
    let finding =
        said.split("\n\n").find(|finding| finding.contains("ConfigMap shop/tracing sets `DD"));
    finding.expect("a ConfigMap is named").to_owned() + "\n"
}

/// What the function makes of its example: the alias and the derived route.
fn function_example() -> String {
    let folder = root().join("functions/anabranch/example");
    let program = std::path::Path::new(ANABRANCH).parent().expect("the program is in a folder");
    let built = super::orchestrator::run_with(
        kustomize().args(["build", "--enable-alpha-plugins", "--enable-exec"]).arg(folder),
        program,
    )
    .ok();
    let wanted = ["  externalName: ", "  name: loans.pr-12\n"];
    let shown = built.split("---\n").filter(|document| wanted.iter().any(|w| document.contains(w)));
    format!("# ...\n---\n{}", shown.collect::<Vec<_>>().join("---\n"))
}

/// Puts contents between the fences that follow their markers.
#[track_caller]
fn settle_blocks(path: &str, blocks: &[(&str, String)]) {
    let mut text = fs::read_to_string(root().join(path)).expect("the document");
    for (marker, content) in blocks {
        let begin = format!("<!-- output: {marker} -->\n");
        let start = text.find(&begin).unwrap_or_else(|| panic!("{path} shows {marker}"));
        let start = start + begin.len();
        let fence = start + text[start..].find('\n').expect("a fence") + 1;
        let end = fence + text[fence..].find("```").expect("the fence's end");
        text.replace_range(fence..end, content);
    }
    settle(path, &text);
}

#[test]
fn documents_show_real_output() {
    settle_blocks(
        "README.md",
        &[
            ("tree", tree()),
            ("HTTPRoute catalog.pr-42", route()),
            ("a misspelt service", mistake()),
        ],
    );
    settle_blocks("docs/propagation.md", &[("key-may-be-lost", lost_key())]);
    settle_blocks("functions/anabranch/README.md", &[("function-example", function_example())]);
}

#[test]
fn schema_prints_the_files_that_editors_and_catalogues_take() {
    for (line, file) in [
        (&["schema"][..], "previews.schema.json"),
        (&["schema", "--affected"], "affected.schema.json"),
        (&["schema", "--definition"], "definition.yaml"),
    ] {
        let file = fs::read_to_string(root().join("functions/anabranch").join(file));
        assert_eq!(run(&mut anabranch(line), "").ok(), file.expect("a file"), "{line:?}");
    }
}

#[test]
fn help_is_what_was_reviewed() {
    let mut help = run(&mut anabranch(&["--help"]), "").ok();
    let program = Cli::command();
    for command in program.get_subcommands().map(|command| command.get_name()) {
        let text = run(&mut anabranch(&[command, "--help"]), "").ok();
        help.push_str(&format!("\n--- anabranch {command}\n\n{text}"));
    }
    settle("tests/suite/fixtures/help.txt", &help);
}
