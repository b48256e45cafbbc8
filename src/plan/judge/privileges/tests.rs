//! Which changes are reported, and which are not.

use super::*;
use crate::diagnostic::Sources;
use crate::kube::Object;
use crate::limits::InputLimits;
use crate::yaml::parse_documents;

fn object(text: &str) -> Object {
    let mut sources = Sources::default();
    let file = sources.add("", text.to_owned());
    let mut read = parse_documents(&sources, file, &InputLimits::default()).expect("YAML");
    Object::from_node(read.remove(0)).expect("an object")
}

/// The messages about the change from one object to another.
fn messages(before: &str, after: &str) -> Vec<String> {
    let id =
        Id { group: "policy".into(), kind: "P".into(), namespace: "".into(), name: "x".into() };
    let labels = PolicyLabels::from([("tier", [&id].into())]);
    let (before, after) = (object(before), object(after));
    let changes = compare(&before.id, &labels, &OwnDomains::default(), &before.node, &after.node);
    changes.iter().map(|change| describe(&before.id, change)).collect()
}

/// The messages about a Deployment whose pod spec has these fields.
fn of_pods(before: &str, after: &str) -> Vec<String> {
    let pod = |fields: &str| {
        format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: d}}, \
             spec: {{template: {{spec: {{{fields}}}}}}}}}"
        )
    };
    messages(&pod(before), &pod(after))
}

/// The messages about its container.
fn of_containers(before: &str, after: &str) -> Vec<String> {
    let container = |fields: &str| format!("containers: [{{name: c, {fields}}}]");
    of_pods(&container(before), &container(after))
}

/// The messages about the metadata of its pods.
fn of_metadata(before: &str, after: &str) -> Vec<String> {
    let pod = |fields: &str| {
        format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: d}}, \
             spec: {{template: {{metadata: {{{fields}}}}}}}}}"
        )
    };
    messages(&pod(before), &pod(after))
}

#[test]
fn a_value_that_an_injector_replaces_by_a_secret_is_named() {
    for (before, value) in [
        ("", "vault:secret/data/prod#pw"),
        ("A, value: x", "gcp:secretmanager:projects/1/secrets/prod"),
        ("A, value: 'vault:secret/data/staging#pw'", ">>vault:pki/issue#key"),
        ("A, valueFrom: {configMapKeyRef: {name: a, key: b}}", "prod@azurekeyvault"),
    ] {
        let env = |variable: &str| format!("env: [{{name: {variable}}}]");
        let before = if before.is_empty() { "env: []".to_owned() } else { env(before) };
        let said = of_containers(&before, &env(&format!("A, value: '{value}'")));
        // As any value of a variable it is not shown.
        one(&said, &["containers[c].env[A].value", "it may be secret"]);
    }
    let map = |value: &str| {
        format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: d}}, data: {{a: '{value}'}}}}"
        )
    };
    one(
        &messages(&map("x"), &map("vault:secret/data/prod#pw")),
        &["data.a", "vault:secret/data/prod#pw"],
    );
    assert_eq!(messages(&map("x"), &map("y")), [""; 0]);
}

