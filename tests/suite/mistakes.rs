//! Golden mistakes: what anabranch says about an input that is wrong, and that it writes nothing.
//! See golden/README.md.

use std::fs;
use std::path::Path;

use anabranch::diagnostic::code::CODES;

use super::expected::{
    Files, anabranch, check_readme, command, compare, extra_args, files, folders, golden, name,
    settle,
};
use super::git::Git;
use super::orchestrator::CART;

/// A small input without mistakes, to fill a folder that a mistake must leave alone.
const CONFIG: &str = "\
apiVersion: anabranch.dev/v1alpha1
kind: Previews
spec:
  baseline: {namespace: baseline}
  previews:
    - name: pr-1
      services: [{name: cart, image: cart:2}]
";

fn baseline() -> String {
    CART.replace("shop", "baseline")
}

/// What a case says of an input that no other command than `command` finds wrong.
///
/// The line is run in a copy of the folder, where nothing may change.
fn produce_by_command(case: &Path, line: &str, problems: &mut Vec<String>) -> Files {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    for (path, bytes) in files(case) {
        let path = scratch.path().join(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("it is made");
        fs::write(path, bytes).expect("the copy can be written");
    }
    if case.join("repository").is_file() {
        repository(case, scratch.path());
    }
    let before = files(scratch.path());
    let (words, input) = line.split_once(" < ").unwrap_or((line, ""));
    let mut words = words.split_whitespace();
    let mut complain = |text: &str| problems.push(format!("{}: {text}", name(case)));
    if words.next() != Some("anabranch") {
        complain("the command is not anabranch");
    }
    let mut command = command(scratch.path(), &words.collect::<Vec<_>>());
    if !input.is_empty() {
        let input = fs::File::open(scratch.path().join(input)).expect("the input is there");
        command.stdin(input);
    }
    let output = command.output().expect("the binary runs");
    if output.status.code() != Some(1) {
        complain(&format!("{line} ended with {} and not with exit code 1", output.status));
    }
    if files(scratch.path()) != before {
        complain(&format!("{line} changed a file"));
    }
    let said = [("expected.txt", output.stderr), ("expected.out", output.stdout)];
    let said = said.into_iter().filter(|(_, bytes)| !bytes.is_empty());
    said.map(|(path, bytes)| (path.to_owned(), bytes)).collect()
}

/// Makes a repository of the folder: its commits are those of the case's file `repository`, and its history
/// ends at the revisions that `shallow` lists.
fn repository(case: &Path, folder: &Path) {
    let git = Git::init(folder);
    git.import(&fs::read(case.join("repository")).expect("the stream is there"));
    for revision in fs::read_to_string(case.join("shallow")).unwrap_or_default().lines() {
        let commit = git.run(&["rev-parse", revision]);
        fs::write(folder.join(".git/shallow"), commit).expect("written");
    }
    git.run(&["checkout", "--quiet", "--force", "main"]);
}

/// The arguments behind the subcommand: previews.yaml, and the baseline that the folder holds.
fn arguments(case: &Path) -> Vec<String> {
    let baseline = if case.join("baseline").is_dir() { "baseline" } else { "baseline.yaml" };
    let mut args = ["previews.yaml", "--baseline", baseline].map(str::to_owned).to_vec();
    args.extend(extra_args(case));
    args
}

fn with<'a>(before: &[&'a str], args: &'a [String], after: &[&'a str]) -> Vec<&'a str> {
    let args = args.iter().map(String::as_str);
    before.iter().copied().chain(args).chain(after.iter().copied()).collect()
}

