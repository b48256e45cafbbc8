//! The guide is true: every command in it is run and prints what stands there, every example of previews.yaml is taken,
//! and every field is described and used. `GOLDEN=bless` rewrites outputs and tables.
//!
//! A page is one session of a shell in a folder of its own, in the order in which it is read. A comment before a block
//! says what the block is:
//!
//! - `<!-- in: FOLDER -->`, at the top: the page begins in a copy of this folder of the repository;
//! - `<!-- file: PATH -->`: the reader writes this file;
//! - `<!-- example -->`: a part of previews.yaml, for the bookshop;
//! - `<!-- elsewhere: REASON -->`: not run here, for this reason.
//!
//! A block of `console` is run: lines that begin with `$` are commands, those below them what they print.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use super::expected::bless;
use super::golden::{fields, used};
use super::orchestrator::{ANABRANCH, root, run, run_with, write_text};

/// A block between fences.
struct Block {
    /// What stands behind the fence.
    info: String,
    /// The comment in the line before it.
    marker: String,
    /// How far it is indented, as in an item of a list.
    indent: usize,
    /// Where in the page its lines are.
    lines: Range<usize>,
}

impl Block {
    /// Its text, without the indentation.
    fn body(&self, page: &str) -> String {
        let lines = page[self.lines.clone()].split_inclusive('\n');
        lines.map(|line| line.get(self.indent..).unwrap_or("\n")).collect()
    }

    /// Other text in its place.
    fn indented(&self, body: &str) -> String {
        let indent = " ".repeat(self.indent);
        let line =
            |line: &str| if line == "\n" { line.to_owned() } else { format!("{indent}{line}") };
        body.split_inclusive('\n').map(line).collect()
    }
}

fn pages() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("docs/guide")).expect("there is a guide");
    let mut pages: Vec<PathBuf> = folder.map(|file| file.expect("it is read").path()).collect();
    pages.sort();
    pages
}

fn read(page: &Path) -> String {
    fs::read_to_string(page).expect("a page is text")
}

fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<Block> = None;
    let (mut at, mut before) = (0, "");
    for line in page.split_inclusive('\n') {
        match (&mut open, line.trim().strip_prefix("```")) {
            (None, Some(info)) => {
                let marker =
                    before.strip_prefix("<!-- ").and_then(|text| text.strip_suffix(" -->"));
                let (info, marker) = (info.to_owned(), marker.unwrap_or_default().to_owned());
                let indent = line.len() - line.trim_start().len();
                open = Some(Block { info, marker, indent, lines: at + line.len()..0 });
            }
            (Some(_), Some("")) => {
                let mut block = open.take().expect("it is open");
                block.lines.end = at;
                found.push(block);
            }
            _ => {}
        }
        at += line.len();
        before = line.trim();
    }
    assert!(open.is_none(), "a block has no end");
    found
}

/// The commands of a block, each with the lines that continue it.
fn commands(body: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut continues = false;
    for line in body.split_inclusive('\n') {
        if let Some(command) = line.strip_prefix("$ ") {
            found.push(command.to_owned());
        } else if continues {
            found.last_mut().expect("a command is continued").push_str(line);
        }
        continues = line.ends_with("\\\n") && (continues || line.starts_with("$ "));
    }
    found
}