#[test]
fn what_gives_a_pod_nothing_is_not_named() {
    for (before, after) in [
        ("", "terminationGracePeriodSeconds: 5, hostNetwork: false, hostUsers: false"),
        ("", "volumes: [{name: v, emptyDir: {}}, {name: w, configMap: {name: c}}]"),
        ("hostPID: true, volumes: [{name: v, hostPath: {path: /}}]", ""),
        ("serviceAccountName: a", "serviceAccountName: '', serviceAccount: a"),
        ("serviceAccountName: default", "automountServiceAccountToken: no"),
        ("hostNetwork: yes", "hostNetwork: true"),
        ("tolerations: [{key: a}, {key: b}]", "tolerations: [{key: b}]"),
        ("runtimeClassName: g, hostUsers: false", "hostUsers: off, runtimeClassName: g"),
        ("nodeName: null", ""),
        (
            "securityContext: {seccompProfile: {type: Unconfined}}",
            "securityContext: {seccompProfile: {type: RuntimeDefault}, runAsUser: 1000, runAsNonRoot: true}",
        ),
        (
            "volumes: [{name: v, secret: {secretName: s}}], imagePullSecrets: [{name: s}]",
            "volumes: [{name: v, emptyDir: {}}]",
        ),
        ("dnsPolicy: Default", "dnsConfig: {options: [{name: ndots, value: '2'}]}"),
    ] {
        assert_eq!(of_pods(before, after), [""; 0], "{after}");
    }
    for (before, after) in [
        (
            "image: a",
            "image: b, args: [x], env: [{name: A, value: b}, {name: C, valueFrom: {fieldRef: {fieldPath: x}}}]",
        ),
        ("resources: {limits: {cpu: 1}}", "resources: {requests: {memory: 1Gi}}"),
        (
            "",
            "livenessProbe: {httpGet: {path: /, port: 1}, periodSeconds: 3}, lifecycle: {preStop: {sleep: {seconds: 1}}}",
        ),
        ("livenessProbe: {httpGet: {host: h, port: 1}}", "livenessProbe: {exec: {command: [x]}}"),
        (
            "securityContext: {capabilities: {add: [A], drop: [B]}}",
            "securityContext: {capabilities: {drop: [ALL]}, privileged: n}",
        ),
        ("securityContext: {privileged: true}", ""),
        (
            "envFrom: [{secretRef: {name: a}}]",
            "envFrom: [{configMapRef: {name: b}}, {secretRef: {name: a}}]",
        ),
        ("ports: [{containerPort: 1, hostPort: 80}]", "ports: [{containerPort: 1, hostPort: 0}]"),
        (
            "volumeMounts: [{name: v, mountPath: /v}]",
            "volumeMounts: [{name: v, mountPath: /v, readOnly: true}]",
        ),
        (
            "env: [{name: A, value: 'vault:a#b'}]",
            "env: [{name: B, value: b}, {name: A, value: 'vault:a#b'}]",
        ),
        ("env: [{name: A, value: 'vault:a#b'}]", "env: [{name: A, value: b}]"),
    ] {
        assert_eq!(of_containers(before, after), [""; 0], "{after}");
    }
    for labels in ["tier: a", "istio.io/rev: a"] {
        assert_eq!(
            of_metadata(
                &format!("labels: {{{labels}}}"),
                &format!("labels: {{{labels}, team: b}}")
            ),
            [""; 0]
        );
    }
}

/// One difference, named with its path and its values.
fn one(said: &[String], words: &[&str]) {
    assert_eq!(said.len(), 1, "{words:?}: {said:?}");
    assert!(words.iter().all(|word| said[0].contains(word)), "{words:?}: {said:?}");
}

