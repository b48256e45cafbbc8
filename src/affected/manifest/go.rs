//! go.mod and go.work: modules of the same repository. See <https://go.dev/ref/mod>.

use std::collections::BTreeMap;

use super::{Claims, Manifest, Manifests, folder_of, join, name_of, relative};
use crate::diagnostic::Place;

pub(super) fn has(name: &str) -> bool {
    matches!(name, "go.mod" | "go.work")
}

pub(super) fn read(manifests: &Manifests<'_>, claims: &mut Claims) {
    let files: Vec<(Manifest<'_>, Vec<Line<'_>>)> =
        manifests.named(has).map(|manifest| (manifest, lines(&manifest))).collect();
    // Modules that a go.work lists, or by which it replaces others, come from the repository, whatever version is
    // required.
    let mut used: BTreeMap<&str, &str> = BTreeMap::new();
    for (manifest, lines) in
        files.iter().filter(|(manifest, _)| name_of(manifest.path) == "go.work")
    {
        let module = |folder: &str| {
            let path = join(folder_of(manifest.path), &format!("{folder}/go.mod"));
            files.iter().find(|(one, _)| Some(one.path) == path.as_deref())
        };
        for line in lines.iter().filter(|line| line.directive == "use") {
            let folder = line.arguments.first().copied().unwrap_or_default();
            claims.add_package(manifest, "uses", &format!("{folder}/go.mod"), line.place);
            if let Some((module, lines)) = module(folder) {
                let named = lines.iter().find(|line| line.directive == "module");
                let name = named.and_then(|line| line.arguments.first());
                used.extend(name.map(|name| (*name, module.path)));
            }
        }
        for line in lines.iter().filter(|line| line.directive == "replace") {
            if let [name, .., folder] = line.arguments.as_slice() {
                used.extend(module(folder).map(|(module, _)| (*name, module.path)));
            }
        }
    }
    for (manifest, lines) in &files {
        for line in lines {
            match (line.directive, line.arguments.as_slice()) {
                ("replace", [name, .., target]) if target.starts_with('.') => {
                    let verb = format!("replaces module `{name}` by");
                    let file = format!("{target}/go.mod");
                    claims.add_package(manifest, &verb, &file, line.place);
                }
                ("require", [name, ..]) => {
                    if let Some(path) = used.get(name) {
                        let verb = format!("requires module `{name}`,");
                        let path = relative(manifest.path, path);
                        claims.add_package(manifest, &verb, &path, line.place);
                    }
                }
                _ => {}
            }
        }
    }
}

/// A line of a file: `directive arguments`, also of a block `directive ( ... )`.
struct Line<'t> {
    directive: &'t str,
    arguments: Vec<&'t str>,
    place: Place,
}

fn lines<'t>(manifest: &Manifest<'t>) -> Vec<Line<'t>> {
    let (mut block, mut lines, mut at) = (None, Vec::new(), 0);
    for line in manifest.text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let code = line.split("//").next().unwrap_or_default();
        let arguments = code.split_whitespace().filter(|word| *word != "=>");
        let mut arguments: Vec<&str> =
            arguments.map(|word| word.trim_matches(['"', '`'])).collect();
        if arguments == [")"] {
            block = None;
            continue;
        }
        if arguments.len() == 2 && arguments[1] == "(" {
            block = Some(arguments[0]);
            continue;
        }
        if arguments.is_empty() {
            continue;
        }
        let directive = block.unwrap_or_else(|| arguments.remove(0));
        let place = manifest.place(start, start + line.trim_end().len());
        lines.push(Line { directive, arguments, place });
    }
    lines
}
