//! The answer of a function: a ResourceList with items and results, or bare documents.

use crate::emit::{Draft, HoleValues};
use crate::yaml::{Node, write_document};

/// How items are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// As the items of a list.
    List,
    /// As documents with a `---` line between them.
    Documents,
}

/// The text of items, built one by one.
#[derive(Debug)]
pub(crate) struct Items {
    layout: Layout,
    text: String,
    /// A buffer for the text of one item, used again for the next.
    item: String,
}

impl Items {
    /// Starts without items.
    #[must_use]
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout, text: String::new(), item: String::new() }
    }

    /// Adds an object as it is.
    pub(crate) fn push_node(&mut self, node: &Node) {
        write_document(&mut self.item, node);
        self.end_item();
    }

    /// Adds a draft, filled with the values of its preview.
    pub(crate) fn push_draft(&mut self, draft: &Draft<'_>, values: HoleValues<'_>) {
        draft.write(values, &mut self.item);
        self.end_item();
    }

    fn end_item(&mut self) {
        match self.layout {
            Layout::List => {
                for (number, line) in self.item.lines().enumerate() {
                    // A blank line belongs to a text, where blanks would be content.
                    let before = if line.is_empty() { "" } else { "  " };
                    self.text.push_str(if number == 0 { "- " } else { before });
                    self.text.push_str(line);
                    self.text.push('\n');
                }
            }
            Layout::Documents => {
                if !self.text.is_empty() {
                    self.text.push_str("---\n");
                }
                self.text.push_str(&self.item);
            }
        }
        self.item.clear();
    }

    /// The text of all items.
    #[must_use]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// A ResourceList as text. `function_config` is given back as it came.
#[must_use]
pub(crate) fn write_answer(
    api_version: &str,
    items: &Items,
    function_config: Option<Node>,
    results: Option<Node>,
) -> String {
    let mut text = String::with_capacity(items.text.len() + 1024);
    let head = [("apiVersion", Node::string(api_version)), ("kind", Node::string("ResourceList"))];
    write_document(&mut text, &Node::map(head));
    text.push_str(if items.text.is_empty() { "items: []\n" } else { "items:\n" });
    text.push_str(&items.text);
    let rest = [("functionConfig", function_config), ("results", results)];
    for (key, node) in rest.into_iter().filter_map(|(key, node)| Some((key, node?))) {
        write_document(&mut text, &Node::map([(key, node)]));
    }
    text
}
