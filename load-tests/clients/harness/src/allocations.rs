//! An allocator that counts.

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// The system's allocator, counted.
pub type CountingAllocator = StatsAlloc<System>;

/// For the binary that makes it the allocator of its process.
pub static COUNTING: &CountingAllocator = &INSTRUMENTED_SYSTEM;

/// How many allocations that allocator made so far.
pub fn count_allocations() -> u64 {
    let stats = COUNTING.stats();
    (stats.allocations + stats.reallocations) as u64
}
