//! The folder of `render -o` whatever lies in it: FIFOs, hard links, a list that somebody changed, what a
//! run left that was stopped. Nothing of someone else is written or removed, and the next run works.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use super::expected::{Files, files};
use super::orchestrator::{ANABRANCH, Answer, CART, kustomize, run, write_text};

/// A folder with previews.yaml of these previews, a baseline that is delivered, and a suite.
struct Shop(TempDir);

impl Shop {
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().expect("a temporary folder"));
        shop.previews(&["pr-1", "pr-2"]);
        shop.write("baseline.yaml", CART);
        shop.write("smoke/job.yaml", "a: job\n");
        shop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        write_text(&self.path(name), text);
    }

    fn previews(&self, names: &[&str]) {
        let entry = |name: &&str| {
            format!("  - {{name: {name}, services: [{{name: cart, image: cart:2}}]}}\n")
        };
        let entries: String = names.iter().map(entry).collect();
        let config = format!(
            "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nmetadata: {{name: shop}}\nspec:\n  \
             baseline: {{namespace: shop, delivery: include}}\n  limits: {{previews: 1000}}\n  \
             tests: [{{name: smoke, path: ./smoke}}]\n  previews:\n{entries}"
        );
        self.write("previews.yaml", &config);
    }

    fn command(&self, program: &str, arguments: &[&str], folder: &str) -> Command {
        let mut command = Command::new(program);
        let render = ["render", "previews.yaml", "-b", "baseline.yaml", "-o", folder];
        command.args(arguments).args(render).current_dir(self.0.path());
        command
    }

    fn render(&self, folder: &str) -> Answer {
        run(&mut self.command(ANABRANCH, &[], folder), "")
    }

    /// The folder is refused in these words, and stays as it was.
    #[track_caller]
    fn assert_refused(&self, folder: &str, wanted: &str) {
        let before = files(self.0.path());
        let words = self.render(folder).failed();
        assert!(words.contains(wanted), "{words}");
        assert!(files(self.0.path()) == before, "files were written or removed: {words}");
    }

    /// The folder is what a run into an empty one gives.
    #[track_caller]
    fn assert_fresh(&self, folder: &str, what: &str) {
        self.render("fresh").ok();
        let [found, fresh]: [Files; 2] = [folder, "fresh"].map(|folder| files(&self.path(folder)));
        let differ = |path: &&String| found.get(*path) != fresh.get(*path);
        let wrong: Vec<&String> = found.keys().chain(fresh.keys()).filter(differ).collect();
        assert!(wrong.is_empty(), "{what}: {wrong:?}");
    }
}

fn fifo(at: &Path) {
    let made = Command::new("mkfifo").arg(at).status();
    assert!(made.is_ok_and(|status| status.success()), "a FIFO");
}

#[test]
fn a_fifo_in_the_way_is_refused_and_not_waited_for() {
    let shop = Shop::new();
    for path in [".anabranch", "flux/pr-1.yaml", "previews/pr-2/cart.yaml", "tests/smoke"] {
        shop.render("out").ok();
        let there = shop.path("out").join(path);
        let kept = shop.path("kept");
        fs::rename(&there, &kept).expect("moves");
        fifo(&there);
        let words = shop.render("out").failed();
        assert!(words.contains(&format!("out/{path} is no file")), "{words}");
        fs::remove_file(&there).expect("removes");
        fs::rename(&kept, &there).expect("moves");
    }
    fifo(&shop.path("smoke/pipe.yaml"));
    let words = shop.render("out").failed();
    assert!(words.contains("smoke/pipe.yaml: it is neither a file nor a folder"), "{words}");
    fs::remove_file(shop.path("smoke/pipe.yaml")).expect("removes");
    fifo(&shop.path("pipe"));
    shop.render("pipe").failed();
}

#[test]
fn a_file_with_a_second_name_is_refused_with_the_way_out() {
    let shop = Shop::new();
    shop.render("out").ok();
    for path in [".anabranch", "previews/pr-1/cart.yaml", "tests/smoke/job.yaml"] {
        let there = shop.path("out").join(path);
        fs::hard_link(&there, shop.path("precious")).expect("a hard link");
        let words = format!("out/{path} has another name, a hard link");
        // One that would change, one that would go, and one that would stay.
        for previews in [["pr-1", "pr-2"], ["pr-2", "pr-3"]] {
            shop.previews(&previews);
            shop.assert_refused("out", &words);
            shop.assert_refused("out", "`cp -R out NEW`");
        }
        let answer = run(shop.command(ANABRANCH, &[], "out").arg("--dry-run"), "");
        assert!(answer.failed().contains(&words), "a dry run says the same");
        shop.previews(&["pr-1", "pr-2"]);
        fs::remove_file(shop.path("precious")).expect("removes");
        shop.render("out").ok();
    }
    let copy = Command::new("cp").arg("-R").args([shop.path("out"), shop.path("backup")]).status();
    assert!(copy.is_ok_and(|status| status.success()), "a backup");
    shop.render("out").ok();
    for file in files(&shop.path("backup")).keys() {
        let [ours, theirs] = ["out", "backup"].map(|folder| shop.path(folder).join(file));
        fs::remove_file(&theirs).expect("removes");
        fs::hard_link(ours, theirs).expect("a hard link");
    }
    let more = files(&shop.path("out")).len() - 1;
    shop.assert_refused("out", &format!("and so do {more} more files there"));
    fs::remove_dir_all(shop.path("backup")).expect("removes");
    shop.render("out").ok();
}

