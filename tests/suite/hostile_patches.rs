//! Hostile patches: texts of some kilobytes that would make trees without end, or compare and move the
//! same values again and again. Each is compiled or refused, in the time and memory of
//! [`hostile`](super::hostile).

use super::hostile::{COUNT, assert_ends, compile, many, pair, service, workload};

/// More items than any list of a manifest has.
const ITEMS: usize = 15 * COUNT;

/// What a preview says with these patches of its service.
fn patched(patches: &str) -> String {
    format!("    services: [{{name: s0, image: \"x/s0:2\", patches: [{patches}]}}]\n")
}

/// A patch of these operations.
fn operations(target: &str, operations: &str) -> String {
    patched(&format!("{{target: {{kind: {target}}}, patch: '[{operations}]'}}"))
}

/// A strategic merge patch.
fn merge(target: &str, text: &str) -> String {
    patched(&format!("{{target: {{kind: {target}}}, patch: '{text}'}}"))
}

fn items(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn patches_that_multiply_end_in_time() {
    let check = |name: &str, patches: &str| assert_ends(name, &patched(patches), &pair("s0"));
    let patch = |operations: &str| format!("{{patch: '[{operations}]'}}, ");
    let add = |index| patch(&format!("{{op: add, path: /spec/x{index}, value: {index}}}"));
    check("patches", &many(&add).repeat(10));
    let copies = many(&|index| format!("{{op: copy, from: /spec, path: /spec/x{index}}}, "));
    check("copies of copies", &patch(&copies));
    let long = format!("{{op: add, path: /spec/x, value: [{}]}}", "1, ".repeat(15 * COUNT));
    let shift = "{op: add, path: /spec/x/0, value: 2}";
    check("an item before a long list", &(patch(&long) + &patch(shift)));

    // What patches make is gone in the end, so that no limit of the output helps.
    let gone = "{op: remove, path: /spec/y}";
    let double = |level| format!("{{op: copy, from: /spec/y, path: /spec/y/x{level}}}, ");
    let doubled: String = (0..12).map(double).collect();
    let lists =
        |level| format!("a{level}: &a{level} [{}]", format!("*a{}, ", level - 1).repeat(10));
    let laughs = (1..5).map(lists).fold("a0: &a0 [1]".to_owned(), |all, one| all + ", " + &one);
    let numbers = "1, ".repeat(1_000);
    for (name, operations) in [
        ("copies", format!("{{op: copy, from: /spec/template, path: /spec/y}}, {doubled}{gone}")),
        ("aliases", format!("{{op: add, path: /spec/y, value: {{{laughs}}}}}, {gone}")),
        ("lists", format!("{{op: add, path: /spec/y, value: [{numbers}]}}, {gone}")),
        ("tests", "{op: test, path: /spec/replicas, value: 1}".to_owned()),
    ] {
        let own =
            |index| patch(&format!("{{op: add, path: /spec/z, value: {index}}}, {operations}"));
        let previews =
            many(&|index| format!("{}  - name: pr-{}\n", patched(&own(index)), index + 2));
        let last = patched(&own(COUNT));
        assert_ends(&format!("{name} of each preview"), &(previews + &last), &pair("s0"));
        let previews =
            many(&|index| format!("{}  - name: pr-{}\n", patched(&patch(&operations)), index + 2));
        let last = patched(&patch(&operations));
        assert_ends(&format!("{name} of all previews"), &(previews + &last), &pair("s0"));
    }
}

/// A patch that is none, or too much: either is said.
#[track_caller]
fn assert_limited(name: &str, previews: &str, baseline: &str) {
    let words = assert_ends(name, previews, baseline);
    assert!(
        words.contains("--max-patch-nodes") || words.contains("--max-depth"),
        "{name}: {words:.300}"
    );
}

#[test]
fn operations_on_long_lists_and_maps_end_in_time() {
    let of_service = |all: &str| operations("Service", all);
    let list =
        format!("{{op: add, path: /spec/x, value: [{}]}}", items(2 * ITEMS, |_| "1".to_owned()));
    let map =
        format!("{{op: add, path: /spec/x, value: {{a: [{}]}}}}", items(ITEMS, |_| "1".to_owned()));
    for (name, start, one) in [
        ("items before others", &list, "{op: add, path: /spec/x/0, value: 1}"),
        ("items from the front", &list, "{op: remove, path: /spec/x/0}"),
        ("comparisons", &list, "{op: test, path: /spec/x/0, value: 1}"),
        (
            "moves of a long list",
            &map,
            "{op: move, from: /spec/x/a, path: /spec/x/b}, {op: move, from: /spec/x/b, path: /spec/x/a}",
        ),
    ] {
        let all = items(10 * COUNT, |_| one.to_owned());
        assert_ends(name, &of_service(&format!("{start}, {all}")), &pair("s0"));
    }
    let large =
        format!("{{op: test, path: /spec/x, value: [{}]}}", items(COUNT, |_| "1".to_owned()));
    let all = items(COUNT / 10, |_| large.clone());
    assert_ends("comparisons of large values", &of_service(&format!("{list}, {all}")), &pair("s0"));
    let keys = items(10 * COUNT, |index| format!("{{op: add, path: /data/z{index}, value: x}}"));
    let entries = items(ITEMS, |index| format!("k{index}: x"));
    let volume = ", volumes: [{name: v, configMap: {name: c}}]";
    let baseline = service("s0", "s0")
        + &workload("s0", "s0", volume)
        + &format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: shop}}\ndata: {{{entries}}}\n"
        );
    assert_ends("keys of a large ConfigMap", &operations("ConfigMap", &keys), &baseline);
    let way = "/a".repeat(90);
    let deep = items(COUNT, |_| format!("{{op: test, path: {way}, value: 1}}"));
    assert_ends("long pointers", &of_service(&deep), &pair("s0"));
}

