//! Hostile input: texts that are small to send and large to read, and bytes that are no text at all.
//!
//! Each is read as previews.yaml, as the baseline and as a ResourceList, by a process that may hold
//! 256 MB. It ends with words on stderr, and nothing of it reaches stdout.
//!
//! With `cargo test --release --test suite hostile -- --test-threads 1` each has a second. Without
//! optimisation, and beside other tests, it may be longer.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::orchestrator::{ANABRANCH, Answer, root, run};

const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 1 });
/// Memory that a process may write to, in KiB, and bytes of words that anybody reads.
const MEMORY: usize = 256 << 10;
const WORDS: usize = 512 << 10;

/// Runs the program under the limit of memory; more of it ends the process with a signal.
fn limited(arguments: &[&str], input: Option<&Path>) -> Answer {
    let from = input.map_or("/dev/null".into(), Path::to_path_buf);
    let script = format!("ulimit -d {MEMORY} && exec \"$@\" < \"$INPUT\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh", ANABRANCH]).args(arguments).env("INPUT", from);
    run(command.current_dir(root()), "")
}

/// How a text is given to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Config,
    Baseline,
    List,
}

const ROLES: [Role; 3] = [Role::Config, Role::Baseline, Role::List];

fn ask(role: Role, file: &Path) -> Answer {
    let name = file.display().to_string();
    match role {
        Role::Config => {
            limited(&["render", &name, "--baseline", "golden/one-service/input/baseline"], None)
        }
        Role::Baseline => {
            let config = "golden/one-service/input/previews.yaml";
            limited(&["render", config, "--baseline", &name], None)
        }
        Role::List => limited(&[], Some(file)),
    }
}

/// The program refuses a text in each role: in time, within its memory, and in a few words.
#[track_caller]
fn assert_refused(name: &str, text: impl AsRef<[u8]>) {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let file = scratch.path().join("hostile.yaml");
    fs::write(&file, text).expect("the folder can be written");
    for role in ROLES {
        let started = Instant::now();
        let answer = ask(role, &file);
        let took = started.elapsed();
        let words: String = answer.stderr.chars().take(300).collect();
        assert_eq!(answer.code, Some(1), "{name} as {role:?}: {words}");
        assert!(took < PATIENCE, "{name} as {role:?} took {took:?}");
        assert!(answer.stderr.contains("error"), "{name} as {role:?}: {words}");
        let long = answer.stderr.len();
        assert!(long < WORDS, "{name} as {role:?} is answered with {long} bytes: {words}");
        if role != Role::List {
            assert_eq!(answer.stdout, "", "{name} as {role:?} wrote something");
        }
    }
}

/// A list of lists of lists, each of ten aliases of the one before.
fn laughs(open: &str, close: &str, item: impl Fn(usize, &str) -> String) -> String {
    let level = |level: usize| {
        let what = if level == 0 { "lol".to_owned() } else { format!("*a{}", level - 1) };
        let items: Vec<String> = (0..10).map(|index| item(index, &what)).collect();
        format!("a{level}: &a{level} {open}{}{close}\n", items.join(", "))
    };
    (0..10).map(level).collect()
}

#[test]
fn aliases_that_multiply_are_refused() {
    assert_refused("lists of aliases", laughs("[", "]", |_, what| what.to_owned()));
    assert_refused("maps of aliases", laughs("{", "}", |index, what| format!("k{index}: {what}")));
    let keys: Vec<String> = (0..5_000).map(|key| format!("k{key}: v")).collect();
    let base = format!("base: &b {{{}}}\nl:\n", keys.join(", "));
    assert_refused("many merges", format!("{base}{}", "- {<<: *b}\n".repeat(10_000)));
    assert_refused("a merge of many", format!("{base}  <<: [{}]\n", "*b, ".repeat(20_000)));
    assert_refused("an alias of itself", "a: &a [*a]\n");
}

#[test]
fn a_long_text_with_many_aliases_is_refused() {
    for (length, aliases) in [(80_000, 16_000), (500_000, 90_000)] {
        let long = "x".repeat(length);
        let text = format!("a: &a {long}\nb:\n{}", "- *a\n".repeat(aliases));
        assert_refused("a long value", text);
    }
    let text = format!("a: &a {}\nb:\n{}", "x".repeat(60_000), "- {*a : 1}\n".repeat(9_000));
    assert_refused("a long key", text);
}

