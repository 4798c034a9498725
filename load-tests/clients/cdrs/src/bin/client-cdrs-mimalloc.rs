//! With mimalloc, as a program that cares has.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), harness::Failure> {
    client_cdrs::run(None)
}
