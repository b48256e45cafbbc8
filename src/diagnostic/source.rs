//! Where text came from: the files of a run, and places inside them.
//!
//! Places are byte ranges; line and column are computed only when a message is printed.

use std::ops::Range;

/// A byte range in one of the [`Sources`] of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    file: u32,
    start: u32,
    end: u32,
}

impl Place {
    /// The range `start..end`, in bytes, of file number `file`.
    ///
    /// Files beyond 4 GiB cannot be named; the reader's budget refuses them long before.
    #[must_use]
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self {
            file: file.0,
            start: clamp(start),
            end: clamp(end.max(start)),
        }
    }

    /// The file that holds this place.
    #[must_use]
    pub fn file(self) -> FileId {
        FileId(self.file)
    }

    /// From the start of this place to the end of a later one in the same file.
    #[must_use]
    pub fn until(self, later: Self) -> Self {
        Self {
            end: later.end.max(self.end),
            ..self
        }
    }

    /// The bytes of this place within its file.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The number of a file in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct FileId(u32);

/// One text that was read: its name as the user knows it, and its content.
#[derive(Debug)]
pub struct Source {
    /// A path as given on the command line, or `<stdin>`.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Every text of a run, in the order of reading.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Adds a text and returns its number.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Source {
            name: name.into(),
            text: text.into(),
        });
        id
    }

    /// The text behind a number that [`Sources::add`] gave.
    #[must_use]
    pub fn get(&self, file: FileId) -> &Source {
        &self.files[file.0 as usize]
    }

    /// Line and column of a place's start, both counted from 1, columns in characters.
    #[must_use]
    pub fn line_column(&self, place: Place) -> (usize, usize) {
        let text = &self.get(place.file()).text;
        let mut at = place.range().start.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", "a: 1\nä: x\n");
        assert_eq!(sources.line_column(Place::new(file, 0, 1)), (1, 1));
        let x = "a: 1\nä: x\n".find('x').expect("the text has an x");
        assert_eq!(sources.line_column(Place::new(file, x, x + 1)), (2, 4));
    }
}
