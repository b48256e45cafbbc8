//! Golden cases: what `anabranch render` makes of an input, byte for byte. See golden/README.md.

use std::path::Path;

use super::expected::{
    Files, anabranch, check_readme, compare, extra_args, files, folders, golden, name, settle,
};

/// The cases: every folder of golden but the mistakes.
fn cases() -> Vec<std::path::PathBuf> {
    let mut cases = folders(&golden());
    cases.retain(|case| name(case) != "mistakes");
    cases
}

/// What a case produces, in the shape of its folder `expected`.
fn produce(case: &Path, problems: &mut Vec<String>) -> Files {
    let mut args: Vec<String> =
        ["render", "input/previews.yaml", "--baseline", "input/baseline"].map(str::to_owned).into();
    args.extend(extra_args(case));
    let mut produced = Files::new();
    let stream = anabranch(case, &args);
    if !stream.status.success() {
        let words = String::from_utf8_lossy(&stream.stderr);
        problems.push(format!("{}: render failed\n{words}", name(case)));
    }
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let out = scratch.path().join("out");
    args.extend(["-o".to_owned(), out.display().to_string()]);
    let tree = anabranch(case, &args);
    if !tree.status.success() || !tree.stdout.is_empty() {
        let words = String::from_utf8_lossy(&tree.stderr);
        problems.push(format!("{}: render -o failed, or wrote to stdout\n{words}", name(case)));
    }
    produced.insert("stream.yaml".to_owned(), stream.stdout);
    // The two shapes mostly say the same words; where they differ, both are kept.
    if tree.stderr != stream.stderr {
        produced.insert("stderr-tree.txt".to_owned(), tree.stderr);
    }
    if !stream.stderr.is_empty() {
        produced.insert("stderr.txt".to_owned(), stream.stderr);
    }
    produced.extend(files(&out).into_iter().map(|(path, bytes)| (format!("tree/{path}"), bytes)));
    produced
}

#[test]
fn every_case_renders_to_what_is_expected() {
    let mut problems = Vec::new();
    for case in cases() {
        check_readme(&case, &mut problems);
        let produced = produce(&case, &mut problems);
        compare(&case, &case.join("expected"), &produced, |_| true, &mut problems);
        for path in files(&case).keys() {
            let known = path.starts_with("input/") || path.starts_with("expected/");
            if !known && path != "README.md" && path != "args" {
                problems.push(format!("{}: {path} belongs to nothing", name(&case)));
            }
        }
    }
    settle(&problems);
}

#[test]
fn there_are_enough_cases() {
    let count = cases().len();
    assert!(count >= 15, "{count} golden cases");
}
