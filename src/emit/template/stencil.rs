//! Stencils: objects as text with holes, written once and filled for each preview without a tree.
//!
//! A stencil is cut from an ordinary object that was made with [placeholders](crate::yaml::placeholder) for the
//! values that differ between previews.

use smol_str::{SmolStr, SmolStrBuilder};

use super::values::{HoleValues, PreviewValues};
use crate::diagnostic::Sources;
use crate::kube::Rank;
use crate::kube::kinds::rank;
use crate::kube::{Id, Key, Object};
use crate::limits::InputLimits;
use crate::yaml::placeholder::{self, Placeholder};
use crate::yaml::{Node, parse_documents, write_document};

/// A hole in a text.
#[derive(Debug)]
struct Hole {
    /// Bytes of the text before it.
    at: usize,
    /// What it stands for.
    placeholder: Placeholder,
    /// The indentation of further lines of a value.
    indent: usize,
}

impl Hole {
    /// The hole of a placeholder behind this text.
    fn behind(text: &str, placeholder: Placeholder) -> Self {
        let line = text.rfind('\n').map_or(0, |end| end + 1);
        let value = text[line..].trim_start_matches(' ');
        let value = value.trim_start_matches("- ");
        let start = text.len() - line - value.len();
        // Further lines of a value are indented below its key, or beside the dash of its item.
        Self {
            at: text.len(),
            placeholder,
            indent: if value.is_empty() { start } else { start + 2 },
        }
    }

    /// The filling of the hole. `first` is the index of the template's first value among those of the preview.
    fn filling<'a>(&self, values: HoleValues<'a>, first: usize) -> &'a str {
        match self.placeholder {
            Placeholder::Name => values.name,
            Placeholder::Namespace => values.namespace,
            Placeholder::Value(number) => values.others.value(first + number),
        }
    }

    /// The length of a filling.
    fn length(&self, filling: &str) -> usize {
        filling.len() + further_lines(filling).count() * self.indent
    }

    /// Appends a filling to a text.
    fn fill(&self, filling: &str, out: &mut String) {
        let mut from = 0;
        // Names have one line.
        let lines =
            matches!(self.placeholder, Placeholder::Value(_)).then(|| further_lines(filling));
        for line in lines.into_iter().flatten() {
            out.push_str(&filling[from..line]);
            out.extend(std::iter::repeat_n(' ', self.indent));
            from = line;
        }
        out.push_str(&filling[from..]);
    }
}

/// The starts of the lines of a value that are indented: all but the first, and not empty ones.
fn further_lines(value: &str) -> impl Iterator<Item = usize> {
    let starts = memchr::memchr_iter(b'\n', value.as_bytes()).map(|end| end + 1);
    starts.filter(|&start| value.as_bytes().get(start).is_some_and(|&byte| byte != b'\n'))
}

/// A text with holes.
#[derive(Debug)]
pub(in crate::emit) struct Template {
    text: SmolStr,
    /// In order.
    holes: Vec<Hole>,
    /// How many holes are for the name.
    names: usize,
    /// How many holes are for the namespace.
    namespaces: usize,
}

/// The longest line in a template. From 257 characters on, a text is quoted.
const LONGEST: usize = 256;

impl Template {
    /// Cuts a text at its placeholders; `None` if the length of a name decides whether something is quoted.
    pub(in crate::emit) fn cut(whole: &str) -> Option<Self> {
        if placeholder::lines(whole).any(may_be_too_long) {
            return None;
        }
        let (placeholders, end) = placeholder::split(whole)?;
        let mut text = String::with_capacity(whole.len());
        let mut holes = Vec::with_capacity(placeholders.len());
        for (before, placeholder) in placeholders {
            text.push_str(before);
            holes.push(Hole::behind(&text, placeholder));
        }
        text.push_str(end);
        let count = |wanted| holes.iter().filter(|hole: &&Hole| hole.placeholder == wanted).count();
        let (names, namespaces) = (count(Placeholder::Name), count(Placeholder::Namespace));
        Some(Self { text: text.into(), names, namespaces, holes })
    }

