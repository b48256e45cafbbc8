//! Decides which documents of a text messages may show. Hidden are documents that are or may be a Secret, and
//! documents that are neither a manifest nor a file of anabranch. The log of a check is read by many who may not read
//! Secrets, and any file can stand where a manifest is expected.
//!
//! A text that is shown is mostly one that could not be read, so it is judged by its characters: by every key before
//! a colon, and the values of keys that matter. In doubt it is hidden.

use std::collections::BTreeSet;
use std::ops::Range;

use memchr::memmem;

use super::patch_text::has_patch_of_secret;

/// The hidden parts of a text, in order; adjacent documents are one part.
pub(super) fn hidden(text: &str) -> Vec<Range<usize>> {
    let mut hidden: Vec<Range<usize>> = Vec::new();
    for range in documents(text).filter(|range| !is_shown(&text[range.clone()])) {
        match hidden.last_mut().filter(|last| last.end == range.start) {
            Some(last) => last.end = range.end,
            None => hidden.push(range),
        }
    }
    hidden
}

/// The documents: what is between lines of `---` or `...`, each with the line before it.
fn documents(text: &str) -> impl Iterator<Item = Range<usize>> {
    let is_border = |line: &str| {
        let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
    };
    let lines = text.split_inclusive('\n').scan(0, |next, line| {
        let at = *next;
        *next += line.len();
        Some((at, line))
    });
    let borders = lines.filter(move |(at, line)| *at > 0 && is_border(line)).map(|(at, _)| at);
    borders.chain([text.len()]).scan(0, |start, end| Some(std::mem::replace(start, end)..end))
}

/// The size of the smallest manifest, which has an apiVersion and a kind.
const SMALLEST: usize = "apiVersion:k\nkind:k".len();

/// Whether a document is clearly a manifest, a previews file or a map of paths, and no Secret.
fn is_shown(document: &str) -> bool {
    // A text may have millions of empty documents.
    if document.len() < SMALLEST {
        return false;
    }
    // Only Secrets have this key.
    if contains_ignoring_case(document, "stringdata") {
        return false;
    }
    let mut seen = Seen::default();
    let escapes = document.contains('\\');
    for (at, _) in document.match_indices(':') {
        let before = document[..at].trim_end();
        let before = before.strip_suffix(['"', '\'']).unwrap_or(before);
        // The last letters of the keys that matter. Most keys have others and are skipped.
        let may_matter = before.ends_with(['d', 'D', 's', 'S', 'n', 'N', 'a', 'A']);
        if !may_matter && !escapes {
            continue;
        }
        let start = before.trim_end_matches(is_word);
        let key = &before[start.len()..];
        if start.ends_with('\\') && !BREAKS.contains(&key) {
            return false;
        }
        let lower = key.to_ascii_lowercase();
        match lower.as_str() {
            "kind" => {
                let line = start.strip_suffix(['"', '\'']).unwrap_or(start);
                let outermost = line.is_empty() || line.ends_with('\n');
                match value(&document[at + 1..]) {
                    Value::Mapping => {}
                    Value::Unclear => return false,
                    Value::Word(kind) => seen.kind(kind, outermost),
                }
            }
            "sops" => return false,
            "apiversion" => {
                seen.has_version = true;
                let rest = document[at + 1..].trim_start();
                let version = rest.split([',', '\n', '}']).next().unwrap_or_default();
                seen.is_about_secrets |= version.contains("secret");
            }
            "metadata" => seen.has_metadata = true,
            _ => {
                seen.has_data |= lower.ends_with("data");
                seen.may_be_values |= matches!(lower.as_str(), "data" | "binarydata");
            }
        }
    }
    let is_flow = document.trim_start_matches("---").trim_start().starts_with('{');
    let contains = |word: &str| memmem::find(document.as_bytes(), word.as_bytes()).is_some();
    let may_patch = || escapes || contains("patch");
    let patches_secret = || seen.is_previews() && may_patch() && has_patch_of_secret(document);
    seen.is_shown(is_flow) && !contains("ENC[") && !patches_secret()
}

/// Escapes of line breaks and blanks: a text that ends with one is no key that matters.
const BREAKS: [&str; 8] = ["L", "N", "P", "n", "r", "t", "u2028", "u2029"];

/// Whether a text contains `wanted`, ignoring the case of ASCII letters. `wanted` is in lower case and not empty.
pub(crate) fn contains_ignoring_case(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    let first = wanted[0];
    memchr::memchr2_iter(first, first.to_ascii_uppercase(), text).any(|at| {
        text[at..].get(..wanted.len()).is_some_and(|found| found.eq_ignore_ascii_case(wanted))
    })
}

/// What was seen in a document.
#[derive(Default)]
struct Seen {
    has_version: bool,
    has_metadata: bool,
    /// It has a key that ends with `data`, at any depth.
    has_data: bool,
    /// It has a key that holds the values of a Secret, at any depth.
    may_be_values: bool,
    /// Whether its group is one whose objects hold or describe the values of Secrets.
    is_about_secrets: bool,
    /// The kinds at any depth, in lower case.
    kinds: BTreeSet<String>,
    /// The kinds at the start of a line: that of the document itself, if it is a block.
    own_kinds: BTreeSet<String>,
}

