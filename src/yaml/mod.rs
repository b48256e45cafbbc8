//! Reads and writes YAML: the tree, the reader with its limits, and the writer.

mod de;
mod emit;
mod node;
mod parse;
pub(crate) mod placeholder;
mod quick;
pub mod scalar;
mod ser;

pub use emit::{write_document, write_stream};
pub(crate) use emit::{write_item, write_string};
pub(crate) use node::by_key;
pub use node::{Data, Key, Node};
pub(crate) use parse::parse_counted;
pub use parse::parse_documents;
pub use ser::to_node;
