//! A model with a column of every type: what is written is what is read.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use chorus::mapper::{Ascii, Counter, Mapper, Model as _};
use chorus::value::OrderedMap;
use chorus::{
    CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp, CqlTimeuuid, CqlVarint, MaybeEmpty, Model,
    UserType, Uuid,
};

use crate::shop;

#[derive(Debug, Clone, PartialEq, UserType)]
struct Inner {
    numbers: Vec<i32>,
    text: Option<String>,
}

#[derive(Debug, Clone, PartialEq, UserType)]
struct Outer {
    inner: Inner,
    all: Vec<Inner>,
    by_name: BTreeMap<String, Inner>,
    pair: (i32, Option<Inner>),
    #[chorus(default = 7)]
    later: i32,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[chorus(table = "everything", default)]
struct Everything {
    #[chorus(partition_key, default = 5)]
    id: i32,
    #[chorus(clustering_key, default = CqlTimeuuid::LOWEST)]
    at: CqlTimeuuid,
    truth: bool,
    tiny: i8,
    small: i16,
    big: i64,
    huge: i128,
    float: f32,
    double: f64,
    boxed: Box<str>,
    shared: Arc<str>,
    code: Ascii,
    #[chorus(ascii)]
    word: String,
    blob: Vec<u8>,
    bytes: chorus::protocol::Bytes,
    uuid: Uuid,
    #[chorus(default = Ipv4Addr::LOCALHOST.into())]
    address: IpAddr,
    #[chorus(default = Ipv4Addr::LOCALHOST)]
    v4: Ipv4Addr,
    #[chorus(default = Ipv6Addr::LOCALHOST)]
    v6: Ipv6Addr,
    #[chorus(default = CqlTimestamp(0))]
    time: CqlTimestamp,
    #[chorus(default = SystemTime::UNIX_EPOCH)]
    clock: SystemTime,
    #[chorus(default = CqlDate::EPOCH)]
    day: CqlDate,
    #[chorus(default = CqlTime::MIN)]
    hour: CqlTime,
    span: CqlDuration,
    #[chorus(default = CqlVarint::from(1))]
    varint: CqlVarint,
    #[chorus(default = CqlDecimal { unscaled: CqlVarint::from(15), scale: 1 })]
    decimal: CqlDecimal,
    list: Vec<i32>,
    deque: VecDeque<String>,
    set: BTreeSet<i64>,
    hashed: HashSet<Uuid>,
    map: BTreeMap<String, i32>,
    table: HashMap<i32, bool>,
    ordered: OrderedMap<i32, String>,
    nested: BTreeMap<i32, Vec<BTreeSet<String>>>,
    #[chorus(frozen)]
    whole: Vec<Vec<u8>>,
    #[chorus(default = (1, "a".to_owned(), None))]
    tuple: (i32, String, Option<bool>),
    vector: [f32; 3],
    texts: [String; 2],
    #[chorus(default = MaybeEmpty::Empty)]
    empty: MaybeEmpty<i32>,
    pointed: Box<i32>,
    outer: Option<Outer>,
    #[chorus(frozen = false)]
    inner: Option<Inner>,
    nothing: Option<i32>,
    none: Option<Vec<i32>>,
    #[chorus(rename = "Quoted Name")]
    quoted: Option<String>,
    num: num_bigint::BigInt,
    dec: bigdecimal::BigDecimal,
    utc: chrono::DateTime<chrono::Utc>,
    date: chrono::NaiveDate,
    naive: chrono::NaiveTime,
}

fn inner(number: i32) -> Inner {
    Inner { numbers: vec![number, 2], text: Some("t".into()) }
}

/// Every column has something in it.
fn full() -> Everything {
    let outer = Outer {
        inner: inner(1),
        all: vec![inner(2), Inner { numbers: vec![], text: None }],
        by_name: [("a".into(), inner(3))].into(),
        pair: (4, Some(inner(5))),
        later: 6,
    };
    Everything {
        id: 1,
        truth: true,
        tiny: -1,
        small: -2,
        big: i64::MIN,
        huge: i128::MAX,
        float: 0.5,
        double: -0.25,
        boxed: "é".into(),
        shared: "s".into(),
        code: "EUR".try_into().unwrap(),
        word: "w".into(),
        blob: vec![0, 255],
        bytes: vec![1].into(),
        uuid: Uuid::from_u128(9),
        address: Ipv6Addr::LOCALHOST.into(),
        time: CqlTimestamp(-1),
        clock: SystemTime::UNIX_EPOCH + Duration::from_millis(1500),
        list: vec![3, 1, 3],
        deque: ["x".to_owned()].into(),
        set: [5, -5].into(),
        hashed: [Uuid::from_u128(1), Uuid::from_u128(2)].into(),
        map: [("k".into(), 1)].into(),
        table: [(1, true)].into(),
        ordered: [(1, "one".to_owned()), (2, "two".to_owned())].into(),
        nested: [(1, vec![["a".to_owned()].into(), BTreeSet::new()])].into(),
        whole: vec![vec![1], vec![]],
        tuple: (7, String::new(), Some(false)),
        vector: [1.0, 2.0, -3.0],
        texts: ["a".into(), "bc".into()],
        empty: MaybeEmpty::Value(4),
        pointed: Box::new(8),
        outer: Some(outer),
        inner: Some(inner(6)),
        nothing: Some(0),
        none: Some(vec![1]),
        quoted: Some("q".into()),
        num: (-300).into(),
        dec: "1.50".parse().unwrap(),
        date: chrono::NaiveDate::from_ymd_opt(2026, 11, 29).unwrap(),
        ..Everything::default()
    }
}

pub(crate) async fn everything_comes_back(mapper: &Mapper) {
    mapper.schema().sync_table::<Everything>().await.unwrap();
    assert!(mapper.schema().sync_table::<Everything>().await.unwrap().is_unchanged());
    let table = Everything::table();
    let names: Vec<_> = table.columns.iter().map(|column| chorus::schema::quote(&column.name)).collect();
    let markers = vec!["?"; names.len()].join(", ");
    let session = mapper.session();
    let insert = format!("INSERT INTO shop.everything ({}) VALUES ({markers})", names.join(", "));
    let insert = session.prepare(insert).await.unwrap();
    let default = Everything::default();
    assert_eq!((default.id, &default.decimal.scale, default.list.len()), (5, &1, 0));
    let report = session.bulk(&insert).load([full(), default.clone()]).await.unwrap();
    assert_eq!(report.written, 2);
    for model in [full(), default] {
        let select = format!("SELECT {} FROM shop.everything WHERE id = ?", names.join(", "));
        let select = session.prepare(select).await.unwrap();
        let result = session.execute(&select, (model.id,)).await.unwrap();
        let read: Everything = result.single_row().unwrap();
        assert_eq!(read, model);
    }
}

#[tokio::test]
async fn a_column_of_every_type_comes_back() {
    let (_cluster, mapper) = shop().await;
    everything_comes_back(&mapper).await;
}

#[derive(Debug, PartialEq, Model)]
struct PageHits {
    #[chorus(partition_key)]
    page: String,
    hits: Counter,
    visits: Counter,
}

#[tokio::test]
async fn a_counter_is_read_and_zero_before_it_was_counted() {
    let (_cluster, mapper) = shop().await;
    mapper.schema().sync_table::<PageHits>().await.unwrap();
    let session = mapper.session();
    let add = session.prepare("UPDATE shop.page_hits SET hits = hits + ? WHERE page = ?").await.unwrap();
    session.execute(&add, (Counter(3), "a")).await.unwrap();
    let result = session.query("SELECT * FROM shop.page_hits", ()).await.unwrap();
    let read: PageHits = result.single_row().unwrap();
    assert_eq!(read, PageHits { page: "a".into(), hits: Counter(3), visits: Counter(0) });
}

/// Types of crates that only some builds have.
#[cfg(all(
    feature = "jiff",
    feature = "rust_decimal",
    feature = "secrecy",
    feature = "serde_json",
    feature = "time"
))]
mod of_features {
    use chorus::mapper::ModelFields as _;
    use chorus::value::Json;
    use secrecy::{ExposeSecret as _, SecretBox, SecretString};

