//! Everyday work through the `scylla` crate, asserting every cell that is read back.
//!
//! Usage: `cargo run -- HOST:PORT [USER PASSWORD]`
//!
//! Runs against the embedded node and against Apache Cassandra, over every compression. Panics at the first difference.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::net::IpAddr;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use futures::TryStreamExt;
use num_bigint::BigInt;
use scylla::client::Compression;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::response::PagingState;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::unprepared::Statement;
use scylla::value::{Counter, CqlDuration, CqlTimeuuid, MaybeUnset};
use scylla::{DeserializeValue, SerializeValue};
use uuid::Uuid;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(Debug, Clone, PartialEq, SerializeValue, DeserializeValue)]
struct Address {
    street: Option<String>,
    zip: i32,
}

/// Columns, their types and the values of two rows.
macro_rules! round_trip {
    ($session:expr, $($column:literal $cql:literal: $typ:ty = $first:expr, $second:expr;)*) => {{
        $({
            let session: &Session = $session;
            let insert = session.prepare(format!("INSERT INTO every_type (id, {}) VALUES (?, ?)", $column)).await?;
            let select = session.prepare(format!("SELECT {} FROM every_type WHERE id = ?", $column)).await?;
            let values: [$typ; 2] = [$first, $second];
            for (id, value) in (0i32..).zip(&values) {
                session.execute_unpaged(&insert, (id, value)).await?;
                let (read,) = session.execute_unpaged(&select, (id,)).await?.into_rows_result()?.single_row::<($typ,)>()?;
                assert_eq!(&read, value, "{} of row {id}", $cql);
            }
            session.execute_unpaged(&insert, (7, None::<$typ>)).await?;
            let (read,) = session.execute_unpaged(&select, (7,)).await?.into_rows_result()?.single_row::<(Option<$typ>,)>()?;
            assert_eq!(read, None, "null in {}", $cql);
            session.execute_unpaged(&insert, (0, MaybeUnset::<$typ>::Unset)).await?;
            let (read,) = session.execute_unpaged(&select, (0,)).await?.into_rows_result()?.single_row::<($typ,)>()?;
            assert_eq!(read, values[0], "unset keeps {}", $cql);
        })*
    }};
}

const COLUMNS: &str = "c_ascii ascii, c_bigint bigint, c_blob blob, c_boolean boolean, c_date date, c_decimal decimal, \
     c_double double, c_duration duration, c_float float, c_inet inet, c_int int, c_smallint smallint, c_text text, \
     c_time time, c_timestamp timestamp, c_timeuuid timeuuid, c_tinyint tinyint, c_uuid uuid, c_varint varint, \
     c_list list<int>, c_set set<text>, c_map map<text, int>, c_nested frozen<map<int, frozen<list<text>>>>, \
     c_tuple tuple<int, text>, c_udt frozen<address>, c_vector vector<float, 3>";

