//! Decides which patches may contain parts of a Secret, judging by their text.
//!
//! A patch without a kind may apply to a Secret, whatever it says. Texts are judged by their characters, because one
//! that could not be parsed has to be judged as well.

use super::hidden::{Key, Value, contains_ignoring_case, is_word, keys, value};

/// Whether a patch may apply to a Secret. `target` is the kind that its target names, if it has one. Messages still
/// name paths and keys: `kubectl describe` shows those of a Secret to everybody.
pub(crate) fn may_be_of_secret(patch: &str, target: Option<&str>) -> bool {
    let patch = plain(patch);
    let names_kind = match target {
        Some(kind) => !kind.is_empty() && !mentions_secret(kind),
        None => is_operations(&patch) || names_kind(&patch),
    };
    !names_kind || mentions_secret(&patch) || has_escape(&patch)
}

/// Whether some patch in the text of a previews file may apply to a Secret. Targets and patches are in any order, so
/// they are counted: each target belongs to one patch.
pub(super) fn has_patch_of_secret(document: &str) -> bool {
    let text = plain(document);
    if mentions_secret(&text) {
        return true;
    }
    // `$patch` is a directive within a patch.
    let is_mark =
        |key: &Key<'_>| matches!(key.word, "patch" | "target") && !text[..key.start].ends_with('$');
    let marks: Vec<_> = keys(&text).filter(is_mark).collect();
    let (mut targets, mut unclear) = (0_usize, 0_usize);
    for (index, mark) in marks.iter().enumerate() {
        let end = marks.get(index + 1).map_or(text.len(), |next| next.start);
        let behind = &text[mark.end..end.max(mark.end)];
        if mark.word == "patch" {
            unclear += usize::from(!is_operations(behind) && !names_kind(behind));
        } else if names_kind(mapping(behind, column(&text, mark.start))) {
            targets += 1;
        } else {
            return true;
        }
    }
    unclear > targets || !marks.is_empty() && has_escape(&text)
}

/// Removes what a text quotes: everything between the first and the last quotation mark, as quoted text may have
/// marks of its own.
pub(crate) fn unquoted(text: &str) -> String {
    match (text.find('`'), text.rfind('`')) {
        (Some(first), Some(last)) => format!("{}`…`{}", &text[..first], &text[last + 1..]),
        _ => text.to_owned(),
    }
}

/// Whether a text has the word `Secret`, a kind that ends with it, or a key that only Secrets have. A key `data` is
/// enough, unless the text mentions a ConfigMap: a name can lead to a Secret.
pub(crate) fn mentions_secret(text: &str) -> bool {
    let says = |wanted: &str| {
        let mut words = text.split(|c: char| !is_word(c));
        words.any(|word| word.eq_ignore_ascii_case(wanted))
    };
    // Kinds that make Secrets hold templates of them. Names of variables have no lower-case letters.
    let is_kind = |word: &str| word.ends_with("Secret");
    text.split(|c: char| !is_word(c)).any(is_kind)
        || says("secret")
        || says("secretlist")
        || contains_ignoring_case(text, "stringdata")
        || has_data(text) && !says("configmap")
}

/// Whether a text has a key `data`, or a JSON pointer into it.
fn has_data(text: &str) -> bool {
    text.match_indices("data").any(|(at, word)| {
        let (before, behind) = (&text[..at], &text[at + word.len()..]);
        let behind = behind.trim_start_matches(|c: char| "\"'\\".contains(c) || c.is_whitespace());
        let begins = |pointer: &str| !pointer.ends_with(|c| is_word(c) || c == '/');
        before.strip_suffix('/').is_some_and(begins)
            || !before.ends_with(|c| is_word(c) || c == '/') && behind.starts_with(':')
    })
}

/// Undoes the escapes of a JSON string for line breaks and quotes.
fn plain(text: &str) -> String {
    text.replace("\\\"", "\"").replace("\\n", "\n")
}

/// Whether letters may be escaped as numbers, so that a word that matters can be hidden anywhere.
fn has_escape(text: &str) -> bool {
    ["\\x", "\\u", "\\U"].iter().any(|escape| text.contains(escape))
}

/// Whether some key `kind` has a certain value, or an `apiVersion` has a group; that of Secrets has none.
fn names_kind(text: &str) -> bool {
    let has_group = |value: &str| {
        let line = value.lines().next().unwrap_or_default().trim_start_matches([' ', '"', '\'']);
        let group = line.trim_start_matches(is_word);
        group.len() < line.len() && group.starts_with('/')
    };
    keys(text).any(|key| match (key.word, &text[key.end..]) {
        ("kind", behind) => {
            matches!(value(behind), Value::Word(word) if !word.eq_ignore_ascii_case("null"))
        }
        ("apiVersion", behind) => has_group(behind),
        _ => false,
    })
}

