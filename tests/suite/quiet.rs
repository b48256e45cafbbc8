//! What is never said: the text of what may be a Secret or is no manifest, a command to the runner of a pipeline,
//! and that a program calls nobody when it does. The words of a run are read by more people, and by more programs,
//! than its input.

use std::fs;
use std::process::Command;

use super::orchestrator::{ANABRANCH, Answer, CART, run, write_text};

const CONFIG: &str = "\
apiVersion: anabranch.dev/v1alpha1
kind: Previews
metadata: {name: shop}
spec:
  baseline: {namespace: shop}
  previews:
  - name: pr-1
    services: [{name: cart, image: \"cart:2\"}]
";

const FORMATS: [&str; 4] = ["text", "json", "sarif", "github"];

/// What is said of an input in every format, by `render`, and by the function where it can be sent to one.
fn said(config: &str, baseline: &str) -> Vec<(String, Answer)> {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    fs::write(scratch.path().join("previews.yaml"), config).expect("written");
    fs::write(scratch.path().join("baseline.yaml"), baseline).expect("written");
    let input = ["previews.yaml", "-b", "baseline.yaml"];
    let check = FORMATS.map(|format| [&["check", "--format", format][..], &input].concat());
    let commands = check.into_iter().chain([[&["render"][..], &input].concat()]);
    let answer = |arguments: Vec<&str>| {
        let mut command = Command::new(ANABRANCH);
        let answer = run(command.args(&arguments).current_dir(scratch.path()), "");
        (arguments.join(" "), answer)
    };
    commands.map(answer).collect()
}

/// What the function says of an input: in its results, and in its words. The items, which pass through as
/// they came, are left out.
fn said_by_the_function(config: &str, baseline: &str) -> String {
    let answer = run(&mut Command::new(ANABRANCH), &resource_list_of(config, baseline));
    let results = answer.stdout.split_once("\nresults:").map_or("", |(_, results)| results);
    format!("{results}\n{}", answer.stderr)
}

/// A ResourceList of texts, which need not be YAML.
fn resource_list_of(config: &str, baseline: &str) -> String {
    let item = |object: &str| format!("- {}\n", object.trim().replace('\n', "\n  "));
    let items: String = baseline.split("---\n").map(item).collect();
    let config = config.replace('\n', "\n  ");
    format!(
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\nitems:\n{items}functionConfig:\n  {config}\n"
    )
}

#[track_caller]
fn assert_silent(config: &str, baseline: &str) {
    for (command, answer) in said(config, baseline) {
        let words = answer.stdout + &answer.stderr;
        assert_eq!(answer.code, Some(1), "{baseline}{command}: {words}");
        assert!(!words.contains("hunter2"), "{baseline}{command}: {words}");
    }
    let words = said_by_the_function(config, baseline);
    assert!(!words.contains("hunter2"), "{baseline}the function: {words}");
}

#[test]
fn no_finding_shows_what_a_secret_holds() {
    let json = r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"stringData":{"p":"hunter2"}}"#;
    let twice = format!("{json}\n---\n{json}");
    let list = format!("{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{json},{json}]}}");
    let resources = list.replace("\"List\"", "\"ResourceList\"");
    let head = "apiVersion: v1\nkind: Secret\nmetadata: {name: b}\nstringData:";
    for text in [
        twice,
        list,
        resources,
        format!("{head}\n  p: \"hunter2\n"),
        format!("{head}\n  p: hunter2\n  p: hunter2\n"),
        format!("{head}\n  p: !hunter2 x\n"),
        format!("{head}\n  p: *hunter2\n"),
        format!("{head}\n  hunter2: a\n  hunter2: b\n"),
        format!("{head} {{p: hunter2\n"),
        format!("{head}\n\tp: hunter2\n"),
        "{apiVersion: v1, kind: Secret, stringData: {p: hunter2}}\n".to_owned(),
        format!("{head}\n  p: hunter2\n").replace("name: b", "name: a/hunter2"),
        format!("{head}\n  p: hunter2\n").replace("kind: Secret", "kind: \"\\x53ecret\"")
            + "  p: x\n",
        format!("{CART}{}", head.replace("apiVersion", "---\napiVersion")) + " [hunter2\n",
        // Without the line between two documents.
        format!("{CART}{head}\n  p: hunter2\n"),
        "hunter2: 1\nhunter2: 2\n".to_owned(),
        "[{hunter2: 1}]\n".to_owned(),
        "hunter2\n".to_owned(),
    ] {
        assert_silent(CONFIG, &format!("{CART}---\n{text}"));
    }
}

#[test]
fn no_finding_shows_what_a_patch_writes_into_a_secret() {
    let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\n";
    let baseline =
        CART.replace("image: cart:1", "image: cart:1, envFrom: [{secretRef: {name: db}}]");
    let baseline = format!("{baseline}{secret}");
    let targets = ["{kind: Secret, name: db}", "{name: db}", "{version: v1, name: db}"];
    let patches = [
        "{a: !hunter2 b}",
        "{a: !!int hunter2}",
        "{stringData: {p: hunter2",
        "{'a`hunter2': 1, 'a`hunter2': 2}",
        "{data: {p: hunter2}, data: {p: hunter2}}",
        "{data: {$patch: hunter2}}",
        "{metadata: [hunter2]}",
        "[{op: test, path: /data/p, value: hunter2}]",
        "[{op: hunter2, path: /data/p, value: hunter2}]",
        "[{op: add, path: /immutable, value: !hunter2 x}]",
        "{immutable: !hunter2 x}",
        "{kind: Deployment, immutable: !hunter2 x}",
        "? data\n: {p: !hunter2 x}",
        "hunter2",
    ];
    for (target, patch) in targets.iter().flat_map(|target| patches.map(|patch| (target, patch))) {
        let quoted = serde_json::Value::from(patch);
        let target = format!("target: {target}, ");
        let entry = format!("image: \"cart:2\", patches: [{{{target}patch: {quoted}}}]");
        let flow = CONFIG.replace("image: \"cart:2\"", &entry);
        assert_silent(&flow, &baseline);
        let block = format!("image: \"cart:2\"\n      patches: [{{{target}patch: {quoted}}}]\n");
        let block = CONFIG.replace(
            "[{name: cart, image: \"cart:2\"}]",
            &format!("\n    - name: cart\n      {block}"),
        );
        assert_silent(&block, &baseline);
        // A patch of something else that has `data` says nothing of this one.
        let of_words =
            "patches: [{target: {kind: ConfigMap, name: words}, patch: 'data: {a: b}'}, {";
        assert_silent(&flow.replace("patches: [{", of_words), &baseline);
    }
}

#[test]
fn no_finding_shows_what_a_patch_copies_out_of_a_secret() {
    let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\n\
                  stringData: {p: hunter2}\n";
    let uses = CART.replace("image: cart:1", "image: cart:1, envFrom: [{secretRef: {name: db}}]");
    for (op, to) in
        [("copy", "/type"), ("copy", "/metadata/annotations"), ("copy", "/metadata/labels")]
    {
        let patch = format!("[{{op: {op}, from: /stringData/p, path: {to}}}]");
        let entry =
            format!("image: \"cart:2\", patches: [{{target: {{kind: Secret}}, patch: '{patch}'}}]");
        let config = CONFIG.replace("image: \"cart:2\"", &entry);
        let baseline = format!("{uses}{secret}");
        for (command, answer) in said(&config, &baseline) {
            // What `render` writes is for the cluster.
            let findings =
                if command.starts_with("check") { &answer.stdout } else { &answer.stderr };
            assert!(findings.contains("more-access"), "{command}: {findings}");
            assert!(!findings.contains("hunter2"), "{command}: {findings}");
        }
        let words = said_by_the_function(&config, &baseline);
        assert!(!words.contains("hunter2"), "{words}");
    }
}

#[test]
fn what_looks_like_a_variable_in_a_secret_is_not_named() {
    let secret = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: shop}\n\
                  stringData: {p: 'a${hunter2}b'}\n";
    let uses = CART.replace("image: cart:1", "image: cart:1, envFrom: [{secretRef: {name: db}}]");
    for (command, answer) in said(CONFIG, &format!("{uses}{secret}")) {
        let words = answer.stderr + if command.starts_with("check") { &answer.stdout } else { "" };
        assert!(words.contains("variables of Secret shop/db"), "{command}: {words}");
        assert!(!words.contains("hunter2"), "{command}: {words}");
    }
}

