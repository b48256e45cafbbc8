//! Calls that some policies tell apart: one for each way in which what they ask for can be there or not.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::{Ask, Call, HOST, METHOD, PATH, PORT, Wanted};

/// The most calls of one workload for which every combination is tried. Beyond that there is one for each thing that
/// a rule asks for.
const MOST: usize = 400;

/// What a request is of which no policy says anything.
const PLAIN: [(&str, &str); 3] = [(HOST, "anabranch.example"), (METHOD, "GET"), (PATH, "/")];

/// What no policy names.
const OTHER: [(&str, &str); 2] = [(METHOD, "TRACE"), (PATH, "/anabranch")];

/// The calls that some asks tell apart.
pub(super) fn told_apart<'p>(asks: impl Iterator<Item = &'p Ask<'p>>) -> Vec<Call> {
    let mut values = Values::new();
    let mut calls: BTreeSet<Call> = BTreeSet::from([plain()]);
    for ask in asks {
        let mut rest = plain();
        note(&ask.request, &mut values, &mut rest);
        for operation in &ask.operations {
            let mut call = rest.clone();
            note(operation, &mut values, &mut call);
            calls.insert(call);
        }
        calls.insert(rest);
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

/// What calls may have under each key.
type Values = BTreeMap<String, BTreeSet<Option<String>>>;

/// Notes what is asked for, and that it may not be there; a call gets the first of each list.
fn note(all: &[Wanted<'_>], values: &mut Values, call: &mut Call) {
    for Wanted { key, any, not } in all {
        if any.is_empty() && not.is_empty() {
            continue;
        }
        let known = values.entry((*key).to_owned()).or_insert_with(|| BTreeSet::from([None]));
        known.extend(any.iter().chain(not).map(|pattern| Some(concrete(key, pattern))));
        if let Some(first) = any.first() {
            call.insert((*key).to_owned(), concrete(key, first));
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
fn combined(values: &Values) -> Vec<Call> {
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
