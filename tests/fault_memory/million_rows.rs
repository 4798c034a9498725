//! Reading a million rows takes memory for each page and none for a row, when the type of rows borrows or is plain.

use bytes::Bytes;
use chorus::protocol::request::QueryParameters;
use chorus::protocol::response::{Response, ResultBody, RowsBody};
use chorus::protocol::wire::Reader;
use chorus::protocol::{FrameShape, Opcode};
use chorus::{CqlType, FromRow, PreparedStatement, RowView, Session};
use futures::TryStreamExt as _;

use crate::allocations::times_given;
use crate::server::{Hostile, Then, column, page, prepared};
use crate::session::connect;
use crate::{TURN, V4};

const PAGES: usize = 200;
const ROWS_OF_A_PAGE: usize = 5_000;
const ROWS: usize = PAGES * ROWS_OF_A_PAGE;

/// What a page may take, of driver and server together: its bytes a few times, request, answer, result, task. Far fewer than it has
/// rows.
const TIMES_OF_A_PAGE: usize = 100;

/// A server whose table has a million rows; each page's state is the number of the next.
fn server() -> Hostile {
    let columns = [
        column("id", CqlType::Bigint),
        column("name", CqlType::Text),
        column("digest", CqlType::Blob),
        column("score", CqlType::Double),
        column("note", CqlType::Text),
    ];
    let rows = (0..ROWS_OF_A_PAGE as i64).map(|id| {
        let note = (id % 3 == 0).then_some("every third has one");
        (id, "a name that is long enough to need memory of its own", [7_u8; 32], id as f64, note)
    });
    let rows: RowsBody = page(&columns, rows);
    Hostile::start(V4, move |peer, heard| {
        if heard.opcode == Opcode::Prepare {
            peer.say(heard.stream, &Response::Result(ResultBody::Prepared(prepared(b"id", &columns))));
            return Then::GoOn;
        }
        let mut reader = Reader::new(&heard.body);
        match heard.opcode {
            Opcode::Query => reader.long_string("text").map(drop).expect("a text"),
            _ => reader.short_bytes("id").map(drop).expect("an id"),
        }
        let parameters = QueryParameters::decode(&mut reader, &FrameShape::new(V4)).expect("parameters");
        let state = |state: &[u8]| u64::from_be_bytes(state.try_into().expect("a state of ours")) as usize;
        let next = parameters.paging_state.map_or(0, state) + 1;
        let mut rows = rows.clone();
        let more = next < PAGES;
        rows.metadata.paging_state = more.then(|| Bytes::copy_from_slice(&(next as u64).to_be_bytes()));
        peer.say(heard.stream, &Response::Result(ResultBody::Rows(rows)));
        Then::GoOn
    })
}

/// Names all columns but one, borrows, and has another struct's columns among its own.
#[derive(FromRow)]
struct Entry<'a> {
    id: i64,
    #[chorus(flatten)]
    named: Named<'a>,
    digest: &'a [u8],
}

#[derive(FromRow)]
struct Named<'a> {
    name: &'a str,
    #[chorus(default)]
    note: Option<&'a str>,
}

/// Reads every page with `read`, which returns how many rows it saw. Returns how often memory was given meanwhile.
async fn read_all(
    session: &Session,
    select: &PreparedStatement,
    read: impl Fn(&chorus::QueryResult) -> usize,
) -> usize {
    let mut pages = session.execute_iter(select, ()).await.expect("the first page");
    let before = times_given();
    let mut rows = 0;
    while let Some(page) = pages.next_page().await.expect("every page") {
        rows += read(&page);
    }
    assert_eq!(rows, ROWS);
    times_given() - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_rows_that_borrow_take_memory_for_each_page_and_none_for_a_row() {
    let _turn = TURN.lock().await;
    let server = server();
    let session = connect(&server, V4).await;
    let select = session.prepare("SELECT").await.expect("prepared");

    let by_position = |page: &chorus::QueryResult| {
        let rows = page.rows::<(i64, &str, &[u8], f64, Option<&str>)>().expect("fits");
        rows.map(|row| assert!(row.expect("reads").2.len() == 32)).count()
    };
    let derived = |page: &chorus::QueryResult| {
        let rows = page.rows::<Entry<'_>>().expect("fits");
        let read = |row: Result<Entry<'_>, chorus::Error>| {
            let Entry { id, named: Named { name, note }, digest } = row.expect("reads");
            assert!(name.len() > 32 && digest.len() == 32 && note.is_some() == (id % 3 == 0));
        };
        rows.map(read).count()
    };
    let by_name = |page: &chorus::QueryResult| {
        let rows = page.rows::<RowView<'_>>().expect("fits");
        rows.map(|row| {
            let row = row.expect("reads");
            let score: f64 = row.value("score").expect("a number");
            assert!(score >= 0.0 && row.value::<&str>("name").expect("text").len() > 32);
        })
        .count()
    };
    let takes = [
        ("tuples", read_all(&session, &select, by_position).await),
        ("structs", read_all(&session, &select, derived).await),
        ("views", read_all(&session, &select, by_name).await),
    ];
    for (what, times) in takes {
        assert!(times <= PAGES * TIMES_OF_A_PAGE, "{what}: memory was given {times} times for {PAGES} pages");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_plain_rows_takes_memory_for_each_page_and_none_for_a_row() {
    let _turn = TURN.lock().await;
    let server = server();
    let session = connect(&server, V4).await;

    /// Owns what it holds, which is nothing on the heap.
    #[derive(FromRow)]
    struct Plain {
        id: i64,
        score: f64,
    }
    let mut rows =
        session.query_iter("SELECT", ()).await.expect("the first page").rows::<Plain>().expect("fits");
    let (before, mut count) = (times_given(), 0);
    while let Some(Plain { id, score }) = rows.try_next().await.expect("every row") {
        assert!(id as f64 == score);
        count += 1;
    }
    let times = times_given() - before;
    assert_eq!(count, ROWS);
    assert!(times <= PAGES * TIMES_OF_A_PAGE, "memory was given {times} times for {PAGES} pages");
}