#[test]
fn what_a_patch_of_a_workload_says_is_shown() {
    for patch in [
        "{target: {kind: Deployment, name: cart}, patch: '{spec: !shown b}'}",
        "{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: cart}, spec: !shown b}'}",
        "{patch: '[{op: add, path: /spec/paused, value: !shown b}]'}",
    ] {
        let entry = format!("image: \"cart:2\", patches: [{patch}]");
        for (command, answer) in said(&CONFIG.replace("image: \"cart:2\"", &entry), CART) {
            let words = answer.stdout + &answer.stderr;
            assert!(words.contains("`!shown`"), "{command}: {words}");
        }
    }
}

#[test]
fn nothing_is_said_of_what_another_file_holds_that_stands_for_previews() {
    for text in [
        "auth: hunter2\n",
        "{\"auths\": {\"ghcr.io\": {\"auth\": \"hunter2\"}}}",
        "apiVersion: v1\nkind: Config\nusers: [{user: {token: hunter2}}]\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {p: hunter2}\n",
        "root:hunter2:19000::::::\n",
        "hunter2",
        "- hunter2\n",
        "hunter2: 1\nhunter2: 2\n",
        "a: hunter2\n  : [\n",
        "HOME=/\0TOKEN=hunter2\0",
        "a: !hunter2 b\n",
    ] {
        assert_silent(text, CART);
    }
}

