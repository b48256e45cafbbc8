//! Reports objects of the user with our labels, which only objects of anabranch may have.

use super::Input;
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::marks;

/// Objects of an earlier run, and those of other sets, were taken out before.
pub(super) fn check(input: &Input<'_>, report: &mut Report) {
    let marked = input.objects.iter().filter_map(|object| Some((object, marks::set_of(object)?)));
    let foreign = marked.filter(|(object, set)| !marks::is_shared(object, set));
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