/// Runs a mistake every way, and returns what it said as text and as JSON.
fn produce(case: &Path, problems: &mut Vec<String>) -> Files {
    let args = arguments(case);
    let mut complain = |text: &str| problems.push(format!("{}: {text}", name(case)));
    let stream = anabranch(case, &with(&["render"], &args, &[]));
    if stream.status.code() != Some(1) {
        complain(&format!("render ended with {} and not with exit code 1", stream.status));
    }
    if !stream.stdout.is_empty() {
        complain("render wrote to stdout");
    }

    let scratch = filled_folder();
    let out = scratch.path().join("out");
    let before = files(&out);
    let tree = anabranch(case, &with(&["render"], &args, &["-o", &out.display().to_string()]));
    if tree.status.code() != Some(1) || !tree.stdout.is_empty() {
        complain(&format!("render -o ended with {}, or wrote to stdout", tree.status));
    }
    if files(&out) != before {
        complain("render -o changed the folder");
    }

    let check = anabranch(case, &with(&["check"], &args, &["--format", "json"]));
    if check.status.code() != Some(1) {
        complain(&format!("check ended with {} and not with exit code 1", check.status));
    }
    if serde_json::from_slice::<serde_json::Value>(&check.stdout).is_err() {
        complain("check --format json did not print JSON");
    }
    Files::from([
        ("expected.txt".to_owned(), stream.stderr),
        ("expected.json".to_owned(), check.stdout),
    ])
}

/// A folder `out` that anabranch wrote.
fn filled_folder() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    fs::write(scratch.path().join("previews.yaml"), CONFIG).expect("written");
    fs::write(scratch.path().join("baseline.yaml"), baseline()).expect("written");
    let args = ["render", "previews.yaml", "--baseline", "baseline.yaml", "-o", "out"];
    let output = anabranch(scratch.path(), &args);
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the input without mistakes renders: {words}");
    assert!(files(&scratch.path().join("out")).len() > 3, "and fills its folder");
    scratch
}

/// Runs an input that is too large or not text, so that it cannot be a file of the repository, and
/// returns what was said.
fn generated(config: &[u8], baseline: &[u8]) -> String {
    let scratch = filled_folder();
    fs::write(scratch.path().join("previews.yaml"), config).expect("written");
    fs::write(scratch.path().join("baseline.yaml"), baseline).expect("written");
    let out = scratch.path().join("out");
    let before = files(&out);
    let args = ["render", "previews.yaml", "--baseline", "baseline.yaml", "-o", "out"];
    let output = anabranch(scratch.path(), &args);
    let words = String::from_utf8(output.stderr).expect("messages are UTF-8");
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(output.stdout.is_empty(), "{words}");
    assert!(files(&out) == before, "the folder is as it was");
    assert!(words.len() < 4000, "{} bytes of message", words.len());
    words
}

#[test]
fn every_mistake_says_what_is_expected_and_writes_nothing() {
    let mut problems = Vec::new();
    for case in folders(&golden().join("mistakes")) {
        check_readme(&case, &mut problems);
        let command = fs::read_to_string(case.join("command")).ok();
        let produced = match &command {
            Some(line) => produce_by_command(&case, line.trim_end(), &mut problems),
            None => produce(&case, &mut problems),
        };
        // A command names its input, or the folder that holds it.
        let named = |path: &str| {
            let words = command.iter().flat_map(|line| line.split_whitespace());
            let mut words = words.map(|word| word.trim_end_matches('/'));
            words.any(|word| Path::new(path).starts_with(word))
        };
        let ours = |path: &str| path.starts_with("expected");
        compare(&case, &case, &produced, ours, &mut problems);
        for path in files(&case).keys() {
            let input = [
                "previews.yaml",
                "baseline.yaml",
                "affected.yaml",
                "README.md",
                "args",
                "command",
                "repository",
                "shallow",
            ];
            let known = ours(path) || path.starts_with("baseline/") || named(path);
            if !known && !input.contains(&path.as_str()) {
                problems.push(format!("{}: {path} belongs to nothing", name(&case)));
            }
        }
    }
    settle(&problems);
}

#[test]
fn every_code_is_shown_by_a_golden() {
    let is_said = |path: &str| {
        let file = path.rsplit('/').next().unwrap_or_default();
        file.starts_with("expected.") || file.starts_with("stderr")
    };
    let said: Vec<String> = files(&golden())
        .into_iter()
        .filter(|(path, _)| is_said(path))
        .map(|(_, bytes)| String::from_utf8(bytes).expect("what is said is text"))
        .collect();
    // In text and in results of the function; and where GitHub reads it.
    let marks = |id: &str| [format!("[{id}]"), format!("title={id}::")];
    let shown = |id: &str| marks(id).iter().any(|mark| said.iter().any(|text| text.contains(mark)));
    let missing: Vec<&str> = CODES.iter().map(|code| code.id).filter(|id| !shown(id)).collect();
    assert!(missing.is_empty(), "codes that no golden shows: {}", missing.join(", "));
}

