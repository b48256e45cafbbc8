//! Kustomizations whose files lie beside their folder: built as Flux builds them, and only from files of the
//! repository.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::objects::{Objects, objects};
use super::orchestrator::{ANABRANCH, Answer, CART, kustomize, run, write_text};

const PREVIEWS: &str = "\
apiVersion: anabranch.dev/v1alpha1
kind: Previews
spec:
  baseline: {namespace: shop, delivery: include}
  previews:
    - name: pr-1
      services: [{name: cart, image: cart:2}]
";

/// A repository with a service, and a folder beside it with what is nobody's business.
struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        let scratch = Self(tempfile::tempdir().expect("a temporary folder"));
        scratch.write("previews.yaml", PREVIEWS);
        scratch.write("common/cart.yaml", CART);
        scratch.write("../beside/secret.env", "TOKEN=of-somebody\n");
        scratch.write("../beside/base/kustomization.yaml", "resources: [secret.yaml]\n");
        let secret = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: somebody}\n";
        scratch.write("../beside/base/secret.yaml", secret);
        scratch
    }

    fn with_git() -> Self {
        let scratch = Self::new();
        scratch.write(".git/config", "TOKEN=of-somebody\n");
        scratch
    }

    fn root(&self) -> std::path::PathBuf {
        self.0.path().join("repository")
    }

    fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.root()).expect("a folder");
        write_text(&self.root().join(path), text);
    }

    fn render_from(&self, folder: &Path, arguments: &[&str]) -> Answer {
        let mut command = Command::new(ANABRANCH);
        run(command.arg("render").args(arguments).current_dir(folder), "")
    }

    fn render(&self) -> Answer {
        self.render_from(&self.root(), &["previews.yaml", "--baseline", "overlay"])
    }

    /// The overlay as Flux builds it.
    fn built(&self) -> Objects {
        let mut command = kustomize();
        command.args(["build", "--load-restrictor", "LoadRestrictionsNone", "overlay"]);
        objects(&run(command.current_dir(self.root()), "").ok())
    }
}

/// A scratch whose overlay takes a file of every kind from beside its folder.
fn spread(scratch: Scratch) -> Scratch {
    scratch.write(
        "overlay/kustomization.yaml",
        "\
resources: [../common/cart.yaml, ../base, linked.yaml]
components: [../component]
patches: [{path: ../common/patch.yaml}]
patchesStrategicMerge: [../common/strategic.yaml]
replacements: [{path: ../common/replacement.yaml}]
configurations: [../common/configuration.yaml]
configMapGenerator:
  - {name: env, namespace: shop, envs: [../common/map.env]}
  - {name: file, namespace: shop, files: [named.conf=../common/nginx.conf, ../common/nginx.conf]}
secretGenerator: [{name: secret, namespace: shop, env: ../common/map.env}]
transformers:
  - ../common/label.yaml
  - |
    apiVersion: builtin
    kind: AnnotationsTransformer
    metadata: {name: a}
    annotations: {of: inline}
    fieldSpecs: [{path: metadata/annotations, create: true}]
",
    );
    for (path, text) in [
        ("base/kustomization.yaml", "resources: [../common/map.yaml]\n"),
        (
            "component/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n\
             configMapGenerator: [{name: component, namespace: shop, envs: [../common/map.env]}]\n",
        ),
        (
            "common/map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, namespace: shop}\n",
        ),
        (
            "common/more.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: l, namespace: shop}\n",
        ),
        (
            "common/patch.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart, namespace: shop}\n\
             spec: {template: {spec: {priorityClassName: low}}}\n",
        ),
        (
            "common/strategic.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart, namespace: shop}\n\
             spec: {template: {spec: {containers: [{name: server, envFrom: [{configMapRef: {name: env}}]}]}}}\n",
        ),
        (
            "common/replacement.yaml",
            "source: {kind: ConfigMap, name: m, fieldPath: metadata.name}\ntargets:\n  - select: {kind: Service}\n\
             \x20   fieldPaths: [metadata.annotations.m]\n    options: {create: true}\n",
        ),
        ("common/configuration.yaml", "nameReference: []\n"),
        ("common/map.env", "A=b\n"),
        ("common/nginx.conf", "server {}\n"),
        (
            "common/label.yaml",
            "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {of: file}\n\
             fieldSpecs: [{path: metadata/labels, create: true}]\n",
        ),
    ] {
        scratch.write(path, text);
    }
    symlink("../common/more.yaml", scratch.root().join("overlay/linked.yaml")).expect("a link");
    scratch
}

