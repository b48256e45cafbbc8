//! What the reader makes of texts, and that the quick reader agrees with the parser.

use super::*;

fn read(text: &str) -> Result<Vec<Node>, Refused> {
    let mut sources = Sources::default();
    let file = sources.add_quotable("a.yaml", text);
    parse_documents(&sources, file, &InputLimits::default())
}

fn first_code(text: &str) -> &'static str {
    read(text).expect_err("the text is wrong")[0].code.id
}

#[test]
fn documents_keep_order_text_and_quoting() {
    let documents = read("b: 0444\na: '1'\n---\n# nothing\n---\n- x\n").expect("valid");
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[0].entries()[0].0.text, "b");
    assert_eq!(documents[0].text_at(&["b"]), Some("0444"));
    assert_eq!(documents[0].to_json(), serde_json::json!({"b": 292, "a": "1"}));
}

/// The trees that the conforming parser alone makes of a text; `None` if it finds a mistake.
fn parsed(text: &str) -> Option<Vec<Node>> {
    let mut builder = Builder::new(FileId::default(), InputLimits::default());
    let _ = builder.parse(text, 0);
    builder.errors.is_empty().then_some(builder.documents)
}

/// Whether the quick reader read every document. Fails if its trees are not those of the parser.
fn is_read_alike(text: &str) -> bool {
    let mut all = true;
    for piece in pieces(text) {
        let body = without_marker(piece.text).filter(|_| piece.wrong.is_none());
        let Some(body) = body else {
            all = false;
            continue;
        };
        let start = piece.offset + piece.text.len() - body.len();
        let Some(quick) = quick::read(body, FileId::default(), start, &InputLimits::default())
        else {
            all = false;
            continue;
        };
        // The same places need the same text in front.
        let alone = " ".repeat(start).replace("  ", "#\n") + body;
        let alone = if start % 2 == 1 { alone.replacen(' ', "\n", 1) } else { alone };
        let parsed = parsed(&alone);
        let quick: Vec<Node> = quick.node.into_iter().collect();
        let parsed = parsed.map(|nodes| format!("{nodes:#?}")).unwrap_or_default();
        let quick = format!("{quick:#?}");
        let first = quick.lines().zip(parsed.lines()).position(|(a, b)| a != b);
        let around = |text: &str| {
            let from = first.unwrap_or_default().saturating_sub(9);
            text.lines().skip(from).take(14).collect::<Vec<_>>().join(
                "
",
            )
        };
        assert!(
            quick == parsed,
            "{body}
read: {}
parsed: {}",
            around(&quick),
            around(&parsed)
        );
    }
    all
}

