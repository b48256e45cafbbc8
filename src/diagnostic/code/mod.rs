//! The codes of findings, in the order in which the pipeline can report them.
//!
//! The id of a code is stable: people put it into searches and suppressions. Its page, which `anabranch explain`
//! prints, says why it is a mistake, and the ways out.

/// Defines the codes of a file, and the list of them in the same order.
macro_rules! codes {
    ($all:ident: $($name:ident = $id:literal, $severity:expr, $title:literal, $page:literal;)*) => {
        $(
            #[doc = $title]
            pub static $name: Code =
                Code { id: $id, severity: $severity, title: $title, page: $page };
        )*
        pub(super) static $all: &[&Code] = &[$(&$name),*];
    };
}

mod affected;
mod differences;
mod input;
mod previews;

use std::sync::LazyLock;

pub use affected::*;
pub use differences::*;
pub use input::*;
pub use previews::*;

use super::Severity;

/// A kind of finding.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable kebab-case name.
    pub id: &'static str,
    /// How bad every finding of this kind is.
    pub severity: Severity,
    /// One line: what is wrong.
    pub title: &'static str,
    /// Why it is wrong, and the ways out.
    pub page: &'static str,
}

/// Every code, in the order of the pipeline.
pub static CODES: LazyLock<Vec<&'static Code>> =
    LazyLock::new(|| [INPUT, PREVIEWS, DIFFERENCES, AFFECTED].concat());

/// The code with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Code> {
    CODES.iter().copied().find(|code| code.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_each_has_a_page() {
        let mut ids: Vec<_> = CODES.iter().map(|code| code.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CODES.len());
        assert!(CODES.iter().all(|code| code.page.len() > 60 && !code.title.ends_with('.')));
    }
}
