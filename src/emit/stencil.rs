//! Objects that differ between previews only in a few words, as text with holes: written once, then
//! filled for each preview without a tree.
//!
//! A stencil is cut from an ordinary object that was made with markers for those words. Where the
//! user's own text holds what could be taken for a marker, there are no stencils.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use smol_str::SmolStr;

use crate::kube::{Id, Key, Object, rank};
use crate::yaml::{Data, Node, write_document};

/// What every marker begins with; so many digits follow.
const MARKER: &str = "anabranch-hole-";
const DIGITS: usize = 4;
/// So many scalars have a marker, besides name and namespace.
pub(super) const SCALARS: usize = 9_998;

/// Whether a tree holds what could become a marker, text of ours behind it.
pub(super) fn mentions_marker(node: &Node) -> bool {
    const BEGINNING: &str = "anabranch-hole";
    static FINDER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(BEGINNING));
    let mentions =
        |text: &str| text.len() >= BEGINNING.len() && FINDER.find(text.as_bytes()).is_some();
    match &node.data {
        Data::Scalar { text, .. } => mentions(text),
        Data::List(items) => items.iter().any(mentions_marker),
        Data::Map(entries) => {
            entries.iter().any(|(key, value)| mentions(&key.text) || mentions_marker(value))
        }
    }
}

/// Stands for the name of a preview.
pub(super) const NAME: &str = "anabranch-hole-0000";
/// Stands for the namespace of a preview.
pub(super) const NAMESPACE: &str = "anabranch-hole-0001";

/// Stands for a whole scalar, by its number.
pub(super) fn marker(number: usize) -> String {
    format!("{MARKER}{:0DIGITS$}", number + 2)
}

/// The words of a preview that go into the holes, raw.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    /// The name of the preview.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
}

/// Whole scalars, quoted where they must be; as many as the stencil was cut for.
type Scalars<'a> = [Cow<'a, str>];

/// What goes into the holes of a marker.
fn word<'a>(words: Words<'a>, scalars: &'a Scalars<'_>, number: usize) -> &'a str {
    match number {
        0 => words.name,
        1 => words.namespace,
        other => &scalars[other - 2],
    }
}

impl Words<'_> {
    /// Those of what belongs to no single preview.
    pub const NONE: Self = Self { name: "", namespace: "" };
}

/// A text with holes.
#[derive(Debug)]
pub(super) struct Template {
    text: SmolStr,
    /// Where in the text something goes, and the number of its marker; in order.
    holes: Vec<(usize, usize)>,
    /// How many of the holes are for the name, and how many for the namespace.
    for_words: [usize; 2],
}

impl Template {
    /// None where there is half a marker, or one for a scalar beyond those there will be.
    pub(super) fn cut(marked: &str, scalars: usize) -> Option<Self> {
        let mut text = String::with_capacity(marked.len());
        let (mut holes, mut from) = (Vec::new(), 0);
        static FINDER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(MARKER));
        for at in FINDER.find_iter(marked.as_bytes()) {
            let end = at + MARKER.len();
            let number: usize = marked.get(end..end + DIGITS)?.parse().ok()?;
            if number >= scalars + 2 {
                return None;
            }
            text.push_str(&marked[from..at]);
            holes.push((text.len(), number));
            from = end + DIGITS;
        }
        text.push_str(&marked[from..]);
        let count = |wanted| holes.iter().filter(|(_, number)| *number == wanted).count();
        Some(Self { text: text.into(), for_words: [count(0), count(1)], holes })
    }

    /// How long the text is.
    fn length(&self, words: Words<'_>, scalars: &Scalars<'_>) -> usize {
        let [names, namespaces] = self.for_words;
        let filled = names * words.name.len() + namespaces * words.namespace.len();
        // Most have no other holes, and theirs need not be looked at.
        let others = if scalars.is_empty() { &[] } else { self.holes.as_slice() };
        let others = others.iter().filter_map(|(_, number)| scalars.get(number.checked_sub(2)?));
        self.text.len() + filled + others.map(|scalar| scalar.len()).sum::<usize>()
    }

    /// Adds the text to another.
    pub(super) fn fill(&self, words: Words<'_>, scalars: &Scalars<'_>, out: &mut String) {
        let mut from = 0;
        for (at, number) in &self.holes {
            out.push_str(&self.text[from..*at]);
            out.push_str(word(words, scalars, *number));
            from = *at;
        }
        out.push_str(&self.text[from..]);
    }

    /// The text of a name: mostly the same for all, or one word.
    fn fill_name(&self, words: Words<'_>, scalars: &Scalars<'_>) -> SmolStr {
        match self.holes.as_slice() {
            [] => self.text.clone(),
            [(_, number)] if self.text.is_empty() => word(words, scalars, *number).into(),
            _ => {
                let mut name = String::with_capacity(self.length(words, scalars));
                self.fill(words, scalars, &mut name);
                name.into()
            }
        }
    }
}

/// One object with holes.
#[derive(Debug)]
pub(super) struct Stencil {
    group: SmolStr,
    kind: SmolStr,
    rank: u8,
    namespace: Template,
    name: Template,
    text: Template,
    /// Whether it is in the namespace of the preview, under a name that all previews have alike.
    inside: bool,
}

