//! The schema as sessions know it, what it looks like as CQL, and where rows are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chorus::{ErrorKind, Host, SchemaScope, Session};
use chorus_node::{Fault, Requests};

use crate::stage::{NUMBERS, Stage};

/// What the embedded node supports of everything.
const RICH: &[&str] = &[
    "CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1} AND durable_writes = false",
    "CREATE TYPE shop.zone (name text, \"Since\" date)",
    "CREATE TYPE shop.address (street text, zone frozen<zone>, phones frozen<set<text>>)",
    "CREATE TABLE shop.\"Orders\" (\"Customer\" int, day date, at timestamp, n int, note text static, \"select\" decimal, \
     to_address frozen<address>, tags map<text, int>, near vector<float, 3>, PRIMARY KEY ((\"Customer\", day), at, n)) \
     WITH CLUSTERING ORDER BY (at DESC, n ASC) AND comment = 'it''s \"here\"' AND default_time_to_live = 60 \
     AND compaction = {'class': 'LeveledCompactionStrategy'}",
    "CREATE TABLE shop.hits (page text PRIMARY KEY, hits counter)",
    "CREATE TABLE shop.words (id int PRIMARY KEY, word text)",
    "CREATE INDEX by_word ON shop.words (word)",
];

#[tokio::test]
async fn a_keyspace_of_the_embedded_node_is_made_again_from_its_description() {
    let stage = Stage::new().await;
    for text in RICH {
        stage.run(text).await;
    }
    let first = stage.session.state().keyspace("shop").expect("known").clone();
    assert_eq!(first.all_problems().count(), 0);
    let statements = first.create_statements();
    assert_eq!(statements.len(), RICH.len());
    let script = first.describe();

    // The server describes it in the same words, but for the defaults of options, which it tells as null.
    let described = stage.session.query("DESCRIBE KEYSPACE shop", ()).await.expect("described");
    let theirs: Vec<String> = described
        .rows::<(String, String, String, String)>()
        .expect("four texts")
        .map(|row| row.expect("four texts").3)
        .collect();
    for statement in &statements {
        let (head, options) = statement.split_once(" WITH ").unwrap_or((statement, ""));
        let mate = theirs
            .iter()
            .find(|their| their.starts_with(head))
            .unwrap_or_else(|| panic!("{head}\n{theirs:#?}"));
        for option in options.split("\n    AND ") {
            assert!(mate.contains(option), "{option} is not in {mate}");
        }
    }

    stage.run("DROP KEYSPACE shop").await;
    assert!(stage.session.state().keyspace("shop").is_none());
    for text in &statements {
        stage.run(text).await;
    }
    assert_eq!(stage.session.state().keyspace("shop").expect("known").describe(), script);
    assert!(stage.session.state().describe_schema().contains(&script));
}

#[tokio::test]
async fn a_change_has_its_own_part_of_the_schema_read_and_nothing_else() {
    let stage = Stage::with(|builder| builder.event_windows(deaf())).await;
    stage.run(NUMBERS).await;
    let before = stage.cluster.requests(0);
    stage.run("ALTER TABLE numbers ADD note text").await;
    // The statement, two questions about versions, and at most one for each table that tells of tables.
    let asked = stage.cluster.requests(0) - before;
    assert!((4..=10).contains(&asked), "{asked} requests for one changed table");
    assert!(stage.session.state().table("ks", "numbers").is_some_and(|table| table.column("note").is_some()));
}

/// Events are not acted upon.
pub(crate) fn deaf() -> chorus::EventWindows {
    let mut windows = chorus::EventWindows::default();
    (windows.schema, windows.topology, windows.status) = (None, None, None);
    windows
}

