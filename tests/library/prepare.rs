//! Statements on every host: when they are prepared, and when a host comes back.

use std::time::{Duration, Instant};

use chorus::protocol::Opcode;
use chorus::{ClusterEvent, DbError, ProtocolVersion, Session};
use chorus_node::{EmbeddedCluster, Fault, Requests, Shards};

use crate::events::first;
use crate::stage::{KEYSPACE, NUMBERS, Stage, eventually};

const SELECT: &str = "SELECT value FROM ks.numbers WHERE id = ?";

fn prepared(cluster: &EmbeddedCluster) -> Vec<usize> {
    (0..cluster.addresses().len()).map(|node| cluster.prepared(node)).collect()
}

#[tokio::test]
async fn what_one_host_has_prepared_all_have_when_prepare_returns() {
    let stage = Stage::of(3).await;
    let select = stage.prepare(SELECT).await;
    assert_eq!(prepared(&stage.cluster), [1, 1, 1]);
    for host in stage.session.state().hosts.iter() {
        stage.session.execute(&select.clone().on_host(host.index), (1,)).await.expect("read");
    }
    assert_eq!(stage.session.metrics().await.expect("open").reprepares, 0, "every host knew it");
    // The second time nobody is asked.
    let asked = stage.cluster.watch(Requests::opcode(Opcode::Prepare));
    stage.prepare(SELECT).await;
    assert_eq!(asked.count(), 0);
}

#[tokio::test]
async fn one_host_is_asked_where_the_others_shall_not_be() {
    let stage = Stage::of(3).await;
    let builder = Session::builder().contact_points(stage.cluster.addresses());
    let session =
        builder.wait_for_all_hosts(true).prepare_on_all_hosts(false).connect().await.expect("connects");
    let select = session.prepare(SELECT).await.expect("prepared");
    assert_eq!(prepared(&stage.cluster).iter().sum::<usize>(), 1);
    for host in session.state().hosts.iter() {
        session.execute(&select.clone().on_host(host.index), (1,)).await.expect("told when it is asked");
    }
    assert_eq!(prepared(&stage.cluster), [1, 1, 1]);
    assert_eq!(session.metrics().await.expect("open").reprepares, 2);
}

#[tokio::test]
async fn a_host_that_cannot_prepare_or_does_not_answer_does_not_fail_the_statement() {
    let stage = Stage::of(3).await;
    // The first to be asked answers; what the second says is an error, and the third says nothing.
    let prepares = || Requests::opcode(Opcode::Prepare);
    stage.cluster.faults().add(prepares().nth(2), Fault::Error(DbError::Overloaded, "not now".into()));
    stage.cluster.faults().add(prepares().nth(2), Fault::DropRequest);
    let began = Instant::now();
    let select = stage.prepare(SELECT).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(prepared(&stage.cluster).iter().sum::<usize>(), 1);
    stage.cluster.faults().clear();
    for host in stage.session.state().hosts.iter() {
        stage
            .session
            .execute(&select.clone().on_host(host.index), (1,))
            .await
            .expect("told when it is asked");
    }
}

/// Waits for every connection to both hosts: one that is only just being made could be ready after the others were lost, before
/// it is known to be lost too.
async fn all_connected(session: &Session) {
    eventually("every reactor is connected to both", async || {
        let hosts = session.metrics().await.expect("open").hosts;
        hosts.len() == 2 && hosts.iter().all(|host| host.connections == host.target)
    })
    .await;
}

/// Lets node 1 of two go and come back, and returns how many statements it knew when the session called it up.
async fn known_on_return(stage: &Stage, session: &Session) -> usize {
    all_connected(session).await;
    let mut events = session.events();
    let address = stage.cluster.address(1);
    stage.cluster.stop_node(1);
    let is_it = |host: &chorus::Host| host.address == address;
    first(&mut events, |event| matches!(event, ClusterEvent::HostDown(host) if is_it(&host)).then_some(()))
        .await;
    assert_eq!(stage.cluster.prepared(1), 0, "it forgot everything");
    stage.cluster.start_node(1).expect("starts again");
    first(&mut events, |event| matches!(event, ClusterEvent::HostUp(host) if is_it(&host)).then_some(()))
        .await;
    stage.cluster.prepared(1)
}