/// What the blocks of a page look like when it is followed from its beginning.
fn followed(page: &str) -> Vec<(Range<usize>, String)> {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let (work, said) = (scratch.path().join("work"), scratch.path().join("said"));
    fs::create_dir_all(&work).and_then(|()| fs::create_dir(&said)).expect("folders are made");
    let mut script = String::new();
    if let Some((_, rest)) = page.split_once("<!-- in: ") {
        let folder = root().join(rest.split(" -->").next().expect("the comment ends"));
        writeln!(script, "cp -r '{}/.' .", folder.display()).expect("text is written");
    }
    let mut count = 0;
    let mut shown = Vec::new();
    for block in blocks(page) {
        let body = block.body(page);
        if let Some(path) = block.marker.strip_prefix("file: ") {
            writeln!(
                script,
                "mkdir -p \"$(dirname '{path}')\"\ncat >'{path}' <<'END-OF-FILE'\n{body}END-OF-FILE"
            )
            .expect("text is written");
        } else if block.info == "console" && block.marker.is_empty() {
            let (first, commands) = (count, commands(&body));
            for command in &commands {
                writeln!(
                    script,
                    "{{ {} ; }} >'{}/{count}' 2>&1",
                    command.trim_end(),
                    said.display()
                )
                .expect("text is written");
                count += 1;
            }
            shown.push((block, commands, first));
        }
    }
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", &script]).current_dir(&work).env_clear();
    let home = scratch.path().display().to_string();
    let who = [
        ("GIT_AUTHOR_NAME", "A"),
        ("GIT_AUTHOR_EMAIL", "a@example.com"),
        ("GIT_COMMITTER_NAME", "A"),
    ];
    let when =
        [("GIT_AUTHOR_DATE", "1700000000 +0000"), ("GIT_COMMITTER_DATE", "1700000000 +0000")];
    bash.envs(who).envs(when).env("GIT_COMMITTER_EMAIL", "a@example.com").env("HOME", &home);
    bash.env("LC_ALL", "C").env("GIT_CONFIG_NOSYSTEM", "1");
    run_with(&mut bash, Path::new(ANABRANCH).parent().expect("the program is in a folder"));
    let output = |index: usize| {
        let text = fs::read_to_string(said.join(index.to_string())).expect("each command was run");
        if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" }
    };
    let show = |(block, commands, first): (Block, Vec<String>, usize)| {
        let said = |(index, command)| format!("$ {command}{}", output(first + index));
        let body: String = commands.iter().enumerate().map(said).collect();
        (block.lines.clone(), block.indented(&body))
    };
    shown.into_iter().map(show).collect()
}

/// Compares a page with what it should be, or rewrites it.
#[track_caller]
fn settle(page: &Path, wanted: &str) {
    if read(page) == wanted {
        return;
    }
    let diff = similar::TextDiff::from_lines(&*read(page), wanted).unified_diff().to_string();
    assert!(bless(), "{} is not true: run `make bless` and read the diff\n{diff}", page.display());
    fs::write(page, wanted).expect("the page can be written");
}

#[test]
fn every_command_of_the_guide_prints_what_stands_below_it() {
    let mut count = 0;
    for page in pages() {
        let text = read(&page);
        let mut wanted = text.clone();
        let shown = followed(&text);
        count += shown.len();
        for (range, body) in shown.into_iter().rev() {
            wanted.replace_range(range, &body);
        }
        settle(&page, &wanted);
    }
    assert!(count > 20, "{count} blocks were run");
}

#[test]
fn every_block_of_the_guide_is_run_or_says_why_not() {
    let known = ["file: ", "elsewhere: ", "example"];
    for page in pages() {
        let text = read(&page);
        for block in blocks(&text) {
            let says = known.iter().any(|begin| block.marker.starts_with(begin));
            let body = block.body(&text);
            let is_run = block.info == "console" && body.starts_with("$ ");
            assert!(
                is_run || says,
                "{}: nothing is said of ```{}\n{body}",
                page.display(),
                block.info
            );
        }
    }
}

#[test]
fn every_link_of_the_guide_leads_to_a_file() {
    let propagation =
        ["docs/propagation.md", "propagation/README.md"].map(|path| root().join(path));
    let mut count = 0;
    for page in pages().into_iter().chain(propagation) {
        for link in read(&page).split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.starts_with("https://") {
                continue;
            }
            count += 1;
            let file = page.parent().expect("a page is in a folder").join(target);
            assert!(file.exists(), "{}: {target} is not there", page.display());
        }
    }
    assert!(count > 20, "{count} links");
}

