//! Tables without a model.

use std::collections::HashMap;

use chorus::mapper::{MapperError, Operator};
use chorus::{CqlValue, ErrorKind, FromRow, Row, Scalar};
use futures::TryStreamExt;

use crate::tables::{Shop, User};

type Named = HashMap<String, Option<CqlValue>>;

#[derive(Debug, PartialEq, FromRow)]
struct Place {
    sensor: i64,
    at: i32,
}

#[tokio::test]
async fn rows_of_any_table_are_read_by_name() {
    let shop = Shop::with_readings().await;
    let table = shop.mapper.table("shop", "reading");
    let of = |sensor: i64| table.select().filter("sensor", Operator::Equal, sensor);
    let rows: Vec<Named> = of(1).limit(2).all().await.expect("read");
    assert_eq!(rows[1]["at"], Some(CqlValue::Int(2)));
    assert_eq!(rows[1]["place"], None);
    let newest: Place = of(2).descending_by("at").first().await.expect("read").expect("a row");
    assert_eq!(newest, Place { sensor: 2, at: 4 });
    let ats: Vec<(i32,)> = of(1)
        .filter("at", Operator::In, vec![1, 3])
        .ascending_by("at")
        .only(["at"])
        .all()
        .await
        .expect("read");
    assert_eq!(ats, [(1,), (3,)]);
    assert_eq!(table.select().count().await.expect("read"), 8);
    let mut keys: Vec<Scalar<i64>> = table.select().distinct().all().await.expect("read");
    keys.sort();
    assert_eq!(keys, [Scalar(1), Scalar(2)]);
    let stream = of(1).page_size(1).stream::<Row>().await.expect("begun");
    assert_eq!(stream.try_collect::<Vec<_>>().await.expect("read").len(), 4);
    let one = of(1).filter("at", Operator::Greater, 3);
    assert_eq!(one.clone().one::<Place>().await.expect("one").at, 4);
    assert!(matches!(of(1).one::<Place>().await, Err(MapperError::MultipleRows { .. })));
    assert!(matches!(of(7).one::<Place>().await, Err(MapperError::NotFound { .. })));
    let page = of(1).page_size(3).page::<Place>(None).await.expect("read");
    assert_eq!((page.items.len(), page.next.is_some()), (3, true));
    let all = table.select().filter_token(Operator::GreaterOrEqual, i64::MIN).all::<Row>().await;
    assert_eq!(all.expect("read").len(), 8);
    let few = table.select().per_partition_limit(1).all::<Row>().await.expect("read");
    assert_eq!(few.len(), 2);
}

#[tokio::test]
async fn keys_and_indexes_are_those_of_the_schema() {
    let shop = Shop::with_users(2).await;
    shop.mapper.update::<User>((2,)).set(User::EMAIL, "e").await.expect("updated");
    let table = shop.mapper.table("shop", "user");
    let by = |column: &str, operator: Operator, value: &str| {
        table.select().filter(column, operator, value.to_owned())
    };
    let found: Named = by("email", Operator::Equal, "e").one().await.expect("one");
    assert_eq!(found["id"], Some(CqlValue::Bigint(2)));
    let error = by("name", Operator::Equal, "a").all::<Row>().await.expect_err("not indexed");
    assert!(
        matches!(&error, MapperError::Statement { reason, .. } if reason.contains("no filter finds rows")),
        "{error}"
    );
    assert_eq!(by("name", Operator::Equal, "a").allow_filtering().all::<Row>().await.expect("read").len(), 1);
    let error = by("nowhere", Operator::Equal, "a").all::<Row>().await.expect_err("unknown");
    assert!(error.to_string().contains("no column nowhere"), "{error}");
    let error = table.select().descending_by("name").all::<Row>().await.expect_err("no key");
    assert!(error.to_string().contains("which name is not"), "{error}");
    let error = shop.mapper.table("shop", "nowhere").select().all::<Row>().await.expect_err("unknown");
    assert!(error.to_string().contains("no such table in keyspace shop"), "{error}");
}

#[tokio::test]
async fn values_must_fit_and_null_finds_nothing() {
    let shop = Shop::open().await;
    let table = shop.mapper.table("shop", "user");
    let wrong = table.select().filter("id", Operator::Equal, "one").all::<Row>().await;
    let Err(MapperError::Request(error)) = wrong else { panic!("{wrong:?}") };
    assert_eq!((error.kind(), error.column().map(|(_, name)| name)), (ErrorKind::Values, Some("id")));
    let null = table.select().filter("id", Operator::Equal, None::<i64>).all::<Row>().await;
    let Err(MapperError::Request(error)) = null else { panic!("{null:?}") };
    assert_eq!(error.kind(), ErrorKind::Values);
    assert!(
        std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("null"))
            || error.to_string().contains("null"),
        "{error:?}"
    );
}