async fn every_type(session: &Session) -> Outcome<()> {
    session.query_unpaged(format!("CREATE TABLE every_type (id int PRIMARY KEY, {COLUMNS})"), ()).await?;
    let address = |street: Option<&str>, zip| Address { street: street.map(str::to_owned), zip };
    let timestamp = |millis| DateTime::<Utc>::from_timestamp_millis(millis).expect("in range");
    round_trip! { session,
        "c_ascii" "ascii": String = String::new(), "plain".to_owned();
        "c_bigint" "bigint": i64 = i64::MIN, i64::MAX;
        "c_blob" "blob": Vec<u8> = vec![], vec![0, 255, 128];
        "c_boolean" "boolean": bool = true, false;
        "c_date" "date": NaiveDate = NaiveDate::from_str("2016-02-29")?, NaiveDate::from_str("1901-12-31")?;
        "c_decimal" "decimal": BigDecimal = BigDecimal::from_str("-112233.441191")?, BigDecimal::from_str("1E+3")?;
        "c_double" "double": f64 = 19432.125, f64::NEG_INFINITY;
        "c_duration" "duration": CqlDuration = CqlDuration { months: 12, days: 30, nanoseconds: 3_600_000_000_000 },
            CqlDuration { months: -1, days: -1, nanoseconds: -1 };
        "c_float" "float": f32 = 19432.125, -0.5;
        "c_inet" "inet": IpAddr = "65.52.54.169".parse()?, "2a00:1328:e102:ccc0::122".parse()?;
        "c_int" "int": i32 = i32::MIN, i32::MAX;
        "c_smallint" "smallint": i16 = i16::MIN, i16::MAX;
        "c_text" "text": String = String::new(), "grüße, 世界".to_owned();
        "c_time" "time": NaiveTime = NaiveTime::MIN, NaiveTime::from_str("23:59:59.999999999")?;
        "c_timestamp" "timestamp": DateTime<Utc> = timestamp(1_795_470_903_123), timestamp(-11_676_095_999_999);
        "c_timeuuid" "timeuuid": CqlTimeuuid = CqlTimeuuid::from_str("6877a530-ccfa-11e5-aaa5-010203040506")?,
            CqlTimeuuid::from_str("13814000-1dd2-11b2-8080-808080808080")?;
        "c_tinyint" "tinyint": i8 = i8::MIN, i8::MAX;
        "c_uuid" "uuid": Uuid = Uuid::nil(), Uuid::max();
        "c_varint" "varint": BigInt = BigInt::from(-129), BigInt::from_str("123456789123456789123456789")?;
        "c_list" "list<int>": Vec<i32> = vec![3, 1, 2, 1], vec![7];
        "c_set" "set<text>": BTreeSet<String> = BTreeSet::from(["a".to_owned(), "ü".to_owned()]), BTreeSet::from(["b".to_owned()]);
        "c_map" "map<text, int>": HashMap<String, i32> = HashMap::from([("a".to_owned(), 1), ("b".to_owned(), -2)]),
            HashMap::from([("c".to_owned(), 3)]);
        "c_nested" "nested": HashMap<i32, Vec<String>> = HashMap::from([(1, vec!["x".to_owned()]), (2, vec![])]), HashMap::new();
        "c_tuple" "tuple": (i32, Option<String>) = (1, Some("t".to_owned())), (2, None);
        "c_udt" "user type": Address = address(Some("Elm Street"), 1428), address(None, 7);
        "c_vector" "vector<float, 3>": Vec<f32> = vec![1.0, 2.0, 3.0], vec![-1.0, 0.0, 0.5];
    }
    let (count,) = first::<(i64,)>(session, "SELECT count(*) FROM every_type").await?;
    assert_eq!(count, 3);
    Ok(())
}

async fn first<R>(session: &Session, query: &str) -> Outcome<R>
where
    R: for<'f, 'm> scylla::deserialize::row::DeserializeRow<'f, 'm>,
{
    Ok(session.query_unpaged(query, ()).await?.into_rows_result()?.single_row::<R>()?)
}

async fn schema(session: &Session, keyspace: &str) -> Outcome<()> {
    session
        .query_unpaged(
            "CREATE TABLE places (region text, city text, at timestamp, name text static, tags set<text>, \
             PRIMARY KEY ((region, city), at)) WITH CLUSTERING ORDER BY (at DESC)",
            (),
        )
        .await?;
    session.refresh_metadata().await?;
    let state = session.get_cluster_state();
    let keyspace = state.get_keyspace(keyspace).expect("the keyspace is known");
    let table = &keyspace.tables["places"];
    assert_eq!(table.partition_key, ["region", "city"]);
    assert_eq!(table.clustering_key, ["at"]);
    assert_eq!(table.columns.len(), 5);
    assert!(keyspace.user_defined_types.contains_key("address"));
    assert!(state.get_nodes_info().iter().all(|node| node.datacenter.is_some()));
    Ok(())
}

async fn paging(session: &Session) -> Outcome<()> {
    session
        .query_unpaged(
            "CREATE TABLE measured (sensor int, seq int, value double, PRIMARY KEY (sensor, seq))",
            (),
        )
        .await?;
    let insert = session.prepare("INSERT INTO measured (sensor, seq, value) VALUES (?, ?, ?)").await?;
    let writes =
        (0..600i32).map(|n| session.execute_unpaged(&insert, (n / 100, n % 100, f64::from(n) / 4.0)));
    futures::future::try_join_all(writes).await?;
    for size in [7, 100, 600, 1000] {
        let statement = Statement::new("SELECT sensor, seq, value FROM measured").with_page_size(size);
        let rows: Vec<(i32, i32, f64)> =
            session.query_iter(statement, ()).await?.rows_stream::<(i32, i32, f64)>()?.try_collect().await?;
        assert_eq!(rows.len(), 600, "rows in pages of {size}");
        let distinct: BTreeSet<i32> = rows.iter().map(|(sensor, seq, _)| sensor * 100 + seq).collect();
        assert_eq!(distinct.len(), 600);
        assert!(rows.iter().all(|(sensor, seq, value)| *value == f64::from(sensor * 100 + seq) / 4.0));
    }
    let mut select = session.prepare("SELECT seq FROM measured WHERE sensor = ?").await?;
    select.set_page_size(40);
    let (page, state) = session.execute_single_page(&select, (3,), PagingState::start()).await?;
    assert_eq!(page.into_rows_result()?.rows_num(), 40);
    let std::ops::ControlFlow::Continue(state) = state.into_paging_control_flow() else {
        panic!("no second page")
    };
    let (page, _) = session.execute_single_page(&select, (3,), state).await?;
    assert_eq!(page.into_rows_result()?.first_row::<(i32,)>()?, (40,));
    Ok(())
}

