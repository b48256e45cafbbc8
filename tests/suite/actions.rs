//! The scripts of the actions, with events as GitHub sends them and a repository that others push to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::orchestrator::{ANABRANCH, Answer, root, run, run_with};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";

const FILE: &str = "\
# Who has a preview.
apiVersion: anabranch.dev/v1alpha1
kind: Previews
spec:
  baseline: {namespace: shop}
  previews: []
";

/// A GitOps repository with a previews.yaml.
struct GitOps {
    folder: TempDir,
}

impl GitOps {
    fn new() -> Self {
        let gitops = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let work = gitops.path("work");
        fs::create_dir(&work).expect("a folder");
        fs::write(work.join("previews.yaml"), FILE).expect("the file is written");
        gitops.git(&work, &["init", "--quiet", "--initial-branch=main"]);
        gitops.git(&work, &["add", "--all"]);
        gitops.git(&work, &["commit", "--quiet", "--message", "previews"]);
        let path = gitops.path("");
        gitops.git(&path, &["clone", "--quiet", "--bare", "work", "gitops.git"]);
        gitops
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.current_dir(folder).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]);
        run(git.args(arguments), "").ok()
    }

    /// previews.yaml as it is pushed.
    fn file(&self) -> String {
        self.git(&self.path("gitops.git"), &["show", "main:previews.yaml"])
    }

    /// Runs the script on an event of pull request 42.
    fn preview(&self, event: &Value, images: &str) -> Answer {
        let number = &event["pull_request"]["number"];
        let path = self.path(&format!("event-{number}-{:?}.json", thread::current().id()));
        fs::write(&path, event.to_string()).expect("the event is written");
        let mut command = Command::new(root().join("actions/preview/preview.sh"));
        command.env("GITHUB_EVENT_PATH", path).env("GITOPS_REPOSITORY", self.path("gitops.git"));
        command.env_remove("GITHUB_OUTPUT").env("IMAGES", images).env("DAYS", "14");
        run_with(&mut command, binaries())
    }
}

/// Where the program lies.
fn binaries() -> &'static Path {
    Path::new(ANABRANCH).parent().expect("the program lies in a folder")
}

/// An event of a pull request, as far as anybody reads it.
fn event(action: &str, number: u64, commit: &str, updated: &str) -> Value {
    let repository = json!({"full_name": "shop/shop", "html_url": "https://github.com/shop/shop"});
    json!({
        "action": action,
        "repository": repository,
        "pull_request": {
            "number": number,
            "updated_at": updated,
            "closed_at": (action == "closed").then_some(updated),
            "head": {"sha": commit, "repo": {"full_name": "shop/shop"}},
        },
    })
}

fn image(service: &str) -> String {
    format!("{service}=ghcr.io/shop/{service}@{DIGEST}")
}

#[test]
fn a_pull_request_has_its_preview_from_opening_to_closing() {
    let gitops = GitOps::new();
    let opened = event("opened", 42, OLD, "2026-11-29T10:00:00Z");
    assert_eq!(gitops.preview(&opened, &image("web")).ok().lines().last(), Some("pr-42: set"));
    let file = gitops.file();
    assert!(file.starts_with("# Who has a preview.\n") && file.contains(OLD), "{file}");
    assert!(file.contains("expires: \"2026-12-13T10:00:00Z\""), "{file}");

    // The next push affects another service, and not the first one any more.
    let pushed = event("synchronize", 42, NEW, "2026-11-29T10:05:00Z");
    gitops.preview(&pushed, &image("cart")).ok();
    let file = gitops.file();
    assert!(
        file.contains(NEW) && file.contains("shop/cart@") && !file.contains("shop/web@"),
        "{file}"
    );
    assert_eq!(
        gitops.preview(&opened, &image("web")).ok().lines().last(),
        Some("pr-42: unchanged")
    );
    assert_eq!(gitops.file(), file);

    let closed = event("closed", 42, NEW, "2026-11-29T10:10:00Z");
    assert_eq!(gitops.preview(&closed, "").ok().lines().last(), Some("pr-42: closed"));
    assert!(!gitops.file().contains(NEW), "{}", gitops.file());
    // A build that ends after the close.
    let file = gitops.file();
    gitops.preview(&pushed, &image("cart")).ok();
    assert_eq!(gitops.file(), file);
    let log = gitops.git(&gitops.path("gitops.git"), &["log", "--format=%s"]);
    assert_eq!(
        log.lines().next(),
        Some("pr-42: closed (https://github.com/shop/shop/pull/42)"),
        "{log}"
    );
}

