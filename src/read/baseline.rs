//! Reads the two inputs of the command line: previews.yaml, and the paths of a baseline.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::generated::Generated;
use super::inside::{NO_FILE, check_inside, is_device};
use super::{add_objects, folder, is_previews, text_of};
use crate::diagnostic::{Diagnostic, FileId, Origin, Place, Refused, Report, Sources, code};
use crate::kube::{Object, names};
use crate::limits::{InputLimits, too_many_bytes, too_many_nodes};
use crate::spec::{AFFECTED_KIND, API_VERSION, KIND};
use crate::yaml::{Node, parse_counted, parse_documents};

/// Reads a path of the command line, or stdin for `-`, into `sources`. In a pull request any file can be a link: one
/// that leads elsewhere is not followed, and a FIFO is not waited for.
///
/// # Errors
/// The path is not a file, or leads elsewhere, or [`read_file`] fails.
pub(crate) fn read_argument(
    path: &Path,
    sources: &mut Sources,
    limits: &InputLimits,
) -> Result<FileId, Refused> {
    if path != Path::new("-") {
        check_argument(path)?;
    }
    read_file(path, sources, limits)
}

fn check_argument(path: &Path) -> Result<(), Refused> {
    let is_pipe = |path: &Path| {
        let kind = path.metadata().map(|metadata| metadata.file_type());
        kind.is_ok_and(|kind| !kind.is_file() && !kind.is_dir()) && !is_device(path)
    };
    let checked = check_inside(path).and_then(|()| match is_pipe(path) {
        true => Err(NO_FILE.to_owned()),
        false => Ok(()),
    });
    checked.map_err(|why| {
        Diagnostic::new(
            &code::UNREADABLE,
            format!("{} is not read: {why}", path.display()),
            "name the file itself; a link may lead to files of the same repository",
        )
        .into()
    })
}

/// Reads a file, or stdin for `-`, into `sources`.
///
/// # Errors
/// The file cannot be read or is not UTF-8, or all texts of the run together are too large.
pub(crate) fn read_file(
    path: &Path,
    sources: &mut Sources,
    limits: &InputLimits,
) -> Result<FileId, Refused> {
    let (origin, name) = match path == Path::new("-") {
        true => (Origin::Stdin, "<stdin>".to_owned()),
        false => (Origin::File, path.display().to_string()),
    };
    // One byte more than allowed, to notice that there is more: the text may have no end.
    let left = limits.bytes.saturating_sub(sources.bytes()) as u64;
    let most = left.saturating_add(1);
    let read = if origin == Origin::Stdin {
        let mut bytes = Vec::new();
        std::io::stdin().take(most).read_to_end(&mut bytes).map(|_| bytes)
    } else {
        read_bytes(path, most)
    };
    let bytes = read.map_err(|error| {
        Diagnostic::new(
            &code::UNREADABLE,
            format!("{name} cannot be read: {error}"),
            "check the path and its permissions",
        )
    })?;
    let text = text_within(&name, bytes, sources, limits)?;
    Ok(sources.add_from(origin, name, text))
}

/// Decodes the bytes of a text that is not among the others yet. One byte over the limit means that there are more.
///
/// # Errors
/// They are not UTF-8, or all texts of the run together are too large.
pub(crate) fn text_within(
    name: &str,
    bytes: Vec<u8>,
    others: &Sources,
    limits: &InputLimits,
) -> Result<String, Refused> {
    if others.bytes().saturating_add(bytes.len()) > limits.bytes {
        return Err(too_many_bytes(name, limits).into());
    }
    text_of(name, bytes)
}

/// Reads a file, up to this many bytes.
pub(super) fn read_bytes(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let size = file.metadata().map_or(0, |metadata| metadata.len()).min(most);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads previews.yaml: exactly one document.
///
/// # Errors
/// It cannot be read, or is not exactly one document.
pub(crate) fn read_config(
    path: &Path,
    sources: &mut Sources,
    limits: &InputLimits,
) -> Result<Node, Refused> {
    let file = read_argument(path, sources, limits)?;
    parse_config(sources, file, limits)
}

/// Reads a map of paths, which can also be part of a previews.yaml: exactly one document.
///
/// # Errors
/// It cannot be read, or is not exactly one document.
pub(crate) fn read_map(
    path: &Path,
    sources: &mut Sources,
    limits: &InputLimits,
) -> Result<Node, Refused> {
    let file = read_argument(path, sources, limits)?;
    one_document(sources, file, limits, AFFECTED_KIND)
}

/// Parses previews.yaml: exactly one document.
///
/// # Errors
/// It is not exactly one document.
pub(crate) fn parse_config(
    sources: &Sources,
    file: FileId,
    limits: &InputLimits,
) -> Result<Node, Refused> {
    one_document(sources, file, limits, KIND)
}

fn one_document(
    sources: &Sources,
    file: FileId,
    limits: &InputLimits,
    kind: &str,
) -> Result<Node, Refused> {
    let mut nodes = parse_documents(sources, file, limits)?;
    if nodes.len() == 1 {
        return Ok(nodes.remove(0));
    }
    let name = &sources.get(file).name;
    let message = match nodes.len() {
        0 => format!("{name} is empty"),
        count => format!("{name} holds {count} documents"),
    };
    let help = format!("write exactly one document of apiVersion {API_VERSION}, kind {kind}");
    let error = Diagnostic::new(&code::CONFIG_FIELD, message, help);
    Err(Refused::from(match nodes.get(1) {
        Some(second) => error.at(second.place, "a second document begins here"),
        None => error,
    }))
}

/// A text of a baseline.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(super) file: FileId,
    /// Whether the user named the file itself, and not a folder around it.
    pub(super) is_named: bool,
    /// The objects in it that kustomizations generated.
    pub(super) generated: Arc<[Generated]>,
}

