//! The command line as people expect it: what flags take, what is found without them, what a command says
//! of what it did, and its help.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anabranch::cli::Cli;
use clap::CommandFactory;
use tempfile::TempDir;

use super::expected::files;
use super::orchestrator::{ANABRANCH, Answer, CART, program, run, write_text};

/// A repository with previews.yaml of one preview, and a baseline.
pub(crate) struct Shop(TempDir);

impl Shop {
    pub(crate) fn new() -> Self {
        let shop = Self(tempfile::tempdir().expect("a temporary folder"));
        fs::create_dir(shop.path(".git")).expect("a folder");
        shop.write("previews.yaml", &config("cart:2"));
        shop.write("apps/baseline.yaml", CART);
        shop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write_text(&self.path(name), text);
    }

    pub(crate) fn run_in(&self, folder: &str, line: &str) -> Answer {
        let mut command = Command::new(ANABRANCH);
        run(command.args(line.split(' ')).current_dir(self.path(folder)), "")
    }

    pub(crate) fn run(&self, line: &str) -> Answer {
        self.run_in(".", line)
    }
}

fn config(image: &str) -> String {
    format!(
        "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {{namespace: shop}}\n  \
         previews:\n  - name: pr-1\n    services: [{{name: cart, image: \"{image}\"}}]\n"
    )
}

/// What was said, wherever.
pub(crate) fn words(answer: Answer) -> String {
    answer.stdout + &answer.stderr
}

#[test]
fn a_baseline_flag_takes_one_path_and_is_repeated_for_more() {
    let shop = Shop::new();
    shop.write("other.yaml", &config("cart:2").replace("name: cart", "name: nosuch"));
    let answer = shop.run("check --baseline apps/baseline.yaml other.yaml");
    assert_eq!(answer.code, Some(1));
    assert!(answer.stdout.contains("`nosuch`"), "{}", answer.stdout);
    for line in ["check -b other.yaml", "render -b apps/baseline.yaml -b other.yaml -o out"] {
        let words = words(shop.run(line));
        assert!(
            words.contains("other.yaml is of kind Previews, and no part of"),
            "{line}: {words}"
        );
    }
    // A folder of manifests may hold one.
    shop.write("apps/previews.yaml", &config("cart:2"));
    shop.run("check -b apps").ok();
}

#[test]
fn previews_are_found_here_and_above_up_to_the_git_root() {
    let shop = Shop::new();
    let render = |folder: &str| shop.run_in(folder, "render -b ../apps/baseline.yaml");
    let rendered = render("apps").ok();
    fs::rename(shop.path("previews.yaml"), shop.path("previews.yml")).expect("moves");
    assert_eq!(render("apps").ok(), rendered);
    shop.run_in("apps", "set pr-2 --image cart=cart:3").ok();
    assert!(fs::read_to_string(shop.path("previews.yml")).is_ok_and(|text| text.contains("pr-2")));
    let missing = words(shop.run("check previews.yaml -b apps"));
    assert!(missing.contains("did you mean previews.yml?"), "{missing}");
    let missing = words(shop.run("remove pr-1 --file previews.yaml"));
    assert!(missing.contains("did you mean previews.yml?"), "{missing}");
    shop.write("previews.yaml", &config("cart:2"));
    assert!(render("apps").failed().contains("previews.yaml and previews.yml are both there"));
    // Another repository, in which there is none.
    fs::create_dir(shop.path("apps/.git")).expect("a folder");
    assert!(render("apps").failed().contains("there is no previews.yaml here"));
    assert!(shop.run_in("apps", "prune").failed().contains("`anabranch init`"));
}

#[test]
fn previews_say_where_the_baseline_is() {
    let shop = Shop::new();
    assert!(
        words(shop.run("check")).contains("--baseline, or once and for all in spec.baseline.path")
    );
    let config = |path: &str| config("cart:2").replace("shop}", &format!("shop, path: {path}}}"));
    assert!(words(shop.run("check -b apps")).contains("pass it with --baseline: previews get"));
    shop.write("previews.yaml", &config("./apps"));
    let checked = words(shop.run("check"));
    assert!(checked.contains("add it to what spec.baseline.path names"), "{checked}");
    shop.run_in("apps", "check").ok();
    assert_eq!(shop.run("render").ok(), shop.run("render -b apps/baseline.yaml").ok());
    // Flags come first.
    shop.write("previews.yaml", &config("./nowhere"));
    shop.run("check -b apps").ok();
    assert!(words(shop.run("check")).contains("nowhere cannot be read"));
    for path in ["../apps", "/etc"] {
        shop.write("previews.yaml", &config(path));
        for line in ["check", "check -b apps"] {
            let words = words(shop.run(line));
            assert!(words.contains("is not a path inside the repository"), "{path}: {words}");
        }
    }
}

