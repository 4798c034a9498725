//! With an allocator that counts; its times mean nothing.

#[global_allocator]
static ALLOCATOR: &harness::CountingAllocator = harness::COUNTING;

fn main() -> Result<(), harness::Failure> {
    client_scylla::run(Some(harness::count_allocations))
}
