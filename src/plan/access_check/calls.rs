//! Calls to try: one for each group of calls that some policies treat alike. The values of a call are taken from the
//! patterns of the policies, and each value may also be missing.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::{Call, FieldMatch, HOST, METHOD, PATH, PORT, Requirements};
use crate::ordered::ordered;

/// The most combinations of values that are tried at one workload. If there are more, each operation of each rule is
/// tried once.
const MOST_COMBINATIONS: usize = 400;

/// A request with values that policies seldom name.
const PLAIN: [(&str, &str); 3] = [(HOST, "anabranch.example"), (METHOD, "GET"), (PATH, "/")];

/// Values that no policy names.
const UNNAMED: [(&str, &str); 2] = [(METHOD, "TRACE"), (PATH, "/anabranch")];

/// To make a call is as much work as this many comparisons.
const CALL_COST: usize = 16;

/// The calls to try against the requirements with these numbers.
pub(super) fn representatives(
    numbers: &BTreeSet<usize>,
    requirements: &Requirements<'_>,
) -> Vec<Call> {
    let made = numbers.iter().map(|number| 1 + requirements.operations(*number).len());
    if !requirements.comparisons.count(CALL_COST * made.sum::<usize>()) {
        return Vec::new();
    }
    let mut values = Values::new();
    let mut calls: BTreeSet<Call> = BTreeSet::from([plain()]);
    for &number in numbers {
        let mut base = plain();
        collect(requirements.conditions(number), &mut values, &mut base);
        for operation in requirements.operations(number) {
            let mut call = base.clone();
            collect(operation.iter(), &mut values, &mut call);
            calls.insert(call);
        }
        calls.insert(base);
    }
    for (key, value) in PLAIN.into_iter().chain(UNNAMED) {
        if let Some(values) = values.get_mut(key) {
            values.insert(Some(value.to_owned()));
        }
    }
    let count = values.values().try_fold(1usize, |count, values| count.checked_mul(values.len()));
    if count.is_some_and(|count| count <= MOST_COMBINATIONS) {
        calls.extend(combinations(&values));
    }
    calls.into_iter().collect()
}

fn plain() -> Call {
    ordered(PLAIN.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())))
}

/// The values that calls may have under each key; `None` for a call without the key.
type Values = BTreeMap<String, BTreeSet<Option<String>>>;

/// Adds the values of some fields to `values`, and the first of each field to `call`.
fn collect<'p>(
    fields: impl Iterator<Item = &'p FieldMatch<'p>>,
    values: &mut Values,
    call: &mut Call,
) {
    for FieldMatch { key, any, not, .. } in fields {
        if any.is_empty() && not.is_empty() {
            continue;
        }
        let known = values.entry((*key).to_owned()).or_insert_with(|| BTreeSet::from([None]));
        known.extend(any.iter().chain(not).map(|pattern| Some(example(key, pattern))));
        if let Some(first) = any.first() {
            call.insert((*key).to_owned(), example(key, first));
        }
    }
}

/// A value that matches a pattern.
fn example(key: &str, pattern: &str) -> String {
    if key.ends_with(".ip") {
        return pattern.split('/').next().unwrap_or(pattern).to_owned();
    }
    if key == PORT {
        return pattern.to_owned();
    }
    let value = pattern.replace("{**}", "any").replace("{*}", "any").replace('*', "any");
    if key == HOST { value.to_ascii_lowercase() } else { value }
}

/// A call for every combination of values.
fn combinations(values: &Values) -> Vec<Call> {
    let mut calls = vec![plain()];
    for (key, values) in values {
        let mut more = Vec::with_capacity(calls.len() * values.len());
        for value in values {
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

/// A call in words: method, path, and all else that is not plain.
pub(super) fn describe(call: &Call) -> String {
    let text = |key: &str| call.get(key).map(String::as_str).unwrap_or_default();
    let mut description = format!("{} {}", text(METHOD), text(PATH)).trim().to_owned();
    for (key, value) in call {
        let is_plain = PLAIN.contains(&(key.as_str(), value.as_str()));
        if !is_plain && key != METHOD && key != PATH {
            description += &format!(", {key} {value}");
        }
    }
    description
}
