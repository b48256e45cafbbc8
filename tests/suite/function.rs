//! anabranch inside kustomize: as transformer, as validator, as legacy exec plugin, and where it
//! does not belong.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::objects::{Objects, assert_same, objects};
use crate::orchestrator::{
    ANABRANCH, Answer, Workspace, exec_annotation, function, kustomize, program, run,
};

const EXEC: [&str; 2] = ["--enable-alpha-plugins", "--enable-exec"];

/// The fixture built with the function under `transformers:`.
fn transformed(workspace: &Workspace) -> Objects {
    workspace.overlay("transformers", &exec_annotation());
    objects(&workspace.build(".", &EXEC).ok())
}

#[test]
fn a_transformer_generates_the_objects_of_render_and_leaves_the_baseline_alone() {
    let workspace = Workspace::new();
    let baseline = workspace.baseline();
    let mut generated = workspace.rendered();
    let built = transformed(&workspace);

    assert!(generated.keys().any(|id| id[1] == "Deployment" && id[2] == "pr-42"));
    assert!(!generated.keys().any(|id| baseline.contains_key(id)));
    generated.extend(baseline);
    assert_same(&built, &generated);
}

#[test]
fn a_copied_config_map_gets_the_hashed_name_and_the_copied_deployment_refers_to_it() {
    let built = transformed(&Workspace::new());
    let hashed = |namespace: &str| {
        let mut names = built.keys().filter(|[_, kind, of, name]| {
            kind == "ConfigMap" && of == namespace && name.starts_with("cart-settings")
        });
        let name = names.next().expect("the ConfigMap is there")[3].clone();
        assert_eq!(names.next(), None, "one name in {namespace}");
        name
    };
    let referred = |namespace: &str| {
        let id = ["apps/v1", "Deployment", namespace, "cart"].map(str::to_owned);
        let container = &built[&id]["spec"]["template"]["spec"]["containers"][0];
        container["envFrom"][0]["configMapRef"]["name"].as_str().map(str::to_owned)
    };

    assert_eq!(hashed("pr-42").len(), "cart-settings-0123456789".len());
    assert_eq!(hashed("pr-42"), hashed("baseline"));
    assert_eq!(referred("pr-42"), Some(hashed("pr-42")));
    assert_eq!(referred("baseline"), Some(hashed("baseline")));
}

#[test]
fn a_later_overlay_finds_generated_objects_like_any_other() {
    let workspace = Workspace::new();
    transformed(&workspace);
    let top = Workspace::new();
    let below = workspace.path().file_name().expect("the folder has a name").display();
    let image = "images.example.com/shop/cart";
    top.write(
        "kustomization.yaml",
        &format!("resources: [../{below}]\nlabels: [{{pairs: {{stage: test}}}}]\nimages: [{{name: {image}, newTag: v9}}]\n"),
    );
    let built = objects(&top.build(".", &EXEC).ok());
    let id = ["apps/v1", "Deployment", "pr-42", "cart"].map(str::to_owned);
    assert_eq!(built[&id]["metadata"]["labels"]["stage"], "test");
    let container = &built[&id]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], format!("{image}:v9").as_str());
}

/// Image and replicas of the Deployment `cart` in the baseline and in a preview that changes it.
fn carts(built: &Objects) -> [(String, u64); 2] {
    ["baseline", "pr-42"].map(|namespace| {
        let id = ["apps/v1", "Deployment", namespace, "cart"].map(str::to_owned);
        let spec = &built[&id]["spec"];
        let image = spec["template"]["spec"]["containers"][0]["image"].as_str();
        let replicas = spec["replicas"].as_u64().unwrap_or(1);
        (image.expect("it has an image").to_owned(), replicas)
    })
}

/// What functions/anabranch/README.md says of them.
#[test]
fn images_and_replicas_change_the_baseline_alone_in_the_layer_of_the_function_and_copies_too_above_it()
 {
    let settings = "images: [{name: images.example.com/shop/cart, newTag: above}]\n\
                    replicas: [{name: cart, count: 5}]\n";
    let workspace = Workspace::new();
    let [_, (image, replicas)] = carts(&transformed(&workspace));
    let own = fs::read_to_string(workspace.path().join("kustomization.yaml")).expect("is there");
    let above = "images.example.com/shop/cart:above".to_owned();

    workspace.write("kustomization.yaml", &format!("{own}{settings}"));
    let built = objects(&workspace.build(".", &EXEC).ok());
    assert_eq!(carts(&built), [(above.clone(), 5), (image, replicas)]);

    workspace.write("kustomization.yaml", &own);
    let top = Workspace::new();
    let below = workspace.path().file_name().expect("the folder has a name").display();
    top.write("kustomization.yaml", &format!("resources: [../{below}]\n{settings}"));
    let built = objects(&top.build(".", &EXEC).ok());
    assert_eq!(carts(&built), [(above.clone(), 5), (above, 5)]);
}

#[test]
fn a_patch_above_the_function_means_the_object_of_the_namespace_that_it_says() {
    let workspace = Workspace::new();
    transformed(&workspace);
    let below = workspace.path().file_name().expect("the folder has a name").display();
    for (namespace, wanted) in [("baseline", [7, 1]), ("pr-42", [3, 7])] {
        let top = Workspace::new();
        let patch = format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: cart, namespace: {namespace}}}, spec: \
             {{replicas: 7}}}}"
        );
        let text = format!("resources: [../{below}]\npatches: [{{patch: '{patch}'}}]\n");
        top.write("kustomization.yaml", &text);
        let built = objects(&top.build(".", &EXEC).ok());
        assert_eq!(carts(&built).map(|(_, replicas)| replicas), wanted, "{namespace}");
    }
}

