//! Every kind of workload: behind a Service, beside a Deployment, without a Service, with `stateful: copy` and without;
//! and what scales or guards workloads.

use serde_json::{Value, json};

use super::{Outcome, assert_covered, object, outcome, pod, rows, service, workload};

/// What becomes of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Copied,
    /// Copied with `stateful: copy` alone.
    Stateful,
    /// Left out where something else runs the service, and refused where nothing does.
    LeftOut,
    Refused,
}
use Fate::{Copied, LeftOut, Refused, Stateful};

/// A row of the guide: kind, API group, and what becomes of it.
const CASES: [(&str, &str, Fate); 14] = [
    ("Pod", "", Refused),
    ("ReplicationController", "", Refused),
    ("DaemonSet", "apps", Refused),
    ("Deployment", "apps", Copied),
    ("ReplicaSet", "apps", Refused),
    ("StatefulSet", "apps", Stateful),
    ("CloneSet", "apps.kruise.io", Refused),
    ("DaemonSet", "apps.kruise.io", Refused),
    ("StatefulSet", "apps.kruise.io", Refused),
    ("DeploymentConfig", "apps.openshift.io", Refused),
    ("Rollout", "argoproj.io", Refused),
    ("CronJob", "batch", LeftOut),
    ("Job", "batch", LeftOut),
    ("Service", "serving.knative.dev", Refused),
];

/// What scales or guards a workload: kind, API group, where it names the workload, and what is said.
const BESIDE: [(&str, &str, &str, &str); 4] = [
    ("HorizontalPodAutoscaler", "autoscaling", "scaleTargetRef", "fixed replicas"),
    ("VerticalPodAutoscaler", "autoscaling.k8s.io", "targetRef", "the resources that are written"),
    ("ScaledObject", "keda.sh", "scaleTargetRef", "fixed replicas"),
    ("PodDisruptionBudget", "policy", "selector", "may be disrupted"),
];

fn api_version(group: &str) -> String {
    if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") }
}

/// A workload of a kind, called `runner`, with pods that the Service `cart` selects.
fn of_kind(kind: &str, group: &str) -> Value {
    let metadata = json!({"labels": {"app": "cart"}});
    let template = json!({"metadata": metadata, "spec": pod(&json!({}))});
    let mut workload = object(&api_version(group), kind, "runner");
    match kind {
        "Pod" => {
            workload["metadata"]["labels"] = metadata["labels"].clone();
            workload["spec"] = template["spec"].clone();
        }
        "CronJob" => workload["spec"] = json!({"jobTemplate": {"spec": {"template": template}}}),
        _ => {
            workload["spec"] =
                json!({"selector": {"matchLabels": {"app": "cart"}}, "template": template});
        }
    }
    workload
}

fn copied(outcome: &Outcome, kind: &str) -> bool {
    outcome.find(kind, "runner").is_some()
}

#[test]
fn every_kind_of_workload_has_the_outcome_that_the_guide_states() {
    for (kind, group, fate) in CASES {
        let workload = of_kind(kind, group);
        for facts in [
            json!({}),
            json!({"volumes": "empty"}),
            json!({"stateful": "copy"}),
            json!({"stateful": "copy", "volumes": "empty"}),
        ] {
            let is_copied = fate == Copied || fate == Stateful && facts["stateful"] == "copy";
            let alone = outcome(&[service(), workload.clone()], &facts, &json!({}));
            assert_eq!(copied(&alone, kind), is_copied, "{kind} {group} {facts}: {}", alone.words);
            assert_eq!(alone.failed, !is_copied, "{kind} {group} {facts}: {}", alone.words);
            let is_said = alone.says("unsupported-workload", &format!("{kind} shop/runner"));
            assert_eq!(is_said, !is_copied, "{kind} {group} {facts}: {}", alone.words);

            let deployment = super::workload("Deployment", &pod(&json!({})));
            let beside = outcome(&[service(), workload.clone(), deployment], &facts, &json!({}));
            let is_left = fate == LeftOut;
            assert_eq!(copied(&beside, kind), is_copied, "{kind} {group}: {}", beside.words);
            assert_eq!(beside.failed, !is_copied && !is_left, "{kind} {group}: {}", beside.words);
            let note = beside.says("left-out", &format!("{kind} shop/runner"));
            assert_eq!(note, is_left, "{kind} {group}: {}", beside.words);
        }
    }
}

