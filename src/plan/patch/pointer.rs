//! JSON pointers: they say where in an object an operation of JSON 6902 acts.
//! See <https://www.rfc-editor.org/rfc/rfc6901>.

use std::fmt;

use smol_str::SmolStr;

use crate::limits::{Exceeded, WorkShare};
use crate::yaml::{Data, Node};

/// The steps to a value: keys and indices. None of them lead to the whole object.
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

    /// The number of steps.
    pub(super) fn levels(&self) -> usize {
        self.0.len()
    }

    /// The steps to the parent, and the last step; `None` for the whole object.
    pub(super) fn split(&self) -> Option<(&[SmolStr], &str)> {
        self.0.split_last().map(|(last, parent)| (parent, last.as_str()))
    }

    pub(super) fn steps(&self) -> &[SmolStr] {
        &self.0
    }

    /// Whether it leads into the value of another pointer.
    pub(super) fn is_below(&self, other: &Self) -> bool {
        self != other && self.0.starts_with(&other.0)
    }

    /// The value it leads to, charged by the keys that the search passes.
    pub(super) fn find<'n>(
        &self,
        object: &'n Node,
        share: &mut WorkShare,
    ) -> Result<Option<&'n Node>, Exceeded> {
        let mut passed = 0;
        let value = self.0.iter().try_fold(object, |node, step| match &node.data {
            Data::Scalar { .. } => None,
            Data::List(items) => items.get(index(step, items.len())?),
            Data::Map(entries) => {
                passed += entries.len();
                node.get(step)
            }
        });
        share.pass(passed)?;
        Ok(value)
    }
}

/// The value behind these steps, mutable, charged by the keys that the search passes.
pub(super) fn find_mut<'n>(
    object: &'n mut Node,
    steps: &[SmolStr],
    share: &mut WorkShare,
) -> Result<Option<&'n mut Node>, Exceeded> {
    let mut passed = 0;
    let value = steps.iter().try_fold(object, |node, step| match &mut node.data {
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
    share.pass(passed)?;
    Ok(value)
}

/// The index that a step names in a list of this length; `None` if it is no number without leading zeros, or too large.
pub(super) fn index(step: &str, length: usize) -> Option<usize> {
    let digits = step.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (step == "0" || !step.starts_with('0'));
    step.parse().ok().filter(|&index| plain && index < length)
}

impl fmt::Display for Pointer {
    /// The pointer as text, with long steps and long pointers cut.
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
