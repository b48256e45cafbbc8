//! Objects to bytes: one stream, a folder, or the answer of a function.

mod answer;
pub mod in_place;
pub mod results;
mod stream;
mod tree;

pub use answer::write_answer;
pub use stream::{append, parts, stream};
pub use tree::{Tree, write_tree};