#[test]
fn files_beside_a_kustomization_are_read_as_flux_reads_them() {
    for scratch in [spread(Scratch::new()), spread(Scratch::with_git())] {
        let rendered = objects(&scratch.render().ok());
        for (id, object) in scratch.built() {
            assert_eq!(rendered.get(&id), Some(&object), "{id:?}");
        }
        assert!(rendered.keys().any(|[_, kind, of, name]| {
            kind == "ConfigMap" && of == "pr-1" && name.starts_with("env-")
        }));
    }
}

#[test]
fn another_revision_is_built_with_the_files_beside_its_kustomizations() {
    let scratch = spread(Scratch::new());
    let git = super::git::Git::init(&scratch.root());
    git.run(&["add", "."]);
    let author = ["-c", "user.name=A", "-c", "user.email=a@example.com"];
    git.run(&[&author[..], &["commit", "--quiet", "-m", "first"]].concat());
    scratch.write("previews.yaml", &PREVIEWS.replace("cart:2", "cart:3"));
    let mut command = Command::new(ANABRANCH);
    command.args(["diff", "previews.yaml", "--baseline", "overlay", "--base", "HEAD"]);
    let answer = run(command.current_dir(scratch.root()), "");
    assert!(!answer.stderr.contains("base-not-rendered"), "{}", answer.stderr);
    assert!(answer.stdout.contains("cart:3"), "{}", answer.stdout);
}

#[test]
fn files_outside_of_the_repository_are_refused_with_path_and_line() {
    let generator = |field: &str, path: &str| {
        format!("configMapGenerator:\n  - name: c\n    {field}: [{path}]\n")
    };
    let outside = "that is outside of the repository";
    for scratch in [Scratch::new(), Scratch::with_git()] {
        let absolute = scratch.0.path().join("beside/secret.env").display().to_string();
        symlink("../beside/secret.env", scratch.root().join("secret.env")).expect("a link");
        symlink("../beside", scratch.root().join("link")).expect("a link");
        for (kustomization, path, why) in [
            (generator("envs", "../../beside/secret.env"), "../../beside/secret.env", outside),
            (generator("files", "a=../../beside/secret.env"), "../../beside/secret.env", outside),
            (generator("envs", &absolute), &absolute, outside),
            (generator("envs", "../secret.env"), "../secret.env", "a link which leads out"),
            (
                generator("envs", "../link/secret.env"),
                "../link/secret.env",
                "a link which leads out",
            ),
            (generator("files", "../../nowhere"), "../../nowhere", outside),
            ("\n\nresources: [../../beside/base]\n".to_owned(), "../../beside/base", outside),
            (
                "\n\nresources: [../link/base]\n".to_owned(),
                "../link/base",
                "a link which leads out",
            ),
            (
                "\n\npatches: [{path: ../../beside/secret.env}]".to_owned(),
                "../../beside/secret.env",
                outside,
            ),
        ] {
            scratch.write("overlay/kustomization.yaml", &kustomization);
            let words = scratch.render().failed();
            assert!(words.contains(&format!("`{path}`, and")) && words.contains(why), "{words}");
            assert!(words.contains("--> overlay/kustomization.yaml:3:"), "{words}");
            assert!(!words.contains("of-somebody"), "{words}");
        }
        // Of a folder below, by its own name.
        scratch.write("overlay/kustomization.yaml", "resources: [../base]\n");
        scratch.write("base/kustomization.yaml", &generator("envs", "../../beside/secret.env"));
        let words = scratch.render().failed();
        assert!(words.contains("--> base/kustomization.yaml:3:"), "{words}");
    }
}

