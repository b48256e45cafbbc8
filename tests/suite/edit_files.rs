//! `set`, `remove`, `prune` and `init` on the file system: whole or not at all, through no link, none lost.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tempfile::TempDir;

use super::orchestrator::{ANABRANCH, Answer, run};

const FILE: &str = "\
apiVersion: anabranch.dev/v1alpha1
kind: Previews
spec:
  baseline: {namespace: shop}
  previews:
    - name: pr-1
      services: [{name: cart, image: x}]
";

const SET: [&str; 4] = ["set", "pr-2", "--image", "cart=x"];

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("previews.yaml"), FILE).expect("written");
    folder
}

fn at(folder: &Path, arguments: &[&str]) -> Answer {
    run(Command::new(ANABRANCH).args(arguments).current_dir(folder), "")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().expect("readable");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("readable").file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

#[test]
fn of_many_edits_at_once_none_is_lost_and_readers_see_whole_files() {
    let folder = folder();
    let path = folder.path().join("previews.yaml");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&path).expect("the file is always there");
                assert!(text.starts_with(FILE), "{text}");
            }
        });
        let edit = |index: usize| {
            let name = format!("pr-z{index}");
            at(folder.path(), &["set", &name, "--image", "cart=x"]).ok()
        };
        let edits: Vec<_> = (0..12).map(|index| scope.spawn(move || edit(index))).collect();
        edits.into_iter().for_each(|edit| drop(edit.join().expect("it ended")));
        is_over.store(true, Ordering::Relaxed);
        reader.join().expect("nothing but whole files");
    });
    let text = fs::read_to_string(&path).expect("there");
    assert!((0..12).all(|index| text.contains(&format!("name: pr-z{index}\n"))), "{text}");
    assert_eq!(names(folder.path()), ["previews.yaml"]);
}

#[test]
fn mode_and_owner_stay() {
    let folder = folder();
    let path = folder.path().join("previews.yaml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("a mode");
    at(folder.path(), &SET).ok();
    let mode = fs::metadata(&path).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn links_and_what_is_no_file_are_refused_and_not_waited_for() {
    let outside = folder();
    let target = outside.path().join("previews.yaml");
    let make = |what: &str, folder: &Path| {
        let path = folder.join("previews.yaml");
        fs::remove_file(&path).expect("removed");
        match what {
            "is a link" => symlink(&target, &path).expect("a link"),
            "has another name" => fs::hard_link(&target, &path).expect("a link"),
            "is no file" => {
                let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo");
                assert!(made.success());
            }
            _ => unreachable!("one of those above"),
        }
    };
    for what in ["is a link", "has another name", "is no file"] {
        let folder = folder();
        make(what, folder.path());
        for arguments in [&SET[..], &["remove", "pr-1"], &["prune"]] {
            let words = at(folder.path(), arguments).failed();
            assert!(words.contains(what) && words.contains("help"), "{words}");
        }
        let words = at(folder.path(), &["init"]).failed();
        assert!(words.contains("exists"), "{words}");
        assert_eq!(names(folder.path()), ["previews.yaml"]);
    }
    assert_eq!(fs::read_to_string(target).expect("there"), FILE);
}

#[test]
fn a_list_of_open_pull_requests_is_read_like_any_other_file() {
    let folder = folder();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(fifo).status().is_ok_and(|made| made.success()), "a FIFO");
    symlink("/etc/passwd", folder.path().join("link")).expect("a link");
    for (list, words) in [
        ("fifo", "fifo is not read: it is neither a file nor a folder"),
        ("link", "link is not read: it is a link that leads out of"),
        ("/dev/zero", "more bytes than the limit"),
        ("previews.yaml", "previews.yaml: line 1 is neither REPOSITORY#NUMBER nor the URL"),
    ] {
        let said = at(folder.path(), &["prune", "--open", list]).failed();
        assert!(said.contains(words) && !said.contains("root:"), "{list}: {said}");
    }
    let prune = |list: &str| {
        let mut prune = Command::new(ANABRANCH);
        run(prune.args(["prune", "--open", "-"]).current_dir(folder.path()), list)
    };
    prune("https://github.com/shop/shop\n").ok();
    // A page read as a repository would leave its pull request out, and remove the preview.
    let said =
        prune("https://github.com/shop/shop#41\nhttps://github.com/shop/shop/pull/42\n").failed();
    assert!(said.contains("line 2 is neither REPOSITORY#NUMBER nor the URL"), "{said}");
    let both = at(folder.path(), &["prune", "--open", "-", "--file", "-"]);
    assert_eq!(both.code, Some(2), "{}", both.stderr);
    assert!(both.stderr.contains("there is one stdin"), "{}", both.stderr);
}

#[test]
fn no_folder_on_the_way_may_be_a_link() {
    let (outside, folder) = (folder(), folder());
    symlink(outside.path(), folder.path().join("deploy")).expect("a link");
    let arguments = [&SET[..], &["--file", "deploy/previews.yaml"]].concat();
    let words = at(folder.path(), &arguments).failed();
    assert!(words.contains("behind the link deploy"), "{words}");
    fs::create_dir(folder.path().join(".git")).expect("a folder");
    let whole = folder.path().join("deploy/previews.yaml").display().to_string();
    let words = at(folder.path(), &[&SET[..], &["--file", &whole]].concat()).failed();
    assert!(words.contains("behind the link"), "{words}");
    assert_eq!(fs::read_to_string(outside.path().join("previews.yaml")).expect("there"), FILE);
}

#[test]
fn nothing_is_written_to_what_git_keeps_for_itself() {
    let folder = folder();
    let hooks = folder.path().join(".git/hooks");
    fs::create_dir_all(&hooks).expect("a folder");
    fs::write(hooks.join("pre-commit"), FILE).expect("written");
    for arguments in [
        &[&SET[..], &["--file", ".git/hooks/pre-commit"]].concat()[..],
        &["remove", "pr-1", "--file", ".git/hooks/pre-commit"],
        &["init", ".git/hooks"],
        &["init", ".git/new"],
    ] {
        let words = at(folder.path(), arguments).failed();
        assert!(words.contains("it leads to what Git keeps for itself"), "{arguments:?}: {words}");
    }
    assert_eq!(names(&hooks), ["pre-commit"]);
    assert_eq!(fs::read_to_string(hooks.join("pre-commit")).expect("there"), FILE);
}

#[test]
fn nothing_is_written_to_a_repository_without_a_folder_for_its_files() {
    let folder = folder();
    let bare = folder.path().join("shop.git");
    for name in ["objects", "refs", "hooks"] {
        fs::create_dir_all(bare.join(name)).expect("a folder");
    }
    fs::write(bare.join("HEAD"), "ref: refs/heads/main\n").expect("written");
    fs::write(bare.join("hooks/pre-receive"), FILE).expect("written");
    for arguments in [
        &[&SET[..], &["--file", "shop.git/hooks/pre-receive"]].concat()[..],
        &["init", "shop.git/new"],
        &["man", "-o", "shop.git/hooks"],
    ] {
        let words = at(folder.path(), arguments).failed();
        assert!(words.contains("it leads to what Git keeps for itself"), "{arguments:?}: {words}");
    }
    assert_eq!(names(&bare.join("hooks")), ["pre-receive"]);
    // A work tree may lie in one.
    let tree = bare.join("main");
    fs::create_dir(&tree).expect("a folder");
    fs::write(tree.join(".git"), "gitdir: ../worktrees/main\n").expect("written");
    fs::write(tree.join("previews.yaml"), FILE).expect("written");
    at(&tree, &SET).ok();
}

#[test]
fn what_an_edit_left_that_was_stopped_goes_with_the_next_one() {
    let folder = folder();
    for name in [".anabranch-x1Y2z3.tmp", ".anabranch-notes", "anabranch-a.tmp"] {
        fs::write(folder.path().join(name), FILE).expect("written");
    }
    fs::create_dir(folder.path().join(".anabranch-folder.tmp")).expect("a folder");
    symlink("previews.yaml", folder.path().join(".anabranch-link.tmp")).expect("a link");
    at(folder.path(), &SET).ok();
    let left =
        [".anabranch-folder.tmp", ".anabranch-link.tmp", ".anabranch-notes", "anabranch-a.tmp"];
    assert_eq!(names(folder.path()), [&left[..], &["previews.yaml"]].concat());
}

#[test]
fn init_writes_through_no_link_and_all_or_nothing() {
    let (outside, folder) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("two"));
    symlink(outside.path(), folder.path().join("previews")).expect("a link");
    let words = at(folder.path(), &["init"]).failed();
    assert!(words.contains("behind the link"), "{words}");
    assert_eq!(names(folder.path()), ["previews"]);
    fs::remove_file(folder.path().join("previews")).expect("removed");
    symlink(outside.path().join("new"), folder.path().join("previews.yaml")).expect("a link");
    assert!(at(folder.path(), &["init"]).failed().contains("exists"));
    assert!(names(outside.path()).is_empty());
    fs::remove_file(folder.path().join("previews.yaml")).expect("removed");
    let words = at(folder.path(), &["init", "--namespace", "a: b"]).failed();
    assert!(words.contains("`a: b` is not the name of a namespace"), "{words}");
    at(folder.path(), &["init"]).ok();
    assert_eq!(names(folder.path()), ["previews", "previews.yaml"]);
    at(folder.path(), &SET).ok();
}

