//! F42, F43, F45: pages that are empty, endless or of another shape than the one before.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chorus::protocol::ProtocolVersion;
use chorus::protocol::response::{Response, ResultBody, RowsBody};
use chorus::{CqlType, CqlValue, ErrorKind, Row};
use futures::TryStreamExt;

use crate::server::{Hostile, Then, column, page};
use crate::session::*;

const V4: ProtocolVersion = ProtocolVersion::V4;

/// Answers the nth request, from 0, with this page and a state that leads on, until there is none.
fn server(
    pages: impl Fn(i32) -> Option<(RowsBody, bool)> + Send + Sync + 'static,
) -> (Hostile, Arc<AtomicI32>) {
    let asked = Arc::new(AtomicI32::new(0));
    let count = Arc::clone(&asked);
    let server = Hostile::start(V4, move |peer, heard| {
        let (mut page, more) =
            pages(count.fetch_add(1, Ordering::Relaxed)).expect("no page is asked for twice");
        page.metadata.paging_state = more.then(|| Bytes::from_static(b"the same state each time"));
        peer.say(heard.stream, &Response::Result(ResultBody::Rows(page)));
        Then::GoOn
    });
    (server, asked)
}

fn ints(values: &[i32]) -> RowsBody {
    page(&[column("n", CqlType::Int)], values.iter().map(|value| (*value,)))
}

#[tokio::test]
async fn f42_empty_pages_are_passed_over() {
    let (server, asked) = server(|index| {
        let pages = [(&[][..], true), (&[1, 2], true), (&[], true), (&[], true), (&[3], true), (&[], false)];
        pages.get(index as usize).map(|(values, more)| (ints(values), *more))
    });
    let session = connect(&server, V4).await;
    let rows = session.query_iter("SELECT", ()).await.expect("the first page");
    let rows: Vec<(i32,)> = rows.rows::<(i32,)>().expect("ints").try_collect().await.expect("every page");
    assert_eq!(rows, [(1,), (2,), (3,)]);
    assert_eq!(asked.load(Ordering::Relaxed), 6);
}

#[tokio::test]
async fn f43_a_result_without_an_end_is_fetched_one_page_ahead_and_ends_when_its_reader_does() {
    let (server, asked) = server(|index| Some((ints(&[index]), true)));
    let session = connect(&server, V4).await;
    let mut rows =
        session.query_iter("SELECT", ()).await.expect("the first page").rows::<(i32,)>().expect("ints");
    for round in 0..100 {
        assert_eq!(rows.try_next().await.expect("a page"), Some((round,)));
    }
    // Until the one ahead has come, and time for more, if it were asked for.
    while session.metrics().await.expect("metrics").in_flight > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(asked.load(Ordering::Relaxed) <= 101, "one page ahead");
    drop(rows);
    let before = asked.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(asked.load(Ordering::Relaxed), before, "nothing is fetched for nobody");
    assert_eq!(session.metrics().await.expect("metrics").in_flight, 0);
}

#[tokio::test]
async fn f45_each_page_is_read_by_its_own_description() {
    let table = |index| {
        Some(match index {
            0 => (ints(&[1]), true),
            1 => {
                let columns = [column("n", CqlType::Int), column("added", CqlType::Text)];
                (page(&columns, [(2, "new")].into_iter()), true)
            }
            2 => (page(&[column("added", CqlType::Text)], [("alone",)].into_iter()), true),
            3 => (page(&[column("added", CqlType::Bigint)], [(4i64,)].into_iter()), false),
            _ => return None,
        })
    };
    let (server, _) = server(table);
    let session = connect(&server, V4).await;
    let rows = session.query_iter("SELECT", ()).await.expect("the first page").rows::<Row>().expect("any");
    let rows: Vec<Row> = rows.try_collect().await.expect("every page");
    let values: Vec<Vec<Option<CqlValue>>> = rows.into_iter().map(|row| row.values).collect();
    let text = |text: &str| Some(CqlValue::Text(text.into()));
    assert_eq!(
        values,
        [
            vec![Some(CqlValue::Int(1))],
            vec![Some(CqlValue::Int(2)), text("new")],
            vec![text("alone")],
            vec![Some(CqlValue::Bigint(4))],
        ]
    );
}

#[tokio::test]
async fn f45_a_page_that_no_longer_fits_the_row_type_is_a_typed_error() {
    let (server, _) = server(|index| {
        Some(match index {
            0 => (ints(&[1]), true),
            1 => (page(&[column("n", CqlType::Text)], [("two",)].into_iter()), true),
            _ => return None,
        })
    });
    let session = connect(&server, V4).await;
    // The page behind the odd one may be on its way already.
    let mut rows =
        session.query_iter("SELECT", ()).await.expect("the first page").rows::<(i32,)>().expect("ints");
    assert_eq!(rows.try_next().await.expect("the first page"), Some((1,)));
    let error = rows.try_next().await.expect_err("text is no int");
    assert_eq!(error.kind(), ErrorKind::Rows, "{error}");
    assert_eq!(rows.try_next().await.expect("and no more after it"), None);
}
