//! Finds settings that lose the key in Instrumentations. OpenTelemetry's operator puts their variables into the pods that
//! it instruments. See
//! <https://github.com/open-telemetry/opentelemetry-operator/blob/main/docs/api/instrumentations.md>.

use std::collections::BTreeSet;

use super::{Lost, containers, note, rules};
use crate::kube::Object;
use crate::model::{Catalog, Setting, Settings, Support, pod_annotations};
use crate::yaml::Node;

const GROUP: &str = "opentelemetry.io";
const KIND: &str = "Instrumentation";
/// The prefix of annotations with which pods and Namespaces ask for the SDK of a language.
const INJECT: &str = "instrumentation.opentelemetry.io/inject-";
/// The languages: their names in annotations, and the fields of the object with their variables.
const LANGUAGES: [(&str, &str); 6] = [
    ("java", "java"),
    ("nodejs", "nodejs"),
    ("python", "python"),
    ("dotnet", "dotnet"),
    ("go", "go"),
    ("sdk", ""),
];

/// Notes every setting of an Instrumentation that loses the key.
pub(super) fn check<'a>(catalog: &Catalog<'a>, header: &str, lost: &mut Lost<'a>) {
    for object in catalog.of_kind(GROUP, KIND) {
        let users = users(catalog, object);
        if users.is_empty() && !catalog.home.includes(&object.id.namespace) {
            continue;
        }
        for (language, field) in LANGUAGES {
            let asks = |user: &&User<'_>| user.languages.contains(language);
            let of_language: Vec<&User<'_>> = users.iter().filter(asks).collect();
            if of_language.is_empty() && !users.is_empty() {
                continue;
            }
            let settings = settings(catalog, object, field);
            let passes_disabled = matches!(language, "java" | "python");
            for (rule, setting) in rules::lost(&settings, header, passes_disabled) {
                if of_language.is_empty() {
                    note(lost, rule, setting, "what it instruments".to_owned());
                }
                // The operator leaves variables alone that a container sets itself.
                for user in of_language.iter().filter(|user| !user.sets(catalog, rule.key)) {
                    note(lost, rule, setting, user.workload.id.to_string());
                }
            }
        }
    }
}

/// The settings that the operator gives programs of a language. Later ones take precedence: the object's propagators,
/// its variables for all languages, and those for the language.
fn settings<'a>(catalog: &Catalog<'a>, object: &'a Object, field: &str) -> Settings<'a> {
    let mut settings = Settings::default();
    let Some(spec) = object.node.get("spec") else { return settings };
    if let Some(list) = spec.get("propagators") {
        let item = |node: &'a Node| Setting {
            name: "spec.propagators",
            value: node.text(),
            place: list.place,
            object: Some(object),
        };
        settings.set_list("OTEL_PROPAGATORS", list.items().iter().map(item).collect());
    }
    settings.add_variables(catalog, object, spec);
    if let Some(of_language) = spec.get(field) {
        settings.add_variables(catalog, object, of_language);
    }
    settings
}

/// A workload whose pods an Instrumentation applies to.
struct User<'a> {
    workload: &'a Object,
    languages: BTreeSet<&'static str>,
}

impl User<'_> {
    /// Whether every container sets this itself.
    fn sets(&self, catalog: &Catalog<'_>, key: &str) -> bool {
        let says = |container| {
            !Settings::of_container(catalog, self.workload, container).get(key).is_empty()
        };
        containers(self.workload).iter().all(says)
    }
}

/// The workloads whose pods or Namespace ask for this object.
fn users<'a>(catalog: &Catalog<'a>, object: &Object) -> Vec<User<'a>> {
    let stays = catalog.workloads().iter().filter(|one| one.support != Support::Passing);
    let user = |workload: &'a Object| {
        let of_pod = pod_annotations(&workload.node);
        let home = workload.id.namespace.as_str();
        let of_namespace =
            catalog.namespace(home).and_then(|one| one.node.at(&["metadata", "annotations"]));
        let asks = |language: &str| {
            let key = format!("{INJECT}{language}");
            let says = |annotations: Option<&'a Node>| annotations?.text_at(&[&key]);
            let value = says(of_pod).or_else(|| says(of_namespace));
            value.is_some_and(|value| names(value, object, home))
        };
        let languages = LANGUAGES.iter().map(|(language, _)| *language).filter(|one| asks(one));
        User { workload, languages: languages.collect() }
    };
    let users = stays.map(|workload| user(workload.object));
    users.filter(|user| !user.languages.is_empty()).collect()
}

/// Whether an annotation with this value, in the namespace `home`, names this object.
fn names(value: &str, object: &Object, home: &str) -> bool {
    match value.split_once('/') {
        Some((namespace, name)) => object.id.namespace == namespace && object.id.name == name,
        None if value.eq_ignore_ascii_case("true") => object.id.namespace == home,
        None => object.id.namespace == home && object.id.name == value,
    }
}
