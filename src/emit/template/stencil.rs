//! Objects that differ between previews only in a few values, as text with holes: written once, then
//! filled for each preview without a tree.
//!
//! A stencil is cut from an ordinary object that was made with [markers](crate::plan::marker) for those
//! values.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use smol_str::{SmolStr, SmolStrBuilder};

use super::values::{HoleValues, OwnValues};
use crate::diagnostic::Sources;
use crate::kube::kinds::{Rank, rank};
use crate::kube::{Id, Key, Object};
use crate::limits::InputLimits;
use crate::plan::marker::{self, DIGITS, MARKER};
use crate::yaml::{Node, parse_documents, write_document};

/// A place where something goes into a text.
#[derive(Debug)]
struct Hole {
    /// Bytes of the text before it.
    at: usize,
    /// The number of its marker.
    number: usize,
    /// The column at which further lines of a scalar stand.
    indent: usize,
}

impl Hole {
    /// The hole of a marker behind this text.
    fn behind(text: &str, number: usize) -> Self {
        let line = text.rfind('\n').map_or(0, |end| end + 1);
        let value = text[line..].trim_start_matches(' ');
        let value = value.trim_start_matches("- ");
        let start = text.len() - line - value.len();
        // Lines of a value stand below its key, those of an item beside its dash.
        Self { at: text.len(), number, indent: if value.is_empty() { start } else { start + 2 } }
    }

    /// What goes into it; the scalars of its text begin with this one.
    fn word<'a>(&self, values: HoleValues<'a>, first: usize) -> &'a str {
        match self.number {
            0 => values.name,
            1 => values.namespace,
            other => values.own.scalar(first + other - 2),
        }
    }

    /// The length of what goes into it.
    fn length(&self, word: &str) -> usize {
        word.len() + further_lines(word).count() * self.indent
    }

    /// Adds what goes into it to a text.
    fn fill(&self, word: &str, out: &mut String) {
        let mut from = 0;
        // Names have one line.
        let lines = (self.number >= 2).then(|| further_lines(word));
        for line in lines.into_iter().flatten() {
            out.push_str(&word[from..line]);
            out.extend(std::iter::repeat_n(' ', self.indent));
            from = line;
        }
        out.push_str(&word[from..]);
    }
}

/// Where lines of a scalar begin that are indented: all but the first, and empty ones.
fn further_lines(word: &str) -> impl Iterator<Item = usize> {
    let starts = memchr::memchr_iter(b'\n', word.as_bytes()).map(|end| end + 1);
    starts.filter(|&start| word.as_bytes().get(start).is_some_and(|&byte| byte != b'\n'))
}

/// A text with holes.
#[derive(Debug)]
pub(in crate::emit) struct Template {
    text: SmolStr,
    /// In order.
    holes: Vec<Hole>,
    /// How many of the holes are for the name, and how many for the namespace.
    for_words: [usize; 2],
}

impl Template {
    /// None where there is half a marker, or one for a scalar beyond those there will be.
    pub(in crate::emit) fn cut(marked: &str, scalars: usize) -> Option<Self> {
        static FINDER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(MARKER));
        if FINDER.find(marked.as_bytes()).is_none() {
            return Some(Self { text: marked.into(), holes: Vec::new(), for_words: [0, 0] });
        }
        let mut text = String::with_capacity(marked.len());
        let (mut holes, mut from) = (Vec::new(), 0);
        for at in FINDER.find_iter(marked.as_bytes()) {
            let end = at + MARKER.len();
            let (number, before) = marker::read(marked.get(end..end + DIGITS)?)?;
            if number >= scalars + 2 {
                return None;
            }
            text.push_str(marked.get(from..at.checked_sub(before)?)?);
            holes.push(Hole::behind(&text, number));
            from = end + DIGITS;
        }
        text.push_str(&marked[from..]);
        let count = |wanted| holes.iter().filter(|hole: &&Hole| hole.number == wanted).count();
        Some(Self { text: text.into(), for_words: [count(0), count(1)], holes })
    }

    /// Whether it is the namespace of a preview.
    fn is_namespace(&self) -> bool {
        self.text.is_empty() && self.for_words == [0, 1] && self.holes.len() == 1
    }

    /// How long the text is, filled with values and scalars from the first of these on.
    fn length(&self, values: HoleValues<'_>, first: usize) -> usize {
        let [names, namespaces] = self.for_words;
        let filled = names * values.name.len() + namespaces * values.namespace.len();
        // Most have no other holes, and theirs need not be looked at.
        let only_words = names + namespaces == self.holes.len();
        let others = if only_words { &[] } else { self.holes.as_slice() };
        let others = others.iter().filter(|hole| hole.number >= 2);
        let others = others.map(|hole| hole.length(hole.word(values, first)));
        self.text.len() + filled + others.sum::<usize>()
    }

    /// Adds the text to another, filled with values and scalars from the first of these on.
    pub(in crate::emit) fn fill(&self, values: HoleValues<'_>, first: usize, out: &mut String) {
        let mut from = 0;
        for hole in &self.holes {
            out.push_str(&self.text[from..hole.at]);
            hole.fill(hole.word(values, first), out);
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
            name.push_str(hole.word(values, first));
            from = hole.at;
        }
        name.push_str(&self.text[from..]);
        name.finish()
    }
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
    /// Whether it is in the namespace of the preview, under a name that all previews have alike.
    inside: bool,
}