#[test]
fn anchors_around_one_large_value_are_refused() {
    let open: String = (0..90).map(|level| format!("&a{level} [")).collect();
    let text = format!("a: {open}{}{}\n", "x, ".repeat(200_000), "]".repeat(90));
    assert_refused("anchors around anchors", text);
}

#[test]
fn nesting_of_every_sort_is_refused() {
    let deep = |count: usize, last: &str| -> String {
        (0..count).map(|level| format!("{}a:\n", " ".repeat(level))).collect::<String>() + last
    };
    for (name, text) in [
        ("open lists", "[".repeat(100_000)),
        ("closed lists", "[".repeat(100_000) + &"]".repeat(100_000)),
        ("open maps", "{".repeat(100_000)),
        ("maps in maps", "{a: ".repeat(100_000)),
        ("maps in maps, 2 MB", "{a: ".repeat(500_000)),
        ("pairs in lists", "[a: ".repeat(100_000)),
        ("dashes", "- ".repeat(100_000) + "a\n"),
        ("question marks", "? ".repeat(50_000) + "a\n"),
        ("a map of 5000 levels", deep(5_000, "")),
        ("a map of 5000 levels that ends", deep(5_000, &(" ".repeat(5_000) + "b\n"))),
    ] {
        assert_refused(name, text);
    }
}

#[test]
fn no_depth_that_can_be_asked_for_overflows_the_stack() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let file = scratch.path().join("deep.yaml");
    let pair = pair("s0");
    let previews = "golden/one-service/input/previews.yaml";
    let name = file.display().to_string();
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", "")] {
        let deep = format!("{}a{}", open.repeat(490), close.repeat(490));
        let text =
            pair.replace("spec:\n  selector", &format!("deep:\n  {deep}\nspec:\n  selector"));
        fs::write(&file, text).expect("the folder can be written");
        let ask =
            |depth| limited(&["render", previews, "--baseline", &name, "--max-depth", depth], None);
        assert_eq!(ask("500").code, Some(1), "the preview names no service of it");
        assert!(!ask("500").stderr.contains("nests deeper"));
        assert!(ask("489").stderr.contains("nests deeper"));
        let answer = ask("501");
        assert_eq!(answer.code, Some(2));
        assert!(answer.stderr.contains("no more than 500 levels"), "{}", answer.stderr);
    }
}

#[test]
fn texts_of_100_megabytes_are_refused() {
    let long = "x".repeat(100_000_000);
    assert_refused("a plain scalar", format!("a: {long}\n"));
    assert_refused("a single-quoted scalar", format!("a: '{long}'\n"));
    assert_refused("a double-quoted scalar", format!("a: \"{long}\"\n"));
    assert_refused("a literal scalar", format!("a: |\n  {long}\n"));
    assert_refused("a folded scalar", format!("a: >\n{}", "  xxxx xxxx xxxx\n".repeat(6_000_000)));
    assert_refused("a key", format!("{long}: a\n"));
    assert_refused("a comment", format!("# {long}\n"));
    assert_refused("comments", "# x\n".repeat(25_000_000));
    assert_refused("empty lines", "\n".repeat(100_000_000));
}

#[test]
fn a_million_small_things_are_refused() {
    let million = 1_000_000;
    let keys: String = (0..million).map(|key| format!("k{key}: v\n")).collect();
    assert_refused("keys", keys);
    assert_refused("documents", "---\na: b\n".repeat(million));
    assert_refused("null documents", "--- ~\n".repeat(million));
    assert_refused("documents of comments", "---\n#\n".repeat(million));
    assert_refused("items", "- v\n".repeat(million));
    assert_refused("items in flow style", format!("[{}]\n", "a, ".repeat(million)));
    assert_refused("maps in flow style", format!("[{}]\n", "{a: b}, ".repeat(million / 2)));
    let service = "- {apiVersion: v1, kind: Service, metadata: {name: a}}\n".repeat(million / 5);
    assert_refused("objects", format!("apiVersion: v1\nkind: List\nitems:\n{service}"));
}

