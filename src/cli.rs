//! The command line, declared and nothing more.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    /// Write a first previews.yaml and the gate's folder
    Init {
        /// The folder to write into
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// The baseline's namespace
        #[arg(long, default_value = "baseline")]
        namespace: String,
    },
    /// Print the JSON Schema of previews.yaml
    Schema {
        /// Print the KRMFunctionDefinition instead, as YAML
        #[arg(long)]
        definition: bool,
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
#[derive(Debug, Args)]
#[command(next_help_heading = "Input options")]
pub struct Input {
    /// The file that lists the previews; `-` for stdin
    #[arg(default_value = "previews.yaml")]
    pub previews: PathBuf,
    /// Manifests of the baseline: a file, a folder, a folder with a kustomization.yaml, or `-`
    #[arg(short, long, value_name = "PATH", num_args = 1.., required = true)]
    pub baseline: Vec<PathBuf>,
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
