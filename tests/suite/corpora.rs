//! The reader against those of kubectl and kustomize: on the YAML files of projects that people deploy,
//! and on mutilated texts.
//!
//! `make tools` keeps a copy of the files. `CORPORA=FOLDER` reads the files below another folder, such
//! as Go's whole module cache after `make e2e`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anabranch::diagnostic::Sources;
use anabranch::limits::InputLimits;
use anabranch::yaml::scalar::{is_ambiguous, is_date};
use anabranch::yaml::{Node, parse_documents};
use serde::Deserialize;
use serde_json::{Value, json};

use super::dice::Dice;
use super::differential::is_same;
use super::nasty::strings;
use super::orchestrator::{root, run, tools};

/// What a reader makes of a file: its documents that are not null, or why it refuses it.
#[derive(Debug, Deserialize)]
struct Reading {
    documents: Option<Vec<Value>>,
    error: Option<String>,
}

impl Reading {
    fn found(&self) -> Result<&[Value], &str> {
        let found = self.documents.as_deref().unwrap_or_default();
        self.error.as_deref().map_or(Ok(found), Err)
    }
}

#[derive(Debug, Deserialize)]
struct Others {
    kubectl: Reading,
    kustomize: Reading,
}

/// What the readers of kubectl and kustomize make of texts.
fn others(texts: &[String]) -> Vec<Others> {
    let program = tools().join("yaml2json");
    let texts: Vec<String> = texts.iter().map(|text| json!(text).to_string()).collect();
    let answer = run(Command::new(program).arg("corpus"), &texts.join("\n")).ok();
    let read = |line: &str| serde_json::from_str(line).expect("a line of JSON");
    let found: Vec<Others> = answer.lines().map(read).collect();
    assert_eq!(found.len(), texts.len(), "one answer for each text");
    found
}

fn ours(text: &str) -> Result<Vec<Value>, String> {
    let mut sources = Sources::default();
    let file = sources.add_quotable("a.yaml", text);
    match parse_documents(&sources, file, &InputLimits::default()) {
        Ok(nodes) => Ok(nodes.iter().map(Node::to_json).collect()),
        Err(found) => Err(found[0].message.clone()),
    }
}

/// Whether two values are the same but for the types of plain words that only one reader has: to kubectl
/// `yes` is a boolean, to kustomize `2001-01-01` is a time.
fn is_alike(ours: &Value, other: &Value) -> bool {
    match (ours, other) {
        (Value::Array(a), Value::Array(b)) => are_alike(a, b),
        (Value::Object(a), Value::Object(b)) => {
            let is_in = |(key, a)| b.get(key).is_some_and(|b| is_alike(a, b));
            a.len() == b.len() && a.iter().all(is_in)
        }
        (Value::String(text), Value::Bool(_)) => is_ambiguous(text),
        (Value::String(text), Value::String(time)) if text != time => {
            is_date(text) && time.starts_with(&text[..4])
        }
        _ => is_same(ours, other),
    }
}

fn are_alike(ours: &[Value], other: &[Value]) -> bool {
    ours.len() == other.len() && ours.iter().zip(other).all(|(a, b)| is_alike(a, b))
}

