//! Objects that differ between previews only in a few words, as text with holes: written once, then
//! filled for each preview without a tree.
//!
//! A stencil is cut from an ordinary object that was made with markers for those words. The first
//! preview that uses it compares what comes out with the object made in the ordinary way; where the
//! two differ, as they would if the user's own text held a marker, there is no stencil.

use std::borrow::Cow;

use smol_str::SmolStr;

use crate::kube::{Id, Object};
use crate::yaml::write_document;

/// What every marker begins with; two digits follow.
const MARKER: &str = "anabranch-hole-";

/// Stands for the name of a preview.
pub(super) const NAME: &str = "anabranch-hole-00";
/// Stands for the namespace of a preview.
pub(super) const NAMESPACE: &str = "anabranch-hole-01";

/// Stands for a whole scalar, by its number.
pub(super) fn marker(number: usize) -> String {
    format!("{MARKER}{:02}", number + 2)
}

/// What goes into the holes: name and namespace raw, scalars as YAML writes them.
#[derive(Debug)]
pub(super) struct Filling<'a> {
    /// The name of the preview.
    pub(super) name: &'a str,
    /// Its namespace.
    pub(super) namespace: &'a str,
    /// Whole scalars, quoted where they must be; as many as the stencil was cut for.
    pub(super) scalars: &'a [Cow<'a, str>],
}

impl Filling<'_> {
    /// What goes into the holes of a marker.
    fn word(&self, number: usize) -> &str {
        match number {
            0 => self.name,
            1 => self.namespace,
            other => &self.scalars[other - 2],
        }
    }
}

/// A text with holes.
#[derive(Debug)]
struct Template {
    text: SmolStr,
    /// Where in the text something goes, and the number of its marker; in order.
    holes: Vec<(usize, usize)>,
}

impl Template {
    /// None where there is half a marker, or one for a scalar beyond those there will be.
    fn cut(marked: &str, scalars: usize) -> Option<Self> {
        let mut pieces = marked.split(MARKER);
        let mut text = pieces.next()?.to_owned();
        let mut holes = Vec::new();
        for piece in pieces {
            let (number, rest) = piece.split_at_checked(2)?;
            let number: usize = number.parse().ok().filter(|number| *number < scalars + 2)?;
            holes.push((text.len(), number));
            text.push_str(rest);
        }
        Some(Self { text: text.into(), holes })
    }

    /// How long the text is.
    fn length(&self, filling: &Filling<'_>) -> usize {
        let words = self.holes.iter().map(|(_, number)| filling.word(*number).len());
        self.text.len() + words.sum::<usize>()
    }

    fn fill(&self, filling: &Filling<'_>) -> String {
        let mut out = String::with_capacity(self.length(filling));
        let mut from = 0;
        for (at, number) in &self.holes {
            out.push_str(&self.text[from..*at]);
            out.push_str(filling.word(*number));
            from = *at;
        }
        out.push_str(&self.text[from..]);
        out
    }

    /// The text of a name: mostly the same for all, or one word.
    fn fill_name(&self, filling: &Filling<'_>) -> SmolStr {
        match self.holes.as_slice() {
            [] => self.text.clone(),
            [(_, number)] if self.text.is_empty() => filling.word(*number).into(),
            _ => self.fill(filling).into(),
        }
    }
}

/// One object with holes.
#[derive(Debug)]
pub(super) struct Stencil {
    group: SmolStr,
    kind: SmolStr,
    namespace: Template,
    name: Template,
    text: Template,
}

impl Stencil {
    /// Cuts the markers out of an object; there will be so many scalars.
    pub(super) fn cut(marked: &Document, scalars: usize) -> Option<Self> {
        let id = &marked.id;
        Some(Self {
            group: id.group.clone(),
            kind: id.kind.clone(),
            namespace: Template::cut(&id.namespace, scalars)?,
            name: Template::cut(&id.name, scalars)?,
            text: Template::cut(&marked.text, scalars)?,
        })
    }

    fn id(&self, filling: &Filling<'_>) -> Id {
        Id {
            group: self.group.clone(),
            kind: self.kind.clone(),
            namespace: self.namespace.fill_name(filling),
            name: self.name.fill_name(filling),
        }
    }

    /// The object of one preview.
    pub(super) fn fill(&self, filling: &Filling<'_>) -> Document {
        Document { id: self.id(filling), text: self.text.fill(filling) }
    }

    /// What the object of one preview is called, and its length.
    pub(super) fn outline(&self, filling: &Filling<'_>) -> Outline {
        Outline { id: self.id(filling), bytes: self.text.length(filling) }
    }
}

/// An object that is not there yet: what it will be called, and how long it will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Its identity.
    pub id: Id,
    /// Bytes of its text.
    pub bytes: usize,
}

impl From<Object> for Outline {
    fn from(object: Object) -> Self {
        let document = Document::from(object);
        Self { id: document.id, bytes: document.text.len() }
    }
}

/// An object as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its identity.
    pub id: Id,
    /// One YAML document, without a separator, ending in a newline.
    pub text: String,
}

impl From<Object> for Document {
    fn from(object: Object) -> Self {
        let mut text = String::with_capacity(1024);
        write_document(&mut text, &object.node);
        Self { id: object.id, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_stands_where_the_markers_stood() {
        let marked = format!("a: {NAME}\nb: x.{NAMESPACE}.svc\nc: {}\n", marker(0));
        let template = Template::cut(&marked, 1).expect("markers are whole");
        let scalars = ["\"1\"".into()];
        let filling = Filling { name: "pr-1", namespace: "shop-pr-1", scalars: &scalars };
        let wanted = "a: pr-1\nb: x.shop-pr-1.svc\nc: \"1\"\n";
        assert_eq!(template.fill(&filling), wanted);
        assert_eq!(template.length(&filling), wanted.len());
    }

    #[test]
    fn half_a_marker_of_the_users_gives_no_stencil() {
        assert!(Template::cut("a: anabranch-hole-x\n", 1).is_none());
        assert!(Template::cut("a: anabranch-hole-", 1).is_none());
        assert!(Template::cut("a: anabranch-hole-ä", 1).is_none());
        assert!(Template::cut("a: anabranch-hole-03\n", 1).is_none(), "there is no second scalar");
    }
}
