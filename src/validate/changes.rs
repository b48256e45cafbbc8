//! Checks pull requests: their text comes from outside, and may be written only in forms that can do no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::urls::check_repository;
use super::{Input, is_dns_label};
use crate::diagnostic::text::short;
use crate::diagnostic::{Report, code, first_of};
use crate::spec::{known_by, time};

/// The largest integer that is exact in JSON, in which a function gets the file.
const LARGEST: u64 = (1 << 53) - 1;

pub(super) fn check(input: &Input<'_>, report: &mut Report) {
    let config = input.config;
    let notify = config.previews.spec.notify.iter();
    let told: BTreeSet<&str> = notify.map(|notify| notify.repository.as_str()).collect();
    for (p, preview) in config.previews.spec.previews.iter().enumerate() {
        for (c, change) in preview.changes.iter().enumerate() {
            let path = format_args!("spec.previews[{p}].changes[{c}]");
            if !is_commit(&change.commit) {
                report.push(config.finding(
                    &code::CONFIG_FIELD,
                    format_args!("{path}.commit"),
                    format!("`{}` is not a full commit id", short(&change.commit)),
                    "write all 40 hexadecimal digits of the head commit (64 with SHA-256), quoted",
                ));
            }
            let field = format_args!("{path}.repository");
            let help = "write https:// and the path, as in spec.notify";
            check_repository(input, field, &change.repository, help, report);
            if !(1..=LARGEST).contains(&change.number) {
                report.push(config.finding(
                    &code::CONFIG_FIELD,
                    format_args!("{path}.number"),
                    format!("{} is not the number of a pull request", change.number),
                    format!("write the number of the pull request, from 1 to {LARGEST}"),
                ));
            }
            check_time(input, format_args!("{path}.updated"), &change.updated, true, report);
        }
        check_audience(input, p, &told, report);
        check_time(
            input,
            format_args!("spec.previews[{p}].expires"),
            &preview.expires,
            true,
            report,
        );
    }
    for (c, closed) in config.previews.spec.closed.iter().enumerate() {
        check_time(input, format_args!("spec.closed[{c}].at"), &closed.at, false, report);
        if !is_dns_label(&closed.name) {
            report.push(config.finding(
                &code::BAD_NAME,
                format_args!("spec.closed[{c}].name"),
                format!("`{}` is the name of no preview", short(&closed.name)),
                "use a name such as `pr-42`, or remove the entry",
            ));
        }
    }
    check_shared(input, report);
    check_notify(input, report);
}

fn check_time(
    input: &Input<'_>,
    field: fmt::Arguments<'_>,
    text: &str,
    is_optional: bool,
    report: &mut Report,
) {
    let is_absent = is_optional && text.is_empty();
    if !is_absent && time(text).is_none() {
        report.push(input.config.finding(
            &code::CONFIG_FIELD,
            field,
            format!("`{}` is not a time", short(text)),
            "write RFC 3339: \"2026-12-01T00:00:00Z\"",
        ));
    }
}

fn check_notify(input: &Input<'_>, report: &mut Report) {
    let config = input.config;
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, notify) in config.previews.spec.notify.iter().enumerate() {
        let field = format_args!("spec.notify[{n}].repository");
        let help = "write https:// and the path";
        check_repository(input, field, &notify.repository, help, report);
        let earlier = first.get(notify.repository.as_str()).copied();
        first.entry(&notify.repository).or_insert(n);
        if let Some(earlier) = earlier {
            let finding = config.finding(
                &code::DUPLICATE_NAME,
                format_args!("spec.notify[{n}].repository"),
                format!("`{}` is listed twice", notify.repository),
                "keep one of the two",
            );
            let place = config.place(&format!("spec.notify[{earlier}].repository"));
            report.push(finding.also(place, "first listed here"));
        }
    }
}

/// Reports changes that several previews have, however the URL of the repository is written.
fn check_shared(input: &Input<'_>, report: &mut Report) {
    let previews = &input.config.previews.spec.previews;
    let mut standing: BTreeMap<(String, u64), Vec<usize>> = BTreeMap::new();
    for (index, preview) in previews.iter().enumerate() {
        for change in &preview.changes {
            let repository = known_by(&change.repository);
            let known = standing.entry((repository, change.number)).or_default();
            if known.last() != Some(&index) {
                known.push(index);
            }
        }
    }
    for ((repository, number), standing) in standing {
        let [first, second, ..] = *standing else { continue };
        let names = standing.iter().map(|&index| format!("`{}`", previews[index].name));
        let message = format!(
            "{} stand for one change, {}#{number}: their suites overwrite each other's status",
            first_of(5, ", ", names),
            short(&repository)
        );
        let place = |index: usize| format!("spec.previews[{index}].changes");
        let finding = input.config.finding(
            &code::SHARED_CHANGE,
            place(second),
            message,
            "let one preview stand for it: merge them, or remove the change from all but one",
        );
        report.push(finding.also(input.config.place(&place(first)), "also here"));
    }
}

/// Checks who is notified of a preview's suites: the first of its changes, if its repository is listed.
fn check_audience(input: &Input<'_>, index: usize, told: &BTreeSet<&str>, report: &mut Report) {
    let spec = &input.config.previews.spec;
    let changes = &spec.previews[index].changes;
    if spec.tests.is_empty() || spec.notify.is_empty() {
        return;
    }
    let path = |change: usize| format!("spec.previews[{index}].changes[{change}].repository");
    if let Some(first) = changes.first()
        && !told.contains(first.repository.as_str())
    {
        report.push(input.config.finding(
            &code::NO_PROVIDER,
            path(0),
            format!("nobody tells {} of the suites: it is not in spec.notify", first.repository),
            "add the repository to spec.notify, spelt the same",
        ));
    }
    for (change, other) in changes.iter().enumerate().skip(1) {
        report.push(input.config.finding(
            &code::SEVERAL_CHANGES,
            path(change),
            format!(
                "{}#{} does not get a status: only the first change does",
                other.repository, other.number
            ),
            "put the change that must be gated first",
        ));
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64)
        && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
