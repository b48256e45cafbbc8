//! The reader and the writer of YAML, on any text.
//!
//! What is read can be written; what is written is read back as the same trees and written again as
//! the same bytes. Texts of plain YAML are read without the parser: it must make the same of them.

#![no_main]

use anabranch::diagnostic::Sources;
use anabranch::limits::InputLimits;
use anabranch::yaml::{Node, parse_documents, write_stream};
use libfuzzer_sys::fuzz_target;

fn read(text: &str) -> Option<Vec<Node>> {
    let mut sources = Sources::default();
    let file = sources.add("fuzz.yaml", text);
    parse_documents(&sources, file, &InputLimits::default()).ok()
}

/// The text in a form that only the parser reads: with line breaks of two characters.
fn for_the_parser(text: &str) -> Option<String> {
    (!text.contains('\r')).then(|| text.replace('\n', "\r\n"))
}

fuzz_target!(|text: &str| {
    let found = read(text);
    if let Some(same) = for_the_parser(text) {
        assert_eq!(found, read(&same), "the parser reads it in another way");
    }
    let Some(found) = found else { return };
    let written = write_stream(&found);
    let back = read(&written).unwrap_or_else(|| panic!("written, but not readable:\n{written}"));
    assert_eq!(found, back, "written as another tree:\n{written}");
    assert_eq!(written, write_stream(&back), "the second time it is written in another way");
});
