//! `limits.registries`: what images may come from.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use serde::Deserialize;
use smol_str::SmolStr;

use crate::kube::{ImageName, Prefix};

/// Registries and parts of them, looked up in the same time however many there are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Vec<String>")]
pub struct Registries {
    texts: Vec<String>,
    prefixes: HashSet<Known, RandomState>,
}

/// What a prefix is known by: domain, path, and whether it is an official image.
type Known = (SmolStr, SmolStr, bool);

fn known(prefix: Prefix<'_>) -> Known {
    (prefix.domain.into(), prefix.path.into(), prefix.official)
}

impl From<Vec<String>> for Registries {
    fn from(texts: Vec<String>) -> Self {
        let read = texts.iter().filter_map(|text| Prefix::read(text));
        let prefixes = read.map(known).collect();
        Self { texts, prefixes }
    }
}

/// For the default in the JSON Schema.
impl serde::Serialize for Registries {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.texts.serialize(serializer)
    }
}

impl Registries {
    /// As they are written.
    #[must_use]
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether an image may come from where it does: anywhere, where none is listed.
    pub(crate) fn admit(&self, image: &ImageName<'_>) -> bool {
        self.texts.is_empty() || image.prefixes().any(|one| self.prefixes.contains(&known(one)))
    }
}
