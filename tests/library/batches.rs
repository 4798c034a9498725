//! Several statements as one.

use chorus::{Batch, ErrorKind};

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
