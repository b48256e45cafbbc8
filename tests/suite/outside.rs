//! Nothing outside of the repository is read into the output or written, whatever the links and paths in
//! it say: who can write to a branch could otherwise ask a pipeline for any file of its machine.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::orchestrator::{ANABRANCH, Answer, root, run};

/// Two folders: a repository with the example of one service, and one beside it that is none of its
/// business.
fn repository() -> TempDir {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let (repository, beside) = (scratch.path().join("repository"), scratch.path().join("beside"));
    for folder in [".git", "baseline", "common", "suite"] {
        fs::create_dir_all(repository.join(folder)).expect("a folder");
    }
    fs::create_dir(&beside).expect("a folder");
    write(&beside.join("secret.yaml"), "secret: of somebody else\n");
    let input = root().join("golden/one-service/input");
    let config = fs::read_to_string(input.join("previews.yaml")).expect("the example is there");
    let tests = "  tests: [{name: smoke, path: ./suite}]\n  flux: {sourceRef: {name: shop}}\n";
    write(&repository.join("previews.yaml"), &(config + tests));
    write(&repository.join("suite/job.yaml"), "a: job\n");
    let cart = input.join("baseline/cart.yaml");
    fs::copy(cart, repository.join("baseline/cart.yaml")).expect("the example is there");
    scratch
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the folder can be written");
}

/// Makes a link to this target.
#[track_caller]
fn link(target: &str, at: impl AsRef<Path>) {
    symlink(target, at).expect("a link");
}

/// Renders the repository into its folder `rendered`.
fn render(scratch: &TempDir) -> Answer {
    let arguments = ["render", "previews.yaml", "--baseline", "baseline", "-o", "rendered"];
    let repository = scratch.path().join("repository");
    run(Command::new(ANABRANCH).args(arguments).current_dir(repository), "")
}

/// The repository is refused in these words, and nothing is rendered.
#[track_caller]
fn assert_refused(scratch: &TempDir, wanted: &[&str]) {
    let words = render(scratch).failed();
    for wanted in wanted {
        assert!(words.contains(wanted), "{wanted}: {words}");
    }
    assert!(!words.contains("somebody"), "the secret is shown: {words}");
    let suite = scratch.path().join("repository/rendered/tests/smoke");
    assert!(!suite.exists(), "something was written");
}

#[test]
fn links_within_the_repository_are_followed() {
    let scratch = repository();
    let folder = scratch.path().join("repository");
    let cart = folder.join("baseline/cart.yaml");
    fs::rename(&cart, folder.join("common/cart.yaml")).expect("moves");
    link("../common/cart.yaml", &cart);
    link("../common/cart.yaml", folder.join("suite/more.yaml"));
    render(&scratch).ok();
    let suite = folder.join("rendered/tests/smoke");
    let carried = fs::read(suite.join("more.yaml")).expect("the link's content is carried along");
    assert_eq!(carried, fs::read(folder.join("common/cart.yaml")).expect("is there"));
    assert!(suite.join("job.yaml").is_file());
}

#[test]
fn links_out_of_the_repository_are_refused_in_a_baseline() {
    let scratch = repository();
    let baseline = scratch.path().join("repository/baseline");
    link("../../beside/secret.yaml", baseline.join("a.yaml"));
    link("../common", baseline.join("folder"));
    link("nowhere", baseline.join("nothing.yaml"));
    let pipe = Command::new("mkfifo").arg(baseline.join("pipe.yaml")).status();
    assert!(pipe.is_ok_and(|status| status.success()), "a pipe");
    assert_refused(
        &scratch,
        &[
            "baseline/a.yaml is not read: it is a link that leads out of",
            "baseline/folder is not read: it is a link to a folder",
            "baseline/nothing.yaml is not read: No such file",
            "baseline/pipe.yaml is not read: it is neither a file nor a folder",
        ],
    );
}

#[test]
fn a_suite_carries_nothing_along_from_outside() {
    let scratch = repository();
    let suite = scratch.path().join("repository/suite");
    link("../../beside/secret.yaml", suite.join("a.yaml"));
    link("../../beside", suite.join("folder"));
    let out = "it is a link that leads out of";
    assert_refused(&scratch, &[&format!("a.yaml: {out}"), &format!("folder: {out}")]);
    fs::remove_dir_all(&suite).expect("removes");
    link("../beside", &suite);
    assert_refused(&scratch, &["the suite `smoke` is not read: it is a link that leads out of"]);
    // Paths are checked before anything is read: the whole machine would take a while.
    for path in ["/", "..", "./suite/../.."] {
        let previews = scratch.path().join("repository/previews.yaml");
        let text = fs::read_to_string(&previews).expect("is there");
        write(&previews, &text.replace("path: ./suite", &format!("path: {path}")));
        assert_refused(&scratch, &[&format!("`{path}` is not a folder inside the source")]);
        write(&previews, &text);
    }
}