#[test]
fn a_text_of_nothing_but_mistakes_gets_a_short_report() {
    assert_refused("one key", "a: 1\n".repeat(1_000_000));
    assert_refused("one empty key", format!("{{{}}}\n", ": a, ".repeat(10_000)));
    assert_refused("tags", "- !x a\n".repeat(100_000));
}

#[test]
fn syntax_that_grows_without_end_is_refused() {
    for (name, text) in [
        ("an open quote", "a: \"".to_owned() + &"x\n  ".repeat(1_000_000)),
        ("an open list", "[".to_owned() + &"a, ".repeat(500_000)),
        ("commas", format!("[{}]\n", ",".repeat(100_000))),
        ("colons", format!("a{}\n", ":a".repeat(1_000_000))),
        ("lines of one scalar", "a: x\n".to_owned() + &"  x\n".repeat(1_000_000)),
        ("a long indentation", format!("a:\n{}b: c\n", " ".repeat(1_000_000))),
        ("a long anchor", format!("a: &{} b\n", "x".repeat(1_000_000))),
        ("a long tag", format!("a: !{} b\n", "x".repeat(1_000_000))),
        ("a long number", format!("a: {}\n", "1".repeat(1_000_000))),
        ("anchors", "- &a b\n".repeat(100_000)),
        ("empty documents", "---\n".repeat(16_000_000)),
        ("directives", "%FOO x\n".repeat(100_000) + "---\na: b\n"),
        ("a directive of another version", "%YAML 9.9\n---\na: b\n".to_owned()),
    ] {
        assert_refused(name, text);
    }
}

#[test]
fn what_readers_disagree_about_is_refused() {
    for (name, text) in [
        ("a key twice", "a: 1\na: 2\n"),
        ("a key twice in flow style", "{a: 1, a: 2}\n"),
        ("a tab for an indentation", "a:\n\tb: 1\n"),
        ("a control character", "a: \u{1}\n"),
        ("the character DEL", "a: \u{7f}\n"),
        ("the character U+FFFE", "a: \u{fffe}\n"),
        ("a byte order mark in the middle", "a: b\n\u{feff}c: d\n"),
        ("half of a surrogate pair", "a: \"\\ud800\"\n"),
        ("a character that does not exist", "a: \"\\UFFFFFFFF\"\n"),
        ("a directive", "%YAML 1.1\n---\na: b\n"),
        ("a document that ends and goes on", "a: b\n...\nc: d\n"),
        ("two values of JSON", "{\"a\": 1}\n{\"b\": 2}\n"),
        ("something behind a separator", "a: b\n--- |\n c\n"),
        ("a key that is a boolean to kubectl", "no: a\n"),
        ("a key that is another number to kubectl", "0777: a\n"),
        ("an escaped character that kustomize loses", "a: \"\\x7f\"\n"),
        ("a merge key below what it changes", "a: &a {b: 1}\nc: {b: 2, <<: *a}\n"),
        ("a key that kustomize loses", "a: {\"<<\": {b: 1}}\n"),
        ("an escape that is none", "a: \"\\.\"\n"),
        ("a list for a key", "? [a, b]\n: c\n"),
        ("a template", "{{ .Values.x }}: y\n"),
        ("a literal block without its indentation", "a: |9\n x\n"),
        ("nothing", ""),
    ] {
        assert_refused(name, text);
    }
}

/// Compiles what one preview says of a baseline, within the limit of memory, and tells how long it took.
pub(super) fn compile(previews: &str, baseline: &str, more: &[&str]) -> (Answer, Duration) {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let file = scratch.path().join(name);
        fs::write(&file, text).expect("the folder can be written");
        file.display().to_string()
    };
    let head = "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  \
                baseline: {namespace: shop, delivery: include}\n  limits: {previews: 1000000}\n  \
                tests: [{name: smoke, path: ./smoke}]\n  previews:\n  - name: pr-1\n";
    let previews = write("previews.yaml", &format!("{head}{previews}"));
    let baseline = write("baseline.yaml", baseline);
    let started = Instant::now();
    let arguments = [&["render", &previews, "--baseline", &baseline], more].concat();
    (limited(&arguments, None), started.elapsed())
}

