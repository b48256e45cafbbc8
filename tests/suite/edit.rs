//! `set`, `remove` and `prune` change what they were asked to change, and no other byte.

use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::orchestrator::{ANABRANCH, Answer, run};

const COMMIT: &str = "90d51dc2888fbbef60f3ddecea6cb05ac8c43ec4";

const FILE: &str = "\
# Who has a preview.
apiVersion: anabranch.dev/v1alpha1
kind: Previews
metadata: {name: shop}   # flow style stays
spec:
  baseline:
    namespace: shop
  limits: {registries: ['ghcr.io/shop/']}

  previews: # CI edits this list
    # Anna's, until Friday
    - name: pr-4   # small
      services:
        - name: cart
          image: 'ghcr.io/shop/cart:v4' # pinned
          env: [{name: A, value: \"1\"}]
      # more to come
    - name: pr-42
      changes:
        - {repository: https://github.com/shop/shop, number: 42, commit: \"0000000000000000000000000000000000000000\"}
      services: [{name: web, image: ghcr.io/shop/web:v1}]
      expires: \"2026-12-01T00:00:00Z\"
    # the end
";

fn edit(text: &str, arguments: &[&str]) -> Answer {
    run(Command::new(ANABRANCH).args(arguments).args(["--file", "-"]), text)
}

/// The text with one part replaced, which must occur once.
#[track_caller]
fn with(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old}");
    text.replace(old, new)
}

#[test]
fn a_new_preview_stands_among_the_others_by_its_name() {
    let change = format!("https://github.com/shop/shop#41@{COMMIT}");
    let image = "cart=ghcr.io/shop/cart:v41";
    let text = edit(FILE, &["set", "pr-41", "--image", image, "--change", &change]).ok();
    let entry = format!(
        "    - name: pr-41
      changes:
        - repository: https://github.com/shop/shop
          number: 41
          commit: \"{COMMIT}\"
      services:
        - name: cart
          image: ghcr.io/shop/cart:v41
"
    );
    assert_eq!(text, with(FILE, "    - name: pr-42\n", &format!("{entry}    - name: pr-42\n")));
    let last = edit(FILE, &["set", "pr-5", "--image", "cart=ghcr.io/shop/cart:v5"]).ok();
    assert!(last.contains("Z\"\n    - name: pr-5\n      services:\n"), "{last}");
    let first = edit(FILE, &["set", "pr-1", "--image", "cart=ghcr.io/shop/cart:v5"]).ok();
    assert!(first.contains("list\n    - name: pr-1\n"), "{first}");
}

#[test]
fn an_image_changes_in_its_own_quotes() {
    let text = edit(FILE, &["set", "pr-4", "--image", "cart=ghcr.io/shop/cart:v5"]).ok();
    assert_eq!(text, with(FILE, "cart:v4'", "cart:v5'"));
    let text = edit(FILE, &["set", "pr-42", "--image", "web=ghcr.io/shop/web:v2"]).ok();
    assert_eq!(text, with(FILE, "web:v1}", "web:v2}"));
}

#[test]
fn a_second_service_joins_in_the_style_of_the_list() {
    let image = "cart=ghcr.io/shop/cart:v9";
    let text = edit(FILE, &["set", "pr-42", "--image", image]).ok();
    assert_eq!(text, with(FILE, "web:v1}", "web:v1}, {name: cart, image: ghcr.io/shop/cart:v9}"));
    let text = edit(FILE, &["set", "pr-4", "--image", "web=ghcr.io/shop/web:v9"]).ok();
    let added = "      # more to come\n";
    let service = "        - name: web\n          image: ghcr.io/shop/web:v9\n";
    assert_eq!(text, with(FILE, added, &format!("{service}{added}")));
}

#[test]
fn a_commit_moves_on_and_a_time_is_added() {
    let change = format!("https://github.com/shop/shop#42@{COMMIT}");
    let text = edit(FILE, &["set", "pr-42", "--change", &change]).ok();
    assert_eq!(text, with(FILE, &"0".repeat(40), COMMIT));
    let text = edit(FILE, &["set", "pr-4", "--expires", "2027-01-01T00:00:00Z"]).ok();
    let before = "          env: [{name: A, value: \"1\"}]\n";
    let expires = "      expires: \"2027-01-01T00:00:00Z\"\n";
    assert_eq!(text, with(FILE, before, &format!("{before}{expires}")));
}

#[test]
fn replace_drops_what_is_not_named() {
    let image = "cart=ghcr.io/shop/cart:v9";
    let text = edit(FILE, &["set", "pr-42", "--replace", "--image", image]).ok();
    assert_eq!(
        text,
        with(FILE, "web, image: ghcr.io/shop/web:v1", "cart, image: ghcr.io/shop/cart:v9")
    );
}

#[test]
fn images_by_container_are_found_by_their_repository() {
    let listed = "containers: [{name: a, image: ghcr.io/shop/cart:v4}, {name: b, image: ghcr.io/shop/log:v1}]";
    let file = with(FILE, "image: 'ghcr.io/shop/cart:v4' # pinned", listed);
    let text = edit(&file, &["set", "pr-4", "--image", "cart=ghcr.io/shop/log:v2"]).ok();
    assert_eq!(text, with(&file, "log:v1", "log:v2"));
    let words = edit(&file, &["set", "pr-4", "--image", "cart=ghcr.io/shop/other:v2"]).failed();
    assert!(words.contains("none is of the repository of ghcr.io/shop/other:v2"), "{words}");
}

#[test]
fn a_removed_preview_takes_its_own_comments_along() {
    let text = edit(FILE, &["remove", "pr-4", "pr-77"]).ok();
    let start = FILE.find("    # Anna's").expect("a comment");
    let end = FILE.find("    - name: pr-42").expect("the next one");
    assert_eq!(text, format!("{}{}", &FILE[..start], &FILE[end..]));
}

#[test]
fn a_comment_directly_below_the_line_of_the_list_is_the_lists_unless_something_says_otherwise() {
    let entry =
        |name: &str| format!("    - name: {name}\n      services: [{{name: cart, image: x}}]\n");
    let new = "    - name: pr-0\n      services:\n        - name: cart\n          image: x\n";
    let (first, second) = (entry("pr-1"), entry("pr-3"));
    let add = ["set", "pr-0", "--image", "cart=x"];
    for (line, before, comment, is_own) in [
        ("", "", "# CI edits this list", false),
        ("", "", "# about pr-10 and x-pr-1", false),
        ("", "", "# pr-1: for the demo", true),
        ("", "\n", "# for the demo", true),
        (" # CI edits this list", "", "# for the demo", true),
    ] {
        let list = |entries: &[&str]| format!("{HEAD}  previews:{line}\n{}", entries.concat());
        let file = list(&[before, "    ", comment, "\n", &first, &second]);
        let removed = edit(&file, &["remove", "pr-1"]).ok();
        let added = edit(&file, &add).ok();
        if is_own {
            assert_eq!(removed, list(&[&second]), "{file}");
            assert!(added.contains(&format!("{comment}\n    - name: pr-1\n")), "{added}");
        } else {
            // A blank line shows that it is not the next one's.
            assert_eq!(removed, list(&["    ", comment, "\n\n", &second]), "{file}");
            assert_eq!(added, list(&["    ", comment, "\n\n", new, &first, &second]), "{file}");
        }
        assert_eq!(edit(&removed, &add).ok(), edit(&added, &["remove", "pr-1"]).ok(), "{file}");
    }
}

#[test]
fn a_comment_with_blank_lines_around_it_goes_with_the_preview_below_it() {
    let block =
        |name: &str| format!("    - name: {name}\n      services: [{{name: cart, image: x}}]\n");
    let braces =
        |name: &str| format!("    - {{name: {name}, services: [{{name: cart, image: x}}]}}\n");
    let lines =
        |name: &str| format!("    {{name: {name}, services: [{{name: cart, image: x}}]}},\n");
    let left = |name: &str| block(name).replace("\n    ", "\n  ")[2..].to_owned();
    for style in 0..4 {
        let (open, close) = if style == 3 { (" [", "  ]\n") } else { ("", "") };
        let at = if style == 1 { "  " } else { "    " };
        let file = |parts: &[&str]| {
            let part = |part: &&str| match part.starts_with("pr") {
                true => [block(part), left(part), braces(part), lines(part)][style].clone(),
                false => part.replace("    #", &format!("{at}#")),
            };
            let parts: String = parts.iter().map(part).collect();
            format!("{HEAD}  previews:{open}\n{parts}{close}")
        };
        let (first, end) = ("    # list\n\n", "\n    # end\n\n");
        let (note, long) = ("\n    # note\n\n", "\n    # a\n    # b\n\n# c\n\n");
        let before = file(&[first, "pr-1", note, "pr-3", long, "pr-5", end]);
        for (gone, after) in [
            ("pr-1", file(&[first, note, "pr-3", long, "pr-5", end])),
            ("pr-3", file(&[first, "pr-1", long, "pr-5", end])),
            ("pr-5", file(&[first, "pr-1", note, "pr-3", end])),
        ] {
            let removed = edit(&before, &["remove", gone]).ok();
            assert_eq!(removed, after);
            for new in ["pr-0", "pr-2", "pr-4", "pr-9"] {
                let set = ["set", new, "--image", "cart=x"];
                let there = edit(&edit(&before, &set).ok(), &["remove", gone]).ok();
                assert_eq!(edit(&removed, &set).ok(), there, "{new}, {gone}");
            }
        }
    }
}

#[test]
fn a_tag_and_an_anchor_of_the_list_stay_when_it_is_empty() {
    let set = ["set", "pr-1", "--image", "cart=x"];
    let entry = "    - name: pr-1\n      services:\n        - name: cart\n          image: x\n";
    for tag in [" !!seq", " &all", " !!seq &all", " &all !!seq # CI"] {
        let file = format!("{HEAD}  previews:{tag}\n{entry}");
        let empty = edit(&file, &["remove", "pr-1"]).ok();
        let (before, comment) = tag.split_once(" #").map_or((tag, ""), |(tag, _)| (tag, " # CI"));
        assert_eq!(empty, format!("{HEAD}  previews:{before} []{comment}\n"));
        assert_eq!(edit(&empty, &set).ok(), file);
    }
}

#[test]
fn comments_behind_a_text_that_keeps_its_blank_lines_stay_as_they_are() {
    let entry = |name: &str, text: &str| {
        format!(
            "    - name: {name}\n      services:\n        - name: cart\n          patches:\n            - patch: {text}\n"
        )
    };
    let kept = entry("pr-1", "|+\n                a\n#\n\n      # deep");
    let file = format!("{HEAD}  previews:\n{}{kept}{}", entry("pr-0", "x"), entry("pr-2", "x"));
    let text = edit(&file, &["remove", "pr-0"]).ok();
    assert_eq!(text, format!("{HEAD}  previews:\n{kept}{}", entry("pr-2", "x")));
    // Without what is between them, the text would take the blank line of the next preview.
    let text = entry("pr-1", "|+\n                a");
    let file = format!("{HEAD}  previews:\n{text}{}\n{}", entry("pr-2", "x"), entry("pr-3", "x"));
    let refused = edit(&file, &["remove", "pr-2"]).failed();
    assert!(
        refused.contains("would become a part of the text above") && refused.contains("`|+`"),
        "{refused}"
    );
}

#[test]
fn the_first_record_of_a_close_stands_below_the_comments_of_the_last_preview() {
    let entry =
        |name: &str| format!("    - name: {name}\n      services: [{{name: cart, image: x}}]\n");
    let file =
        format!("{HEAD}  previews:\n{}      # wait for pr-7\n{}", entry("pr-1"), entry("pr-2"));
    let text = edit(&file, &["remove", "pr-2", "--closed", "2026-11-29T10:10:00Z"]).ok();
    let closed = "  closed:\n    - name: pr-2\n      at: \"2026-11-29T10:10:00Z\"\n";
    assert_eq!(
        text,
        format!("{HEAD}  previews:\n{}      # wait for pr-7\n{closed}", entry("pr-1"))
    );
}

#[test]
fn the_last_preview_leaves_an_empty_list_and_comes_back() {
    let text = edit(FILE, &["remove", "pr-4", "pr-42"]).ok();
    assert!(text.contains("  previews: [] # CI edits this list\n    # the end\n"), "{text}");
    let text = edit(&text, &["set", "pr-1", "--image", "cart=ghcr.io/shop/cart:v1"]).ok();
    assert!(text.contains("  previews: # CI edits this list\n    - name: pr-1\n"), "{text}");
}

#[test]
fn a_file_without_previews_gets_its_first() {
    let head = "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\n";
    let image = ["set", "pr-1", "--image", "cart=cart:v1"];
    for spec in [
        "spec:\n  baseline: {namespace: shop}",
        "spec:\n  previews:\n  baseline: {namespace: shop}\n",
    ] {
        let text = edit(&format!("{head}{spec}"), &image).ok();
        let entry = "  previews:\n    - name: pr-1\n      services:\n        - name: cart\n          image: cart:v1";
        assert!(text.contains(entry), "{text}");
    }
    let flow = format!("{head}spec: {{baseline: {{namespace: shop}}, previews: []}}\n");
    let text = edit(&flow, &image).ok();
    assert_eq!(text, with(&flow, "[]", "[{name: pr-1, services: [{name: cart, image: cart:v1}]}]"));
}

const HEAD: &str = "\
apiVersion: anabranch.dev/v1alpha1
kind: Previews
spec:
  baseline: {namespace: shop}
";

#[test]
fn entries_in_braces_are_edited_like_others() {
    let entry = |name: &str, image: &str| {
        format!("    - {{name: {name}, services: [{{name: cart, image: {image}}}]}} # {name}\n")
    };
    let head = format!("{HEAD}  previews:\n");
    let file = format!("{head}{}{}", entry("pr-1", "cart:v1"), entry("pr-3", "cart:v1"));
    let text = edit(&file, &["set", "pr-1", "--image", "cart=cart:v2"]).ok();
    assert_eq!(text, format!("{head}{}{}", entry("pr-1", "cart:v2"), entry("pr-3", "cart:v1")));
    let text = edit(&file, &["set", "pr-2", "--image", "cart=cart:v1"]).ok();
    let new = "    - name: pr-2\n      services:\n        - name: cart\n          image: cart:v1\n";
    assert_eq!(
        text,
        format!("{head}{}{new}{}", entry("pr-1", "cart:v1"), entry("pr-3", "cart:v1"))
    );
    assert_eq!(edit(&text, &["remove", "pr-2"]).ok(), file);
    let text = edit(&file, &["remove", "pr-1"]).ok();
    assert_eq!(text, format!("{head}{}", entry("pr-3", "cart:v1")));
}

#[test]
fn several_removed_at_once_are_as_if_removed_one_by_one() {
    let names = ["pr-1", "pr-2", "pr-3", "pr-4"];
    let entry = |name: &&str| format!("{{name: {name}, services: [{{name: cart, image: x}}]}}");
    let flow: Vec<String> = names.iter().map(entry).collect();
    let lines = |before: &str| -> String {
        let line = |name: &&str| format!("{before}    - {} # {name}\n", entry(name));
        names.iter().map(line).collect()
    };
    for previews in [
        format!("[{}]\n", flow.join(", ")),
        format!("\n{}", lines("")),
        format!("\n{}    # the end\n", lines("    # above\n")),
        format!("\n{}", lines("\n    # apart\n\n    # above\n")),
    ] {
        let file = format!("{HEAD}  previews: {previews}");
        for some in 1..(1 << names.len()) {
            let gone: Vec<&str> =
                (0..names.len()).filter(|bit| some >> bit & 1 == 1).map(|bit| names[bit]).collect();
            let together = edit(&file, &[&["remove"], gone.as_slice()].concat()).ok();
            let alone = gone
                .iter()
                .rev()
                .fold(file.clone(), |text, name| edit(&text, &["remove", name]).ok());
            assert_eq!(together, alone, "{gone:?} of {file}");
        }
    }
}

#[test]
fn prune_removes_what_is_over() {
    let before = edit(FILE, &["prune", "--now", "2026-11-30T23:59:59Z"]).ok();
    assert_eq!(before, FILE);
    let after = edit(FILE, &["prune", "--now", "2026-12-01T01:00:00+01:00"]).ok();
    assert!(!after.contains("pr-42") && after.contains("pr-4 "), "{after}");
}

#[test]
fn line_ends_of_windows_stay() {
    let file = FILE.replace('\n', "\r\n");
    let arguments = ["set", "pr-41", "--image", "cart=ghcr.io/shop/cart:v41"];
    let text = edit(&file, &arguments).ok();
    assert_eq!(text, edit(FILE, &arguments).ok().replace('\n', "\r\n"));
}

#[test]
fn what_would_be_wrong_is_refused_and_the_file_stays() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("previews.yaml");
    let anchored =
        with(FILE, "services:\n        - name: cart", "services: &s\n        - name: cart");
    let anchored =
        with(&anchored, "services: [{name: web, image: ghcr.io/shop/web:v1}]", "services: *s");
    for (text, arguments, words) in [
        (FILE, vec!["set", "PR-1", "--image", "cart=ghcr.io/shop/a:v1"], "cannot name a preview"),
        (FILE, vec!["set", "pr-1"], "is new and changes no service"),
        (FILE, vec!["set", "pr-4", "--image", "cart=docker.io/cart:v1"], "docker.io/cart:v1"),
        (FILE, vec!["set", "pr-4", "--expires", "tomorrow"], "`tomorrow` is not a time"),
        (
            &anchored,
            vec!["set", "pr-42", "--image", "cart=ghcr.io/shop/a:v1"],
            "cannot be edited in place",
        ),
        ("a: [", vec!["remove", "pr-4"], "this is not YAML"),
    ] {
        std::fs::write(&path, text).expect("written");
        let answer = run(Command::new(ANABRANCH).args(&arguments).arg("-f").arg(&path), "");
        let found = answer.failed();
        assert!(found.contains(words), "{arguments:?}: {found}");
        assert_eq!(std::fs::read_to_string(&path).expect("still there"), text, "{arguments:?}");
        assert_eq!(folder.path().read_dir().expect("readable").count(), 1, "{arguments:?}");
    }
}

#[test]
fn a_file_is_edited_where_it_lies_and_says_what_happened() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("previews.yaml");
    std::fs::write(&path, FILE).expect("written");
    let remove = || {
        let answer = run(Command::new(ANABRANCH).args(["remove", "pr-4", "-f"]).arg(&path), "");
        assert_eq!(answer.code, Some(0));
        answer.stderr
    };
    assert_eq!(remove(), format!("removed pr-4 in {}\n", path.display()));
    assert_eq!(remove(), format!("{} is unchanged\n", path.display()));
}

