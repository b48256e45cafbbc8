//! Pull requests whose events arrive late, twice, or never: the file ends as the last of them says.

use std::fs;
use std::process::Command;

use super::orchestrator::{ANABRANCH, Answer, run};

const REPOSITORY: &str = "https://github.com/shop/shop";
const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";

const FILE: &str = "\
apiVersion: anabranch.dev/v1alpha1
kind: Previews
spec:
  baseline: {namespace: shop}
  previews:
    - name: pr-7
      services: [{name: web, image: web:v7}]
";

fn edit(text: &str, arguments: &[&str]) -> Answer {
    run(Command::new(ANABRANCH).args(arguments).args(["--file", "-"]), text)
}

fn build(text: &str, commit: &str, event: &str) -> String {
    let change = format!("{REPOSITORY}#42@{commit}");
    let image = format!("web=web:{}", &commit[..3]);
    let options = ["--image", &image, "--change", &change, "--if-newer", event];
    edit(text, &[&["set", "pr-42"], options.as_slice()].concat()).ok()
}

fn close(text: &str, at: &str) -> String {
    edit(text, &["remove", "pr-42", "--closed", at]).ok()
}

#[test]
fn of_two_builds_the_later_event_counts_whichever_ends_first() {
    let first = build(FILE, OLD, "2026-11-29T10:00:00Z");
    let second = build(&first, NEW, "2026-11-29T10:05:00Z");
    assert!(
        second.contains(NEW) && second.contains("updated: \"2026-11-29T10:05:00Z\""),
        "{second}"
    );
    assert_eq!(build(&second, OLD, "2026-11-29T10:00:00Z"), second);
    // The same event again, as when a run is repeated.
    assert_eq!(build(&second, NEW, "2026-11-29T11:05:00+01:00"), second);
    let alone = build(FILE, NEW, "2026-11-29T10:05:00Z");
    assert_eq!(build(&alone, OLD, "2026-11-29T10:00:00Z"), second);
}

#[test]
fn a_build_that_ends_after_the_close_brings_nothing_back() {
    let open = build(FILE, OLD, "2026-11-29T10:00:00Z");
    let closed = close(&open, "2026-11-29T10:03:00Z");
    assert!(!closed.contains(OLD) && closed.contains("closed:"), "{closed}");
    assert_eq!(build(&closed, NEW, "2026-11-29T10:02:00Z"), closed);
    // The close came first altogether.
    let never = close(FILE, "2026-11-29T10:03:00Z");
    assert_eq!(build(&never, NEW, "2026-11-29T10:02:00Z"), never);
}

#[test]
fn a_pull_request_that_is_opened_again_has_its_preview_again() {
    let closed = close(FILE, "2026-11-29T10:03:00Z");
    let again = build(&closed, NEW, "2026-11-29T10:04:00Z");
    assert!(again.contains(NEW) && !again.contains("name: pr-42, at"), "{again}");
    assert!(!again.contains("10:03:00"), "{again}");
}

#[test]
fn a_close_that_arrives_after_the_pull_request_was_opened_again_takes_nothing_away() {
    let again = build(FILE, NEW, "2026-11-29T10:04:00Z");
    assert_eq!(close(&again, "2026-11-29T10:03:00Z"), again);
}

#[test]
fn whoever_sets_a_preview_by_hand_wants_it_open() {
    let closed = close(FILE, "2026-11-29T10:03:00Z");
    let by_hand = edit(&closed, &["set", "pr-42", "--image", "web=web:v1"]).ok();
    assert!(by_hand.contains("web:v1") && !by_hand.contains("10:03:00"), "{by_hand}");
}

#[test]
fn a_pull_request_of_another_repository_neither_replaces_nor_closes_a_preview() {
    let open = build(FILE, OLD, "2026-11-29T10:00:00Z");
    let other = format!("https://github.com/shop/other#42@{NEW}");
    let set = ["set", "pr-42", "--image", "web=web:other", "--change", &other, "--replace"];
    let said = edit(&open, &set).failed();
    assert!(said.contains("stands for a pull request of https://github.com/shop/shop"), "{said}");
    let pull = "https://github.com/shop/other#42";
    let close = ["remove", "pr-42", "--closed", "2026-11-29T11:00:00Z", "--change", pull];
    assert_eq!(edit(&open, &close).ok(), open);
}