/// What kustomize, without its restriction, would read of the machine although it does not look like it.
#[test]
fn no_trick_of_a_kustomization_reads_a_file_of_the_machine() {
    let beside = "\n  - {name: b, namespace: shop, envs: [../common/map.env]}\n";
    for (name, text) in [
        (
            "a field in other letters",
            "configMapGenerator:\n  - {name: c, Files: [../../beside/secret.env]}BESIDE",
        ),
        (
            "a list in other letters",
            "ConfigMapGenerator:\n  - {name: c, files: [../../beside/secret.env]}\nconfigMapGenerator:BESIDE",
        ),
        (
            "a letter that Go takes for another",
            "configMapGenerator:\n  - {name: c, file\u{17f}: [../../beside/secret.env]}BESIDE",
        ),
        (
            "a text that is no patch",
            "patchesStrategicMerge: [\"{x/../../../beside/secret.env\"]\nconfigMapGenerator:BESIDE",
        ),
        (
            "a text of two lines",
            "patchesStrategicMerge: [\"x\\n/../../../beside/secret.env\"]\nconfigMapGenerator:BESIDE",
        ),
        (
            "a plugin that reads",
            "generators:\n  - |\n    apiVersion: builtin\n    kind: ConfigMapGenerator\n    metadata: {name: c}\n    files: [../../beside/secret.env]\nconfigMapGenerator:BESIDE",
        ),
        ("a plugin in a file", "generators: [../common/generator.yaml]\nconfigMapGenerator:BESIDE"),
        ("a plugin in a folder", "generators: [../plugins]\nconfigMapGenerator:BESIDE"),
        (
            "what Git keeps",
            "configMapGenerator:\n  - {name: c, namespace: shop, files: [../.git/config]}BESIDE",
        ),
        (
            "a repository of the machine",
            "resources: [\"git::file://ROOT/beside/base\"]\nconfigMapGenerator:BESIDE",
        ),
        (
            "a chart",
            "helmCharts: [{name: c, valuesFile: ../../beside/secret.env}]\nconfigMapGenerator:BESIDE",
        ),
    ] {
        let scratch = Scratch::with_git();
        scratch.write("common/map.env", "A=b\n");
        let generator = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: c}\nfiles: [../../beside/secret.env]\n";
        scratch.write("common/generator.yaml", generator);
        scratch.write("plugins/generator.yaml", generator);
        scratch.write("plugins/kustomization.yaml", "resources: [generator.yaml]\n");
        let root = scratch.0.path().display().to_string();
        let text = text.replace("BESIDE", beside).replace("ROOT", &root);
        scratch.write(
            "overlay/kustomization.yaml",
            &format!("resources: [../common/cart.yaml]\n{text}"),
        );
        let answer = scratch.render();
        assert!(!answer.stdout.contains("of-somebody"), "{name}");
        let words = answer.failed();
        assert!(!words.contains("of-somebody"), "{name}: {words}");
        assert!(words.starts_with("error[unreadable]"), "{name}: {words}");
    }
}

#[test]
fn without_a_repository_kustomize_keeps_its_own_rule() {
    let scratch = spread(Scratch::new());
    // previews.yaml is in no folder that holds the overlay, and there is no Git.
    scratch.write("../previews/previews.yaml", PREVIEWS);
    let folder = scratch.0.path().join("previews");
    let arguments = ["previews.yaml", "--baseline", "../repository/overlay"];
    let words = scratch.render_from(&folder, &arguments).failed();
    assert!(words.contains("is not in or below"), "{words}");
    let root = ["--source-root", "../repository"];
    scratch.render_from(&folder, &[&arguments[..], &root].concat()).ok();
    // A base beside the folder was always read.
    scratch.write("overlay/kustomization.yaml", "resources: [../whole]\n");
    scratch.write("whole/kustomization.yaml", "resources: [cart.yaml]\n");
    scratch.write("whole/cart.yaml", CART);
    scratch.render_from(&folder, &arguments).ok();
}