#[test]
fn an_edit_is_refused_only_for_an_error_that_it_adds() {
    let preview = |name: &str, image: &str| {
        format!("    - name: {name}\n      services: [{{name: cart, image: '{image}'}}]\n")
    };
    let many = format!(
        "{HEAD}  limits: {{previews: 1}}\n  previews:\n{}{}{}",
        preview("pr-1", "a b"),
        preview("pr-2", "x"),
        preview("BAD", "x")
    );
    let unread = format!(
        "{HEAD}  notify: [{{repository: 7}}]\n  previews:\n    - {{name: pr-1, services: [], oops: 1}}\n{}",
        preview("pr-2", "x")
    );
    for (text, arguments, refused) in [
        (&many, ["remove", "pr-2"].as_slice(), None),
        (&many, &["remove", "BAD"], None),
        (&many, &["set", "pr-1", "--image", "cart=y"], None),
        (&many, &["set", "pr-3", "--image", "cart=y"], Some("4 previews, but the limit is 1")),
        (&many, &["set", "pr-2", "--image", "cart=c d"], Some("`c d`")),
        (&many, &["set", "pr-1", "--image", "cart=c d"], Some("`c d`")),
        (&unread, &["remove", "pr-1"], None),
        (&unread, &["remove", "pr-2"], None),
        (&unread, &["set", "pr-1", "--image", "cart=y"], None),
        (&unread, &["set", "pr-1", "--image", "cart=c d"], Some("`c d`")),
        (&unread, &["set", "qq-1", "--image", "cart=y"], Some("qq-1")),
        (&unread, &["set", "pr-2", "--expires", "soon"], Some("`soon` is not a time")),
    ] {
        let answer = edit(text, arguments);
        match refused {
            None => assert_ne!(&answer.ok(), text, "{arguments:?}"),
            Some(words) => {
                let found = answer.failed();
                assert!(found.contains(words), "{arguments:?}: {found}");
            }
        }
    }
    for other in [
        "apiVersion: apps/v1\nkind: Deployment\nspec: {previews: [{name: pr-1}]}\n",
        "a: {kind: of, settings: file}\n",
        "root:x:0:0:root:/root:/bin/sh\n",
    ] {
        for arguments in
            [&["remove", "pr-1"][..], &["prune"], &["set", "pr-1", "--image", "cart=y"]]
        {
            let words = edit(other, arguments).failed();
            assert!(words.contains("is not a previews file"), "{arguments:?}: {words}");
        }
    }
}