#[tokio::test]
async fn a_host_that_comes_back_knows_every_statement_before_it_is_asked_to_execute_one() {
    for version in ProtocolVersion::ALL {
        let stage = Stage::of(2).await;
        stage.run(&KEYSPACE.replace(" ks ", " other ")).await;
        stage.run(&NUMBERS.replace("ks.", "other.")).await;
        let builder = Session::builder().contact_points(stage.cluster.addresses()).protocol_version(version);
        let session = builder.keyspace("ks").wait_for_all_hosts(true).connect().await.expect("connects");
        let mut statements = Vec::new();
        // More than go at a time, in two keyspaces.
        for n in 0..12 {
            let text = format!("SELECT value FROM numbers WHERE id = ? LIMIT {}", n + 1);
            statements.push(session.prepare(text).await.expect("prepared"));
        }
        session.use_keyspace("other").await.expect("it exists");
        statements.push(session.prepare("SELECT value FROM numbers WHERE id = ?").await.expect("prepared"));
        session.prepare("SELECT id FROM numbers").await.expect("prepared, and not kept");

        assert_eq!(known_on_return(&stage, &session).await, statements.len(), "{version}");
        let host = session.state().host_at(stage.cluster.address(1)).expect("a member").index;
        for statement in &statements {
            session.execute(&statement.clone().on_host(host), (1,)).await.expect("executed");
        }
        assert_eq!(session.metrics().await.expect("open").reprepares, 0, "{version}");
        // The connection is in the keyspace it shall be in.
        let insert = chorus::Statement::new("INSERT INTO numbers (id, value) VALUES (7, 7)").on_host(host);
        session.query(insert, ()).await.expect("written");
        session
            .query("SELECT id FROM other.numbers WHERE id = 7", ())
            .await
            .expect("read")
            .single_row::<(i32,)>()
            .expect("in the other keyspace");
    }
}

#[tokio::test]
async fn a_host_that_comes_back_is_told_each_statement_once_however_many_reactors_there_are() {
    let stage = Stage::of(2).await;
    let builder = Session::builder().contact_points(stage.cluster.addresses()).reactors(3);
    let session = builder.keyspace("ks").wait_for_all_hosts(true).connect().await.expect("connects");
    let mut statements = Vec::new();
    for n in 1..6 {
        let text = format!("SELECT value FROM numbers WHERE id = ? LIMIT {n}");
        statements.push(session.prepare(text).await.expect("prepared"));
    }
    // Slow enough that the connections of all reactors are there before the first is told everything.
    let slow = Fault::Delay(Duration::from_millis(30));
    for round in 1..3 {
        let rule = stage.cluster.faults().add(Requests::opcode(Opcode::Prepare).on_node(1), slow.clone());
        assert_eq!(known_on_return(&stage, &session).await, statements.len());
        let host = session.state().host_at(stage.cluster.address(1)).expect("a member").index;
        for _ in 0..6 {
            for statement in &statements {
                session.execute(&statement.clone().on_host(host), (1,)).await.expect("executed");
            }
        }
        let told = stage.cluster.faults().remove(rule).expect("it is there");
        assert_eq!(told, statements.len() as u64, "return {round}");
    }
}

#[tokio::test]
async fn a_statement_that_was_forgotten_is_prepared_in_its_own_keyspace_again() {
    for version in ProtocolVersion::ALL {
        let stage = Stage::of(1).await;
        stage.run(&KEYSPACE.replace(" ks ", " other ")).await;
        stage.run(&NUMBERS.replace("ks.", "other.")).await;
        stage.run("INSERT INTO ks.numbers (id, value) VALUES (1, 10)").await;
        stage.run("INSERT INTO other.numbers (id, value) VALUES (1, 20)").await;
        let builder = Session::builder().contact_points(stage.cluster.addresses()).protocol_version(version);
        let builder = builder.keyspace("ks").reprepare_on_up(false);
        let session = builder.connect().await.expect("connects");
        let select = session.prepare("SELECT value FROM numbers WHERE id = ?").await.expect("prepared");
        session.use_keyspace("other").await.expect("it exists");
        let mut events = session.events();
        stage.cluster.stop_node(0);
        first(&mut events, |event| matches!(event, ClusterEvent::HostDown(_)).then_some(())).await;
        stage.cluster.start_node(0).expect("starts again");
        first(&mut events, |event| matches!(event, ClusterEvent::HostUp(_)).then_some(())).await;
        assert_eq!(stage.cluster.prepared(0), 0, "it forgot everything");
        // Several find out at the same time.
        let reads = (0..8).map(|_| session.execute(&select, (1,)));
        for read in futures::future::join_all(reads).await {
            let read = read.unwrap_or_else(|error| panic!("{version}: {error}"));
            assert_eq!(read.single_row::<(i32,)>().expect("one row"), (10,), "{version}");
        }
        // What the session uses has not changed.
        let text = session.query("SELECT value FROM numbers WHERE id = 1", ()).await.expect("read");
        assert_eq!(text.single_row::<(i32,)>().expect("one row"), (20,), "{version}");
    }
}

