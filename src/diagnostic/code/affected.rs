//! Findings about changed paths: the map of them, and the revisions between which they are looked for.

use super::Code;
use crate::diagnostic::Severity::{Error, Note, Warning};

codes! {
    AFFECTED:

    BAD_GLOB = "bad-glob", Error, "a glob cannot be read",
        "Globs of affected.yaml match whole paths from the root of the repository. `*` and `?` stay within a\n\
         segment, `**` is a segment that matches any number of them, `[...]` is one character, `{a,b}` stands\n\
         for two globs, `\\` takes the next character literally, and `!` in front excludes.";
    UNKNOWN_OWNER = "unknown-owner", Error, "a name in uses or with is not in the map",
        "`uses` names the modules and services that something is built from, `with` the services that come along\n\
         into a preview. If a name is wrong, changes behind it would affect nothing.";
    NO_REPOSITORY = "no-repository", Error, "git cannot answer",
        "`anabranch affected` needs a checkout and the program git, and shows git's own message. For instance,\n\
         git requires a folder that somebody else owns to be listed in `safe.directory`.";
    UNKNOWN_REVISION = "unknown-revision", Error, "a revision names no commit",
        "The clone does not have it: pipelines fetch one branch, often without history. anabranch fetches nothing;\n\
         the remedy names the command. A range or a path is no revision.";
    SHALLOW_CLONE = "shallow-clone", Error, "the clone is too shallow to find the merge base",
        "A change counts from the commit at which it left its base. A shallow clone may lack that commit, or have\n\
         only an older one, so no answer would be certain.";
    NO_COMMON_HISTORY = "no-common-history", Error, "base and head have no commit in common",
        "A branch without parents, or a repository that was imported anew, has no merge base with others.";
    UNMAPPED_PATH = "unmapped-path", Error, "a path is in no list of the map",
        "Every path needs an owner, a service or a module, or has to be in `all` or in `ignore`. Most images that\n\
         were wrongly not built are due to files that nobody listed. `unmapped: all` and `unmapped: ignore`\n\
         allow such paths.";
    UNMAPPED_ALLOWED = "unmapped-allowed", Note, "a path is in no list of the map, which allows it",
        "The map says `unmapped: all` or `unmapped: ignore`. The finding lists the paths that this applied to.";
    UNUSED_GLOB = "unused-glob", Warning, "a glob of the map covers no tracked file",
        "A folder was renamed, or the glob has a typing error, so that changes would affect nothing.\n\
         `anabranch affected --audit` makes it an error.";
    UNUSED_GLOB_IN_AUDIT = "dead-glob", Error, "a glob of the map covers no tracked file",
        "A folder was renamed, or the glob has a typing error. Without the audit it is a warning.";
    SERVICE_GONE = "service-gone", Warning, "the change deletes every file of a service",
        "The map still has the service, which counts as affected, but there is nothing to build. Remove the service\n\
         from the map.";
    MAP_OF_CHECKOUT = "map-of-checkout", Warning, "the change ends at a commit with another map",
        "`anabranch affected` uses the map that is checked out. With --head the change may end at a commit with a\n\
         different map, so services of that map may be missing in the answer.";
    BASE_NOT_RENDERED = "base-not-rendered", Warning, "what a change is compared with cannot be rendered",
        "`anabranch diff --base` renders both revisions. If the files of the other one have errors, its output\n\
         is unknown, and everything is shown as added, so that a change which corrects them can be reviewed.\n\
         Which findings are new is then unknown too.";
    MISSING_EDGE = "missing-edge", Error, "a manifest shows a use that the map lacks",
        "A Dockerfile copies a file, or a package names another, that belongs to another owner of the map, and\n\
         `uses` does not lead there. A change of that file would not build the image again.";
    MANIFEST_UNREAD = "manifest-unread", Warning, "a manifest says something that the audit cannot follow",
        "The audit reads manifests of build tools and runs none of the tools. It names variables, and files that it\n\
         cannot read: check yourself whether the map has the paths that they stand for.";
    DROPPED = "left-out", Note, "a part of a copy is left out on purpose",
        "Parts that would disturb the original, or that mean nothing in a preview, are not copied: DNS\n\
         annotations, HorizontalPodAutoscalers, PodDisruptionBudgets, addresses of Services.";
}