#[test]
fn what_a_pod_gains_is_named_in_every_spelling() {
    for (before, after, words) in [
        ("", "hostNetwork: Yes", &["hostNetwork: Yes"][..]),
        ("", "hostPID: \"true\"", &["hostPID"]),
        ("", "fieldOfTomorrow: {a: {b: c}}", &["fieldOfTomorrow: {\"a\":{\"b\":\"c\"}}"]),
        (
            "serviceAccountName: a",
            "serviceAccountName: '', serviceAccount: b",
            &["from `a` to `b`"],
        ),
        ("serviceAccountName: a", "serviceAccountName: null", &["takes", "serviceAccountName: a"]),
        ("automountServiceAccountToken: false", "", &["automountServiceAccountToken: false"]),
        ("", "automountServiceAccountToken: true", &["automountServiceAccountToken: true"]),
        ("", "nodeName: n", &["nodeName: n"]),
        ("", "tolerations: [{operator: Exists}]", &["tolerations", "Exists"]),
        ("nodeSelector: {a: b}", "nodeSelector: {a: c}", &["nodeSelector.a", "from `b` to `c`"]),
        ("", "volumes: [{name: v, nfs: {server: s, path: /}}]", &["volumes[v].nfs"]),
        (
            "volumes: [{name: v, emptyDir: {}}]",
            "volumes: [{name: v, emptyDir: {}}, {name: v, hostPath: {path: /}}]",
            &["volumes[v].hostPath"],
        ),
        (
            "",
            "volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: p}}]}}]",
            &["projected.sources[0].serviceAccountToken"],
        ),
        ("securityContext: {runAsUser: 1000}", "securityContext: {runAsUser: 0x0}", &["runAsUser"]),
        (
            "securityContext: {runAsUser: 1000}",
            "securityContext: {runAsUser: '1000'}",
            &["runAsUser"],
        ),
        ("securityContext: {runAsNonRoot: true}", "securityContext: null", &["runAsNonRoot"]),
        ("", "securityContext: {sysctls: [{name: s, value: '1'}]}", &["sysctls[s]"]),
        (
            "containers: [{name: a}]",
            "containers: [{name: a}, {name: a, image: i}]",
            &["containers[a]: i"],
        ),
        ("containers: [{name: a, image: i, args: [x]}]", "", &["takes", "containers[a]: i"]),
    ] {
        one(&of_pods(before, after), words);
    }
    for (before, after, words) in [
        ("", "securityContext: {privileged: on}", &["privileged: on"][..]),
        ("securityContext: {allowPrivilegeEscalation: false}", "", &["allowPrivilegeEscalation"]),
        (
            "securityContext: {readOnlyRootFilesystem: true}",
            "securityContext: {readOnlyRootFilesystem: no}",
            &["from `true` to `no`"],
        ),
        (
            "securityContext: {capabilities: {drop: [ALL]}}",
            "securityContext: {capabilities: {drop: []}}",
            &["drop[0]: ALL"],
        ),
        (
            "securityContext: {capabilities: {add: [A]}}",
            "securityContext: {capabilities: {add: [B]}}",
            &["add[0]: B"],
        ),
        ("", "securityContext: {procMount: Unmasked}", &["procMount: Unmasked"]),
        (
            "",
            "livenessProbe: {tcpSocket: {host: h, port: 1}}",
            &["livenessProbe.tcpSocket.host: h"],
        ),
        ("", "lifecycle: {postStart: {httpGet: {host: h, port: 1}}}", &["postStart.httpGet.host"]),
        (
            "env: [{name: A, value: a}]",
            "env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]",
            &["env[A].valueFrom.secretKeyRef"],
        ),
        ("", "envFrom: [{secretRef: {name: s}}]", &["envFrom[0].secretRef"]),
        ("", "volumeMounts: [{name: others, mountPath: /v}]", &["volumeMounts[/v]"]),
        (
            "volumeMounts: [{name: v, mountPath: /v, readOnly: true}]",
            "volumeMounts: [{name: v, mountPath: /v}]",
            &["volumeMounts[/v].readOnly"],
        ),
        ("", "resources: {limits: {nvidia.com/gpu: 1}}", &["limits.nvidia.com/gpu: 1"]),
        ("", "ports: [{containerPort: 1, hostPort: 80}]", &["ports[0].hostPort: 80"]),
    ] {
        one(&of_containers(before, after), words);
    }
    for (before, after, words) in [
        ("labels: {tier: a}", "labels: {}", &["labels.tier: a"][..]),
        ("labels: {tier: a}", "labels: {tier: b}", &["labels.tier", "from `a` to `b`"]),
        (
            "",
            "annotations: {sidecar.istio.io/inject: 'false'}",
            &["sidecar.istio.io/inject: false"],
        ),
        ("", "finalizers: [example.com/keep]", &["metadata.finalizers"]),
    ] {
        one(&of_metadata(before, after), words);
    }
}