#[test]
fn there_is_one_stdin() {
    let shop = Shop::new();
    for line in ["check - -b -", "render previews.yaml -b - -b -"] {
        let answer = shop.run(line);
        assert_eq!(answer.code, Some(2), "{line}");
        assert!(answer.stderr.contains("`-` is named more than once"), "{}", answer.stderr);
    }
}

#[test]
fn output_takes_a_folder_or_stdout_and_no_format_of_kubectl() {
    let shop = Shop::new();
    let stream = shop.run("render -b apps").ok();
    assert_eq!(shop.run("render -b apps -o -").ok(), stream);
    for format in ["yaml", "yml", "json"] {
        let answer = shop.run(&format!("render -b apps -o {format}"));
        assert_eq!(answer.code, Some(2));
        assert!(answer.stderr.contains(&format!("write ./{format}")), "{}", answer.stderr);
        assert!(!shop.path(format).exists());
    }
    assert_eq!(shop.run("render -b apps -o - --dry-run").code, Some(2));
    shop.run("render -b apps -o ./yaml").ok();
    assert!(shop.path("yaml/previews/pr-1").is_dir());
}

#[test]
fn render_says_what_it_wrote_or_would_write() {
    let shop = Shop::new();
    let last = |line: &str| {
        let answer = shop.run(line);
        assert_eq!(answer.code, Some(0), "{}", answer.stderr);
        assert_eq!(answer.stdout.is_empty(), !line.contains("--dry-run"), "{}", answer.stdout);
        let at = answer.stderr.find("render").unwrap_or(answer.stderr.len());
        answer.stderr[at..].to_owned()
    };
    let dry = last("render -b apps -o out --dry-run --verbose");
    assert!(!shop.path("out").exists());
    let count = dry.matches("\n  + ").count();
    let first = last("render -b apps -o out");
    assert_eq!(first, format!("rendered 1 preview into out: files {count} new\n"));
    assert!(
        dry.starts_with(&format!("render 1 preview into out: files {count} new\n  + ")),
        "{dry}"
    );
    assert_eq!(files(&shop.path("out")).len(), count + 1);
    let again = last("render -b apps -o out");
    assert_eq!(again, format!("rendered 1 preview into out: files {count} unchanged\n"));
    shop.write("previews.yaml", &config("cart:3").replace("pr-1", "pr-2"));
    let before = files(&shop.path("out"));
    let dry = last("render -b apps -o out --dry-run --verbose");
    assert!(files(&shop.path("out")) == before, "something was written");
    assert!(dry.contains("\n  + previews/pr-2/cart.yaml\n"), "{dry}");
    assert!(dry.contains("\n  - previews/pr-1/cart.yaml\n"), "{dry}");
    let summary =
        |text: &str| text.lines().next().unwrap_or_default().replace("rendered", "render");
    assert_eq!(summary(&last("render -b apps -o out")), summary(&dry));
    assert_eq!(last("render -b apps -o out --quiet"), "");
    // Where there is something of somebody else, both refuse.
    shop.write("foreign/flux/mine.txt", "mine");
    for more in ["", " --dry-run"] {
        let words = shop.run(&format!("render -b apps -o foreign{more}")).failed();
        assert!(words.contains("error[output-folder]"), "{words}");
    }
}

