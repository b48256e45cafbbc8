//! The command line, declared and nothing more.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::arguments::{Levels, Limits, Words, asked_colour, examples};
use crate::spec::{Change, time};

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
    /// How it is said.
    #[command(flatten)]
    pub words: Words,
}

impl Cli {
    /// Reads the arguments of the process. The parser's own words have the colours that are asked for, too.
    ///
    /// # Errors
    /// The parser's: what is wrong, or what was asked about the arguments.
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
        "AGE is that of the latest change: since its `updated`, else since its commit, where the clone around the"
        "file has it. URLs are known where the baseline is."
    ))]
    List(List),
    /// Show one preview in full
    #[command(after_help = examples!(
        "anabranch show pr-42"
        "anabranch show pr-42 previews.yaml --baseline apps/staging --format json";
        "URLs are known where the baseline is."
    ))]
    Show(Show),
    /// Print the page behind a finding's code, or the list of codes
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
    /// Remove every preview whose `expires` is over, or whose pull requests are closed
    #[command(after_help = examples!(
        "anabranch prune"
        "anabranch prune --now 2026-12-01T00:00:00Z --dry-run"
    ))]
    Prune(Prune),
    /// Show what a change of previews.yaml or of the baseline means: previews, objects, fields
    #[command(after_help = DIFF)]
    Diff(Diff),
    /// Find the services that a change affects, with the reasons
    Affected(crate::affected::Options),
    /// Write a first previews.yaml and the gate's folder
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
        /// The name of the set, its own among all of a cluster [default: that of the Git repository]
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
        /// The command whose page it is
        command: Option<String>,
        /// Write the pages of all commands into this folder
        #[arg(short, long, value_name = "DIR", conflicts_with = "command")]
        output: Option<PathBuf>,
    },
}

const ONE_STDIN: &str = "`-` is named more than once, and there is one stdin";

/// How many of these are stdin.
fn stdins<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> usize {
    paths.filter(|path| *path == Path::new("-")).count()
}

/// What follows the help of `diff`, whose exit codes are its own.
const DIFF: &str = "\
Examples:
  anabranch diff --baseline apps/staging --base origin/main
      what this branch of the GitOps repository changes in the cluster
  anabranch diff --baseline apps/staging --base origin/main --format markdown | gh pr comment --body-file -
      the same as a comment for its reviewer
  anabranch diff --baseline apps/staging --rendered out
      what `render -o out` would change

Notes:
  Where the other revision cannot be rendered, that is said, and everything counts as added.
  Values of Secrets are never shown.

Exit status:
  0  fine, also where something differs; with --exit-code nothing differs
  1  the input has errors; with --exit-code something differs
  2  the arguments are wrong; with --exit-code also where the input has errors";

impl Command {
    /// What is wrong with the arguments that the parser does not see, in words.
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

/// What is read.
#[derive(Debug, Clone, Args)]
pub struct Input {
    /// The file that lists the previews; `-` for stdin [default: the previews.yaml or previews.yml of
    /// this folder, or of one above it up to the Git root]
    pub previews: Option<PathBuf>,
    /// Manifests of the baseline: a file, a folder, a folder with a kustomization.yaml, or `-`. Repeat
    /// it for several [default: what `spec.baseline.path` names]
    #[arg(short, long, value_name = "PATH")]
    pub baseline: Vec<PathBuf>,
    /// What paths in previews.yaml are relative to [default: the Git root above it, else its folder]
    #[arg(long, value_name = "DIR", display_order = 100)]
    pub source_root: Option<PathBuf>,
    /// Which findings stop a run.
    #[command(flatten)]
    pub levels: Levels,
    /// How much is accepted and made.
    #[command(flatten)]
    pub limits: Limits,
}

/// Options of `render`.
#[derive(Debug, Args)]
pub struct Render {
    /// Write a folder instead of a stream; it must be empty or written by an earlier run
    #[arg(short, long, value_name = "DIR", value_parser = folder, display_order = 10)]
    pub output: Option<PathBuf>,
    /// How many artifacts the folder is cut into
    #[arg(long, value_enum, requires = "output", default_value_t = Artifacts::One, display_order = 13)]
    pub artifacts: Artifacts,
    /// Write only the objects of this preview, to look at them or compare: not the baseline, and not
    /// what it shares with other previews. Repeat it for several
    #[arg(long, value_name = "NAME", conflicts_with = "output", display_order = 11)]
    pub only: Vec<String>,
    /// Write nothing, and show what would change: as `diff --rendered` does, and how many files
    #[arg(long, requires = "output", display_order = 12)]
    pub dry_run: bool,
    /// What is read.
    #[command(flatten)]
    pub input: Input,
}

impl Render {
    /// The folder to write; none where the objects go to stdout.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.output.as_deref().filter(|folder| *folder != Path::new("-"))
    }
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// How findings are written
    #[arg(long, value_enum, default_value_t = Format::Text, display_order = 10)]
    pub format: Format,
    /// What is read.
    #[command(flatten)]
    pub input: Input,
}

