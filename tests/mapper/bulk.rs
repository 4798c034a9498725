//! Many rows at once.

use std::time::Duration;

use chorus::ErrorKind;
use chorus::mapper::{Counter, MapperError};

use crate::tables::{Hits, Reading, Shop, User};

fn readings(count: i32) -> Vec<Reading> {
    (0..count).map(|at| Reading::new(i64::from(at % 7), at, f64::from(at))).collect()
}

#[tokio::test]
async fn rows_of_iterators_and_streams_are_written() {
    let shop = Shop::open().await;
    let rows = readings(5000);
    let insert = shop.mapper.insert_all::<Reading>(&rows).concurrency(100);
    let progress = insert.progress();
    let report = insert.await.expect("written");
    assert_eq!((report.written, report.failed.len(), progress.written()), (5000, 0, 5000));
    let stream = futures::stream::iter(readings(5100).split_off(5000));
    let report = shop.mapper.insert_stream(stream).ttl(Duration::from_secs(500)).await.expect("written");
    assert_eq!(report.written, 100);
    assert_eq!(shop.mapper.select::<Reading>().count().await.expect("read"), 5100);
    let mut read = shop.mapper.select::<Reading>().filter(Reading::SENSOR.eq(3)).all().await.expect("read");
    read.sort_by_key(|row| row.at);
    assert_eq!(read[1], Reading::new(3, 10, 10.0));
}

#[tokio::test]
async fn invalid_rows_fail_with_their_index_and_nulls_leave_what_is_there() {
    let shop = Shop::open().await;
    shop.mapper.insert(&User { email: Some("e".into()), ..User::new(1, "old") }).await.expect("inserted");
    let rows = || [User::new(1, "a"), User::new(2, &"x".repeat(21)), User::new(3, "c")];
    let report = shop.mapper.insert_all::<User>(rows()).errors_allowed(1).await.expect("one may fail");
    assert_eq!((report.written, report.failed.len()), (2, 1));
    assert_eq!((report.failed[0].index(), report.failed[0].kind()), (Some(1), ErrorKind::Values));
    let user = shop.mapper.get::<User>((1,)).await.expect("there");
    assert_eq!((user.name.as_str(), user.email.as_deref()), ("a", Some("e")));
    let error = shop.mapper.insert_all::<User>(rows()).await.expect_err("none may fail");
    let MapperError::Request(error) = error else { panic!("{error}") };
    assert_eq!(error.index(), Some(1));
    shop.mapper.insert_all::<User>([User::new(1, "a")]).write_nulls().await.expect("written");
    assert_eq!(shop.mapper.get::<User>((1,)).await.expect("there").email, None);
}

#[tokio::test]
async fn counters_are_no_rows_to_insert() {
    let shop = Shop::open().await;
    let hits = Hits { page: "/".into(), day: 1, seen: Counter(1), sold: Counter(1) };
    let error = shop.mapper.insert_all::<Hits>([hits]).await.expect_err("counters");
    assert!(matches!(error, MapperError::Statement { .. }), "{error}");
}