#[test]
fn of_two_closes_of_one_preview_the_later_counts() {
    let closes = "  closed:\n    - {name: pr-42, at: \"2026-11-29T10:00:00Z\"}\n    - {name: pr-42, at: \"2026-11-29T12:00:00Z\"}\n";
    let file = FILE.replace("  previews:\n", &format!("{closes}  previews:\n"));
    assert_eq!(build(&file, NEW, "2026-11-29T11:00:00Z"), file);
}

#[test]
fn closes_of_two_previews_give_the_same_bytes_in_either_order() {
    let close =
        |text: &str, name: &str, at: &str| edit(text, &["remove", name, "--closed", at]).ok();
    let (early, late) = ("2026-11-29T10:03:00Z", "2026-11-29T10:04:00Z");
    let one = close(&close(FILE, "pr-42", early), "pr-7", late);
    let other = close(&close(FILE, "pr-7", late), "pr-42", early);
    assert_eq!(one, other);
}

#[test]
fn what_was_closed_is_forgotten_after_a_month() {
    let closed = close(FILE, "2026-11-29T10:03:00Z");
    let prune = |now: &str| edit(&closed, &["prune", "--now", now]).ok();
    assert_eq!(prune("2026-12-28T00:00:00Z"), closed);
    assert!(!prune("2026-12-30T00:00:00Z").contains("pr-42"));
}

#[test]
fn a_lost_close_is_found_by_the_list_of_open_pull_requests() {
    let open = build(FILE, OLD, "2026-11-29T10:00:00Z");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let list = folder.path().join("open");
    let prune = |lines: &str, now: &str| {
        fs::write(&list, lines).expect("the list is written");
        edit(&open, &["prune", "--open", list.to_str().expect("UTF-8"), "--now", now])
    };
    let now = "2026-11-29T12:00:00Z";
    let gone = prune(&format!("{REPOSITORY}\n{REPOSITORY}#4\n"), now).ok();
    assert!(!gone.contains("pr-42") && gone.contains("pr-7"), "{gone}");
    for stays in [
        format!("{REPOSITORY}#42\n"),
        // A list that is not about that repository knows nothing of it.
        "https://github.com/shop/other\n".to_owned(),
        String::new(),
    ] {
        assert_eq!(prune(&stays, now).ok(), open, "{stays}");
    }
    // The list is older than the pull request's latest state.
    assert_eq!(prune(&format!("{REPOSITORY}\n"), "2026-11-29T09:00:00Z").ok(), open);
    let wrong = prune("#42\n", now);
    assert!(wrong.stderr.contains("line 1 is neither"), "{}", wrong.stderr);
}

#[test]
fn the_last_close_that_is_forgotten_leaves_nothing_behind() {
    let closed = close(FILE, "2026-11-29T10:03:00Z");
    let prune = |text: &str| edit(text, &["prune", "--now", "2027-01-30T00:00:00Z"]).ok();
    assert_eq!(prune(&closed), FILE);
    // In a place of the user's own the next close comes back to it, whatever was forgotten before.
    let mine =
        "  # Done.\n  closed:\n    - {name: pr-42, at: \"2026-11-29T10:03:00Z\"}\n  previews:\n";
    let mine = FILE.replace("  previews:\n", mine);
    let other =
        |text: &str| edit(text, &["remove", "pr-9", "--closed", "2027-01-29T10:00:00Z"]).ok();
    assert_eq!(other(&prune(&mine)), prune(&other(&mine)));
    assert_eq!(other(&prune(&closed)), prune(&other(&closed)));
}