/// A scratch whose root is the baseline: kustomize lets it read what Git keeps there.
fn of_root(kustomization: &str) -> Scratch {
    let scratch = Scratch::with_git();
    scratch.write(".git/p.yaml", "[{op: add, path: /metadata/labels, value: {t: of-somebody}}]\n");
    scratch.write("kustomization.yaml", &format!("resources: [common/cart.yaml]\n{kustomization}"));
    scratch
}

#[test]
fn no_plugin_reads_what_git_keeps() {
    let plugin = |kind: &str, names: &str| {
        format!(
            "apiVersion: builtin\nkind: {kind}\nmetadata: {{name: c, namespace: shop}}\n{names}\n"
        )
    };
    let target = "target: {kind: Deployment, name: cart}";
    let plugins = [
        plugin("ConfigMapGenerator", "files: [.git/config]"),
        plugin("ConfigMapGenerator", "FileS: [.git/config]"),
        plugin("ConfigMapGenerator", "files: ['a=.git/config']"),
        plugin("SecretGenerator", "envs: [.git/config]"),
        plugin("SecretGenerator", "env: .git/config"),
        plugin("PatchTransformer", &format!("path: .git/p.yaml\n{target}")),
        plugin("PatchJson6902Transformer", &format!("path: .git/p.yaml\n{target}")),
        plugin("PatchStrategicMergeTransformer", "paths: [.git/p.yaml]"),
        plugin("ReplacementTransformer", "replacements: [{path: .git/p.yaml}]"),
        plugin("ValueAddTransformer", "value: x\ntargetFilePath: .git/p.yaml"),
        plugin("PatchTransformer", &format!("path: !!str .git/p.yaml\n{target}")),
        plugin("NewGenerator", "files: [.git/config]"),
    ];
    let assert_refused = |scratch: &Scratch, name: &str| {
        let answer = scratch.render_from(&scratch.root(), &["previews.yaml", "--baseline", "."]);
        let words = answer.stdout.clone() + &answer.stderr;
        assert!(!words.contains("of-somebody"), "{name}: {words}");
        let words = answer.failed();
        assert!(
            words.starts_with("error[unreadable]") && words.contains("--> "),
            "{name}: {words}"
        );
        assert!(!words.contains("kustomize build"), "{name}: {words}");
    };
    for text in plugins {
        for field in ["generators", "transformers"] {
            let inline = text.replace('\n', "\n    ");
            assert_refused(&of_root(&format!("{field}:\n  - |\n    {inline}\n")), &text);
            for path in ["g.yaml", "a plugin.yaml", "folder"] {
                let scratch = of_root(&format!("{field}: ['{path}']\n"));
                scratch.write("folder/kustomization.yaml", "resources: [below]\n");
                scratch.write("folder/below/kustomization.yaml", "resources: [g.yaml]\n");
                let file = if path == "folder" { "folder/below/g.yaml" } else { path };
                scratch.write(file, &text);
                assert_refused(&scratch, &format!("{path}: {text}"));
            }
        }
    }
    let scratch = of_root("generators: [folder]\n");
    scratch.write("folder/g.yaml", &plugin("ConfigMapGenerator", "files: [common/cart.yaml]"));
    let patch =
        "resources: [g.yaml]\npatches: [{path: p.yaml, target: {kind: ConfigMapGenerator}}]\n";
    scratch.write("folder/kustomization.yaml", patch);
    scratch.write("folder/p.yaml", "[{op: replace, path: /files/0, value: .git/config}]\n");
    assert_refused(&scratch, "a patch of a plugin");
    for text in [
        "ConfigMapGenerator: [{name: c, files: [.git/config]}]",
        "configMapGenerator: !x [{name: c, files: [.git/config]}]",
        "configMapGenerator: [{<<: {files: [.git/config]}, name: c}]",
        "patches: [.git/p.yaml]",
        "generators: ['https://example.com/plugins?ref=v1']",
    ] {
        assert_refused(&of_root(text), text);
    }
    // A word that kustomize replaces in all of the text.
    let scratch = of_root("configMapGenerator: [{name: c, files: ['imageTags:/config']}]");
    symlink(".git", scratch.root().join("images:")).expect("a link");
    assert_refused(&scratch, "a replaced word");
}

