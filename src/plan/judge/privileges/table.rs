//! The table of changes that patches may make, by kind. Every other change is reported.

use super::compare::Rule::{self, *};
use crate::kube::{Id, Kind, kinds};

/// The rule for an object.
pub(super) fn of(id: &Id) -> &'static Rule {
    if kinds::find(&id.group, &id.kind).is_some_and(Kind::is_workload) {
        return &WORKLOAD;
    }
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "Service") => &SERVICE,
        ("", "ConfigMap") => &CONFIG_MAP,
        ("", "ServiceAccount") => &SERVICE_ACCOUNT,
        ("rbac.authorization.k8s.io", _) => &RBAC,
        ("external-secrets.io", "ExternalSecret") => &EXTERNAL_SECRET,
        ("monitoring.coreos.com", "ServiceMonitor" | "PodMonitor") => &MONITOR,
        _ => &OTHER,
    }
}

/// A flag that is off by default, and restricts while off.
const OFF: Rule = Flag { restricts: false, default: false };
/// A flag that is on by default, and restricts while off.
const OFF_RESTRICTS: Rule = Flag { restricts: false, default: true };
/// A flag that is off by default, and restricts while on.
const ON_RESTRICTS: Rule = Flag { restricts: true, default: false };
/// The value may only be removed.
const REMOVE_ONLY: Rule = Removable(&Nothing);

/// Any other field may change: no copy keeps it, which is reported elsewhere.
const METADATA: Rule = Fields(&[
    ("labels", Labels { all: false }),
    ("annotations", Annotations { all: false }),
    ("*", Any),
]);

static OTHER: Rule = Fields(&[("metadata", METADATA), ("status", Any)]);

static CONFIG_MAP: Rule = Fields(&[
    ("metadata", METADATA),
    // Injectors read those of which a container takes its variables.
    ("data", Fields(&[("*", Text)])),
    ("binaryData", Any),
    ("immutable", Any),
]);

static SERVICE_ACCOUNT: Rule = Fields(&[
    ("metadata", METADATA),
    ("automountServiceAccountToken", OFF_RESTRICTS),
    ("imagePullSecrets", Items("name", &REMOVE_ONLY)),
    ("secrets", Items("name", &REMOVE_ONLY)),
]);

static RBAC: Rule = Fields(&[
    ("metadata", METADATA),
    ("rules", Set(&REMOVE_ONLY)),
    ("subjects", Set(&REMOVE_ONLY)),
]);

static EXTERNAL_SECRET: Rule = Fields(&[
    ("metadata", METADATA),
    ("status", Any),
    ("spec", Fields(&[("refreshInterval", Any), ("refreshPolicy", Any)])),
]);

/// Labels of series tell those of the original from those of copies. With `honorLabels` a pod chooses them itself, with
/// `honorTimestamps` it says when they are from; both flags and every other way of relabelling are named.
const ENDPOINTS: Rule = Sequence(&Removable(&Fields(&[
    ("path", Any),
    ("port", Any),
    ("portNumber", Any),
    ("targetPort", Any),
    ("interval", Any),
    ("scrapeTimeout", Any),
    ("honorLabels", OFF),
    ("honorTimestamps", OFF_RESTRICTS),
    ("relabelings", Relabelings),
    ("metricRelabelings", Relabelings),
])));

static MONITOR: Rule = Fields(&[
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("endpoints", ENDPOINTS),
            ("podMetricsEndpoints", ENDPOINTS),
            ("namespaceSelector", Any),
            ("sampleLimit", Ceiling),
            ("targetLimit", Ceiling),
            ("labelLimit", Ceiling),
            ("labelNameLengthLimit", Ceiling),
            ("labelValueLengthLimit", Ceiling),
            ("bodySizeLimit", Ceiling),
            ("keepDroppedTargets", Any),
        ]),
    ),
]);

