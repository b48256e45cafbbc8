//! Decides which of two edits is about the later state of a pull request: builds can end late, and closes can get
//! lost. Times are those of events, so the result does not depend on a clock or on which edit runs first.

use std::collections::BTreeSet;

use jiff::{Timestamp, ToSpan};

use super::document::Document;
use super::{PreviewEdit, is_pull, is_same, previews};
use crate::diagnostic::text::short;
use crate::diagnostic::{Diagnostic, Refused, code};
use crate::spec::{known_by, time};
use crate::yaml::Node;

/// The reason why an edit is older than the file, if it is.
///
/// # Errors
/// A time in the file cannot be read, so the two cannot be compared.
pub fn is_late(node: &Node, wanted: &PreviewEdit) -> Result<Option<String>, Refused> {
    let Some(event) = wanted.event else { return Ok(None) };
    let name = &wanted.name;
    if let Some(at) = closed_at(node, name)?.filter(|&at| at >= event) {
        return Ok(Some(format!("{name} was closed at {at}, and this is of {event}")));
    }
    let preview = previews(node).iter().find(|one| one.text_at(&["name"]) == Some(name));
    let listed = preview.and_then(|one| one.get("changes")).map(Node::items).unwrap_or_default();
    let ours = listed.iter().filter(|one| wanted.changes.iter().any(|ours| is_same(one, ours)));
    let latest = latest(ours, "updated")?.filter(|&latest| latest > event);
    Ok(latest.map(|latest| format!("{name} is listed as of {latest}, and this is of {event}")))
}

/// Whether the file has a state of a preview's pull requests, or their close, later than this.
pub(super) fn is_known_later(node: &Node, name: &str, at: Timestamp) -> Result<bool, Refused> {
    let preview = previews(node).iter().find(|one| one.text_at(&["name"]) == Some(name));
    let changes = preview.and_then(|one| one.get("changes")).map(Node::items).unwrap_or_default();
    let known = latest(changes.iter(), "updated")?.max(closed_at(node, name)?);
    Ok(known.is_some_and(|known| known > at))
}

/// Whether a preview lists any other pull request than this one.
pub(super) fn stands_for_another(
    node: &Node,
    name: &str,
    (repository, number): &(String, u64),
) -> bool {
    let preview = previews(node).iter().find(|one| one.text_at(&["name"]) == Some(name));
    let changes = preview.and_then(|one| one.get("changes")).map(Node::items).unwrap_or_default();
    changes.iter().any(|change| !is_pull(change, repository, *number))
}

/// Records that the pull request of a preview was closed.
pub(super) fn close(document: &mut Document, name: &str, at: Timestamp) -> Result<(), Refused> {
    let at = &at.to_string();
    let record = Node::map([("name", Node::string(name)), ("at", Node::string(at))]);
    let Some(list) = document.node.at(&["spec", "closed"]) else {
        return document.add_key("spec", "closed", Node::list([record]));
    };
    let items = list.items();
    match items.iter().position(|one| one.text_at(&["name"]) == Some(name)) {
        Some(index) => document.set(&format!("spec.closed[{index}]"), "at", at),
        None => {
            let behind = items.iter().position(|one| one.text_at(&["name"]) > Some(name));
            document.insert("spec.closed", behind.unwrap_or(items.len()), record)
        }
    }
}

/// Removes records of closed previews.
pub(super) fn forget(document: &mut Document, goes: impl Fn(&Node) -> bool) -> Result<(), Refused> {
    let items = document.node.at(&["spec", "closed"]).map(Node::items).unwrap_or_default();
    let indices: Vec<usize> = (0..items.len()).filter(|&index| goes(&items[index])).collect();
    if indices.is_empty() {
        return Ok(());
    }
    let is_last = indices.len() == items.len();
    document.remove("spec.closed", &indices)?;
    if is_last {
        forget_list(document);
    }
    Ok(())
}

/// Removes the empty list of closed previews, if adding the next one brings the same bytes back: two edits can come
/// in either order.
fn forget_list(document: &mut Document) {
    let record = || Node::map([("name", Node::string("a")), ("at", Node::string("b"))]);
    let (mut kept, mut without) = (document.clone(), document.clone());
    if without.remove_key("spec", "closed").is_err() {
        return;
    }
    let mut added = without.clone();
    let both = kept.insert("spec.closed", 0, record()).is_ok()
        && added.add_key("spec", "closed", Node::list([record()])).is_ok();
    if both && kept.text == added.text {
        *document = without;
    }
}

