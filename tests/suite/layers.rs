//! Stages import only from stages before them, every code can be found, and every file says what it is for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anabranch::diagnostic::code::CODES;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use regex::Regex;

use super::orchestrator::root;

/// The modules of the library, in the order of the pipeline.
const ORDER: [&str; 19] = [
    "ordered",
    "diagnostic",
    "limits",
    "yaml",
    "kube",
    "spec",
    "read",
    "validate",
    "model",
    "edit",
    "plan",
    "emit",
    "write",
    "pipeline",
    "arguments",
    "affected",
    "diff",
    "cli",
    "command",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .expect("src can be read")
        .map(|entry| entry.expect("src can be read").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    sources(&root().join("src"), &mut paths);
    paths
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root()).expect("below the root").display().to_string();
            (name, fs::read_to_string(path).expect("source is text"))
        })
        .collect()
}

/// A file of src without what is compiled for tests only.
struct Source {
    name: String,
    tokens: Vec<TokenTree>,
}

impl Source {
    fn new((name, text): (String, String)) -> Self {
        let tokens = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name, tokens: without_tests(tokens) }
    }

    /// The module of the library that the file belongs to.
    fn stage(&self) -> &str {
        let stage = self.name.split('/').nth(1).unwrap_or_default();
        stage.trim_end_matches(".rs")
    }

    /// How many modules the file is below the root of the library.
    fn depth(&self) -> usize {
        self.name.split('/').skip(1).filter(|part| *part != "mod.rs").count()
    }
}

/// Every file that is a part of the program.
fn program() -> Vec<Source> {
    let is_program =
        |(name, _): &(String, String)| !name.ends_with("/tests.rs") && !name.contains("/tests/");
    all().into_iter().filter(is_program).map(Source::new).collect()
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

fn is_ident(token: Option<&TokenTree>, wanted: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if *ident == wanted)
}

/// Drops every item behind `#[cfg(test)]`: up to its body or its semicolon.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let mut kept = Vec::new();
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let is_for_tests = is_punct(Some(&token), '#')
            && matches!(rest.peek(), Some(TokenTree::Group(group))
                if group.stream().to_string().replace(' ', "") == "cfg(test)");
        if !is_for_tests {
            kept.push(token);
            continue;
        }
        rest.find(|token| match token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            other => is_punct(Some(other), ';'),
        });
    }
    kept
}

/// Calls `visit` with every list of tokens: the file's, and what stands in brackets of any kind.
fn walk(tokens: &[TokenTree], visit: &mut impl FnMut(&[TokenTree])) {
    visit(tokens);
    for token in tokens {
        if let TokenTree::Group(group) = token {
            walk(&without_tests(group.stream()), visit);
        }
    }
}

/// The tokens behind `head::`, where they begin with it.
fn behind<'t>(tokens: &'t [TokenTree], head: &str) -> Option<&'t [TokenTree]> {
    let colons = is_punct(tokens.get(1), ':') && is_punct(tokens.get(2), ':');
    (is_ident(tokens.first(), head) && colons).then(|| &tokens[3..])
}

/// The next names of a path, with their lines: one, or as many as stand in braces.
fn heads(path: &[TokenTree]) -> Vec<(String, usize)> {
    match path.first() {
        Some(TokenTree::Ident(ident)) => vec![(ident.to_string(), ident.span().start().line)],
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
            let paths = tokens.split(|token| is_punct(Some(token), ','));
            paths.flat_map(heads).collect()
        }
        _ => Vec::new(),
    }
}

/// The modules of the library that a file names: behind `crate::`, or as many `super::` as lead there.
fn imports(source: &Source) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    walk(&source.tokens, &mut |tokens| {
        for start in 0..tokens.len() {
            let from_root = behind(&tokens[start..], "crate");
            let is_first = start < 2 || !is_punct(tokens.get(start - 1), ':');
            let upwards = (0..source.depth())
                .try_fold(&tokens[start..], |rest, _| behind(rest, "super"))
                .filter(|_| is_first);
            found.extend(from_root.or(upwards).map(heads).unwrap_or_default());
        }
    });
    found
}

fn rank(stage: &str) -> Option<usize> {
    ORDER.iter().position(|module| *module == stage)
}