#[test]
fn set_writes_nothing_that_render_refuses() {
    let change = |number: &str| format!("https://github.com/shop/shop#{number}@{COMMIT}");
    let large = change("9007199254740993");
    let no_name = "Cart=ghcr.io/shop/cart:v1";
    let image = "cart=ghcr.io/shop/cart:v1";
    for (arguments, words) in [
        (["--image", image, "--change", &large], "is not the number of a pull request"),
        (["--image", image, "--change", &change("0")], "is not the number of a pull request"),
        (["--image", image, "--expires", ""], "`` is not a time"),
        (["--image", image, "--image", no_name], "`Cart` cannot name a service"),
    ] {
        let found = edit(FILE, &[&["set", "pr-5"], &arguments[..]].concat()).failed();
        assert!(found.contains(words), "{arguments:?}: {found}");
    }
}

#[test]
fn of_a_service_named_twice_the_last_image_counts() {
    let twice = ["--image", "web=ghcr.io/shop/a:v1", "--image", "web=ghcr.io/shop/web:v2"];
    let text = edit(FILE, &[&["set", "pr-42"], &twice[..]].concat()).ok();
    assert_eq!(text, with(FILE, "web:v1}", "web:v2}"));
    let text = edit(FILE, &[&["set", "pr-5"], &twice[..]].concat()).ok();
    assert_eq!(text.matches("name: web").count(), 2, "{text}");
}