#[test]
fn what_only_kustomize_reads_in_a_suite_is_an_error() {
    let inline = |kind: &str, names: &str| {
        format!(
            "resources: [job.yaml]\ngenerators:\n- |\n  apiVersion: builtin\n  kind: {kind}\n  \
             metadata: {{name: x}}\n  {names}\n"
        )
    };
    let outside = "refers to ../../beside/x, outside of the suite's folder";
    for (text, why) in [
        (
            "Resources: [job.yaml, ../common]\n".to_owned(),
            "kustomize reads `Resources` as `resources`, other programs do not",
        ),
        (
            "resources: !foo [job.yaml, ../common]\n".to_owned(),
            "as kustomize reads it: the tag `…`",
        ),
        (
            "%YAML 1.1\n---\nresources: [../common]\n".to_owned(),
            "it is not read as kustomize reads it",
        ),
        ("resources: [job.yaml]\n---\nx: y\n".to_owned(), "it has a second document"),
        ("resources: [../a=b/c]\n".to_owned(), "refers to ../a=b/c, outside"),
        (inline("ConfigMapGenerator", "files: [a=../../beside/x]"), outside),
        (inline("PatchTransformer", "path: ../../beside/x"), outside),
        ("generators: [plugin.yaml]\n".to_owned(), "plugin.yaml of the suite `smoke` refers to"),
        ("transformers: [plugins]\n".to_owned(), "plugins/p.yaml of the suite `smoke` refers to"),
        ("transformers: [more]\n".to_owned(), "plugins/p.yaml of the suite `smoke` refers to"),
        ("resources: [below]\n".to_owned(), "what below/kustomization.yaml of the suite `smoke`"),
    ] {
        let scratch = repository();
        let suite = scratch.path().join("repository/suite");
        write(&suite.join("kustomization.yaml"), &text);
        fs::create_dir(suite.join("plugins")).expect("a folder");
        write(&suite.join("plugins/kustomization.yaml"), "resources: [p.yaml]\n");
        let plugin = "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: x}\nfiles: [../../beside/x]\n";
        write(&suite.join("plugins/p.yaml"), plugin);
        write(&suite.join("plugin.yaml"), plugin);
        fs::create_dir(suite.join("more")).expect("a folder");
        write(&suite.join("more/kustomization.yaml"), "resources: [../plugins]\n");
        fs::create_dir(suite.join("below")).expect("a folder");
        write(&suite.join("below/kustomization.yaml"), "Resources: []\n");
        assert_refused(&scratch, &["error[suite-outside]", why]);
    }
    let scratch = repository();
    let suite = scratch.path().join("repository/suite");
    let text = "# of all\n---\nresources: [job.yaml]\ngenerators: [plugin.yaml, plugins]\n\
                nameprefix: x-\nhelmCharts: []\n---\n";
    write(&suite.join("kustomization.yaml"), text);
    for folder in ["plugins", "template"] {
        fs::create_dir(suite.join(folder)).expect("a folder");
    }
    // Nobody reads these.
    write(&suite.join("template/kustomization.yaml"), "resources: [{{ .Values.x }}]\n");
    write(&suite.join("plugins/README.md"), "* see: [the docs\n\tand\n");
    fs::write(suite.join("plugins/a.png"), [0xff]).expect("written");
    write(&suite.join("plugins/kustomization.yaml"), "resources: [../plugin.yaml]\n");
    let plugin =
        "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: x}\nfiles: [job.yaml]\n";
    write(&suite.join("plugin.yaml"), plugin);
    render(&scratch).ok();
}

#[test]
fn nothing_that_git_keeps_is_read() {
    let scratch = repository();
    let folder = scratch.path().join("repository");
    write(&folder.join(".git/config"), "token: of somebody\n");
    link("../.git/config", folder.join("suite/leak.txt"));
    link("../.git", folder.join("suite/all"));
    link("leak.txt", folder.join("suite/again.txt"));
    link("../.git/config", folder.join("baseline/leak.yaml"));
    let git = "it leads to what Git keeps for itself";
    let wanted = ["leak.txt", "all", "again.txt"].map(|name| format!("suite/{name}: {git}"));
    let mut wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let read = format!("baseline/leak.yaml is not read: {git}");
    wanted.push(&read);
    assert_refused(&scratch, &wanted);
    fs::remove_dir_all(folder.join("suite")).expect("removes");
    fs::remove_file(folder.join("baseline/leak.yaml")).expect("removes");
    link(".git", folder.join("suite"));
    assert_refused(&scratch, &[&format!("the suite `smoke` is not read: {git}")]);
}