#[test]
fn every_finding_that_the_guide_names_exists() {
    let mut count = 0;
    for page in ["adopting.md", "estates.md", "troubleshooting.md"] {
        let text = read(&root().join("docs/guide").join(page));
        // The first cells of tables of findings, and what a sentence calls a finding.
        let tables = text.split("| finding |").skip(1);
        let rows = tables.flat_map(|table| table.split("\n\n").next().unwrap_or_default().lines());
        let rows = rows.filter_map(|line| line.strip_prefix("| `")?.split('|').next());
        let sentences = text.split("finding `").skip(1).filter_map(|rest| rest.split('`').next());
        let named = rows
            .flat_map(|cell| cell.split('`').step_by(2))
            .filter(|cell| !cell.trim().is_empty())
            .chain(sentences);
        for code in named {
            count += 1;
            assert!(
                anabranch::diagnostic::code::find(code).is_some(),
                "{page}: no finding is called {code}"
            );
        }
    }
    assert!(count > 15, "{count} findings");
}

fn schema() -> Value {
    let file = root().join("functions/anabranch/previews.schema.json");
    serde_json::from_str(&fs::read_to_string(file).expect("the schema is there"))
        .expect("it is JSON")
}

/// A field of the schema as the guide shows it.
struct Field {
    path: String,
    default: String,
    about: String,
}