#[test]
fn fields_are_set_however_they_are_written() {
    let around = |field: &str| {
        format!(
            "{HEAD}  previews:\n    - name: pr-1\n      services:\n        - name: cart\n{field}\n      expires:\n"
        )
    };
    for (before, after) in [
        ("          image:", "          image: x:2"),
        ("          image: # none yet", "          image: x:2 # none yet"),
        ("          image: null", "          image: x:2"),
        ("          image: >- # long\n            x:1", "          image: x:2 # long"),
        ("          image: |-\n\n            x:1\n", "          image: x:2\n"),
        ("          image:\n            x:1", "          image:\n            x:2"),
        ("          image: &i x:1", "          image: &i x:2"),
        ("          \"image\": 'x:1' # old", "          \"image\": 'x:2' # old"),
    ] {
        let file = around(before);
        let text = edit(&file, &["set", "pr-1", "--image", "cart=x:2"]).ok();
        assert_eq!(text, around(after), "{before}");
        let text = edit(&file, &["set", "pr-1", "--expires", "2027-01-01T00:00:00Z"]).ok();
        let time = "      expires: \"2027-01-01T00:00:00Z\"";
        assert_eq!(text, file.replace("      expires:", time), "{before}");
    }
}

#[test]
fn a_text_at_the_end_keeps_its_last_line_break_or_has_none() {
    let patch = |header: &str, end: &str| {
        format!(
            "{HEAD}  previews:\n    - name: pr-1\n      services:\n        - name: cart\n          patches:\n            - patch: {header}\n                - {{op: remove, path: /x}}{end}"
        )
    };
    let new = "    - name: pr-2\n      services:\n        - name: cart\n          image: x";
    for (header, end, sealed, after) in [
        ("|", "", "|-", format!("\n{new}")),
        ("|+", "", "|-", format!("\n{new}")),
        ("|-", "", "|-", format!("\n{new}")),
        ("|", "\n", "|", format!("\n{new}\n")),
        ("|+", "\n\n\n", "|+", format!("\n\n\n{new}\n")),
    ] {
        let text = edit(&patch(header, end), &["set", "pr-2", "--image", "cart=x"]).ok();
        assert_eq!(text, patch(sealed, &after), "{header:?}");
    }
    let last = "    - {name: pr-2, services: [{name: cart, image: x}]}";
    for (header, end, left) in [("|", "", "\n"), ("|-", "", ""), ("|", "  # y", "\n")] {
        let file = patch(header, &format!("\n{last}{end}"));
        assert_eq!(edit(&file, &["remove", "pr-2"]).ok(), patch(header, left), "{header:?}");
    }
}

