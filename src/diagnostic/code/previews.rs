//! Findings about the parts of a preview, and about writing it: copies, routes, files.

use super::Code;
use crate::diagnostic::Severity::{Error, Note, Warning};

codes! {
    PREVIEWS:

    AMBIGUOUS_CONTAINER = "ambiguous-container", Error, "it is not clear which container is meant",
        "`image` replaces the image of the only container, or of the containers that run the same\n\
         repository, or of the one that kubectl.kubernetes.io/default-container names on the pod template.\n\
         If none of these decides, set `containers: [{name, image}]`; if a Service has several workloads of\n\
         different repositories, `workloads: [{name, image}]`.";
    IMAGE_REGISTRY = "image-without-registry", Warning, "an image names no registry where the baseline's does",
        "An image without a registry is Docker Hub's: `cart:1` means docker.io/library/cart:1. Where the\n\
         baseline names a registry, the image of a preview is probably there too. kustomize's `newTag` and\n\
         Helm's `image.tag` take a tag alone; `image` takes the whole name.";
    UNCHANGED_COPY = "unchanged-copy", Note, "a copy is the same as its original",
        "The entry names a service and changes neither image nor variables, nor anything by a patch. So the copy\n\
         runs what the baseline runs, and tests of such a preview test the baseline.";
    BAD_PATCH = "bad-patch", Error, "a patch cannot be applied",
        "A patch is a strategic merge patch or a JSON 6902 patch, as kustomize writes them. Its\n\
         target must be among the copied objects, and it may not change a copy's identity. The result must\n\
         keep the limits: levels (--max-depth), visited values (--max-patch-nodes), and replicas\n\
         (`spec.limits.replicas`). It must have the fields that the API server requires, and the containers\n\
         that get an image from the preview. Where Kubernetes takes text, a value such as `on` or `1.10`\n\
         needs quotes.";
    QUOTA_EXCEEDED = "quota-exceeded", Error, "a preview has more objects than limits.quota allows",
        "The API server counts the objects of a namespace. If there is one too many, it refuses it, and Flux the whole\n\
         preview. Counted are Services (also each alias), ConfigMaps (also `anabranch` and those of Kubernetes and\n\
         Istio), Secrets, workloads, their pods and their claims.";
    QUOTA_NEEDS_REQUESTS = "quota-needs-requests", Warning, "limits.quota refuses pods without resource requests",
        "If a ResourceQuota limits cpu, memory or ephemeral storage, the API server refuses a pod with a container\n\
         that requests none: the Deployment gets no pods. Set the requests in the manifest, or set a default for\n\
         all containers with `limits.quota.limitRange`. Jobs of suites need requests too.";
    UNSUPPORTED_WORKLOAD = "unsupported-workload", Error, "a workload of this kind cannot be copied",
        "Deployments are copied. StatefulSets are copied if the service has `stateful: copy`.\n\
         DaemonSets would run on every node once per preview, Rollouts and other controllers change\n\
         routes, Jobs and CronJobs would do their work twice: these are refused.";
    NO_WORKLOAD = "no-workload", Error, "a service selects no workload that could be copied",
        "A Service without selector or of type ExternalName stands for something outside; a Service\n\
         whose selector matches nothing in the input has its workload in another file.";
    MISSING_OBJECT = "missing-object", Error, "an object that a copy needs is not in the input",
        "A pod that refers to a missing ConfigMap, Secret or ServiceAccount never starts. Pass the\n\
         file that holds it, mark the reference `optional: true`, or list the name under\n\
         `spec.external` if something else creates it in every preview's namespace. If an object of the\n\
         input probably makes it (a chart, a Certificate, an operator's object), the finding names that object.";
    UNMOVABLE_SECRET = "unmovable-secret", Error, "a Secret cannot be copied to another namespace",
        "SOPS seals the metadata with the data, and a SealedSecret is bound to its namespace: a copy\n\
         would not decrypt. Ways out: an ExternalSecret, a Secret created in every preview by other\n\
         means and listed in `spec.external.secrets`, or a cluster-wide SealedSecret made for it.";
    VOLUME_CLAIM = "volume-claim", Error, "a copy would need a PersistentVolumeClaim",
        "A claim belongs to its namespace, and a preview must not write to the baseline's. Nor may it make a claim that\n\
         takes its content from another claim or a snapshot. With `volumes: empty` on the service, claims become empty\n\
         directories in previews. This does not work for a container with `volumeDevices`, as a directory is no device.";
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
        "Istio allows one VirtualService per host, so previews add rules to yours, and `stripKey` changes the routes\n\
         of your entries. Something else applies the baseline (delivery: external) and would undo this. Set `spec.baseline.delivery: include`, or run anabranch as a transformer in\n\
         the baseline's own overlay.";
    HOST_COLLISION = "host-collision", Error, "two hosts become one preview host",
        "Routes of different hosts would be merged under one preview host and shadow each other. Use\n\
         {host} or {hash} in the host template of the entry to tell them apart.";
    ROUTE_LIMIT = "route-limit", Error, "a route would exceed a limit of its API",
        "An HTTPRoute has at most 16 rules, 64 matches per rule and 128 in all; anabranch splits a larger one.\n\
         Other lists cannot be split: 16 headers of a match, 16 filters of a rule, 16 headers that a filter\n\
         sets, adds or removes, and 64 origins of a CORS filter. A full list to which a preview would have to\n\
         add something is refused.";
    OUTPUT_LIMIT = "output-limit", Error, "the output would be larger than a limit",
        "A small previews.yaml can make a large output: every preview copies its services, patches them and\n\
         derives the rules of their routes. The limits are --max-rules, --max-pairs, --max-patch-nodes and\n\
         --max-output-bytes.";
    REPORT_LIMIT = "report-limit", Warning, "there are more findings than are shown",
        "A report ends after a thousand findings, and a text is not read further after a hundred\n\
         mistakes of its YAML. Errors are kept before warnings. Mend what is shown and look again.";
    SUITE_MISSING = "suite-missing", Error, "the folder of a suite does not exist, or holds no file",
        "Suite paths are relative to --source-root: by default the Git root above previews.yaml.";
    SUITE_OUTSIDE = "suite-outside", Error, "a suite refers to something outside its folder",
        "A tree contains a copy of each suite's folder, and nothing beside it. A kustomization.yaml that refers to\n\
         `../common` would not build there, for any preview. One that kustomize may read otherwise (a tag, `%YAML`,\n\
         `Resources` for `resources`) could do so unseen.";
    PLACEMENT = "placement", Error, "the function is listed where it gets no objects",
        "kustomize gives a generator no resources. anabranch needs the baseline: list it under\n\
         `transformers:`, in a layer that has no `namespace:` of its own above it.";
    EDIT_REFUSED = "edit-refused", Error, "a text cannot be edited in place",
        "`set`, `remove` and `prune` change a few lines and keep the rest, then read the result again.\n\
         If it would not mean what was asked for (anchors, aliases, unusual layout), nothing is written.\n\
         Links are not followed, as their target may be anything, and a file with a second hard link is\n\
         refused. Two edits of one file wait for each other.";
    OUTPUT_FOLDER = "output-folder", Error, "the output folder is not ours",
        "`-o DIR` writes into an empty folder, or into one that it wrote before and recorded in DIR/.anabranch.\n\
         It removes files of an earlier run that are no longer planned. So it touches no other folder, follows\n\
         no link, and refuses a list with files that it never writes. It refuses a file with a second hard\n\
         link too: under the other name the file would keep its content. After a run that failed or was\n\
         stopped, render again: the list names every file that may be there.";
    NAME_TAKEN = "name-taken", Error, "a generated object would replace one of the baseline",
        "A name that anabranch makes is already used by an object of the input that is not its own.";
}
