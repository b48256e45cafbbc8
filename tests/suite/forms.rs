//! The ways to the same objects: text that is filled into stencils, objects made one by one, and one
//! preview alone.

use std::fs;
use std::process::Command;

use yaml_serde::Value;

use super::objects::{documents, resource_list};
use super::orchestrator::{ANABRANCH, Answer, CART, function, root, run};
use super::shop::Shop;

fn is_of_a_preview(object: &Value) -> bool {
    object["metadata"]["labels"]["anabranch.dev/preview"].is_string()
}

fn render(baseline: &str, previews: &str) -> Answer {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("baseline.yaml"), baseline).expect("written");
    fs::write(folder.path().join("previews.yaml"), previews).expect("written");
    let mut command = Command::new(ANABRANCH);
    command.current_dir(folder.path());
    run(command.args(["render", "previews.yaml", "--baseline", "baseline.yaml"]), "")
}

/// The objects of previews that `render` fills in, and that the function makes.
fn both(baseline: &str, previews: &str) -> [Vec<Value>; 2] {
    let filled = documents(&render(baseline, previews).ok());
    let answer = function(&resource_list(&documents(baseline), previews)).ok();
    let list = documents(&answer).remove(0);
    let made = list["items"].as_sequence().expect("a list of items").clone();
    [filled, made].map(|objects| objects.into_iter().filter(is_of_a_preview).collect())
}

#[test]
fn what_is_filled_in_is_what_is_made_object_by_object() {
    for seed in 0..40 {
        let shop = Shop::random(seed);
        let [filled, made] = both(&shop.baseline(), &shop.previews_yaml());
        assert!(!filled.is_empty(), "seed {seed} makes nothing");
        assert_eq!(filled, made, "seed {seed}");
    }
}

/// `cart` with a second container and a ConfigMap, whose keys end the text.
fn baseline() -> String {
    let container =
        "image: cart:1, envFrom: [{configMapRef: {name: words}}]}, {name: proxy, image: proxy:1";
    let words = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: words, namespace: shop}\ndata:\n  a: b\n";
    CART.replace("image: cart:1", container) + words
}

/// Names that YAML would take for something else where they stand alone.
#[test]
fn names_that_are_no_words_are_what_is_made_one_by_one() {
    let preview = |name: &str, service: &str| {
        format!("  - name: {name}\n    services:\n    - name: cart\n{service}")
    };
    let previews = format!(
        "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  prefix: \"n\"\n  namespace: \"{{preview}}\"\n  \
         baseline: {{namespace: shop}}\n  previews:\n{}{}{}{}",
        preview("n1", "      image: \"cart:2\"\n"),
        preview("\"no\"", "      containers: [{name: proxy, image: \"proxy:2\"}]\n"),
        preview("\"null\"", "      replicas: 3\n      image: cart:2\n"),
        preview(
            "n2",
            "      containers: [{name: server, image: \"cart:3\"}, {name: proxy, image: \"1e3\"}]\n"
        ),
    );
    let [filled, made] = both(&baseline(), &previews);
    assert_eq!(filled, made);
    assert_eq!(filled.iter().filter(|object| object["kind"] == "Deployment").count(), 4);
}

/// What stands for a hole in a template can be in no input, so nothing is ever filled in there.
#[test]
fn the_frame_of_a_mark_is_refused_wherever_it_is_written() {
    let previews = |image: &str, patch: &str| {
        format!(
            "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {{namespace: shop}}\n  \
             previews:\n  - {{name: pr-1, services: [{{name: cart, image: {image}, patches: [{{patch: {patch}}}]}}]}}\n"
        )
    };
    let patch = "'{apiVersion: apps/v1, kind: Deployment, metadata: {name: cart}, spec: {minReadySeconds: 5}}'";
    let plain = previews("\"cart:2\"", patch);
    assert_eq!(render(&baseline(), &plain).code, Some(0));
    let word = |text: &str| baseline().replace("  a: b\n", &format!("  a: {text}\n"));
    for (baseline, previews) in [
        (word("\u{7f}0\u{7f}"), plain.clone()),
        (word("\"\\x7f0\\x7f\""), plain.clone()),
        (word("!!binary fzB/"), plain),
        (baseline(), previews("\"cart:\\u007f1\\u007f\"", patch)),
        (baseline(), previews("cart:2", &patch.replace('5', "\"\\x7f0\\x7f\""))),
    ] {
        let said = render(&baseline, &previews).failed();
        assert!(said.contains("U+007F"), "{said}");
    }
}