/// Something many times over, and what one preview says of it: the whole is compiled or refused, in time
/// and within its memory.
#[track_caller]
pub(super) fn assert_ends(name: &str, previews: &str, baseline: &str) -> String {
    let (answer, took) = compile(previews, baseline, &[]);
    let words: String = answer.stderr.chars().take(300).collect();
    assert!(matches!(answer.code, Some(0 | 1)), "{name}: {:?} {words}", answer.code);
    assert!(took < PATIENCE, "{name} took {took:?}");
    assert!(answer.stderr.len() < WORDS, "{name}: {words}");
    answer.stderr
}

/// How many of one thing there are. Builds with debug assertions make every object twice.
pub(super) const COUNT: usize = if cfg!(debug_assertions) { 300 } else { 2_000 };

pub(super) fn many(one: &dyn Fn(usize) -> String) -> String {
    (0..COUNT).map(one).collect()
}

pub(super) fn service(name: &str, app: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{selector: {{app: {app}}}, ports: [{{name: http, port: 80}}]}}\n---\n"
    )
}

pub(super) fn workload(name: &str, app: &str, more: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
         selector: {{matchLabels: {{app: {app}}}}}\n  template:\n    metadata: {{labels: {{app: {app}}}}}\n    \
         spec: {{containers: [{{name: a, image: \"x/{app}:1\"}}{more}]}}\n---\n"
    )
}

/// A Service and its workload.
pub(super) fn pair(name: &str) -> String {
    service(name, name) + &workload(name, name, "")
}

#[test]
fn thousands_of_one_thing_end_in_time() {
    let named = |index: usize| format!("s{index}");
    let route = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: shop}\nspec:\n";
    let mesh = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: s0, namespace: shop}\nspec:\n";

    let all = many(&|index| pair(&named(index)));
    let every = many(&|index| format!("    - {{name: s{index}, image: \"x/s{index}:2\"}}\n"));
    let every = format!("    services:\n{every}");
    let one = "    services: [{name: s0, image: \"x/s0:2\"}]\n";
    let backends = many(&|index| format!("{{name: s{index}, port: 80}}, "));
    let parents = many(&|index| format!("{{group: \"\", kind: Service, name: s{index}}}, "));
    let hosts = many(&|index| format!("{{destination: {{host: s{index}}}, weight: 1}}, "));
    let rule = |path: &str| {
        format!(
            "  - matches: [{{path: {{type: PathPrefix, value: /{path}}}}}]\n    \
             backendRefs: [{{name: s0, port: 80}}, {{name: {path}, port: 80}}]\n"
        )
    };
    let entry = |path: &str| {
        format!(
            "  - match: [{{uri: {{prefix: /{path}}}}}]\n    \
             route: [{{destination: {{host: s0}}}}]\n"
        )
    };
    let parent = "  parentRefs: [{group: \"\", kind: Service, name: s0}]\n";

    assert_ends("a preview of every service", &every, &all);
    assert_ends("names of nothing", &every.replace("name: s", "name: t"), &all);
    let alike = many(&|index| service(&named(index), "s0") + &workload(&named(index), "s0", ""));
    assert_ends("Services that select every workload", one, &alike);
    let rules = format!("{route}{parent}  rules:\n{}", many(&|index| rule(&named(index))));
    assert_ends("rules of one service", one, &(pair("s0") + &rules));
    let rules =
        format!("{route}  parentRefs: [{parents}]\n  rules:\n  - backendRefs: [{backends}]\n");
    assert_ends("a route of every service to every service", &every, &(all.clone() + &rules));
    let entries = format!("{mesh}  hosts: [s0]\n  http:\n{}", many(&|index| entry(&named(index))));
    assert_ends("entries of one VirtualService", one, &(pair("s0") + &entries));
    let split = format!("{mesh}  hosts: [s0]\n  http:\n  - route: [{hosts}]\n");
    assert_ends("a VirtualService that splits among all", &every, &(all.clone() + &split));
    let each = many(&|index| mesh.replace("s0", &named(index)) + "  hosts: [s0]\n---\n");
    assert_ends("VirtualServices of one host", &every, &(all + &each));
    let variables = many(&|index| format!("{{name: E{index}, value: v}}, "));
    let changed = format!("    services: [{{name: s0, image: \"x/s0:2\", env: [{variables}]}}]\n");
    assert_ends("variables", &changed, &pair("s0"));
    let containers = many(&|index| format!(", {{name: c{index}, image: y}}"));
    let images = many(&|index| format!("{{name: c{index}, image: x}}, "));
    let changed = format!("    services: [{{name: s0, containers: [{images}]}}]\n");
    let large = service("s0", "s0") + &workload("s0", "s0", &containers);
    assert_ends("containers", &changed, &large);
    let long = format!("    services: [{{name: s0, {}: 1}}]\n", "k".repeat(900));
    assert_ends(
        "a long field",
        &long.replace(": 1", &format!("{}: 1", "k".repeat(COUNT))),
        &pair("s0"),
    );
}

#[test]
fn ways_in_that_multiply_are_refused() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let list =
        |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<String>();
    let entry = |index| {
        format!(
            "{{gateway: {{namespace: shop, name: g}}, host: \"{{host}}.{{preview}}.e{index}.example.com\"}}, "
        )
    };
    let preview = |index| format!("  - {{name: pr-{index}, services: [{{name: s0, image: x}}]}}\n");
    let previews = format!(
        "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {{namespace: shop}}\n  \
         limits: {{previews: 1000}}\n  routing: {{entries: [{}]}}\n  previews:\n{}",
        list(300, &entry),
        list(700, &preview)
    );
    let route = format!(
        "{}apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r, namespace: shop}}\nspec:\n  \
         parentRefs: [{{name: g}}]\n  hostnames: [{}]\n  rules: [{{backendRefs: [{{name: s0, port: 80}}]}}]\n",
        pair("s0"),
        list(500, &|index| format!("h{index}.example.com, "))
    );
    let write = |name: &str, text: &str| {
        let file = scratch.path().join(name);
        fs::write(&file, text).expect("the folder can be written");
        file.display().to_string()
    };
    let (previews, baseline) = (write("previews.yaml", &previews), write("baseline.yaml", &route));
    let started = Instant::now();
    let words = limited(&["render", &previews, "--baseline", &baseline], None).failed();
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    assert!(words.contains("--max-rules"), "{words}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let wide = |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    };
    assert_refused("a NUL byte", "a: b\0c\n");
    assert_refused("a megabyte of NUL bytes", vec![0; 1_000_000]);
    assert_refused("bytes that are not UTF-8", b"a: \xff\xfe\xfa\n");
    assert_refused("half of a character", b"a: \xc3");
    assert_refused("UTF-16, little end first", wide("\u{feff}a: b\n", u16::to_le_bytes));
    assert_refused("UTF-16, big end first", wide("\u{feff}a: b\n", u16::to_be_bytes));
    assert_refused("UTF-16 without a mark", wide("a: b\n", u16::to_le_bytes));
    assert_refused("UTF-32", b"\xff\xfe\0\0a\0\0\0:\0\0\0 \0\0\0b\0\0\0\n\0\0\0");
}

#[test]
fn a_process_of_these_tests_cannot_hold_more() {
    let script = format!("ulimit -d {MEMORY} && exec dd if=/dev/zero of=/dev/null count=1 bs=$0");
    let takes = |bytes: &str| run(Command::new("sh").args(["-c", &script, bytes]), "").code;
    assert_eq!((takes("200M"), takes("300M")), (Some(0), Some(1)));
}

#[test]
fn the_files_of_a_folder_are_counted_together() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let text = format!("a: [{}1]\n", "1, ".repeat(1_900_000));
    for index in 0..8 {
        fs::write(scratch.path().join(format!("{index}.yaml")), &text).expect("it can be written");
    }
    let started = Instant::now();
    let folder = scratch.path().display().to_string();
    let previews = "golden/one-service/input/previews.yaml";
    let words = limited(&["render", previews, "--baseline", &folder], None).failed();
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    assert!(words.contains("the files of the baseline have more nodes than"), "{words}");
}

#[test]
fn what_aliases_make_in_the_files_of_a_folder_is_counted_together() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let laughs = laughs("[", "]", |_, what| what.to_owned());
    let text: String = laughs.split_inclusive('\n').take(4).collect();
    for index in 0..300 {
        fs::write(scratch.path().join(format!("{index}.yaml")), &text).expect("it can be written");
    }
    let folder = scratch.path().display().to_string();
    let previews = "golden/one-service/input/previews.yaml";
    for more in [&[][..], &["--max-alias-nodes", "18446744073709551615"]] {
        let asked = [&["render", previews, "--baseline", &folder], more].concat();
        let words = limited(&asked, None).failed();
        assert!(words.contains("the files of the baseline have more nodes than"), "{words}");
    }
}

