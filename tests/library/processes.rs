//! Programs of several processes.

use std::process::Command;

use chorus::Session;
use chorus_node::EmbeddedCluster;

/// Tells a process that it is a worker, and where the cluster is.
const WORKER: &str = "CHORUS_TEST_WORKER";

#[test]
fn each_process_opens_a_session_of_its_own() {
    if let Ok(address) = std::env::var(WORKER) {
        return work(&address);
    }
    let cluster = EmbeddedCluster::start(1).expect("starts");
    let workers: Vec<_> = (0..2)
        .map(|_| {
            Command::new(std::env::current_exe().expect("known"))
                .args(["processes::each_process_opens_a_session_of_its_own", "--exact", "--quiet"])
                .env(WORKER, cluster.address(0).to_string())
                .spawn()
                .expect("started")
        })
        .collect();
    for mut worker in workers {
        assert!(worker.wait().expect("waited for").success());
    }
    // Each had a control connection and one for requests.
    assert!(cluster.accepted(0) >= 4, "{} connections", cluster.accepted(0));
    assert!(cluster.requests(0) > 0);
}

fn work(address: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let session = Session::builder().contact_point(address).connect().await.expect("connects");
        session.query("SELECT key FROM system.local", ()).await.expect("read");
    });
}
