//! Several statements as one.

use chorus::{Batch, Consistency, ErrorKind, ProtocolVersion, SerialConsistency, Statement};

use crate::stage::Stage;

#[tokio::test]
async fn batch_mixes_text_and_prepared_members() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    for mut batch in [Batch::logged(), Batch::unlogged()] {
        batch.bind(&insert, (1, 10)).expect("fits").bind(&insert, (2, 20)).expect("fits");
        batch.push("INSERT INTO numbers (id, value) VALUES (3, 30)");
        batch.push(stage.prepare("DELETE FROM numbers WHERE id = 4").await.bind(()).expect("no markers"));
        assert_eq!(batch.len(), 4);
        stage.session.batch(&batch).await.expect("applied");
        assert_eq!(stage.numbers().await, [(1, Some(10)), (2, Some(20)), (3, Some(30))]);
        stage.run("TRUNCATE numbers").await;
    }
}

#[tokio::test]
async fn text_with_values_joins_a_batch_once_it_is_bound() {
    let stage = Stage::with_numbers().await;
    let text = "INSERT INTO numbers (id, value) VALUES (?, ?)";
    let mut batch = Batch::logged();
    for id in 1..=3 {
        batch.push(stage.session.bind(text, (id, id * 10)).await.expect("two ints"));
    }
    assert_eq!(stage.cluster.prepared(0), 1, "prepared once");
    stage.session.batch(&batch).await.expect("applied");
    assert_eq!(stage.numbers().await, [(1, Some(10)), (2, Some(20)), (3, Some(30))]);

    let error = stage.session.bind(text, (1, "ten")).await.expect_err("no int");
    assert_eq!((error.kind(), error.column()), (ErrorKind::Values, Some((1, "value"))));
    let error = stage.session.bind("INSERT INTO nowhere (id) VALUES (?)", (1,)).await.expect_err("no table");
    assert!(error.is_invalid_statement(), "{error}");
}

#[tokio::test]
async fn text_of_a_batch_is_resolved_in_the_batchs_keyspace() {
    let stage = Stage::with_numbers().await;
    let elsewhere =
        "CREATE KEYSPACE other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
    stage.run(elsewhere).await;
    let insert = stage.insert().await;
    stage.session.use_keyspace("other").await.expect("exists");
    let mut batch = Batch::logged().keyspace("ks");
    batch.push("INSERT INTO numbers (id, value) VALUES (1, 10)").bind(&insert, (2, 20)).expect("fits");
    stage.session.batch(&batch).await.expect("applied");
    stage.session.use_keyspace("ks").await.expect("exists");
    assert_eq!(stage.numbers().await, [(1, Some(10)), (2, Some(20))]);

    let stage = Stage::with(|builder| builder.protocol_version(ProtocolVersion::V4)).await;
    let error = stage.session.batch(&Batch::logged().keyspace("ks")).await.expect_err("v4 cannot say it");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
}

#[tokio::test]
async fn counters_are_changed_by_a_batch_of_their_kind_alone() {
    let stage = Stage::new().await;
    stage.run("CREATE TABLE visits (page text PRIMARY KEY, n counter)").await;
    let add = stage.prepare("UPDATE visits SET n = n + ? WHERE page = ?").await;
    let mut batch = Batch::counter();
    batch.bind(&add, (2_i64, "home")).expect("fits").bind(&add, (3_i64, "home")).expect("fits");
    stage.session.batch(&batch).await.expect("counted");
    let result = stage.session.query("SELECT n FROM visits", ()).await.expect("read");
    assert_eq!(result.single_row::<(i64,)>().expect("one page"), (5,));
    let mut wrong = Batch::logged();
    wrong.bind(&add, (1_i64, "home")).expect("fits");
    let error = stage.session.batch(&wrong).await.expect_err("counters want a batch of their own kind");
    assert!(error.is_invalid_statement(), "{error}");
}

#[tokio::test]
async fn a_conditional_batch_says_whether_it_was_applied() {
    let stage = Stage::new().await;
    stage.run("CREATE TABLE seats (flight int, seat int, who text, PRIMARY KEY (flight, seat))").await;
    let take = stage.prepare("INSERT INTO seats (flight, seat, who) VALUES (?, ?, ?) IF NOT EXISTS").await;
    let book = |who: &'static str, seats: [i32; 2]| {
        let mut batch = Batch::unlogged();
        for seat in seats {
            batch.bind(&take, (1, seat, who)).expect("fits");
        }
        batch
    };
    let first = stage.session.batch(&book("ada", [1, 2])).await.expect("decided");
    assert!(first.was_applied().expect("conditional"));
    let second = stage.session.batch(&book("bob", [2, 3])).await.expect("decided");
    assert!(!second.was_applied().expect("conditional"));
    let text =
        "BEGIN BATCH INSERT INTO seats (flight, seat, who) VALUES (1, 2, 'bob') IF NOT EXISTS APPLY BATCH";
    let third = stage.session.query(Statement::new(text), ()).await.expect("decided");
    assert!(!third.was_applied().expect("conditional"));
    let plain = stage.session.batch(&Batch::unlogged()).await.expect("applied");
    assert_eq!(plain.was_applied().expect_err("not conditional").kind(), ErrorKind::Result);
}

