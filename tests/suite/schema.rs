//! A judge of objects: the OpenAPI schemas of Kubernetes and the CRDs of Gateway API, Istio and Flux,
//! closed, so that an unknown field is a violation as it is to a strict API server.
//!
//! Rules that CRDs write in CEL are not evaluated by a JSON Schema; those that matter for routes are
//! written out here.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Mutex, OnceLock};

use serde_json::{Map, Value, json};

use super::orchestrator::root;

/// Closed schemas by apiVersion and kind.
pub(crate) struct Schemas {
    schemas: BTreeMap<(String, String), Value>,
    compiled: Mutex<BTreeMap<(String, String), jsonschema::Validator>>,
}

/// The files of definitions for what anabranch writes.
const WRITTEN: [&str; 4] =
    ["gateway-api", "istio", "kustomize-controller", "notification-controller"];
/// Those for what gitops-template has besides.
const INSTALLED: [&str; 11] = [
    "source-controller",
    "helm-controller",
    "source-watcher",
    "flux-operator",
    "certificates",
    "clusterissuers",
    "clusterexternalsecrets",
    "clustersecretstores",
    "podmonitors",
    "servicemonitors",
    "prometheusrules",
];

const OBJECT_META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

impl Schemas {
    /// Those of the APIs that anabranch writes for, as `make tools` installs them.
    pub(crate) fn load() -> &'static Self {
        static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
        SCHEMAS.get_or_init(|| Self::read(&WRITTEN))
    }

    /// The same, and those of what gitops-template installs beside it.
    pub(crate) fn of_the_template() -> &'static Self {
        static SCHEMAS: OnceLock<Schemas> = OnceLock::new();
        SCHEMAS.get_or_init(|| Self::read(&[WRITTEN.as_slice(), &INSTALLED].concat()))
    }

    fn read(names: &[&str]) -> Self {
        let read = |name: &str| {
            let path = root().join(".tools/schemas").join(name);
            fs::read_to_string(path).expect("run `make test`: it installs .tools/schemas")
        };
        let kubernetes: Value =
            serde_json::from_str(&read("kubernetes.json")).expect("the OpenAPI file is JSON");
        let definitions = &kubernetes["definitions"];
        let metadata = inlined(&definitions[OBJECT_META], definitions);
        let mut schemas = BTreeMap::new();
        for definition in definitions.as_object().expect("definitions").values() {
            let Some(kinds) = definition["x-kubernetes-group-version-kind"].as_array() else {
                continue;
            };
            for kind in kinds {
                let text = |key: &str| kind[key].as_str().unwrap_or_default().to_owned();
                let api_version = match text("group").as_str() {
                    "" => text("version"),
                    group => format!("{group}/{}", text("version")),
                };
                schemas.insert((api_version, text("kind")), definition.clone());
            }
        }
        // Only what is asked for is worth resolving; see `validator`.
        for schema in schemas.values_mut() {
            *schema = json!({"definition": schema.take()});
        }
        schemas.insert((String::new(), "definitions".to_owned()), definitions.clone());
        for name in names {
            for crd in documents(&read(&format!("{name}.yaml"))) {
                add_crd(&crd, &metadata, &mut schemas);
            }
        }
        Self { schemas, compiled: Mutex::new(BTreeMap::new()) }
    }

    /// The kinds that custom resource definitions define, each with its apiVersion.
    pub(crate) fn defined(&self) -> impl Iterator<Item = &(String, String)> {
        let of_kubernetes = |schema: &Value| schema.get("definition").is_some();
        let defined = self.schemas.iter().filter(move |(_, schema)| !of_kubernetes(schema));
        defined.map(|(kind, _)| kind).filter(|(version, _)| !version.is_empty())
    }

    /// The closed schema of a kind.
    pub(crate) fn closed(&self, kind: &(String, String)) -> Option<Value> {
        let definitions = &self.schemas[&(String::new(), "definitions".to_owned())];
        self.schemas.get(kind).map(|schema| match schema.get("definition") {
            Some(definition) => inlined(definition, definitions),
            None => schema.clone(),
        })
    }

    /// What is wrong with an object, in words; nothing where it is valid.
    pub(crate) fn violations(&self, object: &Value) -> Vec<String> {
        let text = |key: &str| object[key].as_str().unwrap_or_default().to_owned();
        let kind = (text("apiVersion"), text("kind"));
        if !self.schemas.contains_key(&kind) {
            return vec![format!("{} {} is not known", kind.0, kind.1)];
        }
        let mut compiled = self.compiled.lock().expect("no test panics while it judges");
        let validator = compiled.entry(kind.clone()).or_insert_with(|| {
            let schema = self.closed(&kind).expect("it is known");
            jsonschema::validator_for(&schema).expect("a published schema compiles")
        });
        let mut found: Vec<String> = validator
            .iter_errors(object)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        drop(compiled);
        check_names(object, &mut found);
        if matches!(kind.1.as_str(), "HTTPRoute" | "GRPCRoute") {
            check_route(object, &mut found);
        }
        found
    }
}

