//! The ways to the same objects: text that is filled into stencils, objects made one by one, and one
//! preview alone.

use std::fs;
use std::process::Command;

use yaml_serde::Value;

use super::objects::{documents, resource_list};
use super::orchestrator::{ANABRANCH, Answer, function, root, run};
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

const BASELINE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers:
      - {name: server, image: cart:1, envFrom: [{configMapRef: {name: words}}]}
      - {name: proxy, image: proxy:1}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: words, namespace: shop}
data:
  a: b
";

/// What stands for a hole in a stencil, whole and in half.
const MARKERS: &str = "  marker: anabranch-hole-00
  half: anabranch-hole-
  both: x anabranch-hole-01 anabranch-hole-99 y
";

/// Names that YAML would take for something else, and markers in the user's own text.
#[test]
fn words_of_the_user_are_never_taken_for_a_hole() {
    let preview = |name: &str, service: &str| {
        format!("  - name: {name}\n    services:\n    - name: cart\n{service}")
    };
    let previews = format!(
        "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  prefix: \"n\"\n  namespace: \"{{preview}}\"\n  \
         baseline: {{namespace: shop}}\n  previews:\n{}{}{}{}{}",
        preview("n1", "      image: \"cart:anabranch-hole-00\"\n"),
        preview("\"no\"", "      containers: [{name: proxy, image: \"proxy:2\"}]\n"),
        preview("\"null\"", "      replicas: 3\n      image: cart:2\n"),
        preview(
            "n2",
            "      containers: [{name: server, image: \"cart:3\"}, {name: proxy, image: \"1e3\"}]\n"
        ),
        preview("n3", "      env: [{name: A, value: anabranch-hole-02}]\n      image: cart:2\n"),
    );
    let [filled, made] = both(BASELINE, &previews);
    assert_eq!(filled, made);
    let [filled, made] = both(&format!("{BASELINE}{MARKERS}"), &previews);
    assert_eq!(filled, made);
    let words: Vec<_> = filled.iter().filter(|o| o["metadata"]["name"] == "words").collect();
    assert_eq!(words.len(), 5);
    for words in words {
        assert_eq!(words["data"]["marker"], "anabranch-hole-00");
        assert_eq!(words["data"]["both"], "x anabranch-hole-01 anabranch-hole-99 y");
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
    let second = BASELINE.replace("cart", "shop").replace("name: words, ", "name: other, ");
    let [filled, made] = both(&format!("{BASELINE}---\n{second}"), &previews);
    assert_eq!(filled, made);
    let suites = filled.iter().filter(|o| o["kind"] == "Kustomization");
    assert_eq!(suites.count(), 5 * 3, "a gate and two suites each");
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
