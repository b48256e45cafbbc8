//! anabranch under kpt, which puts every object back into its file and runs a function twice to see
//! that the second run changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use yaml_serde::Value;

use crate::objects::{Objects, objects};
use crate::orchestrator::{ANABRANCH, Workspace, program, run};

type Files = BTreeMap<String, String>;

/// A kpt package of plain files: manifests, previews.yaml and a Kptfile.
fn package() -> Workspace {
    let workspace = Workspace::new();
    let manifests = workspace.build("baseline", &[]).ok();
    fs::remove_dir_all(workspace.path().join("baseline")).expect("a folder can be removed");
    fs::remove_dir_all(workspace.path().join("tests")).expect("a folder can be removed");
    workspace.write("baseline.yaml", &manifests);
    workspace.annotate("config.kubernetes.io/local-config: \"true\"");
    workspace.write(
        "Kptfile",
        &format!(
            "apiVersion: kpt.dev/v1\nkind: Kptfile\nmetadata:\n  name: shop\n  annotations:\n    \
             config.kubernetes.io/local-config: \"true\"\npipeline:\n  mutators:\n    - exec: \
             {ANABRANCH}\n      configPath: previews.yaml\n"
        ),
    );
    workspace
}

fn files(workspace: &Workspace) -> Files {
    let below = |path: &std::path::Path| {
        let place = path.strip_prefix(workspace.path()).expect("entries are below the folder");
        place.to_string_lossy().into_owned()
    };
    walkdir::WalkDir::new(workspace.path())
        .into_iter()
        .map(|entry| entry.expect("the package can be read"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let text = fs::read_to_string(entry.path()).expect("the file is text");
            (below(entry.path()), text)
        })
        .collect()
}

fn all_objects(files: &Files) -> Objects {
    files.values().flat_map(|text| objects(text)).collect()
}

/// Runs a kpt command twice on a package: all is there, and the second run changes nothing.
fn assert_settled(workspace: &Workspace, kpt: impl Fn() -> Command) {
    let before = files(workspace);
    run(kpt().current_dir(workspace.path()), "").ok();
    let first = files(workspace);
    run(kpt().current_dir(workspace.path()), "").ok();
    assert_eq!(files(workspace), first);

    let objects = all_objects(&first);
    for (id, object) in all_objects(&before) {
        // Newer versions of kpt write what they ran into the Kptfile.
        let kept = |now: &Value| *now == object || id[1] == "Kptfile";
        assert!(objects.get(&id).is_some_and(kept), "{id:?}");
    }
    assert!(objects.keys().any(|id| id[1] == "Deployment" && id[2] == "pr-42"));
}

#[test]
fn kpt_fn_eval_settles_after_one_run() {
    if program("kpt").is_none() {
        return;
    }
    assert_settled(&package(), || {
        let mut kpt = Command::new("kpt");
        kpt.args(["fn", "eval", ".", "--exec", ANABRANCH, "--fn-config", "previews.yaml"]);
        kpt
    });
}

#[test]
fn kpt_fn_render_settles_after_one_run() {
    if program("kpt").is_none() {
        return;
    }
    assert_settled(&package(), || {
        let mut kpt = Command::new("kpt");
        kpt.args(["fn", "render", ".", "--allow-exec"]);
        kpt
    });
}

#[test]
fn kpt_fn_render_on_bad_input_shows_the_results_and_changes_no_file() {
    let Some(mut kpt) = program("kpt") else {
        return;
    };
    let workspace = package();
    workspace.edit("name: cart", "name: kart");
    let before = files(&workspace);
    let words =
        run(kpt.args(["fn", "render", ".", "--allow-exec"]).current_dir(workspace.path()), "")
            .failed();
    assert!(words.contains("[error]") && words.contains("kart"), "{words}");
    assert_eq!(files(&workspace), before);
}