#[test]
fn kustomize_quotes_no_secret_for_us() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folder = scratch.path().join("baseline");
    fs::create_dir(&folder).expect("a folder");
    fs::write(scratch.path().join("previews.yaml"), CONFIG).expect("written");
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {p: *hunter2}\n";
    fs::write(folder.join("secret.yaml"), secret).expect("written");
    for text in [
        "secretGenerator: [{name: a, literals: [hunter2]}]\n",
        "resources: [secret.yaml]\n",
        "patches: [{patch: 'stringData: {p: \"hunter2}'}]\n",
    ] {
        fs::write(folder.join("kustomization.yaml"), text).expect("written");
        let mut command = Command::new(ANABRANCH);
        command.args(["check", "previews.yaml", "-b", "baseline"]).current_dir(scratch.path());
        let answer = run(&mut command, "");
        let words = answer.stdout + &answer.stderr;
        assert!(words.contains("kustomize build baseline: "), "{words}");
        assert!(!words.contains("hunter2"), "{words}");
    }
    for (text, wanted) in [
        (
            "helmCharts: [{name: a, repo: 'https://hunter2@a.example', version: '1'}]\n",
            "must specify --enable-helm",
        ),
        ("resourcs: []\n", "json: unknown field \"resourcs\""),
        ("resources: [b.yaml]\n", "b.yaml: no such file or directory"),
        ("resources: [], namePrefix: [hunter2]\n", "it is not read as kustomize reads it"),
    ] {
        fs::write(folder.join("kustomization.yaml"), text).expect("written");
        let mut command = Command::new(ANABRANCH);
        command.args(["check", "previews.yaml", "-b", "baseline"]).current_dir(scratch.path());
        let words = run(&mut command, "").stdout;
        assert!(words.contains(wanted) && !words.contains("hunter2"), "{words}");
        assert_eq!(words.contains("`helm template`"), text.contains("helm"), "{words}");
    }
}

