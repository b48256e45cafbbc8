//! Findings about the input: files, objects, and the fields of previews.yaml.

use super::Code;
use crate::diagnostic::Severity::{Error, Warning};

codes! {
    INPUT:

    UNREADABLE = "unreadable", Error, "a file or folder cannot be read",
        "A path on the command line does not exist, may not be read, is not UTF-8, holds no objects,\n\
         or is a link out of its repository: a pull request can turn any file into a link. Or\n\
         `kustomize build` of a folder failed. The message contains the system's own.\n\
         Files of a kustomization may lie beside its folder, as Flux builds them, but have to be in its\n\
         repository; without Git, in the folder of previews.yaml. Otherwise any file of the machine could\n\
         get into the output.";
    YAML_SYNTAX = "yaml-syntax", Error, "a text is not YAML",
        "The text breaks the rules of YAML 1.2, or uses a part of it that Kubernetes objects cannot\n\
         hold: tags with a meaning of their own, keys that are not scalars. Tabs may not indent.";
    DUPLICATE_KEY = "duplicate-key", Error, "a key is written twice in one mapping",
        "YAML readers disagree on which of the two counts, and the API server refuses both.\n\
         Keep one.";
    INPUT_LIMIT = "input-limit", Error, "the input is larger than a limit",
        "Bytes, nesting, nodes, documents and aliases of the input are limited, and so is the time of a build,\n\
         so that a hostile file cannot exhaust the machine or keep it waiting. `render` and `check` have a flag\n\
         `--max-...` for each limit; the function has no flags.";
    NOT_AN_OBJECT = "not-an-object", Error, "a document is not a Kubernetes object",
        "Every document needs `apiVersion`, `kind` and `metadata.name`, all strings. Values files,\n\
         kustomization files and snippets are not part of a baseline: name the folder that holds the\n\
         kustomization.yaml instead, and it is built. The `items` of a List are a list, or null.";
    DUPLICATE_OBJECT = "duplicate-object", Error, "an object is in the input twice",
        "Two documents have the same kind, namespace and name. Applied, the later would overwrite\n\
         the earlier; anabranch does not choose for you.";
    RENAMED_REFERENCE = "renamed-reference", Error, "it is unclear which object a name means when kustomize's build ends",
        "kustomize gives objects their namePrefix and nameSuffix at once, but adapts references to them only\n\
         when its build ends, after every function. The function follows references that kustomize always\n\
         adapts. Others, such as the backends of routes, it adapts only if `configurations` say so, which a\n\
         function is not told. A name is also unclear if two objects had it, and neither has the prefixes and\n\
         suffixes of the object that refers to it. Write the new name by a patch after the prefix, or render\n\
         the result of the build: `kustomize build FOLDER | anabranch render --baseline -`.";
    FOREIGN_MARK = "foreign-mark", Error, "an object carries anabranch's labels and is not one of its own",
        "Objects that anabranch made are known by `app.kubernetes.io/managed-by: anabranch`, by the label\n\
         `anabranch.dev/previews`, and by kind, name and namespace. A second run replaces them. An object\n\
         with the labels that is none of these was copied or labelled by hand, or is left over from a run\n\
         with another `spec.namespace` or `spec.prefix`, or is of a second set with the same `metadata.name`.\n\
         Remove the labels, or the object, or give each set a name.";
    CONFIG_FIELD = "config-field", Error, "a field of previews.yaml is unknown, missing or malformed",
        "previews.yaml, and affected.yaml too, is read strictly: a misspelt field is an error and not a silent default.\n\
         `anabranch schema` prints the JSON Schema, which editors use to complete and check.";
    CONFIG_TYPE = "config-type", Error, "a field of previews.yaml has the wrong type",
        "A string field takes strings only. Without quotes YAML reads `1.10` as the number 1.1,\n\
         `1e10` as ten thousand million, `2026-12-01` as a time and `on` as a boolean; the original\n\
         text is lost. Quote the value.";
    BAD_NAME = "bad-name", Error, "a name breaks its rules",
        "A preview's name is a namespace, a header value, regular-expression text and a label value\n\
         at once: it matches [a-z]([-a-z0-9]*[a-z0-9])?, has at most 40 characters and begins with\n\
         spec.prefix. Policies trust the prefix, so no other namespace may begin with it.\n\
         The name of a route's clone consists of that of the original and that of the preview, and may not be\n\
         too long; a preview host has to be a DNS name.\n\
         Files of a tree are named after objects, so these have lower-case letters, digits, `-` and `.`.\n\
         With `affected --format bake` services name targets of docker buildx bake: ASCII letters, digits,\n\
         `-` and `_`.";
    DUPLICATE_NAME = "duplicate-name", Error, "two entries share a name",
        "Previews, services within a preview, suites and repositories are known by their name.\n\
         Rename or merge one of the two.";
    RESERVED_NAMESPACE = "reserved-namespace", Error, "a preview's namespace belongs to others",
        "The namespace of a preview is created and removed with its entry. A namespace that the input or\n\
         another set of previews uses would be overwritten and, in the end, deleted; so would those of\n\
         Kubernetes, of Flux and of the Gateways. A namespace that an object of the input or previews.yaml only\n\
         names, in a field or a host, counts too. One that only grants and policies name may be meant for the\n\
         preview, which gets what they grant: `wide-prefix` shows where it is named.\n\
         Two sets in one cluster need different prefixes,\n\
         or templates of namespaces that never make the same one.";
    WIDE_PREFIX = "wide-prefix", Warning, "another namespace begins with spec.prefix",
        "Every preview's name begins with spec.prefix, and no other namespace of the cluster may: a preview\n\
         could take its name, and policies that trust the prefix trust it too. Whoever adds a preview chooses\n\
         its name, and gets what is meant for a namespace of that name: by a binding, or by a list or pattern\n\
         in a store (`namespaceRegexes`), a policy or an annotation by which a Secret is copied\n\
         (`replicate-to`). A pattern for all previews, such as `^pr-`, is not named. Choose a prefix that\n\
         nobody else uses, such as `pr-`.";
    BAD_IMAGE = "bad-image", Error, "an image is not allowed",
        "Names of images follow the grammar that container runtimes share. `spec.limits.registries` lists\n\
         the registries, or folders in them, that images may come from: `ghcr.io/shop` admits\n\
         `ghcr.io/shop/x`, and neither `ghcr.io/shopping/x` nor `ghcr.io:8443/shop/x`. With\n\
         `spec.limits.requireDigest` an image must end in a digest, such as `@sha256:` and 64\n\
         hexadecimal digits.";
    UNTRUSTED_CHANGE = "untrusted-change", Error, "a change of a fork brings more than an image, or gets a secret",
        "Anybody may have opened a pull request with `trust: fork`. Its preview may only set images, by digest and\n\
         from `spec.limits.registries`, which must list some: no tag, which can be moved later, and no `env`,\n\
         `replicas` or `patches`. Its code gets no Secret of the baseline, no object that makes one, no secret store\n\
         of Dapr, and nothing that an injector brings: by an annotation (`vault.hashicorp.com/agent-inject`), or in\n\
         place of a value (`vault:...`, `akeyless:...`) of a variable or a ConfigMap. A Secret that only the kubelet\n\
         reads, to pull images, is copied, unless the account of a copy may read it too: by a right to Secrets, to\n\
         run pods, to enter them or to take accounts, or by a ClusterRole that the input does not have. Ways out:\n\
         let something else create a Secret of this name in every preview, with values that anybody may know, and\n\
         list it under `spec.external.secrets`; take the right from the account; or read the code, push it to a\n\
         branch of the repository, and make a preview of that.";
    FORK_SUITE = "fork-suite-secret", Warning, "a suite takes Secrets that previews of forks do not get",
        "With `trust: fork` a suite sends requests to the code of a stranger. Flux leaves Secrets, and objects that\n\
         make them, out of the suites of such previews. So a Job that needs one does not start, and the suite\n\
         fails. Let the Job run without it (`optional: true`), or use values that anybody may know.";
    TOO_MANY_PREVIEWS = "too-many-previews", Error, "more previews than spec.limits.previews",
        "Close pull requests that are done, run `anabranch prune`, or raise the limit on purpose.";
    UNKNOWN_SERVICE = "unknown-service", Error, "a service is not in the baseline",
        "A preview names Services of the baseline's namespaces, or workloads that have no Service.\n\
         Check the spelling, and that every file of the baseline was passed with --baseline. Objects\n\
         that a chart or an operator makes are not in the input: the finding names a HelmRelease, whose chart\n\
         has to be rendered.";
    AMBIGUOUS_NAMESPACE = "ambiguous-namespace", Error, "several namespaces of the baseline may be meant",
        "With spec.baseline.namespaces there is no default namespace: every object needs `metadata.namespace`, and a\n\
         service name that several namespaces have needs `namespace`, in previews and in spec.services.";
    UNKNOWN_PREVIEW = "unknown-preview", Error, "a preview is not in previews.yaml",
        "--only names a preview that spec.previews does not list. Names are compared whole: pr-4 is\n\
         not pr-42.";
}
