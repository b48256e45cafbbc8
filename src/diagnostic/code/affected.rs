//! Findings about changed paths: the map of them, and the revisions between which they are looked for.

use super::Code;
use crate::diagnostic::Severity::{Error, Note, Warning};

codes! {
    AFFECTED:

    BAD_GLOB = "bad-glob", Error, "a glob cannot be read",
        "Globs of affected.yaml cover whole paths from the root of the repository. `*` and `?` stay within a\n\
         segment, `**` is a segment of its own and goes over any number, `[...]` is one character, `{a,b}`\n\
         stands for a glob each, `\\` takes the next character as it is, `!` in front takes out.";
    UNKNOWN_OWNER = "unknown-owner", Error, "a name in uses or with is not in the map",
        "`uses` names the modules and services that something is built from, `with` the services that it goes\n\
         into a preview with. A name that was renamed elsewhere would hide everything behind it.";
    NO_REPOSITORY = "no-repository", Error, "git cannot answer",
        "`anabranch affected` needs a checkout and the program git, and shows git's own message. If somebody\n\
         else owns the folder, for instance, git asks for it in `safe.directory`.";
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
        "The map says `unmapped: all` or `unmapped: ignore`. The finding lists the paths that this applied to.";
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
        "`anabranch diff --base` renders both revisions. If the files of the other one have errors, its output\n\
         is unknown, and everything is shown as added, so that a change which corrects them can be reviewed. It\n\
         is then unknown, too, which findings are new.";
    MISSING_EDGE = "missing-edge", Error, "a manifest shows a use that the map lacks",
        "A Dockerfile copies a file, or a package names another, that belongs to another owner of the map, and\n\
         `uses` does not lead there. A change of that file would not build the image again.";
    MANIFEST_UNREAD = "manifest-unread", Warning, "a manifest says something that the audit cannot follow",
        "The audit reads what build tools are told and runs none of them. Variables, and files that cannot be\n\
         read, are named: look yourself whether the map has what they stand for.";
    DROPPED = "left-out", Note, "a part of a copy is left out on purpose",
        "What belongs to the original and would disturb it, or what means nothing in a preview, is\n\
         not copied: DNS annotations, HorizontalPodAutoscalers, PodDisruptionBudgets, addresses of Services.";
}
