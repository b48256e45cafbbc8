//! Writes objects as bytes: as a stream, into a folder, or as the answer of a function.

mod answer;
mod artifacts;
mod folder;
pub(crate) mod in_place;
mod new_file;
pub(crate) mod results;
mod stream;
mod tree;

pub(crate) use answer::{Items, Layout, write_answer};
pub(crate) use artifacts::{Artifact, of_artifacts};
pub(crate) use folder::{Written, compare_tree, read_earlier, read_tree, write_tree};
pub(crate) use stream::append;
pub(crate) use stream::in_order;
pub(crate) use tree::{SuiteFiles, Tree};
