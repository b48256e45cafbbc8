//! What the workflow pushes for two pull requests, file for file.

use super::super::expected::{Files, compare, files, settle};
use super::super::orchestrator::root;
use super::{Copy, template};

const COMMIT: &str = "1c1c15b53360a54ddf089e56e7153f1ad769fa10";

/// The commands that the workflows run for two pull requests, and what is then in the folder that is pushed.
pub(super) fn rendered() -> Files {
    let copy = Copy::new();
    for (number, services) in [(7, ["frontend"].as_slice()), (42, &["cart", "checkout"])] {
        let change = format!("https://github.com/acme/shop#{number}@{COMMIT}");
        let preview = format!("pr-{number}");
        let images: Vec<String> = services
            .iter()
            .map(|one| format!("{one}=ghcr.io/acme/{one}@sha256:{}", "0123456789abcdef".repeat(4)))
            .collect();
        let mut arguments = vec!["set", &preview, "--file", "previews/previews.yaml"];
        arguments.extend(["--change", &change]);
        images.iter().for_each(|image| arguments.extend(["--image", image]));
        copy.run("anabranch", &arguments).ok();
    }
    let said = copy.run("anabranch", &["check", "previews/previews.yaml", "--deny", "warnings"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    copy.run(
        "anabranch",
        &["render", "previews/previews.yaml", "--artifacts", "each", "-o", "out"],
    )
    .ok();
    files(&copy.path("out"))
}

#[test]
fn the_template_renders_to_what_was_read() {
    let folder = root().join("tests/suite/fixtures/rendered");
    let mut produced = rendered();
    // Suites are carried along as they are.
    let mut suites = 0;
    let kept = files(&template());
    produced.retain(|path, bytes| {
        let Some((_, suite)) = path.split_once("/tests/") else { return true };
        assert_eq!(kept.get(&format!("tests/{suite}")), Some(&*bytes), "{path}");
        suites += 1;
        false
    });
    assert!(suites > 4, "{suites} files of suites");
    let mut problems = Vec::new();
    compare(&folder, &folder, &produced, |_| true, &mut problems);
    settle(&problems);
}
