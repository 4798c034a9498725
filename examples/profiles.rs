//! Execution profiles: settings that many statements share, under a name, and derived from each other.
//!
//! `cargo run --example profiles`

#![allow(clippy::print_stdout, reason = "an example talks to whoever runs it")]

mod hosts;

use std::sync::Arc;
use std::time::Duration;

use chorus::policy::{ConstantSpeculation, FallthroughRetry};
use chorus::{Consistency, ExecutionProfile, Statement};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hosts = hosts::Hosts::from_env()?;
    // For pages that people wait for: soon or not at all.
    let interactive = ExecutionProfile::new()
        .timeout(Duration::from_millis(500))
        .speculation(Arc::new(ConstantSpeculation::new(Duration::from_millis(50), 1)) as Arc<_>);
    // For reports, which may take their time and are started again by whoever wants them.
    let reports = ExecutionProfile::new()
        .consistency(Consistency::One)
        .page_size(10_000)
        .timeout(Duration::from_secs(60))
        .retry_policy(Arc::new(FallthroughRetry));
    let session = hosts
        .builder()
        .consistency(Consistency::LocalQuorum)
        .add_profile("interactive", interactive)
        .add_profile("reports", reports)
        .connect()
        .await?;
    println!("profiles: {:?}", session.profile_names());

    // The statement says most, then its profile, then the session: this one is read at ONE, within two minutes.
    let statement = Statement::new("SELECT key FROM system.local")
        .profile(&session.profile("reports")?)
        .timeout(Duration::from_secs(120));
    session.query(statement, ()).await?;

    // One is derived from another; what they have in common, policies included, is shared.
    let patient = session.profile("interactive")?.timeout(Duration::from_secs(5));
    let prepared = session.prepare("SELECT key FROM system.local").await?.idempotent(true).profile(&patient);
    let result = session.execute(&prepared, ()).await?;
    println!("answered by host {:?}", result.host());

    // Added while the session lives, for all sessions of the cluster.
    session.add_profile("patient", &patient).await?;
    println!("{}", session.profile("impatient").expect_err("nobody gave it that name"));
    Ok(())
}
