//! The work that patches may cause, counted in visited nodes.
//!
//! Each patch visits what the patches before it made, and may double it. Without a limit, a few lines could fill any
//! memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::OutputLimits;

/// The work budget of all patches of a run: the limit, and what was spent.
#[derive(Debug)]
pub(crate) struct WorkBudget {
    most: usize,
    depth: usize,
    spent: AtomicUsize,
}

/// The work budget of one object, or of one patch while it is parsed: the limit, and what was spent.
#[derive(Debug)]
pub(crate) struct Allowance {
    most: usize,
    depth: usize,
    spent: usize,
}

/// The limit that was exceeded, with its value.
#[derive(Debug)]
pub(crate) enum Exceeded {
    /// Nodes that may be visited.
    Work(usize),
    /// Levels of nesting in the result.
    Depth(usize),
}

/// This many keys that a search passes over, or list items that an insertion moves, cost as much as one visited node.
const PASSED: usize = 32;

/// This many checks whether a patch applies to an object cost as much as one node.
const LOOKS: usize = 8;

impl WorkBudget {
    /// The budget of a run.
    pub(crate) fn new(limits: &OutputLimits) -> Self {
        Self { most: limits.patch_nodes, depth: limits.depth, spent: AtomicUsize::new(0) }
    }

    /// Whether more was spent than there is. Independent of the order of threads: a refusal implies that the sum
    /// exceeds the limit.
    pub(crate) fn is_over(&self) -> bool {
        self.spent.load(Ordering::Relaxed) > self.most
    }

    fn spend(&self, nodes: usize) {
        self.spent.fetch_add(nodes, Ordering::Relaxed);
    }

    /// Charges checks whether a patch applies. They count for the run only, not for an object.
    pub(crate) fn spend_looks(&self, looks: usize) {
        self.spend(looks / LOOKS);
    }

    /// Runs some work with an allowance: what is left of the budget, but at most a tenth of the whole, because the
    /// result is kept in memory.
    pub(crate) fn allow<T>(&self, work: impl FnOnce(&mut Allowance) -> T) -> T {
        let left = self.most.saturating_sub(self.spent.load(Ordering::Relaxed));
        let most = left.min(self.most / 10);
        let mut allowance = Allowance { most, depth: self.depth, spent: 0 };
        let made = work(&mut allowance);
        self.spend(allowance.spent);
        made
    }
}

impl Allowance {
    /// No limit: for patches whose work was charged before.
    pub(crate) const UNLIMITED: Self = Self { most: usize::MAX, depth: usize::MAX, spent: 0 };

    /// How many nodes are left.
    pub(crate) const fn left(&self) -> usize {
        self.most.saturating_sub(self.spent)
    }

    /// How many levels there may be.
    pub(crate) const fn depth(&self) -> usize {
        self.depth
    }

    /// Whether more was spent than allowed.
    pub(crate) const fn is_over(&self) -> bool {
        self.spent > self.most
    }

    /// Charges visited nodes.
    pub(crate) fn take(&mut self, nodes: usize) -> Result<(), Exceeded> {
        self.spent = self.spent.saturating_add(nodes);
        if self.is_over() { Err(self.exceed()) } else { Ok(()) }
    }

    /// Charges nodes that are passed over without a look inside, and at least one node.
    pub(crate) fn pass(&mut self, nodes: usize) -> Result<(), Exceeded> {
        self.take(1 + nodes / PASSED)
    }

    /// Refuses a result with more levels of nesting than are allowed.
    pub(crate) fn check_depth(&self, levels: usize) -> Result<(), Exceeded> {
        if levels <= self.depth { Ok(()) } else { Err(Exceeded::Depth(self.depth)) }
    }

    /// Uses up the allowance, so that all further work is refused.
    pub(crate) fn exceed(&mut self) -> Exceeded {
        self.spent = self.spent.max(self.most.saturating_add(1));
        Exceeded::Work(self.most)
    }
}