#[tokio::test]
async fn a_host_that_comes_back_is_told_nothing_where_it_shall_not_be() {
    let stage = Stage::of(2).await;
    let builder = Session::builder().contact_points(stage.cluster.addresses());
    let session = builder.wait_for_all_hosts(true).reprepare_on_up(false).connect().await.expect("connects");
    let select = session.prepare(SELECT).await.expect("prepared");
    assert_eq!(known_on_return(&stage, &session).await, 0);
    let host = session.state().host_at(stage.cluster.address(1)).expect("a member").index;
    session.execute(&select.on_host(host), (1,)).await.expect("told when it is asked");
    assert_eq!(stage.cluster.prepared(1), 1);
}

#[tokio::test]
async fn a_host_that_refuses_or_ignores_the_statements_is_used_all_the_same() {
    let stage = Stage::of(2).await;
    let select = stage.prepare(SELECT).await;
    let prepares = || Requests::opcode(Opcode::Prepare).on_node(1);
    stage.cluster.faults().add(prepares(), Fault::Error(DbError::ServerError, "broken".into()));
    assert_eq!(known_on_return(&stage, &stage.session).await, 0);
    stage.cluster.faults().clear();
    let host = stage.session.state().host_at(stage.cluster.address(1)).expect("a member").index;
    stage.session.execute(&select.on_host(host), (1,)).await.expect("told when it is asked");
}

#[tokio::test]
async fn a_host_whose_connection_was_lost_while_it_was_told_is_told_on_the_next_one() {
    let stage = Stage::of(2).await;
    let select = stage.prepare(SELECT).await;
    let prepares = Requests::opcode(Opcode::Prepare).on_node(1);
    stage.cluster.faults().add(prepares.times(1), Fault::Close);
    assert_eq!(known_on_return(&stage, &stage.session).await, 1);
    drop(select);
}

#[tokio::test]
async fn a_host_that_joins_knows_the_statements_too() {
    let stage = Stage::of(1).await;
    let select = stage.prepare(SELECT).await;
    let mut events = stage.session.events();
    let joined = stage.cluster.add_node("datacenter1").expect("joins");
    stage.session.refresh_topology().await.expect("read");
    let address = stage.cluster.address(joined);
    first(&mut events, |event| {
        matches!(event, ClusterEvent::HostUp(host) if host.address == address).then_some(())
    })
    .await;
    assert_eq!(stage.cluster.prepared(joined), 1);
    drop(select);
}

/// Two nodes with a shard, of which one has no ids of result metadata.
fn upgrading(without: usize) -> EmbeddedCluster {
    let cluster = EmbeddedCluster::builder().nodes(2).shards(1).start().expect("starts");
    cluster.reshard_node(without, Shards::new(1).metadata_ids(false)).expect("starts again");
    cluster
}

#[tokio::test]
async fn a_server_without_metadata_ids_is_spoken_to_without_them() {
    for (contact, without) in [(0, 1), (1, 1)] {
        let cluster = upgrading(without);
        let builder =
            Session::builder().contact_point(cluster.address(contact)).port(cluster.address(0).port());
        let session =
            builder.wait_for_all_hosts(true).compress_if_possible().connect().await.expect("connects");
        session.query(KEYSPACE, ()).await.expect("made");
        session.query(NUMBERS, ()).await.expect("made");
        let hosts: Vec<_> = session.state().hosts.iter().map(|host| host.index).collect();
        for &host in &hosts {
            // Prepared here, executed everywhere.
            let on_host = |text: &str| chorus::Statement::new(text).on_host(host);
            let insert = on_host("INSERT INTO ks.numbers (id, value) VALUES (?, ?)");
            let insert = session.prepare(insert).await.expect("prepared");
            let select = on_host("SELECT * FROM ks.numbers WHERE id = ?").tracing(true);
            let select = session.prepare(select).await.expect("prepared");
            for &other in &hosts {
                let (insert, select) = (insert.clone().on_host(other), select.clone().on_host(other));
                session.execute(&insert, (1, 10)).await.expect("written");
                let rows = (2..40).map(|id| (id, id));
                session.execute_concurrent_with_args(&insert, rows).run().await.expect("written");
                for select in [select.clone(), select.tracing(false).custom_payload("k", "v")] {
                    let read = session.execute(&select, (1,)).await.expect("read");
                    assert_eq!(read.single_row::<(i32, i32)>().expect("one row"), (1, 10));
                    let page = session.execute_page(&select, (2,), None).await.expect("read");
                    assert_eq!(page.single_row::<(i32, i32)>().expect("one row"), (2, 2));
                }
            }
            cluster.forget_prepared(0);
            cluster.forget_prepared(1);
        }
    }
}