/// Namespaces that begin with a digit are quoted where others are not.
#[test]
fn namespaces_of_any_beginning_are_what_is_made_one_by_one() {
    let rule = "{name: all, route: [{destination: {host: cart}}]}";
    let baseline = format!(
        "{}---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: cart, namespace: shop}}
spec: {{hosts: [cart], http: [{rule}]}}
",
        baseline()
    );
    for namespace in ["{preview}", "7-{preview}", "7{preview}", "x-{preview}", "{preview}-7"] {
        let previews = format!(
            "apiVersion: anabranch.dev/v1alpha1
kind: Previews
spec:
  prefix: m
  namespace: \"{namespace}\"
  baseline: {{namespace: shop, delivery: include}}
  tests: [{{name: smoke, path: ./smoke}}]
  previews:
  - {{name: m, services: [{{name: cart}}]}}
  - {{name: m-1, services: [{{name: cart}}]}}
  - {{name: m2, services: [{{name: cart, replicas: 2}}]}}
"
        );
        let [filled, made] = both(&baseline, &previews);
        assert_eq!(filled, made);
        let deployments = filled.iter().filter(|object| object["kind"] == "Deployment");
        let namespaces = deployments.map(|object| object["metadata"]["namespace"].as_str());
        let wanted = ["m", "m-1", "m2"].map(|name| namespace.replace("{preview}", name));
        assert_eq!(namespaces.flatten().collect::<Vec<_>>(), wanted);
    }
}

/// The Kustomizations of suites differ in labels and annotations as well, and gates in how much they
/// watch.
#[test]
fn suites_of_all_kinds_of_changes_are_what_is_made_one_by_one() {
    let preview = |name: &str, changes: &[(&str, &str)], service: &str| {
        let mut text = format!("  - name: {name}\n    services:\n    - {{name: {service}}}\n");
        for (number, (repository, commit)) in changes.iter().enumerate() {
            text += if number == 0 { "    changes:\n" } else { "" };
            text += &format!(
                "    - {{repository: \"https://x.example/{repository}\", number: {}, commit: \"{commit}\"}}\n",
                number + 1
            );
        }
        text
    };
    let (digits, letters) = ("0".repeat(40), "a".repeat(40));
    let previews = [
        "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {namespace: shop}\n  \
         flux: {sourceRef: {kind: OCIRepository, name: shop}}\n  tests:\n  - {name: smoke, path: ./smoke, report: \"https://r/{preview}/{commit}\"}\n  \
         - {name: load, path: ./load}\n  notify:\n  - {repository: https://x.example/heard, provider: github, secretRef: {name: x}}\n  \
         previews:\n".to_owned(),
        preview("pr-1", &[], "cart"),
        preview("pr-2", &[("heard", &digits)], "cart"),
        preview("pr-3", &[("heard", &letters), ("unheard", &digits)], "shop"),
        preview("pr-4", &[("unheard", &letters)], "cart"),
        preview("pr-5", &[("heard", &digits)], "shop"),
    ]
    .concat();
    let [filled, made] = both(&format!("{}---\n{}", baseline(), second()), &previews);
    assert_eq!(filled, made);
    let suites = filled.iter().filter(|o| o["kind"] == "Kustomization");
    assert_eq!(suites.count(), 5 * 3, "a gate and two suites each");
}

