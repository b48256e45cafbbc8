//! `anabranch affected` on repositories made for it, and on this one.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use super::expected::anabranch;
use super::git::Git;
use super::orchestrator::{root, skipped};

const MAP: &str = "\
apiVersion: anabranch.dev/v1alpha1
kind: Affected
spec:
  ignore: ['*.md', affected.yaml]
  all: [go.work]
  modules:
    golib: {paths: [libs/go/**], uses: [proto]}
    proto: {paths: [proto/**]}
  services:
    basket: {paths: [services/basket/**], uses: [golib]}
    checkout: {paths: [services/checkout/**], with: [basket]}
    mail: {paths: [services/mail/**]}
";

/// A repository whose branch `main` has the map and a file of each owner.
fn shop() -> (TempDir, Git) {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let git = Git::init(scratch.path());
    let files =
        ["libs/go/a.go", "proto/a.proto", "services/basket/a", "services/checkout/a", "go.work"];
    let mut commit: Vec<(&str, &str)> = files.iter().map(|file| (*file, "1\n")).collect();
    commit.extend([("services/mail/a", "1\n"), ("affected.yaml", MAP), ("README.md", "1\n")]);
    git.commit("main", None, &commit, &[]);
    git.run(&["checkout", "--quiet", "--force", "main"]);
    (scratch, git)
}

/// What a branch affects that begins at `main` and changes these files, and deletes these.
#[track_caller]
fn affects(git: &Git, changed: &[(&str, &str)], deleted: &[&str], format: &str) -> String {
    git.commit("change", Some("main"), changed, deleted);
    let said = ask(&git.folder, &["--base", "main", "--head", "change", "--format", format]);
    String::from_utf8(said.stdout).expect("what is printed is text")
}

#[track_caller]
fn ask(folder: &Path, arguments: &[&str]) -> Output {
    let said = anabranch(folder, &[&["affected"], arguments].concat());
    let words = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{arguments:?}: {words}");
    said
}

#[test]
fn every_form_gives_the_same_answer() {
    let (_scratch, git) = shop();
    let changed = [("proto/a.proto", "2\n"), ("README.md", "2\n")];
    assert_eq!(affects(&git, &changed, &[], "names"), "basket\ncheckout\n");
    assert_eq!(affects(&git, &changed, &[], "bake"), "basket\n");
    assert_eq!(affects(&git, &changed, &[], "matrix"), "{\"service\":[\"basket\"]}\n");
    let chain = "proto/a.proto -> module proto (proto/**) -> module golib uses proto -> \
                 service basket uses golib";
    let text = format!(
        "basket\n  {chain}\ncheckout, not built\n  {chain} -> service checkout goes with basket\n"
    );
    assert_eq!(affects(&git, &changed, &[], "text"), text);
    let answer: Value = serde_json::from_str(&affects(&git, &changed, &[], "json")).expect("JSON");
    assert_eq!(answer["base"], git.run(&["rev-parse", "main"]));
    assert_eq!(answer["head"], git.run(&["rev-parse", "change"]));
    assert_eq!(answer["services"][1]["name"], "checkout");
    assert_eq!(answer["services"][1]["build"], false);
    assert_eq!(answer["services"][0]["reasons"][0][0], "proto/a.proto");
    assert_eq!(answer["unmapped"], Value::Array(Vec::new()));
}

#[test]
fn nothing_affected_is_an_empty_answer() {
    let (_scratch, git) = shop();
    let readme = [("README.md", "2\n")];
    for (format, answer) in [
        ("names", ""),
        ("bake", ""),
        ("matrix", "{\"service\":[]}\n"),
        ("text", "no service is affected\n"),
    ] {
        assert_eq!(affects(&git, &readme, &[], format), answer, "{format}");
    }
}

#[test]
fn a_service_that_is_no_target_of_bake_is_refused_for_bake_alone() {
    let (_scratch, git) = shop();
    let map =
        MAP.replace("    mail:", "    mail.v2: {paths: [services/mail/v2/**]}\n    m\u{e4}il:");
    fs::write(git.folder.join("affected.yaml"), &map).expect("written");
    let changed = [("services/basket/a", "2\n"), ("affected.yaml", map.as_str())];
    assert_eq!(affects(&git, &changed, &[], "names"), "basket\ncheckout\n");
    let bake = ["affected", "--base", "main", "--head", "change", "--format", "bake"];
    let said = anabranch(&git.folder, &bake);
    let words = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(1), "{words}");
    assert!(said.stdout.is_empty());
    let message = "error[bad-name]: `mail.v2`, `m\u{e4}il` are no targets of docker buildx bake";
    assert!(words.contains(message), "{words}");
    assert!(words.contains("help: rename the services in the map"), "{words}");
}

#[test]
fn a_repository_without_a_commit_is_said_to_have_none() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let git = Git::init(scratch.path());
    fs::write(git.folder.join("affected.yaml"), MAP).expect("written");
    let said = anabranch(&git.folder, &["affected", "--base", "HEAD"]);
    let words = String::from_utf8_lossy(&said.stderr);
    assert!(words.contains("nothing is committed here yet"), "{words}");
}

#[test]
fn a_rename_is_a_deletion_and_an_addition() {
    let (_scratch, git) = shop();
    let moved = [("services/basket/a", "1\n")];
    assert_eq!(affects(&git, &moved, &["services/mail/a"], "names"), "mail\n");
    let moved = [("services/checkout/b", "1\n")];
    assert_eq!(affects(&git, &moved, &["services/mail/a"], "names"), "checkout\nmail\n");
}

#[test]
fn a_global_file_affects_all_services_and_an_odd_name_its_own() {
    let (_scratch, git) = shop();
    assert_eq!(affects(&git, &[("go.work", "2\n")], &[], "bake"), "basket\ncheckout\nmail\n");
    let odd = [("services/mail/na\u{ef}ve\n[x] \"y\".txt", "2\n")];
    assert_eq!(affects(&git, &odd, &[], "names"), "mail\n");
}

#[test]
fn paths_count_from_the_root_wherever_one_stands() {
    let (scratch, git) = shop();
    git.commit("change", Some("main"), &[("services/mail/a", "2\n")], &[]);
    let arguments = ["--base", "main", "--head", "change", "--format", "names"];
    let below = scratch.path().join("services/basket");
    assert_eq!(ask(&below, &arguments).stdout, b"mail\n");
    fs::remove_file(scratch.path().join("affected.yaml")).expect("it was there");
    let map = MAP.split_once("spec:\n").expect("the map has a spec").1.replace("\n  ", "\n    ");
    let previews = format!(
        "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {{namespace: shop}}\n  \
         affected:\n  {map}"
    );
    fs::write(scratch.path().join("previews.yaml"), previews).expect("written");
    assert_eq!(ask(&below, &arguments).stdout, b"mail\n");
}

#[test]
fn no_program_that_a_repository_names_is_run_and_nothing_is_written() {
    let (scratch, git) = shop();
    git.commit("change", Some("main"), &[("services/mail/a", "2\n")], &[]);
    let trap = scratch.path().join(".git/trap");
    let mark = scratch.path().join(".git/mark");
    fs::write(&trap, format!("#!/bin/sh\necho x >>{}\n", mark.display())).expect("written");
    std::process::Command::new("chmod").arg("+x").arg(&trap).status().expect("chmod runs");
    let trap = trap.display().to_string();
    for key in
        ["core.fsmonitor", "diff.external", "core.pager", "core.sshCommand", "core.hooksPath"]
    {
        git.run(&["config", key, &trap]);
    }
    git.run(&["config", "diff.renames", "copies"]);
    git.run(&["config", "diff.relative", "true"]);
    let before = super::expected::files(scratch.path());
    let arguments = ["--base", "main", "--head", "change", "--format", "names"];
    assert_eq!(ask(scratch.path(), &arguments).stdout, b"mail\n");
    ask(scratch.path(), &["--audit"]);
    assert!(super::expected::files(scratch.path()) == before, "a file changed, or the trap ran");
}

#[test]
fn what_git_would_take_for_an_option_is_no_revision() {
    let (scratch, git) = shop();
    git.run(&["update-ref", "refs/heads/-x", "main"]);
    let output = format!("--output={}", scratch.path().join("out").display());
    for revision in
        [&output, "-x", "", "main..main", "^main", "main:go.work", "main^{tree}", "main\nx"]
    {
        let arguments = [format!("--base={revision}"), "--head=main".to_owned()];
        let said = anabranch(scratch.path(), &["affected", &arguments[0], &arguments[1]]);
        assert_eq!(said.status.code(), Some(1), "{revision}");
        let words = String::from_utf8_lossy(&said.stderr);
        assert!(words.contains("error[unknown-revision]"), "{revision}: {words}");
        assert!(said.stdout.is_empty() && !scratch.path().join("out").exists(), "{revision}");
    }
}

#[test]
fn the_branch_that_a_service_uses_by_mistake_is_found_by_the_audit() {
    let (scratch, git) = shop();
    let package = "{\"name\": \"mail\", \"dependencies\": {\"proto\": \"file:../../proto\"}}";
    git.commit(
        "main",
        Some("main"),
        &[("services/mail/package.json", package), ("proto/package.json", "{\"name\": \"proto\"}")],
        &[],
    );
    git.run(&["reset", "--quiet", "--hard"]);
    let said = anabranch(scratch.path(), &["affected", "--audit", "--format", "json"]);
    assert_eq!(said.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    let found = &found["findings"][0];
    assert_eq!((&found["code"], &found["line"]), (&"missing-edge".into(), &1.into()));
    assert_eq!(found["help"], "add to `services.mail`: `uses: [proto]`");
    fs::write(
        scratch.path().join("affected.yaml"),
        MAP.replace("services/mail/**]", "services/mail/**], uses: [proto]"),
    )
    .expect("written");
    ask(scratch.path(), &["--audit"]);
}

#[test]
fn a_link_into_the_paths_of_another_owner_is_found_by_the_audit() {
    let (scratch, git) = shop();
    git.run(&["reset", "--quiet", "--hard"]);
    let link = scratch.path().join("services/mail/shared");
    std::os::unix::fs::symlink("../../proto", link).expect("a link");
    git.run(&["add", "services/mail/shared"]);
    let said = anabranch(scratch.path(), &["affected", "--audit", "--format", "json"]);
    assert_eq!(said.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    let found = &found["findings"][0];
    assert_eq!(
        (&found["code"], &found["file"]),
        (&"missing-edge".into(), &"services/mail/shared".into())
    );
    assert_eq!(found["help"], "add to `services.mail`: `uses: [proto]`");
}

#[test]
fn what_a_clone_left_behind_is_not_fetched() {
    let (scratch, git) = shop();
    git.commit("change", Some("main"), &[("services/mail/a", "2\n")], &[]);
    git.run(&["config", "uploadpack.allowFilter", "true"]);
    let clone = tempfile::tempdir().expect("a temporary folder");
    let from = format!("file://{}", scratch.path().display());
    let arguments = ["clone", "--quiet", "--filter=tree:0", &from, "."];
    let cloned = Git { folder: clone.path().to_owned() };
    cloned.run(&arguments);
    let arguments = ["--base", "origin/main", "--head", "origin/change", "--format", "names"];
    let said = anabranch(clone.path(), &[&["affected"], &arguments[..]].concat());
    let words = String::from_utf8_lossy(&said.stderr);
    assert_eq!((said.status.code(), said.stdout.as_slice()), (Some(1), &b""[..]), "{words}");
    assert!(words.contains("git fetch --refetch --filter=blob:none"), "{words}");
    cloned.run(&["fetch", "--quiet", "--refetch", "--filter=blob:none"]);
    assert_eq!(ask(clone.path(), &arguments).stdout, b"mail\n");
}

#[test]
fn an_audit_has_no_names_to_print() {
    let (scratch, _git) = shop();
    for arguments in
        [["--audit", "--format=names"], ["--audit", "--base=main"], ["--head=x", "--format=text"]]
    {
        let said = anabranch(scratch.path(), &[&["affected"], &arguments[..]].concat());
        assert_eq!(said.status.code(), Some(2), "{arguments:?}");
        assert!(said.stdout.is_empty() && !said.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_service_that_goes_with_its_entry_is_no_unmapped_path() {
    let (_scratch, git) = shop();
    let map = MAP.replace("    mail: {paths: [services/mail/**]}\n", "");
    // The map is the file of the worktree.
    fs::write(git.folder.join("affected.yaml"), &map).expect("written");
    git.commit("change", Some("main"), &[("affected.yaml", &map)], &["services/mail/a"]);
    let said = ask(&git.folder, &["--base", "main", "--head", "change", "--format", "names"]);
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.stdout.is_empty() && words.contains("warning[service-gone]"), "{words}");
    assert!(words.contains("removes service `mail` from the map"), "{words}");
    // A path that neither map names is one that nobody thought of.
    let files = [("affected.yaml", map.as_str()), ("new/a", "1\n")];
    git.commit("change", Some("main"), &files, &["services/mail/a"]);
    let said = anabranch(&git.folder, &["affected", "--base=main", "--head=change"]);
    let words = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(words.contains("path `new/a` is not in the map"), "{words}");
}

#[test]
fn a_module_that_goes_with_its_entry_builds_those_that_used_it() {
    let (_scratch, git) = shop();
    let map = MAP
        .replace("    golib: {paths: [libs/go/**], uses: [proto]}\n", "")
        .replace("uses: [golib]", "uses: [proto]");
    fs::write(git.folder.join("affected.yaml"), &map).expect("written");
    let told = affects(&git, &[("affected.yaml", &map)], &["libs/go/a.go"], "json");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["services"][0]["name"], "basket", "{told}");
    let reason = &told["services"][0]["reasons"][0];
    assert_eq!(
        (&reason[0], &reason[2]),
        (&"libs/go/a.go".into(), &"module golib (libs/go/**)".into())
    );
    let checkout = &told["services"][1];
    assert_eq!((&checkout["name"], &checkout["build"]), (&"checkout".into(), &false.into()));
    assert_eq!(told["unmapped"], serde_json::json!([]));
}

#[test]
fn an_earlier_map_that_cannot_be_read_helps_nobody_and_hurts_nobody() {
    let (_scratch, git) = shop();
    git.commit("main", Some("main"), &[("affected.yaml", "kind: [")], &[]);
    git.commit("change", Some("main"), &[("affected.yaml", MAP)], &["services/mail/a"]);
    let told = ask(&git.folder, &["--base=main", "--head=change", "--format=names"]);
    assert_eq!(String::from_utf8_lossy(&told.stdout), "mail\n");
}

#[test]
fn a_change_that_ends_at_another_map_than_the_one_that_answers_is_said() {
    let (_scratch, git) = shop();
    let words = |files: &[(&str, &str)], deleted: &[&str]| {
        git.commit("change", Some("main"), files, deleted);
        let said = ask(&git.folder, &["--base=main", "--head=change", "--format=names"]);
        String::from_utf8_lossy(&said.stderr).into_owned()
    };
    let map = MAP.replace("mail: {", "post: {");
    let said = words(&[("affected.yaml", &map), ("services/mail/a", "2\n")], &[]);
    assert!(said.contains("warning[map-of-checkout]"), "{said}");
    assert!(said.contains("git switch --detach "), "{said}");
    let said = words(&[], &["affected.yaml"]);
    assert!(said.contains("has none"), "{said}");
    assert_eq!(words(&[("services/mail/a", "2\n")], &[]), "");
    // What is checked out is what one edits.
    git.run(&["checkout", "--quiet", "--force", "change"]);
    fs::write(git.folder.join("affected.yaml"), &map).expect("written");
    let said = ask(&git.folder, &["--base=main", "--format=names"]);
    assert_eq!(String::from_utf8_lossy(&said.stderr), "");
}

#[test]
fn what_is_wrong_with_a_map_is_said_of_a_map() {
    let (_scratch, git) = shop();
    let said = |map: &str| {
        fs::write(git.folder.join("affected.yaml"), map).expect("written");
        let said = anabranch(&git.folder, &["affected", "--base=main"]);
        String::from_utf8(said.stderr).expect("what is said is text")
    };
    assert!(said("").contains("kind Affected"), "{}", said(""));
    let rooted = MAP.replace("[services/mail/**]", "[./services/mail/**, /services/mail/a]");
    for glob in ["`services/mail/**`", "`services/mail/a`"] {
        let wanted = format!("from the root of the repository: write {glob}");
        assert!(said(&rooted).contains(&wanted), "{}", said(&rooted));
    }
}

#[test]
fn the_map_of_this_repository_holds() {
    if !root().join(".git").exists() {
        return skipped("this is no checkout");
    }
    let said = anabranch(root(), &["affected", "--audit"]);
    let words = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success() && words.starts_with("the map holds"), "{words}");
}