#[test]
fn what_anchors_share_is_refused_and_what_merge_keys_bring_is_written_out() {
    let file = format!(
        "{HEAD}  previews:\n    - name: pr-1\n      services:\n        - &cart\n          name: cart\n          image: x:1\n    - name: pr-2\n      services:\n        - <<: *cart\n          replicas: 2\n"
    );
    let refused = edit(&file, &["set", "pr-1", "--image", "cart=x:2"]).failed();
    assert!(refused.contains("without anchors"), "{refused}");
    let text = edit(&file, &["set", "pr-2", "--image", "cart=x:2"]).ok();
    assert_eq!(text, format!("{file}          image: x:2\n"));
    let gone = edit(&file, &["remove", "pr-2"]).ok();
    assert_eq!(gone, file[..file.find("    - name: pr-2").expect("there")]);
}

#[test]
fn json_stays_json_in_its_own_form() {
    let file = "{\n\t\"apiVersion\": \"anabranch.dev/v1alpha1\",\n\t\"kind\": \"Previews\",\n\t\"spec\": {\n\t\t\"baseline\": {\n\t\t\t\"namespace\": \"shop\"\n\t\t},\n\t\t\"previews\": []\n\t}\n}\n";
    let text = edit(file, &["set", "pr-1", "--image", "cart=x"]).ok();
    let entry = "[\n\t\t\t{\n\t\t\t\t\"name\": \"pr-1\",\n\t\t\t\t\"services\": [\n\t\t\t\t\t{\n\t\t\t\t\t\t\"name\": \"cart\",\n\t\t\t\t\t\t\"image\": \"x\"\n\t\t\t\t\t}\n\t\t\t\t]\n\t\t\t}\n\t\t]";
    assert_eq!(text, file.replace("[]", entry));
    let dated = edit(&text, &["set", "pr-1", "--expires", "2027-01-01T00:00:00Z"]).ok();
    let expires = "\t\t\t\t],\n\t\t\t\t\"expires\": \"2027-01-01T00:00:00Z\"\n";
    assert_eq!(dated, text.replace("\t\t\t\t]\n", expires));
    assert_eq!(edit(&dated, &["remove", "pr-1"]).ok(), file);
}