impl Seen {
    fn kind(&mut self, kind: &str, outermost: bool) {
        let kind = kind.to_ascii_lowercase();
        if outermost {
            self.own_kinds.insert(kind.clone());
        }
        self.kinds.insert(kind);
    }

    fn is_previews(&self) -> bool {
        self.kinds.contains("previews")
    }

    fn is_shown(&self, is_flow: bool) -> bool {
        let own = if is_flow { &self.kinds } else { &self.own_kinds };
        let is = |kind: &str| own.len() == 1 && own.contains(kind);
        // The kind of a Secret may be misspelt, also in a list or a template. Patches of a previews file are looked at
        // on their own.
        let may_be_misspelt =
            self.may_be_values && !is("configmap") && (is_flow || !is("previews"));
        // A machine made a ResourceList, from any objects.
        if self.is_about_secrets || may_be_misspelt || self.kinds.contains("resourcelist") {
            return false;
        }
        let is_ours = self.is_previews() || self.kinds.contains("affected");
        if !self.has_version || own.is_empty() || !(self.has_metadata || is_ours) {
            return false;
        }
        // Other kinds hold templates of Secrets, or values for them.
        let is_secret = self.own_kinds.iter().any(|kind| kind.contains("secret"));
        let is_of_secrets = |kind: &String| kind.ends_with("secret") || kind == "secretlist";
        if !is_secret && !self.kinds.iter().any(is_of_secrets) {
            return true;
        }
        // Many objects name the kind Secret without holding anything of one.
        let is_list = self.own_kinds.iter().any(|kind| kind.ends_with("list"));
        !self.own_kinds.is_empty() && !is_secret && !is_list && !self.has_data
    }
}

/// The value behind the colon of a key.
pub(super) enum Value<'t> {
    Word(&'t str),
    Mapping,
    Unclear,
}

pub(super) fn value(text: &str) -> Value<'_> {
    let text = text.trim_start();
    if text.starts_with(['{', '[']) {
        return Value::Mapping;
    }
    let text = text.strip_prefix(['"', '\'']).unwrap_or(text);
    let word = &text[..text.len() - text.trim_start_matches(is_word).len()];
    let rest = &text[word.len()..];
    let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
    match rest.trim_start_matches(' ').chars().next() {
        Some(':') => Value::Mapping,
        None | Some('\n' | '\r' | ',' | '}' | ']' | '#' | '\t')
            if word.starts_with(|c: char| c.is_ascii_alphanumeric()) =>
        {
            Value::Word(word)
        }
        _ => Value::Unclear,
    }
}

pub(super) fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// A key before a colon.
pub(super) struct Key<'t> {
    pub(super) word: &'t str,
    /// Where the key begins.
    pub(super) start: usize,
    /// Where the text behind the colon begins.
    pub(super) end: usize,
}

