//! `chorus`: the command line. A thin shell over the library; what can be said is in [`args`], what scripts can rely
//! on in [`exit`].

mod args;
mod connect;
mod count;
mod embedded;
mod exit;
mod load;
mod node;
mod password;
mod resume;
mod sample;
mod screen;
mod signals;
mod table_screen;
mod top;
mod unload;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use exit::{Exit, Failure};

/// Rows are small and many: the system allocator costs a tenth of a load.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log();
    let outcome = match cli.command {
        Command::Load(args) => load::load(*args),
        Command::Unload(args) => unload::unload(&args),
        Command::Count(args) => count::count(&args),
        Command::Node(args) => node::node(&args),
        Command::Top(args) => top::top(&args),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            screen::say(format_args!("error: {failure}"));
            failure.exit.into()
        }
    }
}

/// The library's log goes to standard error, as far as `CHORUS_LOG` asks. What people need to know of a load is said
/// in sentences elsewhere; what makes a connection less safe than they may think is always said.
fn log() {
    let quiet = "error,chorus::bulk=warn,chorus::config=warn,chorus_actors::connection::handshake=warn";
    let filter = tracing_subscriber::EnvFilter::try_from_env("CHORUS_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(quiet));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .without_time()
        .init();
}

/// A runtime on this thread: the engine's actors and the load share it, so that nothing has to be woken across
/// threads.
fn runtime() -> Result<tokio::runtime::LocalRuntime, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default())
        .map_err(|error| Failure::new(Exit::Cluster, format!("cannot start a runtime: {error}")))
}