/// Patches of addresses, node ports and load balancers have no effect: a copy never has them.
static SERVICE: Rule = Fields(&[
    ("metadata", METADATA),
    ("status", Any),
    (
        "spec",
        Service(&[
            ("ports", Any),
            ("sessionAffinity", Any),
            ("sessionAffinityConfig", Any),
            ("publishNotReadyAddresses", Any),
            ("internalTrafficPolicy", Any),
            ("trafficDistribution", Any),
            ("ipFamilies", Any),
            ("ipFamilyPolicy", Any),
        ]),
    ),
]);

static WORKLOAD: Rule = Fields(&[
    ("metadata", METADATA),
    ("status", Any),
    (
        "spec",
        Fields(&[
            // Checked against `spec.limits.replicas`.
            ("replicas", Any),
            ("minReadySeconds", Any),
            ("progressDeadlineSeconds", Any),
            ("revisionHistoryLimit", Any),
            ("paused", Any),
            ("strategy", Any),
            ("updateStrategy", Any),
            ("podManagementPolicy", Any),
            ("ordinals", Any),
            ("volumeClaimTemplates", Set(&REMOVE_ONLY)),
            ("template", Fields(&[("metadata", POD_METADATA), ("spec", Pod(POD))])),
        ]),
    ),
]);

/// Pods get labels, annotations and finalizers from the template. A pod stays for ever if nobody removes its finalizer.
const POD_METADATA: Rule = Fields(&[
    ("labels", Labels { all: true }),
    ("annotations", Annotations { all: true }),
    ("finalizers", Set(&REMOVE_ONLY)),
    ("*", Any),
]);

const POD: &[(&str, Rule)] = &[
    // `Rule::Pod` compares both fields of the service account together.
    ("serviceAccountName", Any),
    ("serviceAccount", Any),
    ("automountServiceAccountToken", OFF_RESTRICTS),
    ("hostNetwork", OFF),
    ("hostPID", OFF),
    ("hostIPC", OFF),
    ("hostUsers", OFF_RESTRICTS),
    ("shareProcessNamespace", OFF),
    ("activeDeadlineSeconds", Any),
    ("terminationGracePeriodSeconds", Any),
    ("restartPolicy", Any),
    ("readinessGates", Any),
    ("topologySpreadConstraints", Any),
    ("hostname", Any),
    ("subdomain", Any),
    ("setHostnameAsFQDN", Any),
    ("enableServiceLinks", Any),
    ("dnsConfig", Fields(&[("options", Any)])),
    ("dnsPolicy", OneOf(&["ClusterFirst"])),
    ("tolerations", Set(&REMOVE_ONLY)),
    ("resources", RESOURCES),
    ("resourceClaims", Items("name", &REMOVE_ONLY)),
    ("imagePullSecrets", Items("name", &REMOVE_ONLY)),
    ("securityContext", Fields(POD_SECURITY)),
    ("volumes", Items("name", &VOLUME)),
    ("containers", Containers(&CONTAINER)),
    ("initContainers", Containers(&CONTAINER)),
    ("ephemeralContainers", Containers(&CONTAINER)),
];

const VOLUME: Rule = Removable(&Fields(&[
    ("name", Any),
    ("emptyDir", Any),
    ("configMap", Any),
    ("downwardAPI", Any),
    (
        "projected",
        Removable(&Fields(&[
            ("defaultMode", Any),
            ("sources", Set(&Removable(&Fields(&[("configMap", Any), ("downwardAPI", Any)])))),
        ])),
    ),
    ("*", REMOVE_ONLY),
]));

const RESOURCES: Rule = Fields(&[
    ("limits", Quantities),
    ("requests", Quantities),
    ("claims", Items("name", &REMOVE_ONLY)),
]);

