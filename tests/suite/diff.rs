//! `anabranch diff` tells what a change means, whatever it is compared with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::orchestrator::{ANABRANCH, Answer, run, write_text};

const PREVIEWS: &str = "\
apiVersion: anabranch.dev/v1alpha1
kind: Previews
metadata: {name: shop}
spec:
  baseline: {namespace: shop}
  previews:
    - name: pr-7
      services: [{name: web, image: \"web:v7\"}]
    - name: pr-8
      services: [{name: web, image: \"web:v8\"}]
";

const BASELINE: &str = "\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: \"web:v1\"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, appProtocol: http}]}
";

/// A GitOps repository at a commit `main`, and a branch that nothing was committed to yet.
struct Checkout {
    folder: TempDir,
}

impl Checkout {
    fn new(files: &[(&str, &str)]) -> Self {
        let checkout = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        for (path, text) in files {
            checkout.write(path, text);
        }
        checkout.git(&["init", "--quiet", "--initial-branch=main"]);
        checkout.git(&["add", "--all"]);
        checkout.git(&["commit", "--quiet", "--allow-empty", "--message", "main"]);
        checkout.git(&["checkout", "--quiet", "-b", "change"]);
        checkout
    }

    fn shop() -> Self {
        Self::new(&[("previews.yaml", PREVIEWS), ("baseline/shop.yaml", BASELINE)])
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        write_text(&self.path(path), text);
    }

    fn git(&self, arguments: &[&str]) {
        self.git_fed(arguments, "");
    }

    /// What git prints for a text on its stdin.
    fn git_fed(&self, arguments: &[&str], text: &str) -> String {
        let mut git = Command::new("git");
        git.current_dir(self.folder.path()).args(["-c", "user.name=t", "-c", "user.email=t@t"]);
        run(git.args(arguments), text).ok().trim().to_owned()
    }

    /// Makes what the files say now the state of `main` and of the branch.
    fn commit_to_main(&self) {
        self.git(&["commit", "--quiet", "--all", "--message", "main"]);
        self.git(&["branch", "--force", "main"]);
    }

    fn anabranch(&self, arguments: &[&str]) -> Answer {
        run(Command::new(ANABRANCH).current_dir(self.folder.path()).args(arguments), "")
    }

    fn diff(&self, more: &[&str]) -> Answer {
        self.anabranch(&[&["diff", "--baseline=baseline"], more].concat())
    }

    fn against_main(&self) -> String {
        self.diff(&["--base", "main"]).ok()
    }
}

/// A preview that comes, one that goes, and one that changes.
fn changed() -> Checkout {
    let checkout = Checkout::shop();
    let text = PREVIEWS.replace("web:v7", "web:v7.1").replace("pr-8", "pr-9");
    checkout.write("previews.yaml", &text);
    checkout
}

#[test]
fn previews_that_come_go_and_change_are_told_apart() {
    let told = changed().against_main();
    let heads: Vec<&str> = told.lines().filter(|line| line.starts_with("pr-")).collect();
    assert_eq!(heads, ["pr-7 changed, web", "pr-8 removed, web", "pr-9 added, web"], "{told}");
    let field =
        "      spec.template.spec.containers[web].image\n        - web:v7\n        + web:v7.1\n";
    assert!(told.contains(field), "{told}");
    assert!(told.contains("previews: 1 added, 1 changed, 1 removed; objects:"), "{told}");
}

#[test]
fn a_preview_that_gets_one_more_namespace_or_one_fewer_is_changed() {
    let baseline = format!("{BASELINE}---\n{}", BASELINE.replace("shop", "pay"));
    let previews = |services: &str| {
        let several = PREVIEWS.replace("namespace: shop", "namespaces: [shop, pay]");
        let (head, _) = several.split_once("    - name: pr-7").expect("the first preview");
        format!("{head}    - {{name: pr-7, services: [{services}]}}\n")
    };
    let of = |namespace: &str| format!("{{name: web, namespace: {namespace}, image: 'web:v7'}}");
    let (one, both) = (previews(&of("shop")), previews(&[of("shop"), of("pay")].join(", ")));
    for (old, new, services) in [(&one, &both, "web.pay web.shop"), (&both, &one, "web.shop")] {
        let checkout = Checkout::new(&[("previews.yaml", old), ("baseline/shop.yaml", &baseline)]);
        checkout.write("previews.yaml", new);
        let told = checkout.against_main();
        assert!(told.starts_with(&format!("pr-7 changed, {services}\n")), "{told}");
        assert!(told.contains("previews: 1 changed; objects:"), "{told}");
    }
}

#[test]
fn nothing_changes_where_only_words_do() {
    let checkout = Checkout::shop();
    checkout.write("previews.yaml", &format!("# a comment\n{PREVIEWS}"));
    assert_eq!(checkout.against_main(), "nothing changes\n");
    assert_eq!(checkout.diff(&["--base", "main", "--exit-code"]).code, Some(0));
    assert_eq!(changed().diff(&["--base", "main", "--exit-code"]).code, Some(1));
    assert_eq!(changed().diff(&["--base", "nosuch", "--exit-code"]).code, Some(2));
}

#[test]
fn a_change_of_the_baseline_is_shown_in_every_preview_that_copies_it() {
    let checkout = Checkout::shop();
    checkout.write(
        "baseline/shop.yaml",
        &BASELINE.replace("\"web:v1\"", "\"web:v1\", env: [{name: A, value: b}]"),
    );
    let told = checkout.against_main();
    assert_eq!(told.matches("containers[web].env").count(), 2, "{told}");
}

#[test]
fn a_rendered_folder_is_as_good_as_a_revision() {
    let checkout = changed();
    let new = fs::read_to_string(checkout.path("previews.yaml")).expect("it is there");
    checkout.write("previews.yaml", PREVIEWS);
    checkout.anabranch(&["render", "--baseline=baseline", "-o", "out"]).ok();
    checkout.write("previews.yaml", &new);
    assert_eq!(checkout.diff(&["--rendered", "out"]).ok(), checkout.against_main());
    // It is only read: a backup by hard links will do.
    fs::hard_link(checkout.path("out/.anabranch"), checkout.path("list")).expect("a hard link");
    assert_eq!(checkout.diff(&["--rendered", "out"]).ok(), checkout.against_main());
    let other = checkout.diff(&["--rendered", "baseline"]).failed();
    assert!(other.contains("is no folder that `render -o` wrote"), "{other}");
}

#[test]
fn a_warning_that_the_change_brings_is_named_and_an_older_one_is_not() {
    let checkout = Checkout::shop();
    let risky = "services: [{name: web, image: \"web:v8\", patches: [{patch: '[{op: add, path: /spec/template/spec/hostNetwork, value: true}]', target: {kind: Deployment}}]}]";
    let with = PREVIEWS.replace("services: [{name: web, image: \"web:v8\"}]", risky);
    checkout.write("previews.yaml", &with);
    assert!(checkout.against_main().contains("more-access"), "{}", checkout.against_main());
    checkout.commit_to_main();
    checkout.write("previews.yaml", &with.replace("web:v7", "web:v7.1"));
    assert!(!checkout.against_main().contains("more-access"), "{}", checkout.against_main());
}

#[test]
fn the_first_previews_yaml_adds_all_of_its_previews() {
    let checkout = Checkout::new(&[("baseline/shop.yaml", BASELINE)]);
    checkout.write("previews.yaml", PREVIEWS);
    let told = checkout.against_main();
    assert!(told.contains("pr-7 added, web") && told.contains("pr-8 added, web"), "{told}");
}

#[test]
fn what_others_pushed_meanwhile_is_no_part_of_the_change() {
    let checkout = changed();
    let change = fs::read_to_string(checkout.path("previews.yaml")).expect("it is there");
    checkout.git(&["stash", "--quiet"]);
    checkout.git(&["checkout", "--quiet", "main"]);
    let more = format!("{PREVIEWS}    - name: pr-99\n      services: [{{name: web, image: w}}]\n");
    checkout.write("previews.yaml", &more);
    checkout.git(&["commit", "--quiet", "--all", "--message", "others"]);
    checkout.git(&["checkout", "--quiet", "change"]);
    checkout.write("previews.yaml", &change);
    assert!(!checkout.against_main().contains("pr-99"), "{}", checkout.against_main());
}

#[test]
fn tools_and_forges_get_the_same_in_their_own_form() {
    let checkout = changed();
    let json = checkout.diff(&["--base", "main", "--format", "json"]).ok();
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let names: Vec<&str> = json["previews"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names, ["pr-7", "pr-8", "pr-9"]);
    assert_eq!(json["previews"][0]["images"][0]["new"], "web:v7.1");
    let markdown = checkout.diff(&["--base", "main", "--format", "markdown"]).ok();
    assert!(
        markdown.contains("| `pr-7` | changed | `web` | `web` `web:v7` → `web:v7.1` | 0 |"),
        "{markdown}"
    );
    assert!(
        markdown.contains("\n```diff\n") && markdown.contains("\n-        image: web:v7\n"),
        "{markdown}"
    );
    assert!(markdown.len() < 65_536 && markdown.trim_end().ends_with("</details>"), "{markdown}");
}

#[test]
fn a_change_that_mends_a_broken_revision_is_shown_and_what_is_broken_said() {
    let checkout = Checkout::shop();
    checkout.write("previews.yaml", &PREVIEWS.replace("services: [", "service: ["));
    checkout.commit_to_main();
    checkout.write("previews.yaml", PREVIEWS);
    let answer = checkout.diff(&["--base", "main"]);
    let said = &answer.stderr;
    assert!(said.contains("warning[base-not-rendered]: `main` cannot be rendered"), "{said}");
    assert!(said.contains("is missing (main:previews.yaml:7), and 3 more"), "{said}");
    assert!(answer.ok().contains("pr-7 added, web\n"));
    for form in ["json", "markdown"] {
        let told = checkout.diff(&["--base", "main", "--format", form]).ok();
        assert!(told.contains("(main:previews.yaml:7)"), "{told}");
    }
    let denied = ["--base", "main", "--deny", "base-not-rendered"];
    let denied = checkout.diff(&denied).failed();
    assert!(denied.contains("error[base-not-rendered]"), "{denied}");
    let unknown = checkout.diff(&["--base=--upload-pack=x"]).failed();
    assert!(unknown.contains("error[unknown-revision]"), "{unknown}");
}

#[test]
fn what_is_denied_is_denied_of_the_change_alone() {
    let checkout = Checkout::shop();
    let (_, rest) = BASELINE.split_once("---\n").expect("several documents");
    checkout.write("baseline/shop.yaml", rest);
    checkout.commit_to_main();
    let denied = ["--base", "main", "--deny", "warnings"];
    assert!(checkout.diff(&denied).failed().contains("error[namespace-missing]"));
    checkout.write("baseline/shop.yaml", BASELINE);
    let told = checkout.diff(&denied).ok();
    assert!(told.contains("pr-7 changed") && !told.contains("added, web"), "{told}");
}

#[test]
fn previews_that_were_moved_are_compared_with_where_they_were() {
    let checkout = Checkout::shop();
    checkout.write("staging/previews.yaml", &PREVIEWS.replace("web:v8", "web:v9"));
    fs::remove_file(checkout.path("previews.yaml")).expect("removes");
    let arguments = ["diff", "staging/previews.yaml", "--baseline=baseline", "--base", "main"];
    let answer = checkout.anabranch(&arguments);
    let said = "staging/previews.yaml is compared with main:previews.yaml\n";
    assert!(answer.stderr.ends_with(said), "{}", answer.stderr);
    let told = answer.ok();
    assert!(told.contains("pr-8 changed, web") && !told.contains("pr-7"), "{told}");
}

#[test]
fn no_words_name_the_folder_that_another_revision_lies_in() {
    let with_path = PREVIEWS.replace("{namespace: shop}", "{namespace: shop, path: ./baseline}");
    let files =
        |baseline| [("previews.yaml", with_path.as_str()), ("baseline/shop.yaml", baseline)];
    let broken = BASELINE.replace("spec: {selector: {app: web}", "spec: {selector: {app: [web]}");
    for (name, baseline) in [("syntax", "a: ["), ("object", "a: b\n"), ("selector", &broken)] {
        let checkout = Checkout::new(&files(baseline));
        checkout.write("baseline/shop.yaml", BASELINE);
        let said = checkout.anabranch(&["diff", "--base", "main"]);
        let words = format!("{}{}", said.stdout, said.stderr);
        assert!(words.contains("(main:"), "{name}: {words}");
        assert!(!words.contains("tmp"), "{name}: {words}");
    }
    let checkout = Checkout::new(&files(BASELINE)[..1]);
    checkout.write("baseline/shop.yaml", BASELINE);
    let said = checkout.anabranch(&["diff", "--base", "main"]).stderr;
    assert!(said.contains("main:baseline cannot be read") && !said.contains("tmp"), "{said}");
    let build = "resources: [nosuch.yaml]\n";
    let checkout = Checkout::new(&[files(BASELINE)[0], ("baseline/kustomization.yaml", build)]);
    checkout.write("baseline/kustomization.yaml", "resources: [shop.yaml]\n");
    checkout.write("baseline/shop.yaml", BASELINE);
    let said = checkout.anabranch(&["diff", "--base", "main", "--baseline=baseline/shop.yaml"]);
    assert!(!said.stderr.contains("tmp"), "{}", said.stderr);
}

#[test]
fn one_huge_object_hides_no_other_in_a_comment() {
    let config = |lines: usize| {
        let lines: String = (0..lines).map(|line| format!("  k{line}: v\n")).collect();
        let mounts =
            "{containers: [{name: web, image: \"web:v1\", envFrom: [{configMapRef: {name: a}}]}]}";
        BASELINE.replace("{containers: [{name: web, image: \"web:v1\"}]}", mounts)
            + "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\ndata:\n"
            + &lines
    };
    let checkout =
        Checkout::new(&[("previews.yaml", PREVIEWS), ("baseline/shop.yaml", &config(1))]);
    checkout.write("previews.yaml", &PREVIEWS.replace("web:v7", "web:v7.1"));
    for lines in [3_000, 11_000] {
        checkout.write("baseline/shop.yaml", &config(lines));
        let told = checkout.diff(&["--base", "main", "--format", "markdown"]).ok();
        assert!(told.contains("more lines\n"), "{}", &told[..2_000]);
        assert!(told.contains("\n-        image: web:v7\n"), "{}", &told[..2_000]);
        assert!(told.contains("| `pr-8` | changed |"), "{}", &told[..2_000]);
        assert!(told.len() < 40_000, "{}", told.len());
    }
}

#[test]
fn what_a_reader_does_not_see_is_written_out_in_every_form() {
    let checkout = Checkout::shop();
    let env = "image: \"web:v8\", env: [{name: A, value: \"a\u{202e}b\u{200b}\\e[2J\"}]";
    checkout.write("previews.yaml", &PREVIEWS.replace("image: \"web:v8\"", env));
    for form in ["text", "json", "markdown"] {
        let told = checkout.diff(&["--base", "main", "--format", form]).ok();
        assert!(told.contains("202e"), "{form}: {told}");
        let is_hidden = |c: char| matches!(c, '\u{202e}' | '\u{200b}' | '\u{1b}');
        assert!(!told.contains(is_hidden), "{form}: {told:?}");
    }
}

#[test]
fn a_tree_in_a_git_repository_is_compared_where_it_lies() {
    let git = PREVIEWS
        .replace("  previews:\n", "  flux: {sourceRef: {kind: GitRepository}}\n  previews:\n");
    let checkout = Checkout::new(&[("previews.yaml", &git), ("baseline/shop.yaml", BASELINE)]);
    assert_eq!(checkout.against_main(), "nothing changes\n");
    checkout.anabranch(&["render", "--baseline=baseline", "-o", "deploy/out"]).ok();
    assert_eq!(checkout.diff(&["--rendered", "deploy/out"]).ok(), "nothing changes\n");
}

#[test]
fn a_broken_file_of_a_folder_is_named() {
    let checkout = Checkout::shop();
    checkout.anabranch(&["render", "--baseline=baseline", "-o", "out"]).ok();
    checkout.write("out/previews/pr-7/web.yaml", "a: [");
    let said = checkout.diff(&["--rendered", "out"]).failed();
    assert!(said.contains("previews/pr-7/web.yaml:1"), "{said}");
    let both = checkout.diff(&["--rendered", "out", "--base", "main"]);
    assert_eq!(both.code, Some(2), "{}", both.stderr);
    let stdin = checkout.anabranch(&["diff", "-", "--baseline=baseline", "--base", "main"]);
    assert!(
        stdin.code == Some(2) && stdin.stderr.contains("no other revision"),
        "{}",
        stdin.stderr
    );
}

#[test]
fn a_broken_secret_of_a_folder_is_named_without_its_text() {
    let checkout = Checkout::shop();
    checkout.anabranch(&["render", "--baseline=baseline", "-o", "out"]).ok();
    for value in
        ["p: !!int hunter2", "p: !!binary hunter2", "p: !hunter2 x", "hunter2: a\n  hunter2: a"]
    {
        let secret = format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: a}}\nstringData:\n  {value}\n"
        );
        checkout.write("out/previews/pr-7/web.yaml", &secret);
        let mut said = Vec::new();
        for form in ["text", "json", "markdown"] {
            let answer = checkout.diff(&["--rendered", "out", "--format", form]);
            assert_ne!(answer.code, Some(0), "{}", answer.stdout);
            said.push(answer.stdout + &answer.stderr);
        }
        let arguments = ["render", "--baseline=baseline", "-o", "out", "--dry-run"];
        let answer = checkout.anabranch(&arguments);
        said.push(answer.stdout + &answer.stderr);
        for said in said {
            assert!(said.contains("previews/pr-7/web.yaml") && said.contains("`…`"), "{said}");
            assert!(!said.contains("hunter2"), "{value}: {said}");
        }
    }
}

#[test]
fn a_secret_within_another_object_is_shown_in_no_form() {
    let set = |value: &str, name: &str| {
        format!(
            "apiVersion: fluxcd.controlplane.io/v1\nkind: ResourceSet\n\
             metadata: {{name: set, namespace: shop, labels: {{app: {name}}}}}\nspec:\n  resources:\n  \
             - {{apiVersion: v1, kind: Secret, metadata: {{name: a}}, stringData: {{p: {value}}}}}\n"
        )
    };
    let previews = PREVIEWS.replacen("namespace: shop", "namespace: shop, delivery: include", 1);
    let checkout = Checkout::new(&[
        ("previews.yaml", &previews),
        ("baseline/shop.yaml", BASELINE),
        ("baseline/set.yaml", &set("hunter2", "a")),
    ]);
    // The Secret changes, or what is beside it.
    for changed in [set("hunter3", "a"), set("hunter2", "b")] {
        checkout.write("baseline/set.yaml", &changed);
        for form in ["text", "json", "markdown"] {
            let said = checkout.diff(&["--base", "main", "--format", form]).ok();
            assert!(said.contains("set") && !said.contains("hunter"), "{said}");
        }
    }
}

#[test]
fn nothing_is_run_that_the_repository_names() {
    let checkout = changed();
    let witness = checkout.path("witness");
    let program = format!("touch {}", witness.display());
    checkout.git(&["config", "filter.evil.smudge", &program]);
    checkout.git(&["config", "core.fsmonitor", &program]);
    checkout.write(".gitattributes", "* filter=evil\nbaseline/** export-ignore\n");
    checkout.git(&["add", ".gitattributes"]);
    checkout.git(&["commit", "--quiet", "--message", "attributes"]);
    checkout.git(&["branch", "--force", "main"]);
    drop(fs::remove_file(&witness));
    let told = checkout.against_main();
    assert!(told.contains("pr-9 added"), "{told}");
    assert!(!Path::new(&witness).exists());
}

#[test]
fn a_commit_that_has_a_link_where_it_has_a_folder_is_refused_and_nothing_is_written_through_the_link()
 {
    let checkout = changed();
    let outside = tempfile::tempdir().expect("a temporary folder");
    let blob = |text: &str| checkout.git_fed(&["hash-object", "-w", "--stdin"], text);
    let tree = |entries: &str| checkout.git_fed(&["mktree"], entries);
    let link = blob(&outside.path().display().to_string());
    let folder = tree(&format!("120000 blob {}\tpost-checkout\n", blob("/bin/true")));
    let root = tree(&format!("120000 blob {link}\td\n040000 tree {folder}\td\n"));
    let commit = checkout.git_fed(&["commit-tree", &root, "-m", "both"], "");
    checkout.git(&["branch", "--force", "main", &commit]);
    let merge = checkout.git_fed(&["commit-tree", "HEAD^{tree}", "-p", &commit, "-m", "it"], "");
    checkout.git(&["reset", "--quiet", "--soft", &merge]);
    let refused = checkout.diff(&["--base", "main"]).failed();
    assert!(refused.contains("the commit has d/post-checkout twice, below a link"), "{refused}");
    assert_eq!(fs::read_dir(outside.path()).expect("a folder").count(), 0);
}