/// Whether the record of a closed preview can be dropped: no build takes a month.
pub(super) fn is_old(closed: &Node, now: Timestamp) -> bool {
    let at = closed.text_at(&["at"]).and_then(time);
    at.and_then(|at| at.checked_add(720.hours()).ok()).is_some_and(|then| then <= now)
}

fn closed_at(node: &Node, name: &str) -> Result<Option<Timestamp>, Refused> {
    let closed = node.at(&["spec", "closed"]).map(Node::items).unwrap_or_default();
    // A merge of branches can leave two records of one preview.
    latest(closed.iter().filter(|one| one.text_at(&["name"]) == Some(name)), "at")
}

/// The latest time of some entries. A time that cannot be read counts as the latest.
fn latest<'n>(
    records: impl Iterator<Item = &'n Node>,
    key: &str,
) -> Result<Option<Timestamp>, Refused> {
    let said = records.filter_map(|record| record.get(key));
    let said = said.filter(|said| !said.is_null() && said.text() != Some(""));
    let times = said.map(|said| {
        let text = said.text().unwrap_or_default();
        time(text).ok_or_else(|| {
            let message = format!("`{}` is not a time", short(text));
            let help = "write RFC 3339: \"2026-12-01T00:00:00Z\"; without it nobody can tell which of two \
                        states is later";
            Diagnostic::new(&code::CONFIG_FIELD, message, help).at(said.place, "").into()
        })
    });
    times.collect::<Result<Vec<_>, _>>().map(|times| times.into_iter().max())
}

/// The pull requests that are open, of some repositories.
#[derive(Debug, Default)]
pub struct Open {
    repositories: BTreeSet<String>,
    pulls: BTreeSet<(String, u64)>,
}

impl Open {
    /// Reads lines of `REPOSITORY#NUMBER`. A line without a number says that the list covers this repository even if
    /// nothing in it is open.
    ///
    /// # Errors
    /// The first line that is neither.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut open = Self::default();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            let (repository, number) = match line.rsplit_once('#') {
                Some((repository, number)) => (repository, Some(number.parse())),
                None => (line, None),
            };
            if repository.is_empty() && number.is_none() {
                continue;
            }
            match number {
                _ if !repository.contains("://") => return Err(no_pull(index)),
                Some(Err(_)) => return Err(no_pull(index)),
                Some(Ok(number)) => drop(open.pulls.insert((known_by(repository), number))),
                None if is_page_of_pull(repository) => return Err(no_pull(index)),
                None => {}
            }
            open.repositories.insert(known_by(repository));
        }
        Ok(open)
    }

    /// Whether none of a preview's pull requests is open, as far as the list from `now` can tell: it must cover all
    /// their repositories, and be newer than their state in the file.
    #[must_use]
    pub fn lacks(&self, preview: &Node, now: Timestamp) -> bool {
        let changes = preview.get("changes").map(Node::items).unwrap_or_default();
        let is_closed = |change: &Node| {
            let repository = known_by(change.text_at(&["repository"]).unwrap_or_default());
            let number = change.get("number").and_then(Node::integer_value);
            let number = number.and_then(|number| u64::try_from(number).ok());
            self.repositories.contains(&repository)
                && number.is_some_and(|number| !self.pulls.contains(&(repository, number)))
                && latest([change].into_iter(), "updated")
                    .is_ok_and(|updated| updated.is_none_or(|updated| updated <= now))
        };
        !changes.is_empty() && changes.iter().all(is_closed)
    }
}

/// Whether a URL is that of a pull request and not of a repository: `https://github.com/shop/shop/pull/42`.
fn is_page_of_pull(url: &str) -> bool {
    const BEFORE_NUMBER: [&str; 4] = ["pull", "pulls", "merge_requests", "pull-requests"];
    let mut parts = url.trim_end_matches('/').rsplit('/');
    let (number, before) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    BEFORE_NUMBER.contains(&before) && number.parse::<u64>().is_ok()
}

fn no_pull(index: usize) -> String {
    format!("line {} is neither REPOSITORY#NUMBER nor the URL of a repository", index + 1)
}