#[test]
fn a_dry_run_shows_which_objects_and_fields_change() {
    let shop = Shop::new();
    let dry = |more: &str| shop.run(&format!("render -b apps -o out --dry-run{more}"));
    let new = dry("").ok();
    assert!(new.starts_with("pr-1 added, cart\n") && new.contains("\n  + Deployment "), "{new}");
    shop.run("render -b apps -o out").ok();
    assert_eq!(dry("").ok(), "nothing changes\n");
    shop.write(
        "previews.yaml",
        &(config("cart:3") + "  - name: pr-2\n    services: [{name: cart}]\n"),
    );
    let told = dry("").ok();
    let field = "containers[server].image\n        - cart:2\n        + cart:3\n";
    assert!(told.contains(field) && told.contains("pr-2 added, cart"), "{told}");
    assert_eq!(told, shop.run("diff -b apps --rendered out").ok());
    // A run writes over what somebody took away or changed.
    fs::remove_file(shop.path("out/previews/pr-1/cart.yaml")).expect("removes");
    assert!(dry("").ok().contains("  + Deployment pr-1/cart"));
    shop.write("out/previews/pr-1/cart.yaml", "a: [");
    let broken = dry("");
    let said = &broken.stderr;
    assert!(
        said.contains("which objects change cannot be told: out/previews/pr-1/cart.yaml: "),
        "{said}"
    );
    assert!(said.contains("\n  ~ previews/pr-1/cart.yaml\n"), "{said}");
    assert_eq!(broken.ok(), "");
    shop.run("render -b apps -o out").ok();
}

#[test]
fn edits_say_what_they_do_or_would_do() {
    let shop = Shop::new();
    let before = fs::read_to_string(shop.path("previews.yaml")).expect("is there");
    let set = "set pr-1 --image cart=cart:4";
    let dry = shop.run(&format!("{set} --dry-run"));
    let wanted = "set pr-1: cart from cart:2 to cart:4 in previews.yaml\n";
    assert_eq!(dry.stderr, format!("would have {wanted}"));
    shop.run("remove pr-1 --dry-run").ok();
    assert_eq!(fs::read_to_string(shop.path("previews.yaml")).expect("is there"), before);
    assert_eq!(shop.run(set).stderr, wanted);
    let new = shop.run("set pr-2 --image cart=cart:5 --expires 2026-12-01T00:00:00Z").stderr;
    let wanted =
        "set pr-2, which is new: cart to cart:5, expires 2026-12-01T00:00:00Z in previews.yaml\n";
    assert_eq!(new, wanted);
    let change = |number| format!("--change https://example.com/a/b#{number}@{}", "1".repeat(40));
    shop.run(&format!("set pr-2 --image pay/cart=cart:6 {}", change(7))).ok();
    let replaced = shop.run(&format!("set pr-2 --image mail=mail:1 {} --replace", change(8)));
    let wanted = "set pr-2: mail to mail:1, cart removed, pay/cart removed, \
                  https://example.com/a/b#8, https://example.com/a/b#7 removed in previews.yaml\n";
    assert_eq!(replaced.stderr, wanted);
    assert_eq!(shop.run("remove pr-2 --quiet").stderr, "");
}

#[test]
fn findings_are_denied_and_allowed_by_their_codes() {
    let shop = Shop::new();
    // A warning: the Namespace of the baseline is not there.
    let check = |more: &str| {
        let answer = shop.run(&format!("check -b apps{more}"));
        let render = shop.run(&format!("render -b apps -o out{more}"));
        assert_eq!(render.code, answer.code, "{more}: {}", render.stderr);
        assert_eq!(shop.path("out").exists(), answer.code == Some(0), "{more}");
        let _ = fs::remove_dir_all(shop.path("out"));
        (answer.code, answer.stdout)
    };
    let (code, words) = check("");
    assert_eq!(code, Some(0));
    assert!(words.contains("warning[namespace-missing]"), "{words}");
    for more in [" --deny warnings", " --deny namespace-missing"] {
        let (code, words) = check(more);
        assert_eq!(code, Some(1), "{more}");
        assert!(words.contains("error[namespace-missing]"), "{more}: {words}");
    }
    let (code, words) = check(" --deny warnings --allow namespace-missing");
    assert!(code == Some(0) && !words.contains("namespace-missing"), "{words}");
    for (more, wanted) in [
        (" --deny namespace-mising", "did you mean `namespace-missing`?"),
        (" --allow bad-name", "an error cannot be allowed"),
    ] {
        let answer = shop.run(&format!("check -b apps{more}"));
        assert_eq!(answer.code, Some(2));
        assert!(answer.stderr.contains(wanted), "{}", answer.stderr);
    }
}

#[test]
fn a_file_called_like_a_build_or_like_stdin_is_a_file() {
    let shop = Shop::new();
    for name in ["kustomize build x.yaml", "<stdin>"] {
        let arguments = ["check", name, "-b", "apps", "--format", "github"];
        shop.write(name, &config("cart:2").replace("services:", "service:"));
        let mut command = Command::new(ANABRANCH);
        let said = run(command.args(arguments).current_dir(shop.path(".")), "").stdout;
        assert!(said.contains(&format!("file={name},line=")), "{said}");
    }
}