/// Two services with a role for both accounts, a route to both, and a way in under two
/// hosts of which one begins like the other.
const PAIR: &str = "
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: ServiceAccount, name: cart, namespace: shop}
- {kind: ServiceAccount, name: shop, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: shop}
rules: []
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: cart, namespace: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: shop, namespace: shop}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs: [{group: \"\", kind: Service, name: cart}]
  rules:
  - matches: [{path: {type: PathPrefix, value: /v1}}]
    backendRefs: [{name: cart, port: 80, weight: 1}, {name: shop, port: 80, weight: 3}]
  - matches: [{path: {type: PathPrefix, value: /help}}]
    backendRefs: [{name: shop, port: 80}]
  - backendRefs: [{name: cart, port: 80}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: in, namespace: shop}
spec:
  parentRefs: [{name: public, namespace: infra}]
  hostnames: [z.example.com, z-a.example.com]
  rules:
  - matches: [{path: {type: PathPrefix, value: /shop}}]
    backendRefs: [{name: shop, port: 80}]
  - filters:
    - {type: RequestMirror, requestMirror: {backendRef: {name: shop, port: 80}}}
    backendRefs: [{name: cart, port: 80}]
";

/// What previews change and affect differs in every way that a stencil must know of.
#[test]
fn previews_that_differ_in_variables_and_services_are_what_is_made_one_by_one() {
    let preview = |number: usize, services: &[&str]| {
        format!("  - {{name: pr-{number}, services: [{}]}}\n", services.join(", "))
    };
    let cart = |more: &str| format!("{{name: cart, image: \"cart:2\"{more}}}");
    let shop = |more: &str| format!("{{name: shop, image: \"shop:2\"{more}}}");
    let previews = [
        "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {namespace: shop}\n  \
         services: [{name: shop, dependencies: [api.other.svc]}]\n  routing:\n    key: {header: x-key, baggage: preview}\n    \
         entries: [{gateway: {namespace: infra, name: preview}, host: \"{host}-{preview}.example.com\"}]\n  \
         tests: [{name: smoke, path: ./smoke}]\n  previews:\n"
            .to_owned(),
        preview(1, &[&cart(", env: [{name: A, value: x}]")]),
        preview(2, &[&cart(", env: [{name: A, value: \"http://shop/on\"}, {name: B, value: \"1\"}]")]),
        preview(3, &[&cart(", env: [{name: A, value: \"two\\nlines\"}]")]),
        preview(4, &[&cart(", env: [{name: A, value: x}], replicas: 2"), &shop("")]),
        preview(5, &[&shop(", env: [{name: A, value: \"\"}, {name: C, value: c}]")]),
        preview(6, &[&shop("")]),
        preview(7, &["{name: cart, containers: [{name: proxy, image: \"proxy:2\"}]}"]),
        preview(8, &["{name: cart, containers: [{name: proxy, image: \"proxy:2\"}], env: [{name: A, value: b}]}"]),
    ]
    .concat();
    let cart = baseline().replace("    spec: {", "    spec: {serviceAccountName: cart, ");
    let shop = cart.replace("cart", "shop").replace("name: words", "name: other");
    let [filled, made] = both(&format!("{cart}---\n{shop}{PAIR}"), &previews);
    assert_eq!(filled, made);
    let count = |kind: &str| filled.iter().filter(|object| object["kind"] == kind).count();
    assert_eq!(count("RoleBinding"), 8);
    assert_eq!(
        count("ReferenceGrant"),
        8 + 5,
        "into each preview, and for each that has cart alone"
    );
}

/// A Service that only some namespaces see, and what patches of a role may name.
const EXPORTED: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      serviceAccountName: cart
      containers:
      - {name: server, image: cart:1, env: [{name: A, value: a}]}
      - {name: proxy, image: proxy:1}
---
apiVersion: v1
kind: Service
metadata:
  name: cart
  namespace: shop
  annotations: {networking.istio.io/exportTo: \"zoo, .,pr-2,~,edge,shop\"}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
";

/// One text of a patch that many write is applied once, with what previews change left open.
#[test]
fn patched_copies_are_what_is_made_one_by_one() {
    let json = |operations: &str| format!("patches: [{{patch: '[{operations}]'}}]");
    let at = "/spec/template/spec/containers/0";
    let limits = "patches: [{target: {kind: Deployment}, patch: '{spec: {template: {spec: {containers: [{name: server, resources: {limits: {memory: 1Gi}}}]}}}}'}]";
    let services = [
        // The same text with other values, and with another shape of changes.
        limits.to_owned(),
        format!("image: \"cart:2\", env: [{{name: A, value: \"two\\n\\n  lines\\n\"}}], {limits}"),
        format!("image: \"cart:3\", env: [{{name: A, value: \"1\"}}], {limits}"),
        // It depends on a value.
        format!("image: \"cart:4\", {}", json(&format!("{{op: test, path: {at}/image, value: \"cart:4\"}}, {{op: remove, path: {at}/env}}"))),
        format!("image: \"cart:5\", {}", json(&format!("{{op: test, path: {at}/image, value: \"cart:5\"}}, {{op: remove, path: {at}/env}}"))),
        // Values are moved to where they have other columns, and lines of their own.
        format!("image: \"cart:9\", replicas: 7, env: [{{name: A, value: \"http://edge\\nx\"}}], {}", json(&format!("{{op: move, from: {at}/env/0/value, path: {at}/args}}, {{op: copy, from: /spec/replicas, path: /spec/minReadySeconds}}"))),
        format!("image: \"cart:9\", env: [{{name: A, value: \"a\\nb\"}}], {}", json(&format!("{{op: add, path: {at}/args, value: [x]}}, {{op: copy, from: {at}/env/0/value, path: {at}/args/-}}"))),
        // It overrides a value, and a list.
        json(&format!("{{op: replace, path: {at}/image, value: \"cart:7\"}}")),
        format!("image: \"cart:8\", {}", json(&format!("{{op: add, path: {at}/args, value: [\"x\"]}}"))),
        // The subjects of a role are others, and accounts that are copied count.
        "patches: [{target: {kind: RoleBinding}, patch: '{subjects: [{kind: Group, name: \"system:serviceaccounts:shop\"}]}'}]".to_owned(),
        "patches: [{target: {kind: Service}, patch: '{metadata: {annotations: {networking.istio.io/exportTo: \"edge\"}}}'}]".to_owned(),
    ];
    let mut previews = "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {namespace: shop}\n  previews:\n".to_owned();
    for (number, changes) in services.iter().enumerate() {
        previews += &format!("  - {{name: pr-{number}, services: [{{name: cart, {changes}}}]}}\n");
    }
    let [filled, made] = both(&format!("{EXPORTED}{PAIR}---\n{}", second()), &previews);
    assert_eq!(filled, made);
    let find = |kind: &str, preview: usize| {
        let namespace = format!("pr-{preview}");
        let is = |o: &&Value| o["kind"] == kind && o["metadata"]["namespace"] == *namespace;
        filled.iter().find(is).expect("an object of each preview")
    };
    let container =
        |preview: usize| &find("Deployment", preview)["spec"]["template"]["spec"]["containers"][0];
    for preview in 0..3 {
        assert_eq!(container(preview)["resources"]["limits"]["memory"], "1Gi");
    }
    assert_eq!(container(1)["env"][0]["value"], "two\n\n  lines\n");
    assert_eq!(container(4)["image"], "cart:5");
    assert_eq!(container(5)["args"], "http://edge\nx");
    assert_eq!(find("Deployment", 5)["spec"]["minReadySeconds"], 7);
    assert_eq!(container(6)["args"][1], "a\nb");
    assert_eq!(container(7)["image"], "cart:7");
    assert_eq!(container(8)["args"][0], "x");
    let subject = &find("RoleBinding", 9)["subjects"][0]["name"];
    assert_eq!(subject, "system:serviceaccounts:pr-9");
    let exported = |preview: usize| {
        find("Service", preview)["metadata"]["annotations"]["networking.istio.io/exportTo"].clone()
    };
    assert_eq!(exported(0), "zoo,pr-2,edge,shop,pr-0");
    assert_eq!(exported(10), "edge,shop,pr-10");
}

/// What many write alike is judged once, with what previews change left open, unless a name of theirs
/// forbids it.
#[test]
fn what_is_said_of_patches_does_not_depend_on_the_way() {
    let json = |operations: &str| format!("{{patch: '[{operations}]'}}");
    let at = "/spec/template/spec";
    let patches = [
        json(&format!("{{op: add, path: {at}/hostNetwork, value: true}}")),
        json(&format!("{{op: add, path: {at}/nodeName, value: a}}")),
        json(&format!("{{op: replace, path: {at}/nodeName, value: b}}")),
        json(&format!("{{op: remove, path: {at}/containers/0/image}}")),
        json(&format!("{{op: add, path: {at}/volumes, value: [{{name: v, image: {{reference: \"ghcr.io/x/y:1\"}}}}]}}")),
        "{target: {kind: Service}, patch: '{metadata: {finalizers: [a]}, spec: {selector: {x: y}}}'}".to_owned(),
    ];
    let said = |name: &str| {
        let previews = format!(
            "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {{namespace: shop}}\n  \
             prefix: o\n  previews:\n  - name: \"{name}\"\n    services:\n    - name: cart\n      \
             env: [{{name: A, value: \"1\"}}]\n      image: cart:2\n      patches:\n      - {}\n",
            patches.join("\n      - ")
        );
        render(&baseline(), &previews).stderr
    };
    // Plain, `on` is a boolean.
    let (judged_alone, judged_once) = (said("on"), said("op"));
    assert_eq!(judged_alone, judged_once);
    for (line, words) in [(13, "hostNetwork: true"), (15, "nodeName: b"), (18, "selector.x")] {
        let place = format!("previews.yaml:{line}:");
        let mut findings = judged_once.split("\n\n");
        let finding = findings.find(|one| one.contains(words)).unwrap_or_default();
        assert!(finding.contains(&place), "{place} {judged_once}");
    }
}

/// Patches that depend on each other, on values or on neither, by two in every order: what fits is what is
/// made one by one, and what does not is refused in words.
#[test]
fn any_two_patches_fit_in_all_forms_or_in_none() {
    let pod = "/spec/template/spec";
    let strategic =
        |fields: &str| format!("{{target: {{kind: Deployment}}, patch: '{{spec: {fields}}}'}}");
    let json = |operation: &str| format!("{{patch: '[{{{operation}}}]'}}");
    let patches = [
        strategic("{minReadySeconds: 5}"),
        strategic("{replicas: 5}"),
        strategic(
            "{template: {spec: {containers: [{name: server, env: [{name: A, value: other}]}]}}}",
        ),
        strategic("{template: {spec: {containers: [{name: proxy, $patch: delete}]}}}"),
        strategic("{template: {spec: {volumes: [{name: w, configMap: {name: words}}]}}}"),
        strategic("{template: none}"),
        json("op: test, path: /spec/minReadySeconds, value: 5"),
        json("op: test, path: /spec/replicas, value: 1"),
        json(&format!("op: test, path: {pod}/containers/0/image, value: \"cart:2\"")),
        json(&format!("op: remove, path: {pod}/containers/0/env")),
        json(&format!("op: move, from: {pod}/containers/0, path: {pod}/containers/1")),
        json(&format!(
            "op: copy, from: {pod}/containers/0/image, path: /spec/template/metadata/labels/image"
        )),
        json(&format!("op: add, path: {pod}/containers/0/args, value: [x]")),
    ];
    let (mut fit, mut refused) = (0, 0);
    for (first, second) in patches.iter().flat_map(|one| patches.iter().map(move |two| (one, two)))
    {
        let preview = |name: &str, changes: &str| {
            format!(
                "  - {{name: {name}, services: [{{name: cart, image: {changes}, patches: [{first}, {second}]}}]}}\n"
            )
        };
        let previews = [
            "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {namespace: shop}\n  previews:\n".to_owned(),
            preview("pr-1", "\"cart:2\", env: [{name: A, value: \"1\"}]"),
            preview("pr-2", "\"cart:2\", env: [{name: A, value: \"x\\ny\"}]"),
            preview("pr-3", "\"cart:2\""),
        ]
        .concat();
        let answer = render(&baseline(), &previews);
        if answer.code == Some(0) {
            let [filled, made] = both(&baseline(), &previews);
            assert_eq!(filled, made, "{first} {second}");
            fit += 1;
        } else {
            let said = answer.failed();
            assert!(said.contains("error[bad-patch]"), "{first} {second}: {said}");
            refused += 1;
        }
    }
    assert!(fit > 50 && refused > 50, "{fit} fit and {refused} do not");
}

/// A Deployment and a Service of another name.
fn second() -> String {
    baseline().replace("cart", "shop").replace("name: words, ", "name: other, ")
}

/// However many ways there are to change a workload, and whatever lines values have.
#[test]
fn changes_of_a_hundred_shapes_are_what_is_made_one_by_one() {
    let mut previews = "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  baseline: {namespace: shop}\n  limits: {previews: 200}\n  previews:\n".to_owned();
    let values = [
        "a\nb",
        "a\n",
        "\na",
        "a\n\n",
        "  a\n b",
        "a\n\tb",
        "a\r\nb",
        "a \nb",
        "a\n\n\nb\n",
        "é\nb",
    ];
    for number in 0..200 {
        let (value, shape) = (values[number % values.len()], number / 2);
        previews += &format!(
            "  - {{name: pr-{number}, services: [{{name: cart, image: \"cart:2\", env: [{{name: V{shape}, value: {value:?}}}]}}]}}\n"
        );
    }
    let [filled, made] = both(&baseline(), &previews);
    assert_eq!(filled, made);
    let deployments: Vec<_> = filled.iter().filter(|o| o["kind"] == "Deployment").collect();
    assert_eq!(deployments.len(), 200);
    for deployment in deployments {
        let number: usize = deployment["metadata"]["namespace"].as_str().expect("a name")[3..]
            .parse()
            .expect("a number");
        let variable = &deployment["spec"]["template"]["spec"]["containers"][0]["env"][0];
        assert_eq!(variable["value"], values[number % values.len()]);
    }
}

#[test]
fn one_preview_alone_has_the_objects_that_it_has_among_all() {
    let folder = root().join("examples/shop");
    let render = |more: &[&str]| {
        let mut command = Command::new(ANABRANCH);
        command.current_dir(&folder).args(["render", "previews.yaml", "--baseline", "baseline"]);
        run(command.args(more), "")
    };
    let of_42 = |text: &str| -> Vec<Value> {
        let is_own =
            |object: &Value| object["metadata"]["labels"]["anabranch.dev/preview"] == "pr-42";
        documents(text).into_iter().filter(is_own).collect()
    };
    let only = render(&["--only", "pr-42"]).ok();
    let own = of_42(&only);
    assert_eq!(own.len(), documents(&only).len(), "nothing but objects of the preview");
    assert_eq!(own, of_42(&render(&[]).ok()));

    let misspelt = render(&["--only", "pr-24"]).failed();
    assert!(misspelt.contains("there is no preview `pr-24`"), "{misspelt}");
    assert!(misspelt.contains("did you mean"), "{misspelt}");
}
