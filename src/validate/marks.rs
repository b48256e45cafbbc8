//! Reports objects of the user with our labels, which only objects of anabranch may have.

use super::Input;
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, marks};
use crate::read::is_of_namesake;

/// Objects of an earlier run, and those of other sets, were taken out before.
pub(super) fn check(input: &Input<'_>, report: &mut Report) {
    report.extend(namesake(input));
    let objects = input.objects.iter();
    let marked = objects.filter_map(|object| Some((object, marks::set_of(object)?)));
    let foreign = marked.filter(|(object, set)| {
        !marks::is_shared(object, set) && !is_of_namesake(object, input.config)
    });
    report.extend(foreign.take(Report::KEPT + 1).map(|(object, set)| {
        let message = format!(
            "{} carries the labels of the set `{set}`, but anabranch makes no such object there",
            object.id
        );
        let help = format!(
            "remove the label `{}` if the object is yours, or the object if an earlier run left it",
            marks::SET
        );
        let labels = object.node.at(&["metadata", "labels", marks::SET]);
        let place = labels.map_or_else(|| object.place(), |label| label.place);
        Diagnostic::new(&code::FOREIGN_MARK, message, help).at(place, "not ours")
    }));
}

/// The finding that objects of the input belong to previews of this set, but to none that it can have.
fn namesake(input: &Input<'_>) -> Option<Diagnostic> {
    let all = || input.objects.iter().filter(|object| is_of_namesake(object, input.config));
    // The Namespace says most.
    let first: &Object = all().min_by_key(|object| !object.is("", "Namespace"))?;
    let more = match all().count() - 1 {
        0 => String::new(),
        1 => ", with another object,".to_owned(),
        more => format!(", with {more} other objects,"),
    };
    let message = format!(
        "{}{more} is of a preview of the set `{}` whose name does not begin with `{}`",
        first.id,
        input.config.set(),
        input.config.previews.spec.prefix
    );
    let help = "give each set of previews a metadata.name of its own if two of them meet here; remove these objects if \
                spec.prefix was another one when they were made";
    let finding = input.config.finding(&code::FOREIGN_MARK, "metadata.name", message, help);
    Some(finding.also(first.place(), "not of these previews"))
}
