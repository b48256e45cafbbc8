//! A count that has a limit.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts against a limit. Threads share it.
#[derive(Debug)]
pub(crate) struct Counter {
    limit: usize,
    count: AtomicUsize,
}

impl Counter {
    /// Nothing is counted yet.
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, count: AtomicUsize::new(0) }
    }

    /// Counts some. Returns whether the limit still holds: if it does not, the work that is counted need not be done.
    pub(crate) fn count(&self, some: usize) -> bool {
        // A huge number counts as just too many, so that the sum does not overflow.
        let some = some.min(self.limit.saturating_add(1));
        self.count.fetch_add(some, Ordering::Relaxed).saturating_add(some) <= self.limit
    }

    /// Whether more was counted than the limit. Independent of the order of threads, as long as all count everything:
    /// more means that the sum of all exceeds the limit.
    pub(crate) fn is_over(&self) -> bool {
        self.count.load(Ordering::Relaxed) > self.limit
    }

    /// The limit.
    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    /// How much may still be counted.
    pub(crate) fn left(&self) -> usize {
        self.limit.saturating_sub(self.count.load(Ordering::Relaxed))
    }
}
