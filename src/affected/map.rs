//! The checked map from paths to services: who owns a path, and who is built from whom.

use std::cell::Cell;

use super::glob::Glob;
use crate::diagnostic::text::short;
use crate::diagnostic::{Diagnostic, Place, Report, code, nearest};
use crate::ordered::ordered;
use crate::spec::{PathMap, Unmapped};
use crate::yaml::Node;

/// A list of globs, of which the last that covers a path decides.
#[derive(Debug, Default)]
pub(crate) struct Globs(pub(crate) Vec<MapGlob>);

/// One glob of a list.
#[derive(Debug)]
pub(crate) struct MapGlob {
    /// The glob as it is written.
    pub(crate) text: String,
    pub(crate) place: Place,
    /// Whether it begins with `!` and so takes out what it covers.
    pub(crate) takes_out: bool,
    glob: Glob,
    /// Whether it covered any path so far.
    pub(crate) is_used: Cell<bool>,
}

impl Globs {
    fn new(texts: &[String], node: Option<&Node>, report: &mut Report) -> Self {
        let mut globs = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let place = node.and_then(|node| node.items().get(index)).map(|node| node.place);
            let place = place.unwrap_or_default();
            let (takes_out, glob) = match text.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, text.as_str()),
            };
            match Glob::new(glob) {
                Ok(glob) => {
                    let (text, is_used) = (text.clone(), Cell::new(false));
                    globs.push(MapGlob { text, place, takes_out, glob, is_used });
                }
                Err(problem) => {
                    let message = format!("`{text}` is no glob: {}", problem.message);
                    let error = Diagnostic::new(&code::BAD_GLOB, message, problem.help);
                    report.push(error.at(place, ""));
                }
            }
        }
        Self(globs)
    }

    /// The glob that includes the path, if the list does.
    fn find(&self, path: &str) -> Option<&MapGlob> {
        let last = self.0.iter().rev().find(|glob| glob.glob.covers(path));
        last.filter(|glob| !glob.takes_out)
    }

    /// Marks the globs that cover a path as used, also those that take it out.
    fn note(&self, path: &str) {
        for glob in self.0.iter().filter(|glob| !glob.is_used.get()) {
            glob.is_used.set(glob.glob.covers(path));
        }
    }
}

/// A service, or a module.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) name: String,
    pub(crate) is_service: bool,
    pub(crate) paths: Globs,
    /// The owners whose files it is built from (`uses`).
    pub(crate) uses: Vec<usize>,
    /// The services whose changes affect it too (`with`).
    pub(crate) with: Vec<usize>,
    pub(crate) place: Place,
}

impl Owner {
    /// `service cart` or `module golib`.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", if self.is_service { "service" } else { "module" }, self.name)
    }
}

/// The answer of the map about a path.
#[derive(Debug)]
pub(crate) struct Verdict<'m> {
    /// Who owns it, each with the glob.
    pub(crate) owners: Vec<(usize, &'m MapGlob)>,
    /// The glob by which it affects every service.
    pub(crate) all: Option<&'m MapGlob>,
    is_ignored: bool,
}

impl Verdict<'_> {
    /// Whether nothing in the map names the path.
    pub(crate) fn is_unmapped(&self) -> bool {
        self.owners.is_empty() && self.all.is_none() && !self.is_ignored
    }
}

/// The map: services and modules in the order of their names, and which of them is built from which.
#[derive(Debug, Default)]
pub(crate) struct Map {
    pub(crate) unmapped: Unmapped,
    pub(crate) ignore: Globs,
    pub(crate) all: Globs,
    pub(crate) owners: Vec<Owner>,
    /// The place of `spec`.
    pub(crate) place: Place,
}

impl Map {
    /// Builds the map from its configuration. `node` is the tree of it, for places. All mistakes go to the report.
    pub(crate) fn new(spec: &PathMap, node: &Node, report: &mut Report) -> Self {
        let mut owners = Vec::new();
        let mut add = |kind: &str, name: &str, paths: &[String]| {
            let paths = Globs::new(paths, node.at(&[kind, name, "paths"]), report);
            let place = key_place(node, kind, name);
            let (name, is_service) = (name.to_owned(), kind == "services");
            let (uses, with) = (Vec::new(), Vec::new());
            owners.push(Owner { name, is_service, paths, uses, with, place });
        };
        for (name, module) in &spec.modules {
            add("modules", name, &module.paths);
        }
        for (name, service) in &spec.services {
            add("services", name, &service.paths);
        }
        let ignore = Globs::new(&spec.ignore, node.get("ignore"), report);
        let all = Globs::new(&spec.all, node.get("all"), report);
        owners.sort_by(|a, b| (&a.name, a.is_service).cmp(&(&b.name, b.is_service)));
        let mut map = Self { unmapped: spec.unmapped, ignore, all, owners, place: node.place };
        map.check_names(report);
        map.link(spec, node, report);
        map
    }

