//! Filters the output of a build that failed.
//!
//! kustomize quotes patches, literals and whole objects, and the log of a check is read by many who may not read
//! Secrets. So only sentences are shown that quote just paths and names.

/// The text of kustomize before and after a path or a name. If nothing follows, only the first part is shown.
const KNOWN: [(&str, &str); 25] = [
    ("accumulating resources from '", "'"),
    (HELM, ""),
    ("json: unknown field \"", "\""),
    ("into Go struct field ", " of type string"),
    ("into Go struct field ", " of type []string"),
    ("lstat ", ": no such file or directory"),
    ("open ", ": no such file or directory"),
    ("open ", ": permission denied"),
    ("kustomization.yaml is empty", ""),
    ("unable to find one of 'kustomization.yaml', 'kustomization.yml' or 'Kustomization'", ""),
    ("in directory '", "'"),
    ("file '", "' is not in or below '"),
    ("new root '", "' cannot be absolute"),
    ("cycle detected: candidate root '", "'"),
    ("missing Resource metadata", ""),
    ("missing metadata.name in object", ""),
    ("may not add resource with an already registered id: ", "'"),
    ("does not exist; cannot merge or replace", ""),
    ("no resource matches strategic merge patch \"", "\""),
    ("unable to load external plugin '", "'"),
    ("unable to parse SM or JSON patch", ""),
    ("a configmap must have a name", ""),
    ("illegally repeats the key", ""),
    ("connection refused", ""),
    ("no such host", ""),
];

/// How go-yaml begins messages that do not quote the text.
const OF_YAML: [&str; 6] = [
    "did not find ",
    "could not find ",
    "found ",
    "mapping values are not allowed",
    "block ",
    "control characters are not allowed",
];

const HELM: &str = "must specify --enable-helm";

/// The sentences that may be shown, in order; `None` if all of them may quote a Secret.
pub(super) fn shown(stderr: &str) -> Option<String> {
    let mut shown: Vec<&str> = Vec::new();
    for line in stderr.lines() {
        let mut of_line: Vec<(usize, &str)> = Vec::new();
        for (before, behind) in KNOWN {
            let places = line.match_indices(before);
            of_line.extend(places.filter_map(|(at, _)| {
                let rest = &line[at + before.len()..];
                let quoted = &rest[..rest.find(behind)?];
                let length = before.len() + quoted.len() + behind.len();
                // The URL of a server can contain a password.
                let is_plain = !quoted.contains("://") && !quoted.contains(['`', '{', '@']);
                is_plain.then(|| (at, &line[at..at + length]))
            }));
        }
        of_line.extend(line.find("yaml: ").and_then(|at| Some((at, of_yaml(&line[at..])?))));
        of_line.sort_unstable();
        for (_, sentence) in of_line {
            if !shown.contains(&sentence) {
                shown.push(sentence);
            }
        }
    }
    (!shown.is_empty()).then(|| shown.join(": "))
}

/// The message about a text that is not YAML, with its line and its file.
fn of_yaml(line: &str) -> Option<&str> {
    let said = line.strip_prefix("yaml: ")?;
    let said = match said.strip_prefix("line ") {
        Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(": ")?,
        None => said,
    };
    OF_YAML.iter().any(|known| said.starts_with(known)).then_some(line)
}

/// The remedy.
pub(super) fn help(stderr: &str) -> &'static str {
    if stderr.contains(HELM) {
        "render its charts yourself, with `helm template` or `kustomize build --enable-helm`, and pass the \
         result with `--baseline -`: neither Flux nor this program runs Helm in a build"
    } else if stderr.contains("is not in or below") {
        "files beside a kustomization's folder are read where every field is known and no plugin could read \
         others: move the file, or build the folder yourself and pass the result with `--baseline -`"
    } else {
        "mend the kustomization; it must build by itself"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_that_quote_no_secret_are_shown() {
        for (stderr, wanted) in [
            (
                "Error: trouble configuring builtin HelmChartInflationGenerator with config: `\nname: \
                 hunter2\n`: must specify --enable-helm",
                "must specify --enable-helm",
            ),
            (
                "Error: accumulating resources: accumulation err='accumulating resources from 'a.yaml': \
                 evalsymlink failure on '/k/a.yaml' : lstat /k/a.yaml: no such file or directory': must build",
                "accumulating resources from 'a.yaml': lstat /k/a.yaml: no such file or directory",
            ),
            (
                "Error: invalid Kustomization: json: unknown field \"resourcs\"",
                "json: unknown field \"resourcs\"",
            ),
            (
                "Error: accumulating resources from 'r.yaml': MalformedYAMLError: yaml: line 5: found \
                 unexpected end of stream in File: r.yaml",
                "accumulating resources from 'r.yaml': yaml: line 5: found unexpected end of stream in \
                 File: r.yaml",
            ),
            (
                "Error: invalid Kustomization: json: cannot unmarshal array into Go struct field \
                 Kustomization.namespace of type string",
                "into Go struct field Kustomization.namespace of type string",
            ),
        ] {
            assert_eq!(shown(stderr).as_deref(), Some(wanted));
        }
    }

    #[test]
    fn what_may_quote_a_secret_is_not_shown() {
        for stderr in [
            "Error: invalid literal source hunter2, expected key=value",
            "Error: map[string]interface {}(nil): yaml: cannot decode !!str `hunter2` as a !!int",
            "Error: decoding {\"kind\":\"Secret\",\"data\":{\"p\":\"hunter2\"}}: json: cannot unmarshal",
            "Error: yaml: unknown anchor 'hunter2' referenced",
            "Error: yaml: unmarshal errors:\n  line 4: mapping key \"hunter2\" already defined at line 4",
            "Get \"https://me:hunter2@host/x\": accumulating resources from 'https://me:hunter2@host/x'",
            "hunter2",
            "",
        ] {
            assert_eq!(shown(stderr), None, "{stderr}");
        }
        let half = "unable to parse SM or JSON patch from [patch: \"hunter2\"]";
        assert_eq!(shown(half).as_deref(), Some("unable to parse SM or JSON patch"));
    }
}
