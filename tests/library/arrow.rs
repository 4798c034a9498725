//! Results as Arrow record batches.

use chorus::arrow::array::RecordBatchReader as _;
use chorus::arrow::array::cast::AsArray as _;
use chorus::arrow::array::types::Int32Type;
use chorus::{ErrorKind, PageSize};
use futures::TryStreamExt as _;

use crate::stage::Stage;

async fn stage_with_rows(rows: i32) -> Stage {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    let values = (0..rows).map(|id| (id, (id % 3 != 0).then_some(id * 2)));
    stage.session.execute_concurrent_with_args(&insert, values).run().await.expect("written");
    stage
}

#[tokio::test]
async fn pages_become_record_batches_of_one_schema() {
    let stage = stage_with_rows(250).await;
    let select = stage.prepare("SELECT id, value FROM numbers").await.page_size(100);
    let batches =
        stage.session.execute_iter(&select, ()).await.expect("read").record_batches().expect("rows");
    let schema = batches.schema();
    assert_eq!(
        schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(),
        ["id", "value"]
    );
    let batches: Vec<_> = batches.try_collect().await.expect("every page");
    assert!(batches.len() >= 3 && batches.iter().all(|batch| batch.num_rows() <= 100));
    let mut rows = Vec::new();
    for batch in &batches {
        assert_eq!(batch.schema(), schema);
        let (ids, values) =
            (batch.column(0).as_primitive::<Int32Type>(), batch.column(1).as_primitive::<Int32Type>());
        rows.extend(ids.values().iter().copied().zip(values.iter()));
    }
    rows.sort_unstable();
    assert_eq!(rows, (0..250).map(|id| (id, (id % 3 != 0).then_some(id * 2))).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_result_is_one_record_batch_also_without_rows() {
    let stage = stage_with_rows(3).await;
    let result = stage.session.query("SELECT value FROM numbers WHERE id = 1", ()).await.expect("read");
    let batch = result.record_batch().expect("rows");
    assert_eq!(batch.column(0).as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), [Some(2)]);
    let none = stage.session.query("SELECT value FROM numbers WHERE id = 9", ()).await.expect("read");
    assert_eq!(none.record_batch().expect("a query").num_rows(), 0);
    let pages = stage.session.query_iter("SELECT value FROM numbers WHERE id = 9", ()).await.expect("read");
    let batches = pages.record_batches().expect("a query");
    assert_eq!(batches.schema().fields().len(), 1);
    assert!(batches.try_collect::<Vec<_>>().await.expect("nothing").is_empty());

    let written = stage.session.execute(&stage.insert().await, (9, 9)).await.expect("written");
    assert_eq!(written.record_batch().expect_err("no query").kind(), ErrorKind::Result);
    let pages = stage.session.execute_iter(&stage.insert().await, (9, 9)).await.expect("written");
    assert_eq!(pages.record_batches().expect_err("no query").kind(), ErrorKind::Result);
}

#[tokio::test]
async fn columns_that_change_between_pages_end_the_batches() {
    let stage = stage_with_rows(30).await;
    let select = chorus::Statement::new("SELECT * FROM numbers").page_size(PageSize::Rows(10));
    let mut batches =
        stage.session.query_iter(select, ()).await.expect("read").record_batches().expect("rows");
    batches.try_next().await.expect("the first page").expect("it has rows");
    stage.run("ALTER TABLE numbers ADD note text").await;
    let error = loop {
        match batches.try_next().await {
            // The page that was on its way.
            Ok(Some(batch)) => assert_eq!(batch.num_columns(), 2),
            Ok(None) => panic!("nobody said that there is a column more"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Result, "{error}");
    assert!(batches.try_next().await.expect("nothing after it").is_none());
}

#[test]
fn without_a_runtime_the_pages_are_a_reader_of_record_batches() {
    let cluster = chorus_node::EmbeddedCluster::start(1).expect("starts");
    let builder = chorus::Session::builder().contact_points(cluster.addresses());
    let session = chorus::blocking::Session::connect(builder).expect("connects");
    session.query(crate::stage::KEYSPACE, ()).expect("created");
    session.query(crate::stage::NUMBERS, ()).expect("created");
    let insert = session.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").expect("prepared");
    session.bulk_insert(&insert, (0..25).map(|id| (id, id))).expect("written");
    let select = session.prepare("SELECT id FROM ks.numbers").expect("prepared").page_size(10);
    let reader = session.execute_iter(&select, ()).expect("read").record_batches().expect("rows");
    assert_eq!(reader.schema().field(0).name(), "id");
    let rows: usize = reader.map(|batch| batch.expect("every page").num_rows()).sum();
    assert_eq!(rows, 25);
}