impl Stencil {
    /// Cuts the markers out of an object; there will be so many scalars.
    pub(super) fn cut(marked: &Object, scalars: usize) -> Option<Self> {
        let id = &marked.id;
        let name = Template::cut(&id.name, scalars)?;
        Some(Self {
            group: id.group.clone(),
            kind: id.kind.clone(),
            rank: rank(&id.kind),
            namespace: Template::cut(&id.namespace, scalars)?,
            inside: id.namespace == NAMESPACE && name.holes.is_empty(),
            name,
            text: Template::cut(&text_of(marked), scalars)?,
        })
    }

    /// The object of one preview.
    pub(super) fn draft<'e>(&'e self, words: Words<'_>, scalars: Box<Scalars<'e>>) -> Draft<'e> {
        let id = (!self.inside).then(|| Box::new(self.id(words, &scalars)));
        let own = (id.is_some() || !scalars.is_empty()).then(|| Box::new(Own { scalars, id }));
        Draft(Content::Holes { stencil: self, own })
    }

    /// The object of no single preview.
    pub(super) fn whole(&self, scalars: &Scalars<'_>) -> Draft<'static> {
        let mut text = String::with_capacity(self.text.length(Words::NONE, scalars));
        self.text.fill(Words::NONE, scalars, &mut text);
        Draft(Content::Whole(Box::new((self.id(Words::NONE, scalars), text))))
    }

    fn id(&self, words: Words<'_>, scalars: &Scalars<'_>) -> Id {
        Id {
            group: self.group.clone(),
            kind: self.kind.clone(),
            namespace: self.namespace.fill_name(words, scalars),
            name: self.name.fill_name(words, scalars),
        }
    }
}

/// An object of a preview that is still to be written: identity and text, a YAML document without a
/// separator, ending in a newline. What most previews have alike takes no memory of its own before
/// it is written.
///
/// The words that its methods take are those of the preview that it was made for.
#[derive(Debug)]
pub struct Draft<'e>(Content<'e>);

#[derive(Debug)]
enum Content<'e> {
    Holes { stencil: &'e Stencil, own: Option<Box<Own<'e>>> },
    Whole(Box<(Id, String)>),
}

/// What a draft has that neither its stencil nor the words of its preview tell.
#[derive(Debug)]
struct Own<'e> {
    scalars: Box<Scalars<'e>>,
    /// The identity, where it does not follow from the namespace of the preview.
    id: Option<Box<Id>>,
}

fn scalars<'o>(own: &'o Option<Box<Own<'_>>>) -> &'o Scalars<'o> {
    own.as_ref().map(|own| &*own.scalars).unwrap_or_default()
}

impl From<Object> for Draft<'_> {
    fn from(object: Object) -> Self {
        let text = text_of(&object);
        Self(Content::Whole(Box::new((object.id, text))))
    }
}

impl Draft<'_> {
    /// What it is put in order by.
    #[must_use]
    pub fn key<'k>(&'k self, words: Words<'k>) -> Key<'k> {
        match &self.0 {
            Content::Whole(whole) => (&whole.0).into(),
            Content::Holes { stencil, .. } => self.kept_id().map_or_else(
                || Key {
                    rank: stencil.rank,
                    namespace: words.namespace,
                    kind: &stencil.kind,
                    group: &stencil.group,
                    name: &stencil.name.text,
                },
                Key::from,
            ),
        }
    }

    /// Its identity, where this is kept: of whatever is in another namespace than the preview's.
    #[must_use]
    pub fn kept_id(&self) -> Option<&Id> {
        match &self.0 {
            Content::Whole(whole) => Some(&whole.0),
            Content::Holes { own, .. } => own.as_ref()?.id.as_deref(),
        }
    }

    /// Its identity.
    #[must_use]
    pub fn id(&self, words: Words<'_>) -> Id {
        match &self.0 {
            Content::Whole(whole) => whole.0.clone(),
            Content::Holes { stencil, own } => stencil.id(words, scalars(own)),
        }
    }

    /// The length of its text in bytes.
    #[must_use]
    pub fn length(&self, words: Words<'_>) -> usize {
        match &self.0 {
            Content::Holes { stencil, own } => stencil.text.length(words, scalars(own)),
            Content::Whole(whole) => whole.1.len(),
        }
    }

    /// Adds its text to another.
    pub fn write(&self, words: Words<'_>, out: &mut String) {
        match &self.0 {
            Content::Holes { stencil, own } => stencil.text.fill(words, scalars(own), out),
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

    #[test]
    fn what_is_filled_stands_where_the_markers_stood() {
        let marked = format!("a: {NAME}\nb: x.{NAMESPACE}.svc\nc: {}\n", marker(0));
        let template = Template::cut(&marked, 1).expect("markers are whole");
        let words = Words { name: "pr-1", namespace: "shop-pr-1" };
        let scalars = ["\"1\"".into()];
        let mut text = String::new();
        template.fill(words, &scalars, &mut text);
        assert_eq!(text, "a: pr-1\nb: x.shop-pr-1.svc\nc: \"1\"\n");
        assert_eq!(template.length(words, &scalars), text.len());
        let template = Template::cut(&format!("{NAME}.{NAMESPACE}.{NAME}"), 0).expect("whole");
        assert_eq!(template.length(words, &[]), "pr-1.shop-pr-1.pr-1".len());
    }

    #[test]
    fn the_beginning_of_a_marker_is_seen_in_keys_and_values() {
        assert!(mentions_marker(&Node::map([("a", Node::list([Node::string(NAME)]))])));
        assert!(mentions_marker(&Node::map([("x-anabranch-hole", Node::default())])));
        assert!(!mentions_marker(&Node::map([("anabranch", Node::string("hole-0000"))])));
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