#[test]
fn a_push_that_affects_no_service_takes_the_preview_away_until_one_does() {
    let gitops = GitOps::new();
    let event = |commit, updated| event("synchronize", 42, commit, updated);
    gitops.preview(&event(OLD, "2026-11-29T10:00:00Z"), &image("web")).ok();
    gitops.preview(&event(NEW, "2026-11-29T10:05:00Z"), "").ok();
    assert!(!gitops.file().contains("shop/web@"), "{}", gitops.file());
    gitops.preview(&event(OLD, "2026-11-29T10:00:00Z"), &image("web")).ok();
    assert!(!gitops.file().contains("shop/web@"), "{}", gitops.file());
    gitops.preview(&event(OLD, "2026-11-29T10:06:00Z"), &image("web")).ok();
    assert!(gitops.file().contains("shop/web@"), "{}", gitops.file());
}

#[test]
fn pull_requests_that_push_at_once_all_get_their_previews() {
    let gitops = GitOps::new();
    thread::scope(|scope| {
        for number in 1..=6 {
            let gitops = &gitops;
            scope.spawn(move || {
                let opened = event("opened", number, OLD, "2026-11-29T10:00:00Z");
                gitops.preview(&opened, &image("web")).ok();
            });
        }
    });
    let file = gitops.file();
    assert!((1..=6).all(|number| file.contains(&format!("- name: pr-{number}\n"))), "{file}");
}

#[test]
fn a_pull_request_of_a_fork_is_refused_and_its_close_is_not() {
    let gitops = GitOps::new();
    let of_fork = |action| {
        let mut event = event(action, 42, OLD, "2026-11-29T10:00:00Z");
        event["pull_request"]["head"]["repo"]["full_name"] = json!("stranger/shop");
        event
    };
    let refused = gitops.preview(&of_fork("opened"), &image("web")).failed();
    assert!(refused.contains("#42 comes from a fork"), "{}", refused);
    assert_eq!(gitops.file(), FILE);
    // A deleted fork has no repository any more.
    let mut deleted = of_fork("closed");
    deleted["pull_request"]["head"]["repo"] = Value::Null;
    gitops.preview(&deleted, "").ok();
}

#[test]
fn images_come_from_what_bake_says_it_built() {
    let gitops = GitOps::new();
    let metadata = gitops.path("metadata.json");
    let names =
        "registry.example.com:5000/shop/web:pr-42,registry.example.com:5000/shop/web:latest";
    let built = json!({
        "buildx.build.warnings": [],
        "web": {"containerimage.digest": DIGEST, "image.name": names},
    });
    fs::write(&metadata, built.to_string()).expect("the metadata is written");
    let opened = event("opened", 42, OLD, "2026-11-29T10:00:00Z");
    let path = gitops.path("event.json");
    fs::write(&path, opened.to_string()).expect("the event is written");
    let mut command = Command::new(root().join("actions/preview/preview.sh"));
    command.env("METADATA", metadata);
    command.env("GITHUB_EVENT_PATH", path).env("GITOPS_REPOSITORY", gitops.path("gitops.git"));
    run_with(command.env_remove("GITHUB_OUTPUT"), binaries()).ok();
    let file = gitops.file();
    assert!(
        file.contains(&format!("image: registry.example.com:5000/shop/web@{DIGEST}")),
        "{file}"
    );
}

#[test]
fn an_empty_object_of_bake_says_that_nothing_was_built() {
    let gitops = GitOps::new();
    gitops.preview(&event("opened", 42, OLD, "2026-11-29T10:00:00Z"), &image("web")).ok();
    let (path, metadata) = (gitops.path("event.json"), gitops.path("metadata.json"));
    let pushed = event("synchronize", 42, NEW, "2026-11-29T10:05:00Z");
    fs::write(&path, pushed.to_string()).expect("the event is written");
    fs::write(&metadata, "{}").expect("the metadata is written");
    let mut command = Command::new(root().join("actions/preview/preview.sh"));
    command.env("METADATA", metadata).env("GITHUB_EVENT_PATH", &path);
    command.env("GITOPS_REPOSITORY", gitops.path("gitops.git")).env_remove("GITHUB_OUTPUT");
    run_with(&mut command, binaries()).ok();
    assert!(!gitops.file().contains("shop/web@"), "{}", gitops.file());
}