#[test]
fn merges_of_long_lists_and_maps_end_in_time() {
    let finalizers = |name: &str| items(ITEMS, |index| format!("example.com/{name}{index}"));
    let keys = |value: &str| items(ITEMS, |index| format!("k{index}: {value}"));
    let with = |metadata: &str| {
        let metadata = format!("metadata: {{{metadata}, name: s0");
        service("s0", "s0").replace("metadata: {name: s0", &metadata) + &workload("s0", "s0", "")
    };
    let old = with(&format!("finalizers: [{}]", finalizers("g")));
    let set = format!("metadata: {{finalizers: [{}]}}", finalizers("f"));
    assert_ends("finalizers", &merge("Service", &set), &old);
    let gone = set.replace("finalizers:", "$deleteFromPrimitiveList/finalizers:");
    assert_ends("finalizers that go", &merge("Service", &gone), &old);
    let old = with(&format!("annotations: {{{}}}", keys("x")));
    for (name, annotations) in [
        ("annotations", keys("y")),
        ("annotations that go", keys("null")),
        (
            "annotations that stay",
            format!("$retainKeys: [{}]", items(ITEMS, |index| format!("k{index}"))),
        ),
    ] {
        let text = format!("metadata: {{annotations: {{{annotations}}}}}");
        assert_ends(name, &merge("Service", &text), &old);
    }
    let container = |fields: &str| {
        merge(
            "Deployment",
            &format!("spec: {{template: {{spec: {{containers: [{{name: a, {fields}}}]}}}}}}"),
        )
    };
    let variables =
        |name: &str| items(ITEMS / 3, |index| format!("{{name: {name}{index}, value: v}}"));
    let ports = |name: &str| {
        items(ITEMS / 3, |index| format!("{{containerPort: 80, protocol: {name}{index}}}"))
    };
    let old = |fields: &str| pair("s0").replace("{name: a,", &format!("{{name: a, {fields},"));
    let env = old(&format!("env: [{}]", variables("E")));
    assert_ends("variables", &container(&format!("env: [{}]", variables("F"))), &env);
    let order = format!("$setElementOrder/env: [{}]", variables("E"));
    assert_ends("an order of variables", &container(&order), &env);
    let old = old(&format!("ports: [{}]", ports("E")));
    assert_ends("ports of one number", &container(&format!("ports: [{}]", ports("F"))), &old);
    let keys = "{k".to_owned() + &"k".repeat(1_000) + ": ";
    let inside = items(COUNT, |index| format!("f{index}: {{a: 1}}"));
    let long =
        format!("metadata: {{annotations: {}{{{inside}}}{}}}", keys.repeat(80), "}".repeat(80));
    assert_ends("long keys around others", &merge("Service", &long), &pair("s0"));
}