#[test]
fn a_disk_that_is_full_leaves_the_former_file() {
    let folder = folder();
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$0\" set pr-2 --image cart=x 2>/dev/null";
    let mut shell = Command::new("sh");
    let answer = run(shell.args(["-c", script, ANABRANCH]).current_dir(folder.path()), "");
    assert_eq!(answer.code, Some(1));
    assert_eq!(fs::read_to_string(folder.path().join("previews.yaml")).expect("there"), FILE);
    assert_eq!(names(folder.path()), ["previews.yaml"]);
}

#[test]
fn init_names_the_set_after_the_repository() {
    let name = |repository: &str, arguments: &[&str]| {
        let scratch = tempfile::tempdir().expect("a folder");
        let folder = scratch.path().join(repository).join("deploy");
        fs::create_dir_all(&folder).expect("a folder");
        fs::create_dir(scratch.path().join(repository).join(".git")).expect("a folder");
        at(&folder, &[&["init"], arguments].concat()).ok();
        let text = fs::read_to_string(folder.join("previews.yaml")).expect("written");
        let line = text.lines().find_map(|line| line.strip_prefix("  name: "));
        line.expect("the set has a name").to_owned()
    };
    assert_eq!(name("Shop_GitOps.v2", &[]), "shop-gitops-v2");
    assert_eq!(name("2-a-very-long-name-of-a-repository", &[]), "a-very-long-name-o");
    assert_eq!(name("店", &[]), "previews");
    assert_eq!(name("shop", &["--name", "other"]), "other");
    let folder = tempfile::tempdir().expect("a folder");
    let words = at(folder.path(), &["init", "--name", "a: b"]).failed();
    assert!(words.contains("`a: b` is not the name of a set"), "{words}");
    at(folder.path(), &["init"]).ok();
    let text = fs::read_to_string(folder.path().join("previews.yaml")).expect("written");
    assert!(text.contains("\n  name: previews\n"), "{text}");
}
