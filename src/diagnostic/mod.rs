//! What is wrong, where, and how to mend it.
//!
//! A diagnostic is data; the renderers ([`terminal`], [`json`], [`sarif`], [`github`])
//! know nothing of the rules that made it. A [`Report`] holds every finding of a run: no stage stops
//! at its first mistake.
//!
//! # How findings travel
//!
//! In two ways, so that every caller knows what to do with them:
//!
//! - A function that looks and goes on takes `report: &mut Report`, adds to it and says nothing of it in its
//!   result. What runs in parallel gets a report of its own, which is [absorbed](Report::absorb). A function that only
//!   looks for findings may return them (`Vec<Diagnostic>`, `Option<Diagnostic>`); its caller adds them to the report.
//! - A function that cannot make its result returns `Result<T, Refused>`: [`Refused`] holds one finding or several. `?`
//!   passes it up, and [`Report::keep`] takes it where the caller goes on without the value.
//!
//! A function that does not know where a text stands, such as the parser of a glob or a patch, returns a `Problem`: a
//! sentence and a remedy, which its caller turns into a finding. The text of `Result<T, String>` is only a part of a
//! sentence, which the caller completes and gives one remedy whatever the text: the parsers of arguments, whose error
//! clap completes, of lists of pull requests and of operations in patches, and checks of paths return it.

pub mod code;
pub mod github;
mod hidden;
pub mod json;
mod levels;
mod patch_text;
mod refused;
pub mod sarif;
mod snippet;
mod source;
pub mod stage;
pub mod terminal;
pub(crate) mod text;
mod userinfo;

use std::borrow::{Borrow, Cow};
use std::collections::BTreeSet;
use std::sync::LazyLock;

pub use code::Code;
pub(crate) use hidden::contains_ignoring_case;
use levels::Level;
pub use levels::Levels;
pub(crate) use patch_text::{may_be_of_secret, mentions_secret, unquoted};
pub(crate) use refused::Problem;
pub use refused::Refused;
pub use source::{FileId, Origin, Place, Region, Source, Sources};
pub(crate) use userinfo::{has_userinfo, without_userinfo};

/// How bad a finding is. Errors stop a run before anything is written; the others do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is written.
    Error,
    /// Written, but the reader should know.
    Warning,
    /// A decision worth knowing, nothing to mend.
    Note,
}

impl Severity {
    /// The lower-case word for it: `error`, `warning` or `note`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One finding: a code, a sentence, a place, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of finding; `anabranch explain` prints the page behind it.
    pub code: &'static Code,
    /// What is wrong, naming the object and the field. Lower case, no full stop.
    pub message: String,
    /// Where it is wrong, if that is a place in a text.
    pub place: Option<Place>,
    /// A few words about the place.
    pub label: String,
    /// Related places, each with a few words.
    pub related: Vec<(Place, String)>,
    /// What to do about it.
    pub help: String,
    /// Path of the field in its document (`spec.previews[2].name`), where there is one.
    pub field: Option<String>,
    /// The flag of the limit of input that is exceeded, if one is.
    pub(crate) exceeded: Option<&'static str>,
    /// The same message at another place has the same cause: only the first place is reported.
    pub once: bool,
    /// A warning or note that the user turned into an error.
    pub denied: bool,
}

