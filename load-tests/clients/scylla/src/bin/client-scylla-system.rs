//! With the system's allocator, as most programs have.

fn main() -> Result<(), harness::Failure> {
    client_scylla::run(None)
}