/// Options of `list`.
#[derive(Debug, Args)]
pub struct List {
    /// How the previews are written
    #[arg(long, value_enum, default_value_t = ListFormat::Table, display_order = 10)]
    pub format: ListFormat,
    /// What time it is, by which ages are counted [default: the system's clock]
    #[arg(long, value_name = "TIME", value_parser = moment, display_order = 11)]
    pub now: Option<Timestamp>,
    /// What is read; URLs are known where the baseline is.
    #[command(flatten)]
    pub input: Input,
}

/// How previews are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people
    Table,
    /// For tools
    Json,
    /// One name a line
    Names,
}

/// Options of `show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The preview's name
    pub name: String,
    /// How it is written
    #[arg(long, value_enum, default_value_t = ShowFormat::Text, display_order = 10)]
    pub format: ShowFormat,
    /// What time it is, by which ages are counted [default: the system's clock]
    #[arg(long, value_name = "TIME", value_parser = moment, display_order = 11)]
    pub now: Option<Timestamp>,
    /// What is read; URLs are known where the baseline is.
    #[command(flatten)]
    pub input: Input,
}

/// How a preview is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShowFormat {
    /// For people
    Text,
    /// For tools
    Json,
}

/// Options of `diff`.
#[derive(Debug, Args)]
#[group(id = "against", required = true, multiple = false, args = ["base", "rendered"])]
pub struct Diff {
    /// Compare with what the files say at the merge base of this revision and the checkout
    #[arg(long, value_name = "REV", display_order = 10)]
    pub base: Option<String>,
    /// Compare with a folder that `render -o` wrote
    #[arg(long, value_name = "DIR", display_order = 11)]
    pub rendered: Option<PathBuf>,
    /// How the difference is written
    #[arg(long, value_enum, default_value_t = DiffFormat::Text, display_order = 12)]
    pub format: DiffFormat,
    /// End with exit code 1 where something differs, and then with 2 where the input has errors
    #[arg(long, display_order = 13)]
    pub exit_code: bool,
    /// What is read.
    #[command(flatten)]
    pub input: Input,
}

/// How a difference is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For people at a terminal
    Text,
    /// For tools
    Json,
    /// For a comment on a pull request
    Markdown,
}

/// Options of `set`.
#[derive(Debug, Args)]
pub struct Set {
    /// The preview's name
    pub name: String,
    /// A service and its image; repeat it for several. Other services of the preview stay
    #[arg(long = "image", value_name = "SERVICE=IMAGE", value_parser = image)]
    pub images: Vec<(String, String)>,
    /// A service with the baseline's image, such as one that `affected` names but does not build; repeat it
    /// for several
    #[arg(long = "service", value_name = "SERVICE")]
    pub services: Vec<String>,
    /// A pull request and its head commit; one that is listed gets the new commit
    #[arg(long = "change", value_name = "REPOSITORY#NUMBER@COMMIT", value_parser = change)]
    pub changes: Vec<Change>,
    /// When `prune` may remove the preview, such as 2026-12-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
    /// Drop services and changes of the preview that are not named here
    #[arg(long)]
    pub replace: bool,
    /// When the event happened that this is about, such as the `updated_at` of the pull request. Where the
    /// file knows a later state of it, or that it was closed since, nothing is changed
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "changes")]
    pub if_newer: Option<Timestamp>,
    /// What is edited.
    #[command(flatten)]
    pub target: Target,
}

