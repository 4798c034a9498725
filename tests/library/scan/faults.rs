//! What is read when something goes wrong.

use std::time::Duration;

use chorus::{Consistency, DbError, ErrorKind};
use chorus_node::{Fault, Requests};

use super::{Read, SCAN, Table};
use crate::stage::eventually;

fn read_timeout() -> DbError {
    DbError::ReadTimeout { consistency: Consistency::LocalOne, received: 0, required: 1, data_present: false }
}

fn scan() -> Requests {
    Requests::opcode(chorus::protocol::Opcode::Execute).with_statement(SCAN)
}

#[tokio::test]
async fn f105_no_row_is_lost_or_doubled_whatever_may_pass_that_happens_to_pages() {
    let unavailable = DbError::Unavailable { consistency: Consistency::One, required: 1, alive: 0 };
    let error = |error| Fault::Error(error, "not now".into());
    let faults = [
        error(read_timeout()),
        error(DbError::Overloaded),
        error(DbError::IsBootstrapping),
        error(DbError::ServerError),
        error(unavailable),
        Fault::Close,
        Fault::CloseAfter,
        Fault::CloseMidAnswer(40),
        Fault::Reset,
    ];
    // All at once: most of the time is spent in pauses.
    let cases = faults.iter().flat_map(|fault| [1, 3].map(|nodes| (fault.clone(), nodes)));
    futures::future::join_all(cases.map(|(fault, nodes)| async move {
        let table = Table::new(nodes, nodes, 200).await;
        table.cluster.faults().add(scan().with_probability(0.2).times(8), fault.clone());
        let read = Read::all(table.scan().page_size(3).concurrency(4)).await;
        table.has(&read.unwrap_or_else(|error| panic!("{fault:?} on {nodes}: {error:?}")));
    }))
    .await;
}

#[tokio::test]
async fn f105_a_host_that_dies_meanwhile_costs_no_row() {
    let table = Table::new(3, 3, 600).await;
    let mut scan = table.scan().page_size(5).concurrency(6).open().await.expect("opened");
    let mut read = Read::default();
    for node in [1, 2] {
        for _ in 0..20 {
            assert!(read.page(&mut scan).await.expect("read"), "it has more pages");
        }
        table.cluster.stop_node(node);
    }
    read.rest(&mut scan).await.expect("the third has all rows");
    table.has(&read);
}

#[tokio::test]
async fn f105_rows_whose_hosts_are_away_are_waited_for() {
    let table = Table::new(3, 1, 300).await;
    let mut scan = table.scan().page_size(5).open().await.expect("opened");
    let progress = scan.progress();
    let mut read = Read::default();
    read.page(&mut scan).await.expect("read");
    let unavailable = DbError::Unavailable { consistency: Consistency::One, required: 1, alive: 0 };
    let away =
        table.cluster.faults().add(self::scan(), Fault::Error(unavailable, "nobody has it now".into()));
    let back = async {
        eventually("pages are asked for again", async || progress.retries() > 3).await;
        table.cluster.faults().remove(away);
    };
    let (outcome, ()) = tokio::join!(read.rest(&mut scan), back);
    outcome.expect("read");
    table.has(&read);
}

#[tokio::test]
async fn f105_a_page_that_is_not_answered_in_time_is_asked_for_again() {
    let table = Table::new(1, 1, 200).await;
    let dropped = table.cluster.faults().add(scan().after(3).times(2), Fault::DropRequest);
    let late = table.cluster.faults().add(scan().after(6).times(1), Fault::DropAnswer);
    let scan = table.scan().page_size(4).concurrency(2).timeout(Duration::from_millis(400));
    let read = Read::all(scan).await.expect("read");
    table.has(&read);
    assert_eq!(
        (table.cluster.faults().fired(dropped), table.cluster.faults().fired(late)),
        (Some(2), Some(1))
    );
}

#[tokio::test]
async fn a_piece_that_is_too_slow_from_the_beginning_is_cut() {
    let table = Table::new(1, 1, 300).await;
    table.cluster.faults().add(scan().times(6), Fault::Error(read_timeout(), "too slow".into()));
    let scan = table.scan().concurrency(1);
    let progress = scan.progress();
    let read = Read::all(scan).await.expect("read");
    table.has(&read);
    assert_eq!((progress.splits(), progress.retries()), (6, 0));
    assert!(progress.pieces() > 6 && read.whole.len() as u64 == progress.pieces());
}