#[test]
fn a_key_whose_domain_is_not_the_teams_is_named_once_for_labels_annotations_and_objects() {
    for (before, after, words) in [
        (
            "annotations: {autocert.step.sm/name: cart.shop.svc}",
            "annotations: {autocert.step.sm/name: payments.shop.svc}",
            &["autocert.step.sm/name", "from `cart.shop.svc` to `payments.shop.svc`"][..],
        ),
        (
            "",
            "annotations: {telegraf.influxdata.com/class: infra}",
            &["telegraf.influxdata.com/class"],
        ),
        ("", "annotations: {fluentbit.io/exclude: 'true'}", &["fluentbit.io/exclude"]),
        ("", "annotations: {pre.hook.backup.velero.io/command: sh}", &["backup.velero.io/command"]),
        ("", "annotations: {kubearmor-policy: disabled}", &["kubearmor-policy"]),
        ("", "annotations: {iam.amazonaws.com/role: admin}", &["iam.amazonaws.com/role"]),
        (
            "",
            "labels: {credentials-operator.otterize.com/create-aws-role: 'true'}",
            &["credentials-operator.otterize.com/create-aws-role"],
        ),
    ] {
        one(&of_metadata(before, after), words);
    }
    let service = |metadata: &str| {
        format!("{{apiVersion: v1, kind: Service, metadata: {{name: s, {metadata}}}}}")
    };
    let after = service("annotations: {resource.twingate.com: 'true'}");
    one(&messages(&service(""), &after), &["metadata.annotations.resource.twingate.com"]);
    for harmless in [
        "labels: {app.kubernetes.io/version: v2, team: b, role: a, example.com/tier: web}",
        "annotations: {checksum/config: a, prometheus.io/scrape: 'true', acme.io/team: shop}",
        "annotations: {platform.example.com/x: y, backstage.io/kubernetes-id: cart, log-level: debug}",
    ] {
        assert_eq!(of_metadata("", harmless), [""; 0], "{harmless}");
    }
}

#[test]
fn a_container_without_a_value_has_that_of_its_pod() {
    let pod = "securityContext: {runAsUser: 1000, runAsNonRoot: true, seccompProfile: {type: Localhost, localhostProfile: p}}";
    let container = |fields: &str| {
        format!("{pod}, containers: [{{name: c, image: i, securityContext: {{{fields}}}}}]")
    };
    for (before, after, words) in [
        (
            "",
            "runAsUser: 2000",
            &["containers[c].securityContext.runAsUser` ", "`1000` to `2000`"][..],
        ),
        ("runAsUser: 2000", "", &["`2000` to `1000`"]),
        ("", "runAsNonRoot: no", &["`true` to `no`"]),
        (
            "",
            "seccompProfile: {type: Unconfined, localhostProfile: p}",
            &["`Localhost` to `Unconfined`"],
        ),
        (
            "",
            "seccompProfile: {type: RuntimeDefault, localhostProfile: p}",
            &["to `RuntimeDefault`"],
        ),
    ] {
        one(&of_pods(&container(before), &container(after)), words);
    }
    for (before, after) in
        [("runAsNonRoot: true", ""), ("", "runAsUser: 1000"), ("runAsUser: 1000", "")]
    {
        assert_eq!(of_pods(&container(before), &container(after)), [""; 0], "{before} {after}");
    }
}

