//! Which changes of pods are reported, and which are not.

use super::{messages, of_containers, of_metadata, of_pods, one};

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