#[test]
fn colours_are_for_terminals_or_whoever_asks() {
    let shop = Shop::new();
    for command in ["check", "render", "check --format json"] {
        let answer = |more: &str| words(shop.run(&format!("{command} -b apps -b nowhere{more}")));
        assert!(!answer("").contains('\u{1b}'), "{command}");
        assert!(!answer(" --color never").contains('\u{1b}'), "{command}");
        let is_text = !command.ends_with("json");
        assert_eq!(answer(" --color always").contains('\u{1b}'), is_text, "{command}");
    }
    for line in ["--help", "check --help"] {
        assert!(!shop.run(line).stdout.contains('\u{1b}'), "{line}");
        assert!(shop.run(&format!("--color always {line}")).stdout.contains('\u{1b}'), "{line}");
    }
}

#[test]
fn quiet_keeps_errors_and_verbose_says_how_long_stages_took() {
    let shop = Shop::new();
    assert_eq!(words(shop.run("check -b apps --quiet")), "");
    let failing = words(shop.run("check -b apps -b nowhere -q"));
    assert!(
        failing.contains("nowhere cannot be read") && failing.ends_with("\n1 error\n"),
        "{failing}"
    );
    let timed = shop.run("render -b apps -o out --verbose").stderr;
    for stage in ["reading", "checking", "planning", "making objects", "writing"] {
        assert!(timed.contains(&format!(" ms  {stage}\n")), "{timed}");
    }
}

#[test]
fn a_run_of_more_than_a_second_says_what_it_waits_for() {
    let Some(mut script) = program("script") else { return };
    let shop = Shop::new();
    shop.write("apps/kustomization.yaml", "resources: [baseline.yaml]\n");
    shop.write("bin/kustomize", "#!/bin/sh\nsleep 2\ncat \"$2/baseline.yaml\"\n");
    let stub = shop.path("bin/kustomize");
    fs::set_permissions(stub, fs::Permissions::from_mode(0o755)).expect("is ours");
    let line =
        format!("PATH={}:$PATH TERM=xterm {ANABRANCH} check -b apps", shop.path("bin").display());
    let said = run(script.args(["-qec", &line, "/dev/null"]).current_dir(shop.path(".")), "").ok();
    let (waiting, rest) = said.rsplit_once("\u{1b}[2K").expect("a line that was taken away");
    assert!(waiting.contains("kustomize build apps ... 1 s"), "{waiting:?}");
    assert!(rest.contains("namespace-missing"), "{rest:?}");
    let quiet = format!("{line} --quiet");
    let said = run(
        program("script")
            .expect("is there")
            .args(["-qec", &quiet, "/dev/null"])
            .current_dir(shop.path(".")),
        "",
    );
    assert_eq!(said.ok(), "");
}

