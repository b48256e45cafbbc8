//! One list of previews in every way that people and tools write it: an edit does what it should to the
//! data, leaves every comment with its preview, and commutes with edits of other previews.

use std::collections::BTreeMap;

use anabranch::diagnostic::{Refused, Sources};
use anabranch::edit::{self, Change, PreviewEdit, Trust};
use anabranch::limits::InputLimits;
use anabranch::yaml::{Node, parse_documents};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use serde_json::{Value, json};

/// A preview as a file has it, and which comments it has.
#[derive(Debug, Clone)]
struct Entry {
    number: usize,
    services: usize,
    expires: bool,
    /// A comment directly above: one that names it, or one that does not.
    above: Option<bool>,
    /// A blank line above all that.
    apart: bool,
    /// A comment above with blank lines around it.
    alone: bool,
    behind: bool,
    /// A comment below that is indented deeper.
    deep: bool,
    /// The comment above is indented deeper too.
    askew: bool,
    rough: Rough,
}

/// What else a preview can have around it and in it, which nobody can say whose it is.
#[derive(Debug, Clone, Default)]
struct Rough {
    above: Vec<Line>,
    /// The header of a block scalar at its end.
    text: Option<&'static str>,
    inside: bool,
    anchor: bool,
}

/// A blank line, or a comment in some column.
#[derive(Debug, Clone)]
struct Line {
    kind: usize,
    number: usize,
}