#[test]
fn nesting_of_ten_thousand_levels_is_refused() {
    let block: String = (0..10_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    for deep in [block, "[".repeat(10_000), "{a: ".repeat(10_000), "- ".repeat(10_000)] {
        let words = generated(CONFIG.as_bytes(), deep.as_bytes());
        assert!(words.contains("error[input-limit]"), "{words}");
        let words = generated(deep.as_bytes(), baseline().as_bytes());
        assert!(words.contains("error[input-limit]"), "{words}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    let latin1 =
        baseline().replace("cart:1", "caf\u{e9}").chars().map(|c| c as u8).collect::<Vec<_>>();
    let words = generated(CONFIG.as_bytes(), &latin1);
    assert!(words.contains("baseline.yaml:13: this is not UTF-8"), "{words}");
    let words = generated(b"\xff\xfe\x00", baseline().as_bytes());
    assert!(words.contains("previews.yaml:1: this is not UTF-8"), "{words}");
}

/// Renders a tree over one that is there, from a folder with an empty suite `tests/smoke`, and returns
/// what was said.
fn refused_tree(config: &str) -> String {
    let scratch = filled_folder();
    let suite = scratch.path().join("tests/smoke");
    fs::create_dir_all(&suite).expect("the folder can be written");
    fs::write(suite.join("kustomization.yaml"), "resources: []\n").expect("written");
    fs::write(scratch.path().join("previews.yaml"), config).expect("written");
    let before = files(&scratch.path().join("out"));
    let args = "render previews.yaml --baseline baseline.yaml --source-root . -o out";
    let output = anabranch(scratch.path(), &args.split(' ').collect::<Vec<_>>());
    let words = String::from_utf8(output.stderr).expect("messages are UTF-8");
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(files(&scratch.path().join("out")) == before, "the folder is as it was");
    words
}

#[test]
fn a_suite_that_is_not_there_is_refused() {
    // Only the tree holds the suites, so only -o misses one.
    let tests = "spec:\n  tests: [{name: e2e, path: ./tests/e2e}]\n";
    let words = refused_tree(&CONFIG.replace("spec:\n", tests));
    assert!(words.contains("error[suite-missing]"), "{words}");
}

#[test]
fn objects_of_ours_that_would_have_one_name_are_refused() {
    // The Flux Kustomization of a preview, and that of the baseline.
    let config = CONFIG.replace("spec:\n", "spec:\n  prefix: base\n").replace("pr-1", "baseline");
    let config =
        config.replace("{namespace: baseline}", "{namespace: baseline, delivery: include}");
    let config = config.replace("  previews:", "  namespace: \"{preview}-1\"\n  previews:");
    let words = refused_tree(&config);
    let twice =
        "error[name-taken]: Kustomization flux-system/previews.baseline would be made twice";
    assert!(words.contains(twice), "{words}");
}

#[test]
fn a_line_of_a_megabyte_is_not_printed() {
    let long =
        format!("{{\"apiVersion\": \"v1\", \"kind\": \"{}\", \"kind\": 1}}", "x".repeat(1 << 20));
    let words = generated(CONFIG.as_bytes(), long.as_bytes());
    assert!(words.contains("error[duplicate-key]"), "{words}");
}

#[test]
fn escape_sequences_in_the_input_do_not_reach_the_terminal() {
    let config = CONFIG.replace("name: cart", "name: \"\\e[2Jcart\\n::error::forged\"");
    let words = generated(config.as_bytes(), baseline().as_bytes());
    assert!(!words.contains('\u{1b}'), "{words:?}");
    assert!(words.lines().all(|line| !line.starts_with("::")), "{words}");
}
