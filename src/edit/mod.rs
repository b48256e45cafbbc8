//! Edits previews.yaml in place: comments, order and style of everything else stay.
//!
//! A comment belongs to the preview below it, whether blank lines are between them or not, and goes with it. Indented
//! deeper than the previews, it belongs to what is above it instead, unless it stands directly above a preview and has
//! its name. Behind the last preview it is the list's, and stays.
//!
//! Directly below the line of the list a comment is the list's too if there is a blank line below it. Without one it
//! could be about either. It is then taken for the list's, and so never lost, unless it has the name of the first
//! preview or the line of the list has a comment of its own.
//!
//! A comment between two previews cannot stay when the one below it goes: the file would no longer say on which side
//! of it a new preview belongs. So edits of different previews give the same bytes in either order, if the list is
//! sorted by name. In a list that is not, where a new preview stands depends on which others are there, as these keep
//! their order.

mod added;
mod document;
mod layout;
mod races;
mod sequence;
mod span;
mod style;
mod trivia;

pub use added::check_added;
pub use races::{Open, is_late};

use jiff::Timestamp;

use crate::diagnostic::{Diagnostic, Refused, Sources, code, some_of};
use crate::kube::repository;
pub use crate::spec::{Change, Trust};
use crate::spec::{known_by, time};
use crate::validate::is_dns_label;
use crate::yaml::Node;
use document::Document;

/// What `set` writes into one preview.
#[derive(Debug, Clone, Default)]
pub struct PreviewEdit {
    /// The preview's name; it is added where it does not exist.
    pub name: String,
    /// Services, `NAME` or `NAMESPACE/NAME`, and their images, in the order given; the last of one service counts. An
    /// empty image means that of the baseline.
    pub images: Vec<(String, String)>,
    /// Pull requests; one that is listed already gets a new commit.
    pub changes: Vec<Change>,
    /// When the preview expires: an RFC 3339 time.
    pub expires: Option<String>,
    /// Whether to remove services and changes that are not named here.
    pub replace: bool,
    /// The time of the event behind this edit.
    pub event: Option<Timestamp>,
}

impl PreviewEdit {
    /// Whether a service of the preview stays.
    pub fn keeps_service(&self, service: &Node) -> bool {
        let mut named = self.images.iter();
        !self.replace || self.images.is_empty() || named.any(|(name, _)| is_service(service, name))
    }

    /// Whether a change of the preview stays.
    pub fn keeps_change(&self, change: &Node) -> bool {
        let mut named = self.changes.iter();
        !self.replace || self.changes.is_empty() || named.any(|one| is_same(change, one))
    }

    /// Keeps each service and each pull request once; the last one counts.
    fn settled(&self) -> Self {
        let mut settled = Self { images: Vec::new(), changes: Vec::new(), ..self.clone() };
        for (service, image) in &self.images {
            match settled.images.iter_mut().find(|(name, _)| name == service) {
                Some((_, found)) => found.clone_from(image),
                None => settled.images.push((service.clone(), image.clone())),
            }
        }
        for change in &self.changes {
            let is_same = |found: &&mut Change| {
                known_by(&found.repository) == known_by(&change.repository)
                    && found.number == change.number
            };
            match settled.changes.iter_mut().find(is_same) {
                Some(found) => found.clone_from(change),
                None => settled.changes.push(change.clone()),
            }
        }
        settled
    }

    /// The new preview that this edit describes.
    fn preview(&self) -> Node {
        let mut preview = vec![("name", Node::string(&self.name))];
        if !self.changes.is_empty() {
            preview.push(("changes", Node::list(self.changes.iter().map(change_node))));
        }
        let services = self.images.iter().map(|(name, image)| service_node(name, image));
        preview.push(("services", Node::list(services)));
        if let Some(expires) = &self.expires {
            preview.push(("expires", Node::string(expires)));
        }
        Node::map(preview)
    }
}

