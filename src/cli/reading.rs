//! Options of the commands that read previews.yaml and its baseline: `render`, `check`, `list`, `show` and `diff`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::moment;
use crate::arguments::{LevelOptions, LimitOptions};

/// Where previews.yaml and the baseline are.
#[derive(Debug, Clone, Args)]
pub struct Input {
    /// The file that lists the previews; `-` for stdin [default: the previews.yaml or previews.yml of
    /// this folder, or of one above it up to the Git root]
    pub previews: Option<PathBuf>,
    /// Manifests of the baseline: a file, a folder, a folder with a kustomization.yaml, or `-`. Repeat
    /// it for several [default: what `spec.baseline.path` names]
    #[arg(short, long, value_name = "PATH")]
    pub baseline: Vec<PathBuf>,
    /// The folder that paths in previews.yaml are relative to [default: the Git root above it, else its folder]
    #[arg(long, value_name = "DIR", display_order = 100)]
    pub source_root: Option<PathBuf>,
    /// Limits of input and output.
    #[command(flatten)]
    pub limits: LimitOptions,
}

/// Options of `render`.
#[derive(Debug, Args)]
pub struct Render {
    /// Write a folder instead of a stream; it must be empty or written by an earlier run
    #[arg(short, long, value_name = "DIR", value_parser = folder, display_order = 10)]
    pub output: Option<PathBuf>,
    /// Whether the folder is one artifact or one for each preview
    #[arg(long, value_enum, requires = "output", default_value_t = Artifacts::One, display_order = 13)]
    pub artifacts: Artifacts,
    /// Write only the objects of this preview, for a look or a comparison, without the baseline and shared objects.
    /// Repeat it for several
    #[arg(long, value_name = "NAME", conflicts_with = "output", display_order = 11)]
    pub only: Vec<String>,
    /// Write nothing, and show what would change: objects and fields, as `diff --rendered` does, and the number of
    /// files
    #[arg(long, requires = "output", display_order = 12)]
    pub dry_run: bool,
    /// Which findings stop a run.
    #[command(flatten)]
    pub levels: LevelOptions,
    /// Where previews.yaml and the baseline are.
    #[command(flatten)]
    pub input: Input,
}

impl Render {
    /// The folder to write; `None` if the objects go to stdout.
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
    /// Which findings stop a run.
    #[command(flatten)]
    pub levels: LevelOptions,
    /// Where previews.yaml and the baseline are.
    #[command(flatten)]
    pub input: Input,
}

/// Options of `list`.
#[derive(Debug, Args)]
pub struct List {
    /// How the previews are written
    #[arg(long, value_enum, default_value_t = ListFormat::Table, display_order = 10)]
    pub format: ListFormat,
    /// The current time, from which ages are counted [default: the system's clock]
    #[arg(long, value_name = "TIME", value_parser = moment, display_order = 11)]
    pub now: Option<Timestamp>,
    /// Where previews.yaml and the baseline are. Without a baseline, the URLs of previews are unknown.
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
    /// How the preview is written
    #[arg(long, value_enum, default_value_t = ShowFormat::Text, display_order = 10)]
    pub format: ShowFormat,
    /// The current time, from which ages are counted [default: the system's clock]
    #[arg(long, value_name = "TIME", value_parser = moment, display_order = 11)]
    pub now: Option<Timestamp>,
    /// Where previews.yaml and the baseline are. Without a baseline, the URLs of previews are unknown.
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
    /// Exit with 1 if something differs, and with 2 if the input has errors
    #[arg(long, display_order = 13)]
    pub exit_code: bool,
    /// Which findings stop a run.
    #[command(flatten)]
    pub levels: LevelOptions,
    /// Where previews.yaml and the baseline are.
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

/// How a folder is divided into artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Artifacts {
    /// The whole folder is one artifact
    One,
    /// One artifact for each preview and one for the rest; artifacts.json lists them
    Each,
}

/// Parses the folder of `-o`. Refuses `yaml` and `json`: whoever writes `-o yaml` means a format, as for kubectl.
fn folder(text: &str) -> Result<PathBuf, String> {
    if matches!(text, "yaml" | "yml" | "json") {
        return Err(format!(
            "-o takes a folder, and without it YAML goes to stdout; for a folder of this name write ./{text}"
        ));
    }
    Ok(PathBuf::from(text))
}