#[tokio::test]
async fn batch_carries_its_own_timestamp() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await.timestamp(9_000);
    let mut batch = Batch::unlogged().timestamp(5_000);
    batch.bind(&insert, (1, 10)).expect("fits");
    stage.session.batch(&batch).await.expect("applied");
    let result = stage.session.query("SELECT WRITETIME(value) FROM numbers", ()).await.expect("read");
    assert_eq!(result.single_row::<(i64,)>().expect("one row"), (5_000,));
}

#[tokio::test]
async fn batch_is_sent_with_its_own_consistency_and_not_with_its_members() {
    let stage = Stage::with_numbers().await;
    let insert = stage
        .insert()
        .await
        .consistency(Consistency::All)
        .serial_consistency(SerialConsistency::LocalSerial)
        .tracing(true);
    let mut batch = Batch::logged().consistency(Consistency::One);
    batch.bind(&insert, (1, 10)).expect("fits");
    let untraced = stage.session.batch(&batch).await.expect("applied");
    assert_eq!(untraced.tracing_id(), None);
    let traced = stage.session.batch(&batch.tracing(true)).await.expect("applied");
    let trace = traced.trace(&stage.session).await.expect("traced");
    assert_eq!(trace.parameters["consistency_level"], "ONE");
    let alone = stage.session.execute(&insert, (1, 10)).await.expect("written");
    let trace = alone.trace(&stage.session).await.expect("traced");
    assert_eq!(trace.parameters["consistency_level"], "ALL");
}

#[tokio::test]
async fn of_two_members_that_write_the_same_a_deletion_wins_and_then_the_greater_value() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let mut batch = Batch::logged();
    batch.bind(&insert, (1, 20)).expect("fits").bind(&insert, (1, 10)).expect("fits");
    stage.session.batch(&batch).await.expect("applied");
    assert_eq!(stage.numbers().await, [(1, Some(20))], "the order of members does not count");
    let mut batch = Batch::logged();
    batch.push("DELETE FROM numbers WHERE id = 1").bind(&insert, (1, 30)).expect("fits");
    stage.session.batch(&batch).await.expect("applied");
    assert_eq!(stage.numbers().await, []);
}

#[tokio::test]
async fn member_that_a_server_has_forgotten_is_prepared_again() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let delete = stage.prepare("DELETE FROM numbers WHERE id = ?").await;
    let mut batch = Batch::logged();
    batch.bind(&insert, (1, 10)).expect("fits").bind(&delete, (2,)).expect("fits");
    stage.session.batch(&batch).await.expect("applied");
    stage.cluster.forget_prepared(0);
    stage.session.batch(&batch).await.expect("prepared again and applied");
}

#[tokio::test]
async fn value_that_does_not_fit_leaves_the_batch_as_it_was() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let mut batch = Batch::logged();
    batch.bind(&insert, (1, 10)).expect("fits");
    assert_eq!(batch.bind(&insert, (1, "ten")).expect_err("no int").kind(), ErrorKind::Values);
    assert_eq!(batch.len(), 1);
}

#[tokio::test]
async fn more_members_than_the_protocol_can_count_are_refused() {
    let stage = Stage::with_numbers().await;
    let member = stage.insert().await.bind((1, 10)).expect("fits");
    let mut batch = Batch::unlogged();
    batch.extend(std::iter::repeat_n(member, 65_536));
    let error = stage.session.batch(&batch).await.expect_err("one too many");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("65536"), "{error}");
}

#[tokio::test]
async fn batch_goes_to_a_replica_of_its_first_routable_member() {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let mut batch = Batch::unlogged();
    batch.push("INSERT INTO numbers (id, value) VALUES (3, 30)").bind(&insert, (1, 10)).expect("fits");
    let before = stage.session.metrics().await.expect("open");
    stage.session.batch(&batch).await.expect("applied");
    let after = stage.session.metrics().await.expect("open");
    let replica = chorus::policy::RoutingQuality::Replica;
    assert_eq!(after.routed(replica) - before.routed(replica), 1);
}
