//! Tables, the models of them, and a session to read and write them with.

use std::collections::{BTreeMap, BTreeSet};

use chorus::mapper::{Counter, Mapper};
use chorus::{CqlTimeuuid, Model, ModelFields, Session, SessionBuilder};
use chorus_node::EmbeddedCluster;

pub(crate) const TABLES: [&str; 5] = [
    "CREATE TABLE user (id bigint PRIMARY KEY, name text, email text, version int, tags set<text>, \
     steps list<int>, marks map<text, int>)",
    "CREATE TABLE reading (sensor bigint, at int, place text static, value double, PRIMARY KEY (sensor, at))",
    "CREATE TABLE \"Hits\" (page text, day int, seen counter, sold counter, PRIMARY KEY ((page, day)))",
    "CREATE TABLE event (stream int, id timeuuid, \"what\" text, PRIMARY KEY (stream, id))",
    "CREATE INDEX ON user (email)",
];

#[derive(Debug, Clone, PartialEq, Default, Model)]
pub(crate) struct User {
    #[chorus(partition_key)]
    pub(crate) id: i64,
    #[chorus(max_len = 20)]
    pub(crate) name: String,
    #[chorus(index)]
    pub(crate) email: Option<String>,
    pub(crate) version: Option<i32>,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) steps: Vec<i32>,
    pub(crate) marks: BTreeMap<String, i32>,
}

impl User {
    pub(crate) fn new(id: i64, name: &str) -> Self {
        Self { id, name: name.into(), ..Self::default() }
    }
}

/// Some of a user.
#[derive(Debug, PartialEq, ModelFields)]
pub(crate) struct Contact {
    pub(crate) name: String,
    pub(crate) email: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Model)]
pub(crate) struct Reading {
    #[chorus(partition_key)]
    pub(crate) sensor: i64,
    #[chorus(clustering_key)]
    pub(crate) at: Option<i32>,
    #[chorus(static)]
    pub(crate) place: Option<String>,
    pub(crate) value: Option<f64>,
}

impl Reading {
    pub(crate) fn new(sensor: i64, at: i32, value: f64) -> Self {
        Self { sensor, at: Some(at), place: None, value: Some(value) }
    }
}

#[derive(Debug, Clone, PartialEq, Model)]
#[chorus(table = "Hits")]
pub(crate) struct Hits {
    #[chorus(partition_key)]
    pub(crate) page: String,
    #[chorus(partition_key)]
    pub(crate) day: i32,
    pub(crate) seen: Counter,
    pub(crate) sold: Counter,
}

#[derive(Debug, Clone, PartialEq, Model)]
pub(crate) struct Event {
    #[chorus(partition_key)]
    pub(crate) stream: i32,
    #[chorus(clustering_key)]
    pub(crate) id: CqlTimeuuid,
    pub(crate) what: String,
}

/// Keep it for as long as the mapper is used.
pub(crate) struct Shop {
    pub(crate) cluster: EmbeddedCluster,
    pub(crate) mapper: Mapper,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::with(|builder| builder).await
    }

    pub(crate) async fn with(configure: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Self {
        let cluster = EmbeddedCluster::start(1).expect("the node starts");
        let builder = configure(Session::builder().contact_points(cluster.addresses()));
        let session = builder.connect().await.expect("connects");
        make_tables(&session, "shop").await;
        Self { cluster, mapper: Mapper::new(&session) }
    }

    /// Users with ids from 1 and names from `a`.
    pub(crate) async fn with_users(count: u8) -> Self {
        let shop = Self::open().await;
        for number in 1..=count {
            let name = char::from(b'a' + number - 1).to_string();
            shop.mapper.insert(&User::new(number.into(), &name)).await.expect("inserted");
        }
        shop
    }

    /// Readings at 1 to 4 of the sensors 1 and 2.
    pub(crate) async fn with_readings() -> Self {
        let shop = Self::open().await;
        for sensor in 1..=2 {
            for at in 1..=4 {
                let value = f64::from(at) + 10.0 * sensor as f64;
                shop.mapper.insert(&Reading::new(sensor, at, value)).await.expect("inserted");
            }
        }
        shop
    }
}

pub(crate) async fn make_tables(session: &Session, keyspace: &str) {
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    let keyspace_text = format!("CREATE KEYSPACE {keyspace} WITH replication = {replication}");
    session.query(keyspace_text, ()).await.expect("created");
    session.use_keyspace(keyspace).await.expect("it was just created");
    for table in TABLES {
        session.query(table, ()).await.unwrap_or_else(|error| panic!("{table}: {error}"));
    }
}
