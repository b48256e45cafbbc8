//! Findings about the parts of a preview, and about writing it: copies, routes, files.

use super::Code;
use crate::diagnostic::Severity::{Error, Note, Warning};

codes! {
    PREVIEWS:

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
         replicas (`spec.limits.replicas`). It leaves the fields that the API server requires, and the\n\
         containers whose images the preview gives. Where Kubernetes takes text, it writes text: `on` and\n\
         `1.10` without quotes are none.";
    QUOTA_EXCEEDED = "quota-exceeded", Error, "a preview has more objects than limits.quota allows",
        "The API server counts the objects of a namespace and refuses one too many, and with it the whole preview.\n\
         Counted are Services (one for each name that leads to the baseline), ConfigMaps (with the one called\n\
         `anabranch` and those of Kubernetes and Istio), Secrets, workloads, their pods and the claims of these.";
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
        "A claim belongs to its namespace, and a preview must not write to the baseline's. The same holds for a claim that\n\
         takes its content from another one, or from a snapshot. With `volumes: empty` on the service, claims become empty\n\
         directories in previews. A directory is no device: where a container has `volumeDevices`, that is refused.";
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
         If it would not mean what was asked for (anchors, aliases, unusual layout), nothing is written.\n\
         Links are not followed, as their target may be anything, and a file with a second hard link is\n\
         refused. Two edits of one file wait for each other.";
    OUTPUT_FOLDER = "output-folder", Error, "the output folder is not ours",
        "`-o DIR` writes into an empty folder or one it wrote before, known by DIR/.anabranch. It\n\
         removes what is no longer planned. So it never touches a folder of somebody else, follows no link,\n\
         and refuses a list with files that it never writes. A file with a second hard link is refused too:\n\
         under its other name it would keep its content. After a run that failed or\n\
         was stopped, render again: the list knows every file that may be there.";
    NAME_TAKEN = "name-taken", Error, "a generated object would replace one of the baseline",
        "A name that anabranch makes is already used by an object of the input that is not its own.";
}
