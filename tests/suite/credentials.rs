//! A user or a password in a URL is refused by its place, and no command says it in any format.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use super::orchestrator::{ANABRANCH, Answer, CART, run};

const COMMIT: &str = "90d51dc2888fbbef60f3ddecea6cb05ac8c43ec4";

/// previews.yaml with one text in its place.
fn config(field: &str, text: &str) -> String {
    let at = |name: &str, usual: &str| if name == field { text } else { usual }.to_owned();
    let repository = "'https://github.com/shop/shop'";
    format!(
        "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nmetadata: {{name: shop}}\nspec:\n  \
         baseline: {{namespace: shop}}\n  \
         notify: [{{repository: {}, provider: github, secretRef: {{name: app}}}}]\n  \
         tests: [{{name: smoke, path: ./smoke, report: {}}}]\n  \
         flux: {{artifacts: {{url: {}}}}}\n  previews:\n  - name: pr-1\n    \
         changes: [{{repository: {}, number: 1, commit: {COMMIT}}}]\n    \
         services: [{{name: cart, image: {}}}]\n",
        at("notify[0].repository", repository),
        at("tests[0].report", "''"),
        at("flux.artifacts.url", "oci://ghcr.io/shop/previews"),
        at("previews[0].changes[0].repository", repository),
        at("previews[0].services[0].image", "'cart:2'"),
    )
}

fn folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("smoke")).expect("a folder");
    for (name, text) in [("previews.yaml", config), ("baseline.yaml", CART)] {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

/// Runs a command in a folder; nothing of it may be secret.
#[track_caller]
fn asked(folder: &Path, arguments: &[&str], stdin: &str) -> Answer {
    let answer = run(Command::new(ANABRANCH).args(arguments).current_dir(folder), stdin);
    let said = format!("{}{}", answer.stdout, answer.stderr);
    assert!(!said.contains("s3cret") && !said.contains("bob"), "{arguments:?}: {said}");
    answer
}

#[test]
fn a_user_in_a_url_is_refused_by_its_place_and_never_said() {
    for (field, text) in [
        ("notify[0].repository", "'https://bob:s3cret@github.com/shop/shop'"),
        ("previews[0].changes[0].repository", "https://bob@github.com/shop/shop"),
        ("previews[0].changes[0].repository", r#""https:\/\/bob:s3cret@github.com\/shop\/shop""#),
        ("previews[0].changes[0].repository", r#""https:\x2F/bob:s3cret@github.com/shop/shop""#),
        ("previews[0].changes[0].repository", "'https://bob:s3/cret:s3cret@github.com/shop/shop'"),
        ("previews[0].changes[0].repository", "bob:s3cret@github.com/shop/shop"),
        ("notify[0].repository", "https:/bob:s3cret@github.com/shop/shop"),
        ("tests[0].report", "'https://bob:s3cret@reports.example.com/{preview}'"),
        ("flux.artifacts.url", "oci://bob:s3cret@ghcr.io/shop/previews"),
        ("previews[0].services[0].image", "'https://bob:s3cret@ghcr.io/shop/cart:2'"),
    ] {
        let folder = folder(&config(field, text));
        let at = |arguments: &[&str]| asked(folder.path(), arguments, "");
        let baseline = ["previews.yaml", "-b", "baseline.yaml"];
        for format in ["text", "json", "sarif", "github"] {
            let answer = at(&[&["check", "--format", format], &baseline[..]].concat());
            assert_eq!(answer.code, Some(1), "{field} as {format}: {}", answer.stdout);
            // What is no YAML at all has a place and no field.
            let is_named = answer.stdout.contains(&format!("\"spec.{field}\""));
            assert!(is_named || format != "json" || text.contains("\\/"), "{}", answer.stdout);
        }
        for arguments in [&["render"][..], &["render", "-o", "out"]] {
            at(&[arguments, &baseline[..]].concat()).failed();
        }
        // A list is given of what cannot be rendered too.
        for format in ["json", "table", "names"] {
            at(&[&["list", "--format", format], &baseline[..]].concat());
        }
        for format in ["json", "text"] {
            at(&[&["show", "pr-1", "--format", format], &baseline[..]].concat());
        }
        let other = at(&["set", "pr-2", "--image", "cart=cart:2"]);
        // kubectl knows no `\/`, and so the whole file is refused.
        let is_read = !text.contains("\\/");
        assert_eq!(other.code, Some(i32::from(!is_read)), "{field}: {}", other.stderr);
        at(&["remove", "pr-1"]);
    }
}

#[test]
fn a_function_says_no_user_of_a_url_either() {
    let text = config("tests[0].report", "'https://bob:s3cret@reports.example.com/{preview}'");
    let config: serde_json::Value = yaml_serde::from_str(&text).expect("YAML");
    let list = json!({
        "apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList",
        "items": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}],
        "functionConfig": config,
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let answer = run(Command::new(ANABRANCH).current_dir(folder.path()), &list.to_string());
    // The answer holds the functionConfig as it came; what is said about it does not.
    let (_, results) = answer.stdout.split_once("\nresults:").expect("results");
    assert!(results.contains("this URL names a user"), "{results}");
    for said in [results, &answer.stderr] {
        assert!(!said.contains("s3cret") && !said.contains("bob"), "{said}");
    }
}

#[test]
fn what_is_set_with_a_user_is_refused_and_not_said() {
    let folder = folder(&config("", ""));
    let change = format!("https://bob:s3cret@github.com/shop/shop#1@{COMMIT}");
    let image = "cart=https://bob:s3cret@ghcr.io/cart:2";
    for (arguments, code) in [
        (["set", "pr-1", "--change", &change], 1),
        (["set", "pr-1", "--image", image], 1),
        (["set", "pr-1", "--change", "https://bob:s3cret@github.com/shop/shop"], 2),
        (["set", "pr-1", "--change", "https://bob:s3cret@github.com/shop/shop#x@1"], 2),
        (["render", "previews.yaml", "-b", "https://bob:s3cret@github.com/shop/shop"], 1),
        (["render", "https://bob:s3cret@github.com/shop/shop", "-b", "baseline.yaml"], 1),
    ] {
        let answer = asked(folder.path(), &arguments, "");
        assert_eq!(answer.code, Some(code), "{arguments:?}: {}", answer.stderr);
    }
}

#[test]
fn a_long_line_is_cut_around_no_password() {
    let long = format!("https://bob:{}@github.com/shop/shop", "s3cret".repeat(50));
    for repeat in [1, 20, 40, 60, 500] {
        let many = format!("{{name: pr-2, nope: [{}{long}]}}", "x,".repeat(repeat));
        let text =
            config("", "").replace("  - name: pr-1\n", &format!("  - {many}\n  - name: pr-1\n"));
        let folder = folder(&text);
        let words = asked(folder.path(), &["check", "previews.yaml", "-b", "baseline.yaml"], "");
        assert_eq!(words.code, Some(1), "{}", words.stdout);
    }
}