#[test]
fn no_folder_is_made_that_git_would_take_for_its_own() {
    let shop = Shop::new();
    fs::create_dir(shop.path("sub")).expect("a folder");
    for folder in [".git", "sub/.git/out", "new/.GIT/hooks", "sub/../new/git~1"] {
        shop.assert_refused(folder, "it leads to what Git keeps for itself");
    }
    fs::create_dir(shop.path(".git")).expect("a folder");
    shop.assert_refused("sub/.git", "it leads to what Git keeps for itself");
    shop.render("new/.github/out").ok();
}

#[test]
fn a_list_that_names_what_is_not_ours_is_refused_and_nothing_removed() {
    let shop = Shop::new();
    shop.render("out").ok();
    let list = fs::read_to_string(shop.path("out/.anabranch")).expect("is there");
    for foreign in [
        "README.md",
        ".git/config",
        ".github/workflows/ci.yaml",
        "kustomization.yaml",
        "docs/notes.yaml",
        "../precious",
        "flux/../README.md",
        "tests/smoke/.git/config",
        "<<<<<<< HEAD",
        "\u{1b}[2J",
    ] {
        if !foreign.contains("HEAD") && !foreign.contains('\u{1b}') {
            shop.write(&format!("out/{foreign}"), "precious");
        }
        shop.write("out/.anabranch", &format!("{list}{foreign}\n"));
        let line = list.lines().count() + 1;
        let wanted = format!("out/.anabranch:{line} names a path that anabranch never writes");
        shop.assert_refused("out", &wanted);
    }
    shop.write("out/.anabranch", &list);
    shop.previews(&["pr-2"]);
    shop.render("out").ok();
    assert!(!shop.path("out/previews/pr-1").exists(), "what is no longer planned is removed");
    assert!(shop.path("out/docs/notes.yaml").exists(), "and nothing else");
}

