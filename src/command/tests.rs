//! Shows that a kind needs only its row in the table of kinds to be handled everywhere.

use super::respond;

/// A Service with a workload of an invented kind, and policies and a cluster-scoped object of further ones.
const LIST: &str = r#"apiVersion: config.kubernetes.io/v1
kind: ResourceList
functionConfig:
  apiVersion: anabranch.dev/v1alpha1
  kind: Previews
  metadata: {name: shop}
  spec:
    baseline: {namespace: baseline}
    tests: [{name: smoke, path: ./smoke}]
    previews:
      - name: pr-1
        services:
          - name: ferry
            image: example.com/ferry:v2
            patches:
              - patch: '[{op: add, path: /spec/crew/spec/hostNetwork, value: true}]'
items:
  - {apiVersion: v1, kind: Namespace, metadata: {name: baseline, labels: {istio-injection: enabled}}}
  - apiVersion: v1
    kind: Service
    metadata: {name: ferry, namespace: baseline}
    spec: {selector: {app: ferry}, ports: [{name: http, port: 80}]}
  - apiVersion: example.com/v1
    kind: Barge
    metadata: {name: ferry, namespace: baseline}
    spec:
      crew:
        metadata: {labels: {app: ferry}}
        spec:
          containers:
            - {name: ferry, image: "example.com/ferry:v1", envFrom: [{configMapRef: {name: timetable}}]}
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: timetable, namespace: baseline}
    data: {first: "06:00"}
  - apiVersion: example.com/v1
    kind: Lock
    metadata: {name: narrow, namespace: baseline}
    spec: {selector: {matchLabels: {app: ferry}}}
  - apiVersion: example.com/v1
    kind: Buoy
    metadata: {name: red, namespace: baseline}
    spec: {selector: {matchLabels: {app: ferry}}, light: 4s}
  - apiVersion: example.com/v1
    kind: Buoy
    metadata: {name: green, namespace: baseline}
    spec: {selector: {matchLabels: {app: lifeboat}}}
  - {apiVersion: example.com/v1, kind: Sea, metadata: {name: north}}
"#;

#[test]
fn a_kind_needs_its_row_in_the_table_and_nothing_else() {
    let (answer, ok) = respond(LIST);
    assert!(ok, "{answer}");
    let item = |lines: [&str; 3]| {
        let is_it = |item: &&str| lines.iter().all(|line| item.contains(&format!("{line}\n")));
        let found: Vec<&str> = answer.split("\n- ").filter(is_it).collect();
        assert_eq!(found.len(), 1, "{lines:?}: {answer}");
        found[0]
    };
    let copy = item(["kind: Barge", "name: ferry", "namespace: pr-1"]);
    assert!(copy.contains("image: example.com/ferry:v2"), "it is copied and changed: {copy}");
    assert!(copy.contains("replicas: 1"), "it is scaled: {copy}");
    assert!(copy.contains("hostNetwork: true"), "patches without a target reach it: {copy}");
    let needed = item(["kind: ConfigMap", "name: timetable", "namespace: pr-1"]);
    assert!(needed.contains("first: "), "what its pods name comes along: {needed}");
    let buoy = item(["kind: Buoy", "name: red", "namespace: pr-1"]);
    assert!(buoy.contains("light: 4s"), "the policy of the copy is copied as it is: {buoy}");
    assert_eq!(answer.matches("kind: Buoy").count(), 3, "and that of other pods is not: {answer}");
    let at = |text: &str| answer.find(text).unwrap_or_else(|| panic!("{text}: {answer}"));
    let (service, barge) =
        (at("kind: Service\n"), answer.rfind("kind: Barge").expect("it is there"));
    assert!(service < barge, "it is written in its rank");
    let gate = at("healthChecks:");
    let check = "- apiVersion: example.com/v1\n      kind: Barge\n      name: ferry\n";
    assert!(answer[gate..].contains(check), "its health is the preview's: {answer}");
    let said = |words: &[&str]| {
        let results = &answer[at("results:")..];
        assert!(words.iter().all(|word| results.contains(word)), "{words:?}: {results}");
    };
    said(&["more-access", "hostNetwork"]);
    said(&["policy-not-copied", "Lock baseline/narrow applies to ferry"]);
    let sea = answer.split("\n- ").find(|item| item.contains("kind: Sea")).expect("it passes");
    assert!(!sea.contains("namespace"), "it has no namespace: {sea}");
}
