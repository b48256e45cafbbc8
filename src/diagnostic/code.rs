//! The kinds of findings, in the order in which the pipeline can meet them.
//!
//! A code's id is stable: people put it into searches and suppressions. The page is what
//! `anabranch explain` prints: why it is a mistake, and the ways out.

use super::Severity::{self, Error, Note, Warning};

/// A kind of finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable kebab-case name.
    pub id: &'static str,
    /// How bad every finding of this kind is.
    pub severity: Severity,
    /// One line: what is wrong.
    pub title: &'static str,
    /// Why it is wrong, and the ways out.
    pub page: &'static str,
}

/// The code with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Code> {
    CODES.iter().copied().find(|code| code.id == id)
}

macro_rules! codes {
    ($($name:ident = $id:literal, $severity:expr, $title:literal, $page:literal;)*) => {
        $(
            #[doc = $title]
            pub static $name: Code =
                Code { id: $id, severity: $severity, title: $title, page: $page };
        )*
        /// Every code, in the order of the pipeline.
        pub static CODES: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    UNREADABLE = "unreadable", Error, "a file or folder cannot be read",
        "A path on the command line does not exist, may not be read, is not UTF-8, holds no objects,\n\
         or is a link out of its repository: a pull request can make a link of any file. Or\n\
         `kustomize build` of a folder failed. The message carries what the system said.\n\
         Files of a kustomization may lie beside its folder, as Flux builds them, and have to be in its\n\
         repository; without Git, in the folder of previews.yaml. Else any file of the machine could come\n\
         into the output.";
    YAML_SYNTAX = "yaml-syntax", Error, "a text is not YAML",
        "The text breaks the rules of YAML 1.2, or uses a part of it that Kubernetes objects cannot\n\
         hold: tags with a meaning of their own, keys that are not scalars. Tabs may not indent.";
    DUPLICATE_KEY = "duplicate-key", Error, "a key is written twice in one mapping",
        "YAML readers disagree on which of the two counts, and the API server refuses both.\n\
         Keep one.";
    INPUT_LIMIT = "input-limit", Error, "the input is larger than a limit",
        "Every input has a budget of bytes, nesting, nodes, documents and aliases, and a build of time,\n\
         so that a hostile file cannot exhaust the machine or keep it waiting. Each has a flag of `render`\n\
         and `check`, `--max-...`, for those who need more; the function has no flags.";
    NOT_AN_OBJECT = "not-an-object", Error, "a document is not a Kubernetes object",
        "Every document needs `apiVersion`, `kind` and `metadata.name`, all strings. Values files,\n\
         kustomization files and snippets are not part of a baseline: name the folder that holds the\n\
         kustomization.yaml instead, and it is built.";
    DUPLICATE_OBJECT = "duplicate-object", Error, "an object is in the input twice",
        "Two documents have the same kind, namespace and name. Applied, the later would overwrite\n\
         the earlier; anabranch does not choose for you.";
    RENAMED_REFERENCE = "renamed-reference", Error, "it is not known what a name means when kustomize's build ends",
        "kustomize gives objects their namePrefix and nameSuffix at once, and mends references to them when\n\
         its build ends, behind every function. The function follows those that kustomize mends by itself. It\n\
         mends others, such as the backends of routes, only where `configurations` say so, which a function\n\
         is not told; and where two objects had the name and neither the same prefixes and suffixes as the\n\
         one that names it, nobody knows. Write the new name by a patch behind the prefix, or render what is\n\
         built: `kustomize build FOLDER | anabranch render --baseline -`.";
    FOREIGN_MARK = "foreign-mark", Error, "an object carries anabranch's labels and is not one of its own",
        "Objects that anabranch made are known by `app.kubernetes.io/managed-by: anabranch`, by the label\n\
         `anabranch.dev/previews`, and by kind, name and namespace. A second run replaces them. An object\n\
         with the labels that is none of these was copied or labelled by hand, or is left over from a run\n\
         with another `spec.namespace`: it is neither dropped nor copied before you have said which.";
    CONFIG_FIELD = "config-field", Error, "a field of previews.yaml is unknown, missing or malformed",
        "previews.yaml, and affected.yaml too, is read strictly: a misspelt field is an error and not a silent default.\n\
         `anabranch schema` prints the JSON Schema, which editors use to complete and check.";
    CONFIG_TYPE = "config-type", Error, "a field of previews.yaml has the wrong type",
        "A string field takes strings only. Without quotes YAML reads `1.10` as the number 1.1,\n\
         `1e10` as ten thousand million, `2026-12-01` as a time and `on` as a boolean; what was\n\
         written cannot be recovered. Quote the value.";
    BAD_NAME = "bad-name", Error, "a name breaks its rules",
        "A preview's name is a namespace, a header value, regular-expression text and a label value\n\
         at once: it matches [a-z]([-a-z0-9]*[a-z0-9])?, has at most 40 characters and begins with\n\
         spec.prefix. The prefix is what policies trust, so no other namespace may begin with it.\n\
         Where a clone of a route is named after its original, both names together have to fit, and what a\n\
         preview host takes from a route has to make a DNS name.\n\
         Files of a tree are named after objects, so these have lower-case letters, digits, `-` and `.`.\n\
         With `affected --format bake` services name targets of docker buildx bake: ASCII letters, digits,\n\
         `-` and `_`.";
    DUPLICATE_NAME = "duplicate-name", Error, "two entries share a name",
        "Previews, services within a preview, suites and repositories are known by their name.\n\
         Rename or merge one of the two.";
    RESERVED_NAMESPACE = "reserved-namespace", Error, "a preview's namespace is another's",
        "The namespace of a preview is created and removed with its entry. A namespace that the input, or\n\
         another set of previews, already uses would be overwritten and, in the end, deleted; so would\n\
         those of Kubernetes, of Flux and of the Gateways. Two sets in one cluster need different prefixes,\n\
         or templates of namespaces that never make the same one.";
    WIDE_PREFIX = "wide-prefix", Warning, "another namespace begins with spec.prefix",
        "Every preview's name begins with spec.prefix, and no other namespace of the cluster may: a preview\n\
         could take its name, and policies that trust the prefix trust it too. Choose a prefix that is\n\
         nobody else's, such as `pr-`.";
    BAD_IMAGE = "bad-image", Error, "an image is not allowed",
        "Names of images follow the grammar that container runtimes share. `spec.limits.registries` lists\n\
         the registries, or folders in them, that images may come from: `ghcr.io/shop` admits\n\
         `ghcr.io/shop/x`, and neither `ghcr.io/shopping/x` nor `ghcr.io:8443/shop/x`. With\n\
         `spec.limits.requireDigest` an image must end in a digest, such as `@sha256:` and 64\n\
         hexadecimal digits.";
    UNTRUSTED_CHANGE = "untrusted-change", Error, "a change of a fork brings more than an image, or gets a secret",
        "Anybody may have opened a pull request with `trust: fork`. Its preview says which image runs, by digest\n\
         and from `spec.limits.registries`, which must list some: no tag, which can be moved later, and no `env`,\n\
         `replicas` or `patches`. Nor is its code given a Secret of the baseline, or what makes one; a Secret that\n\
         the kubelet alone needs, to pull images, is copied. Ways out: let something else create a Secret of this\n\
         name in every preview, with values that anybody may know, and list it under `spec.external.secrets`; or\n\
         read the code, push it to a branch of the repository, and make a preview of that.";
    FORK_SUITE = "fork-suite-secret", Warning, "a suite takes Secrets that previews of forks do not get",
        "A suite's requests reach the code of the preview, and with `trust: fork` that is a stranger's. Flux leaves\n\
         Secrets, and objects that make them, out of the suites of such previews, so a Job that needs one does not\n\
         start and the suite fails. Let the Job run without it (`optional: true`), or use values that anybody may know.";
    TOO_MANY_PREVIEWS = "too-many-previews", Error, "more previews than spec.limits.previews",
        "Close pull requests that are done, run `anabranch prune`, or raise the limit on purpose.";
    UNKNOWN_SERVICE = "unknown-service", Error, "a service is not in the baseline",
        "A preview names Services of the baseline's namespaces, or workloads that have no Service.\n\
         Check the spelling, and that every file of the baseline was passed with --baseline. What a chart\n\
         or an operator makes is no manifest: a HelmRelease in the input is named, its chart has to be rendered.";
    AMBIGUOUS_NAMESPACE = "ambiguous-namespace", Error, "several namespaces of the baseline may be meant",
        "With spec.baseline.namespaces nothing belongs to a namespace by itself: an object says its own, and a\n\
         service that several of them have is named with its `namespace`, in previews as in spec.services.";
    UNKNOWN_PREVIEW = "unknown-preview", Error, "a preview is not in previews.yaml",
        "--only names a preview that spec.previews does not list. Names are compared whole: pr-4 is\n\
         not pr-42.";
    AMBIGUOUS_CONTAINER = "ambiguous-container", Error, "it is not clear which container is meant",
        "`image` replaces the image of the only container, or of the containers that run the same\n\
         repository, or of the one that kubectl.kubernetes.io/default-container names on the pod template.\n\
         Where none of them decides, say `containers: [{name, image}]`; where a Service has several\n\
         workloads of different repositories, `workloads: [{name, image}]`.";
    IMAGE_REGISTRY = "image-without-registry", Warning, "an image names no registry where the baseline's does",
        "An image without a registry is Docker Hub's: `cart:1` means docker.io/library/cart:1. Where the\n\
         baseline names a registry, the image of a preview is probably there too. kustomize's `newTag` and\n\
         Helm's `image.tag` take a tag alone; `image` takes the whole name.";
    UNCHANGED_COPY = "unchanged-copy", Note, "a copy is the baseline's",
        "An entry that names a service and changes neither image, variables nor anything else by patches\n\
         copies what the baseline runs. Tests of such a preview test the baseline.";
    BAD_PATCH = "bad-patch", Error, "a patch cannot be applied",
        "A patch is a strategic merge patch or a JSON 6902 patch, as kustomize writes them. It must\n\
         find its target among the copied objects and may not change a copy's identity. What it builds\n\
         keeps to the limits: levels (--max-depth), values it goes through (--max-patch-nodes), and\n\
         replicas (`spec.limits.replicas`).";
    QUOTA_EXCEEDED = "quota-exceeded", Error, "a preview has more objects than limits.quota allows",
        "The API server counts the objects of a namespace and refuses one too many, and with it the whole preview.\n\
         Counted are Services (one for each name that leads to the baseline), ConfigMaps (with the one called\n\
         `anabranch` and those of Kubernetes and Istio), Secrets, workloads and their pods.";
    QUOTA_NEEDS_REQUESTS = "quota-needs-requests", Warning, "pods that say nothing of what limits.quota limits are refused",
        "Where a ResourceQuota limits cpu, memory or ephemeral storage, the API server takes no pod with a container\n\
         that does not say how much it needs: the Deployment stays without pods. Say it in the manifest, or let\n\
         `limits.quota.limitRange` give it to all containers that say nothing. Jobs of suites need it too.";
    UNSUPPORTED_WORKLOAD = "unsupported-workload", Error, "a workload of this kind cannot be copied",
        "Deployments are copied. StatefulSets are copied where the service says `stateful: copy`.\n\
         DaemonSets would run on every node once per preview, Rollouts and other controllers drive\n\
         routes of their own, Jobs and CronJobs would do their work twice: these are refused.";
    NO_WORKLOAD = "no-workload", Error, "a service selects no workload that could be copied",
        "A Service without selector or of type ExternalName stands for something outside; a Service\n\
         whose selector matches nothing in the input has its workload in another file.";
    MISSING_OBJECT = "missing-object", Error, "an object that a copy needs is not in the input",
        "A pod that refers to a missing ConfigMap, Secret or ServiceAccount never starts. Pass the\n\
         file that holds it, mark the reference `optional: true`, or list the name under\n\
         `spec.external` if something else creates it in every preview's namespace. Where an object of the\n\
         input makes it, or probably does, the finding names it: a chart, a Certificate, an operator's object.";
    UNMOVABLE_SECRET = "unmovable-secret", Error, "a Secret cannot be copied to another namespace",
        "SOPS seals the metadata with the data, and a SealedSecret is bound to its namespace: a copy\n\
         would not decrypt. Ways out: an ExternalSecret, a Secret created in every preview by other\n\
         means and listed in `spec.external.secrets`, or a cluster-wide SealedSecret made for it.";
    VOLUME_CLAIM = "volume-claim", Error, "a copy would need a PersistentVolumeClaim",
        "A preview has no storage of its own and must not write to the baseline's. With\n\
         `volumes: empty` on the service, claims become empty directories in previews.";
    PORT_NOT_ROUTED = "port-not-routed", Error, "no port of a service can be routed",
        "Routing by header needs HTTP or gRPC. Ports say so by appProtocol (http, kubernetes.io/h2c,\n\
         grpc, …) or by the prefix of their name (`http-`, `grpc-`). With `unrouted: true` the\n\
         service is copied and calls from outside the preview stay with the baseline.";
    ROUTE_CONFLICT = "route-conflict", Error, "the routes of a host contradict each other",
        "Istio leaves undefined what happens when a host has an HTTPRoute and a VirtualService, two\n\
         VirtualServices, HTTPRoutes beside GRPCRoutes, or routes with and without a port. Which one\n\
         wins then depends on creation time, and no preview could promise anything.";
    ROUTE_UNSUPPORTED = "route-unsupported", Error, "an existing route cannot be extended",
        "The route uses something for which no preview rule can be derived that would keep its\n\
         meaning: a delegate, a match on the key's own header, a backend that is not a Service.";
    DELIVERY_EXTERNAL = "delivery-external", Error, "an object of the baseline must change",
        "Istio allows one VirtualService per host, so yours is extended in front; and stripping the\n\
         key changes your entry routes. Something else applies the baseline (delivery: external) and\n\
         would undo it. Set `spec.baseline.delivery: include`, or run anabranch as a transformer in\n\
         the baseline's own overlay.";
    HOST_COLLISION = "host-collision", Error, "two hosts become one preview host",
        "Routes of different hosts would be merged under one preview host and shadow each other. Use\n\
         {host} or {hash} in the host template of the entry to tell them apart.";
    ROUTE_LIMIT = "route-limit", Error, "a route would exceed a limit of its API",
        "An HTTPRoute has at most 16 rules, 64 matches per rule and 128 in all; anabranch splits\n\
         beyond that. What cannot be split is refused where there is no room for what a preview adds:\n\
         16 headers of a match, 16 filters of a rule, 16 headers that one sets, adds or removes, and 64\n\
         origins of a CORS filter.";
    OUTPUT_LIMIT = "output-limit", Error, "the output would be larger than a limit",
        "A small previews.yaml can ask for much: every preview copies its services, patches them and\n\
         derives the rules of their routes. --max-rules, --max-pairs, --max-patch-nodes and\n\
         --max-output-bytes say how much is too much.";
    REPORT_LIMIT = "report-limit", Warning, "there are more findings than are shown",
        "A report ends after a thousand findings, and a text is not read further after a hundred\n\
         mistakes of its YAML. Errors are kept before warnings. Mend what is shown and look again.";
    SUITE_MISSING = "suite-missing", Error, "the folder of a suite does not exist, or holds no file",
        "Suite paths are relative to --source-root: by default the Git root above previews.yaml.";
    SUITE_OUTSIDE = "suite-outside", Error, "a suite refers to something outside its folder",
        "A tree carries the folder of each suite along, byte for byte, and nothing beside it. A\n\
         kustomization.yaml that refers to `../common` would not build there, for any preview.";
    PLACEMENT = "placement", Error, "the function stands where it gets no objects",
        "kustomize gives a generator no resources. anabranch needs the baseline: list it under\n\
         `transformers:`, in a layer that has no `namespace:` of its own above it.";
    EDIT_REFUSED = "edit-refused", Error, "a text cannot be edited in place",
        "`set`, `remove` and `prune` change a few lines and keep the rest, then read the result again.\n\
         Where it would not mean what was asked for (anchors, aliases, unusual layout), nothing is\n\
         written. Nor is it through a link, whose target may be anything, or to a file that has a\n\
         second name; and two edits of one file wait for each other.";
    OUTPUT_FOLDER = "output-folder", Error, "the output folder is not ours",
        "`-o DIR` writes into an empty folder or one it wrote before, known by DIR/.anabranch. It\n\
         removes what is no longer planned, and so never touches a folder of someone else, follows no\n\
         link, and takes no list that names what it never writes. A file that has a second name, a hard\n\
         link, is refused too: under the other name it would stay as it is. After a run that failed or\n\
         was stopped, render again: the list knows every file that may be there.";
    NAME_TAKEN = "name-taken", Error, "a generated object would replace one of the baseline",
        "A name that anabranch makes is already used by an object of the input that is not its own.";
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
         a policy of Istio's root namespace that names the baseline, and a decision outside of the mesh (CUSTOM)\n\
         have to be changed where they are: the finding says how.";
    ACCESS_WIDENED = "access-widened", Error, "with previews somebody may call what they might not before",
        "Before anything is written it is tried, for every account of the input and every kind of call that the\n\
         AuthorizationPolicies tell apart, who may call each service of the baseline and each copy of it. What is\n\
         added for previews means namespaces that begin with their prefix: where a namespace of somebody else does\n\
         so too, its pods would be let in.";
    ACCESS_NARROWED = "access-narrowed", Warning, "with previews somebody may not call what they might before",
        "Before anything is written it is tried, for every account of the input and every kind of call that the\n\
         AuthorizationPolicies tell apart, who may call each service of the baseline and each copy of it. The finding\n\
         names a caller and a call that is refused once there are previews.";
    SUITE_REFUSED = "suite-refused", Warning, "policies refuse the pods of suites",
        "A pod of a suite runs in the preview's namespace under an account of its own, mostly `default`. It may call a\n\
         copy where a pod with this account may call the original. Where a policy admits some services alone, a Job\n\
         that calls a copy by its name in the cluster is refused. Preview hosts are another way in.";
    POLICY_ELSEWHERE = "policy-elsewhere", Warning, "a policy elsewhere may refuse previews what it allows the baseline",
        "The policy that refuses a preview's call stands beside what is called. In a namespace that is no part of\n\
         the baseline nothing is added: who owns it decides whether previews may call. The finding has the rules\n\
         that would let them do what the baseline may.";
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
         too, where they may have it, patch it away, or `--allow identity-not-granted`.";
    ANNOTATION_NAMES_NOTHING = "annotation-names-nothing", Warning, "an annotation names an object that is not in the input",
        "Injectors and networks are told by annotations which object of the pod's namespace they shall use: an\n\
         Instrumentation of OpenTelemetry's operator, a Configuration of Dapr, a network of Multus. Such objects are\n\
         copied where the input has them. Without them nothing is injected, or the pod does not start.";
    SHARED_WITH_ORIGINAL = "shared-with-original", Warning, "a copy shares something with its original",
        "Ports, folders and processes of a node, volumes of a network and fixed addresses are the same for every pod that\n\
         names them, in whatever namespace it is. Two pods with one host port find room on no node together; what one\n\
         writes into a folder or a share, the other reads. A patch takes it from copies.";
    DAPR_APP_ID = "dapr-app-id", Note, "Dapr looks for app ids in the namespace of who calls",
        "A preview has aliases for the Services of the baseline, not for app ids of Dapr. A copy that calls another\n\
         application by its id alone finds it in the preview's namespace or nowhere, and no route knows the key there.";
    MORE_ACCESS = "more-access", Warning, "a patch gives a copy more access than the original has",
        "Whoever can write previews.yaml decides what patches do. Without a word they may change images\n\
         and replicas within the limits, commands, variables, resources, probes, empty volumes, ConfigMaps,\n\
         ports, and labels and annotations that nothing in a cluster acts on; and they may take away what a\n\
         pod is allowed to do. Every other difference is named: what a patch adds, what it changes, and\n\
         restrictions that it removes. A label is named where any object of the input selects pods by it,\n\
         but for kinds that are known to protect nothing, such as Services and monitors. Check\n\
         that its author may do that.";
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
         a dot is completed. Previews are made as if such a route were not there.";
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
         OpenTelemetry's operator. Behind such a program the baseline answers. Looked at are variables, what they\n\
         take from ConfigMaps, and options of the command line; not files that are mounted, Secrets, or the image.\n\
         A program that passes the key's own header on is fine: docs/propagation.md says how, and how to check.";
    HEADLESS_NEEDED = "headless-needed", Error, "a headless Service cannot be routed",
        "A proxy sends a call to a headless Service to the address that the client looked up, which is a\n\
         pod of the baseline. A copy that is routed gets a cluster IP instead, but the Service that governs\n\
         a StatefulSet must stay headless. In ambient mode a waypoint reads only calls to the address of a Service,\n\
         so none of a headless one can be routed. With `unrouted: true` it is copied for callers inside.";
    HEADLESS_COPY = "headless-copy", Note, "the copy of a headless Service gets a cluster IP",
        "A proxy sends a call to a headless Service to the address that the client looked up, which is a\n\
         pod of the baseline. With a cluster IP the copy is reached.";
    ROUTE_CONTROLLED = "route-controlled", Warning, "a controller changes a route that gets entries of previews",
        "Argo Rollouts changes weights in a VirtualService. Where that has several entries it must know\n\
         which of them are its own; previews add entries.";
    POD_HOST = "pod-host", Warning, "a host name of a single pod cannot be aliased",
        "`db-0.db` names a pod behind a headless Service. In a preview it would need an alias of its\n\
         own; write it with its namespace, `db-0.db.baseline`, and it works everywhere.";
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
         from `pr-42.preview.example.com`. So does the name of a host that is no part of a URL, and what leads\n\
         to the host of a route for which the entry does not stand.";
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
    BAD_GLOB = "bad-glob", Error, "a glob cannot be read",
        "Globs of affected.yaml cover whole paths from the root of the repository. `*` and `?` stay within a\n\
         segment, `**` is a segment of its own and goes over any number, `[...]` is one character, `{a,b}`\n\
         stands for a glob each, `\\` takes the next character as it is, `!` in front takes out.";
    UNKNOWN_OWNER = "unknown-owner", Error, "a name in uses or with is not in the map",
        "`uses` names the modules and services that something is built from, `with` the services that it goes\n\
         into a preview with. A name that was renamed elsewhere would hide everything behind it.";
    NO_REPOSITORY = "no-repository", Error, "git cannot say what was asked",
        "`anabranch affected` is run in a checkout, and asks the program git. It passes on what git says: of\n\
         a folder that somebody else owns, for instance, that `safe.directory` has to name it.";
    UNKNOWN_REVISION = "unknown-revision", Error, "a revision names no commit",
        "The clone does not have it: pipelines fetch one branch, often without history. Nothing is fetched\n\
         here; the remedy names the command. A range or a path is no revision.";
    SHALLOW_CLONE = "shallow-clone", Error, "the clone is too shallow to find the merge base",
        "What a change touches is counted from where it left its base. A shallow clone may lack that commit,\n\
         or know only an older one: then neither \"everything\" nor \"nothing\" would be true.";
    NO_COMMON_HISTORY = "no-common-history", Error, "base and head have no commit in common",
        "A branch without parents, or a repository that was imported anew, has no merge base with others.";
    UNMAPPED_PATH = "unmapped-path", Error, "a path is in no list of the map",
        "The map is a closed world: every path is owned by a service or a module, is in `all`, or in `ignore`.\n\
         Files that nobody thought of are the commonest reason for an image that was not built. `unmapped:\n\
         all` and `unmapped: ignore` say otherwise for all of them.";
    UNMAPPED_ALLOWED = "unmapped-allowed", Note, "a path is in no list of the map, which allows it",
        "The map says `unmapped: all` or `unmapped: ignore`. Which paths that was applied to is said.";
    UNUSED_GLOB = "unused-glob", Warning, "a glob of the map covers no tracked file",
        "A folder was renamed, or the glob has a slip of the pen. It would be silent for ever.\n\
         `anabranch affected --audit` makes it an error.";
    UNUSED_GLOB_IN_AUDIT = "dead-glob", Error, "a glob of the map covers no tracked file",
        "A folder was renamed, or the glob has a slip of the pen. Without the audit it is a warning.";
    SERVICE_GONE = "service-gone", Warning, "the change deletes every file of a service",
        "The map still has the service, which counts as affected. There is nothing to build, so a preview\n\
         that shows it would show what is gone.";
    MAP_OF_CHECKOUT = "map-of-checkout", Warning, "the change ends at a commit with another map",
        "`anabranch affected` answers by the map that is checked out. With --head the change may end at a commit\n\
         whose map says something else, so services of it may be missing in the answer.";
    BASE_NOT_RENDERED = "base-not-rendered", Warning, "what a change is compared with cannot be rendered",
        "`anabranch diff --base` renders both revisions. Where the files of the other one have errors, what it\n\
         made is not known: everything is shown as added, so that a change that mends them can be reviewed.\n\
         What the new findings are is then not known either.";
    MISSING_EDGE = "missing-edge", Error, "a manifest uses what the map does not say",
        "A Dockerfile copies a file, or a package names another, that belongs to another owner of the map, and\n\
         `uses` does not lead there. A change of that file would not build the image again.";
    MANIFEST_UNREAD = "manifest-unread", Warning, "a manifest says something that the audit cannot follow",
        "The audit reads what build tools are told and runs none of them. Variables, and files that cannot be\n\
         read, are named: look yourself whether the map has what they stand for.";
    DROPPED = "left-out", Note, "a part of a copy is left out on purpose",
        "What belongs to the original and would disturb it, or what means nothing in a preview, is\n\
         not copied: DNS annotations, HorizontalPodAutoscalers, PodDisruptionBudgets, addresses of Services.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_each_has_a_page() {
        let mut ids: Vec<_> = CODES.iter().map(|code| code.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CODES.len());
        assert!(CODES.iter().all(|code| code.page.len() > 60 && !code.title.ends_with('.')));
    }
}