/// How the readers differ about a text.
#[derive(Debug)]
enum Difference {
    /// We refuse, for this reason, what one of them reads.
    Refused(String),
    /// We read what both refuse, for this reason.
    Read(#[expect(dead_code, reason = "the message of a failure shows it")] String),
    /// We read this, and another reader that.
    Another { reader: &'static str, ours: Vec<Value>, other: Vec<Value> },
}

fn differences(text: &str, others: &Others) -> Vec<Difference> {
    let (kubectl, kustomize) = (others.kubectl.found(), others.kustomize.found());
    let ours = match (ours(text), kubectl, kustomize) {
        (Err(_), Err(_), Err(_)) => return Vec::new(),
        (Ok(_), Err(why), Err(_)) => return vec![Difference::Read(why.to_owned())],
        (Err(why), ..) => return vec![Difference::Refused(why)],
        (Ok(ours), ..) => ours,
    };
    [("kubectl", kubectl), ("kustomize", kustomize)]
        .into_iter()
        .filter_map(|(reader, other)| Some((reader, other.ok()?)))
        .filter(|(_, other)| !are_alike(&ours, other))
        .map(|(reader, other)| Difference::Another {
            reader,
            ours: ours.clone(),
            other: other.to_vec(),
        })
        .collect()
}

/// A sentence, and the differences it explains.
type Reason = (&'static str, fn(&str, &Difference) -> bool);

fn is_refused(difference: &Difference, words: &str) -> bool {
    matches!(difference, Difference::Refused(why) if why.contains(words))
}

/// Whether kustomize reads what we read but for its scalars, which this makes alike.
fn is_kustomize(difference: &Difference, alike: fn(&Value) -> Value) -> bool {
    let Difference::Another { reader: "kustomize", ours, other } = difference else {
        return false;
    };
    let all =
        |values: &[Value]| values.iter().map(|value| scalars(value, alike)).collect::<Vec<_>>();
    are_alike(&all(ours), &all(other))
}

fn scalars(value: &Value, make: fn(&Value) -> Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| scalars(item, make)).collect(),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| (key.clone(), scalars(value, make));
            Value::Object(entries.iter().map(entry).collect())
        }
        scalar => make(scalar),
    }
}

/// Why a difference stays. What nothing here explains fails the tests.
const REASONS: [Reason; 13] = [
    (
        "kubectl ends the last line of a file; kustomize and Flux leave it, and so do we",
        |text, difference| {
            let ended = || ours(&format!("{text}\n")).unwrap_or_default();
            matches!(difference, Difference::Another { reader: "kubectl", other, .. }
            if !text.ends_with('\n') && are_alike(&ended(), other))
        },
    ),
    (
        "kustomize writes an empty line more into a folded scalar each time a line is indented",
        |text, difference| {
            text.contains('>')
                && is_kustomize(difference, |value| match value {
                    Value::String(text) => json!(text.replace('\n', "")),
                    other => other.clone(),
                })
        },
    ),
    ("kustomize makes an empty text of a value in braces that is not there", |text, difference| {
        text.contains('{')
            && is_kustomize(difference, |value| match value {
                Value::String(text) => json!(text.replace('\n', "")),
                Value::Null => json!(""),
                other => other.clone(),
            })
    }),
    ("kubectl and kustomize take a key for another one", |_, difference| {
        is_refused(difference, "read the key")
    }),
    ("a tag that means something to one program", |_, difference| {
        is_refused(difference, "the tag `")
    }),
    ("kubectl and kustomize pass over what follows the end of a document", |_, difference| {
        is_refused(difference, "the document ends here")
    }),
    ("kustomize passes over all but the first value of JSON", |_, difference| {
        is_refused(difference, "several values of JSON")
    }),
    ("which of two equal keys counts", |_, difference| is_refused(difference, "written twice")),
    ("only one of them takes what stands above a merge key", |_, difference| {
        is_refused(difference, "`<<` below the key")
    }),
    ("kustomize writes a merge key without the quotes that it had", |_, difference| {
        is_refused(difference, "loses the key `<<`")
    }),
    ("kustomize reads no DEL or C1 from its own output", |_, difference| {
        is_refused(difference, "does not survive kustomize")
    }),
    ("kubectl takes a mark in the middle for a column", |_, difference| {
        is_refused(difference, "a byte order mark")
    }),
    ("kubectl and kustomize pass over what follows a value in brackets", |text, difference| {
        matches!(difference, Difference::Refused(_)) && text.trim_start().starts_with(['{', '['])
    }),
];

/// What no reason explains; which reasons explain something is noted.
fn unexplained(
    name: &str,
    text: &str,
    others: &Others,
    used: &mut [bool; REASONS.len()],
) -> Vec<String> {
    let mut wrong = Vec::new();
    for difference in differences(text, others) {
        match REASONS.iter().position(|(_, explains)| explains(text, &difference)) {
            Some(reason) => used[reason] = true,
            None => wrong.push(format!("{name}: {difference:?}").chars().take(1_000).collect()),
        }
    }
    wrong
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let is_yaml = |path: &Path| {
        path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
    };
    walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.expect("the corpora can be read"))
        .filter(|entry| entry.file_type().is_file() && is_yaml(entry.path()))
        .filter_map(|entry| {
            let text = fs::read_to_string(entry.path()).ok()?;
            Some((entry.path().display().to_string(), text))
        })
        .collect()
}

