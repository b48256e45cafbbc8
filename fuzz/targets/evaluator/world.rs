//! What both specifications share: requests over a few words, so that matches often hold.

use arbitrary::Arbitrary;
use serde_json::{Value, json};

use crate::evaluator::{Answer, Request};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
pub(crate) enum Method {
    Get,
    Post,
}

impl Method {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// The name of a header or of a query parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Arbitrary)]
pub(crate) enum Name {
    A,
    B,
    C,
}

impl Name {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::A => "x-a",
            Self::B => "x-b",
            Self::C => "x-c",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
pub(crate) enum Word {
    One,
    OneTwo,
    Two,
}

impl Word {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::OneTwo => "onetwo",
            Self::Two => "two",
        }
    }
}

/// A path of at most three segments.
#[derive(Debug, Clone, Arbitrary)]
pub(crate) struct Path {
    segments: [Option<Word>; 3],
    /// Ends in a slash.
    open: bool,
}

impl Path {
    pub(crate) fn text(&self) -> String {
        let parts: Vec<&str> = self.segments.iter().flatten().map(|word| word.text()).collect();
        let end = if self.open && !parts.is_empty() { "/" } else { "" };
        format!("/{}{end}", parts.join("/"))
    }
}

#[derive(Debug, Clone, Arbitrary)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: Path,
    /// Lines of headers; one name may come twice.
    pub(crate) headers: Vec<(Name, Word)>,
    pub(crate) params: Vec<(Name, Word)>,
}

impl Ask {
    /// The request; header names are written in upper case where asked for.
    pub(crate) fn request(&self, upper: bool) -> Request {
        let mut request = Request::new(self.method.text(), &self.path.text());
        for (name, value) in &self.headers {
            let name = if upper { name.text().to_uppercase() } else { name.text().to_owned() };
            request = request.header(&name, value.text());
        }
        for (name, value) in &self.params {
            request = request.param(name.text(), value.text());
        }
        request
    }

    /// The value of a header: its lines joined with commas (RFC 9110, section 5.3).
    pub(crate) fn header(&self, name: Name) -> Option<String> {
        let lines = self.headers.iter().filter(|(found, _)| *found == name);
        let lines: Vec<&str> = lines.map(|(_, value)| value.text()).collect();
        if lines.is_empty() { None } else { Some(lines.join(",")) }
    }

    /// The first value of a query parameter.
    pub(crate) fn param(&self, name: Name) -> Option<&'static str> {
        let found = self.params.iter().find(|(found, _)| *found == name);
        found.map(|(_, value)| value.text())
    }
}

pub(crate) fn service(name: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": [{"port": 80}]},
    })
}

/// The rule that an answer names: the part of its only backend's name before the first dot.
pub(crate) fn chosen(answer: &Answer) -> Option<String> {
    match answer {
        Answer::Backends { destinations, .. } => {
            assert_eq!(destinations.len(), 1, "every rule has one backend: {answer:?}");
            let host = &destinations.keys().next().expect("there is one").host;
            Some(host.split('.').next().unwrap_or_default().to_owned())
        }
        Answer::NotFound => None,
        other => panic!("a rule, or none: {other:?}"),
    }
}
