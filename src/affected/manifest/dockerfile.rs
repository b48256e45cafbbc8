//! Dockerfile: the files that enter an image. See <https://docs.docker.com/reference/dockerfile/>.

use std::rc::Rc;

use super::{By, Claim, Claims, Ignored, Manifest, Manifests, folder_of, join};
use crate::affected::glob::Glob;
use crate::diagnostic::Place;

pub(super) fn has(name: &str) -> bool {
    is_dockerfile(name) || name.ends_with(".dockerignore")
}

fn is_dockerfile(name: &str) -> bool {
    let is_named = |stem: &str| {
        let behind =
            name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        behind && !name.ends_with(".dockerignore") || name.ends_with(&format!(".{stem}"))
    };
    is_named("Dockerfile") || is_named("Containerfile") || name.ends_with(".dockerfile")
}

pub(super) fn read(manifests: &Manifests<'_>, claims: &mut Claims) {
    for manifest in manifests.named(is_dockerfile) {
        let sources = sources(&manifest);
        let stated = claims.contexts.get(manifest.path).cloned();
        let likely = || (likely_context(manifests, &manifest, &sources), String::new());
        let contexts = stated.unwrap_or_else(|| [likely()].into());
        for (context, service) in contexts {
            let ignored = Rc::new(ignored(manifests, &manifest, &context));
            // The image belongs to the owner of the Dockerfile, and to the service for which a manifest builds it.
            let mut by = vec![By::File(manifest.path.to_owned())];
            by.extend(Some(service).filter(|name| !name.is_empty()).map(By::Service));
            let image = Image { manifest, context, ignored, by };
            sources.iter().for_each(|source| image.add(manifests, source, claims));
        }
    }
}

/// A path that an instruction takes from the context.
struct Source {
    path: String,
    place: Place,
}

/// An image: a Dockerfile with its build context.
struct Image<'a> {
    manifest: Manifest<'a>,
    context: String,
    ignored: Rc<Ignored>,
    by: Vec<By>,
}

impl Image<'_> {
    fn add(&self, manifests: &Manifests<'_>, source: &Source, claims: &mut Claims) {
        let plain = source.path.split('$').next().unwrap_or_default();
        if plain != source.path {
            // The copied files are below the last folder without a wildcard. If none is tracked, an earlier build made them.
            let below = join(&self.context, folder_of(plain));
            if below.is_some_and(|folder| !manifests.below(&folder).is_empty()) {
                let what = format!("`{}`, whose variable", source.path);
                claims.unread(&self.manifest, &what, "the audit does not know", source.place);
            }
            return;
        }
        for path in meant(manifests, &self.context, &source.path) {
            claims.read.extend(self.by.iter().map(|by| Claim {
                by: by.clone(),
                manifest: self.manifest.path.to_owned(),
                verb: "copies".to_owned(),
                place: source.place,
                path: path.clone(),
                is_package: false,
                ignored: Some(Rc::clone(&self.ignored)),
            }));
        }
    }
}

/// The tracked files and folders that a source matches in a context.
fn meant(manifests: &Manifests<'_>, context: &str, source: &str) -> Vec<String> {
    let source = source.trim_start_matches('/');
    let Some(path) = join(context, source) else { return Vec::new() };
    if !source.contains(['*', '?', '[']) {
        let is_there = !manifests.below(&path).is_empty();
        return if is_there { vec![path] } else { Vec::new() };
    }
    // Braces have no meaning in a Dockerfile.
    let text = path.replace('{', "\\{").replace('}', "\\}");
    let (Ok(itself), Ok(below)) = (Glob::new(&text), Glob::new(&format!("{text}/**"))) else {
        return Vec::new();
    };
    let files = manifests.files.iter();
    files.filter(|file| itself.covers(file) || below.covers(file)).cloned().collect()
}

/// The likely context: the folder with the most of the sources, either that of the Dockerfile or the nearest above
/// it.
fn likely_context(
    manifests: &Manifests<'_>,
    manifest: &Manifest<'_>,
    sources: &[Source],
) -> String {
    let held = |context: &str| {
        let is_there = |source: &&Source| !meant(manifests, context, &source.path).is_empty();
        sources.iter().filter(is_there).count()
    };
    let mut folder = folder_of(manifest.path);
    let mut best = (held(folder), folder);
    while !folder.is_empty() {
        folder = folder_of(folder);
        let count = held(folder);
        if count > best.0 {
            best = (count, folder);
        }
    }
    best.1.to_owned()
}