#[test]
fn plain_yaml_is_read_as_the_parser_reads_it() {
    for text in [
        "a: 1 # c\nb:\n  c: x\n  d:\n  # hi\n\n  e: 'y'\nf:\n- g: 1\n  h: \"z\"\n-\n- - k\n  - l\n# end\ni: |\n  lit\n  two\n\nj: {}\nk: []\nl:\n\n\nm: x",
        "a:\n  - b\n  -   c: d\n      e: f\n  - - - g\n",
        "a: |-\n    x\n      y\n\n    z\n\n\nb: |+\n  x\n\n\nc: |\n  # no comment\n  - x\n",
        "- a\n- b: c\n-\n  d: e\n-\n  - f\n- |\n  g\n- ''\n- \"\"\n- 'it''s'\n",
        "---\na: b\n---\n# nothing\n---\n- c\n--- \nd: e\n",
        "image: registry:5000/a/b:c@sha256:0\nurl: http://x:80/y#z\ntime: 12:30:45\nneg: -1\nstar: a*b\n\"q k\": v\n'r': w\n",
        "\n\n# only\n# comments\n",
        "a:\nb:\n- c\nd:\n  - e:\n    - f\n",
        "a: [b, \"c d\", 'it''s', -1, --port=80, $(X), h:80 ,  http://x:80/y ,] # e, f]\n",
        "a: [ ]\nb: { }\nc: [[], [[x]], {}, {d: e, f: [g], }]\n",
        "- {a: b, 'c': \"d\", \"e f\": g h}\n- [a]\n-   {a: [b]}   # c\n-\n  [a]\n",
        "a: [http://x:80/y?z]\n",
        "a: [ä, ö#, #, b]\n",
        "a: [b #, c\n]\n",
        "a: [?a, :b, -, - c, &d e, *f, !g h, %i, @j, `k, |l, >m]\n",
        "a: [b: c]\nd: {e, f: , g}\n",
        "a: {b:c, d:, e: f:g, h: i:, \"j\":k}\n",
        "a: [b c: d, 'e'f, \"g\\\"\", '', 'h''']\n",
        "a: [b, c\n, d]\n",
        "a: {b: 1, b: 2}\n",
        "a: [b] c\n",
        "a: [b]: c\n",
        "a: [b\n",
        "a: [b}\n",
        "a: [,]\n",
        "a: [b,,c]\n",
        "[a]: b\n",
        "{a: b}\n",
        "  [a, {b: c}] # d\n",
        "{a: b}: c\n",
        "[a]\nb\n",
        "ä: ö\n",
        "a: ö\n",
    ] {
        is_read_alike(text);
    }
    assert!(is_read_alike("a: 1\nb:\n- c: d\n  e: |\n    f\n  g: {}\n---\nh: \"i\" # j\n"));
    assert!(is_read_alike("a: [b, \"c\", --d=e, 'f''g'] # h\ni: {j: {k: [1, 2]}, l: m n }\n"));
}

#[test]
fn mutilated_yaml_is_read_as_the_parser_reads_it_or_left_to_it() {
    let blocks = "apiVersion: v1\nkind: List\nmetadata:\n  name: 'x'\n  labels: {}\nitems:\n- a: |\n    one\n     two\n\n  b:\n    - c: \"d\" # e\n      f: []\n    -   - g\n        - h: -1\n  i:\n# k\n- l: http://m:80\n  'n': \"\"\n-\n- o\n";
    let flow = "a: [b, c d, \"e\", 'f''g', {h: i}]\nj: {k: l, 'm': [-1, http://n:80], o: {p: \"\"}}\nq:\n- {r: s}\n- [t]\n";
    let pieces = [
        "\n", " ", "  ", "-", "- ", ": ", ":", "#", " #", "'", "\"", "|", "a", "|-\n", "---\n",
        "[]", "{}", "''", "~", "\\", ">", "?", "\t", ",", ", ", "[", "]", "{", "}", "{a: ", "[b]",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("below fits")
    };
    for (seed, least, most) in [(blocks, 500, 3_000), (flow, 500, 3_000)] {
        let mut quick = 0;
        for _ in 0..5_000 {
            let mut text = seed.to_owned();
            for _ in 0..=random(3) {
                let from = random(text.len());
                let to = (from + random(4)).min(text.len());
                text.replace_range(
                    from..to,
                    if random(3) == 0 { "" } else { pieces[random(pieces.len())] },
                );
            }
            quick += usize::from(is_read_alike(&text));
        }
        assert!((least..most).contains(&quick), "{quick} were read without the parser");
    }
}

#[test]
fn a_line_end_that_was_made_that_of_windows_twice_is_one() {
    let text = "run: |\n  #!/bin/sh\n  a \\\n    b\n\n  c\nfold: >\n  x\n  y\n\nplain: x\n  y\nquoted: \"x\n  y\"\n";
    let read_as = |end: &str| read(&text.replace('\n', end)).expect("YAML").remove(0).to_json();
    assert_eq!(read_as("\r\r\n"), read_as("\n"));
    assert_eq!(read_as("\r\n"), read_as("\n"));
}

#[test]
fn aliases_and_merge_keys_are_expanded() {
    let documents = read("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\nc: *x\n").expect("valid");
    assert_eq!(
        documents[0].to_json(),
        serde_json::json!({"a": {"k": 1, "l": 2}, "b": {"k": 3, "l": 2}, "c": {"k": 1, "l": 2}})
    );
}

