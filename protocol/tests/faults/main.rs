//! What a broken or hostile server sends, and what becomes of it: the rows F26 to F52 of docs/coverage.md that bytes alone
//! decide. Memory is counted, not estimated.

#[allow(dead_code, reason = "other tests count otherwise")]
#[path = "../../../tests/allocations/mod.rs"]
mod allocations;
mod frames;
mod held;
mod results;
mod values;

use allocations::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