#[tokio::test]
async fn a_page_that_is_too_slow_is_asked_for_again_from_the_same_place_and_smaller() {
    let table = Table::new(1, 1, 4_000).await;
    // Of the first piece that has several pages.
    let mut scan = table.scan().page_size(36).concurrency(1).open().await.expect("opened");
    let progress = scan.progress();
    table
        .cluster
        .faults()
        .add(self::scan().after(1).times(1), Fault::Error(read_timeout(), "too slow".into()));
    let mut sizes = Vec::new();
    let mut read = Read::default();
    while let Some(page) = scan.next_page().await.expect("read") {
        sizes.push((page.piece(), page.row_count(), page.is_last()));
        read.rows.extend(page.rows::<(i32, i32)>().expect("ints").map(|row| row.expect("reads")));
    }
    table.has(&read);
    let first = sizes[0];
    assert!(first.1 == 36 && !first.2, "the first piece has several pages: {first:?}");
    assert_eq!((progress.splits(), progress.retries()), (0, 1));
    let rest: Vec<_> = sizes[1..].iter().take_while(|page| page.0 == first.0).collect();
    assert!(!rest.is_empty() && rest.iter().all(|page| page.1 <= 18), "{rest:?}");
    let others = sizes.iter().filter(|page| page.0 != first.0).map(|page| page.1).max();
    assert_eq!(others, Some(36), "other pieces have pages of the size that was asked for");
}

#[tokio::test]
async fn what_will_not_pass_ends_the_scan_and_names_table_and_tokens() {
    let table = Table::new(1, 1, 300).await;
    table.cluster.faults().add(scan().after(5), Fault::Error(DbError::Invalid, "no more for you".into()));
    let mut scan = table.scan().page_size(5).concurrency(2).open().await.expect("opened");
    let mut read = Read::default();
    let error = read.rest(&mut scan).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Db);
    assert!(error.db().is_some() && error.is_invalid_statement());
    assert!(error.to_string().starts_with("ks.numbers, tokens ("), "{error}");
    let source = std::error::Error::source(&error).expect("what the server said");
    assert!(source.to_string().contains("no more for you"), "{source}");
    assert!(scan.next_page().await.expect("nothing after it").is_none());
    assert!(!scan.is_complete() && scan.progress().share() < 1.0 && scan.progress().in_flight() == 0);
}

#[tokio::test]
async fn a_piece_that_does_not_get_on_ends_the_scan_when_the_patience_does() {
    let table = Table::new(1, 1, 10).await;
    table.cluster.faults().add(scan(), Fault::Error(DbError::Overloaded, "busy".into()));
    let scan = table.scan().patience(Duration::from_millis(300));
    let progress = scan.progress();
    let error = Read::all(scan).await.err().expect("never served");
    assert!(error.is_overloaded(), "{error:?}");
    assert!(error.to_string().contains("cannot be read, tried "), "{error}");
    assert!(progress.retries() > 1);
}

#[tokio::test]
async fn a_table_that_is_dropped_meanwhile_ends_the_scan() {
    let table = Table::new(1, 1, 500).await;
    let mut scan = table.scan().page_size(2).concurrency(2).open().await.expect("opened");
    let mut read = Read::default();
    read.page(&mut scan).await.expect("read");
    table.run("DROP TABLE ks.numbers").await;
    let error = read.rest(&mut scan).await.expect_err("gone");
    assert!(error.to_string().contains("ks.numbers, tokens"), "{error}");
    assert!(!scan.is_complete());
}

#[tokio::test]
async fn a_scan_that_is_dropped_asks_for_nothing_more() {
    let table = Table::new(1, 1, 500).await;
    let mut scan = table.scan().page_size(2).concurrency(3).open().await.expect("opened");
    let progress = scan.progress();
    scan.next_page().await.expect("read");
    drop(scan);
    assert_eq!(progress.in_flight(), 0);
    // What was written before arrives before this.
    table.session.query("SELECT id FROM ks.numbers WHERE id = 1", ()).await.expect("read");
    let asked = table.cluster.watch(self::scan());
    for _ in 0..20 {
        table.session.query("SELECT id FROM ks.numbers WHERE id = 1", ()).await.expect("read");
    }
    assert_eq!(asked.count(), 0);
}

#[tokio::test]
async fn a_scan_can_be_stopped_from_another_task_while_it_waits() {
    let table = Table::new(1, 1, 100).await;
    table.cluster.faults().add(scan(), Fault::DropRequest);
    let mut scan = table.scan().open().await.expect("opened");
    let progress = scan.progress();
    let stop = async {
        eventually("it waits for answers", async || progress.in_flight() > 0).await;
        progress.stop();
    };
    let (outcome, ()) = tokio::join!(scan.next_page(), stop);
    let error = outcome.expect_err("stopped");
    assert!(error.to_string().contains("stopped"), "{error}");
    assert!(!scan.is_complete() && scan.next_page().await.expect("over").is_none());
}

#[tokio::test]
async fn a_session_that_ends_ends_its_scans() {
    let table = Table::new(1, 1, 300).await;
    let mut scan = table.scan().page_size(2).concurrency(2).open().await.expect("opened");
    let mut read = Read::default();
    read.page(&mut scan).await.expect("read");
    table.session.shutdown(Duration::from_secs(5)).await;
    let error = read.rest(&mut scan).await.expect_err("closed");
    assert_eq!(error.kind(), ErrorKind::SessionClosed);
}