/// Every field below a definition. Items of lists are `[]`, keys of mappings `NAME`.
fn described(definition: &Value, path: &str, found: &mut Vec<Field>) {
    let required = definition["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (name, field) in definition["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let choices = field["enum"].as_array().map(Vec::as_slice).unwrap_or_default();
        let default = match &field["default"] {
            _ if required.contains(&json!(name)) => "needed".to_owned(),
            // The first of several words is what counts where none is written.
            Value::Null => choices.first().map(|one| format!("`{one}`")).unwrap_or_default(),
            value => format!("`{value}`"),
        };
        let words = |text: &Value| {
            text.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let mut about = words(&field["description"]);
        if !choices.is_empty() {
            let choices: Vec<String> =
                choices.iter().map(|one| format!("{one}").replace('"', "`")).collect();
            write!(about, " One of {}.", choices.join(", ")).expect("text is written");
        }
        found.push(Field { path: path.clone(), default, about: about.replace('|', "\\|") });
        described(field, &path, found);
        described(&field["items"], &format!("{path}[]"), found);
        described(&field["additionalProperties"], &format!("{path}.NAME"), found);
    }
}

/// The page with its tables made anew: `<!-- fields: PATH -->` is followed by the fields below the path, but for
/// those below a longer path that has a table of its own. `.` is the whole file.
fn with_tables(page: &str) -> String {
    let mut all = Vec::new();
    described(&schema(), "", &mut all);
    let mut sections: Vec<&str> = page.split("<!-- fields: ").skip(1).collect();
    sections =
        sections.into_iter().map(|rest| rest.split(" -->").next().expect("it ends")).collect();
    let below = |path: &str, section: &str| {
        section == "."
            || path
                .strip_prefix(section)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let owner = |path: &str| {
        let of = sections.iter().filter(|section| below(path, section));
        of.max_by_key(|section| if **section == "." { 0 } else { section.len() })
    };
    let mut made = String::new();
    for (index, part) in page.split("<!-- fields: ").enumerate() {
        if index == 0 {
            made.push_str(part);
            continue;
        }
        let section = sections[index - 1];
        let (_, after) = part.split_once("<!-- end -->").expect("a table ends");
        writeln!(
            made,
            "<!-- fields: {section} -->\n| field | default | what it is |\n|---|---|---|"
        )
        .expect("text");
        for field in all.iter().filter(|field| owner(&field.path) == Some(&section)) {
            writeln!(made, "| `{}` | {} | {} |", field.path, field.default, field.about)
                .expect("text");
        }
        made.push_str("<!-- end -->");
        made.push_str(after);
    }
    let missing: Vec<&str> = all
        .iter()
        .map(|field| field.path.as_str())
        .filter(|path| !made.contains(&format!("| `{path}` |")))
        .collect();
    assert!(missing.is_empty(), "the guide describes no {missing:?}");
    assert!(all.len() > 100, "{} fields", all.len());
    made
}

#[test]
fn every_field_is_described_as_the_schema_does() {
    let page = root().join("docs/guide/previews-yaml.md");
    settle(&page, &with_tables(&read(&page)));
}

#[test]
fn the_tables_of_estates_say_what_the_program_does() {
    let page = root().join("docs/guide/estates.md");
    let text = read(&page);
    let tables = anabranch::treatment::tables();
    let mut made = String::new();
    for (index, part) in text.split("<!-- table: ").enumerate() {
        if index == 0 {
            made.push_str(part);
            continue;
        }
        let (name, rest) = part.split_once(" -->").expect("the comment ends");
        let (_, after) = rest.split_once("<!-- end -->").expect("a table ends");
        let named = tables.iter().find(|table| table.0 == name);
        let (_, heads, rows) = named.unwrap_or_else(|| panic!("there is no table {name}"));
        writeln!(made, "<!-- table: {name} -->\n| {} |\n|---|---|---|", heads.join(" | "))
            .expect("text");
        for row in rows {
            let cells = row.iter().map(|cell| cell.replace('|', "\\|"));
            writeln!(made, "| {} |", cells.collect::<Vec<_>>().join(" | ")).expect("text");
        }
        made.push_str("<!-- end -->");
        made.push_str(after);
    }
    for (name, _, rows) in &tables {
        assert!(made.contains(&format!("<!-- table: {name} -->")), "the page has no {name}");
        assert!(rows.len() > 5, "{} rows of {name}", rows.len());
    }
    settle(&page, &made);
}

/// Puts what an example says into a file.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[test]
fn every_example_of_the_guide_is_taken_and_together_they_use_every_field() {
    let mut seen = BTreeSet::new();
    for page in pages() {
        let text = read(&page);
        for block in blocks(&text).iter().filter(|block| block.marker == "example") {
            let body = block.body(&text);
            let example: Value = yaml_serde::from_str(&body).expect("an example is YAML");
            used(&example, "", &mut seen);
            let mut config = json!({
                "apiVersion": "anabranch.dev/v1alpha1", "kind": "Previews", "metadata": {"name": "bookshop"},
                "spec": {"baseline": {"namespace": "shop"}, "previews": []},
            });
            if example["spec"]["baseline"]["namespaces"].is_array() {
                config["spec"]["baseline"] = json!({});
            }
            merge(&mut config, example);
            let scratch = tempfile::tempdir().expect("a temporary folder");
            write_text(&scratch.path().join("previews.yaml"), &config.to_string());
            let shop = root().join("examples/shop");
            let mut command = Command::new(ANABRANCH);
            command.current_dir(scratch.path()).args([
                "check",
                "previews.yaml",
                "--quiet",
                "--baseline",
            ]);
            let answer =
                run(command.arg(shop.join("baseline")).arg("--source-root").arg(&shop), "");
            assert_eq!(
                answer.code,
                Some(0),
                "{}: {body}\n{}{}",
                page.display(),
                answer.stdout,
                answer.stderr
            );
        }
    }
    let (schema, mut wanted) = (schema(), BTreeSet::new());
    fields(&schema, &schema, "", &mut wanted);
    let missing: Vec<&String> = wanted.difference(&seen).collect();
    assert!(missing.is_empty(), "no example of the guide uses {missing:?}");
}

#[test]
fn every_key_of_the_config_map_is_described() {
    let page = read(&root().join("docs/guide/configmap.md"));
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let text = read(&root().join("golden/baggage/input/previews.yaml"));
    write_text(&scratch.path().join("previews.yaml"), &text);
    let mut command = Command::new(ANABRANCH);
    command.current_dir(scratch.path()).args(["render", "previews.yaml", "--baseline"]);
    let stream = run(command.arg(root().join("golden/baggage/input/baseline")), "").ok();
    let is_map = |one: &&str| one.contains("kind: ConfigMap") && one.contains("name: anabranch\n");
    let map = stream.split("---\n").find(is_map).expect("a preview has the ConfigMap");
    let map: Value = yaml_serde::from_str(map).expect("it is YAML");
    let data: &Map<String, Value> = map["data"].as_object().expect("it has data");
    assert!(data.contains_key("PREVIEW_BAGGAGE"), "the key of this case has a baggage member");
    for key in data.keys() {
        assert!(page.contains(&format!("| `{key}` |")), "{key} is not described");
    }
}