#[test]
fn placement_under_generators_fails_and_names_the_right_field() {
    let workspace = Workspace::new();
    workspace.overlay("generators", &exec_annotation());
    let words = workspace.build(".", &EXEC).failed();
    assert!(words.contains("transformers:"), "{words}");
}

#[test]
fn a_transformer_on_bad_input_fails_the_build_with_every_mistake() {
    let workspace = Workspace::new();
    workspace.edit("name: cart", "name: kart");
    workspace.edit("name: reco", "name: rico");
    workspace.overlay("transformers", &exec_annotation());
    let words = workspace.build(".", &EXEC).failed();
    assert!(words.contains("kart") && words.contains("rico"), "{words}");
}

/// kustomize sends a validator what it sends a transformer, and takes any answer but an empty one
/// for a change: it compares even the lines on which nodes stood. So the configuration has to say
/// that only a verdict is wanted.
const VALIDATE: &str = "anabranch.dev/mode: validate";

/// Makes the fixture an overlay with the function under `validators:`.
fn validate_only(workspace: &Workspace) {
    workspace.overlay("validators", &format!("{VALIDATE}\n{}", exec_annotation()));
}

#[test]
fn the_function_leaves_its_own_answer_as_it_is_where_something_was_empty_before() {
    let list = include_str!("../../fuzz/corpus/function/virtual-service-without-rules");
    for list in
        [list.to_owned(), list.replace("http: []", "http: "), list.replace("http: [], ", "")]
    {
        let answer = function(&list).ok();
        assert!(answer.contains("restore.anabranch.dev/shop"), "{answer}");
        assert_eq!(function(&answer).ok(), answer);
    }
}

#[test]
fn a_validator_by_itself_leaves_good_input_as_it_is() {
    let workspace = Workspace::new();
    let baseline = workspace.baseline();
    validate_only(&workspace);
    assert_same(&objects(&workspace.build(".", &EXEC).ok()), &baseline);
}

#[test]
fn a_validator_by_itself_fails_on_bad_input_with_every_mistake() {
    let workspace = Workspace::new();
    workspace.edit("name: cart", "name: kart");
    workspace.edit("name: reco", "name: rico");
    validate_only(&workspace);
    let words = workspace.build(".", &EXEC).failed();
    assert!(words.contains("kart") && words.contains("rico"), "{words}");
}

#[test]
fn a_validator_behind_the_transformer_leaves_its_work_as_it_is() {
    let workspace = Workspace::new();
    let built = transformed(&workspace);
    let annotations = format!("  annotations:\n    {VALIDATE}\n");
    let verdict = workspace.previews().replacen("  annotations:\n", &annotations, 1);
    workspace.write("verdict.yaml", &verdict);
    workspace.write(
        "kustomization.yaml",
        "resources: [baseline]\ntransformers: [previews.yaml]\nvalidators: [verdict.yaml]\n",
    );
    assert_same(&objects(&workspace.build(".", &EXEC).ok()), &built);
}

#[test]
fn a_legacy_exec_plugin_inside_kubectl_gives_the_same_objects() {
    if let Some(mut kubectl) = program("kubectl") {
        legacy_plugin_gives_the_same_objects(kubectl.arg("kustomize"));
    }
}

#[test]
fn a_legacy_exec_plugin_inside_kustomize_gives_the_same_objects() {
    legacy_plugin_gives_the_same_objects(kustomize().arg("build"));
}

#[test]
fn a_legacy_exec_plugin_on_bad_input_shows_every_mistake() {
    let workspace = Workspace::new();
    workspace.edit("name: cart", "name: kart");
    workspace.edit("name: reco", "name: rico");
    let words = legacy_build(kustomize().arg("build"), &workspace).failed();
    assert!(words.contains("kart") && words.contains("rico"), "{words}");
}

fn legacy_plugin_gives_the_same_objects(build: &mut Command) {
    let expected = transformed(&Workspace::new());
    let built = legacy_build(build, &Workspace::new()).ok();
    assert_same(&objects(&built), &expected);
}

/// Installs the program where kustomize looks for the plugin of our kind, and builds.
fn legacy_build(build: &mut Command, workspace: &Workspace) -> Answer {
    let plugins = workspace.path().join("plugins");
    let folder = plugins.join("anabranch.dev/v1alpha1/previews");
    fs::create_dir_all(&folder).expect("a folder can be made");
    link(Path::new(ANABRANCH), &folder.join("Previews"));
    workspace.write("kustomization.yaml", "resources: [baseline]\ntransformers: [previews.yaml]\n");
    build
        .args(["--enable-alpha-plugins", "."])
        .current_dir(workspace.path())
        .env("KUSTOMIZE_PLUGIN_HOME", plugins)
        // When a plugin fails, kustomize leaves its temporary file behind.
        .env("TMPDIR", workspace.path());
    run(build, "")
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) {
    std::os::unix::fs::symlink(from, to).expect("a link can be made");
}

#[cfg(not(unix))]
fn link(from: &Path, to: &Path) {
    fs::copy(from, to).expect("a file can be copied");
}
