//! The largest partitions of a table.
//!
//! Rows of one partition come one after the other, on one page or on several of one piece. It is enough to read the partition key
//! and count equal neighbours.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Instant;

use chorus_protocol::{ColumnSpec, CqlValue, FromCql, RowView};

use super::count::ending_of;
use super::page::ScanPage;
use super::{CountEnding, PartitionCount, PartitionReport, Scan};
use crate::error::Error;

impl Scan {
    /// Finds the `most` partitions with the most rows. Reads the partition key of every row, and nothing else of it; filters count.
    ///
    /// When it cannot go on, or is [stopped](super::ScanProgress::stop), it reports the largest partitions so far.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open): when reading could not begin.
    pub async fn top_partitions(self, most: usize) -> Result<PartitionReport, Error> {
        let began = Instant::now();
        let table = self.known_table().await?;
        let key: Vec<String> = table.partition_key().iter().map(|column| column.name.to_string()).collect();
        let selected = super::text::selected(key.iter().map(String::as_str), &[]);
        let mut scan = self.begin(&table, selected, false).await?;
        let mut found = Found { most, ..Found::default() };
        let ending = loop {
            match scan.next_page().await {
                Ok(Some(page)) => found.read(&page)?,
                Ok(None) => break CountEnding::Complete,
                Err(error) => break ending_of(&scan, error),
            }
        };
        // Those that were being read have at least as many rows as were seen.
        for (_, partition) in std::mem::take(&mut found.current) {
            found.finish(partition);
        }
        let progress = scan.progress();
        let mut largest: Vec<_> = found.largest.into_iter().map(|Reverse(partition)| partition).collect();
        largest.sort_by(|one, two| two.cmp(one));
        let decode =
            |(rows, bytes): (u64, Vec<u8>)| Ok(PartitionCount { key: values(scan.columns(), &bytes)?, rows });
        Ok(PartitionReport {
            table: scan.table_text().to_owned(),
            key,
            largest: largest.into_iter().map(decode).collect::<Result<_, Error>>()?,
            partitions: found.partitions,
            rows: found.rows,
            ending,
            share: progress.share(),
            retries: progress.retries(),
            elapsed: began.elapsed(),
        })
    }
}

/// What was seen so far. Keys are the cells of their columns one after the other, each behind its length.
#[derive(Default)]
struct Found {
    most: usize,
    largest: BinaryHeap<Reverse<(u64, Vec<u8>)>>,
    partitions: u64,
    rows: u64,
    /// The partition that each piece under way is in.
    current: HashMap<u32, (u64, Vec<u8>)>,
}

impl Found {
    fn read(&mut self, page: &ScanPage) -> Result<(), Error> {
        let mut current = self.current.remove(&page.piece());
        let columns = page.result().columns().len();
        let mut key = Vec::new();
        for row in page.rows::<RowView<'_>>()? {
            let row = row?;
            key.clear();
            for column in 0..columns {
                let cell = row.cell(column).map_err(Error::rows)?.unwrap_or_default();
                key.extend_from_slice(&(cell.len() as u32).to_be_bytes());
                key.extend_from_slice(cell);
            }
            self.rows += 1;
            match &mut current {
                Some((rows, known)) if *known == key => *rows += 1,
                _ => {
                    let before = current.replace((1, key.clone()));
                    before.into_iter().for_each(|partition| self.finish(partition));
                }
            }
        }
        match current {
            Some(partition) if page.is_last() => self.finish(partition),
            Some(partition) => {
                self.current.insert(page.piece(), partition);
            }
            None => {}
        }
        Ok(())
    }

    fn finish(&mut self, partition: (u64, Vec<u8>)) {
        self.partitions += 1;
        if self.largest.len() < self.most {
            self.largest.push(Reverse(partition));
        } else if let Some(mut least) = self.largest.peek_mut()
            && partition > least.0
        {
            least.0 = partition;
        }
    }
}

/// A key as values.
fn values(columns: &[ColumnSpec], mut bytes: &[u8]) -> Result<Vec<CqlValue>, Error> {
    let mut values = Vec::with_capacity(columns.len());
    for column in columns {
        let (length, rest) = bytes.split_first_chunk::<4>().expect("each cell has its length");
        let (cell, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        values.push(CqlValue::from_cql(&column.typ, Some(cell)).map_err(Error::rows)?);
        bytes = rest;
    }
    Ok(values)
}
