//! The command line, declared and nothing more.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::limits::OutputLimits;
use crate::spec::{Change, time};
use crate::yaml::InputLimits;

/// Preview environments for every pull request: expands previews.yaml, together with the manifests
/// of a baseline, into plain Kubernetes, Istio, Gateway API and Flux objects.
///
/// Without a command, and with a pipe on stdin, anabranch is a KRM function: it reads a ResourceList
/// and answers with one.
#[derive(Debug, Parser)]
#[command(name = "anabranch", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write all objects of all previews: to stdout, or as a folder with -o
    Render(Render),
    /// Report every mistake and risk at once, and write nothing
    Check(Check),
    /// Print the page behind a finding's code, or the list of codes
    Explain {
        /// A code such as `unknown-service`
        code: Option<String>,
    },
    /// Add a preview to previews.yaml, or change it; comments and style stay
    Set(Set),
    /// Remove previews from previews.yaml; one that is not there is no error
    Remove(Remove),
    /// Remove every preview whose `expires` is over
    Prune(Prune),
    /// Show what a change of previews.yaml or of the baseline means: previews, objects, fields
    Diff(Diff),
    /// Find the services that a change affects, with the reasons
    Affected(crate::affected::Options),
    /// Write a first previews.yaml and the gate's folder
    Init {
        /// The folder to write into
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// The baseline's namespace
        #[arg(long, default_value = "baseline")]
        namespace: String,
        /// The name of the set, its own among all of a cluster [default: that of the Git repository]
        #[arg(long)]
        name: Option<String>,
    },
    /// Print the JSON Schema of previews.yaml
    Schema {
        /// Print the KRMFunctionDefinition instead, as YAML
        #[arg(long)]
        definition: bool,
        /// Print the schema of affected.yaml instead
        #[arg(long, conflicts_with = "definition")]
        affected: bool,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// What is read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Input options")]
pub struct Input {
    /// The file that lists the previews; `-` for stdin
    #[arg(default_value = "previews.yaml")]
    pub previews: PathBuf,
    /// Manifests of the baseline: a file, a folder, a folder with a kustomization.yaml, or `-`
    #[arg(short, long, value_name = "PATH", num_args = 1.., required = true)]
    pub baseline: Vec<PathBuf>,
    /// How much is accepted and made.
    #[command(flatten)]
    pub limits: Limits,
}

/// Limits of a run: beyond them an error, before memory or patience runs out.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Bytes of all input files together
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().bytes)]
    pub max_input_bytes: usize,
    /// Levels of nesting in a document, and in an object that patches change, 500 at most
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().depth, value_parser = depth)]
    pub max_depth: usize,
    /// Mappings, lists, keys and values: in previews.yaml, and in the whole baseline
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().nodes)]
    pub max_nodes: usize,
    /// Documents in a file
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().documents)]
    pub max_documents: usize,
    /// Nodes that YAML anchors and aliases may make in a file
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().alias_nodes)]
    pub max_alias_nodes: usize,
    /// Seconds that kustomize may take for what it builds in one folder
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().build_seconds)]
    pub max_build_seconds: u64,
    /// Rules of routes that are derived, with matches, backends and hosts, of all previews together
    #[arg(long, value_name = "N", default_value_t = OutputLimits::default().rules)]
    pub max_rules: usize,
    /// Pairs that are looked at: of matches in the routes of a service, and of Services and workloads
    #[arg(long, value_name = "N", default_value_t = OutputLimits::default().pairs)]
    pub max_pairs: usize,
    /// Values that patches go through, of all previews together; those of one object, a tenth
    #[arg(long, value_name = "N", default_value_t = OutputLimits::default().patch_nodes)]
    pub max_patch_nodes: usize,
    /// Bytes of the output
    #[arg(long, value_name = "N", default_value_t = OutputLimits::default().bytes)]
    pub max_output_bytes: usize,
}

fn depth(text: &str) -> Result<usize, String> {
    let depth = text.parse().map_err(|error: std::num::ParseIntError| error.to_string())?;
    if depth > InputLimits::DEEPEST {
        return Err(format!("no more than {} levels can be read", InputLimits::DEEPEST));
    }
    Ok(depth)
}

impl Limits {
    /// What may be read.
    #[must_use]
    pub fn input(&self) -> InputLimits {
        InputLimits {
            bytes: self.max_input_bytes,
            depth: self.max_depth,
            nodes: self.max_nodes,
            documents: self.max_documents,
            alias_nodes: self.max_alias_nodes,
            build_seconds: self.max_build_seconds,
        }
    }

