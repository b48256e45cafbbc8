//! Settings of tracing libraries that stop a program from passing W3C baggage on. Each was tried with two real
//! processes: see docs/propagation.md.

use crate::model::{Setting, Settings};

/// A setting, and the values with which it loses the baggage.
#[derive(Debug)]
pub(super) struct Rule {
    /// The name of the variable, as [`Settings`] has it.
    pub(super) key: &'static str,
    loses: Loses,
    /// Settings that replace it if all of them are set.
    unless: &'static [&'static str],
    /// The library that reads it.
    of: Library,
    /// Its value, for messages.
    pub(super) says: &'static str,
    pub(super) help: &'static str,
}

/// The values with which a setting loses the baggage.
#[derive(Debug)]
enum Loses {
    /// One of these is missing from the list.
    Without(&'static [&'static str]),
    /// One of these is in the list.
    With(&'static [&'static str]),
}

#[derive(Debug, PartialEq, Eq)]
enum Library {
    OpenTelemetry,
    /// The SDK for Node: those for Python and Java pass baggage on though they are disabled.
    OpenTelemetryOfNode,
    Datadog,
    /// Micrometer Tracing, which carries listed headers under their own names.
    Spring,
}

const LIST: &str = "without `baggage`";
const LIST_HELP: &str = "add `baggage` to the list, or remove the setting: it is there by default";
const STYLE_HELP: &str = "add `baggage` to the list, as in `datadog,tracecontext,baggage`, or remove the setting: \
                          current SDKs have it by default";
const TYPE: &str = "without `w3c`";
const TYPE_HELP: &str = "add `w3c` to the list, or remove the setting; or list the key's header in \
                         `management.tracing.baggage.remote-fields`";
const NODE_HELP: &str =
    "let the instrumentations of both be enabled: `http` for requests and `undici` for fetch()";
const FALSE: &[&str] = &["false", "off", "no", "0"];
const BAGGAGE: Loses = Loses::Without(&["baggage"]);
const W3C: Loses = Loses::Without(&["w3c"]);

use Library::{Datadog, OpenTelemetry, OpenTelemetryOfNode, Spring};
use Loses::{With, Without};

#[rustfmt::skip]
pub(super) static RULES: &[Rule] = &[
    rule("OTEL_PROPAGATORS", BAGGAGE, &[], OpenTelemetry, LIST, LIST_HELP),
    rule("QUARKUS_OTEL_PROPAGATORS", BAGGAGE, &[], OpenTelemetry, LIST, LIST_HELP),
    rule("OTEL_SDK_DISABLED", With(&["true"]), &[], OpenTelemetryOfNode,
        "to true, with which the SDK for Node carries nothing on",
        "remove it, and set `OTEL_TRACES_EXPORTER=none` where no traces are wanted; programs in Python and Java \
         pass the key on all the same"),
    rule("OTEL_JAVAAGENT_ENABLED", With(&["false"]), &[], OpenTelemetry,
        "to false, which switches the agent off",
        "remove it, and set `OTEL_TRACES_EXPORTER=none` where no traces are wanted"),
    rule("OTEL_NODE_ENABLED_INSTRUMENTATIONS", Without(&["http", "undici"]), &[], OpenTelemetry,
        "without `http` or `undici`", NODE_HELP),
    rule("OTEL_NODE_DISABLED_INSTRUMENTATIONS", With(&["http", "undici"]), &[], OpenTelemetry,
        "to a list with `http` or `undici`", NODE_HELP),
    rule("DD_TRACE_PROPAGATION_STYLE", BAGGAGE,
        &["DD_TRACE_PROPAGATION_STYLE_INJECT", "DD_TRACE_PROPAGATION_STYLE_EXTRACT"], Datadog, LIST, STYLE_HELP),
    rule("DD_TRACE_PROPAGATION_STYLE_INJECT", BAGGAGE, &[], Datadog, LIST, STYLE_HELP),
    rule("DD_TRACE_PROPAGATION_STYLE_EXTRACT", BAGGAGE, &[], Datadog, LIST, STYLE_HELP),
    rule("MANAGEMENTTRACINGENABLED", With(FALSE), &[], Spring, "to false, which switches tracing off",
        "remove it, and set `management.tracing.sampling.probability=0` where no traces are wanted"),
    rule("MANAGEMENTTRACINGBAGGAGEENABLED", With(FALSE), &[], Spring, "to false", "remove it"),
    rule("MANAGEMENTTRACINGPROPAGATIONTYPE", W3C,
        &["MANAGEMENTTRACINGPROPAGATIONPRODUCE", "MANAGEMENTTRACINGPROPAGATIONCONSUME"], Spring, TYPE, TYPE_HELP),
    rule("MANAGEMENTTRACINGPROPAGATIONPRODUCE", W3C, &[], Spring, TYPE, TYPE_HELP),
    rule("MANAGEMENTTRACINGPROPAGATIONCONSUME", W3C, &[], Spring, TYPE, TYPE_HELP),
];

/// The setting with the headers that Micrometer passes on under their own names.
const REMOTE_FIELDS: &str = "MANAGEMENTTRACINGBAGGAGEREMOTEFIELDS";

/// A row of the table. It has six parameters: columns in one or two lines are easier to read than eight lines of named
/// fields for each row.
const fn rule(
    key: &'static str,
    loses: Loses,
    unless: &'static [&'static str],
    of: Library,
    says: &'static str,
    help: &'static str,
) -> Rule {
    Rule { key, loses, unless, of, says, help }
}

/// The rules by which these settings lose the baggage, each with its setting.
pub(super) fn lost<'s, 'a>(
    settings: &'s Settings<'a>,
    header: &str,
    passes_disabled: bool,
) -> impl Iterator<Item = (&'static Rule, &'s Setting<'a>)> {
    let is_listed =
        items(settings.get(REMOTE_FIELDS)).any(|field| field.eq_ignore_ascii_case(header));
    RULES.iter().filter_map(move |rule| {
        let given = settings.get(rule.key);
        let carried = match rule.of {
            OpenTelemetryOfNode => passes_disabled,
            // Listed headers are passed on with every type of propagation, but not if tracing or baggage is off.
            Spring => is_listed && matches!(rule.loses, Without(_)),
            OpenTelemetry | Datadog => false,
        };
        let is_replaced = !rule.unless.is_empty()
            && rule.unless.iter().all(|other| items(settings.get(other)).next().is_some());
        // An empty list counts as absent, and an unknown one is not judged.
        let is_known =
            given.iter().all(|setting| setting.value.is_some()) && items(given).next().is_some();
        let loses = is_known && !carried && !is_replaced && rule.loses(given);
        given.first().filter(|_| loses).map(|setting| (rule, setting))
    })
}

/// The items of comma-separated lists.
fn items<'a>(settings: &[Setting<'a>]) -> impl Iterator<Item = &'a str> {
    let values = settings.iter().filter_map(|setting| setting.value);
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|item| !item.is_empty())
}

impl Rule {
    fn loses(&self, settings: &[Setting<'_>]) -> bool {
        // OpenTelemetry knows its propagators only in lower case.
        let exact = self.of == OpenTelemetry;
        let has = |wanted: &&str| match exact {
            true => items(settings).any(|item| item == *wanted),
            false => items(settings).any(|item| item.eq_ignore_ascii_case(wanted)),
        };
        match self.loses {
            Without(all) => !all.iter().all(has),
            With(any) => any.iter().any(has),
        }
    }
}