/// The keys of a text: the words before colons.
pub(super) fn keys(text: &str) -> impl Iterator<Item = Key<'_>> {
    text.match_indices(':').map(|(at, _)| {
        let before = text[..at].trim_end();
        let before = before.strip_suffix(['"', '\'']).unwrap_or(before);
        let start = before.trim_end_matches(is_word).len();
        Key { word: &before[start..], start, end: at + 1 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "apiVersion: v1\nmetadata: {name: db}\nstringData: {password: hunter2}\n";

    #[test]
    fn a_secret_is_not_shown_however_it_is_spelt() {
        for kind in [
            "kind: Secret",
            "kind: secret",
            "kind:   'Secret'  # db",
            "\"kind\" : \"Secret\"",
            "? kind\n: Secret",
            "kind:\n  Secret",
            "kind: >-\n  Secret",
            "kind: !!str Secret",
            "kind: &kind Secret",
            "kind: *kind",
            "kind: \"\\x53ecret\"",
            "kind: \"Secr\\x65t\"",
            "\"k\\u0069nd\": Secret\nspec: {kind: Pod}",
            "kind: Secret\nkind: Service",
            "kind: Service\nkind: Secret",
            "kind: ${KIND}",
            "kind: {{ .Values.kind }}",
            "kind:",
            "kind: List\nitems:\n- kind: Secret",
            "kind: ResourceList\nitems:\n- {kind: Secret}",
            "kind: SecretList",
            "kind: Service\nsops: {mac: x}",
            "kind: ConfigMap\nspec: ENC[AES256_GCM,data:x]",
            "kind: Template\nobjects:\n- kind: Secret",
            "kind: Sercet",
        ] {
            assert!(!is_shown(&format!("{kind}\n{REST}")), "{kind}");
        }
        const MISSPELT: &str =
            "kind: Sercet\n  apiVersion: v1\n  metadata: {name: db}\n  data: {a: aHVudGVyMg==}\n";
        for list in ["kind: List\nitems:", "kind: Lst\nitems:", "kind: Template\nobjects:"] {
            let list = format!("apiVersion: v1\n{list}\n- {MISSPELT}metadata: {{}}\n");
            assert!(!is_shown(&list), "{list}");
        }
        for json in [
            "apiVersion: v1\nkind: Sercet\nmetadata: {}\ndata:\n  a: aHVudGVyMg==\n",
            "apiVersion: generators.external-secrets.io/v1\nkind: Fake\nmetadata: {}\nspec: {data: {a: hunter2}}\n",
            "apiVersion: v1\nkind: Sercet\nmetadata: {ownerReferences: [{kind: ConfigMap}]}\ndata:\n  a: aHVudGVyMg==\n",
            "apiVersion: v1\nkind: Sercet\nmetadata: {}\n? data\n: a: aHVudGVyMg==\n",
            "apiVersion: v1\nkind: Sercet\nmetadata: {}\nbinaryData:\n  a: aHVudGVyMg==\n",
            r#"{"apiVersion":"v1","kind":"Scret","metadata":{},"data":{"a":"aHVudGVyMg=="}}"#,
            r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"db"},"data":{"a":"aHVudGVyMg=="}}"#,
            r#"{"apiVersion":"v1","kind":"List","items":[{"kind":"Secret","metadata":{}}]}"#,
            r#"{"apiVersion":"v1","kind":"Service","metadata":{}}{"kind":"Secret"}"#,
            r#"{"apiVersion":"v1","k\u0069nd":"Secret","metadata":{},"spec":{"kind":"Pod"}}"#,
            "{apiVersion: v1, kind: Secret, stringData: {password: \"hunter2",
            "apiVersion: e/v1\nkind: ExternalSecret\nmetadata: {}\nspec: {target: {template: {p: hunter2}}}\n",
            "{apiVersion: e/v1, kind: ExternalSecret, metadata: {}, spec: {target: {template: {p: hunter2}}}}",
            "apiVersion: e/v1\nkind: ClusterSecretStore\nmetadata: {}\nspec: {provider: {fake: {data: [{value: hunter2}]}}}\n",
        ] {
            assert!(!is_shown(json), "{json}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_not_shown() {
        for other in [
            "",
            "hunter2\n",
            "root:$6$hunter2:19000::::::\n",
            "machine example.com login a password hunter2\n",
            "auth: hunter2\n  : [\n",
            "{\"auths\": {\"ghcr.io\": {\"auth\": \"hunter2\"}}}\n",
            "apiVersion: v1\nkind: Config\nusers: [{name: a, user: {token: hunter2}}]\n",
            "{\"apiVersion\": \"v1\", \"kind\": \"Config\", \"users\": [{\"token\": \"hunter2\"}]}",
            "kind: EncryptionConfiguration\napiVersion: v1\nresources: [{secret: hunter2}]\n",
            "TOKEN=hunter2\0PATH=/bin\0",
            "replicas: 2\n",
        ] {
            assert!(!is_shown(other), "{other}");
        }
    }

    #[test]
    fn manifests_and_previews_files_are_shown() {
        for document in [
            "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: ba",
            "---\n# a comment: here\nkind: Service\napiVersion: v1\nmetadata:\n  name: [\n",
            "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n\t- x\n",
            "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec: {a: \"x\\r::error\\u2028:\", b: [\n",
            "apiVersion: anabranch.dev/v1alpha1\nkind: Affected\nspec: {services: {secret: {paths: [",
            "\"apiVersion\": v1\n\"kind\": Service\n\"metadata\": {}\n",
            "apiVersion: v1\nkind: Pod\nmetadata: {}\nspec: {env: [{valueFrom: {secretKeyRef: {name: a}}}]}\n",
            "apiVersion: g/v1\nkind: Gateway\nmetadata: {}\nspec: {certificateRefs: [{kind: Secret}]}\n",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\ndata:\n  a: b\n",
            "apiVersion: a/v1\nkind: CustomResourceDefinition\nmetadata: {}\nspec:\n  properties:\n    kind:\n      type: string\n",
            r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}}"#,
            "apiVersion: m/v1\nkind: ServiceMonitor\nmetadata: {labels: {appdata: x}}\nspec: {attachMetadata: {node: true}}\n",
        ] {
            assert!(is_shown(document), "{document}");
        }
    }

    #[test]
    fn each_document_is_judged_by_itself() {
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n";
        let secret = format!("---\nkind: Secret\n{REST}");
        let text = format!("{service}{secret}---\n{service}...\n{secret}");
        let shown = |range: &Range<usize>| text[range.clone()].contains("kind: Service");
        let hidden = hidden(&text);
        let secrets = hidden.iter().filter(|range| text[(*range).clone()].contains("hunter2"));
        assert_eq!(secrets.count(), 2, "{hidden:?}");
        assert!(!hidden.iter().any(shown), "{hidden:?}");
    }
}