/// Adds a preview, or changes the one of this name.
///
/// # Errors
/// The preview is new and has no service; or a service lists containers or workloads and none has the repository of
/// the new image; or the text cannot be edited in place.
pub fn set(sources: &Sources, node: &Node, wanted: &PreviewEdit) -> Result<String, Refused> {
    let wanted = wanted.settled();
    if let Some(expires) = wanted.expires.as_ref().filter(|expires| time(expires).is_none()) {
        let message = format!("`{expires}` is not a time");
        let help = "write RFC 3339: 2026-12-01T00:00:00Z";
        return Err(Diagnostic::new(&code::CONFIG_FIELD, message, help).into());
    }
    let is_name = |service: &str| {
        let (namespace, name) = parts_of(service);
        namespace.is_none_or(is_dns_label) && name.split('.').all(is_dns_label)
    };
    if let Some((service, _)) = wanted.images.iter().find(|(service, _)| !is_name(service)) {
        let message = format!("`{service}` cannot name a service");
        let help = "write --image SERVICE=IMAGE with the name of a Service or workload";
        return Err(Diagnostic::new(&code::BAD_NAME, message, help).into());
    }
    let mut document = open(sources, node);
    // Setting a preview opens it again.
    races::forget(&mut document, |closed| closed.text_at(&["name"]) == Some(&wanted.name))?;
    let name_of = |preview: &Node| preview.text_at(&["name"]) == Some(&wanted.name);
    let Some(index) = previews(node).iter().position(name_of) else {
        add(&mut document, &wanted)?;
        return Ok(document.into_text());
    };
    let path = format!("spec.previews[{index}]");
    for (service, image) in &wanted.images {
        set_image(&mut document, &path, service, image)?;
    }
    for change in &wanted.changes {
        set_change(&mut document, &path, change)?;
    }
    // Removals come last, so that no list is empty in between and loses its style.
    if wanted.replace {
        refuse_others(&previews(node)[index], &wanted)?;
        retain(&mut document, &format!("{path}.services"), |node| wanted.keeps_service(node))?;
        retain(&mut document, &format!("{path}.changes"), |node| wanted.keeps_change(node))?;
    }
    if let Some(expires) = &wanted.expires {
        document.set(&path, "expires", expires)?;
    }
    Ok(document.into_text())
}

/// Refuses `replace` if the preview has pull requests of other repositories, which it would remove.
fn refuse_others(preview: &Node, wanted: &PreviewEdit) -> Result<(), Refused> {
    let changes = preview.get("changes").map(Node::items).unwrap_or_default();
    let is_named = |change: &&Node| {
        let repository = change.text_at(&["repository"]).map(known_by);
        wanted.changes.iter().any(|one| Some(known_by(&one.repository)) == repository)
    };
    let Some(other) = changes.iter().find(|change| !is_named(change)) else { return Ok(()) };
    if wanted.changes.is_empty() {
        return Ok(());
    }
    let repository = other.text_at(&["repository"]).unwrap_or_default();
    let message = format!("`{}` stands for a pull request of {repository} as well", wanted.name);
    let help = "name both with --change, leave --replace out, or give previews of each repository a prefix of their own";
    Err(Diagnostic::new(&code::EDIT_REFUSED, message, help).at(other.place, "would go").into())
}

/// Removes the previews for which `goes` holds and returns the new text with their names.
///
/// # Errors
/// The text cannot be edited in place.
pub fn remove(
    sources: &Sources,
    node: &Node,
    goes: impl Fn(&Node) -> bool,
) -> Result<(String, Vec<String>), Refused> {
    let mut document = open(sources, node);
    let names = take_out(&mut document, goes)?;
    Ok((document.into_text(), names))
}

/// Removes the previews of these names, and records that they were closed at this time. A preview stays if the file
/// has a later state of it, or if it has other pull requests than `pull`. Returns the new text and the names of those
/// that were closed.
///
/// # Errors
/// The text cannot be edited in place.
pub fn close(
    sources: &Sources,
    node: &Node,
    names: &[String],
    at: Timestamp,
    pull: Option<&(String, u64)>,
) -> Result<(String, Vec<String>), Refused> {
    let mut document = open(sources, node);
    let mut closed = Vec::new();
    for name in names {
        let stays = races::is_known_later(node, name, at)?
            || pull.is_some_and(|pull| races::stands_for_another(node, name, pull));
        if !stays {
            closed.push(name.clone());
        }
    }
    for name in &closed {
        take_out(&mut document, |preview| preview.text_at(&["name"]) == Some(name))?;
        races::close(&mut document, name, at)?;
    }
    Ok((document.into_text(), closed))
}

