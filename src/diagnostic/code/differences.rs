//! Findings about silent differences: what a preview would lack, or do otherwise than its baseline, without anybody
//! noticing.

use super::Code;
use crate::diagnostic::Severity::{Error, Note, Warning};

codes! {
    DIFFERENCES:

    NAMESPACE_MISSING = "namespace-missing", Warning, "the baseline's Namespace is not in the input",
        "Previews get the labels of the baseline's Namespace: sidecar injection, revision, pod\n\
         security. Without the object these are unknown, and preview pods may run without sidecar.";
    INJECTION_UNKNOWN = "injection-unknown", Warning, "pods of previews may run without a sidecar",
        "Previews get the labels of the baseline's Namespace. Where it does not say `istio-injection: enabled`\n\
         or name a revision with `istio.io/rev`, and a pod template has no label `sidecar.istio.io/inject:\n\
         \"true\"`, istiod injects nothing, and calls from such a pod follow no route. Any other value of\n\
         `istio-injection` switches it off for every pod; that of a variable is known where\n\
         `spec.flux.postBuild.substitute` lists it.";
    DATA_PLANE = "data-plane", Error, "the baseline is in another mesh than spec.routing.dataPlane says",
        "With sidecars a copy resolves the names of the baseline by aliases, in ambient mode by the search list of\n\
         its resolver, which a sidecar ignores. So the manifests and spec.routing.dataPlane must agree. A Namespace\n\
         with `istio-injection: enabled` or `istio.io/rev`, or a pod with the label `sidecar.istio.io/inject:\n\
         \"true\"`, has sidecars, whatever its other labels. A Namespace with `istio.io/dataplane-mode: ambient`\n\
         alone has none.";
    AMBIENT_UNKNOWN = "ambient-unknown", Warning, "pods of the baseline may not be in ambient mode",
        "A call passes a waypoint if the calling pod is in ambient mode: its Namespace, or the pod itself, has the\n\
         label `istio.io/dataplane-mode: ambient`. Calls of all other pods reach the baseline's pods, whatever key\n\
         they carry.";
    NO_SIDECAR = "no-sidecar", Warning, "pods without a sidecar follow no route",
        "The sidecar of the caller follows the routes of the mesh. Pods with the label or annotation\n\
         `sidecar.istio.io/inject: \"false\"`, with `hostNetwork`, or of a namespace labelled `istio-injection:\n\
         disabled` have none: their calls reach the baseline, whatever key they carry. So do calls that bypass a\n\
         sidecar because of annotations such as `traffic.sidecar.istio.io/excludeOutboundPorts`. In ambient mode the\n\
         same is true of pods with the label `istio.io/dataplane-mode: none`, with `hostNetwork`, or of a namespace\n\
         outside of the mesh.";
    VARIABLE_LEFT = "variable-left", Warning, "nothing substitutes a variable",
        "The Flux Kustomization that applies the baseline may substitute `${NAME}`. Those of previews do so if\n\
         `spec.flux.postBuild` is the same. Otherwise `${NAME}` reaches the cluster as it is, in copies, in routes of\n\
         previews and in the delivered baseline. If values are listed and `${NAME}` has neither a value nor a\n\
         default, Flux replaces it by nothing.";
    NOT_DECRYPTED = "not-decrypted", Warning, "a delivered object stays encrypted",
        "With `delivery: include` our output contains objects that SOPS encrypted, unchanged: the MAC covers every\n\
         value. The Kustomization that applies them decrypts them as `spec.flux.decryption` says; without it Flux\n\
         refuses the object.";
    POLICY_NOT_COPIED = "policy-not-copied", Warning, "a policy applies to a copied workload",
        "Policies of this kind, quotas and settings of proxies are not copied to previews. Check that the preview\n\
         is not more open, or more closed, than the baseline: copy the policy by hand where it matters.\n\
         docs/guide/policies.md lists the kinds that are copied.";
    POLICY_UNLIKE = "policy-unlike", Error, "a policy would treat previews unlike the baseline",
        "A copy has the account of its original in another namespace, so a policy that names the baseline's\n\
         namespace, principals or accounts does not name the copy. Policies are copied with rules for previews, and\n\
         policies are added beside those of the baseline. Where an added policy cannot help, the policy itself has to\n\
         be changed, and the finding says how: a DENY or an ALLOW for all callers but some, a policy of Istio's root\n\
         namespace that names the baseline, a decision outside of the mesh (CUSTOM), and a policy that would get more\n\
         than 512 rules, or sources of a rule.";
    ACCESS_WIDENED = "access-widened", Error, "with previews somebody may call what they might not before",
        "Before it writes anything, anabranch evaluates who may call each service of the baseline and each copy of\n\
         it: every account of the input, with every kind of call that the AuthorizationPolicies distinguish. There\n\
         are three usual causes. Rules for previews admit all namespaces with their prefix, also one of somebody\n\
         else. A patch that changes labels of a copy's pods can take the copy out of a policy (AuthorizationPolicy,\n\
         PeerAuthentication, RequestAuthentication, NetworkPolicy), or into what a NetworkPolicy lets in. A patch can\n\
         give pods the account of another service.";
    ACCESS_NARROWED = "access-narrowed", Warning, "with previews somebody may not call what they might before",
        "Before it writes anything, anabranch evaluates who may call each service of the baseline and each copy of\n\
         it: every account of the input, with every kind of call that the AuthorizationPolicies distinguish. The\n\
         finding names a caller and a call that would be refused once there are previews, or a policy that lets in\n\
         the public Gateway, by its namespace, account or labels, and not the Gateway in `spec.routing.entries`: that\n\
         policy refuses requests for preview hosts.";
    SUITE_REFUSED = "suite-refused", Warning, "policies refuse the pods of suites",
        "A pod of a suite runs in the preview's namespace under an account of its own, mostly `default`. It may call\n\
         a copy if a pod with this account may call the original. So if a policy allows only some services, a Job\n\
         that calls a copy by its name in the cluster is refused. Let the suite call the preview's host, or allow its\n\
         account.";
    POLICY_ELSEWHERE = "policy-elsewhere", Warning, "a policy elsewhere may refuse previews what it allows the baseline",
        "A policy in a namespace outside of the baseline refuses a preview's call. Nothing is added there: the owner\n\
         of the namespace decides whether previews may call. The finding shows the rules that would let previews do\n\
         what the baseline may.";
    ROOT_NAMESPACE = "root-namespace", Warning, "a namespace may be Istio's root namespace",
        "Policies in Istio's root namespace apply to the whole mesh, also to previews. It is `istio-system` unless\n\
         `meshConfig.rootNamespace` is set, which no object of the input shows. A namespace with policies or settings\n\
         for all of it, and without anything that they could apply to, is probably the root namespace. Its policies\n\
         were not evaluated for previews: check that they treat the previews' namespaces like the baseline's.";
    WAYPOINT_POLICY = "waypoint-policy", Warning, "a policy is enforced at a waypoint, which direct calls to copies bypass",
        "In ambient mode the waypoint of the called service enforces a policy with targetRefs, also for requests that\n\
         it sends to a copy. A direct call to a copy bypasses the waypoint. So a policy is added that refuses direct\n\
         calls, except from accounts that may do everything at the waypoint, and from Gateways and sidecars, which\n\
         always bypass waypoints. Only a waypoint knows methods, paths and tokens: if its policies use them, direct\n\
         calls are refused as a whole, and copies have to call `cart.shop`, which goes through the waypoint.";
    SUITES_BOUND = "suites-bound", Warning, "a copied policy applies to the pods of suites",
        "A suite's pods may do in a preview what pods like them may do in the baseline: a NetworkPolicy that closes\n\
         the baseline's namespace is copied, and closes the preview's. A suite that calls through the Gateway is let\n\
         in like everybody. One that calls copies directly, or whose own calls are closed, needs a NetworkPolicy in\n\
         its folder, for the labels of its pods.";
    ALIAS_LIMIT = "alias-limit", Error, "all previews have more aliases than spec.limits.aliases",
        "With `dependencies: all`, the default, a preview has an alias for every service of the baseline that it does\n\
         not change. An alias costs 100 to 150 bytes in each sidecar that sees its target. With `dependencies: found`\n\
         only names that texts of the copies contain, or that are declared, get one.";
    NO_HOST_FOUND = "no-host-found", Note, "the texts of a copy name no service",
        "With `dependencies: found` a preview reaches the services that env, arguments, commands, ConfigMaps and\n\
         plain Secrets of its copies name, and those that spec.services declares. If the hosts are in the image, none\n\
         is found, and calls of the copy fail.";
    PORT_GUESSED = "port-guessed", Warning, "a port has no protocol in its manifest",
        "The port is routed as HTTP: Istio detects the protocol. Set appProtocol, or a name that begins with `http`\n\
         or `grpc`.";
    TCP_PORT = "tcp-port", Note, "a port is left to the baseline",
        "TCP has no headers, so calls from outside the preview to this port reach the baseline. Calls inside the\n\
         preview reach the copy.";
    QUEUE_CONSUMER = "queue-consumer", Warning, "a copy competes with its original for work",
        "No route leads to a workload without a Service, so it probably takes its work from a queue, a topic or a\n\
         table. The copy competes with the baseline's workload for it. So does a copy that gets messages through a\n\
         Component of Dapr.";
    ROUTE_ORDER = "route-order", Warning, "the order of two rules depends on creation time",
        "Rules of equal precedence in different routes are ordered by the routes' age in the cluster, which is\n\
         unknown here. The derived rules are in the order of namespace and name.";
    RIGHTS_NOT_COPIED = "rights-not-copied", Warning, "a copy has fewer rights than the original",
        "Roles and RoleBindings of the baseline's namespace are copied. Bindings for the whole cluster or in other\n\
         namespaces are not, since a preview must not gain rights outside its own namespace. The finding names those\n\
         for an account of the baseline, or for the group of all its accounts.";
    IDENTITY_NOT_GRANTED = "identity-not-granted", Warning, "a system trusts the original and not its copy",
        "Clouds, Vault and others trust a ServiceAccount by its namespace and name. A copy has another namespace: it\n\
         gets no credentials, and a pod that waits for them does not start. Grant the accounts of previews the same,\n\
         remove it from copies by a patch, or use `--allow identity-not-granted`. The same is true of a\n\
         ClusterSecretStore whose `conditions` list namespaces, and of cert-manager's Issuer, which serves its own\n\
         namespace.";
    ANNOTATION_NAMES_NOTHING = "annotation-names-nothing", Warning, "an annotation names an object that is not in the input",
        "Annotations tell injectors and networks which object of the pod's namespace to use: an Instrumentation of\n\
         OpenTelemetry's operator, a Configuration of Dapr, a network of Multus. Such an object is copied if the\n\
         input has it. Without it nothing is injected, or the pod does not start.";
    SHARED_WITH_ORIGINAL = "shared-with-original", Warning, "a copy shares something with its original",
        "Ports, folders and processes of a node, network volumes and fixed addresses are the same for every pod that\n\
         names them, in any namespace. Two pods with the same host port cannot run on one node; a disk is on one node\n\
         at a time, and a PersistentVolume serves one claim; one pod reads what the other writes into a folder or a\n\
         share. A patch can remove them from copies, and `volumes: empty` replaces claims.";
    DAPR_APP_ID = "dapr-app-id", Note, "Dapr looks for app ids in the caller's namespace",
        "A preview has aliases for the Services of the baseline, not for app ids of Dapr. If a copy calls another\n\
         application by its id alone, Dapr looks for it in the preview's namespace only, and no route reads the key\n\
         of the call.";
    MORE_ACCESS = "more-access", Warning, "a preview gives a copy more access than the original has",
        "Whoever can write previews.yaml decides what patches do. Without a warning they may change images and\n\
         replicas within the limits, commands, variables, resources, probes, empty volumes, ConfigMaps, ports, and\n\
         labels and annotations of the team: with no domain, with that of a host of the input, or among known notes\n\
         such as `app.kubernetes.io/` and `prometheus.io/`; and they may remove permissions of a pod. A monitor may\n\
         drop series and lower limits, but honour or rewrite no labels, by which series of others are known. The\n\
         finding names every other difference: what a patch adds or changes, restrictions that it removes, and\n\
         values that an injector replaces by a secret (`vault:...`), in `env` of a preview too. It names a label if\n\
         any object of the input selects pods by it, except objects of kinds that protect nothing, such as Services\n\
         and monitors. Check that the author of the change may do that.";
    SUBSTITUTION_OFF = "substitution-off", Warning, "Flux substitutes nothing in a copy",
        "Flux's postBuild substitution replaces `${NAME}` everywhere, also in a variable or patch of a preview that\n\
         means it as text: by a value that may be secret. Text that it cannot parse fails the build for all previews.\n\
         So a copy with such text is annotated `kustomize.toolkit.fluxcd.io/substitute: disabled`.";
    CONSUMER_ROUTE = "consumer-route", Warning, "callers of one namespace do not see previews",
        "A route in the caller's namespace replaces the routes of the service's own namespace for\n\
         these callers, so previews are invisible to them.";
    ROUTE_IGNORED = "route-ignored", Warning, "the mesh does not follow a route",
        "Istio ignores a parentRef to a Service whose group is not written as `group: ''`, and one to a port that the\n\
         Service does not serve over HTTP. It ignores an HTTPRoute or GRPCRoute with a filter, a header or a backend\n\
         that it cannot convert, at its Gateways too. It ignores a VirtualService for `cart.shop`: only a host\n\
         without a dot is completed. Previews are made as if such a route were not there. If a rule sends requests to\n\
         such a host, to a missing Service or to a missing port, nobody answers them.";
    ROUTE_NOT_PREVIEWED = "route-not-previewed", Warning, "a rule leads to the baseline with the key as well",
        "Rules are derived for the Services of the baseline's namespace and for its entries. A rule that is attached\n\
         to something else, such as a ServiceEntry, a public host or a Service of another namespace, keeps choosing\n\
         the baseline, whatever key a request carries. So does a service whose own route sends every request\n\
         elsewhere: previews of it get no route.";
    NO_WAYPOINT = "no-waypoint", Error, "in ambient mode nobody reads the routes of a service",
        "A waypoint reads the routes of the services that it serves: those with the label `istio.io/use-waypoint`, or\n\
         of a Namespace with it. The label of the Service outranks that of the Namespace, and `none` means no\n\
         waypoint. The Gateway that it names has to be a waypoint for services, and to accept services of the\n\
         baseline's namespace. Without a waypoint a route is accepted and does nothing: every request with a key\n\
         reaches the baseline.";
    WAYPOINT_UNKNOWN = "waypoint-unknown", Warning, "whether a waypoint reads the routes of a service is not known",
        "The Namespace, which may name the waypoint with `istio.io/use-waypoint`, or the named Gateway is not in the\n\
         input. Without a waypoint a route is accepted and does nothing: every request with a key reaches the\n\
         baseline.";
    NO_MESH = "no-mesh", Warning, "without a mesh only entries lead to copies",
        "With `dataPlane: none` there are no routes for calls inside the cluster, as nobody would follow them. A\n\
         preview host leads to the copy of the service that the entry's route names, and copies call each other by\n\
         their short names. Behind a service that the preview does not change, the baseline answers.";
    ROUTE_NOT_ATTACHED = "route-not-attached", Warning, "routes of a service do not apply to calls inside a preview",
        "With sidecars the routes of a service are attached to its copy too, for callers in the same preview. In\n\
         ambient mode a waypoint would have to read them, and previews have none: a call to the copy by its short\n\
         name reaches its pods directly.";
    ONE_NAMESPACE = "one-namespace", Warning, "rules apply to callers of the baseline's namespace alone",
        "A copy calls from the namespace of its preview. Rules that only the baseline's namespace sees (`exportTo`,\n\
         `sourceNamespace`, routes for Services of another namespace) do not apply there.";
    KEY_LOST = "key-lost", Warning, "a rule removes the key from requests",
        "A rule of the baseline removes or replaces the header that carries the key. Calls behind it reach the\n\
         baseline.";
    KEY_MAY_BE_LOST = "key-may-be-lost", Warning, "a setting stops a program from passing on the key's baggage",
        "With `routing.key.baggage` the key travels as a member of the W3C header `baggage`. Tracing libraries pass\n\
         it on unless a setting stops them: OTEL_PROPAGATORS or DD_TRACE_PROPAGATION_STYLE without `baggage`,\n\
         OTEL_SDK_DISABLED (Node), `management.tracing...` (Spring), or an Instrumentation of OpenTelemetry's\n\
         operator. Behind such a program the baseline answers. anabranch reads variables, values that they take from\n\
         ConfigMaps, and options of the command line, but not mounted files, Secrets or the image. A program that\n\
         passes on the key's own header is fine: docs/propagation.md says how, and how to check.";
    HEADLESS_NEEDED = "headless-needed", Error, "a headless Service cannot be routed",
        "A proxy sends a call to a headless Service to the address that the client looked up: a pod of the baseline.\n\
         A routed copy gets a cluster IP instead, but the Service that governs a StatefulSet must stay headless. In\n\
         ambient mode a waypoint reads only calls to the address of a Service, so no headless Service can be routed.\n\
         With `unrouted: true` it is copied for callers inside the preview.";
    HEADLESS_COPY = "headless-copy", Note, "the copy of a headless Service gets a cluster IP",
        "A proxy sends a call to a headless Service to the address that the client looked up: a pod of the baseline.\n\
         A cluster IP makes the copy reachable.";
    ROUTE_CONTROLLED = "route-controlled", Warning, "a controller changes a route that gets rules of previews",
        "Argo Rollouts changes weights in a VirtualService. If it has several http rules, the Rollout has to name its\n\
         own; previews add rules.";
    POD_HOST = "pod-host", Warning, "a host name of a single pod cannot be aliased",
        "`db-0.db` names a pod behind a headless Service. In a preview it would need an alias of its own. Write it\n\
         with its namespace, `db-0.db.baseline`: that works everywhere. A copied StatefulSet has its own pods under\n\
         these names, as many as the preview sets: one that calls more of them waits for peers.";
    SERVICE_VARIABLE = "service-variable", Warning, "a variable of a Service does not exist in a preview",
        "For each Service Kubernetes gives the pods of its namespace variables such as `CART_SERVICE_HOST` and\n\
         `CART_SERVICE_PORT`. For a service without a copy a preview has an alias, which has no address and so no\n\
         variables. Call the Service by its name, which works in both, or set the variable in the preview.";
    STRIP_BAGGAGE = "strip-baggage", Warning, "stripping the key drops the whole baggage header",
        "A member of the baggage header cannot be removed alone, so with `stripKey` and a baggage key production\n\
         loses all other members that clients send. Without `stripKey` a client can enter a preview from the\n\
         production host. Choose which of the two matters, or use the header alone.";
    ENTRY_NOT_CLONED = "entry-not-cloned", Warning, "an entry route of the baseline has no preview host",
        "HTTPRoutes and GRPCRoutes attached to a Gateway, and VirtualServices with gateways, are cloned. Ingress, TCP\n\
         and TLS routes cannot set the key. A clone has no effect if the listeners of the entry's Gateway refuse its\n\
         host, its namespace or its kind.";
    ENTRY_GATEWAY = "entry-gateway", Error, "an entry names a Gateway that its routes cannot bind to",
        "The Gateway API and Istio both have a kind Gateway, and a route binds only to one of its own API: an\n\
         HTTPRoute or GRPCRoute to the first, a VirtualService to the second. A clone that is bound to the other is\n\
         ignored, and its preview host answers 404. Name a Gateway of the routes' own API. If the baseline has routes\n\
         of both, make an entry for each, and set in `of` what it stands for.";
    ENTRY_GATEWAYS = "entry-gateways", Note, "preview hosts publish what these Gateways serve",
        "Every route that leads from a Gateway into the baseline gets a preview host at the entry's Gateway, also a\n\
         route of an internal Gateway. If not everybody who can reach preview hosts may see it, name the Gateways\n\
         that the entry stands for: `of: [{namespace, name}]`.";
    HOST_KEPT = "host-kept", Warning, "a preview host answers with the name of an original one",
        "URLs of original hosts in redirects, in CORS policies and in response headers that a route adds become those\n\
         of preview hosts. The domain of a cookie stays: browsers refuse a cookie for `shop.example.com` from\n\
         `pr-42.preview.example.com`. Host names outside of URLs stay too, and so do URLs of routes that the entry\n\
         does not stand for.";
    SEVERAL_CHANGES = "several-changes", Warning, "only the first change gets the status",
        "A Flux Kustomization carries one commit and one pull request. The first change of a preview\n\
         gets the commit status and the comment.";
    SHARED_CHANGE = "shared-change", Warning, "two previews have the same change",
        "Suites of both report on the same commit under the same name, and the later status replaces the earlier: a\n\
         test that failed in one preview looks green because it passed in the other. Merge the two previews, or give\n\
         each a change of its own.";
    NO_PROVIDER = "no-provider", Warning, "the repository of a change is not in spec.notify",
        "So its pull request gets no status and no comment from the suites.";
    PARENT_WAITS = "parent-waits", Error, "the parent Kustomization waits for its own children",
        "The gate of a preview waits for the parent, and a parent with `wait: true` waits for the\n\
         gate. Set `wait: false` on the parent; each suite reports for itself.";
    GATE_MISSING = "gate-missing", Warning, "the folder of the gates does not exist",
        "In a stream a gate makes the suites of a preview wait for its workloads. It is a Flux Kustomization whose\n\
         path is the folder spec.flux.gate. Without the folder Flux cannot build it, and no suite ever runs. The\n\
         folder is looked for below the Git root, where `anabranch init` makes it. A tree (`render -o`) has no gates.";
}
