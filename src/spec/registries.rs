//! `limits.registries`: what images may come from.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use serde::Deserialize;
use smol_str::SmolStr;

use crate::kube::{ImageName, Prefix};

/// Registries and paths in them. A lookup costs the same however many there are.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Vec<String>")]
pub(crate) struct Registries {
    texts: Vec<String>,
    prefixes: HashSet<Known, RandomState>,
}

/// The key of a prefix: domain, path, and whether it is an official image.
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
    /// The texts as written.
    #[must_use]
    pub(crate) fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Whether an image is below one of them; every image is, if none is listed.
    pub(crate) fn admit(&self, image: &ImageName<'_>) -> bool {
        self.texts.is_empty() || image.prefixes().any(|one| self.prefixes.contains(&known(one)))
    }
}
