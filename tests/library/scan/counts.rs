//! Counting.

use std::time::Duration;

use chorus::scan::CountEnding;
use chorus::{Consistency, CqlValue, DbError};
use chorus_node::{Fault, Requests};

use super::{SCAN, Table};
use crate::stage::eventually;

fn count() -> Requests {
    Requests::opcode(chorus::protocol::Opcode::Execute).with_statement(SCAN)
}

fn read_timeout() -> Fault {
    let timeout = DbError::ReadTimeout {
        consistency: Consistency::LocalOne,
        received: 0,
        required: 1,
        data_present: false,
    };
    Fault::Error(timeout, "too slow".into())
}

#[tokio::test]
async fn rows_are_counted_by_range_and_by_host() {
    for (nodes, replicas) in [(1, 1), (3, 1), (3, 3)] {
        let table = Table::new(nodes, replicas, 700).await;
        let scan = table.scan();
        let progress = scan.progress();
        let report = scan.count().await.expect("counted");
        assert_eq!(report.total(), Some(700));
        assert_eq!((report.to_string(), progress.rows()), ("ks.numbers: 700 rows".into(), 700));
        assert!((report.share - 1.0).abs() < f64::EPSILON && (progress.share() - 1.0).abs() < f64::EPSILON);
        assert!(report.ranges.windows(2).all(|two| two[0].range.last == two[1].range.after));
        let hosts = report.by_host();
        assert_eq!(hosts.len(), nodes);
        assert!(hosts.iter().all(|(host, rows)| host.is_some() && *rows > 0));
        assert_eq!(hosts.iter().map(|(_, rows)| rows).sum::<u64>(), 700);
    }
}

#[tokio::test]
async fn only_rows_that_fit_are_counted() {
    let table = Table::new(1, 1, 300).await;
    let scan = table.scan().filter("value < 17").allow_filtering(true);
    assert_eq!(scan.count().await.expect("counted").total(), Some(17));
    let none = table.scan().filter("value < 0").allow_filtering(true);
    assert_eq!(none.count().await.expect("counted").total(), Some(0));
}

#[tokio::test]
async fn counts_that_take_too_long_are_cut_and_no_row_counts_twice() {
    let table = Table::new(1, 1, 500).await;
    table.cluster.faults().add(count().times(9), read_timeout());
    table.cluster.faults().add(count().after(5).times(3), Fault::DropAnswer);
    let report = table.scan().timeout(Duration::from_millis(400)).count().await.expect("counted");
    assert_eq!(report.total(), Some(500));
    assert!(report.splits >= 9, "{report:?}");
}

#[tokio::test]
async fn once_counting_was_too_slow_wide_pieces_are_cut_before_they_are_counted() {
    let table = Table::new(1, 1, 300).await;
    table.cluster.faults().add(count().times(1), read_timeout());
    let asked = table.cluster.watch(count());
    let report = table.scan().concurrency(1).count().await.expect("counted");
    assert_eq!((report.total(), report.splits), (Some(300), 1));
    assert_eq!(asked.count(), report.ranges.len() as u64 + 1, "each of them at once");
    let widths: Vec<u64> = report
        .ranges
        .iter()
        .filter_map(|range| match (&range.range.after, &range.range.last) {
            (Some(after), Some(last)) => {
                let number =
                    |token: &chorus::scan::AnyToken| token.to_string().parse::<i64>().expect("a number");
                Some(number(last).abs_diff(number(after)))
            }
            _ => None,
        })
        .collect();
    let widest = widths.iter().max().expect("some");
    assert!(*widest <= u64::MAX / 8 / 2 + 1, "{widest}");
}

#[tokio::test]
async fn a_count_that_fails_half_way_tells_what_is_known_and_no_total() {
    let table = Table::new(1, 1, 400).await;
    let busy = Fault::Error(DbError::Overloaded, "busy".into());
    table.cluster.faults().add(count().after(20), busy);
    let scan = table.scan().concurrency(2).patience(Duration::from_millis(200));
    let report = scan.count().await.expect("it began");
    assert!(matches!(&report.ending, CountEnding::Failed(error) if error.is_overloaded()), "{report:?}");
    assert!(report.total().is_none() && !report.is_complete());
    assert!(report.counted() <= 400 && report.ranges.len() <= 20 && report.share > 0.0 && report.share < 1.0);
    assert!(report.to_string().contains("at least"), "{report}");
}

#[tokio::test]
async fn a_count_can_be_stopped_and_tells_what_it_counted() {
    let table = Table::new(1, 1, 400).await;
    table.cluster.faults().add(count().after(10), Fault::DropRequest);
    let scan = table.scan().concurrency(2);
    let progress = scan.progress();
    let stop = async {
        eventually("ten pieces are counted", async || progress.pieces_done() == 10).await;
        progress.stop();
    };
    let (report, ()) = tokio::join!(scan.count(), stop);
    let report = report.expect("it began");
    assert!(matches!(report.ending, CountEnding::Stopped) && report.total().is_none());
    assert_eq!(report.counted(), progress.rows());
    assert_eq!(report.ranges.len(), 10);
}

#[tokio::test]
async fn the_largest_partitions_are_found_although_they_go_on_over_many_pages() {
    let table = Table::new(3, 1, 0).await;
    table
        .run("CREATE TABLE ks.readings (sensor text, day int, at int, PRIMARY KEY ((sensor, day), at))")
        .await;
    let insert = table.session.prepare("INSERT INTO ks.readings (sensor, day, at) VALUES (?, ?, ?)").await;
    let sizes = [("a", 1, 40), ("a", 2, 3), ("b", 1, 25), ("c", 1, 1), ("d", 9, 26)];
    let rows = sizes.iter().flat_map(|(sensor, day, rows)| (0..*rows).map(move |at| (*sensor, *day, at)));
    table.session.bulk(&insert.expect("prepared")).load(rows).await.expect("written");
    let busy = Fault::Error(DbError::Overloaded, "busy".into());
    table
        .cluster
        .faults()
        .add(Requests::containing("from ks.readings").after(20).with_probability(0.2), busy);
    for page_size in [1, 4, 5000] {
        let report = table.session.scan("ks", "readings").page_size(page_size).top_partitions(3).await;
        let report = report.expect("read");
        assert_eq!(
            (&report.key[..], report.is_complete()),
            (&["sensor".to_owned(), "day".to_owned()][..], true)
        );
        assert_eq!((report.partitions, report.rows), (5, 95));
        let largest: Vec<_> =
            report.largest.iter().map(|partition| (partition.key.clone(), partition.rows)).collect();
        let key = |sensor: &str, day| vec![CqlValue::Text(sensor.into()), CqlValue::Int(day)];
        assert_eq!(
            largest,
            [(key("a", 1), 40), (key("d", 9), 26), (key("b", 1), 25)],
            "pages of {page_size}"
        );
    }
    let none = table.session.scan("ks", "readings").top_partitions(0).await.expect("read");
    assert!(none.largest.is_empty() && none.partitions == 5);
}