impl Stencil {
    /// Cuts the markers out of an object; there will be so many scalars.
    pub(in crate::emit) fn cut(marked: &Object, scalars: usize) -> Option<Self> {
        let id = &marked.id;
        let name = Template::cut(&id.name, scalars)?;
        let namespace = Template::cut(&id.namespace, scalars)?;
        Some(Self {
            group: id.group.clone(),
            kind: id.kind.clone(),
            rank: rank(&id.group, &id.kind),
            inside: namespace.is_namespace() && name.holes.is_empty(),
            namespace,
            name,
            text: Template::cut(&text_of(marked), scalars)?,
        })
    }

    /// The object of one preview, whose scalars begin with this one; whatever else it has is added to its
    /// own.
    pub(in crate::emit) fn draft<'e>(
        &'e self,
        [name, namespace]: [&str; 2],
        first: usize,
        own: &mut OwnValues,
    ) -> Draft<'e> {
        let id = (!self.inside).then(|| self.id(HoleValues { name, namespace, own }, first));
        Draft(Content::Holes { stencil: self, first, id: id.map(|id| own.add_id(id)) })
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

/// An object of a preview that is still to be written: identity and text, a YAML document without a
/// separator, ending in a newline. What most previews have alike takes no memory of its own before
/// it is written.
///
/// The values that its methods take are those of the preview that it was made for.
#[derive(Debug)]
pub struct Draft<'e>(Content<'e>);

#[derive(Debug)]
enum Content<'e> {
    Holes {
        stencil: &'e Stencil,
        /// The number of its first scalar.
        first: usize,
        /// The number of its identity, where it does not follow from the namespace of the preview.
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
    /// An object of no single preview, of this text.
    pub(in crate::emit) fn written(id: Id, text: String) -> Self {
        Self(Content::Whole(Box::new((id, text))))
    }

    /// What it is put in order by.
    #[must_use]
    pub fn key<'k>(&'k self, values: HoleValues<'k>) -> Key<'k> {
        match &self.0 {
            Content::Whole(whole) => (&whole.0).into(),
            Content::Holes { id: Some(id), .. } => values.own.id(*id).into(),
            Content::Holes { stencil, .. } => Key {
                rank: stencil.rank,
                namespace: values.namespace,
                kind: &stencil.kind,
                group: &stencil.group,
                name: &stencil.name.text,
            },
        }
    }

    /// Its identity, where this is kept: of whatever is in another namespace than the preview's.
    #[must_use]
    pub fn kept_id<'k>(&'k self, values: HoleValues<'k>) -> Option<&'k Id> {
        match &self.0 {
            Content::Whole(whole) => Some(&whole.0),
            Content::Holes { id, .. } => id.map(|id| values.own.id(id)),
        }
    }

    /// Its identity.
    #[must_use]
    pub fn id(&self, values: HoleValues<'_>) -> Id {
        match &self.0 {
            Content::Whole(whole) => whole.0.clone(),
            Content::Holes { stencil, first, .. } => stencil.id(values, *first),
        }
    }

    /// The length of its text in bytes.
    #[must_use]
    pub fn length(&self, values: HoleValues<'_>) -> usize {
        match &self.0 {
            Content::Holes { stencil, first, .. } => stencil.text.length(values, *first),
            Content::Whole(whole) => whole.1.len(),
        }
    }

    /// Its body, read from its text.
    #[must_use]
    pub fn read(&self, values: HoleValues<'_>) -> Option<Node> {
        let mut text = String::new();
        self.write(values, &mut text);
        let mut sources = Sources::default();
        let file = sources.add("object", text);
        parse_documents(&sources, file, &InputLimits::of_list()).ok()?.pop()
    }

    /// Adds its text to another.
    pub fn write(&self, values: HoleValues<'_>, out: &mut String) {
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
    use crate::plan::marker::{NAME, marker, namespace};

    #[test]
    fn what_is_filled_stands_where_the_markers_stood() {
        let namespace = namespace("shop-pr-1");
        let marked = format!("a: {NAME}\nb: x.{namespace}.svc\nc: {}\n", marker(0));
        let template = Template::cut(&marked, 1).expect("markers are whole");
        let mut own = OwnValues::default();
        own.add_string("0");
        own.add_string("1");
        let values = HoleValues { name: "pr-1", namespace: "shop-pr-1", own: &own };
        let mut text = String::new();
        template.fill(values, 1, &mut text);
        assert_eq!(text, "a: pr-1\nb: x.shop-pr-1.svc\nc: \"1\"\n");
        assert_eq!(template.length(values, 1), text.len());
        let template = Template::cut(&format!("{NAME}.{namespace}.{NAME}"), 0).expect("whole");
        assert_eq!(template.length(values, 0), "pr-1.shop-pr-1.pr-1".len());
        assert_eq!(template.name(values, 0), "pr-1.shop-pr-1.pr-1");
    }

    #[test]
    fn half_a_marker_of_the_users_gives_no_stencil() {
        assert!(Template::cut("a: anabranch-hole-x\n", 1).is_none());
        assert!(Template::cut("a: anabranch-hole-", 1).is_none());
        assert!(Template::cut("a: anabranch-hole-ä", 1).is_none());
        assert!(
            Template::cut("a: anabranch-hole-0003\n", 1).is_none(),
            "there is no second scalar"
        );
    }
}