/// Whether a patch, or the value of its key, is a list of JSON 6902 operations. Without a target it applies to
/// workloads alone.
fn is_operations(text: &str) -> bool {
    let mut text = text.trim_start();
    if text.starts_with(['|', '>']) {
        // Skips the header of a block scalar.
        text = text.split_once('\n').map_or("", |(_, block)| block);
    }
    let text = text.trim_start().trim_start_matches(['\'', '"']).trim_start();
    text.starts_with("- ") || text.starts_with('[')
}

/// The column of a byte, in bytes.
fn column(text: &str, at: usize) -> usize {
    at - text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// The text of a mapping: what is in its brackets, or the lines that are indented deeper than its key.
fn mapping(behind: &str, column: usize) -> &str {
    if behind.trim_start().starts_with('{') {
        return behind.split('}').next().unwrap_or(behind);
    }
    let mut end = 0;
    for line in behind.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        if end > 0 && !line.trim().is_empty() && indent <= column {
            break;
        }
        end += line.len();
    }
    &behind[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_without_a_kind_may_be_of_a_secret() {
        for (patch, target) in [
            ("[{op: add, path: /immutable, value: true}]", Some("")),
            ("spec: {replicas: 2}", Some("")),
            ("kind: Deployment", Some("")),
            ("spec: {replicas: 2}", None),
            ("kind: ${KIND}", None),
            ("kind: null", None),
            ("apiVersion: v1", None),
            ("kind: \"Secr\\x65t\"", None),
            ("{kind: Deployment, d\\u0061ta: {}}", Some("ConfigMap")),
            ("kind: Secret", None),
            ("? data\n: {p: x}", Some("Widget")),
            ("- {op: add, path: /data/p, value: x}", None),
            ("[]", Some("Secret")),
            ("[]", Some("Secret|ConfigMap")),
            ("[]", Some("ExternalSecret")),
            ("kind: ExternalSecret", None),
        ] {
            assert!(may_be_of_secret(patch, target), "{patch} {target:?}");
        }
        for (patch, target) in [
            ("[{op: add, path: /spec/replicas, value: 2}]", None),
            ("- op: add", None),
            ("apiVersion: apps/v1\nmetadata: [", None),
            ("kind: Deployment\nspec: {}", None),
            ("\\\"kind\\\": \\\"Deployment\\\"", None),
            ("spec: {replicas: 2}", Some("Deployment")),
            ("data: {a: b}\nkind: ConfigMap", None),
        ] {
            assert!(!may_be_of_secret(patch, target), "{patch} {target:?}");
        }
    }

    #[test]
    fn patches_of_a_file_are_judged_by_their_own_targets() {
        let file = |patches: &str| format!("kind: Previews\nspec:\n  patches:\n{patches}");
        for patches in [
            "  - target: {name: db}\n    patch: |\n      kind: Deployment\n",
            "  - target:\n      name: db\n    patch: 'a: b'\n  - {kind: Deployment}\n",
            "  - patch: 'a: b'\n",
            "  - target: *db\n    patch: 'kind: Deployment'\n",
            "  - target: {kind: ConfigMap, name: a}\n    patch: 'data: {a: b}'\n  - patch: 'data: {p: x}'\n",
            "  - {patch: 'kind: \"Secr\\x65t\"'}\n",
        ] {
            assert!(has_patch_of_secret(&file(patches)), "{patches}");
        }
        for patches in [
            "",
            "  - patch: |-\n      - op: add\n        path: /spec\n",
            "  - patch: '[{op: add}]'\n    target: {kind: Deployment}\n",
            "  - target:\n      kind: Deployment\n    patch: 'a: b'\n",
            "  - patch: 'kind: Deployment\na: [{b: c, $patch: delete}]'\n",
            "  - patch: 'a: b'\n    target:\n      name: a\n      kind: ConfigMap\n",
            "  - {\"patch\": \"kind: Deployment\\nspec: {}\"}\n",
            "  - {\"patch\": \"{\\\"kind\\\": \\\"Deployment\\\"}\"}\n",
        ] {
            assert!(!has_patch_of_secret(&file(patches)), "{patches}");
        }
    }
}
