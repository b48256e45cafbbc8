//! How much patches may go through: each goes through what those before it left, and may double it.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many nodes the patches of a run may go through, and how many they did.
#[derive(Debug)]
pub(crate) struct Meter {
    most: usize,
    spent: AtomicUsize,
}

/// How many nodes the patches of one object, or a text of theirs, may go through, and how many they did.
#[derive(Debug)]
pub(crate) struct Allowance {
    most: usize,
    spent: usize,
}

/// The limit that some work would go beyond.
#[derive(Debug)]
pub(crate) struct Exceeded {
    /// How many nodes it may go through.
    pub(crate) most: usize,
}

impl Meter {
    /// So many for all patches of a run.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, spent: AtomicUsize::new(0) }
    }

    /// Whether it was more. Which thread came first does not decide it: where one was refused what others
    /// took, all together is too much.
    pub(crate) fn is_over(&self) -> bool {
        self.spent.load(Ordering::Relaxed) > self.most
    }

    /// Allows some work a tenth of all at most, for what it makes is held in memory.
    pub(crate) fn allow<T>(&self, work: impl FnOnce(&mut Allowance) -> T) -> T {
        let left = self.most.saturating_sub(self.spent.load(Ordering::Relaxed));
        let mut allowance = Allowance { most: left.min(self.most / 10), spent: 0 };
        let made = work(&mut allowance);
        self.spent.fetch_add(allowance.spent, Ordering::Relaxed);
        made
    }
}

impl Allowance {
    /// For patches that were counted before.
    pub(crate) const UNLIMITED: Self = Self { most: usize::MAX, spent: 0 };

    /// How many are left.
    pub(crate) const fn left(&self) -> usize {
        self.most.saturating_sub(self.spent)
    }

    /// Takes so many of those that are left.
    pub(crate) fn take(&mut self, nodes: usize) -> Result<(), Exceeded> {
        self.spent = self.spent.saturating_add(nodes);
        if self.spent <= self.most { Ok(()) } else { Err(self.exceed()) }
    }

    /// Takes more than are left.
    pub(crate) fn exceed(&mut self) -> Exceeded {
        self.spent = self.spent.max(self.most.saturating_add(1));
        Exceeded { most: self.most }
    }
}
