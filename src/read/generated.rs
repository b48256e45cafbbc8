//! Finds the first names of what the kustomizations of a folder generate. The output of a build has only the last
//! name of each, with all prefixes and suffixes, but people write the first.

use std::path::Path;

use smol_str::{SmolStr, format_smolstr};

use super::baseline::read_bytes;
use super::folder::KUSTOMIZATION;
use crate::diagnostic::Sources;
use crate::kube::{Object, names};
use crate::limits::InputLimits;
use crate::yaml::{Node, parse_documents};

/// An object that a kustomization generates.
#[derive(Debug, Clone)]
pub(super) struct Generated {
    kind: &'static str,
    /// Its names in the order it got them, without the hash.
    names: Vec<SmolStr>,
}

impl Generated {
    /// The objects that the kustomization of a folder generates, and those that it builds upon.
    pub(super) fn by(folder: &Path, limits: &InputLimits) -> Vec<Self> {
        /// More kustomizations than anybody has. A limit, because each can name several others.
        const MOST: usize = 10_000;
        Reader { limits, left: MOST, depth: 0 }.generated(folder, Vec::new())
    }

    /// Records in an object of a build which names it had.
    pub(super) fn tell(all: &[Self], object: &mut Object) {
        if !all.is_empty() && names::is_generated(object) {
            let is_this = |one: &&Self| {
                let last = one.names.last().map(SmolStr::as_str);
                one.kind == object.id.kind
                    && [Some(object.id.name.as_str()), names::without_hash(&object.id.name)]
                        .contains(&last)
            };
            let earlier = all.iter().filter(is_this).flat_map(|one| one.names.iter().rev().skip(1));
            object.earlier_names = earlier.cloned().collect();
        }
    }
}

struct Reader<'b> {
    limits: &'b InputLimits,
    /// How many kustomizations may still be read.
    left: usize,
    /// How many kustomizations are open, each named by the one before.
    depth: usize,
}

/// More levels than anybody has. kustomize itself refuses those that name each other.
const DEEPEST: usize = 50;

/// The length limit of names in Kubernetes.
const LONGEST: usize = 253;

impl Reader<'_> {
    /// The generated objects after the kustomization of a folder has changed the `given` ones. Only a component is given
    /// any: those of the kustomization that names it. Errors are left for kustomize to report.
    fn generated(&mut self, folder: &Path, given: Vec<Generated>) -> Vec<Generated> {
        let Some(document) = self.read(folder).filter(|_| self.depth < DEEPEST) else {
            return given;
        };
        self.depth += 1;
        let texts = |field: &str| {
            let items = document.get(field).map(Node::items).unwrap_or_default();
            items.iter().filter_map(Node::text).collect::<Vec<_>>()
        };
        let mut all = given;
        for base in [texts("resources"), texts("bases")].concat() {
            all.extend(self.generated(&folder.join(base), Vec::new()));
        }
        for (field, kind) in [("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")] {
            for generator in document.get(field).map(Node::items).unwrap_or_default() {
                // Other behaviours change an object that exists.
                let creates =
                    matches!(generator.text_at(&["behavior"]), None | Some("" | "create"));
                let name = generator.text_at(&["name"]).filter(|_| creates);
                let names = name.map(|name| vec![name.into()]);
                all.extend(names.map(|names| Generated { kind, names }));
            }
        }
        for component in texts("components") {
            all = self.generated(&folder.join(component), all);
        }
        let text = |field| document.text_at(&[field]).unwrap_or_default();
        let (prefix, suffix) = (text("namePrefix"), text("nameSuffix"));
        if !prefix.is_empty() || !suffix.is_empty() {
            let added = prefix.len() + suffix.len();
            all.retain(|one| one.names.iter().all(|name| name.len() + added <= LONGEST));
            for Generated { names, .. } in &mut all {
                let next = names.last().map(|name| format_smolstr!("{prefix}{name}{suffix}"));
                names.extend(next);
            }
        }
        self.depth -= 1;
        all
    }

    fn read(&mut self, folder: &Path) -> Option<Node> {
        self.left = self.left.checked_sub(1)?;
        let path =
            KUSTOMIZATION.iter().map(|name| folder.join(name)).find(|path| path.is_file())?;
        let bytes = read_bytes(&path, self.limits.bytes as u64).ok()?;
        let mut sources = Sources::default();
        let file = sources.add("kustomization", String::from_utf8(bytes).ok()?);
        parse_documents(&sources, file, self.limits).ok()?.into_iter().next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_and_component_gives_its_prefix_to_what_it_has() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            let folder = folder.path().join(name);
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(folder.join("kustomization.yaml"), text).expect("written");
        };
        write("base", "configMapGenerator: [{name: settings}]\nsecretGenerator: [{name: creds}]\n");
        write(
            "part",
            "kind: Component\nnamePrefix: part-\nconfigMapGenerator: [{name: own}, {name: creds, behavior: merge}]\n",
        );
        write(
            "middle",
            "namePrefix: mid-\nnameSuffix: -mid\nresources: [../base, none.yaml]\ncomponents: [../part]\n\
             configMapGenerator: [{name: settings, behavior: merge}]\n",
        );
        write("top", "resources: [../middle, ../top]\nnamePrefix: top-\n");
        let all = Generated::by(&folder.path().join("top"), &InputLimits::default());
        let names: Vec<String> =
            all.iter().map(|one| format!("{} {}", one.kind, one.names.join(" "))).collect();
        let unprefixed = &names[..3];
        assert_eq!(
            unprefixed,
            [
                "ConfigMap settings part-settings mid-part-settings-mid top-mid-part-settings-mid",
                "Secret creds part-creds mid-part-creds-mid top-mid-part-creds-mid",
                "ConfigMap own part-own mid-part-own-mid top-mid-part-own-mid",
            ]
        );
    }
}
