//! The same with an Apache Cassandra, which has the last word about what tables, types and indexes look like.

use std::time::Duration;

use chorus::Session;
use chorus::mapper::Mapper;

use crate::{indexes, schema, servers, tables, values};

async fn session() -> Session {
    let address =
        std::env::var("CHORUS_CASSANDRA").expect("CHORUS_CASSANDRA is the HOST:PORT of a Cassandra");
    let builder = Session::builder().contact_point(address).request_timeout(Duration::from_secs(30));
    builder.connect().await.expect("connects")
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn real_rows_are_read_and_written_in_the_main_ways() {
    let session = session().await;
    session.query("DROP KEYSPACE IF EXISTS mapped", ()).await.expect("dropped");
    tables::make_tables(&session, "mapped").await;
    servers::go_the_main_ways(&Mapper::new(&session)).await;
    session.query("DROP KEYSPACE mapped", ()).await.expect("dropped");
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn real_tables_are_made_grow_and_have_columns_of_every_type() {
    let session = session().await;
    let mapper = Mapper::new(&session).with_keyspace("shop");
    mapper.schema().drop_keyspace("shop").await.unwrap();
    assert!(mapper.schema().create_keyspace("shop").replication_factor(1).await.unwrap());
    schema::a_table_is_made_once(&mapper).await;
    schema::a_table_grows(&mapper).await;
    schema::an_unknown_option_is_refused(&mapper).await;
    indexes::custom_indexes_are_made_once(&mapper).await;
    values::everything_comes_back(&mapper).await;
    assert!(mapper.schema().drop_keyspace("shop").await.unwrap());
}
