//! JSON pointers: the place in an object where an operation acts.
//! See <https://www.rfc-editor.org/rfc/rfc6901>.

use std::fmt;

use smol_str::SmolStr;

use crate::limits::{Allowance, Exceeded};
use crate::yaml::{Data, Node};

/// The keys and indices on the way to a value; none for the whole object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pointer(Vec<SmolStr>);

impl Pointer {
    /// Reads a string that is empty or begins with `/`; `~1` stands for a slash, `~0` for a tilde.
    pub(super) fn read(node: &Node) -> Option<Self> {
        let is_escape = |part: &str| part.starts_with(['0', '1']);
        let text = node.text().unwrap_or_default();
        let Data::Scalar { .. } = &node.data else {
            return None;
        };
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        let step = |step: &str| {
            let escapes = step.split('~').skip(1).all(is_escape);
            escapes.then(|| step.replace("~1", "/").replace("~0", "~").into())
        };
        text.strip_prefix('/')?.split('/').map(step).collect::<Option<_>>().map(Self)
    }

    /// How many levels are around what it leads to.
    pub(super) fn levels(&self) -> usize {
        self.0.len()
    }

    /// The way to what holds the value, and the last step; none for the whole object.
    pub(super) fn split(&self) -> Option<(&[SmolStr], &str)> {
        self.0.split_last().map(|(last, way)| (way, last.as_str()))
    }

    /// The keys and indices.
    pub(super) fn steps(&self) -> &[SmolStr] {
        &self.0
    }

    /// Whether it leads into what another leads to.
    pub(super) fn is_below(&self, other: &Self) -> bool {
        self != other && self.0.starts_with(&other.0)
    }

    /// The value it leads to.
    pub(super) fn find<'n>(
        &self,
        object: &'n Node,
        allowance: &mut Allowance,
    ) -> Result<Option<&'n Node>, Exceeded> {
        let mut passed = 0;
        let found = self.0.iter().try_fold(object, |node, step| match &node.data {
            Data::Scalar { .. } => None,
            Data::List(items) => items.get(index(step, items.len())?),
            Data::Map(entries) => {
                passed += entries.len();
                node.get(step)
            }
        });
        allowance.pass(passed)?;
        Ok(found)
    }
}

/// The value behind some steps, to change it.
pub(super) fn find_mut<'n>(
    object: &'n mut Node,
    steps: &[SmolStr],
    allowance: &mut Allowance,
) -> Result<Option<&'n mut Node>, Exceeded> {
    let mut passed = 0;
    let found = steps.iter().try_fold(object, |node, step| match &mut node.data {
        Data::Scalar { .. } => None,
        Data::List(items) => {
            let index = index(step, items.len())?;
            items.get_mut(index)
        }
        Data::Map(entries) => {
            passed += entries.len();
            entries.iter_mut().find(|(key, _)| key.text == *step).map(|(_, value)| value)
        }
    });
    allowance.pass(passed)?;
    Ok(found)
}

/// The index that a step gives in a list of this length.
pub(super) fn index(step: &str, length: usize) -> Option<usize> {
    let digits = step.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (step == "0" || !step.starts_with('0'));
    step.parse().ok().filter(|&index| plain && index < length)
}

impl fmt::Display for Pointer {
    /// What it leads to, cut where it is longer than anybody reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const STEPS: usize = 12;
        const LENGTH: usize = 60;
        for step in self.0.iter().take(STEPS) {
            let text = step.replace('~', "~0").replace('/', "~1");
            match text.char_indices().nth(LENGTH) {
                Some((cut, _)) => write!(f, "/{}…", &text[..cut])?,
                None => write!(f, "/{text}")?,
            }
        }
        if self.0.len() > STEPS { f.write_str("/…") } else { Ok(()) }
    }
}
