//! Removes from the input what an earlier run added: its own objects, which are set aside, and rules in
//! VirtualServices of the user, which are taken out again.

use std::collections::BTreeSet;

use crate::kube::{Object, RouteApi, marks};
use crate::spec::Config;
use crate::yaml::{Data, Node};

/// Takes back what an earlier run of a set did to an object of the user, as its annotation says. What another set did
/// stays. Returns `None` if the object belongs to nobody any more: another set made it for previews that are all
/// gone.
pub(crate) fn restored(mut object: Object, set: &str) -> Option<Object> {
    let was_extended = marks::is_changed(&object.node, marks::HTTP);
    let api = RouteApi::of(&object);
    restore(&mut object.node, set, api);
    (!was_extended || !marks::is_left_over(&object)).then_some(object)
}

fn restore(node: &mut Node, set: &str, api: Option<RouteApi>) {
    for change in marks::take_changes(node, set).unwrap_or_default() {
        let stays = change != marks::HTTP && marks::is_changed(node, &change);
        let Some(spec) = node.get_mut("spec").filter(|_| !stays) else {
            continue;
        };
        match change.as_str() {
            marks::HTTP => drop_rules(spec, set),
            marks::EXPORT_TO => {
                spec.remove("exportTo");
            }
            change => {
                if let (Some(api), Some(header)) = (api, change.strip_prefix('-')) {
                    keep_header(node, api, header);
                }
            }
        }
    }
}

/// Removes the rules of a set, and the list with the last one if it was made for them.
fn drop_rules(spec: &mut Node, set: &str) {
    if let Some(Data::List(rules)) = spec.get_mut("http").map(|node| &mut node.data) {
        rules.retain(|rule| !marks::is_made_rule(rule, set));
        if rules.is_empty() {
            spec.remove("http");
        }
    }
}

/// Undoes `stripKey`: rules no longer remove this request header.
fn keep_header(route: &mut Node, api: RouteApi, header: &str) {
    for rule in api.form().rules(route) {
        api.drop_header_changes(rule, &["remove"], header);
    }
}

/// The objects of an input, by their owner.
#[derive(Debug, Default)]
pub struct Parted {
    /// The user's, without the changes of an earlier run: the baseline, and what surrounds it.
    pub users: Vec<Object>,
    /// Those that other sets made for their previews: neither part of the baseline nor ours.
    pub others: Vec<Object>,
    /// VirtualServices that an earlier run of this set made. Other sets may have extended them.
    pub extended: Vec<Object>,
}

impl Parted {
    /// Keeps what other sets added to an object of an earlier run.
    pub fn keep_extended(&mut self, earlier: Object, set: &str) {
        if marks::is_shared(&earlier, set) {
            self.extended.push(earlier);
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Object> {
        self.users.iter().chain(&self.others)
    }
}

/// Whether an object has the labels of this set, but for a preview that none of its previews can be: a second set of the
/// same name made it, or the prefix was another one. It may be in use, so it is not taken for output of an earlier run.
pub(crate) fn is_of_namesake(object: &Object, config: &Config) -> bool {
    marks::set_of(object) == Some(config.set())
        && object
            .label(marks::PREVIEW)
            .is_some_and(|preview| !preview.starts_with(&config.previews.spec.prefix))
}

/// The owner of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The user; also another set that made it for all sets to extend.
    User,
    /// This set.
    ThisSet,
    /// Another set.
    AnotherSet,
}

/// Finds the owners of the objects of an input. Labels alone do not tell: a user may have copied them.
#[derive(Debug)]
pub(crate) struct Owners<'a> {
    config: &'a Config,
    /// Namespaces of other sets: name, set and preview.
    namespaces: BTreeSet<(String, String, String)>,
}

impl<'a> Owners<'a> {
    /// Collects the namespaces of other sets from all objects.
    pub(crate) fn new<'o>(
        config: &'a Config,
        objects: impl IntoIterator<Item = &'o Object>,
    ) -> Self {
        let namespaces = objects.into_iter().filter(|object| object.is("", "Namespace"));
        let of_previews = namespaces.filter_map(|object| {
            let (set, preview) = (marks::set_of(object)?, object.label(marks::PREVIEW)?);
            Some((object.id.name.to_string(), set.to_owned(), preview.to_owned()))
        });
        Self { config, namespaces: of_previews.collect() }
    }

    /// Whom this object belongs to.
    #[must_use]
    pub(crate) fn owner(&self, object: &Object) -> Owner {
        let Some(set) = marks::set_of(object) else {
            return Owner::User;
        };
        let is_this_set = set == self.config.set();
        if marks::is_shared(object, set) && !is_this_set || is_of_namesake(object, self.config) {
            return Owner::User;
        }
        match self.is_of_preview(object, set, is_this_set) || marks::is_made_elsewhere(object, set)
        {
            false => Owner::User,
            true if is_this_set => Owner::ThisSet,
            true => Owner::AnotherSet,
        }
    }

    /// Whether an object is the namespace of the preview that its label names, or is in it.
    fn is_of_preview(&self, object: &Object, set: &str, is_this_set: bool) -> bool {
        let spec = &self.config.previews.spec;
        let Some(preview) = object.label(marks::PREVIEW) else {
            return false;
        };
        let namespace = match object.is("", "Namespace") {
            true => object.id.name.as_str(),
            false => object.id.namespace.as_str(),
        };
        let is_made = |baseline: &String| namespace == spec.namespace_of(preview, baseline);
        let belongs = || match is_this_set {
            true => spec.baseline.all().iter().any(is_made),
            false => {
                let known = (namespace.to_owned(), set.to_owned(), preview.to_owned());
                self.namespaces.contains(&known)
            }
        };
        !namespace.is_empty() && !spec.baseline.includes(namespace) && belongs()
    }
}

/// Sorts the objects of an input by owner. Those that an earlier run of this set made are dropped.
#[must_use]
pub(crate) fn set_aside(objects: Vec<Object>, config: &Config) -> Parted {
    let owners = Owners::new(config, &objects);
    let mut parted = Parted::default();
    for object in objects {
        match owners.owner(&object) {
            Owner::User => parted.users.extend(restored(object, config.set())),
            Owner::AnotherSet => parted.others.push(object),
            Owner::ThisSet => parted.keep_extended(object, config.set()),
        }
    }
    parted
}
