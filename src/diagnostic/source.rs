//! The texts of a run, and places in them.
//!
//! Places are byte ranges. Lines and columns are computed only when a message is printed.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::Diagnostic;
use super::hidden::hidden;
use super::patch_text::unquoted;

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
    /// Files beyond 4 GiB cannot be named; the limits of the reader refuse them long before.
    #[must_use]
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { file: file.0, start: clamp(start), end: clamp(end.max(start)) }
    }

    /// The file that holds this place.
    #[must_use]
    pub fn file(self) -> FileId {
        FileId(self.file)
    }

    /// From the start of this place to the end of a later one in the same file.
    #[must_use]
    pub fn until(self, later: Self) -> Self {
        Self { end: later.end.max(self.end), ..self }
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

/// Where a text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The file that the name of the text leads to.
    File,
    /// Standard input.
    Stdin,
    /// kustomize, which built this folder.
    Build(PathBuf),
}

/// One text that was read: its name as the user knows it, and its content.
#[derive(Debug)]
pub struct Source {
    /// A path as given on the command line, `<stdin>`, or the command of a build.
    pub name: String,
    /// Where the text comes from. The name does not tell: a file can be called like a command.
    pub origin: Origin,
    /// The whole text.
    pub text: String,
    /// The offsets of lines, computed when a message first needs them.
    lines: OnceLock<Vec<usize>>,
    /// The hidden parts, computed then as well.
    hidden: OnceLock<Vec<Range<usize>>>,
}

impl Source {
    /// Whether the name leads to the text. Only such a name means something to another tool.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.origin == Origin::File
    }

    /// The number of the line that holds a byte, counted from 0, and where that line begins.
    pub(super) fn line_of(&self, offset: usize) -> (usize, usize) {
        let starts = self.line_starts();
        let line = starts.partition_point(|&start| start <= offset) - 1;
        (line, starts[line])
    }

    /// The bytes of a line, counted from 0, without its newline.
    pub(super) fn line_range(&self, line: usize) -> Range<usize> {
        let starts = self.line_starts();
        let end = starts.get(line + 1).map_or(self.text.len(), |next| next - 1);
        starts[line]..end
    }

    /// Whether the text at a byte may be shown to everybody who reads a log.
    pub(super) fn is_shown(&self, offset: usize) -> bool {
        let hidden = self.hidden.get_or_init(|| hidden(&self.text));
        let before = hidden.partition_point(|range| range.start <= offset);
        hidden[..before].last().is_none_or(|range| offset >= range.end.max(range.start + 1))
    }

    fn line_starts(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let newlines = self.text.match_indices('\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(newlines).collect()
        })
    }

    /// Line and column of a byte, both counted from 1, columns in characters. An offset within a character, or after
    /// the text, counts as the nearest place before it.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let at = self.text.floor_char_boundary(offset);
        let (line, start) = self.line_of(at);
        (line + 1, self.text[start..at].chars().count() + 1)
    }
}

/// A place in lines and columns, for tools. Both count from 1; the end is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Line of the first character.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
    /// Line of the end.
    pub end_line: usize,
    /// Column of the first character after the end.
    pub end_column: usize,
}

/// Every text of a run, in the order of reading.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Adds the text of a file and returns its number.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        self.add_from(Origin::File, name, text)
    }

    /// Adds a text of any origin and returns its number.
    pub fn add_from(
        &mut self,
        origin: Origin,
        name: impl Into<String>,
        text: impl Into<String>,
    ) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        let (lines, hidden) = (OnceLock::new(), OnceLock::new());
        self.files.push(Source { name: name.into(), origin, text: text.into(), lines, hidden });
        id
    }

    /// Adds a text that messages may quote: the caller judges it by more than its characters.
    pub fn add_quotable(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let id = self.add(name, text);
        self.files[id.0 as usize].hidden = OnceLock::from(Vec::new());
        id
    }

    /// Replaces the name of a temporary folder in the names of texts.
    pub(crate) fn rename(&mut self, folder: &str, name: &str) {
        for file in &mut self.files {
            file.name = file.name.replace(folder, name);
        }
    }

    /// Bytes of all texts together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.files.iter().map(|source| source.text.len()).sum()
    }

    /// The text with a number that [`Sources::add`] returned.
    #[must_use]
    pub fn get(&self, file: FileId) -> &Source {
        &self.files[file.0 as usize]
    }

    /// The text with this number, if there is one in this run.
    #[must_use]
    pub(crate) fn find(&self, file: FileId) -> Option<&Source> {
        self.files.get(file.0 as usize)
    }

    /// The first text of the run.
    #[must_use]
    pub(super) fn first(&self) -> Option<&Source> {
        self.files.first()
    }

    /// Removes quotations from messages about hidden texts.
    pub(crate) fn unquote<'f>(&self, findings: impl Iterator<Item = &'f mut Diagnostic>) {
        for finding in findings {
            let shows = |place: Place| {
                self.find(place.file()).is_none_or(|source| source.is_shown(place.range().start))
            };
            if !finding.place.is_none_or(shows) {
                finding.message = unquoted(&finding.message);
            }
        }
    }

    /// Line and column of a place's start, both counted from 1, columns in characters.
    #[must_use]
    pub fn line_column(&self, place: Place) -> (usize, usize) {
        self.get(place.file()).line_column(place.range().start)
    }

    /// The text that holds a place, and its lines and columns there.
    #[must_use]
    pub(super) fn region(&self, place: Place) -> Option<(&Source, Region)> {
        let source = self.find(place.file())?;
        let (line, column) = source.line_column(place.range().start);
        let (end_line, end_column) = source.line_column(place.range().end);
        let region = Region { line, column, end_line, end_column };
        Some((source, region))
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
