//! What holds for every map and every change.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::answer::{Answer, answer};
use super::map::Map;
use crate::diagnostic::{Diagnostic, Report, Sources};
use crate::limits::InputLimits;
use crate::spec::{MappedService, Module, PathMap, Unmapped, read_affected};
use crate::yaml::{Node, parse_documents};

fn map_of(spec: &PathMap) -> Map {
    let mut report = Report::default();
    let map = Map::new(spec, &Node::default(), &mut report);
    assert!(report.is_empty(), "{report:?}");
    map
}

fn names(answer: &Answer) -> BTreeSet<&str> {
    answer.services.keys().map(String::as_str).collect()
}

fn globs() -> impl Strategy<Value = Vec<String>> {
    let glob = prop_oneof![
        4 => (0..6).prop_map(|folder| format!("d{folder}/**")),
        1 => (0..6).prop_map(|folder| format!("!d{folder}/b/**")),
        1 => Just("**/*.md".to_owned()),
        1 => Just("d{0,3}/*".to_owned()),
    ];
    prop::collection::vec(glob, 0..3)
}

/// Maps of four modules and five services, rings among them.
fn maps() -> impl Strategy<Value = PathMap> {
    let names = |kind: char, count: usize| {
        prop::collection::vec((0..count).prop_map(move |index| format!("{kind}{index}")), 0..3)
    };
    let module = (globs(), names('m', 4)).prop_map(|(paths, uses)| Module { paths, uses });
    let service = (globs(), names('m', 4), names('s', 5))
        .prop_map(|(paths, uses, with)| MappedService { paths, uses, with });
    let unmapped = prop_oneof![Just(Unmapped::Error), Just(Unmapped::All), Just(Unmapped::Ignore)];
    let modules = prop::collection::vec(module, 4);
    let services = prop::collection::vec(service, 5);
    (unmapped, globs(), globs(), modules, services).prop_map(
        |(unmapped, ignore, all, modules, services)| {
            let modules = modules.into_iter().enumerate();
            let services = services.into_iter().enumerate();
            let modules = modules.map(|(index, one)| (format!("m{index}"), one)).collect();
            let services = services.map(|(index, one)| (format!("s{index}"), one)).collect();
            PathMap { unmapped, ignore, all, modules, services }
        },
    )
}

fn paths() -> impl Strategy<Value = Vec<String>> {
    let name = prop_oneof![Just("a.go"), Just("b/c.go"), Just("b/read.md"), Just(".x")];
    let path = (0..7, name).prop_map(|(folder, name)| format!("d{folder}/{name}"));
    prop::collection::vec(path, 0..8)
}

fn ask(map: &Map, paths: &[String]) -> Answer {
    answer(map, paths.iter().map(String::as_str))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn more_files_never_make_fewer_services(spec in maps(), some in paths(), more in paths()) {
        let map = map_of(&spec);
        let (before, after) = (ask(&map, &some), ask(&map, &[some, more].concat()));
        prop_assert!(names(&before).is_subset(&names(&after)));
        let built = |answer: &Answer| -> BTreeSet<String> {
            let built = answer.services.iter().filter(|(_, one)| one.build);
            built.map(|(name, _)| name.clone()).collect()
        };
        prop_assert!(built(&before).is_subset(&built(&after)));
        let unmapped = |answer: &Answer| answer.unmapped.iter().cloned().collect::<BTreeSet<_>>();
        prop_assert!(unmapped(&before).is_subset(&unmapped(&after)));
    }

    #[test]
    fn what_two_changes_affect_is_what_each_affects(
        spec in maps(),
        some in paths(),
        more in paths(),
    ) {
        let map = map_of(&spec);
        let (one, other) = (ask(&map, &some), ask(&map, &more));
        let both = ask(&map, &[some, more].concat());
        prop_assert_eq!(names(&both), &names(&one) | &names(&other));
    }

    #[test]
    fn the_order_of_paths_and_of_names_in_the_map_changes_nothing(
        mut spec in maps(),
        mut paths in paths(),
    ) {
        let forward = ask(&map_of(&spec), &paths);
        paths.reverse();
        spec.modules.values_mut().for_each(|one| one.uses.reverse());
        for one in spec.services.values_mut() {
            one.uses.reverse();
            one.with.reverse();
        }
        prop_assert_eq!(forward, ask(&map_of(&spec), &paths));
    }

    #[test]
    fn every_service_has_a_reason_that_begins_with_a_path(spec in maps(), paths in paths()) {
        let answer = ask(&map_of(&spec), &paths);
        for one in answer.services.values() {
            prop_assert!(!one.reasons.is_empty());
            let mut reasons = one.reasons.iter();
            prop_assert!(reasons.all(|chain| chain.len() > 1 && paths.contains(&chain[0])));
        }
    }
}