#[test]
fn other_kinds_are_compared_as_well_and_secrets_are_not_shown() {
    let kind = |api: &str, kind: &str, rest: &str| {
        format!("{{apiVersion: {api}, kind: {kind}, metadata: {{name: x}}, {rest}}}")
    };
    for (api, of, before, after, words) in [
        ("v1", "Secret", "data: {a: b2xk}", "data: {a: bmV3}", &["data.a", "not shown"][..]),
        ("v1", "Secret", "stringData: {a: old}", "", &["stringData", "not shown"]),
        ("v1", "ConfigMap", "data: {a: b}", "data: {a: c, d: e}", &[]),
        ("v1", "Service", "spec: {ports: [{port: 1}]}", "spec: {ports: [{port: 2}]}", &[]),
        ("v1", "Service", "spec: {selector: {a: b}}", "spec: {selector: {a: c}}", &["selector.a"]),
        ("v1", "ServiceAccount", "", "secrets: [{name: s}]", &["secrets[s]"]),
        (
            "rbac.authorization.k8s.io/v1",
            "Role",
            "rules: [{verbs: [get]}, {verbs: [list]}]",
            "rules: [{verbs: [get]}]",
            &[],
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "Role",
            "rules: [{verbs: [get]}]",
            "rules: [{verbs: ['*']}]",
            &["rules[0]"],
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "RoleBinding",
            "roleRef: {name: a}",
            "roleRef: {name: b}",
            &["roleRef.name", "from `a` to `b`"],
        ),
        (
            "external-secrets.io/v1",
            "ExternalSecret",
            "spec: {data: [{remoteRef: {key: a}}]}",
            "spec: {data: [{remoteRef: {key: a}}], refreshInterval: 1h}",
            &[],
        ),
        (
            "external-secrets.io/v1",
            "ExternalSecret",
            "spec: {target: {template: {data: {a: old}}}}",
            "spec: {target: {template: {data: {a: new}}}}",
            &["template.data.a", "not shown"],
        ),
        (
            "monitoring.coreos.com/v1",
            "PodMonitor",
            "spec: {podMetricsEndpoints: [{port: a}]}",
            "spec: {podMetricsEndpoints: [{port: b, path: /m}]}",
            &[],
        ),
        (
            "example.com/v1",
            "Unknown",
            "spec: {a: [1, 2]}",
            "spec: {a: [2, 1, 3]}",
            &["spec.a[2]: 3"],
        ),
        (
            "example.com/v1",
            "Unknown",
            "spec: {a: [1, 2]}",
            "spec: {a: [2, 1]}",
            &["spec.a` ", "from `[1,2]` to `[2,1]`"],
        ),
    ] {
        let said = messages(&kind(api, of, before), &kind(api, of, after));
        match words {
            [] => assert_eq!(said, [""; 0], "{of} {after}"),
            words => one(&said, words),
        }
        assert!(!said.concat().contains("old") && !said.concat().contains("bmV3"), "{said:?}");
    }
}

/// The messages about a ServiceMonitor whose spec, or whose endpoint, has these fields.
fn of_monitors(before: &str, after: &str) -> Vec<String> {
    let monitor = |spec: &str| {
        format!(
            "{{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {{name: m}}, spec: {{{spec}}}}}"
        )
    };
    messages(&monitor(before), &monitor(after))
}

fn of_endpoints(before: &str, after: &str) -> Vec<String> {
    let endpoint = |fields: &str| format!("endpoints: [{{port: http, {fields}}}]");
    of_monitors(&endpoint(before), &endpoint(after))
}

#[test]
fn what_lets_a_copy_write_series_of_others_is_named() {
    const DROP: &str = "{action: drop, sourceLabels: [__name__], regex: go_.*}";
    const NAMESPACE: &str = "{targetLabel: namespace, replacement: shop}";
    for (before, after, words) in [
        ("", "honorLabels: true", &["endpoints[0].honorLabels: true"][..]),
        ("honorTimestamps: false", "", &["honorTimestamps: false"]),
        ("honorTimestamps: false", "honorTimestamps: true", &["honorTimestamps"]),
        ("", &format!("relabelings: [{NAMESPACE}]"), &["endpoints[0].relabelings"]),
        ("", &format!("metricRelabelings: [{DROP}, {NAMESPACE}]"), &["metricRelabelings", "shop"]),
        (&format!("metricRelabelings: [{DROP}]"), "", &["takes", "metricRelabelings"]),
        (
            "metricRelabelings: [{targetLabel: team, replacement: a}]",
            "metricRelabelings: [{targetLabel: team, replacement: b}]",
            &["metricRelabelings", "replacement"],
        ),
        ("", "metricRelabelings: [{action: labeldrop, regex: namespace}]", &["labeldrop"]),
        ("", "metricRelabelings: [{action: labelmap, regex: x_(.+)}]", &["labelmap"]),
    ] {
        one(&of_endpoints(before, after), words);
    }
    for (before, after, words) in [
        ("sampleLimit: 100", "", &["takes", "sampleLimit: 100"][..]),
        ("sampleLimit: 100", "sampleLimit: 0", &["sampleLimit"]),
        ("labelLimit: 100", "labelLimit: 101", &["labelLimit", "from `100` to `101`"]),
        ("bodySizeLimit: 1MB", "bodySizeLimit: 2MB", &["bodySizeLimit"]),
        ("", "jobLabel: team", &["jobLabel: team"]),
        ("", "targetLabels: [namespace]", &["targetLabels"]),
        ("", "podTargetLabels: [job]", &["podTargetLabels"]),
        ("", "attachMetadata: {node: true}", &["attachMetadata"]),
    ] {
        one(&of_monitors(before, after), words);
    }
    for (api, kind, after) in [
        ("operator.victoriametrics.com/v1beta1", "VMServiceScrape", "honorLabels: true"),
        ("operator.victoriametrics.com/v1beta1", "VMPodScrape", "sampleLimit: 0"),
        ("monitoring.googleapis.com/v1", "PodMonitoring", "targetLabels: {metadata: [pod]}"),
        ("monitoring.coreos.com/v1", "Probe", "jobName: shop"),
        ("monitoring.coreos.com/v1", "PrometheusRule", "groups: [{name: a}]"),
    ] {
        let object = |spec: &str| {
            format!("{{apiVersion: {api}, kind: {kind}, metadata: {{name: m}}, spec: {{{spec}}}}}")
        };
        one(&messages(&object(""), &object(after)), &["spec."]);
    }
}

