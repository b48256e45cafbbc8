//! Objects to bytes: one stream, a folder, or the answer of a function.

mod answer;
mod artifacts;
mod folder;
pub mod in_place;
mod new_file;
pub mod results;
mod stream;
mod tree;

pub use answer::{Items, Layout, write_answer};
pub use artifacts::{Artifact, of_artifacts};
pub use folder::{Written, compare_tree, write_tree};
pub(crate) use folder::{read_earlier, read_tree};
pub use stream::{append, in_order};
pub use tree::{SuiteFiles, Tree};
