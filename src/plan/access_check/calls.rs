//! Calls that some policies tell apart: one for each way in which what they ask for can be there or not.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::{
    Call, Field, Followed, HOST, METHOD, OF_REQUEST, OPERATION, PATH, PORT, items, texts,
};
use crate::yaml::Node;

/// The most calls of one workload for which every combination is tried. Beyond that there is one for each thing that
/// a rule asks for.
const MOST: usize = 400;

/// What a request is of which no policy says anything.
const PLAIN: [(&str, &str); 3] = [(HOST, "anabranch.example"), (METHOD, "GET"), (PATH, "/")];

/// What no policy names.
const OTHER: [(&str, &str); 2] = [(METHOD, "TRACE"), (PATH, "/anabranch")];

/// The calls that policies tell apart.
pub(super) fn told_apart(policies: &[Followed<'_>]) -> Vec<Call> {
    let mut values: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
    let mut calls: BTreeSet<Call> = BTreeSet::from([plain()]);
    for rule in policies.iter().flat_map(|one| one.rules) {
        let mut rest = Call::new();
        for condition in items(rule, "when") {
            let key = condition.text_at(&["key"]).unwrap_or_default();
            if !is_identity(key) {
                note(condition, "values", key, &mut values, &mut rest);
                note(condition, "notValues", key, &mut values, &mut Call::new());
            }
        }
        for source in items(rule, "from").iter().filter_map(|from| from.get("source")) {
            note_all(source, &OF_REQUEST, &mut values, &mut rest);
        }
        calls.insert(plain().into_iter().chain(rest.clone()).collect());
        for operation in items(rule, "to").iter().filter_map(|to| to.get("operation")) {
            let mut call = plain();
            call.extend(rest.clone());
            note_all(operation, &OPERATION, &mut values, &mut call);
            calls.insert(call);
        }
    }
    for (key, value) in PLAIN.into_iter().chain(OTHER) {
        if let Some(values) = values.get_mut(key) {
            values.insert(Some(value.to_owned()));
        }
    }
    let count = values.values().try_fold(1usize, |count, of| count.checked_mul(of.len()));
    if count.is_some_and(|count| count <= MOST) {
        calls.extend(combined(&values));
    }
    calls.into_iter().collect()
}

fn plain() -> Call {
    PLAIN.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Whether a condition is about the caller.
pub(super) fn is_identity(key: &str) -> bool {
    matches!(key, "source.principal" | "source.namespace" | "source.serviceAccount")
}

fn note_all(
    node: &Node,
    fields: &[Field],
    values: &mut BTreeMap<String, BTreeSet<Option<String>>>,
    call: &mut Call,
) {
    for (field, not, key) in fields {
        note(node, field, key, values, call);
        note(node, not, key, values, &mut Call::new());
    }
}

/// Notes what a list asks for, and that it may not be there; a call gets the first of it.
fn note(
    node: &Node,
    field: &str,
    key: &str,
    values: &mut BTreeMap<String, BTreeSet<Option<String>>>,
    call: &mut Call,
) {
    for (index, pattern) in texts(node, field).enumerate() {
        let value = concrete(key, pattern);
        let known = values.entry(key.to_owned()).or_insert_with(|| BTreeSet::from([None]));
        known.insert(Some(value.clone()));
        if index == 0 {
            call.insert(key.to_owned(), value);
        }
    }
}

/// A value that fits a pattern.
fn concrete(key: &str, pattern: &str) -> String {
    if key.ends_with(".ip") {
        return pattern.split('/').next().unwrap_or(pattern).to_owned();
    }
    if key == PORT {
        return pattern.to_owned();
    }
    let value = pattern.replace("{**}", "any").replace("{*}", "any").replace('*', "any");
    if key == HOST { value.to_ascii_lowercase() } else { value }
}

/// Every combination of values.
fn combined(values: &BTreeMap<String, BTreeSet<Option<String>>>) -> Vec<Call> {
    let mut calls = vec![plain()];
    for (key, of) in values {
        let mut more = Vec::with_capacity(calls.len() * of.len());
        for value in of {
            more.extend(calls.iter().map(|call| {
                let mut call = call.clone();
                match value {
                    Some(value) => call.insert(key.clone(), value.clone()),
                    None => call.remove(key),
                };
                call
            }));
        }
        calls = more;
    }
    calls
}

/// A call in words.
pub(super) fn shown(call: &Call) -> String {
    let text = |key: &str| call.get(key).map(String::as_str).unwrap_or_default();
    let mut words = format!("{} {}", text(METHOD), text(PATH)).trim().to_owned();
    for (key, value) in call {
        let is_plain = PLAIN.iter().any(|(of, plain)| of == key && plain == value);
        if !is_plain && key != METHOD && key != PATH {
            words += &format!(", {key} {value}");
        }
    }
    words
}