impl Line {
    fn text(&self, at: &str) -> String {
        let number = self.number;
        match self.kind {
            0 | 1 => "\n".to_owned(),
            2 => "   \n".to_owned(),
            3 | 4 => format!("{at}# {number}\n"),
            5 => format!("{at}  # {number}\n"),
            6 => format!("# {number}\n"),
            7 => format!("{at}# pr-{number}\n"),
            8 => format!("{at}  # pr-{number}\n"),
            _ => format!("{at}\t# {number}\n"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Block,
    Left,
    Braces,
    Lines { trailing: bool },
    Aligned,
    Side,
    Json,
    Hugging,
    Compact,
}

#[derive(Debug, Clone)]
struct File {
    style: Style,
    entries: Vec<Entry>,
    header: bool,
    key_below: bool,
    last_newline: bool,
    windows: bool,
    /// Items in brackets stand where no program would put them, and a list without any has no brackets.
    odd: bool,
    /// Lines behind the last preview.
    below: Vec<Line>,
    /// A tag and an anchor of the list.
    tag: &'static str,
    /// Whether markers are around the document.
    marked: bool,
}

impl Entry {
    fn name(&self) -> String {
        format!("pr-{}", self.number)
    }

    fn value(&self) -> Value {
        let services: Vec<Value> = (0..self.services)
            .map(|service| json!({"name": format!("s{service}"), "image": format!("x:{service}")}))
            .collect();
        let mut value = json!({"name": self.name(), "services": services});
        if self.expires {
            value["expires"] = "2026-01-01T00:00:00Z".into();
        }
        value
    }

    fn braces(&self) -> String {
        let services: Vec<String> = (0..self.services)
            .map(|service| format!("{{name: s{service}, image: \"x:{service}\"}}"))
            .collect();
        let expires = if self.expires { ", expires: '2026-01-01T00:00:00Z'" } else { "" };
        format!("{{name: {}, services: [{}]{expires}}}", self.name(), services.join(", "))
    }

    fn block(&self, indent: &str) -> String {
        let list = if indent.is_empty() { "" } else { "  " };
        let mut lines = vec![format!("- name: {}", self.name()), "  services:".to_owned()];
        for service in 0..self.services {
            lines.push(format!("  {list}- name: s{service}"));
            lines.push(format!("  {list}  image: 'x:{service}'"));
        }
        if self.expires {
            lines.push("  expires: \"2026-01-01T00:00:00Z\"".to_owned());
        }
        if self.rough.anchor {
            lines[0] = format!("- &{0} !!map\n  {indent}  name: {0}", self.name());
        }
        if self.rough.inside {
            lines.insert(1, format!("  # inside {}\n", self.number));
        }
        if let Some(header) = self.rough.text {
            lines.push(format!("  note: {header}\n  {indent}    a\n\n  {indent}    b"));
        }
        let lines: Vec<String> = lines.iter().map(|line| format!("  {indent}{line}")).collect();
        lines.join("\n")
    }

    /// The comments that belong to this preview.
    fn comments(&self) -> Vec<String> {
        let name = self.name();
        let above = self.above.map(|named| self.above(named));
        let rest = [(self.behind, "behind"), (self.deep, "deep")];
        let rest = rest.iter().filter(|(is, _)| *is).map(|(_, what)| format!("# {what} {name}"));
        let alone = self.alone.then(|| format!("# alone {}", self.number));
        above.into_iter().chain(rest).chain(alone).collect()
    }

    fn above(&self, named: bool) -> String {
        if named { format!("# above {}", self.name()) } else { format!("# note {}", self.number) }
    }
}

const HEAD: &str =
    "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {namespace: shop}\n";

impl File {
    fn has_comments(&self) -> bool {
        !matches!(self.style, Style::Side | Style::Json | Style::Hugging | Style::Compact)
    }

    fn text(&self) -> String {
        let mut text = match self.style {
            Style::Json | Style::Hugging | Style::Compact => self.json(),
            _ => self.yaml(),
        };
        if self.marked && self.has_comments() {
            text = format!("---\n# the file's\n{text}...\n");
        }
        if !self.last_newline {
            text.truncate(text.trim_end().len());
        }
        if self.windows { text.replace('\n', "\r\n") } else { text }
    }

    /// Whether an edited text has this entry as before, with what stands between it and the one above.
    fn keeps(&self, entry: &Entry, above: Option<&Entry>, before: &str, after: &str) -> bool {
        let core = |entry: &Entry| match self.style {
            Style::Block => Some(entry.block("  ")),
            Style::Left => Some(entry.block("")),
            Style::Braces | Style::Lines { .. } => Some(entry.braces()),
            _ => None,
        };
        // A text without a line break at the end gets another header when lines follow it.
        let is_sealed = entry.rough.text.is_some() && !self.last_newline;
        let (Some(last), false) = (core(entry), is_sealed) else { return true };
        let first = above.and_then(core).unwrap_or_else(|| last.clone());
        let (before, after) = (before.replace("\r\n", "\n"), after.replace("\r\n", "\n"));
        let (start, end) = (before.find(&first), before.find(&last).map(|at| at + last.len()));
        let (start, end) = (start.expect("written"), end.expect("written"));
        after.contains(&before[start..end])
    }

    fn json(&self) -> String {
        let previews: Vec<Value> = self.entries.iter().map(Entry::value).collect();
        let mut spec = json!({"baseline": {"namespace": "shop"}, "previews": previews});
        if self.key_below {
            spec["limits"] = json!({"previews": 99});
        }
        let file =
            json!({"apiVersion": "anabranch.dev/v1alpha1", "kind": "Previews", "spec": spec});
        let pretty = format!("{file:#}\n");
        match self.style {
            Style::Compact => format!("{file}\n"),
            Style::Hugging => pretty
                .replace("[\n      {", "[{")
                .replace("},\n      {", "}, {")
                .replace("}\n    ]", "}]"),
            _ => pretty,
        }
    }

    fn yaml(&self) -> String {
        let (open, close) = match self.style {
            Style::Lines { .. } => (" [", "  ]\n"),
            Style::Aligned => (" [", "]\n"),
            Style::Side if self.odd => (" [  ", ", ]\n"),
            Style::Side => (" [", "]\n"),
            _ if self.entries.is_empty() => (if self.odd { "" } else { " []" }, ""),
            _ => ("", ""),
        };
        let mut out = format!("{HEAD}  previews:{}{open}", self.tag);
        let indent = if self.style == Style::Left { "" } else { "  " };
        if !matches!(self.style, Style::Aligned | Style::Side) {
            out.push('\n');
        }
        if self.header && self.has_comments() && self.style != Style::Aligned {
            out.push_str(&format!("  {indent}# the list's\n\n"));
        }
        for (index, entry) in self.entries.iter().enumerate() {
            let is_last = index + 1 == self.entries.len();
            let comma = match self.style {
                Style::Lines { trailing } if trailing || !is_last => ",",
                Style::Aligned | Style::Side if !is_last => ",",
                _ => "",
            };
            let at = match self.style {
                Style::Aligned if index == 0 => "",
                Style::Aligned => "             ",
                Style::Side if index > 0 && !self.odd => " ",
                Style::Side => "",
                Style::Lines { .. } if self.odd => "     ",
                _ => &format!("  {indent}"),
            };
            let is_first_inside = index == 0 && self.style == Style::Aligned;
            if self.has_comments() && !is_first_inside {
                out.extend(entry.rough.above.iter().map(|line| line.text(at)));
                if entry.alone {
                    out.push_str(&format!("\n{at}# alone {}\n\n", entry.number));
                } else if entry.apart {
                    out.push('\n');
                }
                if let Some(named) = entry.above {
                    // Another's end has comments in this column that do not say the name.
                    let is_askew = entry.askew && (named || index == 0);
                    let more = if is_askew { "  " } else { "" };
                    out.push_str(&format!("{at}{more}{}\n", entry.above(named)));
                }
            }
            match self.style {
                Style::Block | Style::Left => out.push_str(&entry.block(indent)),
                Style::Braces => out.push_str(&format!("{at}- {}", entry.braces())),
                _ => out.push_str(&format!("{at}{}{comma}", entry.braces())),
            }
            if self.style == Style::Side {
                continue;
            }
            let has_text =
                entry.rough.text.is_some() && matches!(self.style, Style::Block | Style::Left);
            if entry.behind && !has_text && !(is_last && self.style == Style::Aligned) {
                out.push_str(&format!(" # behind {}", entry.name()));
            }
            if !(is_last && self.style == Style::Aligned) {
                out.push('\n');
                if entry.deep && !is_first_inside {
                    out.push_str(&format!("{at}   # deep {}\n", entry.name()));
                }
            }
        }
        if !matches!(self.style, Style::Aligned | Style::Side) {
            let at = format!("  {indent}");
            out.extend(self.below.iter().map(|line| line.text(&at)));
        }
        out.push_str(close);
        if self.key_below {
            out.push_str("  # of the limits\n  limits: {previews: 99}\n");
        }
        out
    }
}

#[derive(Debug, Clone)]
enum Edit {
    Set { number: usize, service: usize, expires: bool, replace: bool, change: bool },
    Remove(Vec<usize>),
    Close(Vec<usize>),
}

impl Edit {
    fn touches(&self, number: usize) -> bool {
        match self {
            Self::Set { number: set, .. } => *set == number,
            Self::Remove(gone) | Self::Close(gone) => gone.contains(&number),
        }
    }

    fn apply(&self, text: &str) -> Result<String, Refused> {
        let mut sources = Sources::default();
        let file = sources.add("previews.yaml", text);
        let node =
            parse_documents(&sources, file, &InputLimits::default()).expect("YAML").remove(0);
        match self {
            Self::Set { number, service, expires, replace, change } => {
                let wanted = PreviewEdit {
                    event: None,
                    name: format!("pr-{number}"),
                    images: vec![(format!("s{service}"), "y".to_owned())],
                    changes: change.then(changed).into_iter().collect(),
                    expires: expires.then(|| "2027-01-01T00:00:00Z".to_owned()),
                    replace: *replace,
                };
                edit::set(&sources, &node, &wanted)
            }
            Self::Remove(numbers) => edit::remove(&sources, &node, |preview| {
                let name = preview.text_at(&["name"]).unwrap_or_default();
                numbers.iter().any(|number| name == format!("pr-{number}"))
            })
            .map(|(text, _)| text),
            Self::Close(numbers) => {
                let names: Vec<String> =
                    numbers.iter().map(|number| format!("pr-{number}")).collect();
                let at = "2026-01-01T00:00:00Z".parse().expect("a time");
                edit::close(&sources, &node, &names, at, None).map(|(text, _)| text)
            }
        }
    }

    /// What the edit does to the previews, by name.
    fn model(&self, previews: &mut BTreeMap<String, Value>) {
        match self {
            Self::Remove(numbers) | Self::Close(numbers) => previews
                .retain(|name, _| !numbers.iter().any(|number| *name == format!("pr-{number}"))),
            Self::Set { number, service, expires, replace, change } => {
                let name = format!("pr-{number}");
                let new = json!({"name": name, "services": []});
                let preview = previews.entry(name).or_insert(new);
                let service = format!("s{service}");
                let services = preview["services"].as_array_mut().expect("a list");
                match services.iter_mut().find(|one| one["name"] == service.as_str()) {
                    Some(found) => found["image"] = "y".into(),
                    None => services.push(json!({"name": service, "image": "y"})),
                }
                if *replace {
                    services.retain(|one| one["name"] == service.as_str());
                }
                if *expires {
                    preview["expires"] = "2027-01-01T00:00:00Z".into();
                }
                if *change {
                    let change = changed();
                    preview["changes"] = json!([{"repository": change.repository, "number": change.number, "commit": change.commit}]);
                }
            }
        }
    }
}

fn changed() -> Change {
    Change {
        repository: "https://github.com/shop/shop".to_owned(),
        number: 7,
        commit: "90d51dc2888fbbef60f3ddecea6cb05ac8c43ec4".to_owned(),
        updated: String::new(),
        trust: Trust::Team,
    }
}

fn try_parse(text: &str) -> Option<Node> {
    let mut sources = Sources::default();
    let file = sources.add("previews.yaml", text);
    Some(parse_documents(&sources, file, &InputLimits::default()).ok()?.remove(0))
}

fn parse(text: &str) -> Node {
    try_parse(text).unwrap_or_else(|| panic!("no YAML:\n{text}"))
}

fn previews(text: &str) -> BTreeMap<String, Value> {
    let node = parse(text);
    let items = node.at(&["spec", "previews"]).map(Node::items).unwrap_or_default();
    let named =
        |node: &Node| (node.text_at(&["name"]).unwrap_or_default().to_owned(), node.to_json());
    items.iter().map(named).collect()
}

fn comments(text: &str) -> Vec<String> {
    let comment = |line: &str| line.find("# ").map(|at| line[at..].trim_end().to_owned());
    let mut found: Vec<String> = text.lines().filter_map(comment).collect();
    found.sort();
    found
}

fn any_file() -> impl Strategy<Value = File> + Clone {
    let styles = prop_oneof![
        Just(Style::Block),
        Just(Style::Left),
        Just(Style::Braces),
        any::<bool>().prop_map(|trailing| Style::Lines { trailing }),
        Just(Style::Aligned),
        Just(Style::Side),
        Just(Style::Json),
        Just(Style::Hugging),
        Just(Style::Compact),
    ];
    let flags = any::<[bool; 6]>();
    let entry = (1..3usize, any::<Option<bool>>(), flags).prop_map(|(services, above, flags)| {
        let [expires, apart, alone, behind, deep, askew] = flags;
        let rough = Rough::default();
        Entry { number: 0, services, expires, above, apart, alone, behind, deep, askew, rough }
    });
    let numbered =
        proptest::collection::btree_map((1..5usize).prop_map(|n| 2 * n - 1), entry, 1..4);
    (styles, numbered, any::<[bool; 5]>()).prop_map(|(style, entries, flags)| {
        let numbered = |(number, entry)| Entry { number, ..entry };
        File {
            style,
            entries: entries.into_iter().map(numbered).collect(),
            header: flags[0],
            key_below: flags[1],
            last_newline: flags[2],
            windows: flags[3],
            odd: flags[4],
            below: Vec::new(),
            tag: "",
            marked: false,
        }
    })
}

fn file() -> impl Strategy<Value = File> {
    // A comment that stands alone, or heads the list, has room at the end only if the last line ends.
    any_file().prop_filter("the last line ends", |file| {
        let is_alone = |entry: &Entry| entry.alone || entry.above == Some(false);
        file.last_newline || !(file.header || file.entries.iter().any(is_alone))
    })
}

/// A file with lines of any kind anywhere.
fn rough_file() -> impl Strategy<Value = File> {
    let line = (0..10usize, 0..9usize).prop_map(|(kind, number)| Line { kind, number });
    let lines = || proptest::collection::vec(line.clone(), 0..5);
    let headers = ["|", "|-", "|+", ">", ">-", ">+"].as_slice();
    let text = proptest::option::weighted(0.3, proptest::sample::select(headers));
    let rough = (lines(), text, any::<[bool; 2]>()).prop_map(|(above, text, flags)| Rough {
        above,
        text,
        inside: flags[0],
        anchor: flags[1],
    });
    let tag = proptest::sample::select(["", "", " !!seq", " &all", " !!seq &all"].as_slice());
    let roughs = [rough.clone(), rough.clone(), rough];
    (any_file(), roughs, lines(), tag, any::<bool>(), 0..4usize)
        .prop_map(|(mut file, roughs, below, tag, marked, count)| {
            file.entries.truncate(count);
            for (entry, rough) in file.entries.iter_mut().zip(roughs) {
                entry.rough = rough;
            }
            File { below, tag, marked, ..file }
        })
        // Lines behind a block scalar can be a part of it, or end it in a wrong column.
        .prop_filter("it is YAML", |file| try_parse(&file.text()).is_some())
}

fn one_edit() -> impl Strategy<Value = Edit> {
    let set = (0..9usize, 0..3usize, any::<[bool; 3]>()).prop_map(|(number, service, flags)| {
        Edit::Set { number, service, expires: flags[0], replace: flags[1], change: flags[2] }
    });
    let remove = proptest::collection::btree_set(0..9usize, 1..5)
        .prop_map(|numbers| Edit::Remove(numbers.into_iter().collect()));
    let close = proptest::collection::btree_set(0..9usize, 1..3)
        .prop_map(|numbers| Edit::Close(numbers.into_iter().collect()));
    prop_oneof![2 => set, 2 => remove, 1 => close]
}

fn config() -> Config {
    Config {
        cases: 1_000,
        max_global_rejects: 100_000,
        rng_seed: RngSeed::Fixed(17),
        failure_persistence: None,
        ..Config::default()
    }
}

proptest! {
#![proptest_config(config())]

    #[test]
    fn an_edit_does_what_it_should_and_no_more(file in file(), edit in one_edit()) {
        let text = file.text();
        let after = edit.apply(&text).unwrap_or_else(|error| panic!("{}\n{text}", error[0].message));
        let mut wanted = previews(&text);
        edit.model(&mut wanted);
        prop_assert_eq!(previews(&after), wanted, "{}\n{}", text, after);
        prop_assert_eq!(edit.apply(&after).expect("again"), &*after, "twice is not once");
        prop_assert!(!file.windows || !after.replace("\r\n", "").contains('\n'), "{after:?}");
        prop_assert_eq!(file.last_newline, after.ends_with('\n'), "{:?}", after);
        let is_json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
        prop_assert_eq!(is_json(&text), is_json(&after), "{}", after);
        // A comment directly below the list's line may be the list's, and stays with it.
        let first = file.entries.first().filter(|entry| entry.above == Some(false));
        let may_stay = first.map(|entry| entry.above(false));
        let gone: Vec<String> =
            file.entries.iter().filter(|entry| !matches!(&edit, Edit::Set { .. }) && edit.touches(entry.number)).flat_map(Entry::comments).collect();
        let wanted: Vec<String> = comments(&text).into_iter().filter(|one| !gone.contains(one) || may_stay.as_ref() == Some(one)).collect();
        let found = comments(&after);
        let least: Vec<String> = wanted.iter().filter(|one| !gone.contains(one)).cloned().collect();
        if !matches!(edit, Edit::Set { replace: true, .. }) {
            prop_assert!(found == wanted || found == least, "{text}\n{after}");
        }
        for entry in file.entries.iter().filter(|entry| !edit.touches(entry.number)) {
            prop_assert!(stands_as_before(&file, entry, &text, &after), "{text}\n{after}");
        }
    }

    #[test]
    fn edits_of_different_previews_commute(file in file(), one in one_edit(), other in one_edit()) {
        prop_assume!((0..9).all(|number| !(one.touches(number) && other.touches(number))));
        let text = file.text();
        let both = |first: &Edit, second: &Edit| -> Result<String, Refused> { second.apply(&first.apply(&text)?) };
        let (here, there) = (both(&one, &other), both(&other, &one));
        let (here, there) = (here.expect("edited"), there.expect("edited"));
        prop_assert_eq!(here, there, "\n{}", text);
    }

    #[test]
    fn edits_commute_and_keep_the_text_of_others_whatever_stands_between_them(
        file in rough_file(), one in one_edit(), other in one_edit()
    ) {
        prop_assume!((0..9).all(|number| !(one.touches(number) && other.touches(number))));
        let text = file.text();
        let both = |first: &Edit, second: &Edit| -> Result<String, Refused> { second.apply(&first.apply(&text)?) };
        let (here, there) = (both(&one, &other), both(&other, &one));
        match (here, there) {
            (Ok(here), Ok(there)) => {
                // A text that comes to stand at the end gets its line break, even if the file had none there.
                let has_text = file.entries.iter().any(|entry| entry.rough.text.is_some());
                let end = |text: &'_ str| if has_text && !file.last_newline { text.trim_end().len() } else { text.len() };
                prop_assert_eq!(&here[..end(&here)], &there[..end(&there)], "\n{}", text);
                let is_left = |number: usize| !one.touches(number) && !other.touches(number);
                for (index, entry) in file.entries.iter().enumerate().filter(|(_, entry)| is_left(entry.number)) {
                    prop_assert!(file.keeps(entry, None, &text, &here), "{text}\n{here}");
                    let above = index.checked_sub(1).map(|above| &file.entries[above]);
                    if let Some(above) = above.filter(|above| (above.number..entry.number).all(is_left)) {
                        prop_assert!(file.keeps(entry, Some(above), &text, &here), "{text}\n{here}");
                    }
                }
            }
            // A text that keeps the blank lines below it would take those of another preview.
            (here, there) => {
                let is_kept = file.entries.iter().any(|entry| entry.rough.text.is_some_and(|text| text.contains('+')));
                prop_assert!(is_kept, "{here:?}\n{there:?}\n{text}");
            }
        }
    }
}

/// Whether the lines around a preview that was not edited are those of before: what is above it and its own,
/// and the comment behind it.
fn stands_as_before(file: &File, entry: &Entry, before: &str, after: &str) -> bool {
    let around = |text: &str| {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let name = format!("name: {}", entry.name());
        let at = lines.iter().position(|line| line.contains(&name)).unwrap_or(0);
        let above = at.checked_sub(1).map_or("", |above| lines[above]);
        let behind = lines[at].split('#').nth(1).unwrap_or_default().to_owned();
        (above.to_owned(), behind)
    };
    if !file.has_comments() {
        return true;
    }
    let ((above, behind), (above_now, behind_now)) = (around(before), around(after));
    let is_first = file.entries[0].number == entry.number;
    behind == behind_now
        && (is_first
            || !above.starts_with('#')
            || above.starts_with("# deep")
            || above == above_now)
}