#[tokio::test]
async fn sessions_of_a_cluster_have_a_text_prepared_once_also_at_the_same_time() {
    let stage = Stage::of(1).await;
    let cluster =
        chorus::Cluster::builder().contact_points(stage.cluster.addresses()).build().expect("valid");
    let (one, two) = (
        cluster.connect_to("ks").await.expect("connects"),
        cluster.connect_to("ks").await.expect("connects"),
    );
    let prepares = || Requests::opcode(Opcode::Prepare);
    let rule = stage.cluster.faults().add(prepares(), Fault::Delay(Duration::from_millis(30)));
    let text = "SELECT value FROM numbers WHERE id = ?";
    let (first, second) = tokio::join!(one.prepare(text), two.prepare(text));
    let (first, second) = (first.expect("prepared"), second.expect("prepared"));
    let third = two.prepare(text).await.expect("known");
    assert_eq!(stage.cluster.faults().fired(rule), Some(1), "the sessions share one PREPARE");
    for (session, statement) in [(&one, &first), (&two, &second), (&two, &third), (&one, &second)] {
        session.execute(statement, (1,)).await.expect("executed");
    }
    // What nobody holds is forgotten, and a failure is nobody else's.
    drop((first, second, third));
    one.prepare(text).await.expect("prepared");
    assert_eq!(stage.cluster.faults().fired(rule), Some(2));
    stage.cluster.faults().clear();
    stage.cluster.faults().add(prepares().times(1), Fault::Error(DbError::Invalid, "not for you".into()));
    stage.cluster.faults().add(prepares(), Fault::Delay(Duration::from_millis(30)));
    let text = "SELECT id FROM numbers WHERE id = ?";
    let (first, second) = tokio::join!(one.prepare(text), two.prepare(text));
    assert!(first.is_err() && second.is_ok(), "{first:?} {second:?}");
}

#[tokio::test]
async fn a_host_of_many_shards_is_told_each_statement_once_when_it_comes_back() {
    let cluster = EmbeddedCluster::builder().nodes(2).shards(4).start().expect("starts");
    let builder = Session::builder().contact_points(cluster.addresses()).port(cluster.address(0).port());
    let session = builder.wait_for_all_hosts(true).connect().await.expect("connects");
    let mut statements = Vec::new();
    for n in 0..15 {
        let text = format!("SELECT cluster_name FROM system.local WHERE key = ? LIMIT {}", n + 1);
        statements.push(session.prepare(text).await.expect("prepared"));
    }
    all_connected(&session).await;
    let prepares = Requests::opcode(Opcode::Prepare).on_node(1);
    let rule = cluster.faults().add(prepares, Fault::Delay(Duration::from_millis(5)));
    let mut events = session.events();
    let address = cluster.address(1);
    cluster.stop_node(1);
    first(&mut events, |event| {
        matches!(event, ClusterEvent::HostDown(host) if host.address == address).then_some(())
    })
    .await;
    cluster.start_node(1).expect("starts again");
    let all_shards = async {
        while cluster.shard_connections(1).contains(&0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all_shards).await.expect("every shard is connected to");
    let host = session.state().host_at(address).expect("a member").index;
    let asked = async {
        for statement in &statements {
            while session.execute(&statement.clone().on_host(host), ("local",)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.expect("it serves");
    assert_eq!(cluster.faults().fired(rule), Some(15));
    assert_eq!(session.metrics().await.expect("open").reprepares, 0);
}