#[test]
fn hundreds_of_thousands_of_mistakes_get_a_short_report() {
    const MANY: usize = 100 * COUNT;
    let many = |one: &dyn Fn(usize) -> String| (0..MANY).map(one).collect::<String>();
    let patches = |one: &dyn Fn(usize) -> String| {
        format!("    services:\n    - name: s0\n      image: x\n      patches:\n{}", many(one))
    };
    let check = |name: &str, code: &str, previews: &str| {
        let words = assert_ends(name, previews, &pair("s0"));
        assert!(words.starts_with(&format!("error[{code}]")), "{name}: {words:.300}");
        assert!(words.contains("there are more findings than these"), "{name}");
    };
    check(
        "patches that are none",
        "bad-patch",
        &patches(&|index| format!("      - {{patch: x{index}}}\n")),
    );
    let lost = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: z}}";
    check(
        "patches of nothing",
        "bad-patch",
        &patches(&|_| format!("      - {{patch: \"{lost}\"}}\n")),
    );
    let previews = |services: &dyn Fn(usize) -> String| {
        // Half as many: each has more nodes.
        let one = |index| format!("  - {{name: pr-x{index}, services: [{}]}}\n", services(index));
        let rest: String = (0..MANY / 2).map(one).collect();
        format!("    services: [{{name: s0, image: x}}]\n{rest}")
    };
    check(
        "services that are none",
        "unknown-service",
        &previews(&|index| format!("{{name: x{index}}}")),
    );
    let patch = |index| format!("{{name: s0, image: x, patches: [{{patch: x{index}}}]}}");
    check("a patch of each preview that is none", "bad-patch", &previews(&patch));
}

