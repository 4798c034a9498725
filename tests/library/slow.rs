//! The log of slow requests.

use std::time::{Duration, Instant};

use chorus::{Batch, DbError, ErrorKind, Session, SlowRequestLog};
use chorus_node::{Fault, Requests};

use crate::recorder::{Fields, Recorder};
use crate::stage::{Stage, eventually};

const LONG: Duration = Duration::from_secs(30);
const SECRET: &str = "canary-93b0";

async fn stage(log: SlowRequestLog) -> Stage {
    let stage = Stage::with(|builder| builder.slow_requests(log)).await;
    stage.run("CREATE TABLE ks.people (name text PRIMARY KEY, age int)").await;
    stage
}

fn lines(recorder: &Recorder) -> Vec<Fields> {
    recorder
        .take()
        .events
        .into_iter()
        .filter(|event| event.target == "chorus::slow")
        .map(|event| event.fields)
        .collect()
}

#[tokio::test]
async fn a_slow_request_is_logged_with_where_and_how_and_without_what_was_bound() {
    let stage = stage(SlowRequestLog::over(Duration::from_millis(40))).await;
    let insert = stage.prepare("INSERT INTO people (name, age) VALUES (?, 42)").await;
    let (recorder, _listening) = Recorder::listen();
    loop {
        let began = Instant::now();
        stage.session.execute(&insert, (SECRET,)).await.expect("written");
        let (took, lines) = (began.elapsed(), lines(&recorder));
        // One that was held up by the machine is a slow one.
        if took < Duration::from_millis(40) {
            break assert!(lines.is_empty(), "{lines:#?} after {took:?}");
        }
    }
    let late = Fault::Delay(Duration::from_millis(60));
    stage.cluster.faults().add(Requests::containing("people").times(1), late);
    stage.session.execute(&insert, (SECRET,)).await.expect("slow");
    let lines = lines(&recorder);
    let [line] = lines.as_slice() else { panic!("{lines:#?}") };
    let took: f64 = line["took_ms"].parse().expect("a number");
    assert!((40.0..5_000.0).contains(&took));
    assert_eq!(line["message"], "a request was slow");
    assert_eq!(line["text"], "INSERT INTO people (name, age) VALUES (?, ?)");
    assert_eq!((line["keyspace"].as_str(), line["consistency"].as_str()), ("ks", "LOCAL_ONE"));
    assert_eq!(line["host"], stage.cluster.address(0).to_string());
    assert_eq!(line["datacenter"], &*stage.session.state().hosts[0].datacenter);
    assert_eq!((line["retries"].as_str(), line["left_out"].as_str()), ("0", "0"));
    // The stages are all there is: most of it was the server's.
    let stage_of = |name: &str| line[name].parse::<f64>().expect("a number");
    assert!(stage_of("answered_ms") >= 40.0, "{line:?}");
    let sum = stage_of("until_attempt_ms") + stage_of("queued_ms") + stage_of("answered_ms");
    assert!((sum - took).abs() < 0.01, "{sum} of {took}");
    for absent in ["values", "error", "said", "attempts", "speculative"] {
        assert!(!line.contains_key(absent), "{line:?}");
    }
    assert!(!format!("{line:?}").contains(SECRET));
}