#[test]
fn a_kustomization_that_kustomize_may_read_otherwise_is_refused_with_its_place() {
    let utf16 = |text: &str| -> Vec<u8> {
        let units = std::iter::once('\u{feff}').chain(text.chars()).map(|c| c as u16);
        units.flat_map(u16::to_le_bytes).collect()
    };
    let plain = "resources: [../common/cart.yaml, ../../beside/base]\n";
    for (text, why) in [
        (utf16(plain), "is not UTF-8"),
        (format!("%YAML 1.1\n---\n{plain}").into(), "it is not read as kustomize reads it"),
        (plain.replace(": ", ": !foo ").into(), "it is not read as kustomize reads it"),
        (plain.replace(": ", ": [../common/cart.yaml]\nresources: ").into(), "written twice"),
        (format!("{plain}---\nx: y\n").into(), "second document"),
        (plain.replace("res", "Res").into(), "kustomize reads `Resources` as `resources`, other"),
        (plain.replace('s', "\u{17f}").into(), "as `resources`, other programs do not"),
    ] {
        let scratch = Scratch::with_git();
        scratch.write("overlay/kustomization.yaml", "");
        fs::write(scratch.root().join("overlay/kustomization.yaml"), &text).expect("written");
        let words = scratch.render().failed();
        assert!(words.contains(why) && words.contains("overlay/kustomization.yaml:"), "{words}");
        assert!(!words.contains("kustomize build"), "{words}");
        // So is one that another revision has.
        let base = Scratch::with_git();
        fs::remove_dir_all(base.root().join(".git")).expect("removes");
        base.write("overlay/kustomization.yaml", "");
        fs::write(base.root().join("overlay/kustomization.yaml"), &text).expect("written");
        let git = super::git::Git::init(&base.root());
        git.run(&["add", "."]);
        let author = ["-c", "user.name=A", "-c", "user.email=a@example.com"];
        git.run(&[&author[..], &["commit", "--quiet", "-m", "first"]].concat());
        base.write("overlay/kustomization.yaml", "resources: [../common/cart.yaml]\n");
        let mut command = Command::new(ANABRANCH);
        command.args(["diff", "previews.yaml", "--baseline", "overlay", "--base", "HEAD"]);
        let answer = run(command.current_dir(base.root()), "");
        assert!(answer.stderr.contains("base-not-rendered"), "{}", answer.stderr);
        assert!(!answer.stdout.contains("somebody"), "{}", answer.stdout);
    }
}