    use super::*;

    #[derive(Debug, Model)]
    struct Featured {
        #[chorus(partition_key)]
        id: i32,
        instant: jiff::Timestamp,
        day: jiff::civil::Date,
        hour: jiff::civil::Time,
        span: jiff::Span,
        offset: time::OffsetDateTime,
        date: time::Date,
        time: time::Time,
        price: rust_decimal::Decimal,
        json: serde_json::Value,
        typed: Json<Vec<i32>>,
        #[chorus(required, max_len = 8)]
        password: Option<SecretString>,
        key: SecretBox<Vec<u8>>,
    }

    #[tokio::test]
    async fn columns_of_other_crates_come_back() {
        let (_cluster, mapper) = shop().await;
        mapper.schema().sync_table::<Featured>().await.unwrap();
        let model = featured(Some("secret".into()));
        assert_eq!(model.validate(), Ok(()));
        for (password, said) in [
            (None, "column password: is null, and required"),
            (Some("".into()), "column password: is empty, and required"),
            (Some("much too long".into()), "column password: has 13 characters, and takes 8 at most"),
        ] {
            assert_eq!(featured(password).validate().unwrap_err().to_string(), said);
        }
        let names: Vec<_> = Featured::table().columns.iter().map(|column| column.name.clone()).collect();
        let markers = vec!["?"; names.len()].join(", ");
        let insert = format!("INSERT INTO shop.featured ({}) VALUES ({markers})", names.join(", "));
        let insert = mapper.session().prepare(insert).await.unwrap();
        mapper.session().execute(&insert, &model).await.unwrap();
        let result = mapper.session().query("SELECT * FROM shop.featured", ()).await.unwrap();
        let read: Featured = result.single_row().unwrap();
        assert_eq!(format!("{read:?}"), format!("{model:?}"));
        assert_eq!(read.password.unwrap().expose_secret(), "secret");
        assert_eq!(read.key.expose_secret(), &[1, 2]);
    }

    fn featured(password: Option<SecretString>) -> Featured {
        Featured {
            id: 1,
            instant: jiff::Timestamp::UNIX_EPOCH,
            day: jiff::civil::Date::constant(2026, 11, 29),
            hour: jiff::civil::Time::midnight(),
            span: jiff::Span::new().days(3),
            offset: time::OffsetDateTime::UNIX_EPOCH,
            date: time::OffsetDateTime::UNIX_EPOCH.date(),
            time: time::Time::MIDNIGHT,
            price: "1.25".parse().unwrap(),
            json: serde_json::json!({"a": [1]}),
            typed: Json(vec![1, 2]),
            password,
            key: SecretBox::new(Box::new(vec![1, 2])),
        }
    }
}