#[test]
fn arguments_lead_to_nothing_outside_of_their_repository() {
    let scratch = repository();
    let folder = scratch.path().join("repository");
    fs::rename(folder.join("suite"), folder.join("kept")).expect("moves");
    write(&folder.join(".git/config"), "token: of somebody\n");
    for (argument, leads_to) in [
        ("previews.yaml", "../beside/secret.yaml"),
        ("previews.yaml", ".git/config"),
        ("previews.yaml", "/proc/self/environ"),
        ("baseline", "../beside"),
        ("baseline", ".git"),
        ("baseline", "../beside/secret.yaml"),
    ] {
        let there = folder.join(argument);
        let kept = scratch.path().join("kept");
        fs::rename(&there, &kept).expect("moves");
        link(leads_to, &there);
        for format in ["text", "json", "sarif", "github"] {
            let arguments = ["check", "previews.yaml", "-b", "baseline", "--format", format];
            let mut command = Command::new(ANABRANCH);
            command.args(arguments).current_dir(&folder).env("TOKEN", "of somebody");
            let answer = run(&mut command, "");
            let words = answer.stdout + &answer.stderr;
            assert_eq!(answer.code, Some(1), "{words}");
            assert!(words.contains(&format!("{argument} is not read: it")), "{words}");
            assert!(!words.contains("somebody"), "the secret is shown: {words}");
        }
        fs::remove_file(&there).expect("removes");
        fs::rename(&kept, &there).expect("moves");
    }
}

#[test]
fn arguments_may_be_links_within_a_repository_paths_out_of_it_and_pipes() {
    let scratch = repository();
    let folder = scratch.path().join("repository");
    fs::rename(folder.join("baseline"), folder.join("common/baseline")).expect("moves");
    link("common/baseline", folder.join("baseline"));
    render(&scratch).ok();
    fs::create_dir_all(scratch.path().join("other/.git")).expect("a folder");
    for baseline in ["../repository/baseline", "<(cat ../repository/baseline/cart.yaml)"] {
        let script = format!(
            "exec {ANABRANCH} render ../repository/previews.yaml -b {baseline} -o rendered"
        );
        let mut command = Command::new("bash");
        run(command.args(["-c", &script]).current_dir(scratch.path().join("other")), "").ok();
    }
}

#[test]
fn the_files_of_suites_count_as_input() {
    let scratch = repository();
    let big = fs::File::create(scratch.path().join("repository/suite/big"));
    big.and_then(|file| file.set_len(100 << 30)).expect("a file of nothing");
    assert_refused(
        &scratch,
        &["with the suite `smoke` the input has more bytes", "--max-input-bytes"],
    );
}

#[test]
fn the_output_does_not_leave_its_folder_through_links() {
    let scratch = repository();
    render(&scratch).ok();
    let (rendered, beside) =
        (scratch.path().join("repository/rendered"), scratch.path().join("beside"));
    // As if it had been written before, and would be removed now.
    let list = fs::read_to_string(rendered.join(".anabranch")).expect("the list is there");
    write(&rendered.join(".anabranch"), &format!("{list}previews/old/secret.yaml\n"));
    link("../../../beside", rendered.join("previews/old"));
    let words = render(&scratch).failed();
    assert!(words.contains("rendered/previews/old is a link"), "{words}");
    fs::remove_file(rendered.join("previews/old")).expect("removes");
    render(&scratch).ok();
    for path in ["previews", "flux/kustomization.yaml", ".anabranch"] {
        let there = rendered.join(path);
        let kept = scratch.path().join("kept");
        fs::rename(&there, &kept).expect("moves");
        link(if kept.is_dir() { "../../beside" } else { "../../beside/new" }, &there);
        let words = render(&scratch).failed();
        assert!(words.contains("is a link") || words.contains("is no file"), "{path}: {words}");
        fs::remove_file(&there).expect("removes");
        fs::rename(&kept, &there).expect("moves");
    }
    let left: Vec<_> = fs::read_dir(&beside).expect("is there").collect();
    assert_eq!(left.len(), 1, "{left:?}");
    let secret = fs::read_to_string(beside.join("secret.yaml")).expect("is there");
    assert_eq!(secret, "secret: of somebody else\n");
}