#[test]
fn previews_are_listed_and_shown() {
    let shop = Shop::new();
    let more = "  - name: pr-0\n    expires: \"2026-12-01T00:00:00Z\"\n    \
                services: [{name: cart, containers: [{name: server, image: \"cart:3\"}], env: [{name: A, value: \"1\"}]}]\n    \
                changes: [{repository: \"https://github.com/shop/cart.git\", number: 7, \
                commit: \"90d51dc2888fbbef60f3ddecea6cb05ac8c43ec4\"}]\n";
    let links = "spec:\n  links: [{name: graph, url: \"https://kiali.example.com/?n={baseline},{namespace}&p={preview}\"}]\n";
    shop.write("previews.yaml", &(config("cart:2").replace("spec:\n", links) + more));
    let table = "\
NAME  SERVICES  CHANGES  EXPIRES
pr-0  cart      cart#7   2026-12-01T00:00:00Z
pr-1  cart
";
    assert_eq!(shop.run("list").ok(), table);
    assert_eq!(shop.run("list --format names").ok(), "pr-0\npr-1\n");
    let full = "\
name        pr-0
namespace   pr-0
link        graph https://kiali.example.com/?n=shop,pr-0&p=pr-0
expires     2026-12-01T00:00:00Z
change      https://github.com/shop/cart.git#7 at 90d51dc2888fbbef60f3ddecea6cb05ac8c43ec4
service     cart
  image     server cart:3
  env       A
";
    assert_eq!(shop.run("show pr-0").ok(), full);
    let json = |line: &str| -> serde_json::Value {
        serde_json::from_str(&shop.run(line).ok()).expect("JSON")
    };
    let list = json("list --format json");
    assert_eq!(list["previews"][0], json("show pr-0 --format json"));
    assert_eq!(list["previews"][1]["services"][0]["images"][0]["image"], "cart:2");
    assert_eq!(list["previews"][1]["urls"], serde_json::Value::Null);
    let link = "https://kiali.example.com/?n=shop,pr-1&p=pr-1";
    assert_eq!(list["previews"][1]["links"], serde_json::json!({"graph": link}));
    assert_eq!(json("list -b apps --format json")["previews"][1]["urls"], serde_json::json!([]));
    let change = &list["previews"][0]["changes"][0];
    assert!(change["updated"].is_null() && change["committed"].is_null(), "{change}");
    assert!(shop.run("show pr-2").failed().contains("there is no preview `pr-2`"));
    // URLs follow from the baseline; without them the rest is shown all the same.
    let case = super::expected::golden().join("entry-gateway/input");
    let mut command = Command::new(ANABRANCH);
    let command = command.args(["list", "previews.yaml", "-b", "baseline"]).current_dir(case);
    assert!(run(command, "").ok().contains("  https://"));
    shop.write("previews.yaml", &config("cart:2").replace("name: cart", "name: nosuch"));
    let answer = shop.run("list -b apps");
    assert!(answer.stderr.contains("`anabranch check` finds errors"), "{}", answer.stderr);
    assert!(answer.ok().contains("pr-1  nosuch"));
}

#[test]
fn previews_are_as_old_as_the_file_says_or_else_as_their_commit() {
    let shop = Shop::new();
    let git = super::git::Git::init(&shop.path("."));
    // Its time is 1700000000.
    git.commit("main", None, &[("a", "1\n")], &[]);
    let commit = git.run(&["rev-parse", "main"]);
    let preview = |name: &str, more: &str| {
        format!(
            "  - name: {name}\n    services: [{{name: cart}}]\n    changes: [{{repository: \"https://x.org/a\", \
             number: 1, commit: \"{commit}\"{more}}}]\n"
        )
    };
    let said = ", updated: \"2023-11-14T23:13:20+01:00\", trust: fork";
    let unknown = preview("pr-4", "").replace(&commit, &"a".repeat(40));
    let previews = preview("pr-2", "") + &preview("pr-3", said) + &unknown;
    shop.write("previews.yaml", &(config("cart:2") + &previews));
    let ages = |now: &str| -> Vec<String> {
        let table = shop.run(&format!("list --now {now}")).ok();
        let rows = table.lines().skip(1).map(|row| row.split_whitespace().nth(3).unwrap_or("-"));
        rows.map(str::to_owned).collect()
    };
    assert_eq!(ages("2023-11-14T22:14:20Z"), ["-", "1m", "1m", "-"]);
    assert_eq!(ages("2023-11-14T22:13:21Z"), ["-", "1s", "1s", "-"]);
    assert_eq!(ages("2023-11-15T22:13:20Z"), ["-", "1d", "1d", "-"]);
    // A clock that is behind.
    assert_eq!(ages("2020-01-01T00:00:00Z"), ["-", "0s", "0s", "-"]);
    let shown = shop.run("show pr-3 --now 2023-11-15T01:00:00Z").ok();
    assert!(
        shown.contains(&format!("https://x.org/a#1 at {commit}, 2h old, from a fork\n")),
        "{shown}"
    );
    let shown = shop.run("show pr-3 --format json").ok();
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    let times = serde_json::json!(["2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z"]);
    let change = &shown["changes"][0];
    assert_eq!(serde_json::json!([change["updated"], change["committed"]]), times);
    assert_eq!(change["trust"], "fork");
}