#[test]
fn what_only_makes_fewer_series_is_not_named() {
    const DROP: &str = "{action: Drop, sourceLabels: [__name__], regex: go_.*}";
    const TEAM: &str = "{targetLabel: team, replacement: a}";
    for (before, after) in [
        ("honorLabels: true, honorTimestamps: true", "honorLabels: no, honorTimestamps: false"),
        ("honorLabels: true", ""),
        ("", &format!("metricRelabelings: [{DROP}]")),
        (
            &format!("metricRelabelings: [{TEAM}]"),
            &format!("metricRelabelings: [{DROP}, {TEAM}, {DROP}], relabelings: [{DROP}]"),
        ),
        ("", "path: /m, interval: 10s, scrapeTimeout: 5s"),
    ] {
        assert_eq!(of_endpoints(before, after), [""; 0], "{after}");
    }
    for (before, after) in [
        ("", "sampleLimit: 100, bodySizeLimit: 1MB, targetLimit: 1"),
        ("sampleLimit: 100", "sampleLimit: 10"),
        ("sampleLimit: 0", ""),
    ] {
        assert_eq!(of_monitors(before, after), [""; 0], "{after}");
    }
}

#[test]
fn labels_by_which_pods_are_selected_are_known_in_every_spelling() {
    let labels = |spec: &str| {
        let node =
            object(&format!("{{apiVersion: e/v1, kind: E, metadata: {{name: e}}, spec: {spec}}}"))
                .node;
        let mut keys = Vec::new();
        for_each_selected_label("spec", node.get("spec").expect("written above"), &mut |key| {
            keys.push(key.to_owned());
        });
        keys
    };
    for spec in [
        "{matchResources: {objectSelector: {matchLabels: {tier: x}}}}",
        "{match: {labelSelector: {matchExpressions: [{key: tier, operator: Exists}]}}}",
        "{podSelector: {matchLabels: {tier: x}}, namespaceSelector: {matchLabels: {team: y}}}",
        "{selector: {tier: x}}",
        "{podSelectors: [{tier: x}], nodeSelector: {zone: a}}",
        "{workloadSelector: {labels: {tier: x}}, labels: {team: y}}",
        "{selectors: [{podSelector: {matchLabels: {tier: x}}}]}",
        "{labelSelector: tier}",
        "{namespaces: {selector: {matchLabels: {team: y}}}, selector: {matchLabels: {tier: x}}}",
        "{affinity: {podAffinity: {labelSelector: {matchLabels: {app: y}}}}, match: {matchLabels: {tier: x}}}",
    ] {
        assert_eq!(labels(spec), ["tier"], "{spec}");
    }
    for spec in ["{labels: {tier: x}}", "{match: {tier: x}}", "{nodeSelectorTerms: [{tier: x}]}"] {
        assert!(labels(spec).is_empty(), "{spec}");
    }
}