/// Removes previews that have expired or none of whose pull requests is open, and drops records of previews closed
/// long ago. Returns the new text, and the names of the first two.
///
/// # Errors
/// The text cannot be edited in place.
pub fn prune(
    sources: &Sources,
    node: &Node,
    now: Timestamp,
    still: Option<&Open>,
) -> Result<(String, Vec<String>), Refused> {
    let mut document = open(sources, node);
    let is_closed = |preview: &Node| still.is_some_and(|still| still.lacks(preview, now));
    let names = take_out(&mut document, |one| is_expired(one, now) || is_closed(one))?;
    races::forget(&mut document, |closed| races::is_old(closed, now))?;
    Ok((document.into_text(), names))
}

fn take_out(document: &mut Document, goes: impl Fn(&Node) -> bool) -> Result<Vec<String>, Refused> {
    let name = |preview: &Node| preview.text_at(&["name"]).unwrap_or_default().to_owned();
    let (indices, names): (Vec<usize>, Vec<String>) = previews(&document.node)
        .iter()
        .enumerate()
        .filter(|(_, preview)| goes(preview))
        .map(|(index, preview)| (index, name(preview)))
        .unzip();
    document.remove("spec.previews", &indices)?;
    Ok(names)
}

/// Whether a preview has expired. One without `expires` never does.
fn is_expired(preview: &Node, now: Timestamp) -> bool {
    preview.text_at(&["expires"]).and_then(time).is_some_and(|expires| expires <= now)
}

fn previews(node: &Node) -> &[Node] {
    node.at(&["spec", "previews"]).map(Node::items).unwrap_or_default()
}

fn open(sources: &Sources, node: &Node) -> Document {
    Document::new(&sources.get(node.place.file()).text, node)
}

fn add(document: &mut Document, wanted: &PreviewEdit) -> Result<(), Refused> {
    let node = &document.node;
    if wanted.images.is_empty() {
        let message = format!("`{}` is new and changes no service", wanted.name);
        let help = "name its services with --image SERVICE=IMAGE, or --service SERVICE for the baseline's image";
        let error = Diagnostic::new(&code::CONFIG_FIELD, message, help);
        let place = node.at(&["spec", "previews"]).unwrap_or(node).place;
        return Err(error.at(place, "not in here").into());
    }
    let preview = wanted.preview();
    let Some(list) = node.at(&["spec", "previews"]) else {
        document.add_key("spec", "previews", Node::list([]))?;
        return document.insert("spec.previews", 0, preview);
    };
    let is_behind = |other: &Node| other.text_at(&["name"]) > Some(&wanted.name);
    let index = list.items().iter().position(is_behind);
    document.insert("spec.previews", index.unwrap_or(list.items().len()), preview)
}

fn retain(
    document: &mut Document,
    path: &str,
    keep: impl Fn(&Node) -> bool,
) -> Result<(), Refused> {
    let items = document.node.at_path(path).map(Node::items).unwrap_or_default();
    let goes: Vec<usize> = (0..items.len()).filter(|&index| !keep(&items[index])).collect();
    document.remove(path, &goes)
}

fn set_image(
    document: &mut Document,
    preview: &str,
    service: &str,
    image: &str,
) -> Result<(), Refused> {
    let path = format!("{preview}.services");
    let services = document.node.at_path(&path).map(Node::items).unwrap_or_default();
    let Some(index) = service_index(services, service)? else {
        return append(document, preview, "services", service_node(service, image));
    };
    let path = format!("{path}[{index}]");
    let mut listed = Vec::new();
    let mut matching = Vec::new();
    for list in ["containers", "workloads"] {
        let items = services[index].get(list).map(Node::items).unwrap_or_default();
        for (index, item) in items.iter().enumerate() {
            let old = item.text_at(&["image"]).unwrap_or_default();
            listed.push(old.to_owned());
            if repository(old) == repository(image) {
                matching.push(format!("{path}.{list}[{index}]"));
            }
        }
    }
    if listed.is_empty() {
        let is_there = services[index].get("image").is_some();
        return if image.is_empty() && !is_there {
            Ok(())
        } else {
            document.set(&path, "image", image)
        };
    }
    if image.is_empty() {
        let message =
            format!("{service} lists its images one by one, and should have the baseline's");
        let help = "remove its `containers` and `workloads` by hand";
        let place = services[index].place;
        return Err(Diagnostic::new(&code::AMBIGUOUS_CONTAINER, message, help)
            .at(place, "here")
            .into());
    }
    if matching.is_empty() {
        let message = format!(
            "{service} lists its images one by one, and none is of the repository of {image}"
        );
        let help = format!("it has {}; edit the one that is meant by hand", some_of(&listed));
        let place = services[index].place;
        return Err(Diagnostic::new(&code::AMBIGUOUS_CONTAINER, message, help)
            .at(place, "here")
            .into());
    }
    matching.into_iter().try_for_each(|path| document.set(&path, "image", image))
}

