//! The command line, declared and nothing more. The commands are here, the options of those that read a baseline in
//! `reading.rs`, and of those that edit previews.yaml in `editing.rs`.

mod editing;
mod reading;

pub use editing::{Prune, Remove, Set, Target};
pub use reading::{
    Artifacts, Check, Diff, DiffFormat, Format, Input, List, ListFormat, Render, Show, ShowFormat,
};

use std::path::{Path, PathBuf};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use jiff::Timestamp;

use crate::arguments::{Verbosity, asked_colour, examples};
use crate::spec::time;

/// Preview environments for every pull request: expands previews.yaml, together with the manifests
/// of a baseline, into plain Kubernetes, Istio, Gateway API and Flux objects.
///
/// Without a command, and with a pipe on stdin, anabranch is a KRM function: it reads a ResourceList
/// and answers with one.
#[derive(Debug, Parser)]
#[command(name = "anabranch", version, max_term_width = 100, after_help = examples!(
    "anabranch init"
    "anabranch check previews.yaml --baseline apps/staging"
    "anabranch render previews.yaml --baseline apps/staging -o out"
    "anabranch set pr-42 --image cart=ghcr.io/shop/cart:pr-42"
))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What is printed besides the result.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

impl Cli {
    /// Parses the arguments of the process. `--color` holds for the parser's own messages too.
    ///
    /// # Errors
    /// The arguments are wrong, or ask for the help or the version, which clap returns as errors.
    pub fn read() -> Result<Self, clap::Error> {
        let mut command = Self::command().color(asked_colour(std::env::args_os().skip(1)));
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write all objects of all previews: to stdout, or as a folder with -o
    #[command(after_help = examples!(
        "anabranch render --baseline apps/staging"
        "anabranch render previews.yaml --baseline apps/staging -o out"
        "anabranch render --baseline apps/staging -o out --dry-run"
        "kustomize build apps/staging | anabranch render --baseline - --only pr-42"
    ))]
    Render(Render),
    /// Report every mistake and risk at once, and write nothing
    #[command(after_help = examples!(
        "anabranch check --baseline apps/staging"
        "anabranch check previews.yaml --baseline apps/staging --format github"
        "anabranch check --baseline apps/staging --deny warnings --allow queue-consumer"
    ))]
    Check(Check),
    /// List the previews: what they change, when they expire, and where they are
    #[command(after_help = examples!(
        "anabranch list"
        "anabranch list --baseline apps/staging --format json"
        "anabranch list --format names";
        "AGE counts from the `updated` of the latest change, else from its commit, if the clone around the"
        "file has it. Without a baseline, URLs are unknown."
    ))]
    List(List),
    /// Show one preview in full
    #[command(after_help = examples!(
        "anabranch show pr-42"
        "anabranch show pr-42 previews.yaml --baseline apps/staging --format json";
        "Without a baseline, URLs are unknown."
    ))]
    Show(Show),
    /// Explain the code of a finding, or list all codes
    #[command(after_help = examples!(
        "anabranch explain"
        "anabranch explain unknown-service"
    ))]
    Explain {
        /// A code such as `unknown-service`
        code: Option<String>,
    },
    /// Add a preview to previews.yaml, or change it; comments and style stay
    #[command(after_help = examples!(
        "anabranch set pr-42 --image cart=ghcr.io/shop/cart:pr-42 --image web=ghcr.io/shop/web:pr-42"
        "anabranch set pr-42 --change https://github.com/shop/shop#42@$COMMIT"
        "anabranch set pr-42 --expires 2026-12-01T00:00:00Z --dry-run"
    ))]
    Set(Set),
    /// Remove previews from previews.yaml; one that is not there is no error
    #[command(after_help = examples!(
        "anabranch remove pr-42"
        "anabranch remove pr-42 pr-43 --file staging/previews.yaml";
        "The comment directly above a preview goes with it. Directly below the line `previews:`"
        "it is the list's and stays, unless it names the first preview or follows a blank line."
    ))]
    Remove(Remove),
    /// Remove every preview that has expired, or whose pull requests are closed
    #[command(after_help = examples!(
        "anabranch prune"
        "anabranch prune --now 2026-12-01T00:00:00Z --dry-run"
    ))]
    Prune(Prune),
    /// Show what a change of previews.yaml or of the baseline changes in previews, objects and fields
    #[command(after_help = DIFF)]
    Diff(Diff),
    /// Find the services that a change affects, with the reasons
    Affected(crate::affected::Options),
    /// Write a first previews.yaml, and an empty kustomization.yaml for gates
    #[command(after_help = examples!(
        "anabranch init"
        "anabranch init apps/staging --namespace shop"
    ))]
    Init {
        /// The folder to write into
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// The baseline's namespace [default: the one that the manifests in the folder have]
        #[arg(long)]
        namespace: Option<String>,
        /// The name of the set, unique in the cluster [default: the name of the Git repository]
        #[arg(long)]
        name: Option<String>,
    },
    /// Print the JSON Schema of previews.yaml
    #[command(after_help = examples!(
        "anabranch schema > previews.schema.json"
        "anabranch schema --definition"
    ))]
    Schema {
        /// Print the KRMFunctionDefinition instead, as YAML
        #[arg(long)]
        definition: bool,
        /// Print the schema of affected.yaml instead
        #[arg(long, conflicts_with = "definition")]
        affected: bool,
    },
    /// Print a completion script for a shell
    #[command(after_help = examples!(
        "anabranch completions bash > /etc/bash_completion.d/anabranch"
        "anabranch completions zsh > _anabranch"
    ))]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page of the program, or of a command
    #[command(after_help = examples!(
        "anabranch man | man -l -"
        "anabranch man render | man -l -"
        "anabranch man -o /usr/local/share/man/man1"
    ))]
    Man {
        /// The command to describe [default: the whole program]
        command: Option<String>,
        /// Write the pages of all commands into this folder
        #[arg(short, long, value_name = "DIR", conflicts_with = "command")]
        output: Option<PathBuf>,
    },
}