const CONTAINER: Rule = Fields(&[
    ("name", Any),
    // Checked against the limits for images.
    ("image", Any),
    ("command", Any),
    ("args", Any),
    ("workingDir", Any),
    (
        "env",
        Items(
            "name",
            &Removable(&Fields(&[
                ("name", Any),
                ("value", Text),
                (
                    "valueFrom",
                    Removable(&Fields(&[
                        ("configMapKeyRef", Any),
                        ("fieldRef", Any),
                        ("resourceFieldRef", Any),
                        ("fileKeyRef", Any),
                        ("secretKeyRef", REMOVE_ONLY),
                    ])),
                ),
            ])),
        ),
    ),
    ("envFrom", Set(&Removable(&Fields(&[("prefix", Any), ("configMapRef", Any)])))),
    (
        "ports",
        Set(&Removable(&Fields(&[
            ("name", Any),
            ("containerPort", Any),
            ("protocol", Any),
            ("hostPort", OneOf(&["0"])),
        ]))),
    ),
    ("resources", RESOURCES),
    ("resizePolicy", Any),
    ("restartPolicy", Any),
    ("livenessProbe", PROBE),
    ("readinessProbe", PROBE),
    ("startupProbe", PROBE),
    ("lifecycle", Fields(&[("postStart", HANDLER), ("preStop", HANDLER), ("stopSignal", Any)])),
    ("stdin", Any),
    ("stdinOnce", Any),
    ("tty", Any),
    ("terminationMessagePath", Any),
    ("terminationMessagePolicy", Any),
    ("volumeMounts", Items("mountPath", &Mount)),
    ("volumeDevices", Items("devicePath", &REMOVE_ONLY)),
    ("securityContext", Fields(SECURITY)),
]);

/// The `host` may only be removed: the kubelet calls it from the node, where no policy applies.
const HTTP_GET: Rule = Removable(&Fields(&[
    ("path", Any),
    ("port", Any),
    ("scheme", Any),
    ("httpHeaders", Any),
    ("host", REMOVE_ONLY),
]));
const TCP_SOCKET: Rule = Removable(&Fields(&[("port", Any), ("host", REMOVE_ONLY)]));

const HANDLER: Rule = Removable(&Fields(&[
    ("exec", Any),
    ("sleep", Any),
    ("httpGet", HTTP_GET),
    ("tcpSocket", TCP_SOCKET),
]));

const PROBE: Rule = Removable(&Fields(&[
    ("exec", Any),
    ("grpc", Any),
    ("httpGet", HTTP_GET),
    ("tcpSocket", TCP_SOCKET),
    ("initialDelaySeconds", Any),
    ("periodSeconds", Any),
    ("timeoutSeconds", Any),
    ("successThreshold", Any),
    ("failureThreshold", Any),
    ("terminationGracePeriodSeconds", Any),
]));

const POD_SECURITY: &[(&str, Rule)] = &[
    ("runAsUser", NotRoot),
    ("runAsGroup", NotRoot),
    ("runAsNonRoot", ON_RESTRICTS),
    ("fsGroup", REMOVE_ONLY),
    ("fsGroupChangePolicy", Any),
    ("supplementalGroups", Set(&REMOVE_ONLY)),
    ("sysctls", Items("name", &REMOVE_ONLY)),
    ("seccompProfile", Profile),
    ("appArmorProfile", Profile),
];

/// The security context of a container. Some fields default to those of the pod.
const SECURITY: &[(&str, Rule)] = &[
    ("runAsUser", DefaultsToPod("runAsUser", &NotRoot)),
    ("runAsGroup", DefaultsToPod("runAsGroup", &NotRoot)),
    ("runAsNonRoot", DefaultsToPod("runAsNonRoot", &ON_RESTRICTS)),
    ("privileged", OFF),
    ("allowPrivilegeEscalation", OFF_RESTRICTS),
    ("readOnlyRootFilesystem", ON_RESTRICTS),
    ("procMount", OneOf(&["Default"])),
    ("capabilities", Fields(&[("add", Set(&REMOVE_ONLY)), ("drop", AddOnly)])),
    ("seccompProfile", DefaultsToPod("seccompProfile", &Profile)),
    ("appArmorProfile", DefaultsToPod("appArmorProfile", &Profile)),
];
