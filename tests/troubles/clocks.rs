//! Clocks that jump, stand still and go back.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chorus::{ErrorKind, MonotonicTimestampGenerator, SystemClock, WallClock};
use chorus_node::{Fault, Requests};

use crate::stage::Stage;

/// Shows what a test has it show.
#[derive(Clone, Debug)]
struct SetClock(Arc<AtomicI64>);

impl WallClock for SetClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn f76_write_timestamps_increase_whatever_the_clock_does() {
    let clock = SetClock(Arc::new(AtomicI64::new(SystemClock.now())));
    let generator = Arc::new(MonotonicTimestampGenerator::following(clock.clone()));
    let stage = Stage::with(1, |builder| builder.timestamp_generator(generator)).await;
    let insert = stage.prepare("INSERT INTO ks.numbers (id, value) VALUES (1, ?)").await;
    let select = stage.prepare("SELECT value, writetime(value) FROM ks.numbers WHERE id = 1").await;
    let hour = 3_600_000_000;
    let mut last = 0;
    for (round, step) in
        [0, -hour, 0, 0, hour, -3 * hour, 1, -1, 24 * hour, -24 * hour].into_iter().enumerate()
    {
        clock.0.fetch_add(step, Ordering::Relaxed);
        for n in 0..5 {
            let value = round as i32 * 10 + n;
            stage.session.execute(&insert, (value,)).await.expect("written");
            let row = stage.session.execute(&select, ()).await.expect("read");
            let (read, written) = row.single_row::<(i32, i64)>().expect("one row");
            assert_eq!(read, value, "the later write wins");
            assert!(written > last, "{written} after {last}");
            last = written;
        }
        // Rows of a bulk insert take theirs from a reservation.
        let rows = (0..20).map(|n| (round as i32 * 10 + n,));
        stage.session.bulk(&insert).concurrency(1).load(rows).await.expect("written");
        let row = stage.session.execute(&select, ()).await.expect("read");
        let (read, written) = row.single_row::<(i32, i64)>().expect("one row");
        assert_eq!(read, round as i32 * 10 + 19);
        assert!(written > last, "{written} after {last}");
        last = written;
    }
}

#[tokio::test]
async fn f77_timers_after_a_suspended_machine_fire_once_and_no_host_is_dialled_again() {
    let stage = Stage::of(3).await;
    let insert = stage.prepare("INSERT INTO ks.numbers (id, value) VALUES (?, ?)").await;
    let accepted = || (0..3).map(|node| stage.cluster.accepted(node)).collect::<Vec<_>>();
    let before = accepted();
    for _ in 0..3 {
        let rule = stage.cluster.faults().add(Requests::containing("numbers"), Fault::DropRequest);
        let began = Instant::now();
        let calls = futures::future::join_all((0..20).map(|id| stage.session.execute(&insert, (id, id))));
        let sleep = async {
            while stage.cluster.faults().fired(rule) < Some(20) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(3600)).await;
            tokio::time::resume();
        };
        let (outcomes, ()) = tokio::join!(calls, sleep);
        assert!(began.elapsed() < Duration::from_secs(5), "an hour has passed, not ten seconds more");
        for outcome in outcomes {
            assert_eq!(outcome.expect_err("its time has passed").kind(), ErrorKind::Timeout);
        }
        assert_eq!(stage.cluster.faults().remove(rule), Some(20), "nothing was sent twice");
        // The heartbeats of an hour are one heartbeat, and it is answered.
        tokio::time::sleep(Duration::from_millis(300)).await;
        stage.session.execute(&insert, (1, 1)).await.expect("served");
    }
    assert_eq!(accepted(), before, "no connection was given up");
    let metrics = stage.session.metrics().await.expect("metrics");
    assert_eq!(
        (metrics.in_flight, metrics.traffic.timeouts),
        (60, 60),
        "each timed out once, and its stream id is kept"
    );
    let heartbeats = metrics.traffic.heartbeats;
    assert!(heartbeats <= 3 * 2 * metrics.connections, "{heartbeats} heartbeats for three jumps");
}