impl Opened {
    /// A text in which nothing was generated.
    pub(super) fn plain(file: FileId, is_named: bool) -> Self {
        Self { file, is_named, generated: Arc::default() }
    }
}

/// Reads the texts of a baseline into `sources`: each path is a file, a folder, a folder with a kustomization.yaml,
/// or `-` for stdin. The files of a build have to be in the repository; without Git that is the root of
/// previews.yaml.
pub(crate) fn open_baseline(
    paths: &[impl AsRef<Path>],
    source_root: &Path,
    sources: &mut Sources,
    limits: &InputLimits,
    report: &mut Report,
) -> Vec<Opened> {
    let mut files = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        if path.is_dir() {
            if report.keep(check_argument(path)).is_some() {
                files.extend(folder::read_folder(path, source_root, sources, limits, report));
            }
            continue;
        }
        let file = report.keep(read_argument(path, sources, limits));
        files.extend(file.map(|file| Opened::plain(file, path != Path::new("-"))));
    }
    files
}

/// The finding that a file named as part of the baseline is a previews.yaml.
fn no_baseline(sources: &Sources, node: &Node) -> Diagnostic {
    let name = &sources.get(node.place.file()).name;
    let message = format!("{name} is of kind Previews, and no part of a baseline");
    let help = "--baseline takes the manifests of one path, and is repeated for more; the previews file \
                stands alone";
    let start = node.place.range().start;
    let place = Place::new(node.place.file(), start, start);
    Diagnostic::new(&code::NOT_AN_OBJECT, message, help).at(place, "this document")
}

/// A text with more nodes than this is large compared with the limit of nodes.
const LARGE: usize = 1 << 20;

/// How many nodes a text can make at most.
fn most_nodes(text: &str, limits: &InputLimits) -> usize {
    let may_have_aliases = memchr::memchr(b'*', text.as_bytes()).is_some();
    let aliases = if may_have_aliases { limits.alias_nodes } else { 0 };
    text.len().saturating_add(aliases)
}

/// Parses the texts of a baseline, on every core.
pub(crate) fn parse_baseline(
    sources: &Sources,
    files: &[Opened],
    limits: &InputLimits,
    report: &mut Report,
) -> Vec<Object> {
    let nodes = AtomicUsize::new(0);
    let parse = |opened: &Opened| {
        let Opened { file, is_named, ref generated } = *opened;
        let (mut objects, mut report) = (Vec::new(), Report::default());
        let left = limits.nodes.saturating_sub(nodes.load(Ordering::Relaxed));
        let (read, count) = parse_counted(sources, file, &InputLimits { nodes: left, ..*limits });
        nodes.fetch_add(count, Ordering::Relaxed);
        for node in report.keep(read).into_iter().flatten() {
            if is_named && is_previews(&node) {
                report.push(no_baseline(sources, &node));
            }
            add_objects(node, &mut objects, &mut report);
        }
        for object in &mut objects {
            names::forget(&mut object.node);
            Generated::tell(generated, object);
        }
        sources.unquote(report.iter_mut());
        (objects, report)
    };
    // Two large texts at the same time could each take what is left of the limit.
    let is_large = |opened: &&Opened| most_nodes(&sources.get(opened.file).text, limits) > LARGE;
    let mut large = files.iter().filter(is_large).map(parse).collect::<Vec<_>>().into_iter();
    let small: Vec<_> = files.par_iter().filter(|file| !is_large(file)).map(parse).collect();
    let mut small = small.into_iter();
    let in_order =
        files.iter().filter_map(|file| if is_large(&file) { large.next() } else { small.next() });
    let parsed: Vec<(Vec<Object>, Report)> = in_order.collect();
    if nodes.into_inner() > limits.nodes && files.len() > 1 {
        // Which file crossed the limit depends on timing, so none is named.
        report.push(too_many_nodes(limits));
        return Vec::new();
    }
    let (objects, reports): (Vec<_>, Vec<_>) = parsed.into_iter().unzip();
    reports.into_iter().for_each(|one| report.absorb(one));
    objects.into_iter().flatten().collect()
}
