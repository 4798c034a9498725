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

/// What a process does with a session that its parent opened: every way to use it is refused at once. Zero if all is well.
fn heir(session: &Session, insert: &chorus::PreparedStatement) -> i32 {
    let rows = || (0..10).map(|id| (id, id));
    let outcomes = futures::executor::block_on(async {
        let mut batch = chorus::Batch::logged();
        batch.bind(insert, (1, 1)).expect("fits");
        [
            session.query(LOCAL, ()).await.map(drop),
            session.execute(insert, (1, 1)).await.map(drop),
            session.batch(&batch).await.map(drop),
            session.prepare("SELECT key FROM system.local WHERE key = ?").await.map(drop),
            session.query_iter(LOCAL, ()).await.map(drop),
            session.execute_concurrent_with_args(insert, rows()).run().await.map(drop),
            session.bulk(insert).load(rows()).await.map(drop),
            session.use_keyspace("ks").await,
            session.metrics().await.map(drop),
            session.refresh_schema().await,
            session.await_schema_agreement().await.map(drop),
        ]
    });
    for (number, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Err(error) if error.kind() == chorus::ErrorKind::Usage && error.to_string().contains("fork") => {}
            _ => return 10 + number as i32,
        }
    }
    // Ending it is the parent's business, and so is what happens when its last handle goes.
    let report = futures::executor::block_on(session.shutdown(Duration::from_secs(5)));
    if report.connections != 0 {
        return 30;
    }
    0
}

#[test]
fn a_session_is_refused_in_a_child_of_the_process_that_opened_it_and_serves_its_parent() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let parent = runtime();
    let session = parent.block_on(open(&cluster)).expect("connects");
    for cql in [
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE ks.numbers (id int PRIMARY KEY, value int)",
    ] {
        parent.block_on(session.query(cql, ())).expect("created");
    }
    let insert = parent.block_on(session.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)"));
    let insert = insert.expect("prepared");
    // SAFETY: the child is refused by everything it calls, drops a handle of its own, and leaves without running any destructor.
    #[allow(unsafe_code)]
    let process = unsafe { libc::fork() };
    if process == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| heir(&session, &insert)));
        // SAFETY: ends the child at once.
        #[allow(unsafe_code)]
        unsafe {
            libc::_exit(outcome.unwrap_or(2))
        }
    }
    assert!(process > 0, "the machine does not fork: {}", std::io::Error::last_os_error());
    let (mut status, began) = (0, std::time::Instant::now());
    loop {
        // SAFETY: asks for the end of the child that was started above, and writes to a number of ours.
        #[allow(unsafe_code)]
        let ended = unsafe { libc::waitpid(process, &mut status, libc::WNOHANG) };
        if ended == process {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "the child hangs");
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(status, 0, "exit code {}", status >> 8);
    parent.block_on(session.execute(&insert, (1, 1))).expect("the parent is served");
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