/// The end of the help of `diff`, whose exit codes differ from those of other commands.
const DIFF: &str = "\
Examples:
  anabranch diff --baseline apps/staging --base origin/main
      what this branch of the GitOps repository changes in the cluster
  anabranch diff --baseline apps/staging --base origin/main --format markdown | gh pr comment --body-file -
      the same as a comment for its reviewer
  anabranch diff --baseline apps/staging --rendered out
      what `render -o out` would change

Notes:
  If the other revision cannot be rendered, a warning says so, and everything counts as added.
  Values of Secrets are never shown.

Exit status:
  0  fine; with --exit-code: fine, and nothing differs
  1  the input has errors; with --exit-code: something differs
  2  the arguments are wrong; with --exit-code: or the input has errors";

impl Command {
    /// Says which arguments contradict each other, where clap cannot see it.
    #[must_use]
    pub fn conflict(&self) -> Option<String> {
        let input = match self {
            Self::Render(options) => &options.input,
            Self::Check(options) => &options.input,
            Self::Diff(options) => &options.input,
            Self::List(options) => &options.input,
            Self::Show(options) => &options.input,
            Self::Prune(options) => {
                let paths = options.open.iter().chain(&options.target.file);
                return (stdins(paths) > 1).then(|| ONE_STDIN.to_owned());
            }
            _ => return None,
        };
        let stdin = stdins(input.previews.iter().chain(&input.baseline));
        if stdin > 1 {
            return Some(ONE_STDIN.to_owned());
        }
        if stdin > 0 && matches!(self, Self::Diff(options) if options.base.is_some()) {
            return Some(
                "`-` has no other revision: name files, or compare with --rendered".to_owned(),
            );
        }
        let Self::Render(options) = self else { return None };
        let needs_folder = options.dry_run || options.artifacts == Artifacts::Each;
        (needs_folder && options.folder().is_none())
            .then(|| "--dry-run and --artifacts are about a folder: name it with -o DIR".to_owned())
    }
}

const ONE_STDIN: &str = "`-` is named more than once, and there is one stdin";

/// How many of the paths are `-`, which means stdin.
fn stdins<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> usize {
    paths.filter(|path| *path == Path::new("-")).count()
}

/// Parses a time.
fn moment(text: &str) -> Result<Timestamp, String> {
    time(text).ok_or_else(|| "expected RFC 3339, such as 2026-12-01T00:00:00Z".to_owned())
}