#[test]
fn a_blank_line_in_brackets_is_no_indentation() {
    let json = "{\"apiVersion\": \"anabranch.dev/v1alpha1\", \"kind\": \"Previews\",\n\"spec\": {\"baseline\": \
                {\"namespace\": \"shop\"}, \"previews\": [\n  \n    {\"name\": \"pr-7\", \"services\": [{\"name\": \
                \"web\", \"image\": \"web:1\"}]}\n  ]}}\n";
    let text = edit(json, &["set", "pr-8", "--image", "web=web:2"]).ok();
    let entry = "{\"name\": \"pr-8\", \"services\": [{\"name\": \"web\", \"image\": \"web:2\"}]}";
    assert_eq!(text, json.replace("\n  ]}}", &format!(",\n    {entry}\n  ]}}}}")));
}

#[test]
fn comments_in_empty_brackets_and_below_them_stay() {
    let set = ["set", "pr-1", "--image", "cart=x"];
    for previews in [
        "[\n    # none yet\n  ]\n",
        "[] # CI\n      # - name: pr-0\n",
        "[]\n    # - name: pr-0\n\n  limits: {previews: 9}\n",
        "[ # CI\n  ]\n",
        "\n    # CI\n    []\n",
        "# CI\n    # none yet\n    [ ]\n",
    ] {
        let file = format!("{HEAD}  previews: {previews}");
        let there = edit(&file, &set).ok();
        let back = edit(&there, &["remove", "pr-1"]).ok();
        for comment in ["# none yet", "# CI", "# - name: pr-0"] {
            assert_eq!(there.contains(comment), file.contains(comment), "{there}");
            assert_eq!(back.contains(comment), file.contains(comment), "{back}");
        }
        assert_eq!(edit(&back, &set).ok(), there);
    }
}