/// What is wrong with a map, given as its text.
fn mistakes(spec: &str) -> Vec<Diagnostic> {
    let mut sources = Sources::default();
    let text = format!("apiVersion: anabranch.dev/v1alpha1\nkind: Affected\nspec:\n{spec}");
    let file = sources.add("affected.yaml", text);
    let node = parse_documents(&sources, file, &InputLimits::default()).expect("YAML").remove(0);
    let affected = read_affected(&node).expect("fields as they should be");
    let mut report = Report::default();
    Map::new(&affected.spec, node.get("spec").expect("a spec"), &mut report);
    report.unless_errors(()).expect_err("the map is wrong").into_iter().collect()
}

#[test]
fn names_of_the_map_are_checked_all_at_once() {
    let found = mistakes(
        "  modules:\n    go: {paths: [a/**], uses: [gp]}\n    web: {paths: [b/**]}\n  services:\n\
         \x20   web: {paths: [c/**], with: [go, wbe]}\n    -x: {paths: [d/**]}\n    a b: {paths: ['[']}\n\
         \x20   'a\"b': {paths: [e/**]}\n    a/b: {paths: [f/**]}\n    ä: {paths: [g/**]}\n    Web_1.x-y: {paths: [h/**]}\n",
    );
    let codes: BTreeMap<&str, usize> = found.iter().fold(BTreeMap::new(), |mut codes, one| {
        *codes.entry(one.code.id).or_default() += 1;
        codes
    });
    let wanted = [("bad-glob", 1), ("bad-name", 4), ("duplicate-name", 1), ("unknown-owner", 3)];
    assert_eq!(codes, BTreeMap::from(wanted), "{found:?}");
    assert!(found.iter().any(|one| one.help.contains("`uses: [go]`")), "{found:?}");
}

#[test]
fn a_ring_of_modules_ends() {
    let mut spec = PathMap::default();
    for (name, uses) in [("a", "b"), ("b", "c"), ("c", "a")] {
        let module = Module { paths: vec![format!("{name}/**")], uses: vec![uses.to_owned()] };
        spec.modules.insert(name.to_owned(), module);
    }
    let uses = vec!["b".to_owned()];
    let cart = MappedService { paths: vec!["cart/**".to_owned()], uses, with: Vec::new() };
    spec.services.insert("cart".to_owned(), cart);
    let found = ask(&map_of(&spec), &["a/x".to_owned()]);
    let chain =
        ["a/x", "module a (a/**)", "module c uses a", "module b uses c", "service cart uses b"];
    assert_eq!(found.services["cart"].reasons, [chain]);
}

/// A ring of `count` services, each with a folder of its own.
fn ring(count: usize) -> PathMap {
    let mut spec = PathMap::default();
    for index in 0..count {
        let uses = vec![format!("s{}", (index + 1) % count)];
        let (paths, with) = (vec![format!("d{index}/**")], Vec::new());
        spec.services.insert(format!("s{index}"), MappedService { paths, uses, with });
    }
    spec
}

#[test]
fn of_a_long_ring_and_many_paths_a_bounded_number_of_reasons_is_kept() {
    const COUNT: usize = 300;
    let paths: Vec<String> = (0..COUNT).map(|index| format!("d{index}/a")).collect();
    let answer = ask(&map_of(&ring(COUNT)), &paths);
    assert_eq!(answer.services.len(), COUNT);
    let (mut kept, mut left_out) = (0, 0);
    for one in answer.services.values() {
        assert!(one.build && !one.reasons.is_empty());
        assert!(one.reasons.iter().all(|chain| chain.len() <= 21), "{:?}", one.reasons[0]);
        kept += one.reasons.len();
        left_out += one.left_out;
    }
    // Every service is reached from every folder.
    assert_eq!(kept + left_out, COUNT * COUNT);
    assert!(kept <= 10_000 + COUNT && left_out > 0, "{kept}");
}

#[test]
fn chains_of_companions_are_bounded_too() {
    const COUNT: usize = 400;
    let mut spec = ring(COUNT);
    for (index, name) in (0..COUNT).map(|index| (index, format!("s{index}"))) {
        let one = spec.services.get_mut(&name).expect("it is there");
        one.uses = Vec::new();
        one.with = vec![format!("s{}", (index + 1) % COUNT)];
    }
    let paths: Vec<String> = (0..2_000).map(|index| format!("d7/{index}")).collect();
    let answer = ask(&map_of(&spec), &paths);
    assert_eq!(answer.services.len(), COUNT);
    let kept: usize = answer.services.values().map(|one| one.reasons.len()).sum();
    assert!(kept <= 10_000 + COUNT, "{kept}");
    let told = answer.services.values().all(|one| one.reasons.len() + one.left_out == 2_000);
    assert!(told && answer.services["s8"].reasons[0][0].starts_with("d7/"));
}
