//! The arguments of `anabranch affected`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Options of `affected`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The branch that the change will be merged into, or a commit of it. The change counts from the merge base
    #[arg(long, value_name = "REV", required_unless_present = "audit")]
    pub base: Option<String>,
    /// The last commit of the change
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    pub head: String,
    /// The map: a file of kind Affected, or previews.yaml with spec.affected [default: affected.yaml in the
    /// root of the repository, else previews.yaml there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Compare the map with every tracked file and with the manifests of build tools, instead of finding services
    #[arg(long, conflicts_with_all = ["base", "head"])]
    pub audit: bool,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

const EXAMPLES: &str = "\
Examples:
  anabranch affected --base origin/main
  anabranch affected --base origin/main --head origin/my-branch --format json
  anabranch affected --base origin/main --format bake | xargs -r docker buildx bake
  anabranch affected --audit

Exit status:
  0  fine, also where no service is affected
  1  the answer is unknown: a path without owner, an unknown revision, a shallow clone
  2  the arguments are wrong";

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: each service with the chains of reasons
    Text,
    /// For tools; with --audit the findings
    Json,
    /// Names of services, one a line
    Names,
    /// Services to build, as a matrix of a GitHub workflow on one line
    Matrix,
    /// Services to build, as targets of docker buildx bake, one a line: names of ASCII letters, digits, `-` and `_`
    Bake,
}
