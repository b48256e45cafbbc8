//! The five values: right ones are written where they belong, wrong ones are refused, all at once.

use std::fs;
use std::path::PathBuf;

use super::super::orchestrator::{root, write_text};
use super::Copy;

/// The files of values below `fixtures/values/` that are so.
fn fixtures(kind: &str) -> Vec<PathBuf> {
    let folder = root().join("tests/suite/fixtures/values").join(kind);
    let files = fs::read_dir(folder).expect("there are fixtures");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("it can be read").path()).collect();
    files.retain(|file| file.extension().is_some_and(|kind| kind == "yaml"));
    files.sort();
    files
}

#[test]
fn right_values_are_written_once_and_others_can_follow() {
    let fixtures = fixtures("valid");
    assert!(fixtures.len() >= 8, "{} fixtures", fixtures.len());
    let copy = Copy::new();
    let before = copy.files();
    let own = copy.text("values.yaml");
    assert_eq!(copy.run("scripts/configure.sh", &[]).ok(), "", "the template stands on its values");
    for fixture in fixtures {
        let name = fixture.display();
        fs::copy(&fixture, copy.path("values.yaml")).expect("the values are copied");
        let unwritten = copy.run("scripts/configure.sh", &["--check"]).failed();
        assert!(unwritten.contains("previews/previews.yaml: not as values.yaml says"), "{name}");
        let written = copy.run("scripts/configure.sh", &[]).ok();
        assert!(written.lines().any(|file| file == "previews/previews.yaml"), "{name}: {written}");
        assert_eq!(copy.run("scripts/configure.sh", &[]).ok(), "", "{name}: a second run");
        copy.run("scripts/configure.sh", &["--check"]).ok();
    }
    write_text(&copy.path("values.yaml"), &own);
    copy.run("scripts/configure.sh", &[]).ok();
    let after = copy.files();
    let changed: Vec<&String> =
        before.keys().filter(|file| before.get(*file) != after.get(*file)).collect();
    assert!(changed.is_empty(), "not as before: {changed:?}");
}

#[test]
fn wrong_values_are_refused_all_at_once_and_nothing_is_written() {
    let fixtures = fixtures("invalid");
    assert!(fixtures.len() >= 20, "{} fixtures", fixtures.len());
    let copy = Copy::new();
    let mut before = copy.files();
    for fixture in fixtures {
        let name = fixture.display();
        let wanted = fs::read_to_string(fixture.with_extension("txt")).expect("what is said of it");
        fs::copy(&fixture, copy.path("values.yaml")).expect("the values are copied");
        before.insert("values.yaml".to_owned(), fs::read(&fixture).expect("a fixture"));
        let answer = copy.run("scripts/configure.sh", &[]);
        assert_eq!(answer.stdout, "", "{name}");
        let said = answer.failed();
        for words in wanted.lines() {
            assert!(said.contains(words), "{name}: `{words}` is not in\n{said}");
        }
        assert!(said.lines().all(|line| line.starts_with("values.yaml")), "{name}: {said}");
        assert_eq!(copy.files(), before, "{name}");
    }
}

#[test]
fn nothing_of_the_example_is_left_where_values_are_others() {
    let copy = Copy::new();
    let names = "tests/suite/fixtures/values/valid/names-with-dots-and-capitals.yaml";
    fs::copy(root().join(names), copy.path("values.yaml")).expect("the values are copied");
    copy.run("scripts/configure.sh", &[]).ok();
    let spoken = |file: &str| {
        // Texts for people, what is for tests alone, and what is encrypted.
        file.ends_with(".md") || ["scripts/", "schemas/"].iter().any(|one| file.starts_with(one))
    };
    let mut left = Vec::new();
    for (file, bytes) in copy.files() {
        let text = String::from_utf8_lossy(&bytes);
        for (number, line) in text.lines().enumerate().filter(|_| !spoken(&file)) {
            let line = line.split('#').next().unwrap_or_default();
            if ["acme/", "/acme", "example.com"].iter().any(|word| line.contains(word))
                && !line.contains("acme-v02.api.letsencrypt.org")
            {
                left.push(format!("{file}:{}: {line}", number + 1));
            }
        }
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}

#[test]
fn a_shell_takes_the_values_as_they_are() {
    let copy = Copy::new();
    let script = "eval \"$(scripts/configure.sh --shell)\"; echo \"$gitops $registry $domain\"";
    write_text(&copy.path("say.sh"), script);
    let mut bash = std::process::Command::new("bash");
    bash.current_dir(copy.path(".")).arg("say.sh");
    let said = super::run(&mut bash, "").ok();
    assert_eq!(said, "https://github.com/acme/shop-gitops ghcr.io/acme example.com\n");
}

#[test]
fn images_of_an_environment_are_set_one_by_one_or_from_another() {
    let copy = Copy::new();
    let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
    copy.run("scripts/image.sh", &["staging", "cart", &digest]).ok();
    copy.run("scripts/image.sh", &["production", "--from", "staging"]).ok();
    for environment in ["staging", "production"] {
        let text = copy.text(&format!("apps/{environment}/kustomization.yaml"));
        let entry = format!(
            "  - name: cart\n    newName: ghcr.io/acme/cart # value: ${{registry}}/cart\n    digest: \"{digest}\"\n"
        );
        assert!(text.contains(&entry), "{text}");
    }
    copy.run("scripts/image.sh", &["staging", "cart", "2.6.0"]).ok();
    assert!(copy.text("apps/staging/kustomization.yaml").contains("newTag: \"2.6.0\""));
    let before = copy.files();
    for wrong in [["staging", "nosuch", "1"], ["staging", "cart", "a b"], ["nowhere", "cart", "1"]]
    {
        copy.run("scripts/image.sh", &wrong).failed();
    }
    copy.run("scripts/image.sh", &["staging", "cart", "sha256:12"]).failed();
    assert_eq!(copy.files(), before);
}
