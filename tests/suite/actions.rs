//! The scripts of the actions, with events as GitHub sends them and a repository that others push to.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::orchestrator::{ANABRANCH, Answer, root, run, run_with, write_text};

pub(crate) const DIGEST: &str =
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
pub(crate) const OLD: &str = "1111111111111111111111111111111111111111";
pub(crate) const NEW: &str = "2222222222222222222222222222222222222222";

/// Where the workflows are, as a team copies them.
const WORKFLOWS: &str = "examples/ci";

pub(crate) const FILE: &str = "\
# Who has a preview.
apiVersion: anabranch.dev/v1alpha1
kind: Previews
spec:
  baseline: {namespace: shop}
  previews: []
";

/// A GitOps repository with a previews.yaml.
pub(crate) struct GitOps {
    folder: TempDir,
}

impl GitOps {
    pub(crate) fn new() -> Self {
        let gitops = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let work = gitops.path("work");
        fs::create_dir(&work).expect("a folder");
        fs::write(work.join("previews.yaml"), FILE).expect("the file is written");
        gitops.git(&work, &["init", "--quiet", "--initial-branch=main"]);
        gitops.git(&work, &["add", "--all"]);
        gitops.git(&work, &["commit", "--quiet", "--message", "previews"]);
        let path = gitops.path("");
        gitops.git(&path, &["clone", "--quiet", "--bare", "work", "gitops.git"]);
        gitops.git(&work, &["remote", "add", "origin", "../gitops.git"]);
        gitops
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.current_dir(folder).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]);
        run(git.args(arguments), "").ok()
    }

    /// previews.yaml as it is pushed.
    pub(crate) fn file(&self) -> String {
        self.git(&self.path("gitops.git"), &["show", "main:previews.yaml"])
    }

    /// Runs the script on an event, with these images.
    pub(crate) fn preview(&self, event: &Value, images: &str) -> Answer {
        run_with(self.script(event).env("IMAGES", images), binaries())
    }

    /// Runs the script on an event, with what bake and `affected` wrote.
    fn built(&self, event: &Value, metadata: &str, affected: Option<&Value>) -> Answer {
        let (built, answer) = (self.path("metadata.json"), self.path("affected.json"));
        fs::write(&built, metadata).expect("the metadata are written");
        let mut command = self.script(event);
        if let Some(affected) = affected {
            fs::write(&answer, affected.to_string()).expect("the answer is written");
            command.env("AFFECTED", answer);
        }
        run_with(command.env("METADATA", built), binaries())
    }

    /// The script, on an event.
    pub(crate) fn script(&self, event: &Value) -> Command {
        let number = &event["pull_request"]["number"];
        let path = self.path(&format!("event-{number}-{:?}.json", thread::current().id()));
        fs::write(&path, event.to_string()).expect("the event is written");
        let mut command = Command::new(root().join("actions/preview/preview.sh"));
        command.env("GITHUB_EVENT_PATH", path).env("GITOPS_REPOSITORY", self.path("gitops.git"));
        command.env_remove("GITHUB_OUTPUT").env("DAYS", "14");
        command
    }
}

/// Where the program lies.
pub(crate) fn binaries() -> &'static Path {
    Path::new(ANABRANCH).parent().expect("the program lies in a folder")
}

