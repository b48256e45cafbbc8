//! The warning that a program of the baseline is told not to pass the key's baggage on: which settings cause it and
//! which do not, that each is said once, and that nobody is warned who needs no baggage.

use std::process::Command;

use serde_json::{Value, json};

use super::orchestrator::{ANABRANCH, CART, run, write_text};

const CONFIG: &str = "\
apiVersion: anabranch.dev/v1alpha1
kind: Previews
metadata: {name: shop}
spec:
  baseline: {namespace: shop}
  routing: {key: {header: x-preview-id, baggage: x-preview-id}}
  previews:
  - {name: pr-1, services: [{name: cart, image: \"cart:2\"}]}
  - {name: pr-2, services: [{name: cart, image: \"cart:3\"}]}
";

/// The messages of this code that `check` has of an input.
#[track_caller]
fn warnings(config: &str, baseline: &str) -> Vec<String> {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    write_text(&scratch.path().join("previews.yaml"), config);
    write_text(&scratch.path().join("baseline.yaml"), baseline);
    let mut command = Command::new(ANABRANCH);
    command.args(["check", "previews.yaml", "-b", "baseline.yaml", "--format", "json"]);
    let answer = run(command.current_dir(scratch.path()), "").ok();
    let said: Value = serde_json::from_str(&answer).expect("it is JSON");
    let all = said["findings"].as_array().expect("a list of findings").iter();
    all.filter(|one| one["code"] == "key-may-be-lost")
        .map(|one| one["message"].as_str().expect("a sentence").to_owned())
        .collect()
}

/// The cart, whose container has more fields.
fn cart(fields: &str) -> String {
    let with = format!("image: cart:1, {fields}}}");
    CART.replace("image: cart:1}", &with)
}

/// The cart with variables of these names and values.
fn with_variables(variables: &[(&str, &str)]) -> String {
    let list: Vec<Value> =
        variables.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    cart(&format!("env: {}", Value::from(list)))
}

#[test]
fn each_setting_that_loses_baggage_is_named() {
    for variables in [
        &[("OTEL_PROPAGATORS", "tracecontext")][..],
        &[("OTEL_PROPAGATORS", "b3")],
        &[("OTEL_PROPAGATORS", "none")],
        // The SDKs know their propagators in lower case alone.
        &[("OTEL_PROPAGATORS", "tracecontext,Baggage")],
        &[("OTEL_PROPAGATORS", "baggage"), ("OTEL_PROPAGATORS", "b3multi")],
        &[("QUARKUS_OTEL_PROPAGATORS", "tracecontext")],
        &[("DD_TRACE_PROPAGATION_STYLE", "datadog,tracecontext")],
        &[
            ("DD_TRACE_PROPAGATION_STYLE", "datadog,baggage"),
            ("DD_TRACE_PROPAGATION_STYLE_INJECT", "datadog"),
        ],
        &[("DD_TRACE_PROPAGATION_STYLE_EXTRACT", "b3")],
        &[("OTEL_SDK_DISABLED", "true")],
        &[("OTEL_SDK_DISABLED", "True")],
        &[("OTEL_JAVAAGENT_ENABLED", "false")],
        &[("OTEL_NODE_ENABLED_INSTRUMENTATIONS", "http,express")],
        &[("OTEL_NODE_DISABLED_INSTRUMENTATIONS", "fs,undici")],
        &[("MANAGEMENT_TRACING_ENABLED", "false")],
        &[("MANAGEMENT_TRACING_BAGGAGE_ENABLED", "FALSE")],
        &[("management.tracing.baggage.enabled", "false")],
        &[("MANAGEMENT_TRACING_PROPAGATION_TYPE", "b3")],
        &[
            ("MANAGEMENT_TRACING_PROPAGATION_TYPE_0", "b3"),
            ("MANAGEMENT_TRACING_PROPAGATION_TYPE_1", "b3_multi"),
        ],
        &[
            ("MANAGEMENT_TRACING_PROPAGATION_PRODUCE", "b3"),
            ("MANAGEMENT_TRACING_PROPAGATION_TYPE", "w3c"),
        ],
        &[("JAVA_TOOL_OPTIONS", "-Xmx1g -Dotel.propagators=tracecontext")],
        &[("JAVA_OPTS", "-Dotel.propagators=b3")],
        // Options come before variables.
        &[("OTEL_PROPAGATORS", "baggage"), ("JAVA_TOOL_OPTIONS", "-Dotel.propagators=b3")],
        // Without baggage there are no remote fields.
        &[
            ("MANAGEMENT_TRACING_BAGGAGE_ENABLED", "false"),
            ("MANAGEMENT_TRACING_BAGGAGE_REMOTE_FIELDS", "x-preview-id"),
        ],
    ] {
        let said = warnings(CONFIG, &with_variables(variables));
        assert_eq!(said.len(), 1, "{variables:?}: {said:?}");
        assert!(said[0].contains("Deployment shop/cart sets `"), "{variables:?}: {said:?}");
        assert!(said[0].contains("container `server`"), "{variables:?}: {said:?}");
    }
}

#[test]
fn settings_with_which_the_key_travels_are_not_named() {
    for variables in [
        &[("OTEL_PROPAGATORS", "tracecontext, baggage")][..],
        &[("OTEL_PROPAGATORS", "b3multi,baggage,preview")],
        // What is empty is as good as not set.
        &[("OTEL_PROPAGATORS", "")],
        &[("OTEL_PROPAGATORS", "b3"), ("OTEL_PROPAGATORS", "baggage")],
        // Nothing is known of what is put in its place later.
        &[("OTEL_PROPAGATORS", "$(LIST)")],
        &[("OTEL_PROPAGATORS", "ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]")],
        &[("DD_TRACE_PROPAGATION_STYLE", "Datadog,Baggage")],
        &[
            ("DD_TRACE_PROPAGATION_STYLE", "datadog"),
            ("DD_TRACE_PROPAGATION_STYLE_INJECT", "baggage"),
            ("DD_TRACE_PROPAGATION_STYLE_EXTRACT", "baggage"),
        ],
        &[("OTEL_SDK_DISABLED", "false")],
        &[("OTEL_SDK_DISABLED", "true"), ("JAVA_TOOL_OPTIONS", "-Xmx1g")],
        &[("OTEL_SDK_DISABLED", "true"), ("PYTHONUNBUFFERED", "1")],
        &[("OTEL_TRACES_SAMPLER", "always_off"), ("OTEL_TRACES_EXPORTER", "none")],
        &[("OTEL_NODE_ENABLED_INSTRUMENTATIONS", "http,undici")],
        &[("MANAGEMENT_TRACING_PROPAGATION_TYPE", "W3C,B3")],
        &[
            ("MANAGEMENT_TRACING_PROPAGATION_TYPE_0", "b3"),
            ("MANAGEMENT_TRACING_PROPAGATION_TYPE_1", "w3c"),
        ],
        // The header travels under its own name.
        &[
            ("MANAGEMENT_TRACING_PROPAGATION_TYPE", "b3"),
            ("MANAGEMENT_TRACING_BAGGAGE_REMOTEFIELDS", "X-Preview-Id"),
        ],
        &[
            ("JAVA_TOOL_OPTIONS", "-Dotel.propagators=tracecontext,baggage"),
            ("OTEL_PROPAGATORS", "b3"),
        ],
        &[("propagators", "b3")],
    ] {
        let said = warnings(CONFIG, &with_variables(variables));
        assert!(said.is_empty(), "{variables:?}: {said:?}");
    }
}

#[test]
fn nobody_is_warned_where_the_key_has_no_baggage_or_there_is_no_preview() {
    let baseline = with_variables(&[("OTEL_PROPAGATORS", "b3")]);
    let header = CONFIG.replace(", baggage: x-preview-id", "");
    assert!(warnings(&header, &baseline).is_empty());
    let none = &CONFIG[..CONFIG.find("  previews:").expect("it has previews")];
    assert!(warnings(none, &baseline).is_empty());
}

#[test]
fn command_lines_count() {
    for fields in [
        "args: [--management.tracing.enabled=false]",
        "command: [java, -Dotel.propagators=b3, -jar, app.jar]",
        "command: [sh, -c, \"exec java -Dotel.propagators=b3 -jar app.jar\"]",
    ] {
        let said = warnings(CONFIG, &cart(fields));
        assert_eq!(said.len(), 1, "{fields}: {said:?}");
    }
    let python =
        "command: [/venv/bin/gunicorn, app], env: [{name: OTEL_SDK_DISABLED, value: \"true\"}]";
    assert!(warnings(CONFIG, &cart(python)).is_empty());
}

const MAP: &str = "---
apiVersion: v1
kind: ConfigMap
metadata: {name: tracing, namespace: shop}
data: {PROPAGATORS: b3, OTEL_PROPAGATORS: b3}
";

#[test]
fn values_of_config_maps_count_as_containers_get_them() {
    for (fields, wanted) in [
        ("envFrom: [{configMapRef: {name: tracing}}]", 1),
        ("envFrom: [{configMapRef: {name: tracing}, prefix: OTEL_}]", 1),
        ("envFrom: [{configMapRef: {name: tracing}, prefix: X_}]", 0),
        (
            "env: [{name: OTEL_PROPAGATORS, valueFrom: {configMapKeyRef: {name: tracing, key: PROPAGATORS}}}]",
            1,
        ),
        // Variables come before what is taken as a whole, also where nothing is known of them.
        (
            "envFrom: [{configMapRef: {name: tracing}}], env: [{name: OTEL_PROPAGATORS, value: baggage}]",
            0,
        ),
        (
            "envFrom: [{configMapRef: {name: tracing}}], env: [{name: OTEL_PROPAGATORS, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}]",
            0,
        ),
    ] {
        let said = warnings(CONFIG, &format!("{}{MAP}", cart(fields)));
        assert_eq!(said.len(), wanted, "{fields}: {said:?}");
        let is_named = |said: &String| {
            said.contains("ConfigMap shop/tracing sets")
                && said.contains("container `server` of Deployment shop/cart")
        };
        assert!(said.iter().all(is_named), "{fields}: {said:?}");
    }
}

/// So many Deployments that take one ConfigMap.
fn programs(count: usize) -> String {
    let (_, deployment) = CART.split_once("---\n").expect("a Service and a Deployment");
    let one = |index: usize| {
        let name = format!("cart-{index}");
        deployment
            .replace("name: cart,", &format!("name: {name},"))
            .replace("image: cart:1}", "image: cart:1, envFrom: [{configMapRef: {name: tracing}}]}")
    };
    (0..count).map(|index| format!("---\n{}", one(index))).collect()
}

#[test]
fn one_cause_is_said_once_for_all_programs_and_previews() {
    let baseline = format!("{CART}{MAP}{}", programs(8));
    let said = warnings(CONFIG, &baseline);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("Deployment shop/cart-0") && said[0].contains("and 3 more"),
        "{said:?}"
    );
}

#[test]
fn what_previews_set_themselves_is_said_once() {
    let env = "image: \"cart:2\", env: [{name: A, value: b}, {name: OTEL_PROPAGATORS, value: b3}]";
    let config = CONFIG.replace("image: \"cart:2\"", env);
    let config = config.replace("image: \"cart:3\"", &env.replace("cart:2", "cart:3"));
    let said = warnings(&config, CART);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("`OTEL_PROPAGATORS` of a copy of cart"), "{said:?}");
}

/// An Instrumentation, and the cart with annotations of its pods.
fn instrumented(spec: &str, annotations: &str, fields: &str) -> String {
    let pod = format!("{{labels: {{app: cart}}, annotations: {{{annotations}}}}}");
    let cart = cart(fields).replace("metadata: {labels: {app: cart}}", &format!("metadata: {pod}"));
    format!(
        "{cart}---\napiVersion: opentelemetry.io/v1alpha1\nkind: Instrumentation\n\
         metadata: {{name: all, namespace: shop}}\nspec: {{{spec}}}\n"
    )
}

#[test]
fn what_the_operator_of_opentelemetry_puts_into_pods_counts() {
    let node = "instrumentation.opentelemetry.io/inject-nodejs: \"true\"";
    let java = "instrumentation.opentelemetry.io/inject-java: all";
    let other = "instrumentation.opentelemetry.io/inject-java: other";
    let own = "env: [{name: OTEL_PROPAGATORS, value: \"tracecontext,baggage\"}]";
    let b3 = "propagators: [tracecontext, b3]";
    for (spec, annotations, fields, wanted) in [
        (b3, node, "", 1),
        (b3, java, "", 1),
        ("propagators: [tracecontext, baggage]", node, "", 0),
        // No variable is made of an empty list.
        ("propagators: []", node, "", 0),
        // What a pod says itself is left alone, and what the object lists comes before its propagators.
        (b3, node, own, 0),
        ("propagators: [b3], env: [{name: OTEL_PROPAGATORS, value: baggage}]", node, "", 0),
        ("nodejs: {env: [{name: OTEL_PROPAGATORS, value: b3}]}", node, "", 1),
        ("nodejs: {env: [{name: OTEL_PROPAGATORS, value: b3}]}", java, "", 0),
        ("env: [{name: OTEL_SDK_DISABLED, value: \"true\"}]", node, "", 1),
        ("env: [{name: OTEL_SDK_DISABLED, value: \"true\"}]", java, "", 0),
        // Who asks for it is perhaps not in the input.
        (b3, "", "", 1),
        (b3, other, "", 1),
    ] {
        let said = warnings(CONFIG, &instrumented(spec, annotations, fields));
        assert_eq!(said.len(), wanted, "{spec} {annotations} {fields}: {said:?}");
        assert!(said.iter().all(|said| said.contains("Instrumentation shop/all sets")), "{said:?}");
    }
    let elsewhere =
        instrumented(b3, "instrumentation.opentelemetry.io/inject-nodejs: tools/all", "");
    let elsewhere = elsewhere.replace("name: all, namespace: shop", "name: all, namespace: tools");
    let said = warnings(CONFIG, &elsewhere);
    assert!(said.len() == 1 && said[0].contains("Instrumentation tools/all"), "{said:?}");
    let nobodys = elsewhere.replace("tools/all", "false");
    assert!(warnings(CONFIG, &nobodys).is_empty());
}

#[test]
fn pods_that_come_and_go_are_not_on_the_way_of_a_request() {
    let job = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: report, namespace: shop}\nspec: {template: \
               {spec: {containers: [{name: a, image: a:1, env: [{name: OTEL_PROPAGATORS, value: b3}]}]}}}\n";
    assert!(warnings(CONFIG, &format!("{CART}{job}")).is_empty());
}