/// [`Trust::Fork`] as it is written.
const FORK: &str = "fork";

/// The index of the item that `service` names, if there is one. A name without a namespace is ambiguous if items of
/// two namespaces have it.
fn service_index(services: &[Node], service: &str) -> Result<Option<usize>, Refused> {
    let is_meant = |index: &usize| is_service(&services[*index], service);
    let mut found = (0..services.len()).filter(is_meant);
    let Some(first) = found.next() else { return Ok(None) };
    let namespace = |index: usize| services[index].text_at(&["namespace"]);
    if let Some(second) = found.find(|&other| namespace(other) != namespace(first)) {
        let message = format!("the preview lists `{service}` of several namespaces");
        let help = "write NAMESPACE/NAME for the one that is meant";
        let error = Diagnostic::new(&code::AMBIGUOUS_NAMESPACE, message, help);
        let error = error.at(services[first].place, "one");
        return Err(error.also(services[second].place, "another").into());
    }
    Ok(Some(first))
}

fn set_change(document: &mut Document, preview: &str, change: &Change) -> Result<(), Refused> {
    let path = format!("{preview}.changes");
    let items = document.node.at_path(&path).map(Node::items).unwrap_or_default();
    match items.iter().position(|node| is_same(node, change)) {
        Some(index) => {
            let path = format!("{path}[{index}]");
            document.set(&path, "commit", &change.commit)?;
            // Any edit may mark a change as a fork; only a person may take the mark away.
            if change.trust == Trust::Fork {
                document.set(&path, "trust", FORK)?;
            }
            match change.updated.as_str() {
                // The time of this state is unknown. The key stays if a comment holds it there.
                "" => document
                    .remove_key(&path, "updated")
                    .or_else(|_| document.set(&path, "updated", "")),
                updated => document.set(&path, "updated", updated),
            }
        }
        None => append(document, preview, "changes", change_node(change)),
    }
}

/// Adds an item at the end of a list. The list is created if needed.
fn append(document: &mut Document, path: &str, key: &str, item: Node) -> Result<(), Refused> {
    let list = format!("{path}.{key}");
    match document.node.at_path(&list) {
        Some(found) => {
            let count = found.items().len();
            document.insert(&list, count, item)
        }
        None => document.add_key(path, key, Node::list([item])),
    }
}

fn is_same(node: &Node, change: &Change) -> bool {
    is_pull(node, &change.repository, change.number)
}

/// Whether a change of a preview is this pull request.
fn is_pull(change: &Node, repository: &str, number: u64) -> bool {
    change.text_at(&["repository"]).map(known_by) == Some(known_by(repository))
        && change.get("number").and_then(Node::integer_value) == i64::try_from(number).ok()
}

/// The namespace, where one is said, and the name of a service.
fn parts_of(service: &str) -> (Option<&str>, &str) {
    match service.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, service),
    }
}

/// Whether a service of a preview is the one that is meant by `NAME`, or by `NAMESPACE/NAME`.
pub fn is_service(node: &Node, service: &str) -> bool {
    let (namespace, name) = parts_of(service);
    node.text_at(&["name"]) == Some(name)
        && (namespace.is_none() || node.text_at(&["namespace"]) == namespace)
}

fn service_node(service: &str, image: &str) -> Node {
    let (namespace, name) = parts_of(service);
    let namespace = namespace.map(|namespace| ("namespace", Node::string(namespace)));
    let image = (!image.is_empty()).then(|| ("image", Node::string(image)));
    Node::map([("name", Node::string(name))].into_iter().chain(namespace).chain(image))
}

fn change_node(change: &Change) -> Node {
    let updated = (!change.updated.is_empty()).then(|| ("updated", Node::string(&change.updated)));
    let fields = [
        ("repository", Node::string(&change.repository)),
        ("number", Node::from_json(change.number.into())),
        ("commit", Node::string(&change.commit)),
    ];
    let trust = (change.trust == Trust::Fork).then(|| ("trust", Node::string(FORK)));
    Node::map(fields.into_iter().chain(updated).chain(trust))
}
