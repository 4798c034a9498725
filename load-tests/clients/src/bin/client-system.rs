//! The clients with the system's allocator, as most programs have.

fn main() -> Result<(), clients::Failure> {
    clients::run(None)
}