#[test]
fn every_kind_of_workload_has_that_outcome_without_a_service_too() {
    for (kind, group, fate) in CASES {
        let mut workload = of_kind(kind, group);
        workload["metadata"]["name"] = json!("cart");
        let facts = json!({"stateful": "copy"});
        let outcome = outcome(&[workload], &facts, &json!({}));
        let is_copied = matches!(fate, Copied | Stateful);
        assert_eq!(outcome.find(kind, "cart").is_some(), is_copied, "{kind}: {}", outcome.words);
        assert_eq!(outcome.failed, !is_copied, "{kind} {group}: {}", outcome.words);
        let code = if is_copied { "queue-consumer" } else { "unsupported-workload" };
        assert!(outcome.says(code, &format!("{kind} shop/cart")), "{kind}: {}", outcome.words);
    }
}

#[test]
fn whatever_scales_or_guards_a_copy_is_left_out_and_named() {
    for (target, facts) in [("Deployment", json!({})), ("StatefulSet", json!({"stateful": "copy"}))]
    {
        for (kind, group, key, why) in BESIDE {
            let of_another = |name: &str| {
                let mut one = object(&api_version(group), kind, name);
                one["spec"][key] = match key {
                    "selector" => json!({"matchLabels": {"app": name}}),
                    _ => json!({"apiVersion": "apps/v1", "kind": target, "name": name}),
                };
                one
            };
            let workload = super::workload(target, &pod(&json!({})));
            let all = [service(), workload, of_another("cart"), of_another("search")];
            let outcome = outcome(&all, &facts, &json!({}));
            assert!(!outcome.failed, "{}", outcome.words);
            assert_eq!(outcome.copy(target, "cart")["spec"]["replicas"], 1);
            assert!(outcome.find(kind, "cart").is_none(), "{kind} is copied");
            assert!(outcome.says("left-out", &format!("{kind} shop/cart")), "{}", outcome.words);
            assert!(outcome.says("left-out", why), "{}", outcome.words);
            assert!(!outcome.words.contains("shop/search"), "{}", outcome.words);
        }
    }
}

#[test]
fn the_guide_says_of_each_workload_what_was_tried() {
    let beside = BESIDE.iter().map(|(kind, ..)| *kind);
    assert_covered("workloads", CASES.iter().map(|(kind, ..)| *kind).chain(beside));
    let rows = rows("workloads");
    assert_eq!(rows.len(), CASES.len() + BESIDE.len());
    for (row, (kind, _, fate)) in rows.iter().zip(CASES) {
        let words = match fate {
            Copied => "copied",
            Stateful => "copied with `stateful: copy`",
            LeftOut => "left out",
            Refused => "refused: ",
        };
        assert!(row.0 == kind && row.1.starts_with(words), "{row:?} of {kind}");
    }
    for (row, (kind, _, _, why)) in rows[CASES.len()..].iter().zip(BESIDE) {
        assert!(row.0 == kind && row.1.starts_with("left out") && row.1.contains(why), "{row:?}");
    }
}

#[test]
fn a_rollout_that_refers_to_a_deployment_leaves_it_to_be_copied() {
    let mut rollout = object("argoproj.io/v1alpha1", "Rollout", "cart");
    rollout["spec"] =
        json!({"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "cart"}});
    let mut deployment = workload("Deployment", &pod(&json!({})));
    deployment["spec"]["replicas"] = json!(0);
    let outcome = outcome(&[service(), deployment, rollout], &json!({}), &json!({}));
    assert!(!outcome.failed, "{}", outcome.words);
    assert_eq!(outcome.copy("Deployment", "cart")["spec"]["replicas"], 1);
    assert!(outcome.find("Rollout", "cart").is_none());
}

#[test]
fn what_a_deployment_makes_is_left_out_where_the_input_was_written_from_a_cluster() {
    let owned = |kind: &str, group: &str, name: &str, [of, owner]: [&str; 2]| {
        let mut one = of_kind(kind, group);
        one["metadata"]["name"] = json!(name);
        one["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": of, "name": owner, "uid": "7", "controller": true}]);
        one
    };
    let set = owned("ReplicaSet", "apps", "cart-7", ["Deployment", "cart"]);
    let pod_of_set = owned("Pod", "", "cart-7-x", ["ReplicaSet", "cart-7"]);
    let deployment = workload("Deployment", &pod(&json!({})));
    let all = [service(), deployment, set.clone(), pod_of_set];
    let outcome = super::outcome(&all, &json!({}), &json!({}));
    assert!(!outcome.failed, "{}", outcome.words);
    assert!(
        outcome.says(
            "left-out",
            "ReplicaSet shop/cart-7 is left out of previews: Deployment shop/cart makes it"
        ),
        "{}",
        outcome.words
    );
    assert!(outcome.says("left-out", "Pod shop/cart-7-x"), "{}", outcome.words);

    let alone = super::outcome(&[service(), set], &json!({}), &json!({}));
    assert!(alone.failed && alone.says("unsupported-workload", "ReplicaSet"), "{}", alone.words);
}