/// Lines that a runner would take for a command; with `--format github` our own are meant to be.
fn commands(text: &str) -> Vec<&str> {
    let is_command = |line: &&str| {
        let line = line.to_ascii_lowercase();
        let start = line.trim_start();
        let ours = ["::error ", "::warning ", "::notice "].iter().any(|own| start.starts_with(own));
        ["##[", "##vso[", "##teamcity["].iter().any(|command| line.contains(command))
            || start.starts_with("::") && !ours
            || line.contains(['\u{1b}', '\u{9b}', '\u{2028}'])
    };
    text.split(['\n', '\r']).filter(is_command).collect()
}

#[test]
fn no_text_of_the_input_is_a_command_to_a_runner() {
    for command in [
        "##vso[task.setvariable variable=PATH]/tmp/x",
        "##[add-matcher]/tmp/x",
        "##VSO[task.complete result=Succeeded]",
        "a ###[set-env name=PATH]/tmp/x",
        "##teamcity[buildStop]",
        "\\n::set-env name=PATH::/tmp/x",
        "\\r::stop-commands::x",
        "\\u2028  ::stop-commands::x",
        "::stop-commands::x",
        "\\e[0Ksection_start:1:a\\r\\e[0K",
    ] {
        let places = [
            ("name: cart, image", format!("name: \"{command}\", image")),
            ("\"cart:2\"", format!("\"{command}\"")),
            ("name: pr-1", format!("name: \"{command}\"")),
            ("name: pr-1", format!("name: pr-1\n    \"{command}\": 1")),
            (
                "\"cart:2\"",
                format!("\"cart:2\", env: [{{name: A, value: \"{command}\\n{command}\"}}]"),
            ),
            ("\"cart:2\"", format!("\"cart:2\", patches: [{{patch: \"{command}\"}}]")),
            (
                "\"cart:2\"",
                format!("\"cart:2\", patches: [{{patch: \"? |\\n  {command}\\n: [\"}}]"),
            ),
        ];
        for (old, new) in places {
            let config = CONFIG.replace(old, &new);
            for (arguments, answer) in said(&config, CART) {
                let words = answer.stdout + "\n" + &answer.stderr;
                assert_eq!(commands(&words), [""; 0], "{config}{arguments}: {words}");
            }
            let list = resource_list_of(&config, CART);
            let answer = run(&mut Command::new(ANABRANCH), &list);
            let words = answer.stdout + "\n" + &answer.stderr;
            assert_eq!(commands(&words), [""; 0], "the function: {words}");
        }
    }
}

#[test]
fn no_argument_is_a_command_to_a_runner() {
    let command = "##[add-matcher]x\n::stop-commands::x";
    for arguments in [
        vec!["render", command],
        vec!["check", command, "-b", command],
        vec!["explain", command],
        vec!["set", command, "--image", command, "-f", command],
        vec!["remove", command, "-f", command],
        vec!["prune", "--now", command],
        vec!["init", command],
        vec![command],
    ] {
        let answer = run(Command::new(ANABRANCH).args(&arguments).current_dir("/proc"), "");
        let words = answer.stdout + "\n" + &answer.stderr;
        assert_eq!(commands(&words), [""; 0], "{arguments:?}: {words}");
        assert_ne!(answer.code, Some(0), "{arguments:?}: {words}");
    }
}

#[test]
fn a_service_of_another_namespace_of_the_baseline_is_one_that_a_text_names() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pay = CART.replace("shop", "pay").replace("cart", "ledger");
    let calling = CART.replace("image: cart:1", "image: cart:1, args: ['--to=http://ledger.pay']");
    let config =
        CONFIG.replace("{namespace: shop}", "{namespaces: [shop, pay]}\n  dependencies: found");
    write_text(&folder.path().join("previews.yaml"), &config);
    for (cart, notes) in [(CART, 1), (&calling, 0)] {
        write_text(&folder.path().join("shop.yaml"), &format!("{cart}---\n{pay}"));
        let mut check = Command::new(ANABRANCH);
        check.current_dir(folder.path()).args(["check", "previews.yaml", "-b", "shop.yaml"]);
        let words = run(&mut check, "").stdout;
        assert_eq!(words.matches("note[no-host-found]").count(), notes, "{words}");
    }
}