#[test]
fn a_state_of_unknown_time_has_no_time() {
    let open = build(FILE, OLD, "2026-11-29T10:00:00Z");
    let change = format!("{REPOSITORY}#42@{NEW}");
    for text in [
        open.clone(),
        open.replace(
            &format!("        - repository: {REPOSITORY}\n          number: 42\n          commit: \"{OLD}\"\n          updated: \"2026-11-29T10:00:00Z\"\n"),
            &format!("        - {{repository: {REPOSITORY}, number: 42, commit: \"{OLD}\", updated: \"2026-11-29T10:00:00Z\"}}\n"),
        ),
        open.replace(
            &format!("        - repository: {REPOSITORY}\n          number: 42\n          commit: \"{OLD}\"\n          updated: \"2026-11-29T10:00:00Z\"\n"),
            &format!("        - {{updated: \"2026-11-29T10:00:00Z\", repository: {REPOSITORY}, number: 42, commit: \"{OLD}\"}}\n"),
        ),
    ] {
        let set = edit(&text, &["set", "pr-42", "--change", &change]).ok();
        assert!(set.contains(NEW) && !set.contains("updated"), "{set}");
    }
    let noted = open.replace("10:00:00Z\"", "10:00:00Z\" # by hand");
    let set = edit(&noted, &["set", "pr-42", "--change", &change]).ok();
    assert!(set.contains("updated: \"\" # by hand"), "{set}");
}

#[test]
fn a_time_that_cannot_be_read_decides_nothing() {
    let closed = close(FILE, "2026-11-29T10:03:00Z");
    let change = format!("{REPOSITORY}#42@{NEW}");
    let late = ["set", "pr-42", "--image", "web=web:new", "--change", &change, "--if-newer"];
    let late = [late.as_slice(), &["2026-11-29T10:02:00Z"]].concat();
    let close = ["remove", "pr-42", "--closed", "2026-11-29T10:05:00Z"];
    for time in ["yesterday", "2026-11-29", "2026-11-29T25:00:00Z"] {
        let odd = closed.replace("2026-11-29T10:03:00Z", time);
        for arguments in [late.as_slice(), &close] {
            let said = edit(&odd, arguments).failed();
            assert!(
                said.contains(&format!("`{time}` is not a time")) && said.contains("-->"),
                "{said}"
            );
        }
        let open = build(FILE, OLD, "2026-11-29T10:00:00Z").replace("2026-11-29T10:00:00Z", time);
        for arguments in [late.as_slice(), &close] {
            assert!(edit(&open, arguments).failed().contains("is not a time"));
        }
        // Nor does it take a preview away.
        let folder = tempfile::tempdir().expect("a temporary folder");
        let list = folder.path().join("open");
        fs::write(&list, format!("{REPOSITORY}\n")).expect("the list is written");
        let list = list.to_str().expect("UTF-8");
        assert_eq!(edit(&open, &["prune", "--open", list]).ok(), open);
    }
}

#[test]
fn a_pull_request_is_the_same_however_its_repository_is_spelt() {
    let open = build(FILE, OLD, "2026-11-29T10:00:00Z");
    for spelt in ["https://github.com/shop/shop.git", "https://GitHub.com/Shop/shop/"] {
        let change = format!("{spelt}#42@{NEW}");
        let set =
            |event: &str| edit(&open, &["set", "pr-42", "--change", &change, "--if-newer", event]);
        assert_eq!(set("2026-11-29T09:00:00Z").ok(), open);
        let later = set("2026-11-29T11:00:00Z").ok();
        assert!(later.contains(NEW) && later.matches("repository:").count() == 1, "{later}");
        let pull = format!("{spelt}#42");
        let close = ["remove", "pr-42", "--closed", "2026-11-29T11:00:00Z", "--change", &pull];
        assert!(!edit(&open, &close).ok().contains(OLD));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let list = folder.path().join("open");
        let list = list.to_str().expect("UTF-8");
        for (lines, is_open) in
            [(format!("\u{feff}{spelt}\r\n"), false), (format!("{spelt}#42\n"), true)]
        {
            fs::write(list, &lines).expect("the list is written");
            let now = "2026-11-29T12:00:00Z";
            let pruned = edit(&open, &["prune", "--open", list, "--now", now]).ok();
            assert_eq!(pruned.contains(OLD), is_open, "{lines}");
        }
    }
}

#[test]
fn nothing_is_closed_that_cannot_be_a_preview() {
    let said = edit(FILE, &["remove", "PR 7", "--closed", "2026-11-29T11:00:00Z"]).failed();
    assert!(said.contains("`PR 7` is the name of no preview"), "{said}");
    let said = edit("kind: Secret\na: hunter2\n", &["remove", "pr-7"]).failed();
    assert!(said.contains("not a previews file") && !said.contains("hunter2"), "{said}");
}