    /// What may be made.
    #[must_use]
    pub fn output(&self) -> OutputLimits {
        OutputLimits {
            rules: self.max_rules,
            pairs: self.max_pairs,
            patch_nodes: self.max_patch_nodes,
            depth: self.max_depth,
            bytes: self.max_output_bytes,
        }
    }
}

/// Options of `render`.
#[derive(Debug, Args)]
pub struct Render {
    /// What is read.
    #[command(flatten)]
    pub input: Input,
    /// Write a folder instead of a stream; it must be empty or written by an earlier run
    #[arg(short, long, value_name = "DIR", help_heading = "Output options")]
    pub output: Option<PathBuf>,
    /// How many artifacts the folder is cut into
    #[arg(long, value_enum, requires = "output", default_value_t = Artifacts::One, help_heading = "Output options")]
    pub artifacts: Artifacts,
    /// Write only the objects of this preview, to look at them or compare: not the baseline, and not
    /// what it shares with other previews. Repeat it for several
    #[arg(long, value_name = "NAME", conflicts_with = "output", help_heading = "Output options")]
    pub only: Vec<String>,
    /// What suite paths are relative to [default: the Git root above previews.yaml, else its folder]
    #[arg(long, value_name = "DIR", help_heading = "Input options")]
    pub source_root: Option<PathBuf>,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// What is read.
    #[command(flatten)]
    pub input: Input,
    /// What suite paths are relative to; without it the suites' folders are not looked for
    #[arg(long, value_name = "DIR", help_heading = "Input options")]
    pub source_root: Option<PathBuf>,
    /// How findings are written
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Output options")]
    pub format: Format,
}

/// Options of `diff`.
#[derive(Debug, Args)]
#[command(after_help = DIFF_EXAMPLES)]
#[group(id = "against", required = true, args = ["base", "rendered"])]
pub struct Diff {
    /// What is read.
    #[command(flatten)]
    pub input: Input,
    /// Compare with what the files say at the merge base of this revision and the checkout
    #[arg(long, value_name = "REV", help_heading = "Comparison")]
    pub base: Option<String>,
    /// Compare with a folder that `render -o` wrote
    #[arg(long, value_name = "DIR", help_heading = "Comparison")]
    pub rendered: Option<PathBuf>,
    /// How the difference is written
    #[arg(long, value_enum, default_value_t = DiffFormat::Text, help_heading = "Output options")]
    pub format: DiffFormat,
    /// End with exit code 1 where something differs
    #[arg(long, help_heading = "Output options")]
    pub exit_code: bool,
    /// What suite paths are relative to [default: the Git root above previews.yaml, else its folder]
    #[arg(long, value_name = "DIR", help_heading = "Input options")]
    pub source_root: Option<PathBuf>,
}

const DIFF_EXAMPLES: &str = "\
Examples:
  anabranch diff --baseline apps/staging --base origin/main
      what this branch of the GitOps repository changes in the cluster
  anabranch diff --baseline apps/staging --base origin/main --format markdown | gh pr comment --body-file -
      the same as a comment for its reviewer
  anabranch diff --baseline apps/staging --rendered out
      what `render -o out` would change

Exit code 0, also where something differs, unless --exit-code is given; 1 where the input has errors.";

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
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub if_newer: Option<Timestamp>,
    /// The file to edit; `-` reads stdin and writes stdout
    #[arg(short, long, default_value = "previews.yaml")]
    pub file: PathBuf,
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
    /// The file to edit; `-` reads stdin and writes stdout
    #[arg(short, long, default_value = "previews.yaml")]
    pub file: PathBuf,
}

/// Options of `prune`.
#[derive(Debug, Args)]
pub struct Prune {
    /// A file of `REPOSITORY#NUMBER` lines: the pull requests that are open. Previews of which none is open
    /// go as well, if the file names their repositories; a line may name a repository alone
    #[arg(long, value_name = "FILE")]
    pub open: Option<PathBuf>,
    /// What time it is, such as 2026-12-01T00:00:00Z, and when FILE was made [default: the system's clock]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub now: Option<Timestamp>,
    /// The file to edit; `-` reads stdin and writes stdout
    #[arg(short, long, default_value = "previews.yaml")]
    pub file: PathBuf,
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
