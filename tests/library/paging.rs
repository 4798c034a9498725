//! Results of many pages.

use std::time::Duration;

use chorus::{ErrorKind, PagingState, Row};
use chorus_node::{Fault, Requests};
use futures::TryStreamExt;

use crate::stage::{Stage, eventually};

async fn stage_with_rows(rows: i32) -> Stage {
    let stage = Stage::with_numbers().await;
    let insert = stage.insert().await;
    stage
        .session
        .execute_concurrent_with_args(&insert, (0..rows).map(|id| (id, id)))
        .run()
        .await
        .expect("written");
    stage
}

#[tokio::test]
async fn stream_yields_every_row_of_every_page_once() {
    let stage = stage_with_rows(250).await;
    let select = stage.prepare("SELECT id, value FROM numbers").await;
    for page_size in [1, 7, 100, 250, 1_000, 0] {
        let select = select.clone().page_size(page_size);
        let rows = stage.session.execute_iter(&select, ()).await.expect("the first page");
        let mut rows: Vec<(i32, i32)> =
            rows.rows::<(i32, i32)>().expect("two ints").try_collect().await.expect("every page");
        rows.sort_unstable();
        assert_eq!(rows, (0..250).map(|id| (id, id)).collect::<Vec<_>>(), "pages of {page_size}");
    }
}

#[tokio::test]
async fn text_pages_like_a_prepared_statement() {
    let stage = stage_with_rows(30).await;
    let text = chorus::Statement::new("SELECT id FROM numbers").page_size(10);
    let mut pages = stage.session.query_iter(text, ()).await.expect("the first page");
    let mut sizes = Vec::new();
    while let Some(page) = pages.next_page().await.expect("every page") {
        sizes.push(page.row_count());
    }
    assert_eq!(sizes.iter().sum::<usize>(), 30);
    assert!(sizes.iter().all(|size| *size <= 10), "{sizes:?}");
    assert!(pages.next_page().await.expect("still the end").is_none());
}

#[tokio::test]
async fn page_can_be_continued_from_its_state_kept_as_bytes() {
    let stage = stage_with_rows(25).await;
    let select = stage.prepare("SELECT id FROM numbers").await.page_size(10);
    let mut state: Option<Vec<u8>> = None;
    let mut ids = Vec::new();
    loop {
        let page = stage
            .session
            .execute_page(&select, (), state.take().map(PagingState::new))
            .await
            .expect("a page");
        ids.extend(page.rows::<(i32,)>().expect("ints").map(|row| row.expect("reads").0));
        match page.paging_state() {
            Some(next) => {
                assert!(!page.is_last_page());
                state = Some(next.as_bytes().to_vec());
            }
            None => break,
        }
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..25).collect::<Vec<_>>());
}

#[tokio::test]
async fn next_page_is_fetched_while_the_current_one_is_read() {
    let stage = stage_with_rows(20).await;
    let select = stage.prepare("SELECT id FROM numbers").await.page_size(10);
    let mut pages = stage.session.execute_iter(&select, ()).await.expect("the first page");
    let asked = stage.cluster.watch(Requests::containing("select id from numbers"));
    let first = pages.next_page().await.expect("here").expect("a page");
    while asked.count() == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(first.row_count(), 10);
}

fn selects() -> Requests {
    Requests::containing("select id")
}

#[tokio::test]
async fn every_page_has_the_whole_timeout() {
    let stage = stage_with_rows(40).await;
    let limit = Duration::from_secs(30);
    let select = stage.prepare("SELECT id FROM numbers").await.page_size(10).timeout(limit);
    let faults = stage.cluster.faults();
    let (asked, held) = (stage.cluster.watch(selects()), faults.add(selects(), Fault::Hold));
    let read = async {
        let rows = stage.session.execute_iter(&select, ()).await.expect("the first page");
        rows.rows::<(i32,)>().expect("ints").try_collect::<Vec<_>>().await.expect("every page")
    };
    // More than half of the time passes before each of the pages is answered.
    let answer = async {
        let mut held = held;
        for page in 1..=4 {
            eventually("the next page is asked for", async || asked.count() >= page).await;
            tokio::time::pause();
            tokio::time::advance(limit * 2 / 3).await;
            tokio::time::resume();
            let next = faults.add(selects(), Fault::Hold);
            faults.remove(held);
            held = next;
        }
        faults.remove(held);
    };
    let (rows, ()) = tokio::join!(read, answer);
    assert_eq!(rows.len(), 40);
}

#[tokio::test]
async fn failing_page_ends_the_stream_with_its_error() {
    let stage = stage_with_rows(40).await;
    let select = stage.prepare("SELECT id FROM numbers").await.page_size(10);
    let refused = Fault::Error(chorus::DbError::Invalid, "no more for you".into());
    stage.cluster.faults().add(Requests::containing("select").after(2), refused);
    let pages = stage.session.execute_iter(&select, ()).await.expect("the first page");
    let mut rows = pages.rows::<(i32,)>().expect("ints");
    let mut read = 0;
    let error = loop {
        match rows.try_next().await {
            Ok(Some(_)) => read += 1,
            Ok(None) => panic!("the stream ended without its error"),
            Err(error) => break error,
        }
    };
    assert_eq!(read, 20);
    assert!(error.to_string().contains("no more for you"), "{error}");
    assert!(rows.try_next().await.expect("nothing after it").is_none());
}

#[tokio::test]
async fn type_is_checked_before_the_first_row() {
    let stage = stage_with_rows(1).await;
    let select = stage.prepare("SELECT id FROM numbers").await;
    let pages = stage.session.execute_iter(&select, ()).await.expect("the first page");
    assert_eq!(pages.rows::<(String,)>().expect_err("an int").kind(), ErrorKind::Rows);
    let pages = stage.session.execute_iter(&stage.insert().await, (1, 1)).await.expect("written");
    assert_eq!(pages.rows::<Row>().expect_err("no query").kind(), ErrorKind::Result);
}