#[test]
fn files_that_people_deploy_are_read_as_kubectl_and_kustomize_read_them() {
    let folder =
        env::var_os("CORPORA").map_or_else(|| root().join(".tools/corpora"), PathBuf::from);
    let (names, texts): (Vec<_>, Vec<_>) = files(&folder).into_iter().unzip();
    assert!(names.len() > 1_000, "only {} files: run `make tools`", names.len());
    let (mut used, mut wrong) = ([false; REASONS.len()], Vec::new());
    for ((name, text), others) in names.iter().zip(&texts).zip(others(&texts)) {
        wrong.extend(unexplained(name, text, &others, &mut used));
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

/// Texts in which everything stands that readers disagree about, and what is put into them.
const SEEDS: [&str; 5] = [
    "apiVersion: v1\nkind: List\nmetadata:\n  name: 'x'\n  labels: {}\nitems:\n- a: |\n    one\n     two\n\n  b:\n    - c: \"d\" # e\n      f: []\n  g: >-\n    h\n    i\n\n    j\n# k\n- l: http://m:80\n  'v': \"\"\n-\n- o\n",
    "a: [b, c d, \"e\", 'f''g', {h: i}]\nj: {k: l, 'm': [-1, http://n:80], o: {p: \"\"}}\nq:\n- {r: s}\n- [t]\n",
    "a: &x\n  b: 1\n  c: \"d \\\n    e\\n\"\nf:\n  <<: *x\n  g: !!str 2\nh: i\n  j\n\n  k\n? l\n: m\n---\nu: 'o\n\n  p'\n",
    "b: &b {c: 1, d: &e 2}\nf: {<<: *b, c: 3, g: *e}\nh:\n  <<: [*b, {i: 4}]\n  c: 5\n",
    "{\"a\": \"b\",\n \"c\": [1, true, null, \"d\\u0041\\/\"],\n\t\"e\": {\n\t\t\"f\": \"g\"\n\t}\n}\n",
];
const PIECES: [&str; 58] = [
    "\n",
    " ",
    "  ",
    "-",
    "- ",
    ": ",
    ":",
    "#",
    " #",
    "'",
    "\"",
    "|",
    ">",
    "a",
    "|-\n",
    "---\n",
    "...\n",
    "[]",
    "{}",
    "''",
    "~",
    "\\",
    "?",
    "? ",
    "\t",
    ",",
    ", ",
    "[",
    "]",
    "{",
    "}",
    "{a: ",
    "[b]",
    "&x ",
    "*x",
    "!!int ",
    "!!str ",
    "! ",
    "!",
    "%",
    "@",
    "\r\n",
    "\r",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "<<: ",
    "---# a\n",
    "--- ",
    "|2\n",
    ">+\n",
    "0x1f",
    "1_0",
    "y",
    "\u{7f}",
    "é",
    "\\'",
    "!!binary ",
];

/// Texts that readers are known to disagree about.
const ODD: [&str; 42] = [
    "a: {\"<<\": {b: c}, d: e}\n",
    "a: |\n  no line feed",
    "a: &a {b: 1}\nc: {b: 2, <<: *a}\n",
    "{}a: b\n",
    "a: [serve, --listen=::]\nb: [2001:db8::, host:]\n",
    "a: {ip: fd00::, c:}\n",
    "a: {b: c, ?d: e}\n",
    "a: [http://x/?q=1]\n",
    "a: [-, -f, --]\nb: {c: -}\n",
    "a: [- b]\n",
    "a: {\n\t\"b\": \"c\",\n\t\"d\": [\n\t\t1\n\t]\n}\n",
    "a:\n\tb: c\n",
    "a:\tb\n",
    "a: \"it\\'s\"\n",
    "a: \"b\"#c\nd: 'e'#f\ng: [h]#i\n",
    "a: \"b\\.\"\n",
    "a: b # c\u{2028}d: e\n",
    "a: \"x\u{85}y\"\nb: \"x\u{2029}y\"\n",
    "a: b\n---# c\nd: e\n",
    "a: b\n--- |\n c\n",
    "a: b\n---- c\n",
    "---# a\nb: c\n",
    "a: b\n---\n\u{feff}c: d\n",
    "a: b\n...\nc: d\n",
    "%YAML 1.1\n---\na: b\n",
    "{\"a\": 1}\n{\"a\": 2}\n",
    "0777: a\n1.10: b\n",
    "8080: a\n-1: b\ntrue: c\n1.5: d\n",
    "no: a\nOff: b\n",
    "a: !!int \"3\"\nb: !!bool \"true\"\nc: !!float 3\nd: !!null \"\"\n",
    "a: !!binary aGVsbG8=\nb: !!map {c: d}\ne: !!seq [f]\ng: ! h\n",
    "a: !!int b\n",
    "a: ! 12\n",
    "a: &a\n  b: &a c\n  d: *a\ne: *a\n",
    "a: .inf\nb: -.NaN\nc: .nan\n",
    "a: [-.Inf]\n",
    "a: +.INF\nb: -.NaN\n",
    "a: !!float 9007199254740993\n",
    "a: !!float 9007199254740992\nb: !!float 1e3\n",
    "a: !!int 18446744073709551615\nb: !!int 18446744073709551616\n",
    "a: 1e400\nb: ._5\nc: +._5\nd: -1e400\n",
    "{\"a\": \"\\ud83d\\ude00\\/\"}\n",
];

/// A seed with a few pieces cut out or put in.
fn mutilated(dice: &mut Dice) -> String {
    let mut text = SEEDS[dice.roll(SEEDS.len())].to_owned();
    for _ in 0..=dice.roll(2) {
        let is_start = |&at: &usize| text.is_char_boundary(at);
        let from = (dice.roll(text.len())..).find(is_start).unwrap_or_default();
        let to = (from + dice.roll(4)..).find(|at| *at >= text.len() || is_start(at));
        let piece = if dice.one_in(3) { "" } else { PIECES[dice.roll(PIECES.len())] };
        text.replace_range(from..to.unwrap_or(from).min(text.len()), piece);
    }
    text
}

#[test]
fn mutilated_texts_are_read_as_kubectl_and_kustomize_read_them() {
    let count = env::var("MUTILATED").map_or(6_000, |count| count.parse().expect("a number"));
    let odd = ODD.map(str::to_owned).into_iter();
    let texts: Vec<String> = odd.chain((0..count).map(|seed| mutilated(&mut Dice(seed)))).collect();
    let read = texts.iter().filter(|text| ours(text).is_ok()).count();
    assert!(read * 8 > texts.len(), "only {read} of {} are read", texts.len());
    let (mut used, mut wrong) = ([false; REASONS.len()], Vec::new());
    for (text, others) in texts.iter().zip(others(&texts)) {
        wrong.extend(unexplained(&format!("{text:?}"), text, &others, &mut used));
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
    let idle = REASONS.iter().zip(used).filter(|(_, used)| !used).map(|((why, _), _)| *why);
    assert_eq!(idle.collect::<Vec<_>>(), Vec::<&str>::new(), "these explain nothing");
}

/// A string in one style, as it would stand at this indentation.
fn styled(text: &str, style: &str) -> String {
    let lines = || text.split('\n').map(|line| format!("    {line}\n")).collect::<String>();
    match style {
        "plain" => text.to_owned(),
        "single" => format!("'{}'", text.replace('\'', "''")),
        "double" => json!(text).to_string(),
        "literal" => format!("|4-\n{}", lines()),
        _ => format!(">4+\n{}", lines()),
    }
}

#[test]
fn nasty_strings_in_every_style_are_read_as_kubectl_and_kustomize_read_them() {
    let mut texts = Vec::new();
    for text in strings() {
        for style in ["plain", "single", "double", "literal", "folded"] {
            let one = styled(&text, style);
            texts.extend([format!("k: {one}\nl: m\n"), format!("- {one}\n- m\n")]);
            if !matches!(style, "literal" | "folded") {
                texts.extend([
                    format!("{one}: v\nl: m\n"),
                    format!("k: [{one}, m, {{v: {one}}}]\n"),
                ]);
            }
        }
    }
    let (mut used, mut wrong) = ([false; REASONS.len()], Vec::new());
    for (text, others) in texts.iter().zip(others(&texts)) {
        wrong.extend(unexplained(&format!("{text:?}"), text, &others, &mut used));
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}