#[test]
fn metadata_that_does_not_say_what_was_built_changes_nothing() {
    let gitops = GitOps::new();
    let opened = event("opened", 42, OLD, "2026-11-29T10:00:00Z");
    gitops.preview(&opened, &image("web")).ok();
    let before = gitops.file();
    let path = gitops.path("event.json");
    let pushed = event("synchronize", 42, NEW, "2026-11-29T10:05:00Z");
    fs::write(&path, pushed.to_string()).expect("the event is written");
    let nameless = gitops.path("nameless.json");
    let built = json!({"web": {"containerimage.digest": DIGEST}, "cart": {"containerimage.digest": DIGEST}});
    fs::write(&nameless, built.to_string()).expect("the metadata is written");
    let empty = gitops.path("empty.json");
    fs::write(&empty, "").expect("the metadata is written");
    let loaded = gitops.path("loaded.json");
    let built =
        json!({"web": {"image.name": "ghcr.io/shop/web", "containerimage.config.digest": DIGEST}});
    fs::write(&loaded, built.to_string()).expect("the metadata is written");
    for metadata in [gitops.path("nosuch.json"), nameless, empty, loaded] {
        let mut command = Command::new(root().join("actions/preview/preview.sh"));
        command.env("METADATA", metadata).env("GITHUB_EVENT_PATH", &path);
        command.env("GITOPS_REPOSITORY", gitops.path("gitops.git")).env_remove("GITHUB_OUTPUT");
        let said = run_with(&mut command, binaries()).failed();
        assert!(said.contains("does not say what was built"), "{said}");
    }
    assert_eq!(gitops.file(), before);
}

/// Runs the set-up script against a folder of releases, with a `gh` that answers so.
fn setup(version: &str, spoil: impl FnOnce(&Path), attested: bool) -> Answer {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let release = folder.path().join("releases/v0.1.0");
    fs::create_dir_all(&release).expect("a folder");
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let binary = format!("anabranch-linux-{arch}");
    fs::copy(ANABRANCH, release.join(&binary)).expect("the program is copied");
    let sums = run(Command::new("sha256sum").arg(&binary).current_dir(&release), "").ok();
    fs::write(release.join("checksums.txt"), sums).expect("written");
    spoil(&release.join(&binary));
    let gh = folder.path().join("gh");
    let answer = if attested { "exit 0" } else { "echo no attestations >&2; exit 1" };
    fs::write(&gh, format!("#!/bin/sh\n{answer}\n")).expect("written");
    fs::set_permissions(&gh, fs::Permissions::from_mode(0o755)).expect("it may run");
    let mut command = Command::new(root().join("actions/setup/setup.sh"));
    command.arg(version);
    command.env("RELEASES", format!("file://{}/releases", folder.path().display()));
    command.env("RUNNER_TEMP", folder.path()).env("GITHUB_PATH", folder.path().join("path"));
    let answer = run_with(&mut command, folder.path());
    if answer.code == Some(0) {
        let path = fs::read_to_string(folder.path().join("path")).expect("the path is told");
        assert!(Path::new(path.trim()).join("anabranch").is_file(), "{path}");
    }
    answer
}

#[cfg(target_os = "linux")]
#[test]
fn setup_installs_what_has_the_checksum_and_the_provenance_of_the_release() {
    let told = setup("v0.1.0", |_| {}, true).ok();
    assert!(told.contains(env!("CARGO_PKG_VERSION")), "{told}");
    setup("v0.1.0", |_| {}, false).failed();
    setup("v0.1.0", |binary| fs::write(binary, "something else").expect("written"), true).failed();
    for other in ["latest", "v0.1.0/../../evil", "main"] {
        setup(other, |_| {}, true).failed();
    }
}
