//! Runs of actions/push that overlap: whichever waits where, the registry ends with what the later commit wants.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::dice::Dice;
use super::orchestrator::{ANABRANCH, Answer, CART, root, run, run_with, write_text};

/// Far more than any run takes.
const PATIENCE: Duration = Duration::from_secs(300);

/// A repository, what was rendered of each of its commits, and a registry.
struct Fleet {
    folder: TempDir,
    tags: &'static str,
}

impl Fleet {
    fn new(tags: &'static str) -> Self {
        let fleet = Self { folder: tempfile::tempdir().expect("a temporary folder"), tags };
        write_text(&fleet.path("work/baseline.yaml"), CART);
        fleet.git("work", &["init", "--quiet", "--initial-branch=main"]);
        fs::create_dir_all(fleet.path("bin")).expect("a folder");
        fs::copy(root().join("tests/suite/fixtures/oras"), fleet.path("bin/oras")).expect("copied");
        fleet.make_registry();
        fleet
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn git(&self, folder: &str, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.current_dir(self.path(folder));
        git.args(["-c", "user.name=t", "-c", "user.email=t@example.com"]);
        run(git.args(arguments), "").ok()
    }

    fn make_registry(&self) {
        for folder in ["registry/tags", "registry/manifests"] {
            fs::create_dir_all(self.path(folder)).expect("a folder");
        }
    }

    /// The registry as it was after the push of the first commit.
    fn reset(&self) {
        let (now, kept) = (self.path("registry"), self.path("kept"));
        drop(fs::remove_dir_all(&now));
        if !kept.exists() {
            self.make_registry();
            self.push("first").ok();
            fs::rename(&now, &kept).expect("it is kept");
        }
        run(Command::new("cp").arg("-r").args([kept, now]), "").ok();
    }

    /// Commits these previews, names and tags of their images, and renders them into a folder of that name, which is a clone
    /// at that commit.
    fn commit(&self, name: &str, previews: &[(&str, u32)]) {
        let mut file = format!(
            "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nmetadata: {{name: fleet}}\nspec:\n  \
             baseline: {{namespace: shop}}\n  flux:\n    sourceRef: {{name: fleet}}\n    \
             artifacts: {{url: \"oci://registry.example.com/fleet\", tags: {}}}\n  previews:\n",
            self.tags
        );
        for (name, tag) in previews {
            file.push_str(&format!(
                "    - {{name: {name}, services: [{{name: cart, image: \"cart:{tag}\"}}]}}\n"
            ));
        }
        write_text(&self.path("work/previews.yaml"), &file);
        self.git("work", &["add", "--all"]);
        self.git("work", &["commit", "--quiet", "--message", name]);
        self.git("", &["clone", "--quiet", "work", name]);
        let mut render = Command::new(ANABRANCH);
        render.args(["render", "--quiet", "--baseline", "baseline.yaml", "--artifacts", "each"]);
        run(render.args(["-o", "out"]).current_dir(self.path(name)), "").ok();
    }

    fn script(&self, commit: &str) -> Command {
        let mut command = Command::new(root().join("actions/push/push.sh"));
        command.current_dir(self.path(commit)).arg("out").env("REGISTRY", self.path("registry"));
        command.env_remove("RECEIVER_URL");
        command
    }

    fn push(&self, commit: &str) -> Answer {
        run_with(&mut self.script(commit), &self.path("bin"))
    }

    /// Starts a run that waits before or after it writes the tag of this number. `None` where it has ended without so many.
    fn start(&self, commit: &str, (call, place): (usize, &str)) -> Option<Held> {
        let gate = self.path(&format!("gate-{commit}"));
        drop(fs::remove_dir_all(&gate));
        fs::create_dir(&gate).expect("a folder");
        let path = format!(
            "{}:{}",
            self.path("bin").display(),
            std::env::var("PATH").expect("there is a PATH")
        );
        let mut command = self.script(commit);
        command
            .env("PATH", path)
            .env("GATE", &gate)
            .env("HOLD", call.to_string())
            .env("WHERE", place);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut held = Held { child: Some(command.spawn().expect("it starts")), gate };
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if held.gate.join("reached").exists() {
                return Some(held);
            }
            if held.child.as_mut()?.try_wait().expect("it can be asked").is_some() {
                held.end();
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("a run neither waits nor ends")
    }

    /// What each tag of the registry has, but for those of the script itself.
    fn registry(&self) -> BTreeMap<String, String> {
        let tags = fs::read_dir(self.path("registry/tags")).expect("there is a registry");
        let content = |path: &Path| {
            let digest = fs::read_to_string(path).expect("a tag can be read");
            let manifest = fs::read(self.path("registry/manifests").join(digest.trim()));
            let manifest: Value = serde_json::from_slice(&manifest.expect("there is a manifest"))
                .expect("it is JSON");
            manifest["annotations"]["dev.anabranch.content"].as_str().map(str::to_owned)
        };
        tags.map(|entry| entry.expect("it can be read").path())
            .filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), content(&path)?)))
            .collect()
    }

    /// What the registry should have after the push of a commit.
    fn wanted(&self, commit: &str) -> BTreeMap<String, String> {
        let list = fs::read(self.path(commit).join("out/artifacts.json")).expect("it was rendered");
        let list: Value = serde_json::from_slice(&list).expect("it is JSON");
        let artifacts = list["artifacts"].as_array().expect("a list of artifacts");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let tag = |url: &Value| text(url).rsplit(':').next().map(str::to_owned);
        artifacts
            .iter()
            .map(|one| (tag(&one["url"]).expect("a tag"), text(&one["content"])))
            .collect()
    }
}