#[test]
fn edits_among_thousands_of_previews_end_in_time() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let file = scratch.path().join("previews.yaml");
    let entry = |index: usize| {
        format!(
            "  # of pr-{index}\n  - name: pr-{index}\n    expires: \"2020-01-01T00:00:00Z\"\n    \
             services: [{{name: s0, image: x}}]\n"
        )
    };
    let head = "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {namespace: shop}\n  \
                limits: {previews: 100000}\n  previews:\n";
    let entries: String = (0..10 * COUNT).map(entry).collect();
    fs::write(&file, format!("{head}{entries}")).expect("the folder can be written");
    let name = file.display().to_string();
    for arguments in
        [["set", "pr-7", "--image", "s0=x:2"].as_slice(), &["remove", "pr-8"], &["prune"]]
    {
        let started = Instant::now();
        let arguments = [arguments, &["--file", &name]].concat();
        limited(&arguments, None).ok();
        assert!(started.elapsed() < PATIENCE, "{arguments:?} took {:?}", started.elapsed());
    }
    let left = fs::read_to_string(&file).expect("the file is there");
    assert_eq!(left, head.replace("previews:\n", "previews: [  ]\n"));
}

/// Renders a folder with this kustomization.
fn build(kustomization: &str, arguments: &[&str]) -> Answer {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        fs::write(scratch.path().join(name), text).expect("the folder can be written");
    };
    write("kustomization.yaml", kustomization);
    write("pair.yaml", &pair("s0"));
    let previews = "golden/one-service/input/previews.yaml";
    let folder = scratch.path().display().to_string();
    limited(&[&["render", previews, "--baseline", &folder], arguments].concat(), None)
}

#[test]
fn a_build_that_waits_for_a_server_is_ended() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("it has an address");
    let kustomization = format!("resources: [\"http://{address}/never.yaml\"]\n");
    let started = Instant::now();
    let words = build(&kustomization, &["--max-build-seconds", "1"]).failed();
    assert!(words.contains("takes more seconds than the limit of 1"), "{words}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn what_a_build_makes_counts_as_input() {
    let resources = "resources: [pair.yaml]\n";
    let words = build(resources, &["--max-input-bytes", "500"]).failed();
    assert!(words.contains("kustomize build"), "{words}");
    assert!(words.contains("the input has more bytes than the limit of 500"), "{words}");
    let words = build("resources: [missing.yaml]\n", &[]).failed();
    assert!(words.contains("no such file"), "{words}");
}