impl Diagnostic {
    /// A finding with its message and its remedy. There is none without a remedy.
    #[must_use]
    pub fn new(code: &'static Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            place: None,
            label: String::new(),
            related: Vec::new(),
            help: help.into(),
            field: None,
            exceeded: None,
            once: false,
            denied: false,
        }
    }

    /// Reports the message at its first place only, however many places have it.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.once = true;
        self
    }

    /// Sets the place, with a few words about it.
    #[must_use]
    pub fn at(mut self, place: Place, label: impl Into<String>) -> Self {
        self.place = Some(place);
        self.label = label.into();
        self
    }

    /// Sets the path of the field.
    #[must_use]
    pub fn field(mut self, path: impl Into<String>) -> Self {
        self.field = Some(path.into());
        self
    }

    /// Adds another place that belongs to the finding.
    #[must_use]
    pub fn also(mut self, place: Place, label: impl Into<String>) -> Self {
        self.related.push((place, label.into()));
        self
    }

    /// Sets the first of these places, and adds the others with a label of theirs.
    #[must_use]
    pub(crate) fn at_all(
        self,
        places: impl IntoIterator<Item = Place>,
        label: &str,
        of_others: &str,
    ) -> Self {
        let mut places = places.into_iter();
        let finding = self.at(places.next().unwrap_or_default(), label);
        places.fold(finding, |finding, place| finding.also(place, of_others))
    }

    /// The order of findings: by place, code and message, then by all other fields.
    fn order(&self) -> impl Ord {
        let rest = (&self.help, &self.label, &self.field, &self.related);
        (self.place, self.code.id, &self.message, rest)
    }

    /// The order by severity, the worst first, then by place.
    fn rank(&self) -> impl Ord {
        (self.severity(), self.order())
    }

    /// The finding that there are more than a report keeps.
    fn more() -> &'static Self {
        static MORE: LazyLock<Diagnostic> = LazyLock::new(|| {
            let help = "mend these and look again";
            Diagnostic::new(&code::REPORT_LIMIT, "there are more findings than these", help)
        });
        &MORE
    }

    /// The severity of the code, unless the user raised it.
    #[must_use]
    pub fn severity(&self) -> Severity {
        if self.denied { Severity::Error } else { self.code.severity }
    }
}

/// The findings of a run. Of more than a thousand only the first of the worst are kept. Which ones does not depend on
/// the order in which they are added, and never many more are in memory.
#[derive(Debug, Default)]
pub struct Report {
    findings: Vec<Diagnostic>,
    /// The levels that the user gave.
    levels: Levels,
    has_errors: bool,
    /// Whether some warning or note was turned into an error.
    has_denied: bool,
    /// Whether all kept findings are errors, so that nothing else fits.
    is_full: bool,
    /// The finding that there are more, if there are.
    more: Option<&'static Diagnostic>,
}

impl Report {
    /// How many findings are kept: more than anybody reads at once.
    pub const KEPT: usize = 1_000;

    /// An empty report with these levels.
    #[must_use]
    pub fn new(levels: Levels) -> Self {
        Self { levels, ..Self::default() }
    }

