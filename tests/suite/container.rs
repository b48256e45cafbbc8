//! The function's image, built from the Dockerfile and run by docker as orchestrators run it.

use std::env;
use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::objects::{assert_same, objects};
use crate::orchestrator::{Workspace, exec_annotation, function, make, run, skipped};

const IMAGE: &str = "anabranch:test";
/// What kustomize passes to docker, and the two hardening flags that it does not.
const RUN: [&str; 9] = [
    "run",
    "--rm",
    "--interactive",
    "--network=none",
    "--user=nobody",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    IMAGE,
];

fn docker(arguments: &[&str]) -> Command {
    let mut docker = Command::new("docker");
    docker.args(arguments);
    docker
}

/// Whether the image is there: built once per run, or not at all without a docker daemon.
fn image() -> bool {
    static BUILT: OnceLock<bool> = OnceLock::new();
    let built = *BUILT.get_or_init(|| {
        let answers = docker(&["info"]).output().is_ok_and(|output| output.status.success());
        if answers {
            make(&["image", &format!("IMAGE={IMAGE}")]);
        }
        answers
    });
    if !built {
        let required = env::var_os("CI_REQUIRE_DOCKER").is_some_and(|value| value == "1");
        assert!(!required, "CI_REQUIRE_DOCKER=1, but no docker daemon answers");
        skipped("no docker daemon answers");
    }
    built
}

#[test]
fn the_container_answers_with_the_bytes_of_the_binary() {
    if !image() {
        return;
    }
    let list = Workspace::new().resource_list();
    let contained = run(&mut docker(&RUN), &list);
    assert_eq!(contained.ok(), function(&list).ok());
}

#[test]
fn the_container_refuses_bad_input_with_the_words_of_the_binary() {
    if !image() {
        return;
    }
    let workspace = Workspace::new();
    workspace.edit("name: cart", "name: kart");
    let list = workspace.resource_list();
    let contained = run(&mut docker(&RUN), &list);
    let direct = function(&list);
    assert_eq!(contained.code, Some(1), "{}", contained.stderr);
    assert_eq!(contained.stdout, direct.stdout);
    assert_eq!(contained.stderr, direct.stderr);
}

#[test]
fn kustomize_with_the_container_gives_the_objects_of_the_binary() {
    if !image() {
        return;
    }
    let build = |annotation: &str, flags: &[&str]| {
        let workspace = Workspace::new();
        workspace.overlay("transformers", annotation);
        objects(&workspace.build(".", flags).ok())
    };
    let container = format!("config.kubernetes.io/function: 'container: {{image: {IMAGE}}}'");
    let contained = build(&container, &["--enable-alpha-plugins"]);
    let direct = build(&exec_annotation(), &["--enable-alpha-plugins", "--enable-exec"]);
    assert_same(&contained, &direct);
}

#[test]
fn the_image_is_small_and_says_what_it_is() {
    if !image() {
        return;
    }
    let inspect = |format: &str| {
        let answer = run(&mut docker(&["image", "inspect", "--format", format, IMAGE]), "");
        answer.ok().trim().to_owned()
    };
    let size: u64 = inspect("{{.Size}}").parse().expect("the size is a number");
    assert!(size < 10_000_000, "{size} bytes");
    assert_eq!(inspect("{{.Config.User}}"), "65534:65534");
    assert_eq!(inspect("{{json .Config.Entrypoint}}"), r#"["/anabranch"]"#);
    let label = |name: &str| {
        inspect(&format!("{{{{index .Config.Labels \"org.opencontainers.image.{name}\"}}}}"))
    };
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), "Apache-2.0");
}

#[test]
fn the_image_is_the_binary_and_a_user_in_one_layer_without_the_clock() {
    if !image() {
        return;
    }
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folder = scratch.path();
    run(docker(&["save", "--output", "image.tar", IMAGE]).current_dir(folder), "").ok();
    let tar = |arguments: &[&str]| {
        run(Command::new("tar").current_dir(folder).env("TZ", "UTC").args(arguments), "").ok()
    };
    tar(&["-xf", "image.tar"]);
    let manifest = fs::read_to_string(folder.join("manifest.json")).expect("an image has one");
    let manifest: Value = serde_json::from_str(&manifest).expect("it is JSON");
    let layers = manifest[0]["Layers"].as_array().expect("an image has layers");
    assert_eq!(layers.len(), 1, "{layers:?}");
    let listed = tar(&["-tvf", layers[0].as_str().expect("a layer is a file")]);
    let found: Vec<String> = listed
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            format!("{} {} {}", words[0], words[3], words[5].trim_end_matches('/'))
        })
        // The root itself, which not every builder lists.
        .filter(|line| !line.ends_with(" .") && !line.ends_with(' '))
        .collect();
    let wanted = [
        "-rwxr-xr-x 1970-01-01 anabranch",
        "drwxr-xr-x 1970-01-01 etc",
        "-rw-r--r-- 1970-01-01 etc/passwd",
    ];
    assert_eq!(found, wanted);
}

#[test]
fn nobody_gets_a_shell_from_the_image() {
    if !image() {
        return;
    }
    for shell in ["sh", "/bin/sh", "/bin/bash", "/bin/busybox"] {
        let arguments = ["run", "--rm", "--network=none", "--entrypoint", shell, IMAGE];
        let answer = run(&mut docker(&arguments), "");
        assert_eq!(answer.code, Some(127), "{shell}: {}", answer.stderr);
    }
}