/// A run that waits.
struct Held {
    child: Option<Child>,
    gate: PathBuf,
}

impl Held {
    fn release(&self) {
        fs::write(self.gate.join("open"), "").expect("the gate opens");
    }

    /// Lets it go on to its end, which must be a good one.
    fn end(&mut self) -> String {
        self.release();
        let output = self.child.take().expect("it ends once").wait_with_output().expect("it ends");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}");
        String::from_utf8(output.stdout).expect("stdout is UTF-8")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

/// Three commits. From the first to the second and from that to the third one preview changes, comes and goes.
fn three() -> Fleet {
    let fleet = Fleet::new("fixed");
    fleet.commit("first", &[("pr-1", 1), ("pr-2", 1)]);
    fleet.commit("second", &[("pr-1", 2), ("pr-3", 1)]);
    fleet.commit("third", &[("pr-1", 3), ("pr-2", 1)]);
    fleet
}

#[test]
fn a_run_that_stands_still_anywhere_while_a_later_one_pushes_leaves_nothing_of_its_own() {
    let fleet = three();
    let wanted = fleet.wanted("third");
    let mut writes = 0;
    for call in 1.. {
        let mut ended = 0;
        for place in ["before", "after"] {
            fleet.reset();
            let Some(mut held) = fleet.start("second", (call, place)) else {
                ended += 1;
                continue;
            };
            fleet.push("third").ok();
            held.end();
            assert_eq!(fleet.registry(), wanted, "{place} write {call}");
        }
        if ended == 2 {
            break;
        }
        writes = call;
    }
    // The claim, three artifacts, one that goes, and the end.
    assert_eq!(writes, 6);
}

#[test]
fn two_runs_that_take_turns_end_with_the_later_commit() {
    let fleet = three();
    let wanted = fleet.wanted("third");
    let mut dice = Dice(19);
    for _ in 0..6 {
        let mut place = || (dice.roll(6) + 1, dice.pick(&["before", "after"]));
        let (earlier, later) = (place(), place());
        fleet.reset();
        let second = fleet.start("second", earlier);
        let third = fleet.start("third", later);
        // The earlier one may have to wait for the later one.
        if let Some(second) = &second {
            second.release();
        }
        thread::sleep(Duration::from_millis(300));
        for mut held in third.into_iter().chain(second) {
            held.end();
        }
        assert_eq!(fleet.registry(), wanted, "{earlier:?} and {later:?}");
    }
}

#[test]
fn an_earlier_commit_changes_nothing() {
    let fleet = three();
    fleet.push("third").ok();
    assert_eq!(fleet.push("second").ok(), "a later commit is pushed already\n");
    assert_eq!(fleet.registry(), fleet.wanted("third"));
    // The same once more pushes nothing.
    assert_eq!(fleet.push("third").ok(), "");
}

#[test]
fn after_a_branch_was_rewritten_what_it_has_now_counts() {
    let fleet = Fleet::new("fixed");
    fleet.commit("first", &[("pr-1", 1)]);
    fleet.commit("gone", &[("pr-1", 2)]);
    fleet.push("gone").ok();
    fleet.git("work", &["reset", "--quiet", "--hard", "HEAD~1"]);
    fleet.commit("instead", &[("pr-1", 3)]);
    fleet.push("instead").ok();
    assert_eq!(fleet.registry(), fleet.wanted("instead"));
    // A run of the commit that no branch has any more, which knows nothing of the other yet.
    assert_eq!(fleet.push("gone").ok(), "a later commit is pushed already\n");
    assert_eq!(fleet.registry(), fleet.wanted("instead"));
}

#[test]
fn a_clone_that_cannot_tell_which_commit_is_later_is_refused() {
    let fleet = three();
    fleet.push("third").ok();
    let work = format!("file://{}", fleet.path("work").display());
    fleet.git("", &["clone", "--quiet", "--depth", "1", &work, "shallow"]);
    let out = [fleet.path("second/out"), fleet.path("shallow/out")];
    run(Command::new("cp").arg("-r").args(out), "").ok();
    let said = fleet.push("shallow").failed();
    assert!(said.contains("fetch-depth: 0"), "{said}");
    // The remote cannot be asked, and the commit that was pushed is not in the clone.
    fleet.git("second", &["remote", "set-url", "origin", "/nowhere"]);
    let said = fleet.push("second").failed();
    assert!(said.contains("it cannot be told whether it is later"), "{said}");
    assert_eq!(fleet.registry(), fleet.wanted("third"));
}

#[test]
fn of_tags_with_the_content_those_of_this_push_and_the_last_stay() {
    let fleet = Fleet::new("content");
    for (number, name) in (1..).zip(["first", "second", "third"]) {
        fleet.commit(name, &[("pr-1", number)]);
        fleet.push(name).ok();
    }
    let mut wanted = fleet.wanted("second");
    wanted.extend(fleet.wanted("third"));
    assert_eq!(fleet.registry(), wanted);
    let old = fleet.wanted("first");
    assert!(old.keys().any(|tag| !wanted.contains_key(tag)), "{old:?}");
    // A preview that is gone takes all of its tags with it.
    fleet.commit("fourth", &[]);
    fleet.push("fourth").ok();
    assert_eq!(fleet.registry(), fleet.wanted("fourth"));
}

/// A push whose artifacts are signed by a program that stands for cosign: it notes its arguments and whether a tag has the
/// artifact already, or fails.
fn signed(fleet: &Fleet, commit: &str, sign: &str, works: bool) -> (Answer, Vec<String>) {
    use std::os::unix::fs::PermissionsExt as _;
    let log = fleet.path("signed");
    let script = format!(
        "#!/bin/sh\nshift\nfor artifact; do :; done\n\
         if grep -qs \"${{artifact##*@}}\" \"$REGISTRY\"/tags/*; then late=late; fi\n\
         echo \"$* $late\" >>{}\n{works}\n",
        log.display()
    );
    write_text(&fleet.path("bin/cosign"), &script);
    fs::set_permissions(fleet.path("bin/cosign"), fs::Permissions::from_mode(0o755))
        .expect("it may run");
    let mut command = fleet.script(commit);
    command.env("SIGN", sign).env("COSIGN_PRIVATE_KEY", "a key");
    let answer = run_with(&mut command, &fleet.path("bin"));
    let lines = fs::read_to_string(&log).unwrap_or_default();
    drop(fs::remove_file(log));
    (answer, lines.lines().map(|line| line.trim().to_owned()).collect())
}

#[test]
fn what_is_pushed_is_signed_before_it_has_a_tag_and_what_is_not_is_left_alone() {
    let fleet = Fleet::new("fixed");
    fleet.commit("first", &[("pr-1", 1), ("pr-2", 1)]);
    fleet.commit("second", &[("pr-1", 2), ("pr-2", 1)]);

    let (answer, lines) = signed(&fleet, "first", "keyless", true);
    answer.ok();
    assert_eq!(lines.len(), 3, "two previews and what finds them: {lines:?}");
    let repository = "--yes registry.example.com/fleet@sha256:";
    assert!(lines.iter().all(|line| line.starts_with(repository) && !line.ends_with("late")));

    let (answer, lines) = signed(&fleet, "second", "key", true);
    answer.ok();
    let [only] = lines.as_slice() else { panic!("pr-1 alone has changed: {lines:?}") };
    assert!(only.contains("--key env://COSIGN_PRIVATE_KEY") && !only.contains("a key"), "{only}");

    // Without its signature an artifact gets no tag.
    fleet.commit("third", &[("pr-1", 3), ("pr-2", 1)]);
    let before = fleet.registry();
    signed(&fleet, "third", "keyless", false).0.failed();
    assert_eq!(fleet.registry(), before);
    let said = signed(&fleet, "third", "yes", true).0.failed();
    assert!(said.contains("`yes` is none of none, keyless, key"), "{said}");
    let (answer, lines) = signed(&fleet, "third", "none", true);
    answer.ok();
    assert_eq!(lines, Vec::<String>::new());
}