    /// Adds a finding, after removing passwords, which no finding shows.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        let Diagnostic { message, help, label, related, field, .. } = &mut diagnostic;
        let labels = related.iter_mut().map(|(_, label)| label);
        for words in labels.chain([message, help, label]).chain(field) {
            if let Cow::Owned(shown) = without_userinfo(words) {
                *words = shown;
            }
        }
        self.has_errors |= diagnostic.severity() == Severity::Error;
        match self.levels.of(diagnostic.code) {
            Level::Kept => {}
            Level::Denied => {
                diagnostic.denied = true;
                self.has_denied = true;
            }
            Level::Allowed => return,
        }
        self.findings.push(diagnostic);
        // Not for each finding, as sorting takes time.
        if self.findings.len() > 2 * Self::KEPT {
            self.shorten();
        }
    }

    /// Returns the value, or adds the findings that explain why there is none.
    pub fn keep<T>(&mut self, made: Result<T, Refused>) -> Option<T> {
        made.map_err(|refused| self.extend(refused)).ok()
    }

    /// Returns a value, unless the report has errors.
    ///
    /// # Errors
    /// All findings.
    pub(crate) fn unless_errors<T>(mut self, value: T) -> Result<T, Refused> {
        if !self.has_errors {
            return Ok(value);
        }
        self.findings.extend(self.more.cloned());
        Refused::unless_none(self.findings, value)
    }

    /// Replaces words in the remedies of all findings.
    pub(crate) fn reword_help(&mut self, old: &str, new: &str) {
        for finding in self.iter_mut() {
            finding.help = finding.help.replace(old, new);
        }
    }

    /// Adds all findings of another report.
    pub fn absorb(&mut self, other: Self) {
        self.extend(other.findings);
        self.more = self.more.or(other.more);
    }

    /// Replaces the name of a temporary folder in all findings.
    pub(crate) fn rename(&mut self, folder: &str, name: &str) {
        for finding in &mut self.findings {
            let labels = finding.related.iter_mut().map(|(_, label)| label);
            let words = [&mut finding.message, &mut finding.help, &mut finding.label].into_iter();
            words.chain(labels).for_each(|text| *text = text.replace(folder, name));
        }
    }

    /// The findings in memory, to rephrase them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Diagnostic> {
        self.findings.iter_mut()
    }

    /// How many findings there are in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.findings.len()
    }

    /// Whether there is no finding.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether there is an error, so that nothing further can be made.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// Whether the findings forbid writing output: an error, or what the user turned into one.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.has_errors || self.has_denied
    }

    /// Whether there are so many errors that further findings will hardly be kept.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Drops findings that will not be kept, so that decisions that follow do not depend on the order of adding.
    pub fn settle(&mut self) {
        if self.findings.len() >= Self::KEPT {
            self.shorten();
        }
    }

    /// All findings in the order of their places, each once, and a last one if there were more.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut all: Vec<&Diagnostic> = self.findings.iter().collect();
        keep_distinct(&mut all);
        let more = all.len() > Self::KEPT;
        all.truncate(Self::KEPT);
        all.sort_by(|a, b| a.order().cmp(&b.order()));
        all.extend(self.more.or_else(|| more.then(Diagnostic::more)));
        all
    }

    /// How many findings of a severity there are, each counted once.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.sorted().iter().filter(|finding| finding.severity() == severity).count()
    }

    fn shorten(&mut self) {
        keep_distinct(&mut self.findings);
        if self.findings.len() > Self::KEPT {
            self.findings.truncate(Self::KEPT);
            self.more = Some(Diagnostic::more());
        }
        let errors = self.findings.iter().filter(|finding| finding.severity() == Severity::Error);
        self.is_full = errors.count() >= Self::KEPT;
    }
}

/// Sorts findings by rank and removes duplicates. Of findings that are reported once, the first is kept.
fn keep_distinct<T: Borrow<Diagnostic> + PartialEq>(findings: &mut Vec<T>) {
    findings.sort_by(|a, b| a.borrow().rank().cmp(&b.borrow().rank()));
    findings.dedup();
    let mut said = BTreeSet::new();
    let is_new: Vec<bool> = findings
        .iter()
        .map(Borrow::borrow)
        .map(|one: &Diagnostic| !one.once || said.insert((one.code.id, &one.message)))
        .collect();
    let mut is_new = is_new.into_iter();
    findings.retain(|_| is_new.next().unwrap_or(true));
}

impl Extend<Diagnostic> for Report {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, findings: T) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