#[test]
fn a_gate_without_its_folder_is_named_where_suites_wait_for_it() {
    let shop = Shop::new();
    let tests = "spec:\n  tests: [{name: e2e, path: ./tests/e2e}]\n";
    let with = |flux: &str| config("cart:2").replace("spec:\n", &format!("{tests}{flux}"));
    shop.write("tests/e2e/kustomization.yaml", "resources: []\n");
    shop.write("previews.yaml", &with(""));
    let said = shop.run("render -b apps").stderr;
    assert!(said.contains("warning[gate-missing]: there is no folder previews/gate"), "{said}");
    // A tree has no gates, and what is not said may be one.
    for line in ["render -b apps -o out", "check -b apps"] {
        assert!(!words(shop.run(line)).contains("gate-missing"), "{line}");
    }
    shop.write("previews.yaml", &with("  flux: {gate: ./deploy/gate}\n"));
    for line in ["render -b apps", "check -b apps", "check -b apps --source-root ."] {
        let said = words(shop.run(line));
        assert!(said.contains("deploy/gate, for which"), "{line}: {said}");
    }
    assert_eq!(shop.run("check -b apps --deny gate-missing").code, Some(1));
    shop.write("deploy/gate/kustomization.yaml", "resources: []\n");
    for line in ["render -b apps", "check -b apps"] {
        assert!(!words(shop.run(line)).contains("gate-missing"), "{line}");
    }
    // Nobody can tell what lies beside a file that lies alone.
    fs::remove_dir_all(shop.path("deploy")).expect("removes");
    fs::remove_dir_all(shop.path(".git")).expect("removes");
    assert!(!words(shop.run("check -b apps")).contains("gate-missing"));
}

#[test]
fn check_finds_what_either_shape_of_output_would_refuse() {
    let shop = Shop::new();
    let tests = "spec:\n  tests: [{name: e2e, path: ./tests/e2e}]\n";
    shop.write("previews.yaml", &config("cart:2").replace("spec:\n", tests));
    let words = |line: &str| words(shop.run(line));
    for line in ["check -b apps", "render -b apps -o out"] {
        assert!(words(line).contains("error[suite-missing]"), "{line}");
    }
    shop.write("tests/e2e/kustomization.yaml", "resources: [../common]\n");
    for line in ["check -b apps", "render -b apps -o out"] {
        assert!(words(line).contains("error[suite-outside]"), "{line}");
    }
    shop.write("tests/e2e/kustomization.yaml", "resources: []\n");
    shop.run("check -b apps").ok();
    // A name that is taken in a tree alone: see the mistakes.
    let config = config("cart:2").replace("spec:\n", "spec:\n  prefix: base\n");
    let config = config.replace("pr-1", "baseline").replace("shop}", "shop, delivery: include}");
    shop.write(
        "previews.yaml",
        &config.replace("  previews:", "  namespace: \"{preview}-1\"\n  previews:"),
    );
    assert!(words("check -b apps").contains("would be made twice"));
}

#[test]
fn check_finds_names_that_only_artifacts_of_previews_need() {
    let shop = Shop::new();
    let flux = "spec:\n  flux: {artifacts: {url: \"oci://r.org/p\"}}\n";
    shop.write("previews.yaml", &config("cart:2").replace("spec:\n", flux));
    let taken = "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\n\
                 metadata: {name: previews.pr-1, namespace: flux-system}\n";
    shop.write("apps/baseline.yaml", &format!("{CART}{taken}"));
    for line in ["check -b apps", "render -b apps -o out --artifacts each"] {
        assert!(words(shop.run(line)).contains("error[name-taken]: OCIRepository"), "{line}");
    }
}

#[test]
fn a_suite_without_files_is_none() {
    let shop = Shop::new();
    let tests = "spec:\n  tests: [{name: e2e, path: ./tests/e2e}]\n";
    shop.write("previews.yaml", &config("cart:2").replace("spec:\n", tests));
    fs::create_dir_all(shop.path("tests/e2e/empty")).expect("a folder");
    for line in ["check -b apps", "render -b apps -o out"] {
        let said = words(shop.run(line));
        assert!(said.contains("error[suite-missing]"), "{line}: {said}");
        assert!(said.contains("there is no file in tests/e2e"), "{line}: {said}");
    }
    shop.write("tests/e2e/empty/job.yaml", "a: job\n");
    shop.run("check -b apps").ok();
}

#[test]
fn stdin_is_no_baseline_that_a_file_can_name() {
    let shop = Shop::new();
    let with = |path: &str| {
        config("cart:2").replace("{namespace: shop}", &format!("{{namespace: shop, path: {path}}}"))
    };
    shop.write("previews.yaml", &with("'-'"));
    let said = words(shop.run("check"));
    assert!(said.contains("`-` is not a path inside the repository"), "{said}");
    // A folder can have this name.
    shop.write("-/cart.yaml", CART);
    shop.write("previews.yaml", &with("./-"));
    shop.run("check").ok();
}

