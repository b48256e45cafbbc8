//! The action of previews where something happens between its steps: it is cancelled, somebody pushes, a repository is not
//! what it was.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};

use super::actions::{DIGEST, FILE, GitOps, NEW, OLD, event, image};
use super::orchestrator::{ANABRANCH, Answer, run_with, write_text};

const OPENED: &str = "2026-11-29T10:00:00Z";
const PUSHED: &str = "2026-11-29T10:05:00Z";

/// Runs the script with this done in place of its first push, by a shell in which `git` is git.
fn interrupted(gitops: &GitOps, event: &Value, images: &str, instead: &str) -> Answer {
    let programs = gitops.path("programs");
    drop(fs::remove_dir_all(&programs));
    let script = format!(
        "#!/bin/sh\nPATH=$REAL_PATH\nexport PATH\nif [ \"$1\" = push ] && mkdir {}/once 2>/dev/null; then\n{instead}\nfi\n\
         exec git \"$@\"\n",
        programs.display()
    );
    write_text(&programs.join("git"), &script);
    fs::set_permissions(programs.join("git"), fs::Permissions::from_mode(0o755)).expect("it runs");
    symlink(ANABRANCH, programs.join("anabranch")).expect("a link");
    let mut command = gitops.script(event);
    command.env("IMAGES", images).env("WORK", gitops.path("work"));
    command.env("REAL_PATH", std::env::var("PATH").expect("there is a PATH"));
    run_with(&mut command, &programs)
}

/// Somebody else's push, from a clone that knows the branch.
const OTHER: &str = "(cd \"$WORK\" && git fetch --quiet origin && git reset --quiet --hard origin/main &&
  echo '# by hand' >>previews.yaml && git -c user.name=t -c user.email=t@example.com commit --quiet --all --message other &&
  git push --quiet origin main) || exit 9";

/// Somebody else's push that replaces the branch by one commit.
const REWRITE: &str = "(cd \"$WORK\" && git -c user.name=t -c user.email=t@example.com commit --quiet --amend --message anew &&
  git push --quiet --force origin HEAD:main) || exit 9";

#[test]
fn a_run_that_is_cancelled_before_or_after_its_push_leaves_a_file_that_the_next_one_takes() {
    let gitops = GitOps::new();
    let opened = event("opened", 42, OLD, OPENED);
    let pushed = event("synchronize", 42, NEW, PUSHED);
    interrupted(&gitops, &opened, &image("web"), "kill -KILL $PPID\nexit 1").failed();
    assert_eq!(gitops.file(), FILE);
    interrupted(&gitops, &opened, &image("web"), "git \"$@\"\nkill -KILL $PPID\nexit 1").failed();
    assert!(gitops.file().contains(OLD), "{}", gitops.file());
    assert_eq!(last(gitops.preview(&pushed, &image("cart"))), "pr-42: set");
    assert!(gitops.file().contains(NEW) && !gitops.file().contains(OLD), "{}", gitops.file());
}

#[test]
fn a_push_that_meets_a_branch_that_has_moved_keeps_what_others_wrote() {
    let gitops = GitOps::new();
    gitops.preview(&event("opened", 7, OLD, OPENED), &image("web")).ok();
    let opened = event("opened", 42, NEW, PUSHED);
    assert_eq!(last(interrupted(&gitops, &opened, &image("web"), OTHER)), "pr-42: set");
    let file = gitops.file();
    assert!(
        file.contains("pr-7") && file.contains("pr-42") && file.contains("# by hand"),
        "{file}"
    );
}

#[test]
fn a_branch_that_is_rewritten_meanwhile_stays_rewritten() {
    let gitops = GitOps::new();
    gitops.preview(&event("opened", 7, OLD, OPENED), &image("web")).ok();
    // Somebody takes back everything since the first commit.
    let opened = event("opened", 42, NEW, PUSHED);
    assert_eq!(last(interrupted(&gitops, &opened, &image("web"), REWRITE)), "pr-42: set");
    let file = gitops.file();
    assert!(!file.contains("pr-7") && file.contains("pr-42"), "{file}");
    let log = gitops.git(&gitops.path("gitops.git"), &["log", "--format=%s", "main"]);
    assert_eq!(log, "pr-42: opened (https://github.com/shop/shop/pull/42)\nanew\n");
}

#[test]
fn a_close_that_comes_between_the_edit_and_the_push_of_a_build_counts() {
    let gitops = GitOps::new();
    let opened = event("opened", 42, OLD, OPENED);
    let close = format!(
        "(cd \"$WORK\" && git fetch --quiet origin && git reset --quiet --hard origin/main &&
          {ANABRANCH} remove pr-42 --closed 2026-11-29T10:10:00Z --file previews.yaml &&
          git -c user.name=t -c user.email=t@example.com commit --quiet --all --message closed &&
          git push --quiet origin main) || exit 9"
    );
    assert_eq!(last(interrupted(&gitops, &opened, &image("web"), &close)), "pr-42: unchanged");
    assert!(!gitops.file().contains(OLD), "{}", gitops.file());
}

