//! Holds the tables against the ledger.

use std::collections::BTreeMap;

use chorus::{Error, Session};
use futures::TryStreamExt;

use crate::ledger::{Books, Claim, Fate, Increments, Register, marker};
use crate::report::Findings;

/// Reads everything that was written, and says where it is not as it was reported.
pub(crate) async fn verify(
    session: &Session,
    books: &Books,
    seed: u64,
    findings: &Findings,
) -> Result<(), Error> {
    let log = rows(session, "sim.log").await?;
    let pair = rows(session, "sim.pair").await?;
    for (table, found) in [("log", &log), ("pair", &pair)] {
        for (id, value) in found {
            findings.unless(*value == marker(seed, *id), || format!("row {id} of {table} is {value}"));
            findings.unless(books.rows.contains_key(id), || format!("row {id} of {table} was never written"));
        }
    }
    for (id, (fate, paired)) in &books.rows {
        let there = log.contains_key(id);
        findings.unless(fate.allows(usize::from(there)), || {
            format!("row {id} was reported as {fate:?}, and it is {}there", if there { "" } else { "not " })
        });
        let other = *paired && there;
        findings.unless(pair.contains_key(id) == other, || format!("half of batch {id} is there"));
    }
    registers(session, &books.registers, findings).await?;
    counters(session, &books.counters, findings).await?;
    lists(session, &books.items, findings).await?;
    claims(session, &books.claims, findings).await
}

async fn rows(session: &Session, table: &str) -> Result<BTreeMap<i64, String>, Error> {
    let pages = session.query_iter(format!("SELECT id, value FROM {table}"), ()).await?;
    pages.rows::<(i64, String)>()?.try_collect().await
}

async fn registers(
    session: &Session,
    known: &BTreeMap<i64, Register>,
    findings: &Findings,
) -> Result<(), Error> {
    let pages = session.query_iter("SELECT id, value FROM sim.register", ()).await?;
    let found: BTreeMap<i64, i64> = pages.rows::<(i64, i64)>()?.try_collect().await?;
    for (id, Register { possible }) in known {
        let value = found.get(id).copied();
        findings.unless(possible.contains(&value), || {
            format!("register {id} is {value:?} at the end, and may be one of {possible:?}")
        });
    }
    Ok(())
}

async fn counters(
    session: &Session,
    known: &BTreeMap<i32, Increments>,
    findings: &Findings,
) -> Result<(), Error> {
    let pages = session.query_iter("SELECT id, n FROM ring.counter", ()).await?;
    let found: BTreeMap<i32, i64> = pages.rows::<(i32, i64)>()?.try_collect().await?;
    for (id, Increments { done, unknown }) in known {
        let count = found.get(id).copied().unwrap_or_default();
        findings.unless((*done..=done + unknown).contains(&count), || {
            format!("counter {id} is {count} after {done} increments and {unknown} nobody knows of")
        });
    }
    Ok(())
}

async fn lists(
    session: &Session,
    known: &BTreeMap<i32, BTreeMap<i64, Fate>>,
    findings: &Findings,
) -> Result<(), Error> {
    let pages = session.query_iter("SELECT id, items FROM sim.list", ()).await?;
    let found: BTreeMap<i32, Vec<i64>> = pages.rows::<(i32, Vec<i64>)>()?.try_collect().await?;
    for (id, items) in known {
        let list = found.get(id).map_or(&[][..], Vec::as_slice);
        for (item, fate) in items {
            let times = list.iter().filter(|found| *found == item).count();
            findings.unless(fate.allows(times), || {
                format!("item {item} is {times} times in list {id}, and was reported as {fate:?}")
            });
        }
        findings.unless(list.iter().all(|item| items.contains_key(item)), || {
            format!("list {id} has strange items")
        });
    }
    Ok(())
}

async fn claims(session: &Session, known: &BTreeMap<i64, Claim>, findings: &Findings) -> Result<(), Error> {
    let pages = session.query_iter("SELECT id, owner FROM ring.claim", ()).await?;
    let found: BTreeMap<i64, i64> = pages.rows::<(i64, i64)>()?.try_collect().await?;
    for (id, Claim { owner, unknown }) in known {
        let now = found.get(id).copied();
        let right = match (owner, now) {
            (Some(owner), now) => now == Some(*owner),
            (None, Some(now)) => unknown.contains(&now),
            (None, None) => true,
        };
        findings.unless(right, || format!("claim {id} is {now:?}'s; told {owner:?}, unknown {unknown:?}"));
    }
    Ok(())
}