/// What a file imports from stages behind its own.
fn upward_imports(source: &Source) -> Vec<String> {
    let own = rank(source.stage());
    let is_later =
        |module: &str| rank(module).is_some_and(|other| own.is_some_and(|own| other > own));
    imports(source)
        .into_iter()
        .filter(|(module, _)| is_later(module))
        .map(|(module, line)| {
            format!("{}:{line}: {} imports {module}", source.name, source.stage())
        })
        .collect()
}

#[test]
fn a_stage_imports_only_from_stages_before_it() {
    let wrong: Vec<String> = program().iter().flat_map(upward_imports).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_of_the_library_has_a_place_in_the_order() {
    let sources = program();
    let of_library =
        sources.iter().map(Source::stage).filter(|stage| !["lib", "main"].contains(stage));
    let unknown: Vec<&str> = of_library.filter(|stage| rank(stage).is_none()).collect();
    assert!(unknown.is_empty(), "ORDER lacks {}", unknown.join(", "));
}

#[test]
fn the_guard_sees_imports_however_they_are_written() {
    let seen = |code: &str| {
        upward_imports(&Source::new(("src/read/folder.rs".to_owned(), code.to_owned()))).len()
    };
    assert_eq!(seen("use crate::emit::part;"), 1);
    assert_eq!(seen("use crate::{\n    diagnostic::{Code, Report},\n    emit::part, plan,\n};"), 2);
    assert_eq!(seen("use super::super::{emit, yaml::Node};"), 1);
    assert_eq!(seen("fn f() { g(vec![crate::plan::h()]) }"), 1);
    assert_eq!(seen("use super::emit; // read's own\nuse crate::yaml::Node;"), 0);
    assert_eq!(seen("// crate::emit\n/// [crate::plan]\nconst A: &str = \"crate::emit::\";"), 0);
    assert_eq!(
        seen("#[cfg(test)]\nmod tests { use crate::emit; }\n#[cfg(test)]\nuse crate::plan;"),
        0
    );
}

#[test]
fn every_file_opens_by_saying_its_job() {
    let silent: Vec<String> = all()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(name, _)| name)
        .collect();
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

/// The names of codes that a file mentions, `code::NAME` or in a group.
fn codes(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    walk(&source.tokens, &mut |tokens| {
        for start in 0..tokens.len() {
            let names = behind(&tokens[start..], "code").map(heads).unwrap_or_default();
            found.extend(names.into_iter().map(|(name, _)| name));
        }
    });
    found
}

/// The names that the files of src/diagnostic/code give to codes: `NAME = "id"`.
fn defined() -> Vec<String> {
    let mut found = Vec::new();
    let sources = program();
    for source in sources.iter().filter(|one| one.name.starts_with("src/diagnostic/code/")) {
        walk(&source.tokens, &mut |tokens| {
            for window in tokens.windows(3) {
                if let [TokenTree::Ident(name), equals, TokenTree::Literal(_)] = window
                    && is_punct(Some(equals), '=')
                    && name != "doc"
                {
                    found.push(name.to_string());
                }
            }
        });
    }
    found
}

#[test]
fn every_code_that_is_defined_can_be_found() {
    let (defined, sources) = (defined(), program());
    assert_eq!(defined.len(), CODES.len());
    let used: BTreeSet<String> = sources.iter().flat_map(codes).collect();
    let unused: Vec<&String> = defined.iter().filter(|name| !used.contains(*name)).collect();
    assert!(unused.is_empty(), "codes that no rule reports: {unused:?}");
}

/// The types that say which API a route is written in, or which of its kinds a route is.
const APIS: [&str; 5] = ["Api", "RouteApi", "MeshRoutes", "Attached", "RouteKind"];

/// Whether a variant of these types is named: `RouteApi::Istio`.
fn names_api(tokens: &[TokenTree]) -> bool {
    let mut found = false;
    walk(tokens, &mut |tokens| {
        let is_variant = |start: usize| {
            let behind = APIS.iter().find_map(|api| behind(&tokens[start..], api));
            let name = behind.and_then(|behind| behind.first()).map(ToString::to_string);
            // Constants such as `ALL` are of capitals alone, and functions have none.
            name.is_some_and(|name| {
                name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase)
            })
        };
        found |= (0..tokens.len()).any(is_variant);
    });
    found
}