    /// Finds the owners of a path, and whether it is global or ignored.
    pub(crate) fn ask(&self, path: &str) -> Verdict<'_> {
        let owners = self.owners.iter().enumerate();
        let owners = owners.filter_map(|(index, owner)| Some((index, owner.paths.find(path)?)));
        Verdict {
            owners: owners.collect(),
            all: self.all.find(path),
            is_ignored: self.ignore.find(path).is_some(),
        }
    }

    /// Every list of globs, with its field, and the service or module that has it.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (String, Option<&Owner>, &Globs)> {
        let of_owners = self.owners.iter().map(|owner| {
            let kind = if owner.is_service { "services" } else { "modules" };
            (format!("{kind}.{}.paths", owner.name), Some(owner), &owner.paths)
        });
        let own = [("ignore", &self.ignore), ("all", &self.all)];
        own.into_iter().map(|(name, globs)| (name.to_owned(), None, globs)).chain(of_owners)
    }

    /// Marks the globs that cover one of these paths as used.
    pub(crate) fn note<'p>(&self, paths: impl IntoIterator<Item = &'p str>) {
        let lists: Vec<&Globs> = self.lists().map(|(_, _, globs)| globs).collect();
        for path in paths {
            lists.iter().for_each(|globs| globs.note(path));
        }
    }

    fn check_names(&self, report: &mut Report) {
        for owner in self.owners.iter().filter(|owner| !is_name(&owner.name, owner.is_service)) {
            let message = format!("`{}` cannot name a {}", short(&owner.name), kind(owner));
            let help = match owner.is_service {
                true => {
                    "a name is a line and an argument of other programs: write letters, digits, `-`, `_` and \
                     `.`, the first a letter or digit"
                }
                false => {
                    "write letters, digits, `-`, `_`, `.`, `/` and `@`; it does not begin with `-`"
                }
            };
            report.push(Diagnostic::new(&code::BAD_NAME, message, help).at(owner.place, ""));
        }
        for two in self.owners.windows(2).filter(|two| two[0].name == two[1].name) {
            let message = format!("`{}` is both a module and a service", two[0].name);
            let help = "rename one of the two: `uses` could mean either";
            report.push(
                Diagnostic::new(&code::DUPLICATE_NAME, message, help)
                    .at(two[1].place, "the service")
                    .also(two[0].place, "the module"),
            );
        }
    }

    /// Resolves the names in `uses` and `with`.
    fn link(&mut self, spec: &PathMap, node: &Node, report: &mut Report) {
        let owners = self.owners.iter().enumerate();
        let names = ordered(owners.map(|(index, one)| (one.name.as_str(), index)));
        let modules = spec.modules.iter().map(|(name, one)| ("modules", name, "uses", &one.uses));
        let services = spec.services.iter().flat_map(|(name, one)| {
            [("services", name, "uses", &one.uses), ("services", name, "with", &one.with)]
        });
        let mut links = Vec::new();
        for (kind, name, field, wanted) in modules.chain(services) {
            let list = node.at(&[kind, name, field]);
            let only_services = field == "with";
            for (index, one) in wanted.iter().enumerate() {
                let place = list.and_then(|list| list.items().get(index)).map(|node| node.place);
                let found = names.get(one.as_str()).copied();
                match found.filter(|&found| !only_services || self.owners[found].is_service) {
                    Some(found) => links.push((names[name.as_str()], field, found)),
                    None => {
                        let error = self.unknown(one, found.is_some(), only_services);
                        let path = format!("{kind}.{name}.{field}[{index}]");
                        report.push(error.at(place.unwrap_or_default(), "").field(path));
                    }
                }
            }
        }
        for (from, field, to) in links {
            let owner = &mut self.owners[from];
            if field == "with" { owner.with.push(to) } else { owner.uses.push(to) }
        }
    }

    fn unknown(&self, name: &str, is_module: bool, only_services: bool) -> Diagnostic {
        if is_module {
            let message = format!("`{name}` is a module, and `with` takes services");
            let help = format!("a module goes into no preview; write `uses: [{name}]`");
            return Diagnostic::new(&code::UNKNOWN_OWNER, message, help);
        }
        let known = self.owners.iter().filter(|owner| owner.is_service || !only_services);
        let near = nearest(name, known.map(|owner| owner.name.as_str()));
        let what = if only_services { "service" } else { "module or service" };
        let message = format!("the map has no {what} `{name}`");
        let help = near.map_or_else(
            || format!("add `{name}` to the map, or take it out here"),
            |near| format!("did you mean `{near}`?"),
        );
        Diagnostic::new(&code::UNKNOWN_OWNER, message, help)
    }
}

/// Whether a text can name a service. Modules are freer, as no other program sees their names.
fn is_name(text: &str, is_service: bool) -> bool {
    let more = if is_service { "-_." } else { "-_./@" };
    let begins = |c: char| c.is_alphanumeric() || !is_service && c != '-';
    text.starts_with(begins) && text.chars().all(|c| c.is_alphanumeric() || more.contains(c))
}

fn kind(owner: &Owner) -> &'static str {
    if owner.is_service { "service" } else { "module" }
}

/// The place of the key of an entry.
fn key_place(node: &Node, kind: &str, name: &str) -> Place {
    let entries = node.get(kind).map(Node::entries).unwrap_or_default();
    let key = entries.iter().find(|(key, _)| key.text == name);
    key.map_or(node.place, |(key, _)| key.place)
}
