//! The work budget of patches, counted in visited nodes.
//!
//! Each patch visits the result of the patches before it, and may double it. Without a limit, a few lines could fill any
//! memory.

use super::{Counter, OutputLimits};

/// The work budget of all patches of a run. Threads share it.
#[derive(Debug)]
pub(crate) struct WorkBudget {
    depth: usize,
    /// The visited nodes.
    spent: Counter,
}

/// The share of the work budget for one object, or for one patch while it is parsed.
#[derive(Debug)]
pub(crate) struct WorkShare {
    limit: usize,
    depth: usize,
    spent: usize,
}

/// The limit that was exceeded, with its value.
#[derive(Debug)]
pub(crate) enum Exceeded {
    /// Of visited nodes.
    Work(usize),
    /// Of levels of nesting in the result.
    Depth(usize),
}

/// This many keys that a search passes, or list items that an insertion moves, cost as much as one visited node.
const PASSED: usize = 32;

/// This many checks whether a patch applies to an object cost as much as one visited node.
const LOOKS: usize = 8;

impl WorkBudget {
    /// The budget of a run.
    pub(crate) fn new(limits: &OutputLimits) -> Self {
        Self { depth: limits.depth, spent: Counter::new(limits.patch_nodes) }
    }

    /// Whether more was spent than the limit.
    pub(crate) fn is_over(&self) -> bool {
        self.spent.is_over()
    }

    /// Charges checks whether a patch applies. They count for the run only, not for an object.
    pub(crate) fn spend_looks(&self, looks: usize) {
        self.spent.count(looks / LOOKS);
    }

    /// Runs some work with a share: the rest of the budget, and at most a tenth of the whole, because the result
    /// stays in memory.
    pub(crate) fn allow<T>(&self, work: impl FnOnce(&mut WorkShare) -> T) -> T {
        let limit = self.spent.left().min(self.spent.limit() / 10);
        let mut share = WorkShare { limit, depth: self.depth, spent: 0 };
        let made = work(&mut share);
        self.spent.count(share.spent);
        made
    }
}

impl WorkShare {
    /// No limit: for patches whose work is already charged.
    pub(crate) const UNLIMITED: Self = Self { limit: usize::MAX, depth: usize::MAX, spent: 0 };

    /// How many nodes are left.
    pub(crate) const fn left(&self) -> usize {
        self.limit.saturating_sub(self.spent)
    }

    /// How many levels of nesting are allowed.
    pub(crate) const fn depth(&self) -> usize {
        self.depth
    }

    /// Whether more was spent than allowed.
    pub(crate) const fn is_over(&self) -> bool {
        self.spent > self.limit
    }

    /// Charges visited nodes.
    pub(crate) fn take(&mut self, nodes: usize) -> Result<(), Exceeded> {
        self.spent = self.spent.saturating_add(nodes);
        if self.is_over() { Err(self.exceed()) } else { Ok(()) }
    }

    /// Charges keys that a search passes or list items that move, and at least one node.
    pub(crate) fn pass(&mut self, nodes: usize) -> Result<(), Exceeded> {
        self.take(1 + nodes / PASSED)
    }

    /// Refuses a result with more levels of nesting than are allowed.
    pub(crate) fn check_depth(&self, levels: usize) -> Result<(), Exceeded> {
        if levels <= self.depth { Ok(()) } else { Err(Exceeded::Depth(self.depth)) }
    }

    /// Uses up the share, so that all further work is refused.
    pub(crate) fn exceed(&mut self) -> Exceeded {
        self.spent = self.spent.max(self.limit.saturating_add(1));
        Exceeded::Work(self.limit)
    }
}
