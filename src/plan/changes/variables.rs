//! Warns of variables of a preview whose values an injector replaces by a secret.

use super::Target;
use super::images::Images;
use crate::diagnostic::text::short;
use crate::diagnostic::{Report, code};
use crate::model::{Workload, containers, pod_of};
use crate::plan::judge::injected::replaced;
use crate::spec::{Config, EnvVar};

/// Warns of each such variable once, however many previews set it. `all` has the images of each workload, which say what
/// its main container is.
pub(super) fn check(config: &Config, target: &Target<'_>, all: &[Images<'_>], report: &mut Report) {
    for (index, variable) in target.change.env.iter().enumerate() {
        let Some(word) = replaced(&variable.value) else { continue };
        let mut mains = target.workloads.iter().zip(all);
        if mains.all(|(workload, images)| has(workload, images.main, variable)) {
            continue;
        }
        // What stands around a part that is replaced may be a password.
        let shown = if variable.value.starts_with(word) { &variable.value } else { word };
        let mut finding = config.finding(
            &code::MORE_ACCESS,
            format_args!("{}.env[{index}].value", target.path()),
            format!(
                "`env` gives `{}` a variable `{}` that an injector replaces by a secret: `{}`",
                target.name,
                short(&variable.name),
                short(shown)
            ),
            "make sure that whoever can change previews.yaml may read this secret",
        );
        finding.label = "replaced when the container starts".to_owned();
        report.push(finding.once());
    }
}

/// Whether a container of the original has the same variable.
fn has(workload: &Workload<'_>, container: Option<&str>, variable: &EnvVar) -> bool {
    let mut all = pod_of(workload.object).into_iter().flat_map(containers);
    let main = all.find(|one| container.is_some() && one.text_at(&["name"]) == container);
    main.into_iter().flat_map(|main| main.items_at(&["env"])).any(|one| {
        one.text_at(&["name"]) == Some(&variable.name)
            && one.text_at(&["value"]) == Some(&variable.value)
    })
}
