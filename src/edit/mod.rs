//! Edits of previews.yaml in place: comments, order and style of everything else stay.
//!
//! Previews are inserted by name and removed whole, so two edits of different previews give the same
//! file in either order, as long as no comment stands alone between two previews.

mod document;

use jiff::Timestamp;

use crate::diagnostic::{Diagnostic, Sources, code};
use crate::kube::repository;
use crate::spec::{Change, Config};
use crate::yaml::Node;
use document::Document;

/// What `set` gives one preview.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// The preview's name; it is added where it does not exist.
    pub name: String,
    /// Services and their images, in the order given.
    pub images: Vec<(String, String)>,
    /// Pull requests; one that is listed already gets a new commit.
    pub changes: Vec<Change>,
    /// When the preview may go: an RFC 3339 time.
    pub expires: Option<String>,
    /// Whether services and changes that are not named here go.
    pub replace: bool,
}

/// Adds a preview, or changes the one of this name.
///
/// # Errors
/// The preview is new and has no service; a service lists containers or workloads of which none has
/// the repository of the new image; or the text cannot be edited in place.
pub fn set(sources: &Sources, config: &Config, setting: &Setting) -> Result<String, Diagnostic> {
    let mut document = open(sources, config);
    let previews = &config.previews.spec.previews;
    let Some(index) = previews.iter().position(|preview| preview.name == setting.name) else {
        add(&mut document, config, setting)?;
        return Ok(document.into_text());
    };
    let path = format!("spec.previews[{index}]");
    for (service, image) in &setting.images {
        set_image(&mut document, &path, service, image)?;
    }
    for change in &setting.changes {
        set_change(&mut document, &path, change)?;
    }
    // After the additions, so that no list becomes empty in between and loses its style.
    if setting.replace {
        let named = |service: &str| setting.images.iter().any(|(name, _)| name == service);
        if !setting.images.is_empty() {
            retain(&mut document, &format!("{path}.services"), |service| {
                service.text_at(&["name"]).is_some_and(named)
            })?;
        }
        if !setting.changes.is_empty() {
            retain(&mut document, &format!("{path}.changes"), |node| {
                setting.changes.iter().any(|change| is_same(node, change))
            })?;
        }
    }
    if let Some(expires) = &setting.expires {
        set_text(&mut document, &path, "expires", expires)?;
    }
    Ok(document.into_text())
}

/// Removes the previews for which `goes` holds and returns the new text with their names.
///
/// # Errors
/// The text cannot be edited in place.
pub fn remove(
    sources: &Sources,
    config: &Config,
    goes: impl Fn(&crate::spec::Preview) -> bool,
) -> Result<(String, Vec<String>), Diagnostic> {
    let mut document = open(sources, config);
    let previews = config.previews.spec.previews.iter().enumerate();
    let (indices, names): (Vec<usize>, Vec<String>) = previews
        .filter(|(_, preview)| goes(preview))
        .map(|(index, preview)| (index, preview.name.to_string()))
        .unzip();
    document.remove("spec.previews", &indices)?;
    Ok((document.into_text(), names))
}

/// Whether a preview's time is over. One without `expires` stays for ever.
#[must_use]
pub fn is_expired(preview: &crate::spec::Preview, now: Timestamp) -> bool {
    preview.expires.parse::<Timestamp>().is_ok_and(|expires| expires <= now)
}

fn open(sources: &Sources, config: &Config) -> Document {
    let node = config.node();
    Document::new(&sources.get(node.place.file()).text, node)
}

fn add(document: &mut Document, config: &Config, setting: &Setting) -> Result<(), Diagnostic> {
    let previews = &config.previews.spec.previews;
    if setting.images.is_empty() {
        let message = format!("`{}` is new and changes no service", setting.name);
        let help = "name its services with --image SERVICE=IMAGE";
        let place = config.place("spec.previews");
        return Err(Diagnostic::new(&code::CONFIG_FIELD, message, help).at(place, "not in here"));
    }
    let mut entry = vec![("name", Node::string(&setting.name))];
    if !setting.changes.is_empty() {
        entry.push(("changes", Node::list(setting.changes.iter().map(change_node))));
    }
    let services = setting.images.iter().map(|(name, image)| service_node(name, image));
    entry.push(("services", Node::list(services)));
    if let Some(expires) = &setting.expires {
        entry.push(("expires", Node::string(expires)));
    }
    let entry = Node::map(entry);
    if document.node().at(&["spec", "previews"]).is_none() {
        return document.add_key("spec", "previews", Node::list([entry]));
    }
    let index = previews.iter().position(|preview| preview.name > setting.name);
    document.insert("spec.previews", index.unwrap_or(previews.len()), entry)
}

fn retain(
    document: &mut Document,
    path: &str,
    keep: impl Fn(&Node) -> bool,
) -> Result<(), Diagnostic> {
    let items = document.node().at_path(path).map(Node::items).unwrap_or_default();
    let goes: Vec<usize> = (0..items.len()).filter(|&index| !keep(&items[index])).collect();
    document.remove(path, &goes)
}

fn set_image(
    document: &mut Document,
    preview: &str,
    service: &str,
    image: &str,
) -> Result<(), Diagnostic> {
    let path = format!("{preview}.services");
    let services = document.node().at_path(&path).map(Node::items).unwrap_or_default();
    let found = services.iter().position(|node| node.text_at(&["name"]) == Some(service));
    let Some(index) = found else {
        return document.insert(&path, services.len(), service_node(service, image));
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
        return set_text(document, &path, "image", image);
    }
    if matching.is_empty() {
        let message = format!(
            "{service} lists its images one by one, and none is of the repository of {image}"
        );
        let help = format!("it has {}; edit the one that is meant by hand", listed.join(", "));
        let place = services[index].place;
        return Err(Diagnostic::new(&code::AMBIGUOUS_CONTAINER, message, help).at(place, "here"));
    }
    matching.into_iter().try_for_each(|path| set_text(document, &path, "image", image))
}

fn set_change(document: &mut Document, preview: &str, change: &Change) -> Result<(), Diagnostic> {
    let path = format!("{preview}.changes");
    let Some(list) = document.node().at_path(&path) else {
        return document.add_key(preview, "changes", Node::list([change_node(change)]));
    };
    match list.items().iter().position(|node| is_same(node, change)) {
        Some(index) => set_text(document, &format!("{path}[{index}]"), "commit", &change.commit),
        None => document.insert(&path, list.items().len(), change_node(change)),
    }
}

/// Sets a text field of a mapping; one that says so already is left alone.
fn set_text(document: &mut Document, path: &str, key: &str, value: &str) -> Result<(), Diagnostic> {
    match document.node().at_path(path).and_then(|node| node.text_at(&[key])) {
        Some(found) if found == value => Ok(()),
        Some(_) => document.replace(&format!("{path}.{key}"), value),
        None => document.add_key(path, key, Node::string(value)),
    }
}

fn is_same(node: &Node, change: &Change) -> bool {
    node.text_at(&["repository"]) == Some(&change.repository)
        && node.get("number").and_then(Node::integer_value) == i64::try_from(change.number).ok()
}

fn service_node(name: &str, image: &str) -> Node {
    Node::map([("name", Node::string(name)), ("image", Node::string(image))])
}

fn change_node(change: &Change) -> Node {
    Node::map([
        ("repository", Node::string(&change.repository)),
        ("number", Node::integer(i64::try_from(change.number).unwrap_or(i64::MAX))),
        ("commit", Node::string(&change.commit)),
    ])
}