/// What `set`, `remove` and `prune` edit.
#[derive(Debug, Args)]
pub struct Target {
    /// The file to edit; `-` reads stdin and writes stdout [default: the previews.yaml or previews.yml
    /// of this folder, or of one above it up to the Git root]
    #[arg(short, long)]
    pub file: Option<PathBuf>,
    /// Write nothing, and say what would change
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `remove`.
#[derive(Debug, Args)]
pub struct Remove {
    /// Names of previews
    #[arg(required = true)]
    pub names: Vec<String>,
    /// When their pull requests were closed: no `set --if-newer` of an earlier event brings them back
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub closed: Option<Timestamp>,
    /// The pull request that was closed: a preview that stands for another one, or for another one as well,
    /// stays
    #[arg(long, value_name = "REPOSITORY#NUMBER", value_parser = pull, requires = "closed")]
    pub change: Option<(String, u64)>,
    /// What is edited.
    #[command(flatten)]
    pub target: Target,
}

/// Options of `prune`.
#[derive(Debug, Args)]
pub struct Prune {
    /// A file of `REPOSITORY#NUMBER` lines, or `-`: the pull requests that are open. Previews of which none is open
    /// go as well, if the file names their repositories; a line may name a repository alone
    #[arg(long, value_name = "FILE")]
    pub open: Option<PathBuf>,
    /// What time it is, such as 2026-12-01T00:00:00Z, and when FILE was made [default: the system's clock]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub now: Option<Timestamp>,
    /// What is edited.
    #[command(flatten)]
    pub target: Target,
}

/// A folder to write: formats of kubectl are no folder that anybody means.
fn folder(text: &str) -> Result<PathBuf, String> {
    if matches!(text, "yaml" | "yml" | "json") {
        return Err(format!(
            "-o takes a folder, and without it YAML goes to stdout; for a folder of this name write ./{text}"
        ));
    }
    Ok(PathBuf::from(text))
}

fn moment(text: &str) -> Result<Timestamp, String> {
    time(text).ok_or_else(|| "expected RFC 3339, such as 2026-12-01T00:00:00Z".to_owned())
}

fn image(text: &str) -> Result<(String, String), String> {
    let (service, image) = text.split_once('=').ok_or("expected SERVICE=IMAGE")?;
    if service.is_empty() || image.is_empty() {
        return Err("expected SERVICE=IMAGE".to_owned());
    }
    Ok((service.to_owned(), image.to_owned()))
}

fn pull(text: &str) -> Result<(String, u64), String> {
    let (repository, number) = text.rsplit_once('#').ok_or("expected REPOSITORY#NUMBER")?;
    let number = number.parse().map_err(|_| format!("`{number}` is not a number"))?;
    Ok((repository.to_owned(), number))
}

fn change(text: &str) -> Result<Change, String> {
    let parts =
        text.rsplit_once('@').and_then(|(rest, commit)| Some((rest.rsplit_once('#')?, commit)));
    let Some(((repository, number), commit)) = parts else {
        return Err("expected REPOSITORY#NUMBER@COMMIT".to_owned());
    };
    let number = number.parse().map_err(|_| format!("`{number}` is not a number"))?;
    let (repository, commit) = (repository.to_owned(), commit.to_owned());
    Ok(Change { repository, number, commit, updated: String::new() })
}

/// How many artifacts a folder is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Artifacts {
    /// The folder is one
    One,
    /// One of each preview, and one of all the rest; artifacts.json lists them
    Each,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, as cargo does
    Text,
    /// For tools
    Json,
    /// For code scanning
    Sarif,
    /// Annotations of a GitHub workflow
    Github,
}