#[tokio::test]
async fn values_are_shown_when_asked_for_and_cut() {
    let stage = stage(SlowRequestLog::over(Duration::ZERO).show_values(true).longest_text(20)).await;
    let insert = stage.prepare("INSERT INTO people (name, age) VALUES (?, ?)").await;
    let (recorder, _listening) = Recorder::listen();
    let values = || {
        let lines = lines(&recorder);
        let [line] = lines.as_slice() else { panic!("{lines:#?}") };
        (line["text"].clone(), line.get("values").cloned())
    };
    stage.session.execute(&insert, (SECRET, None::<i32>)).await.expect("written");
    let shown = format!("name = '{SECRET}', age = NULL");
    assert_eq!(values(), ("INSERT INTO people (…".to_owned(), Some(shown)));
    let long = "x".repeat(10_000);
    stage.session.execute(&insert, (long.as_str(), 7)).await.expect("written");
    assert_eq!(values().1, Some(format!("name = '{}…, age = 7", "x".repeat(63))));
    let mut batch = Batch::unlogged();
    for n in 0..40 {
        batch.bind(&insert, (n.to_string(), n)).expect("fits");
    }
    stage.session.batch(&batch).await.expect("written");
    let all = values().1.expect("bound");
    assert_eq!((all.matches(" = ").count(), all.ends_with(", …")), (32, true), "{all}");
    // Text has its literals.
    stage.session.query("SELECT age FROM people WHERE name = 'a'", ()).await.expect("read");
    assert_eq!(values(), ("SELECT age FROM peop…".to_owned(), None));
    // Items of concurrent work.
    stage.session.execute_concurrent_with_args(&insert, [("a", 1)]).run().await.expect("written");
    assert_eq!(values().1.as_deref(), Some("name = 'a', age = 1"));
}

#[tokio::test]
async fn a_request_that_fails_slowly_is_logged_with_its_attempts_and_not_in_the_servers_words() {
    let stage =
        Stage::of_with(2, |builder| builder.slow_requests(SlowRequestLog::over(Duration::from_millis(40))))
            .await;
    let insert = stage.insert().await.idempotent(true).timeout(LONG);
    let busy = Fault::Error(DbError::Overloaded, SECRET.into());
    stage.cluster.faults().add(Requests::containing("numbers").times(1), busy);
    stage.cluster.faults().add(Requests::containing("numbers"), Fault::DropAnswer);
    let sent = stage.cluster.watch(Requests::containing("numbers"));
    let (recorder, _listening) = Recorder::listen();
    let (outcome, ()) = tokio::join!(stage.session.execute(&insert, (1, 1)), async {
        eventually("it is sent again", async || sent.count() == 2).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        // And then its time has passed.
        tokio::time::pause();
        tokio::time::advance(LONG).await;
        tokio::time::resume();
    });
    let error = outcome.expect_err("not answered");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let lines = lines(&recorder);
    let [line] = lines.as_slice() else { panic!("{lines:#?}") };
    assert_eq!((line["error"].as_str(), line["retries"].as_str()), ("timeout", "1"));
    assert!(line["attempts"].contains(" ms: 4097") && line["attempts"].starts_with("127.0.0."), "{line:?}");
    assert!(!format!("{line:?}").contains(SECRET), "{line:?}");
}

#[tokio::test]
async fn only_some_slow_requests_get_a_line_and_the_others_are_counted() {
    let stage = stage(SlowRequestLog::over(Duration::ZERO).one_in(4).lines_a_second(1_000)).await;
    let (recorder, listening) = Recorder::listen();
    for _ in 0..12 {
        stage.session.query("SELECT age FROM people", ()).await.expect("read");
    }
    let left_out: Vec<_> = lines(&recorder).into_iter().map(|line| line["left_out"].clone()).collect();
    assert_eq!(left_out.len(), 3, "{left_out:?}");
    assert_eq!(left_out[1..], ["3", "3"]);
    drop(listening);

    let log = SlowRequestLog::over(Duration::ZERO).lines_a_second(2);
    let builder = Session::builder().contact_points(stage.cluster.addresses()).slow_requests(log);
    let session = builder.connect().await.expect("connects");
    let (recorder, _listening) = Recorder::listen();
    for _ in 0..100 {
        session.query("SELECT age FROM ks.people", ()).await.expect("read");
    }
    let lines = lines(&recorder).len();
    assert!((2..=20).contains(&lines), "a hundred requests gave {lines} lines");
}

#[tokio::test]
async fn a_log_that_would_never_log_is_refused() {
    for log in [
        SlowRequestLog::over(Duration::ZERO).one_in(0),
        SlowRequestLog::over(Duration::ZERO).lines_a_second(0),
    ] {
        let builder = Session::builder().contact_point("127.0.0.1:1").slow_requests(log);
        assert_eq!(builder.connect().await.expect_err("silent").kind(), ErrorKind::Config);
    }
}