/// An event of a pull request, as far as anybody reads it.
pub(crate) fn event(action: &str, number: u64, commit: &str, updated: &str) -> Value {
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

pub(crate) fn image(service: &str) -> String {
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
    let names =
        "registry.example.com:5000/shop/web:pr-42,registry.example.com:5000/shop/web:latest";
    let built = json!({
        "buildx.build.warnings": [],
        "web": {"containerimage.digest": DIGEST, "image.name": names},
    });
    let opened = event("opened", 42, OLD, "2026-11-29T10:00:00Z");
    gitops.built(&opened, &built.to_string(), None).ok();
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
    let pushed = event("synchronize", 42, NEW, "2026-11-29T10:05:00Z");
    gitops.built(&pushed, "{}", None).ok();
    assert!(!gitops.file().contains("shop/web@"), "{}", gitops.file());
}

#[test]
fn metadata_that_does_not_say_what_was_built_changes_nothing() {
    let gitops = GitOps::new();
    let opened = event("opened", 42, OLD, "2026-11-29T10:00:00Z");
    gitops.preview(&opened, &image("web")).ok();
    let before = gitops.file();
    let pushed = event("synchronize", 42, NEW, "2026-11-29T10:05:00Z");
    let nameless = json!({"web": {"containerimage.digest": DIGEST}, "cart": {"containerimage.digest": DIGEST}});
    let loaded =
        json!({"web": {"image.name": "ghcr.io/shop/web", "containerimage.config.digest": DIGEST}});
    for metadata in [nameless.to_string(), loaded.to_string(), String::new()] {
        let said = gitops.built(&pushed, &metadata, None).failed();
        assert!(said.contains("does not say what was built"), "{said}");
    }
    let mut command = gitops.script(&pushed);
    let said = run_with(command.env("METADATA", gitops.path("nosuch.json")), binaries()).failed();
    assert!(said.contains("does not say what was built"), "{said}");
    assert_eq!(gitops.file(), before);
}

/// What `affected` answers: services, and whether they are to build.
fn affected(services: &[(&str, bool)]) -> Value {
    let service =
        |(name, build): &(&str, bool)| json!({"name": name, "build": build, "reasons": []});
    json!({"services": services.iter().map(service).collect::<Vec<_>>(), "unmapped": []})
}

/// What bake says of services that it built.
fn bake(services: &[&str]) -> Value {
    let built = |name: &&str| {
        let image = format!("ghcr.io/shop/{name}:pr-42");
        ((*name).to_owned(), json!({"containerimage.digest": DIGEST, "image.name": image}))
    };
    Value::Object(services.iter().map(built).collect())
}

#[test]
fn a_service_that_only_comes_along_has_the_image_of_the_baseline() {
    let gitops = GitOps::new();
    let opened = event("opened", 42, OLD, "2026-11-29T10:00:00Z");
    let both = affected(&[("cart", true), ("web", true)]);
    gitops.built(&opened, &bake(&["cart", "web"]).to_string(), Some(&both)).ok();
    assert!(gitops.file().contains("shop/web@"), "{}", gitops.file());
    // The next push changes one of them back, which the other one needs beside it.
    let pushed = event("synchronize", 42, NEW, "2026-11-29T10:05:00Z");
    let along = affected(&[("cart", true), ("web", false)]);
    // A target that another one is built from has no name, and is no service.
    let mut built = bake(&["cart"]);
    built["base"] = json!({"buildx.build.ref": "x"});
    gitops.built(&pushed, &built.to_string(), Some(&along)).ok();
    let file = gitops.file();
    assert!(file.contains("- name: web\n") && file.contains("shop/cart@"), "{file}");
    assert!(!file.contains("shop/web@"), "{file}");
}

#[test]
fn a_service_that_is_affected_and_was_not_built_is_named() {
    let gitops = GitOps::new();
    let opened = event("opened", 42, OLD, "2026-11-29T10:00:00Z");
    let answer = affected(&[("cart", true), ("web", true), ("shop", false)]);
    let said = gitops.built(&opened, &bake(&["cart"]).to_string(), Some(&answer)).failed();
    assert!(said.contains("affected, and without an image: web;"), "{said}");
    let said = gitops.built(&opened, "{}", Some(&json!({"unmapped": []}))).failed();
    assert!(said.contains("does not say what is affected"), "{said}");
    assert_eq!(gitops.file(), FILE);
}

#[test]
fn a_pull_request_that_affects_nothing_from_the_beginning_leaves_no_trace() {
    let gitops = GitOps::new();
    let opened = event("opened", 42, OLD, "2026-11-29T10:00:00Z");
    let told = gitops.built(&opened, "{}", Some(&affected(&[]))).ok();
    assert_eq!(told.lines().last(), Some("pr-42: unchanged"));
    assert_eq!(gitops.file(), FILE);
}

/// Runs the script of the scheduled prune, with a `gh` that lists these pull requests or fails.
fn prune(gitops: &GitOps, numbers: Option<&str>) -> Answer {
    let programs = gitops.path("programs");
    let list = match numbers {
        Some(numbers) => format!("printf '{numbers}'"),
        None => "echo bad credentials >&2; exit 1".to_owned(),
    };
    write_text(&programs.join("gh"), &format!("#!/bin/sh\n{list}\n"));
    fs::set_permissions(programs.join("gh"), fs::Permissions::from_mode(0o755)).expect("it runs");
    drop(symlink(ANABRANCH, programs.join("anabranch")));
    let mut command = Command::new(root().join("actions/prune/prune.sh"));
    command.env("GITHUB_REPOSITORY", "shop/shop").env_remove("GITHUB_SERVER_URL");
    command.env("GITOPS_REPOSITORY", gitops.path("gitops.git"));
    run_with(&mut command, &programs)
}

#[test]
fn the_scheduled_prune_removes_what_is_not_open_and_only_where_the_list_is_whole() {
    let gitops = GitOps::new();
    for number in [41, 42] {
        let opened = event("opened", number, OLD, "2026-11-29T10:00:00Z");
        let mut command = gitops.script(&opened);
        command.env("IMAGES", image("web")).env("DAYS", "0");
        run_with(&mut command, binaries()).ok();
    }
    let before = gitops.file();
    let said = prune(&gitops, None).failed();
    assert!(said.contains("bad credentials"), "{said}");
    let many: String = (1..=5000).map(|number| format!("{}\\n", number + 100)).collect();
    let said = prune(&gitops, Some(&many)).failed();
    assert!(said.contains("too many open pull requests"), "{said}");
    assert_eq!(gitops.file(), before);
    prune(&gitops, Some("42\\n43\\n")).ok();
    assert!(gitops.file().contains("pr-42") && !gitops.file().contains("pr-41"));
    // None is open.
    prune(&gitops, Some("")).ok();
    assert!(!gitops.file().contains("pr-42"), "{}", gitops.file());
}

/// A YAML file of the repository.
fn read(path: &Path) -> Value {
    yaml_serde::from_str(&fs::read_to_string(path).expect("the file is there")).expect("it is YAML")
}

#[test]
fn workflows_give_the_actions_what_they_need_and_nothing_else() {
    let mut used = 0;
    for file in fs::read_dir(root().join(WORKFLOWS)).expect("there are workflows") {
        let file = file.expect("it can be read").path();
        let workflow = read(&file);
        let jobs = workflow["jobs"].as_object().expect("there are jobs").values();
        for step in jobs.flat_map(|job| job["steps"].as_array().expect("there are steps")) {
            let uses = step["uses"].as_str().unwrap_or_default();
            let Some(action) = uses.strip_prefix("anabranch/anabranch/") else { continue };
            let folder = action.split('@').next().expect("a path");
            let inputs = read(&root().join(folder).join("action.yml"))["inputs"].clone();
            let given = step["with"].as_object().expect("it is given something");
            let unknown = given.keys().find(|name| inputs.get(name).is_none());
            assert_eq!(unknown, None, "{}: {uses}", file.display());
            for (name, input) in inputs.as_object().expect("there are inputs") {
                let is_left = input["required"] == true && !given.contains_key(name);
                assert!(!is_left, "{}: {uses} lacks {name}", file.display());
            }
            used += 1;
        }
    }
    assert!(used >= 6, "{used} steps use actions of ours");
}

/// Runs the set-up script against a folder of releases, with a `gh` that answers so.
fn setup(version: &str, spoil: impl FnOnce(&Path), attested: bool) -> Answer {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let release = folder.path().join("releases/v0.1.0");
    fs::create_dir_all(&release).expect("a folder");
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let binary = format!("anabranch-linux-{arch}");
    // The program itself takes long to hash.
    write_text(&release.join(&binary), "#!/bin/sh\necho released \"$@\"\n");
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
    assert!(told.ends_with("released --version\n"), "{told}");
    let refused = |version: &str, spoil: fn(&Path), attested, words: &str| {
        let said = setup(version, spoil, attested).failed();
        assert!(said.contains(words) && said.contains("nothing was installed"), "{said}");
    };
    refused("v0.1.0", |_| {}, false, "has no provenance of the release workflow");
    let other = |binary: &Path| fs::write(binary, "something else").expect("written");
    refused("v0.1.0", other, true, "is not the file whose checksum v0.1.0 lists");
    let unlisted = |binary: &Path| {
        fs::write(binary.with_file_name("checksums.txt"), "00  other\n").expect("written");
    };
    refused("v0.1.0", unlisted, true, "checksums.txt of v0.1.0 does not list anabranch-linux-");
    refused(
        "v0.1.0",
        |binary| fs::remove_file(binary).expect("removed"),
        true,
        "cannot be fetched",
    );
    refused("v9.9.9", |_| {}, true, "is there such a release?");
    for version in ["latest", "v0.1.0/../../evil", "main"] {
        refused(version, |_| {}, true, "is not a release, such as v0.1.0");
    }
}

/// Whether `git ls-remote` of a repository shows a server the token for another one, or for the same one.
fn shows_token(token_for: &str, asked: &str) -> bool {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = server.local_addr().expect("its address");
    let call = thread::spawn(move || {
        let (mut stream, _) = server.accept().expect("git calls");
        let lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
        let head: Vec<String> =
            lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(answer.as_bytes()).expect("git reads");
        head.iter().any(|line| line.starts_with("Authorization: Basic "))
    });
    let script = ". actions/git.sh; with_token secret \"$1/$2\" git ls-remote \"$1/$3\"";
    let mut bash = Command::new("bash");
    bash.current_dir(root()).args(["-c", script, "bash", &format!("http://{address}")]);
    run(bash.args([token_for, asked]), "");
    call.join().expect("the server ends")
}

#[test]
fn a_token_is_shown_for_the_repository_that_it_is_for_and_for_no_other_one() {
    assert!(shows_token("team/gitops", "team/gitops"));
    assert!(!shows_token("team/gitops", "team/other"));
    assert!(!shows_token("team/gitops", "team/gitops-of-others"));
}