#[test]
fn a_quoted_merge_key_is_refused_for_kustomize_loses_it() {
    for text in
        ["\"<<\": 1\n", "{\"<<\": 1}\n", "a: {'<<': {b: c}}\n", "!!str <<: 1\n", "- '<<': {}\n"]
    {
        let findings = read(text).expect_err("kustomize loses it");
        let message = &findings[0].message;
        assert!(message.contains("loses the key `<<`"), "{text}: {message}");
    }
    assert!(read("a: ['<<', \"<<\"]\n").is_ok());
}

#[test]
fn bad_texts_are_refused_with_their_code() {
    assert_eq!(first_code("a: 1\na: 2\n"), "duplicate-key");
    assert_eq!(first_code("a: {b: 1, b: 2}\n"), "duplicate-key");
    assert_eq!(first_code("a:\n\tb: 1\n"), "yaml-syntax");
    assert_eq!(first_code("a: {b: "), "yaml-syntax");
    assert_eq!(first_code("a: *nobody\n"), "yaml-syntax");
    assert_eq!(first_code("{{ .Values.x }}: y\n"), "yaml-syntax");
    assert_eq!(first_code("<<: lost\n"), "yaml-syntax");
    for infinite in ["a: .inf\n", "- -.Inf\n", "a: [.nan, b]\n", "a: {b: +.INF}\n"] {
        assert_eq!(first_code(infinite), "yaml-syntax", "{infinite}");
    }
    assert_eq!(first_code("<<: [{a: 1}, lost]\n"), "yaml-syntax");
    assert_eq!(first_code(&"[".repeat(10_000)), "input-limit");
    assert_eq!(first_code(&"{a: ".repeat(10_000)), "input-limit");
    assert_eq!(first_code(&"- ".repeat(10_000)), "input-limit");
    let deep: String = (0..10_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert_eq!(first_code(&deep), "input-limit");
}

#[test]
fn documents_count_whether_empty_or_not() {
    let limits = InputLimits { documents: 2, ..InputLimits::default() };
    let read = |text: &str| {
        let mut sources = Sources::default();
        let file = sources.add_quotable("a.yaml", text);
        parse_documents(&sources, file, &limits).map_err(|errors| errors[0].code.id)
    };
    for part in ["---\na: b\n", "---\n---\n", "---\n# c\n", "---\n!!str\n...\n"] {
        assert!(read(&part.repeat(2)).is_ok(), "{part}");
        assert_eq!(read(&part.repeat(3)).err(), Some("input-limit"), "{part}");
    }
}

#[test]
fn a_text_is_read_up_to_its_hundredth_mistake() {
    let findings = read(&"a: 1\n".repeat(1_000)).expect_err("the text is wrong");
    assert_eq!(findings.len(), 101);
    let last = &findings[100].message;
    assert!(last.contains("the rest was not read"), "{last}");
    assert_eq!(read(&"a: 1\n".repeat(100)).expect_err("wrong").len(), 99);
}

#[test]
fn an_alias_bomb_ends_in_an_error() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let items = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", items.trim_end_matches(", ")));
    }
    assert_eq!(first_code(&bomb), "input-limit");
}

#[test]
fn what_aliases_make_counts_as_nodes_too() {
    let limits = InputLimits { nodes: 100, alias_nodes: usize::MAX, ..InputLimits::default() };
    let read = |text: &str| {
        let mut sources = Sources::default();
        let file = sources.add_quotable("a.yaml", text);
        let (read, nodes) = parse_counted(&sources, file, &limits);
        (read.err().map(|errors| errors[0].help.clone()), nodes)
    };
    let ten = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\nb: [";
    let (_, alone) = read(&format!("{ten}]\n"));
    let (error, with_five) = read(&format!("{ten}*a, *a, *a, *a, *a]\n"));
    // Each alias, and what it stands for.
    assert_eq!((error, with_five), (None, alone + 5 * (1 + 10)));
    let (error, _) = read(&format!("{ten}{}]\n", "*a, ".repeat(10)));
    assert!(error.is_some_and(|help| help.contains("--max-nodes")));
}