/// The patterns of the arms of a match, each with its guard.
fn patterns(arms: &[TokenTree]) -> Vec<&[TokenTree]> {
    let (mut found, mut rest) = (Vec::new(), arms);
    let is_arrow = |two: &[TokenTree]| is_punct(two.first(), '=') && is_punct(two.last(), '>');
    while let Some(end) = rest.windows(2).position(is_arrow) {
        found.push(&rest[..end]);
        let body = &rest[end + 2..];
        let is_block = matches!(body.first(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace);
        let ends = |token: &TokenTree| is_punct(Some(token), ',');
        let length = if is_block { 1 } else { body.iter().position(ends).unwrap_or(body.len()) };
        rest = &body[length..];
        if rest.first().is_some_and(ends) {
            rest = &rest[1..];
        }
    }
    found
}

/// Whether a pattern fits everything: `_`, or a name.
fn is_fallback(pattern: &[TokenTree]) -> bool {
    matches!(pattern, [TokenTree::Ident(name)] if name.to_string().starts_with(|c: char| c == '_' || c.is_lowercase()))
}

/// The lines on which something is decided by the API of a route without an answer for each API: a match with
/// a fallback, `matches!`, a comparison, or a `let` that fits one of them alone.
fn open_decisions(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    walk(&source.tokens, &mut |tokens| {
        for (at, token) in tokens.iter().enumerate() {
            let rest = &tokens[at + 1..];
            let group = rest.iter().find_map(|token| match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group),
                _ => None,
            });
            let is_open = if is_ident(Some(token), "match") {
                let arms: Vec<TokenTree> =
                    group.map(|group| group.stream().into_iter().collect()).unwrap_or_default();
                let patterns = patterns(&arms);
                patterns.iter().any(|one| names_api(one))
                    && patterns.iter().any(|one| is_fallback(one))
            } else if is_ident(Some(token), "matches") && is_punct(rest.first(), '!') {
                names_api(rest.get(1..2).unwrap_or_default())
            } else if is_ident(Some(token), "let") {
                let end = rest.iter().position(|token| is_punct(Some(token), '='));
                end.is_some_and(|end| names_api(&rest[..end]))
            } else if is_punct(rest.first(), '=')
                && (is_punct(Some(token), '=') || is_punct(Some(token), '!'))
            {
                let before = &tokens[at.saturating_sub(4)..at];
                names_api(before) || names_api(rest.get(1..5).unwrap_or_default())
            } else {
                false
            };
            if is_open {
                found.push(format!("{}:{}", source.name, token.span().start().line));
            }
        }
    });
    found
}

#[test]
fn every_decision_by_the_api_of_a_route_has_an_answer_for_each_api() {
    let open: Vec<String> = program().iter().flat_map(open_decisions).collect();
    assert!(open.is_empty(), "one more API would compile here without a word: {}", open.join(", "));
}

#[test]
fn the_guard_sees_decisions_that_leave_an_api_out() {
    let open = |code: &str| {
        !open_decisions(&Source::new(("src/plan/x.rs".to_owned(), code.to_owned()))).is_empty()
    };
    for code in [
        "fn f() { match api { RouteApi::Istio => 1, _ => 2 } }",
        "fn f() { match api { Some(RouteApi::Istio) => { a(); } other => b(other) } }",
        "fn f() -> bool { matches!(api, RouteApi::Istio) }",
        "fn f() { if let Attached::Istio(it) = one {} }",
        "fn f() { let Some(RouteApi::GatewayApi) = api else { return }; }",
        "fn f() -> bool { route.api == RouteApi::Istio }",
        "fn f() -> bool { Api::Auto != spec.api }",
        "fn f() -> bool { matches!(api, RouteApi::OneMore) }",
        "fn f() { if kind == RouteKind::Http {} else {} }",
    ] {
        assert!(open(code), "{code}");
    }
    for code in [
        "fn f() { match api { RouteApi::GatewayApi => 1, RouteApi::Istio => match x { _ => 2 } } }",
        "fn f() { match api { Some(RouteApi::GatewayApi) => 1, Some(RouteApi::Istio) => 2, None => 3 } }",
        "fn f() { let all: Vec<RouteApi> = RouteApi::ALL.into(); let api = RouteApi::Istio; }",
        "fn f() { match kind { \"x\" => RouteApi::Istio, _ => RouteApi::GatewayApi } }",
    ] {
        assert!(!open(code), "{code}");
    }
}