async fn changes(session: &Session) -> Outcome<()> {
    session.query_unpaged("CREATE TABLE users (name text PRIMARY KEY, age int, tags set<text>)", ()).await?;
    session
        .query_unpaged("INSERT INTO users (name, age, tags) VALUES (?, ?, ?)", ("ann", 30, vec!["x"]))
        .await?;
    session
        .query_unpaged("UPDATE users SET age = ?, tags = tags + ? WHERE name = ?", (31, vec!["y"], "ann"))
        .await?;
    let row = first::<(i32, Vec<String>)>(session, "SELECT age, tags FROM users WHERE name = 'ann'").await?;
    assert_eq!(row, (31, vec!["x".to_owned(), "y".to_owned()]));
    let conditional = session.prepare("UPDATE users SET age = ? WHERE name = 'ann' IF age = ?").await?;
    let answer = session.execute_unpaged(&conditional, (32, 5)).await?.into_rows_result()?;
    assert_eq!(answer.single_row::<(bool, Option<i32>)>()?, (false, Some(31)));
    session.query_unpaged("DELETE FROM users WHERE name = 'ann'", ()).await?;
    let left =
        session.query_unpaged("SELECT age FROM users WHERE name = 'ann'", ()).await?.into_rows_result()?;
    assert_eq!(left.rows_num(), 0);

    let insert = session.prepare("INSERT INTO users (name, age) VALUES (?, ?)").await?;
    let mut batch = Batch::new(BatchType::Logged);
    let values: Vec<(String, i32)> = (0..20).map(|n| (format!("user{n}"), n)).collect();
    values.iter().for_each(|_| batch.append_statement(insert.clone()));
    session.batch(&batch, &values).await?;
    assert_eq!(first::<(i64,)>(session, "SELECT count(*) FROM users").await?, (20,));

    session.query_unpaged("CREATE TABLE hits (page text PRIMARY KEY, n counter)", ()).await?;
    let increment = session.prepare("UPDATE hits SET n = n + ? WHERE page = 'a'").await?;
    session.execute_unpaged(&increment, (Counter(5),)).await?;
    session.execute_unpaged(&increment, (Counter(-2),)).await?;
    assert_eq!(first::<(Counter,)>(session, "SELECT n FROM hits WHERE page = 'a'").await?, (Counter(3),));

    for (query, expected) in [
        ("SELECT nope FROM users", DbError::Invalid),
        ("SELEC 1", DbError::SyntaxError),
        ("SELECT * FROM nowhere", DbError::Invalid),
    ] {
        match session.query_unpaged(query, ()).await {
            Err(ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, _))) => {
                assert_eq!(error, expected)
            }
            other => panic!("{query}: {other:?}"),
        }
    }
    Ok(())
}

fn show<T: Debug>(value: Option<T>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| format!("{value:?}").to_lowercase())
}

async fn run(arguments: &[String], compression: Option<Compression>) -> Outcome<()> {
    let mut builder = SessionBuilder::new().known_node(&arguments[0]).compression(compression);
    if let [_, user, password] = arguments {
        builder = builder.user(user, password);
    }
    let session = builder.build().await?;
    let keyspace = format!("foreign_rust_{}", show(compression));
    session.query_unpaged(format!("DROP KEYSPACE IF EXISTS {keyspace}"), ()).await?;
    let replication = "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1}";
    session.query_unpaged(format!("CREATE KEYSPACE {keyspace} WITH replication = {replication}"), ()).await?;
    session.use_keyspace(&keyspace, false).await?;
    session.query_unpaged("CREATE TYPE address (street text, zip int)", ()).await?;
    schema(&session, &keyspace).await?;
    every_type(&session).await?;
    paging(&session).await?;
    changes(&session).await?;
    session.query_unpaged(format!("DROP KEYSPACE {keyspace}"), ()).await?;
    println!("ok: scylla crate, compression {}", show(compression));
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !matches!(arguments.len(), 1 | 3) {
        return Err("usage: foreign HOST:PORT [USER PASSWORD]".into());
    }
    for compression in [None, Some(Compression::Lz4), Some(Compression::Snappy)] {
        run(&arguments, compression).await?;
    }
    Ok(())
}