/// One edit of a preview, as arguments.
fn edit_of(preview: &'static str) -> impl Strategy<Value = Vec<String>> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    prop_oneof![
        Just(words(&["remove", preview])),
        Just(words(&["set", preview, "--image", "cart=ghcr.io/shop/cart:v8"])),
        Just(words(&["set", preview, "--replace", "--image", "web=ghcr.io/shop/web:v8"])),
        Just(words(&[
            "set",
            preview,
            "--image",
            "web=ghcr.io/shop/web:v9",
            "--expires",
            "2027-01-01T00:00:00Z",
        ])),
    ]
}

proptest! {
    #![proptest_config(Config {
        cases: 60,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn edits_of_different_previews_commute(
        a in prop_oneof![edit_of("pr-1"), edit_of("pr-4"), edit_of("pr-41")],
        b in prop_oneof![edit_of("pr-42"), edit_of("pr-3"), edit_of("pr-5")],
        third in any::<bool>(),
    ) {
        // With a preview that neither removes, so that the list never becomes empty in between.
        let file = match third {
            true => edit(FILE, &["set", "pr-7", "--image", "cart=ghcr.io/shop/cart:v7"]).ok(),
            false => FILE.to_owned(),
        };
        let apply = |text: &str, arguments: &[String]| {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            edit(text, &arguments)
        };
        let both = |first: &[String], second: &[String]| {
            apply(&apply(&file, first).ok(), second).ok()
        };
        prop_assert_eq!(both(&a, &b), both(&b, &a));
    }
}