#[test]
fn patches_and_the_copies_they_are_compared_with_end_in_time() {
    let copies = service("s0", "s0") + &many(&|index| workload(&format!("d{index}"), "s0", ""));
    let none = many(&|index| {
        format!("{{target: {{kind: K{index}}}, patch: '[{{op: remove, path: /x}}]'}}, ")
    });
    assert_ends("patches of nothing", &patched(&none.repeat(2)), &copies);
    let documents = many(&|index| {
        format!("{{apiVersion: v1, kind: K{index}, metadata: {{name: x}}}}\\n---\\n")
    });
    assert_ends(
        "documents of nothing",
        &patched(&format!("{{patch: \"{}\"}}", documents.repeat(2))),
        &copies,
    );
}

#[test]
fn what_patches_nest_has_the_levels_of_a_text() {
    let start = "{op: add, path: /metadata/annotations, value: {a: {a: {}}}}".to_owned();
    let (mut all, mut depth) = (vec![start], 2);
    while depth < 20_000 {
        let to = "/a".repeat(depth + 1);
        all.push(format!(
            "{{op: copy, from: /metadata/annotations, path: /metadata/annotations{to}}}"
        ));
        depth *= 2;
    }
    assert_limited("copies into copies", &operations("Service", &all.join(", ")), &pair("s0"));
    let far = format!("{{op: test, path: {}, value: 1}}", "/a".repeat(500_000));
    assert_limited("a pointer of a megabyte", &operations("Service", &far), &pair("s0"));
}

#[test]
fn a_budget_that_is_used_up_is_an_error_and_drops_no_patch() {
    let add = |key: &str| {
        format!("{{patch: '[{{op: add, path: /metadata/labels, value: {{{key}: \"1\"}}}}]'}}, ")
    };
    let replace = "{patch: '[{op: replace, path: /metadata/labels/first, value: \"2\"}]'}";
    let previews = patched(&format!("{}{replace}", add("first")));
    // Whether both patches are in the copy; none where there is an error.
    let both = |tens: usize| {
        let limit = (10 * tens).to_string();
        let answer = compile(&previews, &pair("s0"), &["--max-patch-nodes", &limit]).0;
        let written = answer.stdout.contains("first: \"2\"");
        assert_eq!(answer.code, Some(i32::from(!written)), "{limit}: {}", answer.stdout);
        written || !answer.stderr.contains("--max-patch-nodes")
    };
    let (mut low, mut high) = (0, 10_000);
    assert!(both(high) && !both(low));
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if both(middle) { high = middle } else { low = middle }
    }
    // One object may use a tenth.
    for tens in high.saturating_sub(30)..high + 5 {
        both(tens);
    }
}

#[test]
fn no_work_that_can_be_asked_for_fills_the_memory() {
    let most = ["--max-patch-nodes", "18446744073709551615"];
    let answer = compile(&patched(""), &pair("s0"), &most).0;
    assert_eq!(answer.code, Some(2));
    assert!(answer.stderr.contains("no more than 100000000 values"), "{}", answer.stderr);
}