/// The candidate nearest to a misspelt name, if it is near enough to be meant. As each comparison takes time, texts
/// longer than any name are left out, and so are candidates after the first thousands.
#[must_use]
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LENGTH: usize = 253;
    const CANDIDATES: usize = 5_000;
    if wanted.len() > LENGTH {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LENGTH)
        .take(CANDIDATES)
        .map(|candidate| (strsim::damerau_levenshtein(wanted, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= wanted.len().max(candidate.len()).div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// A list for a sentence: at most 20 names, and how many more there are. Nobody reads thousands, and a thousand
/// findings would each hold them.
#[must_use]
pub(crate) fn some_of(names: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    first_of(20, ", ", names)
}

/// A list for a sentence: at most `shown` names, and how many more there are.
#[must_use]
pub(crate) fn first_of(
    shown: usize,
    separator: &str,
    names: impl IntoIterator<Item = impl AsRef<str>>,
) -> String {
    let (mut text, mut more) = (String::new(), 0);
    for (index, name) in names.into_iter().enumerate() {
        if index >= shown {
            more += 1;
            continue;
        }
        if index > 0 {
            text.push_str(separator);
        }
        text.push_str(name.as_ref());
    }
    if more > 0 { format!("{text} and {more} more") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_names_some_are_shown() {
        assert_eq!(some_of(["a", "b"]), "a, b");
        let names: Vec<String> = (0..25).map(|number| number.to_string()).collect();
        assert!(some_of(&names).ends_with("18, 19 and 5 more"), "{}", some_of(&names));
    }

    #[test]
    fn a_long_report_keeps_the_worst_and_says_that_there_are_more() {
        let at = |code, start| {
            Diagnostic::new(code, "here", "").at(Place::new(FileId::default(), start, start), "")
        };
        let mut report = Report::default();
        report.extend((0..Report::KEPT).map(|start| at(&code::DROPPED, start)));
        assert_eq!(report.sorted().len(), Report::KEPT);
        report.extend((0..10).map(|start| at(&code::BAD_NAME, Report::KEPT - start)));
        report.push(at(&code::BAD_NAME, 0));
        assert_eq!(report.count(Severity::Error), 11);
        let all = report.sorted();
        assert_eq!((all.len(), all[Report::KEPT].code.id), (Report::KEPT + 1, "report-limit"));
    }

    #[test]
    fn a_denied_warning_refuses_and_an_allowed_one_is_not_said() {
        let deny = |deny: &[&'static Code], allow: &[&'static Code], deny_warnings| {
            let levels = Levels { deny: deny.to_vec(), allow: allow.to_vec(), deny_warnings };
            let mut report = Report::new(levels);
            report.push(Diagnostic::new(&code::PORT_GUESSED, "a warning", ""));
            report.push(Diagnostic::new(&code::TCP_PORT, "a note", ""));
            let severities = report.sorted().iter().map(|one| one.severity()).collect::<Vec<_>>();
            assert!(!report.has_errors());
            (severities, report.is_refused())
        };
        use Severity::{Error, Note, Warning};
        assert_eq!(deny(&[], &[], false), (vec![Warning, Note], false));
        assert_eq!(deny(&[], &[], true), (vec![Error, Note], true));
        assert_eq!(deny(&[&code::TCP_PORT], &[], false), (vec![Warning, Error], true));
        assert_eq!(deny(&[], &[&code::PORT_GUESSED], true), (vec![Note], false));
        // A code that is denied and allowed is denied.
        let both = deny(&[&code::PORT_GUESSED], &[&code::PORT_GUESSED], false);
        assert_eq!(both, (vec![Error, Note], true));
    }

    #[test]
    fn no_words_of_a_finding_hold_a_password() {
        let text = "a[https://bob:pw@host/x]";
        let mut report = Report::default();
        report.push(
            Diagnostic::new(&code::BAD_NAME, text, text)
                .at(Place::default(), text)
                .also(Place::default(), text)
                .field(text),
        );
        let shown = json::render(&Sources::default(), &report) + &format!("{:?}", report.sorted());
        assert!(shown.contains("https://…@host/x") && !shown.contains("pw"), "{shown}");
    }

    #[test]
    fn what_is_said_once_is_said_at_the_first_place() {
        let at = |start| {
            let finding = Diagnostic::new(&code::MORE_ACCESS, "the same", "");
            finding.at(Place::new(FileId::default(), start, start), "").once()
        };
        let mut report = Report::default();
        report.extend((0..3 * Report::KEPT).rev().map(at));
        report.push(Diagnostic::new(&code::MORE_ACCESS, "another", "").once());
        report.push(Diagnostic::new(&code::DROPPED, "the same", "").once());
        let places: Vec<_> = report.sorted().iter().map(|one| one.place).collect();
        let first = Some(Place::new(FileId::default(), 0, 0));
        assert_eq!(places, [None, None, first]);
    }

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("chekout", ["cart", "checkout", "reco"]), Some("checkout"));
        assert_eq!(nearest("payments", ["cart", "reco"]), None);
    }
}
