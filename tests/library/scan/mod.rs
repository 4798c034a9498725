//! Whole tables, read by token ranges.

mod counts;
mod faults;
mod reads;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chorus::policy::{ExponentialReconnection, TokenAware};
use chorus::scan::{Scan, ScanRange, TableScan};
use chorus::{Error, Session};
use chorus_node::{EmbeddedCluster, EmbeddedClusterBuilder};

use crate::stage::NUMBERS;

/// What a scan sends, and nothing else does.
const SCAN: &str = "from ks.numbers where token";

/// A cluster with the table `ks.numbers`, in which ids are their own values.
struct Table {
    cluster: EmbeddedCluster,
    session: Session,
    rows: i32,
}

impl Table {
    async fn new(nodes: usize, replicas: usize, rows: i32) -> Self {
        Self::of(EmbeddedCluster::builder().nodes(nodes), &simple(replicas), rows).await
    }

    async fn of(cluster: EmbeddedClusterBuilder, keyspace: &str, rows: i32) -> Self {
        let cluster = cluster.start().expect("the nodes start");
        let often = ExponentialReconnection::new(Duration::from_millis(10), Duration::from_millis(80));
        let often = often.expect("the first is the shorter");
        let builder = Session::builder()
            .contact_point(cluster.address(0))
            .port(cluster.address(0).port())
            .reconnection(Arc::new(often))
            // Each replica has its turn, however slow the machine makes it.
            .load_balancing(Arc::new(TokenAware::default().slow_hosts(None)))
            .wait_for_all_hosts(true);
        let session = builder.connect().await.expect("the nodes are reachable");
        let table = Self { cluster, session, rows };
        table.run(keyspace).await;
        table.run(NUMBERS).await;
        table.write(0..rows).await;
        table
    }

    async fn run(&self, cql: &str) {
        self.session.query(cql, ()).await.unwrap_or_else(|error| panic!("{cql}: {error}"));
    }

    async fn write(&self, ids: std::ops::Range<i32>) {
        let insert = self.session.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").await;
        let rows = ids.map(|id| (id, id));
        self.session.bulk(&insert.expect("prepared")).load(rows).await.expect("written");
    }

    fn scan(&self) -> Scan {
        self.session.scan("ks", "numbers")
    }

    /// Fails unless these are the rows of the table, each of them once.
    #[track_caller]
    fn has(&self, read: &Read) {
        assert_eq!(read.ids(), (0..self.rows).collect::<Vec<_>>());
    }
}

fn simple(replicas: usize) -> String {
    format!(
        "CREATE KEYSPACE ks WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': {replicas}}}"
    )
}

/// What has been read of `numbers`.
#[derive(Default)]
struct Read {
    rows: Vec<(i32, i32)>,
    /// The pieces that were read to their end.
    whole: HashMap<u32, ScanRange>,
}

impl Read {
    async fn all(scan: Scan) -> Result<Self, Error> {
        let mut scan = scan.open().await?;
        let mut read = Self::default();
        read.rest(&mut scan).await?;
        Ok(read)
    }

    /// Reads on to the end.
    async fn rest(&mut self, scan: &mut TableScan) -> Result<(), Error> {
        while self.page(scan).await? {}
        assert!(scan.is_complete());
        let progress = scan.progress();
        assert!((progress.share() - 1.0).abs() < f64::EPSILON, "{progress:?}");
        assert_eq!((progress.pieces_done(), progress.in_flight()), (progress.pieces(), 0));
        assert_eq!(progress.rows(), self.rows.len() as u64);
        let mut ranges: Vec<&ScanRange> = self.whole.values().collect();
        ranges.sort_by(|one, two| one.after.cmp(&two.after));
        assert_eq!((&ranges[0].after, &ranges[ranges.len() - 1].last), (&None, &None));
        for two in ranges.windows(2) {
            assert_eq!(two[0].last, two[1].after, "pieces follow each other");
        }
        Ok(())
    }

    /// Reads one page more; false when there is none.
    async fn page(&mut self, scan: &mut TableScan) -> Result<bool, Error> {
        let Some(page) = scan.next_page().await? else { return Ok(false) };
        assert!(!self.whole.contains_key(&page.piece()), "nothing follows the last page of a piece");
        for row in page.rows::<(i32, i32)>()? {
            let (id, value) = row?;
            assert_eq!(id % 1_000_000, value);
            self.rows.push((id, value));
        }
        if page.is_last() {
            self.whole.insert(page.piece(), page.range().clone());
        }
        Ok(true)
    }

    fn ids(&self) -> Vec<i32> {
        let mut ids: Vec<i32> = self.rows.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }
}