    /// Whether it is the namespace of a preview.
    fn is_namespace(&self) -> bool {
        self.text.is_empty() && self.namespaces == 1 && self.holes.len() == 1
    }

    /// The length of the filled text. `first` is the index of the template's first value.
    fn length(&self, values: HoleValues<'_>, first: usize) -> usize {
        let filled = self.names * values.name.len() + self.namespaces * values.namespace.len();
        // Most templates have no other holes, so theirs need not be visited.
        let only_names = self.names + self.namespaces == self.holes.len();
        let others = if only_names { &[] } else { self.holes.as_slice() };
        let others = others.iter().filter(|hole| matches!(hole.placeholder, Placeholder::Value(_)));
        let others = others.map(|hole| hole.length(hole.filling(values, first)));
        self.text.len() + filled + others.sum::<usize>()
    }

    /// Appends the filled text. `first` is the index of the template's first value.
    pub(in crate::emit) fn fill(&self, values: HoleValues<'_>, first: usize, out: &mut String) {
        let mut from = 0;
        for hole in &self.holes {
            out.push_str(&self.text[from..hole.at]);
            hole.fill(hole.filling(values, first), out);
            from = hole.at;
        }
        out.push_str(&self.text[from..]);
    }

    /// The text of a name: mostly the same for all.
    fn name(&self, values: HoleValues<'_>, first: usize) -> SmolStr {
        if self.holes.is_empty() {
            return self.text.clone();
        }
        let (mut name, mut from) = (SmolStrBuilder::new(), 0);
        for hole in &self.holes {
            name.push_str(&self.text[from..hole.at]);
            name.push_str(hole.filling(values, first));
            from = hole.at;
        }
        name.push_str(&self.text[from..]);
        name.finish()
    }
}

/// Whether a line could get too long with names of up to 63 characters in place of its placeholders.
fn may_be_too_long(line: &str) -> bool {
    line.len() + placeholder::count(line) * 63 > LONGEST
}

/// One object with holes.
#[derive(Debug)]
pub(in crate::emit) struct Stencil {
    group: SmolStr,
    kind: SmolStr,
    rank: Rank,
    namespace: Template,
    name: Template,
    text: Template,
    /// Whether its identity follows from the namespace of the preview, as all previews have the same name there.
    inside: bool,
}

impl Stencil {
    /// Cuts an object at its placeholders; `None` if the length of a name decides how it is written.
    pub(in crate::emit) fn cut(object: &Object) -> Option<Self> {
        let id = &object.id;
        let name = Template::cut(&id.name)?;
        let namespace = Template::cut(&id.namespace)?;
        Some(Self {
            group: id.group.clone(),
            kind: id.kind.clone(),
            rank: rank(&id.group, &id.kind),
            inside: namespace.is_namespace() && name.holes.is_empty(),
            namespace,
            name,
            text: Template::cut(&text_of(object))?,
        })
    }

    /// Makes the draft for one preview. `first` is the index of its first value. Its identity is added to the values
    /// if it does not follow from the namespace.
    pub(in crate::emit) fn draft<'e>(
        &'e self,
        [name, namespace]: [&str; 2],
        first: usize,
        others: &mut PreviewValues,
    ) -> Draft<'e> {
        let id = (!self.inside).then(|| self.id(HoleValues { name, namespace, others }, first));
        Draft(Content::Holes { stencil: self, first, id: id.map(|id| others.add_id(id)) })
    }

    fn id(&self, values: HoleValues<'_>, first: usize) -> Id {
        Id {
            group: self.group.clone(),
            kind: self.kind.clone(),
            namespace: self.namespace.name(values, first),
            name: self.name.name(values, first),
        }
    }
}

/// An object that is still to be written: an identity, and a text that is a YAML document without a separator, ending
/// in a newline. What most previews have in common takes no memory before it is written.
///
/// All methods take the values of the preview that the draft was made for.
#[derive(Debug)]
pub(crate) struct Draft<'e>(Content<'e>);

#[derive(Debug)]
enum Content<'e> {
    Holes {
        stencil: &'e Stencil,
        /// The index of its first value.
        first: usize,
        /// The index of its identity, if that does not follow from the namespace of the preview.
        id: Option<usize>,
    },
    Whole(Box<(Id, String)>),
}