#[test]
fn a_force_push_of_the_pull_request_replaces_what_it_had() {
    let gitops = GitOps::new();
    gitops.preview(&event("opened", 42, NEW, OPENED), &image("web")).ok();
    // Back to a commit that was there before.
    gitops.preview(&event("synchronize", 42, OLD, PUSHED), &image("cart")).ok();
    let file = gitops.file();
    assert!(file.contains(OLD) && !file.contains(NEW) && !file.contains("shop/web@"), "{file}");
}

#[test]
fn pull_requests_of_two_repositories_with_one_number_do_not_touch_each_other() {
    let gitops = GitOps::new();
    gitops.preview(&event("opened", 42, OLD, OPENED), &image("web")).ok();
    let before = gitops.file();
    let of_other = |action, at| {
        let mut event = event(action, 42, NEW, at);
        let repository =
            json!({"full_name": "shop/web", "html_url": "https://github.com/shop/web"});
        event["repository"] = repository.clone();
        event["pull_request"]["head"]["repo"] = repository;
        event
    };
    let said = gitops.preview(&of_other("opened", PUSHED), &image("web")).failed();
    assert!(said.contains("give previews of each repository a prefix of their own"), "{said}");
    gitops.preview(&of_other("closed", PUSHED), "").ok();
    assert_eq!(gitops.file(), before);
    // With a prefix of its own it has its preview.
    let mut command = gitops.script(&of_other("opened", PUSHED));
    command.env("IMAGES", image("web")).env("PREFIX", "pr-web-");
    assert_eq!(last(run_with(&mut command, super::actions::binaries())), "pr-web-42: set");
    assert!(gitops.file().contains("- name: pr-42\n"), "{}", gitops.file());
}

#[test]
fn a_pull_request_that_is_opened_again_survives_its_close_that_comes_late() {
    let gitops = GitOps::new();
    gitops.preview(&event("opened", 42, OLD, OPENED), &image("web")).ok();
    let closed = event("closed", 42, OLD, PUSHED);
    let reopened = event("reopened", 42, OLD, "2026-11-29T10:06:00Z");
    gitops.preview(&reopened, &image("web")).ok();
    assert_eq!(last(gitops.preview(&closed, "")), "pr-42: unchanged");
    assert!(gitops.file().contains(OLD), "{}", gitops.file());
}

#[test]
fn a_branch_that_has_another_name_now_is_named() {
    let gitops = GitOps::new();
    gitops.git(&gitops.path("gitops.git"), &["branch", "--move", "main", "trunk"]);
    let said = gitops.preview(&event("opened", 42, OLD, OPENED), &image("web")).failed();
    assert!(said.contains("branch main not found"), "{said}");
}

#[test]
fn a_push_that_is_refused_for_another_reason_is_not_tried_again() {
    let gitops = GitOps::new();
    let hook = gitops.path("gitops.git/hooks/pre-receive");
    write_text(&hook, "#!/bin/sh\necho the branch is protected >&2\nexit 1\n");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("it runs");
    let said = gitops.preview(&event("opened", 42, OLD, OPENED), &image("web")).failed();
    assert!(said.contains("the branch is protected") && !said.contains("20 times"), "{said}");
    assert!(!gitops.file().contains(DIGEST));
}

#[test]
fn what_is_missing_or_misspelt_is_named() {
    let gitops = GitOps::new();
    let opened = event("opened", 42, OLD, OPENED);
    let mut command = gitops.script(&opened);
    command.env("IMAGES", image("web")).env("DAYS", "two weeks");
    let said = run_with(&mut command, super::actions::binaries()).failed();
    assert!(said.contains("`two weeks` is no number of days"), "{said}");
    let mut command = gitops.script(&opened);
    command.env("IMAGES", image("web")).env("GITOPS_REPOSITORY", "https://127.0.0.1:9/gitops");
    let said = run_with(&mut command, super::actions::binaries()).failed();
    assert!(said.contains("GITOPS_TOKEN is empty"), "{said}");
    for file in ["../previews.yaml", "/etc/passwd", "--output=x"] {
        let mut command = gitops.script(&opened);
        command.env("IMAGES", image("web")).env("GITOPS_FILE", file);
        let said = run_with(&mut command, super::actions::binaries()).failed();
        assert!(said.contains("is not the path of a file in the repository"), "{said}");
    }
    let said = gitops.preview(&json!({"action": "opened"}), &image("web")).failed();
    assert!(said.contains("the event is not about a pull request"), "{said}");
}

/// The last line of what was said.
#[track_caller]
fn last(answer: Answer) -> String {
    answer.ok().lines().last().unwrap_or_default().to_owned()
}
