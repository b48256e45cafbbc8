//! The function's image, built from the Dockerfile and run by docker as orchestrators run it.

use std::env;
use std::process::Command;
use std::sync::OnceLock;

use crate::objects::{assert_same, objects};
use crate::orchestrator::{Workspace, exec_annotation, function, root, run, skipped};

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
            let mut make = Command::new("make");
            // Not as a part of the make that may run these tests.
            make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
            make.arg("image").arg(format!("IMAGE={IMAGE}")).current_dir(root());
            run(&mut make, "").ok();
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