impl From<Object> for Draft<'_> {
    fn from(object: Object) -> Self {
        let text = text_of(&object);
        Self::written(object.id, text)
    }
}

impl Draft<'_> {
    /// A shared object with this text.
    pub(in crate::emit) fn written(id: Id, text: String) -> Self {
        Self(Content::Whole(Box::new((id, text))))
    }

    /// Its sort key.
    #[must_use]
    pub(crate) fn key<'k>(&'k self, values: HoleValues<'k>) -> Key<'k> {
        match &self.0 {
            Content::Whole(whole) => (&whole.0).into(),
            Content::Holes { id: Some(id), .. } => values.others.id(*id).into(),
            Content::Holes { stencil, .. } => Key {
                rank: stencil.rank,
                namespace: values.namespace,
                kind: &stencil.kind,
                group: &stencil.group,
                name: &stencil.name.text,
            },
        }
    }

    /// Its identity, if it is outside the preview's namespace, where identities are stored.
    #[must_use]
    pub(crate) fn kept_id<'k>(&'k self, values: HoleValues<'k>) -> Option<&'k Id> {
        match &self.0 {
            Content::Whole(whole) => Some(&whole.0),
            Content::Holes { id, .. } => id.map(|id| values.others.id(id)),
        }
    }

    /// Its identity.
    #[must_use]
    pub(crate) fn id(&self, values: HoleValues<'_>) -> Id {
        match &self.0 {
            Content::Whole(whole) => whole.0.clone(),
            Content::Holes { stencil, first, .. } => stencil.id(values, *first),
        }
    }

    /// The length of its text in bytes.
    #[must_use]
    pub(crate) fn length(&self, values: HoleValues<'_>) -> usize {
        match &self.0 {
            Content::Holes { stencil, first, .. } => stencil.text.length(values, *first),
            Content::Whole(whole) => whole.1.len(),
        }
    }

    /// Its body, parsed from its text.
    #[must_use]
    pub(crate) fn read(&self, values: HoleValues<'_>) -> Option<Node> {
        let mut text = String::new();
        self.write(values, &mut text);
        let mut sources = Sources::default();
        let file = sources.add("object", text);
        parse_documents(&sources, file, &InputLimits::of_list()).ok()?.pop()
    }

    /// Appends its text.
    pub(crate) fn write(&self, values: HoleValues<'_>, out: &mut String) {
        match &self.0 {
            Content::Holes { stencil, first, .. } => stencil.text.fill(values, *first, out),
            Content::Whole(whole) => out.push_str(&whole.1),
        }
    }
}

fn text_of(object: &Object) -> String {
    let mut text = String::with_capacity(1024);
    write_document(&mut text, &object.node);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::placeholder::{NAME, NAMESPACE, value};

    #[test]
    fn what_is_filled_stands_where_the_placeholders_stood() {
        let whole = format!("a: {NAME}\nb: x.{NAMESPACE}.svc\nc: {}\n", value(0));
        let template = Template::cut(&whole).expect("short lines");
        let mut others = PreviewValues::default();
        others.add_string("0");
        others.add_string("1");
        let values = HoleValues { name: "pr-1", namespace: "shop-pr-1", others: &others };
        let mut text = String::new();
        template.fill(values, 1, &mut text);
        assert_eq!(text, "a: pr-1\nb: x.shop-pr-1.svc\nc: \"1\"\n");
        assert_eq!(template.length(values, 1), text.len());
        let template = Template::cut(&format!("{NAME}.{NAMESPACE}.{NAME}")).expect("short");
        assert_eq!(template.length(values, 0), "pr-1.shop-pr-1.pr-1".len());
        assert_eq!(template.name(values, 0), "pr-1.shop-pr-1.pr-1");
    }

    #[test]
    fn what_a_long_name_would_put_into_quotes_is_in_no_template() {
        let long = "x".repeat(200);
        assert!(Template::cut(&format!("a: {long}\nb: {NAME}\n")).is_some());
        assert!(Template::cut(&format!("a: {long}{NAME}\n")).is_none());
    }
}