/// The documents of a stream of YAML.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    yaml_serde::Deserializer::from_str(text)
        .map(|document| serde::Deserialize::deserialize(document).expect("the stream is YAML"))
        .filter(|value: &Value| !value.is_null())
        .collect()
}

fn add_crd(crd: &Value, metadata: &Value, schemas: &mut BTreeMap<(String, String), Value>) {
    let spec = &crd["spec"];
    // An API server refuses objects of a version that is not served.
    let versions = spec["versions"].as_array().into_iter().flatten();
    for version in versions.filter(|version| version["served"] != false) {
        let mut schema = closed(&version["schema"]["openAPIV3Schema"]);
        schema["properties"]["metadata"] = metadata.clone();
        for field in ["apiVersion", "kind"] {
            schema["properties"][field] = json!({"type": "string"});
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let api_version = format!("{}/{}", text(&spec["group"]), text(&version["name"]));
        schemas.insert((api_version, text(&spec["names"]["kind"])), schema);
    }
}

/// A definition of the OpenAPI file with its references resolved, closed.
fn inlined(definition: &Value, definitions: &Value) -> Value {
    fn resolve(value: &Value, definitions: &Value, within: &mut Vec<String>) -> Value {
        match value {
            Value::Object(object) => match object.get("$ref").and_then(Value::as_str) {
                Some(reference) => {
                    let name = reference.trim_start_matches("#/definitions/");
                    if name.ends_with(".IntOrString") {
                        return json!({"x-kubernetes-int-or-string": true});
                    }
                    if name.ends_with(".Quantity") {
                        return json!({"type": ["string", "number"]});
                    }
                    if within.iter().any(|outer| outer == name) {
                        return json!({});
                    }
                    within.push(name.to_owned());
                    let resolved = resolve(&definitions[name], definitions, within);
                    within.pop();
                    resolved
                }
                None => object
                    .iter()
                    .map(|(key, value)| (key.clone(), resolve(value, definitions, within)))
                    .collect::<Map<_, _>>()
                    .into(),
            },
            Value::Array(items) => {
                items.iter().map(|item| resolve(item, definitions, within)).collect()
            }
            other => other.clone(),
        }
    }
    closed(&resolve(definition, definitions, &mut Vec::new()))
}

/// A structural schema that refuses unknown fields, and takes either type where Kubernetes does.
fn closed(schema: &Value) -> Value {
    let Value::Object(object) = schema else {
        return schema.clone();
    };
    let mut out = Map::new();
    for (key, value) in object {
        let closed = match key.as_str() {
            "properties" => value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, schema)| (name.clone(), closed(schema)))
                .collect::<Map<_, _>>()
                .into(),
            "items" | "additionalProperties" => closed(value),
            // Alternatives of a structural schema only add conditions: they are not closed.
            "oneOf" | "anyOf" | "allOf" | "not" | "enum" | "pattern" | "required" | "type"
            | "minimum" | "maximum" | "minItems" | "maxItems" | "minLength" | "maxLength"
            | "minProperties" | "maxProperties" => value.clone(),
            _ => continue,
        };
        out.insert(key.clone(), closed);
    }
    if object.get("x-kubernetes-int-or-string") == Some(&json!(true)) {
        out.remove("anyOf");
        out.insert("type".to_owned(), json!(["integer", "string"]));
    }
    let open = object.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
    if out.contains_key("properties") && !out.contains_key("additionalProperties") && !open {
        out.insert("additionalProperties".to_owned(), json!(false));
    }
    Value::Object(out)
}

/// Names and labels, whose rules the schemas do not hold.
fn check_names(object: &Value, found: &mut Vec<String>) {
    let metadata = &object["metadata"];
    let kind = object["kind"].as_str().unwrap_or_default();
    let name = metadata["name"].as_str().unwrap_or_default();
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let label = |text: &str| {
        (1..=63).contains(&text.len())
            && text.starts_with(alphanumeric)
            && text.ends_with(alphanumeric)
            && text.chars().all(|c| alphanumeric(c) || c == '-')
    };
    let fits = match kind {
        "Namespace" | "Service" => label(name),
        "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => !name.is_empty(),
        _ => name.len() <= 253 && name.split('.').all(label),
    };
    if !fits {
        found.push(format!("/metadata/name: `{name}` is no name for a {kind}"));
    }
    let word = |text: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric();
        text.is_empty()
            || text.len() <= 63
                && text.starts_with(inner)
                && text.ends_with(inner)
                && text.chars().all(|c| inner(c) || "-_.".contains(c))
    };
    let key = |text: &str| match text.split_once('/') {
        Some((prefix, name)) => prefix.to_lowercase().split('.').all(label) && word(name),
        None => word(text),
    };
    for (name, value) in metadata["labels"].as_object().into_iter().flatten() {
        if !key(name) || !word(value.as_str().unwrap_or_default()) {
            found.push(format!("/metadata/labels: `{name}: {value}` is no label"));
        }
    }
    for name in metadata["annotations"].as_object().into_iter().flat_map(Map::keys) {
        if !key(name) {
            found.push(format!("/metadata/annotations: `{name}` is no key"));
        }
    }
}

