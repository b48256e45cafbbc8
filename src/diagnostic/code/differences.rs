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
        "What previews are made of depends on what leads requests inside the cluster. With sidecars a copy finds the\n\
         names of the baseline by aliases, in ambient mode by the search list of its resolver, which a sidecar does not\n\
         follow. A Namespace with `istio-injection: enabled` or `istio.io/rev`, or a pod with the label\n\
         `sidecar.istio.io/inject: \"true\"`, has sidecars whatever else it says; one with `istio.io/dataplane-mode:\n\
         ambient` alone has none. Say the same in both places.";
    AMBIENT_UNKNOWN = "ambient-unknown", Warning, "pods of the baseline may not be in ambient mode",
        "A call passes a waypoint where it comes from a pod in ambient mode: of a Namespace with the label\n\
         `istio.io/dataplane-mode: ambient`, or with that label itself. Calls from all others go straight to the\n\
         baseline's pods, whatever key they carry.";
    NO_SIDECAR = "no-sidecar", Warning, "pods without a sidecar follow no route",
        "Routes in the mesh are followed by the sidecar of who calls. Pods with the label or annotation\n\
         `sidecar.istio.io/inject: \"false\"`, with `hostNetwork`, or of a namespace labelled `istio-injection:\n\
         disabled` have none: their calls reach the baseline, whatever key they carry. So do calls that pass by a\n\
         sidecar, because annotations such as `traffic.sidecar.istio.io/excludeOutboundPorts` say so. In ambient\n\
         mode the same holds for pods with the label `istio.io/dataplane-mode: none`, with `hostNetwork`, or of a\n\
         namespace that is in no mesh.";
    VARIABLE_LEFT = "variable-left", Warning, "nothing substitutes a variable",
        "The Flux Kustomization that applies the baseline may substitute `${NAME}`. Those of previews do so\n\
         where `spec.flux.postBuild` says the same. Otherwise `${NAME}` reaches the cluster as it stands, in\n\
         copies, routes of previews and what is delivered. Where values are listed and `${NAME}` has none, and\n\
         no default, Flux puts nothing in its place.";
    NOT_DECRYPTED = "not-decrypted", Warning, "a delivered object stays encrypted",
        "With `delivery: include` our output carries what SOPS encrypted as it is: the MAC covers every value.\n\
         The Kustomization that applies it decrypts where `spec.flux.decryption` says how; otherwise Flux\n\
         refuses the object.";
    POLICY_NOT_COPIED = "policy-not-copied", Warning, "a policy applies to a copied workload",
        "Policies of this kind, quotas and settings of proxies are not copied to previews. Check that the preview\n\
         is not more open, or more closed, than the baseline: copy the policy by hand where it matters.\n\
         docs/guide/policies.md lists the kinds that are copied.";
    POLICY_UNLIKE = "policy-unlike", Error, "a policy would treat previews unlike the baseline",
        "A copy has the account of its original in another namespace, so a policy that names the baseline's\n\
         namespace, principals or accounts means the copy otherwise. Copies of policies are rewritten, and\n\
         what an added policy can mend is added. A DENY for all but the named, an ALLOW for all but the named,\n\
         a policy of Istio's root namespace that names the baseline, a decision outside of the mesh (CUSTOM), and\n\
         a policy that would have more than 512 rules, or sources of a rule, have to be changed where they are: the\n\
         finding says how.";
    ACCESS_WIDENED = "access-widened", Error, "with previews somebody may call what they might not before",
        "Before it writes anything, anabranch tries who may call each service of the baseline and each copy of it:\n\
         with every account of the input, and every kind of call that the AuthorizationPolicies tell apart. Rules that\n\
         are added for previews admit all namespaces with their prefix. If a namespace of somebody else has the prefix\n\
         too, its pods would be admitted. A patch that changes labels of a copy's pods may take the copy out of a\n\
         policy (AuthorizationPolicy, PeerAuthentication, RequestAuthentication, NetworkPolicy), or make it one of those\n\
         that a NetworkPolicy lets in: then this finding names what the copy would gain. So does one that gives its pods\n\
         the account of others.";
    ACCESS_NARROWED = "access-narrowed", Warning, "with previews somebody may not call what they might before",
        "Before it writes anything, anabranch tries who may call each service of the baseline and each copy of it:\n\
         with every account of the input, and every kind of call that the AuthorizationPolicies tell apart. The finding\n\
         names a caller and a call that would be refused once there are previews. It also names a policy that knows the\n\
         Gateway of the public, by its namespace, account or labels, and not the one in `spec.routing.entries`: that\n\
         policy refuses requests for preview hosts.";
    SUITE_REFUSED = "suite-refused", Warning, "policies refuse the pods of suites",
        "A pod of a suite runs in the preview's namespace under an account of its own, mostly `default`. It may call a\n\
         copy where a pod with this account may call the original. Where a policy admits some services alone, a Job\n\
         that calls a copy by its name in the cluster is refused. Preview hosts are another way in.";
    POLICY_ELSEWHERE = "policy-elsewhere", Warning, "a policy elsewhere may refuse previews what it allows the baseline",
        "The policy that refuses a preview's call stands beside what is called. In a namespace that is no part of\n\
         the baseline nothing is added: who owns it decides whether previews may call. The finding has the rules\n\
         that would let them do what the baseline may.";
    ROOT_NAMESPACE = "root-namespace", Warning, "a namespace may be Istio's root namespace",
        "What stands in the root namespace holds for the whole mesh, for previews as well. It is `istio-system` unless\n\
         `meshConfig.rootNamespace` says another, which no object of the input does. A namespace that has policies or\n\
         settings for all of it, and nothing that they could hold for, is probably one. Nobody has looked at what such\n\
         policies say of previews: see that they say of the previews' namespaces what they say of the baseline's.";
    WAYPOINT_POLICY = "waypoint-policy", Warning, "a policy holds at a waypoint, which calls straight to copies do not pass",
        "In ambient mode a policy with targetRefs is followed by the waypoint of the called service, also for requests that\n\
         it leads to a copy. A call straight to a copy passes no waypoint, so a policy is added that refuses it, but from\n\
         those who may do everything at the waypoint, and from Gateways and sidecars, which pass by waypoints anyhow.\n\
         Where the waypoint tells methods, paths or tokens apart, nothing else can, and the call is refused as a\n\
         whole: copies that call `cart.shop` go through the waypoint.";
    SUITES_BOUND = "suites-bound", Warning, "a copied policy holds for the pods of suites",
        "A suite's pods may do in a preview what pods like them may do in the baseline, and no more: a NetworkPolicy\n\
         that closes a namespace is copied, and closes the preview's. A suite that calls through the Gateway is let in\n\
         as everybody is. One that calls copies directly, or whose own calls are closed in, needs a NetworkPolicy\n\
         beside it, in its folder, for the labels of its pods.";
    ALIAS_LIMIT = "alias-limit", Error, "all previews have more aliases than spec.limits.aliases",
        "With `dependencies: all`, the default, every service of the baseline that a preview does not change\n\
         has an alias in it. An alias costs 100 to 150 bytes in each sidecar that sees its target. With\n\
         `dependencies: found` only names that texts of the copies hold, or that are declared, get one.";
    NO_HOST_FOUND = "no-host-found", Note, "the texts of a copy name no service",
        "With `dependencies: found` a preview reaches the services that env, arguments, commands, ConfigMaps\n\
         and plain Secrets of its copies name, and those that spec.services declares. Where the hosts are in\n\
         the image nothing is found, and a call from the copy finds no such host.";
    PORT_GUESSED = "port-guessed", Warning, "a port does not say what it speaks",
        "The port is routed as HTTP: Istio detects the protocol. Say so with appProtocol or with a\n\
         name that begins with `http` or `grpc`, and nobody has to guess.";
    TCP_PORT = "tcp-port", Note, "a port is left to the baseline",
        "A header cannot be read in TCP, so calls from outside the preview to this port reach the\n\
         baseline. Inside the preview they reach the copy.";
    QUEUE_CONSUMER = "queue-consumer", Warning, "a copy competes for work that no route brings",
        "Nothing routes to a workload without Service, so it takes its work from somewhere: a queue,\n\
         a topic, a table. The copy competes with the baseline's for it. So do copies of what gets\n\
         messages through a Component of Dapr.";
    ROUTE_ORDER = "route-order", Warning, "the order of two rules depends on creation time",
        "Rules of equal precedence in different routes are ordered by the routes' age in the cluster,\n\
         which cannot be known here. The derived rules stand in the order of namespace and name.";
    RIGHTS_NOT_COPIED = "rights-not-copied", Warning, "a copy has fewer rights than the original",
        "Roles and RoleBindings of the baseline's namespace are copied. Bindings for the whole cluster\n\
         or in other namespaces are not, since a preview must not gain rights outside its own: those that\n\
         name an account of the baseline, or the group of all of them, are named.";
    IDENTITY_NOT_GRANTED = "identity-not-granted", Warning, "something outside knows the original, and not its copy",
        "Clouds, Vault and others trust a ServiceAccount by its namespace and name. A copy has another namespace, so\n\
         that it gets no credentials, and a pod that waits for them does not start. Grant it to the accounts of previews\n\
         too, where they may have it, patch it away, or `--allow identity-not-granted`. So does a ClusterSecretStore whose\n\
         `conditions` list namespaces, and an Issuer of cert-manager, which serves its own namespace.";
    ANNOTATION_NAMES_NOTHING = "annotation-names-nothing", Warning, "an annotation names an object that is not in the input",
        "Injectors and networks are told by annotations which object of the pod's namespace they shall use: an\n\
         Instrumentation of OpenTelemetry's operator, a Configuration of Dapr, a network of Multus. Such objects are\n\
         copied where the input has them. Without them nothing is injected, or the pod does not start.";
    SHARED_WITH_ORIGINAL = "shared-with-original", Warning, "a copy shares something with its original",
        "Ports, folders and processes of a node, network volumes and fixed addresses are the same for every pod that\n\
         names them, in any namespace. Two pods with the same host port cannot run on one node; a disk is on one node at\n\
         a time, and a PersistentVolume serves one claim; what one pod writes into a folder or a share, the other one\n\
         reads. A patch can remove it from copies, and `volumes: empty` what is claimed.";
    DAPR_APP_ID = "dapr-app-id", Note, "Dapr looks for app ids in the namespace of who calls",
        "A preview has aliases for the Services of the baseline, not for app ids of Dapr. A copy that calls another\n\
         application by its id alone finds it in the preview's namespace or nowhere, and no route knows the key there.";
    MORE_ACCESS = "more-access", Warning, "a patch gives a copy more access than the original has",
        "Whoever can write previews.yaml decides what patches do. Without a word they may change images\n\
         and replicas within the limits, commands, variables, resources, probes, empty volumes, ConfigMaps,\n\
         ports, and labels and annotations that nothing in a cluster acts on; and they may take away what a\n\
         pod is allowed to do. Every other difference is named: what a patch adds, what it changes, and\n\
         restrictions that it removes, and text that injectors replace by secrets (`vault:...`). A label\n\
         is named where any object of the input selects pods by it, but for kinds that are known to\n\
         protect nothing, such as Services and monitors. Check that its author may do that.";
    SUBSTITUTION_OFF = "substitution-off", Warning, "Flux substitutes nothing in a copy",
        "Flux' postBuild substitution knows no text: `${NAME}` in a variable or patch of a preview would be\n\
         replaced like any other, by a value that is perhaps secret, and one it cannot read fails the build\n\
         for all. A copy with such text is annotated `kustomize.toolkit.fluxcd.io/substitute: disabled`.";
    CONSUMER_ROUTE = "consumer-route", Warning, "callers of one namespace do not see previews",
        "A route in the caller's namespace replaces the routes of the service's own namespace for\n\
         these callers, so previews are invisible to them.";
    ROUTE_IGNORED = "route-ignored", Warning, "the mesh does not follow a route",
        "Istio ignores a parentRef to a Service whose group is not written as `group: ''`, one to a port\n\
         that the Service does not serve over HTTP, an HTTPRoute or GRPCRoute with a filter, a header or a backend\n\
         that it cannot convert, at its Gateways too, and a VirtualService for `cart.shop`: only a host without\n\
         a dot is completed. Previews are made as if such a route were not there. Nobody answers where a rule sends\n\
         requests to such a host, to a Service that is not there or to a port that it does not have.";
    ROUTE_NOT_PREVIEWED = "route-not-previewed", Warning, "a rule leads to the baseline with the key as well",
        "Rules are derived for the Services of the baseline's namespace and for its ways in. A rule that\n\
         hangs on something else, such as a ServiceEntry, a public host or a Service of another namespace,\n\
         keeps choosing the baseline, whatever key a request carries. So does a service whose own route sends\n\
         every request elsewhere: a preview of it gets none.";
    NO_WAYPOINT = "no-waypoint", Error, "in ambient mode nobody reads the routes of a service",
        "A waypoint reads the routes of the services that it serves: those with the label `istio.io/use-waypoint`, or of\n\
         a Namespace with it. The label of the Service counts before that of the Namespace, and `none` means that there\n\
         is none. The Gateway that it names has to be a waypoint for services, and to take those of the baseline's\n\
         namespace. Without one a route is accepted and does nothing: every request with a key lands in the\n\
         baseline.";
    WAYPOINT_UNKNOWN = "waypoint-unknown", Warning, "whether a waypoint reads the routes of a service is not known",
        "The Namespace, which may name the waypoint with `istio.io/use-waypoint`, or the Gateway that is named is not\n\
         in the input. Without a waypoint a route is accepted and does nothing: every request with a key lands in\n\
         the baseline.";
    NO_MESH = "no-mesh", Warning, "without a mesh only entries lead to copies",
        "With `dataPlane: none` no route for calls inside the cluster is made, as nobody would follow it. A preview\n\
         host leads to the copy of the service that the entry's route names, and copies call each other by their short\n\
         names. Behind a service that the preview does not change, the baseline answers.";
    ROUTE_NOT_ATTACHED = "route-not-attached", Warning, "routes of a service do not hold for calls inside a preview",
        "With sidecars the routes of a service are attached to its copy too, for callers in the same preview. In\n\
         ambient mode a waypoint would have to read them, and previews have none: a call to the copy by its short\n\
         name reaches its pods straight away.";
    ONE_NAMESPACE = "one-namespace", Warning, "rules hold for callers of the baseline's namespace alone",
        "A copy calls from the namespace of its preview. What only the baseline's namespace sees\n\
         (`exportTo`, `sourceNamespace`, routes for Services of another namespace) does not hold there.";
    KEY_LOST = "key-lost", Warning, "a rule takes the key from requests",
        "What a rule of the baseline removes or replaces cannot tell a preview any more: calls behind it\n\
         are those of the baseline.";
    KEY_MAY_BE_LOST = "key-may-be-lost", Warning, "a program is told not to pass the key's baggage on",
        "With `routing.key.baggage` the key travels as a member of the W3C header `baggage`, which tracing libraries\n\
         pass on unless they are told otherwise: by OTEL_PROPAGATORS or DD_TRACE_PROPAGATION_STYLE without\n\
         `baggage`, OTEL_SDK_DISABLED (Node), `management.tracing...` (Spring), or an Instrumentation of\n\
         OpenTelemetry's operator. Behind such a program the baseline answers. anabranch reads variables, values\n\
         that they take from ConfigMaps, and options of the command line, but not mounted files, Secrets or the image.\n\
         A program that passes the key's own header on is fine: docs/propagation.md says how, and how to check.";
    HEADLESS_NEEDED = "headless-needed", Error, "a headless Service cannot be routed",
        "A proxy sends a call to a headless Service to the address that the client looked up, which is a\n\
         pod of the baseline. A copy that is routed gets a cluster IP instead, but the Service that governs\n\
         a StatefulSet must stay headless. In ambient mode a waypoint reads only calls to the address of a Service,\n\
         so none of a headless one can be routed. With `unrouted: true` it is copied for callers inside.";
    HEADLESS_COPY = "headless-copy", Note, "the copy of a headless Service gets a cluster IP",
        "A proxy sends a call to a headless Service to the address that the client looked up, which is a\n\
         pod of the baseline. With a cluster IP the copy is reached.";
    ROUTE_CONTROLLED = "route-controlled", Warning, "a controller changes a route that gets rules of previews",
        "Argo Rollouts changes weights in a VirtualService. Where that has several http rules it must know\n\
         which of them are its own; previews add rules.";
    POD_HOST = "pod-host", Warning, "a host name of a single pod cannot be aliased",
        "`db-0.db` names a pod behind a headless Service. In a preview it would need an alias of its\n\
         own; write it with its namespace, `db-0.db.baseline`, and it works everywhere. A copied StatefulSet has its own\n\
         pods under these names, and as many as the preview says: one that calls more of them waits for peers.";
    SERVICE_VARIABLE = "service-variable", Warning, "a variable of a Service does not exist in a preview",
        "For each Service Kubernetes gives the pods of its namespace variables such as `CART_SERVICE_HOST` and\n\
         `CART_SERVICE_PORT`. A preview has an alias for what it does not copy, which is a name without an address, and\n\
         so without variables. Call the Service by its name, which works in both, or set the variable in the preview.";
    STRIP_BAGGAGE = "strip-baggage", Warning, "stripping the key drops the whole baggage header",
        "A member of the baggage header cannot be removed alone, so with `stripKey` and a baggage key\n\
         production loses what else clients send in it. Without `stripKey` a client can enter a\n\
         preview from the production host. Choose which of the two matters, or use the header alone.";
    ENTRY_NOT_CLONED = "entry-not-cloned", Warning, "a way into the baseline has no preview host",
        "HTTPRoutes and GRPCRoutes attached to a Gateway and VirtualServices with gateways are cloned.\n\
         Ingress, TCP and TLS routes cannot set the key. A clone is made, and nobody hears it, where the\n\
         listeners of the entry's Gateway refuse its hosts, its namespace or its kind.";
    ENTRY_GATEWAY = "entry-gateway", Error, "an entry names a Gateway that its routes cannot bind to",
        "The Gateway API and Istio both have a kind Gateway, and a route binds to one of its own API alone:\n\
         an HTTPRoute or GRPCRoute to the first, a VirtualService to the second. A clone that is bound to the\n\
         other is ignored, and its preview host answers 404. Name a Gateway of the routes' own API; where the\n\
         baseline has routes of both, make an entry for each and say with `of` what it stands for.";
    ENTRY_GATEWAYS = "entry-gateways", Note, "preview hosts publish what these Gateways serve",
        "Every route that leads from a Gateway into the baseline gets a preview host at the entry's Gateway,\n\
         also one that is for an internal Gateway. Where not everybody who can reach preview hosts may see\n\
         what is served there, name the Gateways that the entry stands for: `of: [{namespace, name}]`.";
    HOST_KEPT = "host-kept", Warning, "a preview host answers with the name of an original one",
        "URLs of original hosts in redirects, in CORS policies and in headers that a route adds to answers become\n\
         those of preview hosts. The domain of a cookie stays: browsers refuse a cookie for `shop.example.com`\n\
         from `pr-42.preview.example.com`. Host names outside of URLs stay too, and so do URLs of routes that the\n\
         entry does not stand for.";
    SEVERAL_CHANGES = "several-changes", Warning, "only the first change gets the status",
        "A Flux Kustomization carries one commit and one pull request. The first change of a preview\n\
         gets the commit status and the comment.";
    SHARED_CHANGE = "shared-change", Warning, "two previews stand for one change",
        "Suites of both report on the same commit under the same name, and the later status replaces the\n\
         earlier: a test that failed in one preview looks green because it passed in the other. Merge the\n\
         two previews, or give each a change of its own.";
    NO_PROVIDER = "no-provider", Warning, "a change has nobody to report to",
        "The repository of the change is not listed under spec.notify, so its pull request hears\n\
         nothing of the suites.";
    PARENT_WAITS = "parent-waits", Error, "the parent Kustomization waits for its own children",
        "The gate of a preview waits for the parent, and a parent with `wait: true` waits for the\n\
         gate. Set `wait: false` on the parent; each suite reports for itself.";
    GATE_MISSING = "gate-missing", Warning, "the folder of the gates does not exist",
        "In a stream a gate makes the suites of a preview wait for its workloads: a Flux Kustomization whose path\n\
         is the folder spec.flux.gate. Without the folder Flux cannot build it, and no suite ever runs. The folder\n\
         is looked for below the Git root, where `anabranch init` makes it. A tree (`render -o`) has no gates.";
}
