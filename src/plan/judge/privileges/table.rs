//! The closed table of changes that patches may make. Everything else is reported.

use super::compare::Rule::{self, *};
use crate::kube::{Id, kinds};

/// The rule of an object.
pub(super) fn of(id: &Id) -> &'static Rule {
    if kinds::is_workload(&id.group, &id.kind) {
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

/// A flag that is off where it is absent, and restricts while it is.
const OFF: Rule = Flag { restricts: false, default: false };
/// A flag that restricts once it is off.
const OFF_RESTRICTS: Rule = Flag { restricts: false, default: true };
/// A flag that restricts once it is on.
const ON_RESTRICTS: Rule = Flag { restricts: true, default: false };
/// May go, and no more.
const GOES: Rule = Less(&Nothing);

/// What no copy keeps is noted elsewhere, and so is anything.
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
    ("imagePullSecrets", Items("name", &GOES)),
    ("secrets", Items("name", &GOES)),
]);

static RBAC: Rule =
    Fields(&[("metadata", METADATA), ("rules", Set(&GOES)), ("subjects", Set(&GOES))]);

static EXTERNAL_SECRET: Rule = Fields(&[
    ("metadata", METADATA),
    ("status", Any),
    ("spec", Fields(&[("refreshInterval", Any), ("refreshPolicy", Any)])),
]);

const ENDPOINTS: Rule = Sequence(&Less(&Fields(&[
    ("path", Any),
    ("port", Any),
    ("portNumber", Any),
    ("targetPort", Any),
    ("interval", Any),
    ("scrapeTimeout", Any),
    ("honorLabels", Any),
    ("honorTimestamps", Any),
    ("metricRelabelings", Any),
])));

static MONITOR: Rule = Fields(&[
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("endpoints", ENDPOINTS),
            ("podMetricsEndpoints", ENDPOINTS),
            ("namespaceSelector", Any),
            ("sampleLimit", Any),
        ]),
    ),
]);

/// Addresses, node ports and load balancers stay with the original, whatever a patch says.
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
            // Held against a limit of its own.
            ("replicas", Any),
            ("minReadySeconds", Any),
            ("progressDeadlineSeconds", Any),
            ("revisionHistoryLimit", Any),
            ("paused", Any),
            ("strategy", Any),
            ("updateStrategy", Any),
            ("podManagementPolicy", Any),
            ("ordinals", Any),
            ("volumeClaimTemplates", Set(&GOES)),
            ("template", Fields(&[("metadata", POD_METADATA), ("spec", Pod(POD))])),
        ]),
    ),
]);

/// A pod takes labels, annotations and finalizers from its template, and one with a finalizer that nobody
/// removes stays for ever.
const POD_METADATA: Rule = Fields(&[
    ("labels", Labels { all: true }),
    ("annotations", Annotations { all: true }),
    ("finalizers", Set(&GOES)),
    ("*", Any),
]);

const POD: &[(&str, Rule)] = &[
    // Both spellings of the account are compared together.
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
    ("dnsPolicy", Unless(&["ClusterFirst"])),
    ("tolerations", Set(&GOES)),
    ("resources", RESOURCES),
    ("resourceClaims", Items("name", &GOES)),
    ("imagePullSecrets", Items("name", &GOES)),
    ("securityContext", Fields(POD_SECURITY)),
    ("volumes", Items("name", &VOLUME)),
    ("containers", Containers(&CONTAINER)),
    ("initContainers", Containers(&CONTAINER)),
    ("ephemeralContainers", Containers(&CONTAINER)),
];

const VOLUME: Rule = Less(&Fields(&[
    ("name", Any),
    ("emptyDir", Any),
    ("configMap", Any),
    ("downwardAPI", Any),
    (
        "projected",
        Less(&Fields(&[
            ("defaultMode", Any),
            ("sources", Set(&Less(&Fields(&[("configMap", Any), ("downwardAPI", Any)])))),
        ])),
    ),
    ("*", GOES),
]));

const RESOURCES: Rule =
    Fields(&[("limits", Quantities), ("requests", Quantities), ("claims", Items("name", &GOES))]);

const CONTAINER: Rule = Fields(&[
    ("name", Any),
    // Held against the limits of images.
    ("image", Any),
    ("command", Any),
    ("args", Any),
    ("workingDir", Any),
    (
        "env",
        Items(
            "name",
            &Less(&Fields(&[
                ("name", Any),
                ("value", Text),
                (
                    "valueFrom",
                    Less(&Fields(&[
                        ("configMapKeyRef", Any),
                        ("fieldRef", Any),
                        ("resourceFieldRef", Any),
                        ("fileKeyRef", Any),
                        ("secretKeyRef", GOES),
                    ])),
                ),
            ])),
        ),
    ),
    ("envFrom", Set(&Less(&Fields(&[("prefix", Any), ("configMapRef", Any)])))),
    (
        "ports",
        Set(&Less(&Fields(&[
            ("name", Any),
            ("containerPort", Any),
            ("protocol", Any),
            ("hostPort", Unless(&["0"])),
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
    ("volumeDevices", Items("devicePath", &GOES)),
    ("securityContext", Fields(SECURITY)),
]);

/// The `host` of a call may only go: the kubelet would call it from the node, past every policy.
const HTTP_GET: Rule = Less(&Fields(&[
    ("path", Any),
    ("port", Any),
    ("scheme", Any),
    ("httpHeaders", Any),
    ("host", GOES),
]));
const TCP_SOCKET: Rule = Less(&Fields(&[("port", Any), ("host", GOES)]));

const HANDLER: Rule = Less(&Fields(&[
    ("exec", Any),
    ("sleep", Any),
    ("httpGet", HTTP_GET),
    ("tcpSocket", TCP_SOCKET),
]));

const PROBE: Rule = Less(&Fields(&[
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
    ("fsGroup", GOES),
    ("fsGroupChangePolicy", Any),
    ("supplementalGroups", Set(&GOES)),
    ("sysctls", Items("name", &GOES)),
    ("seccompProfile", Profile),
    ("appArmorProfile", Profile),
];

/// Of a container, for which the pod's value counts where it has none.
const SECURITY: &[(&str, Rule)] = &[
    ("runAsUser", OrOfPod("runAsUser", &NotRoot)),
    ("runAsGroup", OrOfPod("runAsGroup", &NotRoot)),
    ("runAsNonRoot", OrOfPod("runAsNonRoot", &ON_RESTRICTS)),
    ("privileged", OFF),
    ("allowPrivilegeEscalation", OFF_RESTRICTS),
    ("readOnlyRootFilesystem", ON_RESTRICTS),
    ("procMount", Unless(&["Default"])),
    ("capabilities", Fields(&[("add", Set(&GOES)), ("drop", More)])),
    ("seccompProfile", OrOfPod("seccompProfile", &Profile)),
    ("appArmorProfile", OrOfPod("appArmorProfile", &Profile)),
];
