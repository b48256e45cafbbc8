//! The limits of a run: of what is read, of what is made, and of the work of patches; with the findings beyond them.
//!
//! Each limit has a flag, which its message names. To add one, add a field here, a name in `flag`, and an option in
//! `arguments.rs`. A test compares the three.

mod counter;
mod work;

pub(crate) use counter::Counter;
pub(crate) use work::{Exceeded, WorkBudget, WorkShare};

use crate::diagnostic::{Diagnostic, Place, code};

/// How much is read. More is an error that names the limit.
#[derive(Debug, Clone, Copy)]
pub struct InputLimits {
    /// Bytes of all texts together.
    pub bytes: usize,
    /// Levels of nesting in one document.
    pub depth: usize,
    /// Nodes of one text, and of all texts of a baseline together: mappings, sequences, scalars and keys, with those that
    /// aliases add.
    pub nodes: usize,
    /// Documents in one text.
    pub documents: usize,
    /// Nodes that anchors keep, and that aliases and merge keys add, in one text. Each 64 bytes of a scalar count as one.
    /// Manifests written by people have a handful; a bomb needs millions.
    pub alias_nodes: usize,
    /// Seconds that kustomize may take to build one folder.
    pub build_seconds: u64,
}

impl InputLimits {
    /// The largest value of `--max-depth`. Trees are walked by recursive functions, on threads with a stack of 2 MB.
    /// Kubernetes' own objects have some 40 levels.
    pub const DEEPEST: usize = 500;

    /// The limits for a ResourceList: one text with previews.yaml, the baseline, and the objects of an earlier run.
    #[must_use]
    pub fn of_list() -> Self {
        Self { nodes: 4_000_000, ..Self::default() }
    }
}

impl Default for InputLimits {
    /// Enough for the baseline of a large company, and too little for a file that is made to use up memory.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            depth: 96,
            nodes: 2_000_000,
            documents: 250_000,
            alias_nodes: 100_000,
            build_seconds: 300,
        }
    }
}

/// How much is made. More is an error that names the limit.
#[derive(Debug, Clone, Copy)]
pub struct OutputLimits {
    /// Derived rules of all previews together, with their matches and backends.
    pub rules: usize,
    /// Compared pairs: matches of the same host and port, and Services with workloads that they may select. Counter
    /// of patterns are cheaper: several of hosts with origins or matches, and of callers and calls with policies, count
    /// as one pair.
    pub pairs: usize,
    /// Work limit for all patches together. Before each patch the object's nodes are charged; each node of the patch
    /// counts four. One object may use a tenth.
    pub patch_nodes: usize,
    /// Levels of nesting in a patched object.
    pub depth: usize,
    /// Bytes of the texts of all previews together.
    pub bytes: usize,
}

impl OutputLimits {
    /// The largest value of `--max-patch-nodes`. The results of patches stay in memory until all is written. This many
    /// nodes take some gigabytes, and are a thousand times what a thousand previews need.
    pub const MOST_WORK: usize = 100_000_000;
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self {
            rules: 2_000_000,
            pairs: 2_000_000,
            patch_nodes: 3_000_000,
            depth: InputLimits::default().depth,
            bytes: 1 << 30,
        }
    }
}

/// The beginning of every advice to raise a limit.
pub(crate) const RAISE: &str = "raise --max-";

/// The flags by which limits are raised, for messages.
pub(crate) mod flag {
    pub(crate) const INPUT_BYTES: &str = "--max-input-bytes";
    pub(crate) const DEPTH: &str = "--max-depth";
    pub(crate) const NODES: &str = "--max-nodes";
    pub(crate) const DOCUMENTS: &str = "--max-documents";
    pub(crate) const ALIAS_NODES: &str = "--max-alias-nodes";
    pub(crate) const BUILD_SECONDS: &str = "--max-build-seconds";
    pub(crate) const RULES: &str = "--max-rules";
    pub(crate) const PAIRS: &str = "--max-pairs";
    pub(crate) const PATCH_NODES: &str = "--max-patch-nodes";
    pub(crate) const OUTPUT_BYTES: &str = "--max-output-bytes";

    /// All of them, in the order of the help.
    #[cfg(test)]
    pub(crate) const ALL: [&str; 10] = [
        INPUT_BYTES,
        DEPTH,
        NODES,
        DOCUMENTS,
        ALIAS_NODES,
        BUILD_SECONDS,
        RULES,
        PAIRS,
        PATCH_NODES,
        OUTPUT_BYTES,
    ];
}

/// The remedy for an exceeded limit: the given one, or to raise the flag.
pub(crate) fn or_raise(remedy: &str, flag: &str) -> String {
    format!("{remedy}, or raise {flag}")
}

/// The finding that the texts of a run are too large together.
#[must_use]
pub fn too_many_bytes(name: &str, limits: &InputLimits) -> Diagnostic {
    let message =
        format!("with {name} the input has more bytes than the limit of {}", limits.bytes);
    exceeded(flag::INPUT_BYTES, message)
}

/// The finding that the texts of a baseline have too many nodes together.
#[must_use]
pub fn too_many_nodes(limits: &InputLimits) -> Diagnostic {
    let message =
        format!("the files of the baseline have more nodes than the limit of {}", limits.nodes);
    exceeded(flag::NODES, message)
}

/// The finding that a build took too long.
#[must_use]
pub fn too_many_seconds(name: &str, limits: &InputLimits) -> Diagnostic {
    let message = format!("{name} takes more seconds than the limit of {}", limits.build_seconds);
    let help = format!(
        "check that every server it names answers; if it needs the time, raise {}, or build it \
         yourself and pass the result with `--baseline -`",
        flag::BUILD_SECONDS
    );
    Diagnostic { help, ..exceeded(flag::BUILD_SECONDS, message) }
}

/// The finding that a text exceeds a limit at this place.
pub(crate) fn over_limit(
    place: Place,
    problem: &str,
    limit: usize,
    flag: &'static str,
) -> Diagnostic {
    let message = format!("{problem} than the limit of {limit}");
    exceeded(flag, message).at(place, "limit reached here")
}

fn exceeded(flag: &'static str, message: String) -> Diagnostic {
    let help = format!("check that this is what you meant to pass; if it is, raise {flag}");
    Diagnostic { exceeded: Some(flag), ..Diagnostic::new(&code::INPUT_LIMIT, message, help) }
}