#[test]
fn kinds_of_routes_are_told_apart_by_their_type() {
    // The type itself, and tables of kinds.
    let tables = ["kube/gateway.rs", "kube/kinds.rs", "kube/route_api.rs", "read/renamed.rs"];
    let is_table = |source: &&Source| tables.iter().any(|name| source.name.ends_with(name));
    for source in program().iter().filter(|source| !is_table(source)) {
        walk(&source.tokens, &mut |tokens| {
            let mut texts = tokens.iter().map(ToString::to_string);
            let kind =
                texts.find(|text| ["\"HTTPRoute\"", "\"GRPCRoute\""].contains(&text.as_str()));
            assert_eq!(kind, None, "{} asks for a name instead of RouteKind", source.name);
        });
    }
}

/// The ways in which findings do not travel, in tokens without blanks: see the module `diagnostic`.
const OTHER_WAYS: [&str; 4] = [
    r"&('\w+)?mutVec<Diagnostic>",
    r"Box<Diagnostic>",
    r"Result<(\([^()]*\)|[^;{}()=])*,(Vec<)?Diagnostic>",
    r"->\([^()]*,Vec<Diagnostic>\)",
];

#[test]
fn findings_travel_in_a_report_or_in_a_refusal() {
    for source in program() {
        assert_eq!(other_way(&source), None, "{}", source.name);
    }
}

/// Another way in which findings travel in a source, without blanks.
fn other_way(source: &Source) -> Option<String> {
    static PATTERNS: LazyLock<[Regex; 4]> =
        LazyLock::new(|| OTHER_WAYS.map(|way| Regex::new(way).expect("a pattern")));
    let tokens: TokenStream = source.tokens.iter().cloned().collect();
    let mut text = tokens.to_string();
    text.retain(|c| !c.is_whitespace());
    PATTERNS.iter().find_map(|way| Some(way.find(&text)?.as_str().to_owned()))
}

#[test]
fn the_guard_sees_other_ways_of_findings() {
    let other = |code: &str| other_way(&Source::new(("src/x.rs".to_owned(), code.to_owned())));
    for code in [
        "fn f(findings: &mut Vec<Diagnostic>) {}",
        "struct S<'f> { findings: &'f mut Vec<Diagnostic> }",
        "fn f() -> Result<T, Diagnostic> {}",
        "fn f() -> Result<(T, U), Vec<Diagnostic>> {}",
        "fn f() -> Result<Applicable<'a>, Box<Diagnostic>> {}",
        "type Refused = Box<Diagnostic>;",
        "fn f() -> (T, Vec<Diagnostic>) {}",
    ] {
        assert!(other(code).is_some(), "{code}");
    }
    for code in [
        "fn f(report: &mut Report) {}",
        "fn f() -> Result<T, Refused> {}",
        "fn f() -> Vec<Diagnostic> {}",
        "fn f() -> Option<Diagnostic> {}",
        "struct S { findings: Vec<Diagnostic> }",
    ] {
        assert_eq!(other(code), None, "{code}");
    }
}

#[test]
fn the_lists_of_apis_and_of_kinds_have_each_of_them() {
    for (file, name) in [("route_api.rs", "RouteApi"), ("gateway.rs", "RouteKind")] {
        let text = fs::read_to_string(root().join("src/kube").join(file)).expect("source is text");
        let between = |start: &str, end: &str| {
            let rest = text.split_once(start).map(|(_, rest)| rest);
            rest.and_then(|rest| Some(rest.split_once(end)?.0)).expect("the file has it")
        };
        let lines = between(&format!("enum {name} {{"), "}").lines().map(str::trim);
        let variants: Vec<&str> = lines
            .filter(|line| !line.starts_with("//"))
            .filter_map(|line| line.strip_suffix(','))
            .collect();
        let listed: Vec<&str> = between("const ALL", "];").split("Self::").skip(1).collect();
        let listed: Vec<&str> =
            listed.iter().map(|name| name.trim_end_matches([',', ' ', '\n'])).collect();
        assert_eq!(listed, variants);
    }
}
