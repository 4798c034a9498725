//! The schema of a real Apache Cassandra: read, described, made again.

mod rich;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chorus::schema::{CompactStorage, IndexKind, Keyspace, SchemaScope};
use chorus::{ClusterEvent, Session, SessionBuilder};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn server() -> SessionBuilder {
    let address =
        std::env::var("CHORUS_CASSANDRA").expect("CHORUS_CASSANDRA is the HOST:PORT of a Cassandra");
    Session::builder().contact_point(address).request_timeout(Duration::from_secs(60))
}

async fn run(session: &Session, statements: impl IntoIterator<Item = String>) {
    for text in statements {
        session.query(text.as_str(), ()).await.unwrap_or_else(|error| panic!("{text}\n{error}"));
    }
}

async fn drop_keyspace(session: &Session, keyspace: &str) -> Outcome {
    session.query(format!("DROP KEYSPACE IF EXISTS {keyspace}"), ()).await?;
    Ok(())
}

fn known(session: &Session, keyspace: &str) -> Arc<Keyspace> {
    session.state().keyspace(keyspace).expect("the keyspace is known").clone()
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn what_is_described_makes_the_same_keyspace_again() -> Outcome {
    let session = server().connect().await?;
    drop_keyspace(&session, rich::KEYSPACE).await?;
    run(&session, rich::statements(rich::KEYSPACE)).await;
    let first = known(&session, rich::KEYSPACE);
    assert_eq!(first.all_problems().collect::<Vec<_>>(), Vec::<&chorus::schema::Warning>::new());
    let statements = first.create_statements();
    assert_eq!(first.describe(), format!("{};", statements.join(";\n\n")), "nothing is left to comments");
    assert_as_the_server_describes(&session, &first).await?;

    // Read as a whole, nothing is different from what was read part by part after each statement.
    session.refresh_schema().await?;
    assert_eq!(first, known(&session, rich::KEYSPACE));

    drop_keyspace(&session, rich::KEYSPACE).await?;
    assert!(session.state().keyspace(rich::KEYSPACE).is_none());
    run(&session, statements).await;
    let second = known(&session, rich::KEYSPACE);
    assert_eq!(second.describe(), first.describe());
    assert_same_but_for_ids(&first, &second);
    drop_keyspace(&session, rich::KEYSPACE).await
}

/// Everything told of the two is equal, but the identities of tables.
fn assert_same_but_for_ids(first: &Keyspace, second: &Keyspace) {
    let without_ids = |keyspace: &Keyspace| {
        let mut keyspace = keyspace.clone();
        keyspace.tables.values_mut().for_each(|table| Arc::make_mut(table).id = None);
        keyspace.views.values_mut().for_each(|view| Arc::make_mut(view).table.id = None);
        keyspace
    };
    assert_eq!(without_ids(first), without_ids(second));
}

/// Lines that the server describes tables with and we do not: options it tells as null, and one it does not take back.
const NOT_OURS: [&str; 5] = [
    "allow_auto_snapshot = true",
    "cdc = false",
    "extensions = {}",
    "incremental_backups = true",
    "memtable = 'default'",
];

/// Compares each object with the words of DESCRIBE.
async fn assert_as_the_server_describes(session: &Session, keyspace: &Keyspace) -> Outcome {
    let described = session.query(format!("DESCRIBE KEYSPACE {}", keyspace.name), ()).await?;
    let mut theirs: BTreeSet<String> = BTreeSet::new();
    for row in described.rows::<(String, String, String, String)>()? {
        theirs.insert(without_defaults(uncommented(&row?.3)));
    }
    let ours: BTreeSet<String> =
        keyspace.create_statements().iter().map(|text| without_defaults(&format!("{text};"))).collect();
    // Only we tell of triggers, of functions whose body has dollars, and of these tables as they can be made.
    const OURS_ALONE: [&str; 4] = ["CREATE TRIGGER", "dollars", "compact_counter (", "compact_static (\n"];
    let is_ours_alone = |text: &&String| OURS_ALONE.iter().any(|part| text.contains(part));
    let more: Vec<_> = ours.difference(&theirs).filter(|text| !is_ours_alone(text)).collect();
    let less: Vec<_> = theirs.difference(&ours).filter(|text| !is_ours_alone(text)).collect();
    assert!(more.is_empty() && less.is_empty(), "only ours: {more:#?}\nonly theirs: {less:#?}");
    Ok(())
}

/// The server puts compact tables into a comment, and tells the hidden clustering column of some.
fn uncommented(text: &str) -> &str {
    match text.split_once("CREATE TABLE") {
        Some((before, _)) => text[before.len()..].trim_end_matches("*/").trim_end(),
        None => text,
    }
}

/// The lines in an order of their own, with the WITH clause as lines among others.
fn without_defaults(text: &str) -> String {
    // The same number, as Java and as Rust write it.
    let text = text
        .replace("8.0E-5", "8e-5")
        .trim_end_matches(';')
        .replace(" WITH ", "\n    AND ")
        .replace("\n    AND CLUSTERING ORDER BY (column1 ASC)", "");
    let (head, options) = match text.split_once("\n    AND ") {
        Some((head, options)) => (head.to_owned(), options.to_owned()),
        None => (text, String::new()),
    };
    let mut options: Vec<&str> = options
        .split("\n    AND ")
        .filter(|option| !option.is_empty() && !NOT_OURS.contains(option))
        .collect();
    options.sort_unstable();
    format!("{head}\n{}", options.join("\n"))
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn every_object_is_known_with_its_details() -> Outcome {
    let session = server().connect().await?;
    let name = "chorus_details";
    drop_keyspace(&session, name).await?;
    run(&session, rich::statements(name)).await;
    let keyspace = known(&session, name);
    assert!(!keyspace.durable_writes && !keyspace.is_virtual);
    let types: Vec<&str> = keyspace.user_types.keys().map(|name| &**name).collect();
    assert_eq!(types, ["Odd Type", "address", "zone"]);
    let mixed = &keyspace.tables["MixedCase"];
    let columns: Vec<&str> = mixed.columns.iter().map(|column| &*column.name).collect();
    let selected = session.query(format!("SELECT * FROM {name}.\"MixedCase\""), ()).await?;
    let listed: Vec<&str> = selected.columns().iter().map(|column| &*column.name).collect();
    assert_eq!(columns, listed, "columns come in the order in which the server lists them");
    assert_eq!(mixed.options.default_time_to_live(), Some(Duration::from_secs(3600)));
    assert_eq!(mixed.options.compaction()["sstable_size_in_mb"], "64");
    assert_eq!(mixed.options.bloom_filter_fp_chance(), Some(0.00008));
    assert_eq!(mixed.views[..], ["mixed_by_c1".into()]);
    assert!(mixed.column("w").is_some_and(|column| column.is_multi_cell()));
    assert!(mixed.column("v").is_some_and(|column| !column.is_multi_cell()));
    assert!(keyspace.tables["plain"].id.is_some() && keyspace.tables["plain"].column("v").is_none());
    let trigger = &keyspace.tables["plain"].triggers["OnWrite"];
    assert_eq!(trigger.class_name.as_deref(), Some("chorus.DoNothing"));
    let near = keyspace.index("docs_near").expect("the index is known").1;
    assert_eq!((&near.kind, near.class_name.as_deref()), (&IndexKind::Custom, Some("StorageAttachedIndex")));
    assert_eq!(keyspace.tables["compact_dense"].compact_storage, Some(CompactStorage::Dense));
    assert_eq!(keyspace.tables["compact_static"].compact_storage, Some(CompactStorage::Static));
    let signatures: Vec<String> = keyspace.aggregates.keys().map(ToString::to_string).collect();
    assert_eq!(signatures, ["Total(bigint)", "Total(int)", "average(int)"]);
    let mask = keyspace.tables["masked"].column("name").and_then(|column| column.mask.as_ref());
    assert_eq!(mask.map(ToString::to_string).as_deref(), Some("system.mask_inner(1, null)"));
    let state = session.state();
    let views = state.keyspace("system_views").expect("virtual keyspaces are known");
    assert!(views.is_virtual && views.tables["clients"].is_virtual);
    assert!(views.describe().contains("VIRTUAL TABLE system_views.clients"));
    drop_keyspace(&session, name).await
}

/// The differences of one keyspace that were told until `last` was.
async fn told_until(events: &mut chorus::ClusterEvents, keyspace: &str, last: &str) -> Vec<String> {
    let mut told = Vec::new();
    let listening = async {
        while let Some(event) = events.next().await {
            match event {
                ClusterEvent::Schema(difference) if *difference.keyspace == *keyspace => {
                    told.push(difference.to_string());
                    if told.last().is_some_and(|text| text == last) {
                        return;
                    }
                }
                _ => {}
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), listening).await;
    assert!(in_time.is_ok(), "{last:?} is not among {told:?}");
    told
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn changes_by_somebody_else_are_learned_part_by_part_and_told() -> Outcome {
    let name = "chorus_told";
    let other = server().connect().await?;
    drop_keyspace(&other, name).await?;
    let windows = chorus::EventWindows { schema: Some(Duration::from_millis(50)), ..Default::default() };
    let session = server().event_windows(windows).connect().await?;
    let mut events = session.events();
    let steps: &[(&str, &str)] = &[
        (
            "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
            "keyspace chorus_told was created",
        ),
        ("CREATE TYPE ks.pair (a int)", "type chorus_told.pair was created"),
        ("CREATE TABLE ks.t (k int PRIMARY KEY, v int, p frozen<pair>)", "table chorus_told.t was created"),
        ("ALTER TYPE ks.pair ADD b text", "table chorus_told.t was changed"),
        ("CREATE INDEX t_v ON ks.t (v)", "table chorus_told.t was changed"),
        (
            "CREATE MATERIALIZED VIEW ks.by_v AS SELECT * FROM ks.t WHERE v IS NOT NULL AND k IS NOT NULL PRIMARY KEY (v, k)",
            "view chorus_told.by_v was created",
        ),
        (
            "CREATE FUNCTION ks.f (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS $$ return a; $$",
            "function chorus_told.f(int) was created",
        ),
        (
            "CREATE FUNCTION ks.g (a int, b int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS $$ return a; $$",
            "function chorus_told.g(int,int) was created",
        ),
        ("CREATE AGGREGATE ks.agg (int) SFUNC g STYPE int", "aggregate chorus_told.agg(int) was created"),
        ("DROP AGGREGATE ks.agg", "aggregate chorus_told.agg(int) was dropped"),
        ("DROP FUNCTION ks.f", "function chorus_told.f(int) was dropped"),
        ("ALTER KEYSPACE ks WITH durable_writes = false", "keyspace chorus_told was changed"),
        ("DROP MATERIALIZED VIEW ks.by_v", "view chorus_told.by_v was dropped"),
        ("DROP TABLE ks.t", "table chorus_told.t was dropped"),
        ("DROP KEYSPACE ks", "keyspace chorus_told was dropped"),
    ];
    for (statement, last) in steps {
        let text = statement.replace("ks.", "chorus_told.").replace("KEYSPACE ks", "KEYSPACE chorus_told");
        other.query(text, ()).await?;
        told_until(&mut events, name, last).await;
        // The other session has read what it changed; both know the same now.
        let theirs = other.state().keyspace(name).cloned();
        let differ = || session.state().keyspace(name).cloned() != theirs;
        let patience = std::time::Instant::now() + Duration::from_secs(10);
        while differ() && std::time::Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(!differ(), "after {statement}");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
async fn without_the_schema_parts_are_read_when_asked_for() -> Outcome {
    let name = "chorus_parts";
    let session = server().fetch_schema(false).connect().await?;
    assert!(session.state().keyspaces.is_empty());
    drop_keyspace(&session, name).await?;
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    run(
        &session,
        [
            format!("CREATE KEYSPACE {name} WITH replication = {replication}"),
            format!("CREATE TABLE {name}.t (k int PRIMARY KEY)"),
        ],
    )
    .await;
    assert!(session.state().keyspaces.is_empty());
    session.refresh_schema_of(SchemaScope::keyspace(name)).await?;
    let known: BTreeMap<_, _> =
        session.state().keyspaces.iter().map(|(k, v)| (k.to_string(), v.tables.len())).collect();
    assert_eq!(known, BTreeMap::from([(name.to_owned(), 1)]));
    session.set_fetch_schema(true);
    let patience = std::time::Instant::now() + Duration::from_secs(10);
    while session.state().keyspace("system").is_none() {
        assert!(std::time::Instant::now() < patience, "the whole schema is read once it is wanted");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop_keyspace(&session, name).await
}