#[tokio::test]
async fn a_statement_tells_the_replicas_of_its_values() {
    let stage = Stage::of(5).await;
    stage
        .run("ALTER KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}")
        .await;
    let state = stage.session.state();
    let insert = stage.insert().await;
    let ids = |hosts: &[Arc<Host>]| hosts.iter().map(|host| host.id).collect::<Vec<_>>();
    for id in 0..50 {
        let replicas = insert.replicas(&state, (id, 1)).expect("the values fit");
        assert_eq!(replicas.len(), 2, "{id}");
        let key = insert.routing_key((id, 1)).expect("the values fit").expect("the key is bound");
        assert_eq!(key, i32::to_be_bytes(id));
        assert_eq!(ids(&state.replicas("ks", "numbers", &key)), ids(&replicas));
        assert_eq!(ids(&insert.bind((id, 1)).expect("fits").replicas(&state).expect("fits")), ids(&replicas));
        // That is where it is sent.
        let result = stage.session.execute(&insert, (id, 1)).await.expect("written");
        assert!(replicas.iter().any(|host| host.index == result.host()), "{id}");
    }
    let select = stage.prepare("SELECT id FROM numbers WHERE value = ? ALLOW FILTERING").await;
    assert!(select.replicas(&state, (1,)).expect("fits").is_empty(), "the key is not bound");
    let error = insert.replicas(&state, (1,)).expect_err("a value is missing");
    assert_eq!(error.kind(), ErrorKind::Values);
}

#[tokio::test]
async fn replicas_of_a_composite_key_have_the_same_token_as_the_server_computes() {
    let stage = Stage::of(4).await;
    stage.run("CREATE TABLE pairs (a int, b text, v int, PRIMARY KEY ((a, b)))").await;
    let insert = stage.prepare("INSERT INTO pairs (v, b, a) VALUES (?, ?, ?)").await;
    stage.session.execute(&insert, (1, "x", 7)).await.expect("written");
    let told = stage.session.query("SELECT token(a, b) FROM pairs", ()).await.expect("read");
    let (token,) = told.single_row::<(i64,)>().expect("one row");
    let state = stage.session.state();
    let key = insert.routing_key((1, "x", 7)).expect("fits").expect("bound");
    assert_eq!(state.token(&key).map(|token| token.to_string()), Some(token.to_string()));
    assert_eq!(insert.routing_key((1, "x", None::<i32>)).expect("fits"), None);
}

#[tokio::test]
async fn the_schema_is_read_from_the_moment_it_is_wanted() {
    let stage = Stage::with(|builder| builder.fetch_schema(false)).await;
    stage.run(NUMBERS).await;
    assert!(stage.session.state().keyspaces.is_empty(), "not even what we changed ourselves");
    stage.session.refresh_schema_of(SchemaScope::keyspace("ks")).await.expect("read");
    assert_eq!(stage.session.state().keyspaces.len(), 1);
    stage.session.set_fetch_schema(true);
    eventually("all of it is read", || stage.session.state().keyspace("system").is_some()).await;
    stage.run("CREATE TABLE more (id int PRIMARY KEY)").await;
    assert!(stage.session.state().table("ks", "more").is_some());
    stage.session.set_fetch_schema(false);
    stage.run("CREATE TABLE unseen (id int PRIMARY KEY)").await;
    assert!(stage.session.state().table("ks", "unseen").is_none());
}

#[tokio::test]
async fn without_tokens_there_is_no_ring_until_they_are_wanted() {
    let stage = Stage::with(|builder| builder.fetch_tokens(false)).await;
    stage.run(NUMBERS).await;
    let insert = stage.insert().await;
    assert!(stage.session.state().ring().is_empty());
    assert!(insert.replicas(&stage.session.state(), (1, 1)).expect("fits").is_empty());
    stage.session.execute(&insert, (1, 1)).await.expect("it is written all the same");
    stage.session.set_fetch_tokens(true);
    eventually("the ring is known", || !stage.session.state().ring().is_empty()).await;
    assert_eq!(insert.replicas(&stage.session.state(), (1, 1)).expect("fits").len(), 1);
    stage.session.set_fetch_tokens(false);
    eventually("it is forgotten", || stage.session.state().ring().is_empty()).await;
}

#[tokio::test]
async fn f72_a_schema_change_that_not_all_hosts_know_returns_after_the_wait_and_says_so() {
    let limit = Duration::from_millis(300);
    let stage = Stage::with(|builder| builder.schema_agreement_timeout(limit)).await;
    // A question nobody answers is as good as one that is answered differently.
    let silence = stage.cluster.faults().add(Requests::containing("schema_version FROM"), Fault::DropAnswer);
    let began = std::time::Instant::now();
    let result = stage.session.query(NUMBERS, ()).await.expect("the change itself worked");
    assert!(!result.schema_agreed());
    // Not the ten seconds that are the default.
    assert!((limit..limit * 20).contains(&began.elapsed()), "{:?}", began.elapsed());
    let error = stage.session.refresh_schema().await.expect_err("nobody knows which schema to read");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    stage.cluster.faults().remove(silence);
    stage.session.refresh_schema().await.expect("they agree again");
    assert!(stage.session.state().table("ks", "numbers").is_some());
}