/// What HTTPRoute and GRPCRoute say in CEL.
fn check_route(route: &Value, found: &mut Vec<String>) {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let rules = list(&route["spec"]["rules"]);
    let matches: usize = rules.iter().map(|rule| list(&rule["matches"]).len()).sum();
    if rules.len() > 16 || matches > 128 {
        found.push(format!("/spec/rules: {} rules with {matches} matches", rules.len()));
    }
    for rule in &rules {
        let filters = list(&rule["filters"]);
        for kind in
            ["RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite"]
        {
            if filters.iter().filter(|filter| filter["type"] == kind).count() > 1 {
                found.push(format!("/spec/rules: {kind} more than once in a rule"));
            }
        }
        let backends = list(&rule["backendRefs"]);
        let inner = backends.iter().flat_map(|backend| list(&backend["filters"]));
        let replaces_prefix = filters.iter().cloned().chain(inner).any(|filter| {
            ["urlRewrite", "requestRedirect"]
                .iter()
                .any(|kind| filter[kind]["path"]["type"] == "ReplacePrefixMatch")
        });
        let matches = list(&rule["matches"]);
        let one_prefix = matches.len() == 1 && matches[0]["path"]["type"] == "PathPrefix";
        if replaces_prefix && !one_prefix {
            found.push("/spec/rules: replacePrefixMatch without one PathPrefix match".to_owned());
        }
        for backend in backends {
            if backend["kind"].as_str().unwrap_or("Service") == "Service"
                && backend["port"].is_null()
            {
                found.push(format!("/spec/rules: backend {} has no port", backend["name"]));
            }
        }
        for one in list(&rule["matches"]) {
            let mut names: Vec<String> = list(&one["headers"])
                .iter()
                .map(|header| header["name"].as_str().unwrap_or_default().to_lowercase())
                .collect();
            let all = names.len();
            names.sort();
            names.dedup();
            if names.len() < all {
                found.push("/spec/rules: a header twice in one match".to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(rules: Value) -> Value {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "cart.pr-42", "namespace": "baseline"},
            "spec": {"parentRefs": [{"group": "", "kind": "Service", "name": "cart", "port": 80}], "rules": rules}
        })
    }

    fn rule(matches: usize) -> Value {
        let one = json!({"path": {"type": "PathPrefix", "value": "/"}});
        json!({"matches": vec![one; matches], "backendRefs": [{"name": "cart", "port": 80, "weight": 1}]})
    }

    fn deployment() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "cart", "namespace": "pr-42", "labels": {"app": "cart"}},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "cart"}},
                "template": {
                    "metadata": {"labels": {"app": "cart"}},
                    "spec": {"containers": [{"name": "cart", "image": "cart:v1", "ports": [{"containerPort": 8080}]}]}
                }
            }
        })
    }

    #[track_caller]
    fn assert_violation(object: &Value, part: &str) {
        let found = Schemas::load().violations(object);
        assert!(found.iter().any(|one| one.contains(part)), "{part}: {found:?}");
    }

    #[test]
    fn good_objects_pass() {
        for object in [route(json!([rule(1)])), deployment()] {
            assert_eq!(Schemas::load().violations(&object), Vec::<String>::new());
        }
    }

    #[test]
    fn misspelt_fields_are_violations() {
        let mut object = route(json!([rule(1)]));
        object["spec"]["hostt"] = json!(["a"]);
        assert_violation(&object, "hostt");
        let mut object = deployment();
        object["spec"]["template"]["spec"]["containers"][0]["imagee"] = json!("x");
        assert_violation(&object, "imagee");
        let object = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "cart", "namespace": "baseline"},
            "spec": {"hosts": ["cart"], "http": [{"rulez": [], "route": [{"destination": {"host": "cart"}}]}]}
        });
        assert_violation(&object, "rulez");
        let mut object = deployment();
        object["metadata"]["labells"] = json!({});
        assert_violation(&object, "labells");
    }

    #[test]
    fn wrong_types_names_and_kinds_are_violations() {
        let mut object = deployment();
        object["spec"]["replicas"] = json!("1");
        assert_violation(&object, "/spec/replicas");
        let mut object = deployment();
        object["metadata"]["labels"]["app"] = json!("a/b");
        assert_violation(&object, "is no label");
        let mut object = deployment();
        object["kind"] = json!("Deploymint");
        assert_violation(&object, "not known");
    }

    #[test]
    fn limits_of_routes_are_violations() {
        assert_violation(&route(vec![rule(1); 17].into()), "17");
        assert_violation(&route(vec![rule(43); 3].into()), "129 matches");
        let mut replaced = rule(2);
        let path = json!({"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"});
        replaced["filters"] = json!([{"type": "URLRewrite", "urlRewrite": {"path": path}}]);
        assert_violation(&route(vec![replaced].into()), "replacePrefixMatch without one");
    }
}
