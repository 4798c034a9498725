//! A process that forks after it has connected.

use std::time::Duration;

use chorus::{Placement, Session};
use chorus_node::EmbeddedCluster;
use tokio::runtime::{Builder, Runtime};

const LOCAL: &str = "SELECT key FROM system.local";

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

async fn open(cluster: &EmbeddedCluster) -> Result<Session, chorus::Error> {
    Session::builder()
        .contact_points(cluster.addresses())
        .placement(Placement::Dedicated { threads: 1 })
        .connect()
        .await
}

/// What the child does: a session of its own, on a runtime of its own. Zero if all is well.
fn child(cluster: &EmbeddedCluster) -> i32 {
    let fresh = runtime().block_on(async {
        let session = open(cluster).await?;
        for _ in 0..20 {
            session.query(LOCAL, ()).await?;
        }
        session.shutdown(Duration::from_secs(5)).await;
        Ok::<_, chorus::Error>(())
    });
    i32::from(fresh.is_err())
}

#[test]
fn f78_a_child_opens_a_session_of_its_own_and_the_parent_is_unharmed() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let parent = runtime();
    let session = parent.block_on(open(&cluster)).expect("connects");
    parent.block_on(session.query(LOCAL, ())).expect("served");
    let accepted = cluster.accepted(0);
    // SAFETY: the child uses nothing of the parent's but the addresses, which are plain data, and leaves without running any
    // destructor of what it inherited.
    #[allow(unsafe_code)]
    let process = unsafe { libc::fork() };
    match process {
        -1 => panic!("the machine does not fork: {}", std::io::Error::last_os_error()),
        0 => {
            let outcome =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child(&cluster))).unwrap_or(2);
            // SAFETY: ends the child at once.
            #[allow(unsafe_code)]
            unsafe {
                libc::_exit(outcome)
            }
        }
        process => {
            // The parent goes on meanwhile.
            let mut status = 0;
            let served = |count: usize| {
                (0..count).for_each(|_| {
                    drop(parent.block_on(session.query(LOCAL, ())).expect("the parent is served"))
                });
            };
            let began = std::time::Instant::now();
            loop {
                served(10);
                // SAFETY: asks for the end of the child that was started above, and writes to a number of ours.
                #[allow(unsafe_code)]
                let ended = unsafe { libc::waitpid(process, &mut status, libc::WNOHANG) };
                if ended == process {
                    break;
                }
                assert!(began.elapsed() < Duration::from_secs(30), "the child hangs");
            }
            assert_eq!(status, 0, "the child was served by a session of its own");
            served(100);
            // The control connection and the one connection of the child.
            assert_eq!(cluster.accepted(0) - accepted, 2, "the parent's connections are the same as before");
            let metrics = parent.block_on(session.metrics()).expect("metrics");
            assert!(metrics.disconnects.is_empty(), "{:?}", metrics.disconnects);
        }
    }
}
