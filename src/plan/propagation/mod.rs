//! Warns of programs that are configured not to pass W3C baggage on. Behind them the key is lost, even if all routes are
//! right.

mod instrumentation;
mod rules;

use std::collections::BTreeMap;

use super::environment::Environment;
use crate::diagnostic::{Diagnostic, Place, Report, code, first_of};
use crate::kube::Object;
use crate::model::{Catalog, Setting, Settings, Support, pod_annotations, pod_of};
use crate::spec::{Config, ServicePath};
use crate::yaml::Node;
use rules::Rule;

/// Settings that lose the key, by place and key of the rule, each with the programs that obey it.
type Lost<'a> = BTreeMap<(Place, &'static str), (&'static Rule, Setting<'a>, Vec<String>)>;

/// Reports each setting once, however many programs obey it.
pub(super) fn check(
    config: &Config,
    catalog: &Catalog<'_>,
    environments: &[Environment<'_>],
    report: &mut Report,
) {
    let key = &config.previews.spec.routing.key;
    if key.baggage.is_empty() || environments.is_empty() {
        return;
    }
    let mut lost = Lost::new();
    for (workload, container) in programs(catalog) {
        let settings = Settings::of_container(catalog, workload, container);
        let name = container.text_at(&["name"]).unwrap_or_default();
        let passes = passes_disabled(&settings, workload, container);
        for (rule, setting) in rules::lost(&settings, &key.header, passes) {
            let program = match setting.object {
                Some(object) if object.id == workload.id => format!("container `{name}`"),
                _ => format!("container `{name}` of {}", workload.id),
            };
            note(&mut lost, rule, setting, program);
        }
    }
    instrumentation::check(catalog, &key.header, &mut lost);
    for (rule, setting, programs) in lost.into_values() {
        let Some(object) = setting.object else { continue };
        let message = format!(
            "{} sets `{}` {}: {} may not pass on the member `{}`",
            object.id,
            setting.name,
            rule.says,
            first_of(5, ", ", &programs),
            key.baggage
        );
        report.push(
            Diagnostic::new(&code::KEY_MAY_BE_LOST, message, rule.help)
                .at(setting.place, "behind it there may be no key"),
        );
    }
    of_previews(config, environments, report);
}

fn note<'a>(lost: &mut Lost<'a>, rule: &'static Rule, setting: &Setting<'a>, program: String) {
    let noted = lost.entry((setting.place, rule.key));
    let (.., programs) = noted.or_insert_with(|| (rule, *setting, Vec::new()));
    if !programs.contains(&program) {
        programs.push(program);
    }
}

/// The containers of pods that stay, each with its workload. Pods of Jobs answer no requests.
fn programs<'a>(catalog: &Catalog<'a>) -> impl Iterator<Item = (&'a Object, &'a Node)> {
    let stays = catalog.workloads().iter().filter(|one| one.support != Support::Passing);
    stays.flat_map(|workload| {
        let object: &'a Object = workload.object;
        containers(object).iter().map(move |container| (object, container))
    })
}

fn containers(workload: &Object) -> &[Node] {
    pod_of(workload).map(|pod| pod.items_at(&["containers"])).unwrap_or_default()
}

/// Warns of settings in `env` of previews, once for all that set the same.
fn of_previews(config: &Config, environments: &[Environment<'_>], report: &mut Report) {
    let key = &config.previews.spec.routing.key;
    for env in environments {
        let changes = env.preview.services.iter().enumerate();
        for (service, change) in changes.filter(|(_, change)| !change.env.is_empty()) {
            let mut settings = Settings::default();
            for variable in &change.env {
                settings.set(Setting::of_preview(&variable.name, &variable.value));
            }
            for (rule, setting) in rules::lost(&settings, &key.header, false) {
                let index = change.env.iter().position(|one| one.name == setting.name);
                let service = ServicePath(env.index, service);
                let path = format!("{service}.env[{}]", index.unwrap_or_default());
                let message = format!(
                    "the variable `{}` of a copy of {} is set {}: it may not pass on the member `{}`",
                    setting.name, change.name, rule.says, key.baggage
                );
                report
                    .push(config.finding(&code::KEY_MAY_BE_LOST, path, message, rule.help).once());
            }
        }
    }
}

/// Whether a program is in Java or Python, going by its variables and command: their SDKs pass baggage on even if
/// they are disabled.
fn passes_disabled(settings: &Settings<'_>, workload: &Object, container: &Node) -> bool {
    const NAMES: [&str; 8] = [
        "JAVA_",
        "JDK_",
        "_JAVA_",
        "OTEL_JAVA",
        "SPRING_",
        "PYTHON",
        "OTEL_PYTHON",
        "MANAGEMENTTRACING",
    ];
    const PROGRAMS: [&str; 7] =
        ["java", "python", "python3", "opentelemetry-instrument", "gunicorn", "uvicorn", "flask"];
    let is_named = settings.names().any(|name| NAMES.iter().any(|begin| name.starts_with(begin)));
    let arguments = ["command", "args"].into_iter().flat_map(|list| container.items_at(&[list]));
    let mut programs = arguments.filter_map(|text| text.text()?.split_whitespace().next());
    let injected = pod_annotations(&workload.node).map(Node::entries).unwrap_or_default().iter();
    let is_injected = injected.filter(|(key, _)| {
        key.text.ends_with("opentelemetry.io/inject-java")
            || key.text.ends_with("opentelemetry.io/inject-python")
    });
    is_named
        || programs.any(|path| PROGRAMS.contains(&path.rsplit('/').next().unwrap_or_default()))
        || is_injected.filter_map(|(_, value)| value.text()).any(|value| value != "false")
}