#[test]
fn every_form_of_a_kustomization_that_people_write_is_built() {
    for text in [
        "\u{feff}resources: [cart.yaml]\n",
        "# a comment\n---\n# another\nresources:\n- cart.yaml # here\n---\n# the end\n",
        "---\nresources: [cart.yaml]\n...\n",
        "resources: [cart.yaml]\n---\n",
        "{\"resources\": [\"cart.yaml\"]}",
        "resources:\r\n- cart.yaml\r\n",
        "commonAnnotations: &a {of: all}\nlabels: [{pairs: *a}]\nresources: [cart.yaml]\n",
        "<<: {resources: [cart.yaml]}\n",
        "resources: [cart.yaml]\ncommonannotations: {of: all}\nconfigMapGenerator: [{Name: a, namespace: shop, literals: [b=c]}]\n",
        "resources: [cart.yaml]\ntransformers:\n- |-\n  apiVersion: builtin\n  kind: ValueAddTransformer\n  metadata: {name: x}\n  value: hello\n  targets:\n  - selector: {kind: Deployment}\n    fieldPath: metadata/annotations/x\n",
        "resources: [cart.yaml]\npatches:\nconfigMapGenerator: []\nhelmCharts: []\n",
        "resources: [cart.yaml]\npatchesStrategicMerge:\n- |-\n  apiVersion: v1\n  kind: Service\n  metadata:\n    name: cart\n    namespace: shop\n    annotations:\n      patches: a\n",
        "resources: [cart.yaml]\ngenerators: [a plugin.yaml]\ntransformers: [plugins]\n",
    ] {
        let scratch = Scratch::with_git();
        scratch.write("overlay/cart.yaml", CART);
        scratch.write("overlay/kustomization.yaml", text);
        let plugin = |kind| {
            format!("apiVersion: builtin\nkind: {kind}\nmetadata: {{name: c, namespace: shop}}\n")
        };
        let generator = plugin("ConfigMapGenerator") + "files: [cart.yaml]\n";
        scratch.write("overlay/a plugin.yaml", &generator);
        scratch.write("overlay/plugins/kustomization.yaml", "resources: [p.yaml]\n");
        let patch = "path: patch.json\ntarget: {kind: Service}\n";
        scratch.write("overlay/plugins/p.yaml", &(plugin("PatchTransformer") + patch));
        scratch.write(
            "overlay/patch.json",
            "[{\"op\": \"add\", \"path\": \"/metadata/labels\", \"value\": {\"a\": \"b\"}}]",
        );
        let rendered = objects(&scratch.render().ok());
        for (id, object) in scratch.built() {
            assert_eq!(rendered.get(&id), Some(&object), "{text}: {id:?}");
        }
    }
}

#[test]
fn a_value_that_stands_where_a_secret_has_a_file_is_not_shown() {
    for generator in [
        "files: [p=of-somebody]",
        "files: ['p=amqp://a:of-somebody@b']",
        "envs: [of-somebody]",
        "env: of-somebody",
    ] {
        let scratch = Scratch::with_git();
        let text = format!(
            "resources: [../common/cart.yaml]\nsecretGenerator: [{{name: s, {generator}}}]\n"
        );
        scratch.write("overlay/kustomization.yaml", &text);
        let words = scratch.render().failed();
        assert!(words.contains("a file that `secretGenerator` names does not exist"), "{words}");
        assert!(words.contains("overlay/kustomization.yaml:2:"), "{words}");
        assert!(!words.contains("somebody"), "{words}");
    }
    // kustomize loads a file from a server. This one is not there.
    let scratch = Scratch::with_git();
    scratch.write("overlay/cart.yaml", CART);
    let text =
        "resources: [cart.yaml]\nsecretGenerator: [{name: s, files: [x=http://127.0.0.1:1/f]}]\n";
    scratch.write("overlay/kustomization.yaml", text);
    let words = scratch.render().failed();
    assert!(words.contains("kustomize build"), "{words}");
}

#[test]
fn folders_of_plugins_without_end_are_refused() {
    let scratch = of_root("generators: [p0]\n");
    for number in 0..1_100 {
        let next = format!("resources: [../p{}]\n", number + 1);
        scratch.write(&format!("p{number}/kustomization.yaml"), &next);
    }
    let answer = scratch.render_from(&scratch.root(), &["previews.yaml", "--baseline", "."]);
    let words = answer.failed();
    assert!(words.contains("more than 1000 files and folders"), "{words}");
}
