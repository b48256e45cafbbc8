//! Pull requests of forks: `trust: fork`, the option that writes it, and texts that are long instead of malformed.

use std::fs;
use std::process::Command;

use super::orchestrator::{ANABRANCH, Answer, run};

const DIGEST: &str = "@sha256:a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";
const CHANGE: &str = "https://git.example.com/shop/shop#7@90d51dc2888fbbef60f3ddecea6cb05ac8c43ec4";
const FILE: &str = "\
apiVersion: anabranch.dev/v1alpha1
kind: Previews
spec:
  baseline: {namespace: shop}
  limits: {registries: [ghcr.io/shop]}
  previews: []
";

fn set(file: &str, arguments: &[&str]) -> Answer {
    run(Command::new(ANABRANCH).arg("set").args(arguments).args(["--file", "-"]), file)
}

#[test]
fn set_marks_a_change_of_a_fork_and_later_builds_keep_the_mark() {
    let image = format!("cart=ghcr.io/shop/cart{DIGEST}");
    let first = ["pr-7", "--image", &image, "--change", CHANGE];
    let text = set(FILE, &[&first[..], &["--fork"]].concat()).ok();
    assert!(text.contains("trust: fork"), "{text}");
    let newer = CHANGE.replace("90d51", "00000");
    let again = set(&text, &["pr-7", "--image", &image, "--change", &newer]).ok();
    assert!(again.contains("trust: fork") && again.contains("00000dc"), "{again}");
    // One that was trusted before is not any more.
    let team = set(FILE, &first).ok();
    assert!(!team.contains("trust"), "{team}");
    assert_eq!(set(&team, &[&first[..], &["--fork"]].concat()).ok(), text);
}

#[test]
fn set_refuses_what_a_fork_may_not_bring() {
    let tag = ["pr-7", "--image", "cart=ghcr.io/shop/cart:v2", "--change", CHANGE];
    set(FILE, &tag).ok();
    let said = set(FILE, &[&tag[..], &["--fork"]].concat()).failed();
    assert!(said.contains("is of a fork and names no digest"), "{said}");
    let anywhere = FILE.replace("  limits: {registries: [ghcr.io/shop]}\n", "");
    let said = set(&anywhere, &[&tag[..], &["--fork"]].concat()).failed();
    assert!(said.contains("does not say where images may come from"), "{said}");
    assert_eq!(set(FILE, &["pr-7", "--image", "cart=x", "--fork"]).code, Some(2), "of no change");
}

/// A megabyte in each text that a pull request decides is refused in a few words.
#[test]
fn texts_of_a_megabyte_are_refused_and_not_repeated() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let long = "a".repeat(1 << 20);
    let with = |field: &str, value: &str| {
        let texts = [
            ("name", "pr-7"),
            ("repository", "https://git.example.com/shop/shop"),
            ("commit", "90d51dc2888fbbef60f3ddecea6cb05ac8c43ec4"),
            ("updated", "2026-11-29T10:00:00Z"),
            ("service", "cart"),
            ("image", "ghcr.io/shop/cart:v2"),
            ("variable", "A"),
            ("expires", "2026-12-01T00:00:00Z"),
        ];
        let of = |name: &str| {
            let known = texts.iter().find(|(known, _)| *known == name).expect("it is listed").1;
            if name == field { value.to_owned() } else { known.to_owned() }
        };
        format!(
            "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {{namespace: baseline}}\n  previews:\n  \
             - name: {}\n    changes:\n    - {{repository: '{}', number: 7, commit: {}, updated: '{}'}}\n    expires: '{}'\n    \
             services:\n    - {{name: {}, image: '{}', env: [{{name: {}, value: b}}]}}\n",
            of("name"),
            of("repository"),
            of("commit"),
            of("updated"),
            of("expires"),
            of("service"),
            of("image"),
            of("variable"),
        )
    };
    let file = scratch.path().join("previews.yaml");
    let baseline = "golden/mistakes/fork-with-a-tag/baseline.yaml";
    let render = |text: &str| {
        fs::write(&file, text).expect("the folder can be written");
        let mut command = Command::new(ANABRANCH);
        command.current_dir(super::orchestrator::root());
        run(command.arg("render").arg(&file).args(["--baseline", baseline]), "")
    };
    render(&with("", "")).ok();
    let repository = format!("https://git.example.com/$({long})");
    for (field, value) in [
        ("name", format!("pr-{long}")),
        ("repository", repository),
        ("commit", long.clone()),
        ("updated", long.clone()),
        ("service", long.clone()),
        ("image", format!("{long}/{long}:{long}")),
        ("expires", long.clone()),
    ] {
        let said = render(&with(field, &value)).failed();
        assert!(
            said.len() < 64 << 10,
            "{field} is answered with {} bytes: {said:.300}",
            said.len()
        );
    }
}