#[tokio::test]
async fn f75_requests_to_a_keyspace_that_is_dropped_fail_and_others_go_on() {
    let stage = Stage::of(3).await;
    stage
        .run("CREATE KEYSPACE gone WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 2}")
        .await;
    stage.run("CREATE TABLE gone.t (id int PRIMARY KEY, v int)").await;
    let doomed = stage.prepare("INSERT INTO gone.t (id, v) VALUES (?, ?)").await.idempotent(true);
    let insert = stage.insert().await;
    let (session, statement) = (stage.session.clone(), doomed.clone());
    let written = stage.cluster.watch(Requests::containing("into gone.t"));
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    let writer = tokio::spawn(async move {
        let mut outcomes = Vec::new();
        for id in 0.. {
            outcomes.push(session.execute(&statement, (id, 1)).await.map(drop));
            if over.load(Ordering::Relaxed) && outcomes.last().is_some_and(Result::is_err) {
                break;
            }
            tokio::task::yield_now().await;
        }
        outcomes
    });
    eventually("some are written", || written.count() > 20).await;
    stage.run("DROP KEYSPACE gone").await;
    // Some more after those that were under way.
    let before = written.count();
    eventually("others are sent", || written.count() > before + 20).await;
    is_over.store(true, Ordering::Relaxed);
    let outcomes = writer.await.expect("nothing panics");
    let failures: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(
        !failures.is_empty() && failures.iter().all(|error| error.kind() == ErrorKind::Db),
        "{failures:?}"
    );
    let state = stage.session.state();
    assert!(doomed.replicas(&state, (1, 1)).expect("fits").is_empty(), "it is routed by nothing any more");
    stage.session.execute(&insert, (1, 1)).await.expect("another keyspace");
    // Made again it is the old one's equal, and statements find it again.
    stage
        .run("CREATE KEYSPACE gone WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        .await;
    stage.run("CREATE TABLE gone.t (id int PRIMARY KEY, v int)").await;
    stage.session.execute(&doomed, (1, 1)).await.expect("written");
    assert_eq!(doomed.replicas(&stage.session.state(), (1, 1)).expect("fits").len(), 1);
}

/// Waits until `holds` does, for far longer than anything takes.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(tokio::time::Instant::now() < patience, "not within thirty seconds: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn schema_agreement_is_asked_of_every_host_in_scope() {
    use chorus::AgreementScope;
    let stage = Stage::of(3).await;
    let patience = Duration::from_secs(30);
    let ask = |session: Session, scope, limit| async move {
        session.await_schema_agreement_among(scope, limit).await
    };
    let all = ask(stage.session.clone(), AgreementScope::Cluster, patience).await.expect("asked");
    let near = ask(stage.session.clone(), AgreementScope::Datacenter, patience).await.expect("asked");
    assert!(all.is_some() && all == near);
    // The default policy prefers no rack, so there is nobody in it.
    let none =
        ask(stage.session.clone(), AgreementScope::Rack, Duration::from_millis(100)).await.expect("asked");
    assert_eq!(none, None);
    let error = ask(stage.session.clone(), AgreementScope::Cluster, Duration::ZERO)
        .await
        .expect_err("no time at all");
    assert_eq!(error.kind(), ErrorKind::Usage);

    // One host that does not answer is enough to disagree; one that is down does not count.
    let silent = Requests::containing("schema_version FROM").on_node(2);
    let silence = stage.cluster.faults().add(silent, Fault::DropAnswer);
    let limit = Duration::from_millis(200);
    assert_eq!(ask(stage.session.clone(), AgreementScope::Cluster, limit).await.expect("asked"), None);
    stage.cluster.stop_node(2);
    let state = || stage.session.state();
    eventually("it is down", || state().hosts.iter().filter(|host| state().is_up(host)).count() == 2).await;
    assert_eq!(ask(stage.session.clone(), AgreementScope::Cluster, patience).await.expect("asked"), all);
    stage.cluster.faults().remove(silence);

    stage.session.shutdown(patience).await;
    let error =
        ask(stage.session.clone(), AgreementScope::Cluster, patience).await.expect_err("it has ended");
    assert_eq!(error.kind(), ErrorKind::SessionClosed);
}
