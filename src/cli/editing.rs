//! Options of the commands that edit previews.yaml in place: `set`, `remove` and `prune`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::moment;
use crate::spec::{Change, Trust};

/// Options of `set`.
#[derive(Debug, Args)]
pub struct Set {
    /// The preview's name
    pub name: String,
    /// A service and its image; repeat it for several. Where several namespaces have the service, write
    /// `NAMESPACE/NAME`. Other services of the preview stay
    #[arg(long = "image", value_name = "SERVICE=IMAGE", value_parser = image)]
    pub images: Vec<(String, String)>,
    /// A service that runs the baseline's image, such as one that `affected` lists and does not build; repeat it for
    /// several
    #[arg(long = "service", value_name = "SERVICE")]
    pub services: Vec<String>,
    /// A pull request and its head commit. One that the preview lists already gets the new commit
    #[arg(long = "change", value_name = "REPOSITORY#NUMBER@COMMIT", value_parser = change)]
    pub changes: Vec<Change>,
    /// The pull requests given here come from forks, which anybody can open. What is marked as a fork stays marked
    /// without this option
    #[arg(long, requires = "changes")]
    pub fork: bool,
    /// When `prune` may remove the preview, such as 2026-12-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
    /// Remove the services and changes of the preview that are not given here
    #[arg(long)]
    pub replace: bool,
    /// The time of the event behind this edit, such as the `updated_at` of the pull request. Nothing changes if the
    /// file has a later state of the pull request, or a later close
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "changes")]
    pub if_newer: Option<Timestamp>,
    /// The file to edit.
    #[command(flatten)]
    pub target: Target,
}

/// The file that `set`, `remove` and `prune` edit.
#[derive(Debug, Args)]
pub struct Target {
    /// The file to edit; `-` reads stdin and writes stdout [default: the previews.yaml or previews.yml
    /// of this folder, or of one above it up to the Git root]
    #[arg(short, long)]
    pub file: Option<PathBuf>,
    /// Write nothing, and print what would change
    #[arg(long)]
    pub dry_run: bool,
}

/// Options of `remove`.
#[derive(Debug, Args)]
pub struct Remove {
    /// Names of previews
    #[arg(required = true)]
    pub names: Vec<String>,
    /// When their pull requests were closed. A `set --if-newer` with an earlier time does not bring them back
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub closed: Option<Timestamp>,
    /// The pull request that was closed. A preview that lists any other pull request stays
    #[arg(long, value_name = "REPOSITORY#NUMBER", value_parser = pull, requires = "closed")]
    pub change: Option<(String, u64)>,
    /// The file to edit.
    #[command(flatten)]
    pub target: Target,
}

/// Options of `prune`.
#[derive(Debug, Args)]
pub struct Prune {
    /// The open pull requests: a file with a line `REPOSITORY#NUMBER` for each, or `-`. A preview goes too if none of
    /// its pull requests is open and the file names all their repositories. A repository with none open is a line
    /// `REPOSITORY`
    #[arg(long, value_name = "FILE")]
    pub open: Option<PathBuf>,
    /// The current time, such as 2026-12-01T00:00:00Z; FILE is taken to be from this time too [default: the system's
    /// clock]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub now: Option<Timestamp>,
    /// The file to edit.
    #[command(flatten)]
    pub target: Target,
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
    Ok(Change { repository, number, commit, updated: String::new(), trust: Trust::Team })
}
