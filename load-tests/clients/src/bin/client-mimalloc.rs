//! The clients with mimalloc, as a program that cares has.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), clients::Failure> {
    clients::run(None)
}