/// The patterns of the Dockerfile's ignore file, or else of the context's.
fn ignored(manifests: &Manifests<'_>, manifest: &Manifest<'_>, context: &str) -> Ignored {
    let own = manifests.at(&format!("{}.dockerignore", manifest.path));
    let of_context = || manifests.at(&join(context, ".dockerignore")?);
    let Some(file) = own.or_else(of_context) else { return Ignored::default() };
    let mut lines = Vec::new();
    for line in file.text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let (leaves_out, line) = line.strip_prefix('!').map_or((true, line), |rest| (false, rest));
        let path = line.trim().trim_start_matches("./").trim_matches('/');
        let path = path.replace('{', "\\{").replace('}', "\\}");
        let globs = [path.clone(), format!("{path}/**")].into_iter().filter(|_| !path.is_empty());
        lines.extend(globs.filter_map(|glob| Some((leaves_out, Glob::new(&glob).ok()?))));
    }
    Ignored { folder: context.to_owned(), lines }
}

/// What the instructions of a Dockerfile take from the context.
fn sources(manifest: &Manifest<'_>) -> Vec<Source> {
    let mut sources = Vec::new();
    for (instruction, text, place) in instructions(manifest) {
        let paths = match instruction.to_ascii_uppercase().as_str() {
            "COPY" | "ADD" => copied(&text),
            "RUN" => mounted(&text),
            _ => Vec::new(),
        };
        sources.extend(paths.into_iter().map(|path| Source { path, place }));
    }
    sources
}

/// Each instruction with its arguments. Continued lines are joined, and heredocs (`<<EOF`) are left out.
fn instructions<'t>(manifest: &Manifest<'t>) -> Vec<(&'t str, String, Place)> {
    let mut instructions: Vec<(&str, String, Place)> = Vec::new();
    let (mut at, mut goes_on) = (0, false);
    // A directive in the first lines can set another escape character, as on Windows.
    let mut escape = '\\';
    let mut lines = manifest.text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        let (start, text) = (at, line.trim());
        at += line.len();
        if let Some(directive) = text.strip_prefix('#').filter(|_| instructions.is_empty()) {
            let directive = directive.split_once('=').filter(|(key, _)| key.trim() == "escape");
            escape = directive.and_then(|(_, value)| value.trim().chars().next()).unwrap_or(escape);
        }
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (part, next) = match text.strip_suffix(escape) {
            Some(part) => (part, true),
            None => (text, false),
        };
        if let Some((_, arguments, _)) = instructions.last_mut().filter(|_| goes_on) {
            arguments.push(' ');
            arguments.push_str(part);
        } else {
            let (word, rest) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
            let place = manifest.place(start, start + line.trim_end().len());
            instructions.push((word, rest.to_owned(), place));
        }
        goes_on = next;
        let words =
            instructions.last().map(|(_, arguments, _)| arguments.clone()).unwrap_or_default();
        for end in heredocs(&words).into_iter().filter(|_| !next) {
            for line in lines.by_ref() {
                at += line.len();
                if line.trim() == end {
                    break;
                }
            }
        }
    }
    instructions
}

/// The delimiters of the heredocs of an instruction: `EOF` of `<<EOF`.
fn heredocs(arguments: &str) -> Vec<String> {
    let words = arguments.split_whitespace();
    let ends =
        words.filter_map(|word| word.strip_prefix("<<")).filter(|word| !word.starts_with('<'));
    let ends = ends.map(|word| word.trim_start_matches('-').trim_matches(['"', '\'']).to_owned());
    ends.filter(|end| !end.is_empty()).collect()
}

/// The sources of `COPY` and `ADD`: all paths but the last, unless they come from another stage or image.
fn copied(arguments: &str) -> Vec<String> {
    let mut rest = arguments.trim();
    while rest.starts_with("--") {
        let (flag, behind) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        if flag.starts_with("--from=") {
            return Vec::new();
        }
        rest = behind.trim_start();
    }
    let mut paths: Vec<String> = match serde_json::from_str(rest) {
        Ok(paths) => paths,
        Err(_) => {
            rest.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect()
        }
    };
    paths.pop();
    let is_local = |path: &String| {
        !path.contains("://") && !path.starts_with("git@") && !path.starts_with("<<")
    };
    paths.retain(is_local);
    paths
}

/// The folders of the context that `RUN --mount=type=bind` shows to a command.
fn mounted(arguments: &str) -> Vec<String> {
    let mounts = arguments.split_whitespace().filter_map(|word| word.strip_prefix("--mount="));
    let bound = mounts.filter_map(|mount| {
        let option = |names: &[&str]| {
            let mut options = mount.split(',').filter_map(|option| option.split_once('='));
            options.find(|(name, _)| names.contains(name)).map(|(_, value)| value)
        };
        let is_bound = option(&["type"]).unwrap_or("bind") == "bind" && option(&["from"]).is_none();
        is_bound.then(|| option(&["source", "src"]).unwrap_or(".").to_owned())
    });
    bound.collect()
}