#[test]
fn suites_are_not_looked_for_beside_a_file_that_lies_alone() {
    let shop = Shop::new();
    let tests = "spec:\n  tests: [{name: e2e, path: ./tests/e2e}]\n";
    shop.write("previews.yaml", &config("cart:2").replace("spec:\n", tests));
    fs::remove_dir_all(shop.path(".git")).expect("removes");
    shop.run("check -b apps").ok();
    assert!(words(shop.run("check -b apps --source-root .")).contains("suite-missing"));
}

#[test]
fn commands_that_say_no_findings_take_no_levels_of_them() {
    let shop = Shop::new();
    for command in ["list --deny warnings", "show pr-1 --allow queue-consumer"] {
        let answer = shop.run(command);
        assert_eq!(answer.code, Some(2), "{command}: {}", answer.stderr);
        assert!(answer.stderr.contains("unexpected argument"), "{}", answer.stderr);
    }
}

#[test]
fn every_help_and_every_page_has_examples_and_exit_codes() {
    let shop = Shop::new();
    let program = Cli::command();
    let names = program.get_subcommands().map(|command| command.get_name().to_owned());
    for name in names.chain([String::new()]) {
        let help = shop.run(format!("{name} --help").trim_start()).ok();
        let at = help.find("\nExamples:\n").unwrap_or_else(|| panic!("{name}: no example"));
        assert!(help[at..].contains(format!("anabranch {name}").trim_end()), "{name}: {help}");
        let codes = help.find("\nExit status:\n  0  fine").unwrap_or_else(|| panic!("{name}"));
        assert!(help[codes..].contains("\n  1  ") && help[codes..].contains("\n  2  "), "{name}");
        // Limits, where there are any, stand behind all other flags.
        let limits = help.find("\nLimits:\n").unwrap_or(at);
        assert!(
            !help[limits..].contains("--output") && !help[..limits].contains("--max-"),
            "{help}"
        );
        let page = shop.run(format!("man {name}").trim_end()).ok();
        for wanted in [".SH EXAMPLES", ".SH \"EXIT STATUS\"", ".SH SYNOPSIS"] {
            assert!(page.contains(wanted), "{name}: {page}");
        }
    }
    assert!(shop.run("man render").ok().contains("Bytes of all input files together"));
    assert_eq!(shop.run("man nosuch").code, Some(2));
    shop.run("man -o pages").ok();
    // The pages of an earlier version are there.
    fs::write(shop.path("pages/anabranch-set.1"), "old").expect("written");
    shop.run("man -o pages").ok();
    let page = fs::read_to_string(shop.path("pages/anabranch-set.1")).expect("is written");
    assert_eq!(page, shop.run("man set").ok());
    let pages: Vec<String> = files(&shop.path("pages")).into_keys().collect();
    assert_eq!(pages.len(), program.get_subcommands().count() + 1);
    assert!(
        pages.contains(&"anabranch-set.1".to_owned()) && pages.contains(&"anabranch.1".to_owned())
    );
}

#[test]
fn a_word_of_each_preview_is_folded_for_people_and_kept_for_programs() {
    let shop = Shop::new();
    let worker = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: worker, namespace: shop}\nspec:\n  \
                  selector: {matchLabels: {app: worker}}\n  template:\n    metadata: {labels: {app: worker}}\n    \
                  spec: {containers: [{name: worker, image: \"worker:1\"}]}\n";
    shop.write("apps/baseline.yaml", &format!("{CART}{worker}"));
    let head = config("cart:2");
    let head = head.split("  - name: pr-1").next().unwrap_or_default();
    let preview = |number| {
        format!("  - {{name: pr-{number}, services: [{{name: worker, image: \"worker:2\"}}]}}\n")
    };
    let previews: String = (0..30).map(preview).collect();
    shop.write("previews.yaml", &format!("{head}{previews}"));
    let count = |text: &str| text.matches("competes for the same work").count();
    let said = words(shop.run("check -b apps"));
    assert!(count(&said) < 5 && said.contains("the same at 29 more places"), "{said}");
    assert_eq!(count(&words(shop.run("check -b apps --format json"))), 30);
}
