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
    /// A service, where needed `NAMESPACE/NAME`, and its image; repeat it for several. Other services of the preview stay
    #[arg(long = "image", value_name = "SERVICE=IMAGE", value_parser = image)]
    pub images: Vec<(String, String)>,
    /// A service with the baseline's image, such as one that `affected` names but does not build; repeat it
    /// for several
    #[arg(long = "service", value_name = "SERVICE")]
    pub services: Vec<String>,
    /// A pull request and its head commit; one that is listed gets the new commit
    #[arg(long = "change", value_name = "REPOSITORY#NUMBER@COMMIT", value_parser = change)]
    pub changes: Vec<Change>,
    /// The pull requests named here are of forks: anybody may have opened them. A change that is listed as
    /// one stays one without it
    #[arg(long, requires = "changes")]
    pub fork: bool,
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
