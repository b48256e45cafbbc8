//! Checks that an API server accepts the replicas and variables of a preview, and that they are within limits.

use super::Input;
use crate::diagnostic::{Report, code};
use crate::spec::ServicePath;

pub(super) fn check(input: &Input<'_>, report: &mut Report) {
    let spec = &input.config.previews.spec;
    let most = spec.limits.replicas;
    for (p, preview) in spec.previews.iter().enumerate() {
        for (s, service) in preview.services.iter().enumerate() {
            let path = ServicePath(p, s);
            if service.replicas > most {
                report.push(input.config.finding(
                    &code::CONFIG_FIELD,
                    format_args!("{path}.replicas"),
                    format!(
                        "`{}` gets {} replicas, and spec.limits.replicas allows {most}",
                        service.name, service.replicas
                    ),
                    "write fewer, or raise spec.limits.replicas on purpose",
                ));
            }
            for (e, variable) in service.env.iter().enumerate() {
                if !is_env_name(&variable.name) {
                    report.push(input.config.finding(
                        &code::CONFIG_FIELD,
                        format_args!("{path}.env[{e}].name"),
                        format!("`{}` is not the name of a variable", variable.name),
                        "write printable ASCII characters without `=`, as Kubernetes takes them",
                    ));
                }
            }
        }
    }
}

/// Whether an API server accepts the name of a variable.
/// See <https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/>.
pub(crate) fn is_env_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_names_of_printable_ascii() {
        for good in ["A_1", "a.b-c", "_", "1", "a b", "${A}"] {
            assert!(is_env_name(good), "{good}");
        }
        for bad in ["", "A=B", "=", "A\n", "\t", "ä", "a\u{7f}"] {
            assert!(!is_env_name(bad), "{bad:?}");
        }
    }
}