#[test]
fn after_a_run_without_room_the_next_one_gives_the_whole_folder() {
    let shop = Shop::new();
    let many: Vec<String> = (1..50).map(|number| format!("pr-{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (blocks, exists) in [("1", true), ("2", true), ("6", true), ("40", true), ("6", false)] {
        shop.previews(&["pr-1", "pr-200"]);
        let _ = fs::remove_dir_all(shop.path("out"));
        if exists {
            shop.render("out").ok();
        }
        shop.previews(&many);
        // A file has room for so many blocks, and the list or a file needs more.
        shop.write("smoke/job.yaml", &"long: x\n".repeat(5_000));
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let failing = run(&mut shop.command("sh", &["-c", &script, ANABRANCH], "out"), "");
        assert_eq!(failing.code, Some(1), "{blocks}: {}", failing.stderr);
        assert!(failing.stderr.contains("cannot be written"), "{blocks}: {}", failing.stderr);
        shop.write("smoke/job.yaml", "a: job\n");
        shop.render("out").ok();
        shop.assert_fresh("out", blocks);
    }
}

#[test]
fn after_a_run_that_was_stopped_the_next_one_gives_the_whole_folder() {
    let shop = Shop::new();
    let names = |from: usize| (from..from + 60).map(|number| format!("pr-{number}"));
    for turn in 0..24 {
        let names: Vec<String> = names(turn * 30).collect();
        shop.previews(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let mut command = shop.command(ANABRANCH, &[], "out");
        let mut child = command.stderr(Stdio::null()).spawn().expect("it runs");
        sleep(Duration::from_millis(40 + 15 * turn as u64));
        child.kill().expect("it ends");
        child.wait().expect("it ended");
    }
    shop.previews(&["pr-1"]);
    shop.render("out").ok();
    shop.assert_fresh("out", "after kills");
    // What was not even named yet.
    shop.write("torn/.anabranch-x1y2z3.tmp", "flux/pr-");
    shop.render("torn").ok();
    shop.assert_fresh("torn", "a list that was never whole");
}

#[test]
fn two_runs_do_not_write_one_folder() {
    let shop = Shop::new();
    shop.render("out").ok();
    let other = File::open(shop.path("out")).expect("opens");
    other.lock().expect("locks");
    shop.assert_refused("out", "another run is writing out");
    drop(other);
    shop.render("out").ok();
}

#[test]
fn a_link_is_no_output_folder() {
    let shop = Shop::new();
    fs::create_dir_all(shop.path("elsewhere/empty")).expect("a folder");
    symlink("elsewhere/empty", shop.path("out")).expect("a link");
    for folder in ["out", "out/", "./out/."] {
        shop.assert_refused(folder, "is a link");
    }
    fs::create_dir_all(shop.path("repository/.git")).expect("a folder");
    fs::rename(shop.path("smoke"), shop.path("repository/smoke")).expect("moves");
    for file in ["previews.yaml", "baseline.yaml"] {
        fs::rename(shop.path(file), shop.path("repository").join(file)).expect("moves");
    }
    symlink("../elsewhere", shop.path("repository/build")).expect("a link");
    let mut command = shop.command(ANABRANCH, &[], "build/out");
    let words = run(command.current_dir(shop.path("repository")), "").failed();
    assert!(words.contains("build/out is not written: it is a link that leads out of"), "{words}");
    assert_eq!(files(&shop.path("elsewhere")).len(), 0);
}

#[test]
fn text_of_an_object_is_no_path() {
    let shop = Shop::new();
    let widget = |kind: &str| {
        format!(
            "{CART}---\napiVersion: x/v1\nkind: {kind}\nmetadata: {{name: a, namespace: shop}}\n"
        )
    };
    for kind in ["\"../../../evil\"", "a/b", "..", ".", "\"Evil\\nkind\"", "Ünï", "\"\\0\""] {
        shop.write("baseline.yaml", &widget(kind));
        shop.assert_refused("out", "cannot be the kind of an object");
    }
    for name in ["../../../evil", "..", "a/b", "a%2fb"] {
        let evil = CART.replace("name: cart,", &format!("name: \"{name}\","));
        shop.write("baseline.yaml", &evil);
        let config = fs::read_to_string(shop.path("previews.yaml")).expect("is there");
        shop.write("previews.yaml", &config.replace("name: cart", &format!("name: \"{name}\"")));
        shop.assert_refused("out", "cannot be part of a path in the API");
        shop.previews(&["pr-1"]);
    }
    // What Kubernetes refuses in a Service, and some file system takes for another's file.
    shop.write("baseline.yaml", &CART.replace("name: cart,", "name: Cart,"));
    let config = fs::read_to_string(shop.path("previews.yaml")).expect("is there");
    shop.write("previews.yaml", &config.replace("name: cart", "name: Cart"));
    shop.assert_refused("out", "previews/pr-1/Cart.yaml, which cannot be a file name");
}

#[test]
fn no_object_takes_the_place_of_a_file_that_kustomize_reads() {
    let shop = Shop::new();
    let flux = "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n\
                metadata: {name: addons, namespace: shop}\nspec: {path: ./addons}\n";
    let service = CART.replace("cart", "kustomization");
    shop.write("baseline.yaml", &format!("{CART}{flux}---\n{service}"));
    let config = fs::read_to_string(shop.path("previews.yaml")).expect("is there");
    let both = "services: [{name: kustomization, image: kustomization:2}, {";
    shop.write("previews.yaml", &config.replace("services: [{", both));
    shop.render("out").ok();
    for (folder, wanted) in [("baseline", "name: addons"), ("previews/pr-1", "name: kustomization")]
    {
        let folder = shop.path("out").join(folder);
        let built = run(kustomize().arg("build").arg(folder), "").ok();
        assert!(built.contains(wanted), "{built}");
    }
    for taken in ["shared", "kustomization", "notifications"] {
        let prefix = format!("spec:\n  prefix: \"{}\"\n", &taken[..1]);
        shop.previews(&[taken]);
        let config = fs::read_to_string(shop.path("previews.yaml")).expect("is there");
        shop.write("previews.yaml", &config.replace("spec:\n", &prefix));
        shop.assert_refused("out", &format!("`{taken}` cannot name a preview"));
    }
}

#[test]
fn files_of_suites_have_names_that_are_the_same_everywhere() {
    let refused = |names: [&str; 2], why: &str| {
        let shop = Shop::new();
        for name in names {
            shop.write(&format!("smoke/{name}"), "text");
        }
        shop.assert_refused("out", why);
    };
    for bad in ["a\nb", "a\\b", ".GIT/config", ".g\u{131}t/config"] {
        refused([bad, "x"], "its name would not be the same everywhere");
    }
    for alike in [
        ["Job.yaml", "job.yaml"],
        ["\u{e4}", "\u{c4}"],
        ["\u{e4}", "a\u{308}"],
        ["stra\u{df}e", "STRASSE"],
        ["\u{131}", "I"],
        ["\u{3c3}", "\u{3c2}"],
        ["A/x", "a"],
        ["A/x", "a/y"],
    ] {
        refused(alike, "are one");
    }
    let shop = Shop::new();
    for name in ["\u{e4}", "a", "\u{b2}", "2", "b/a"] {
        shop.write(&format!("smoke/{name}"), "text");
    }
    shop.render("out").ok();
}

#[test]
fn a_suite_does_not_carry_the_output_along() {
    let shop = Shop::new();
    shop.render("smoke/out").ok();
    let first = files(&shop.path("smoke/out"));
    shop.render("smoke/out").ok();
    assert!(files(&shop.path("smoke/out")) == first, "the second run makes other files");
    assert!(first.keys().any(|path| path.ends_with("job.yaml")), "{:?}", first.keys());
}
