//! A session that spins: it answers, it costs nothing once it is idle, and it ends. In a process of its own, because it looks
//! at what its thread uses.
#![cfg(target_os = "linux")]

use std::time::Duration;

use chorus::{ErrorKind, Placement, Session};
use chorus_node::EmbeddedCluster;

/// CPU time of the reactor's thread so far, in hundredths of a second; `None` when there is no such thread.
fn reactor_cpu() -> Option<u64> {
    for task in std::fs::read_dir("/proc/self/task").expect("a process has tasks") {
        let task = task.expect("readable").path();
        // A thread may end while we look.
        let name = std::fs::read_to_string(task.join("comm")).unwrap_or_default();
        if name.starts_with("chorus-reactor") {
            let text = std::fs::read_to_string(task.join("stat")).ok()?;
            // User and system time are the twelfth and thirteenth word after the name.
            let (_, numbers) = text.rsplit_once(") ")?;
            let ticks = numbers.split_whitespace().skip(11).take(2).map(|number| number.parse::<u64>().ok());
            return ticks.sum();
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spinning_session_answers_idles_and_ends() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let session = Session::builder()
        .contact_points(cluster.addresses())
        .placement(Placement::Dedicated { threads: 1 })
        .spin(Duration::from_millis(1))
        .connect()
        .await
        .expect("connects");
    session
        .query(
            "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
            (),
        )
        .await
        .expect("created");
    session.query("CREATE TABLE ks.numbers (id int PRIMARY KEY, value int)", ()).await.expect("created");
    let insert = session.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").await.expect("prepared");
    // One at a time, as those for whom a spin is made, from a worker and from outside.
    let alone = tokio::spawn({
        let (session, insert) = (session.clone(), insert.clone());
        async move {
            for id in 0..100 {
                session.execute(&insert, (id, id)).await.expect("written");
            }
        }
    });
    alone.await.expect("no panic");
    session.execute(&insert, (100, 100)).await.expect("written");
    // A crowd, for whom nobody spins, and a lone caller again.
    let crowd: Vec<_> = (101..200)
        .map(|id| {
            let (session, insert) = (session.clone(), insert.clone());
            tokio::spawn(async move { session.execute(&insert, (id, id)).await.map(drop) })
        })
        .collect();
    for caller in crowd {
        caller.await.expect("no panic").expect("written");
    }
    let count = session.query("SELECT count(*) FROM ks.numbers", ()).await.expect("counted");
    assert_eq!(count.single_row::<(i64,)>().expect("one row"), (200,));

    // The bound after the last answer is long over at the second look.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = reactor_cpu().expect("the reactor has a thread");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let used = reactor_cpu().expect("the reactor has a thread") - before;
    assert!(used <= 2, "an idle reactor used {used} hundredths of a second");

    session.execute(&insert, (200, 200)).await.expect("it wakes up again");
    let report = session.shutdown(Duration::from_secs(5)).await;
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(reactor_cpu(), None, "its thread has ended");
}

#[tokio::test]
async fn a_spin_without_a_thread_of_its_own_is_refused() {
    let connecting = Session::builder().contact_point("127.0.0.1").spin(Duration::from_micros(50)).connect();
    let error = connecting.await.expect_err("it shares the caller's thread");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("dedicated"), "{error}");
}
