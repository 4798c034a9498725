//! What we write the Python driver reads equal, and we what it writes. Each side has the values in its own words:
//! `exchange.py` beside this file is the other one.

use std::process::Command;

use chorus::value::UdtRef;
use chorus::{
    CqlDate, CqlDecimal, CqlDuration, CqlTime, CqlTimestamp, CqlTimeuuid, CqlType, CqlValue, CqlVarint, Row,
    Scalar, Session, Uuid,
};

use crate::cells::{bytes, canonical};

const TYPE: &str = "CREATE TYPE exchange.place (name text, spot frozen<tuple<double, text>>)";

/// A column, its type, and its value.
fn cases() -> Vec<(&'static str, &'static str, CqlValue)> {
    use CqlValue as V;
    let text = |text: &str| V::from(text);
    let decimal =
        |unscaled: i128, scale| V::Decimal(CqlDecimal { unscaled: CqlVarint::from(unscaled), scale });
    let duration = |months, days, nanoseconds| V::Duration(CqlDuration { months, days, nanoseconds });
    let place = |name: &str, spot: Option<CqlValue>| {
        V::udt(UdtRef::new("exchange", "place"), [("name", Some(text(name))), ("spot", spot)])
    };
    let ints = |ints: &[i32]| V::list(ints.iter().copied().map(V::Int));
    vec![
        ("ascii_plain", "ascii", V::Ascii("plain".into())),
        ("ascii_empty", "ascii", V::Ascii(String::new())),
        ("bigint_min", "bigint", V::Bigint(i64::MIN)),
        ("bigint_max", "bigint", V::Bigint(i64::MAX)),
        ("blob_bytes", "blob", V::Blob(vec![0, 0xff, 0x80])),
        ("blob_empty", "blob", V::Blob(vec![])),
        ("boolean_true", "boolean", V::Boolean(true)),
        ("date_leap", "date", V::Date(CqlDate::from_ymd(2016, 2, 29).expect("a date"))),
        ("date_min", "date", V::Date(CqlDate::MIN)),
        ("date_max", "date", V::Date(CqlDate::MAX)),
        ("decimal_small", "decimal", decimal(-112_233_441_191, 6)),
        ("decimal_exponent", "decimal", decimal(1, -3)),
        ("decimal_large", "decimal", decimal(i128::MAX, 20)),
        ("double_least", "double", V::Double(5e-324)),
        ("double_infinite", "double", V::Double(f64::NEG_INFINITY)),
        ("duration_zero", "duration", duration(0, 0, 0)),
        ("duration_long", "duration", duration(12, 30, 3_600_000_000_000)),
        ("duration_min", "duration", duration(-i32::MAX, -i32::MAX, -i64::MAX)),
        ("float_half", "float", V::Float(-1.5)),
        ("inet_four", "inet", V::Inet("65.52.54.169".parse().expect("an address"))),
        ("inet_six", "inet", V::Inet("2a00:1328:e102:ccc0::122".parse().expect("an address"))),
        ("int_min", "int", V::Int(i32::MIN)),
        ("int_max", "int", V::Int(i32::MAX)),
        ("smallint_min", "smallint", V::Smallint(i16::MIN)),
        ("tinyint_max", "tinyint", V::Tinyint(i8::MAX)),
        ("text_wide", "text", text("grüße, 世界 \u{10ffff}")),
        ("text_empty", "text", text("")),
        ("time_min", "time", V::Time(CqlTime::MIN)),
        ("time_max", "time", V::Time(CqlTime::MAX)),
        ("timestamp_now", "timestamp", V::Timestamp(CqlTimestamp(1_795_470_903_123))),
        ("timestamp_old", "timestamp", V::Timestamp(CqlTimestamp(-11_676_096_000_000))),
        (
            "timeuuid_one",
            "timeuuid",
            V::Timeuuid("6877a530-ccfa-11e5-aaa5-010203040506".parse::<CqlTimeuuid>().expect("a uuid")),
        ),
        ("uuid_max", "uuid", V::Uuid(Uuid::from_u128(u128::MAX))),
        ("varint_small", "varint", V::Varint(CqlVarint::from(-129))),
        ("varint_large", "varint", V::Varint(CqlVarint::from(i128::MIN))),
        ("list_empty", "frozen<list<int>>", ints(&[])),
        ("list_some", "list<int>", ints(&[3, 1, 2])),
        ("set_some", "set<text>", V::set([text("a"), text("ü")])),
        ("map_some", "map<text, bigint>", V::map([(text("a"), V::Bigint(1)), (text("b"), V::Bigint(-2))])),
        ("tuple_null", "tuple<int, text>", V::Tuple(vec![Some(V::Int(1)), None])),
        ("vector_floats", "vector<float, 3>", V::Vector([1.0, 2.0, 3.5].map(V::Float).into())),
        ("vector_texts", "vector<text, 2>", V::Vector(vec![text("abc"), text("")])),
        ("udt_some", "frozen<place>", place("Oslo", Some(V::Tuple(vec![Some(V::Double(59.9)), None])))),
        ("udts", "list<frozen<place>>", V::list([place("a", None), place("b", None)])),
        (
            "deep_maps",
            "list<frozen<map<text, frozen<set<int>>>>>",
            V::list([V::map([(text("a"), V::set([V::Int(1), V::Int(2)]))]), V::map([])]),
        ),
        (
            "deep_tuples",
            "map<int, frozen<list<frozen<tuple<text, time>>>>>",
            V::map([(V::Int(7), V::list([V::Tuple(vec![Some(text("x")), Some(V::Time(CqlTime(1)))])]))]),
        ),
        (
            "deep_keys",
            "map<frozen<set<frozen<tuple<int, text>>>>, decimal>",
            V::map([(V::set([V::Tuple(vec![Some(V::Int(1)), Some(text("x"))])]), decimal(5, 1))]),
        ),
    ]
}

/// Tables, and our rows: 1 has values, 3 is null.
async fn write(session: &Session) {
    let run = async |cql: String| {
        session.query(&*cql, ()).await.unwrap_or_else(|error| panic!("{cql}: {error}"));
    };
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    run("DROP KEYSPACE IF EXISTS exchange".to_owned()).await;
    run(format!("CREATE KEYSPACE exchange WITH replication = {replication}")).await;
    run(TYPE.to_owned()).await;
    session.use_keyspace("exchange").await.expect("it was just created");
    let (names, columns): (Vec<_>, Vec<_>) =
        cases().iter().map(|(name, typ, _)| (*name, format!("{name} {typ}"))).unzip();
    run(format!("CREATE TABLE cells (id int PRIMARY KEY, {})", columns.join(", "))).await;
    run("CREATE TABLE counts (id int PRIMARY KEY, n counter)".to_owned()).await;
    let markers = ", ?".repeat(names.len());
    let insert = format!("INSERT INTO cells (id, {}) VALUES (?{markers})", names.join(", "));
    let insert = session.prepare(insert).await.expect("prepared");
    let values =
        std::iter::once(Some(CqlValue::Int(1))).chain(cases().into_iter().map(|(.., value)| Some(value)));
    session.execute(&insert, values.collect::<Vec<_>>()).await.expect("written");
    let nulls = std::iter::once(Some(CqlValue::Int(3))).chain(names.iter().map(|_| None));
    session.execute(&insert, nulls.collect::<Vec<_>>()).await.expect("written");
    session.query("UPDATE counts SET n = n + ? WHERE id = 1", (5_i64,)).await.expect("counted");
}

/// The rows of the other side: 2 has values, 4 is null.
async fn read(session: &Session) {
    let names: Vec<_> = cases().iter().map(|(name, ..)| *name).collect();
    let select = format!("SELECT {} FROM exchange.cells WHERE id = ?", names.join(", "));
    let select = session.prepare(select).await.expect("prepared");
    let result = session.execute(&select, (2,)).await.expect("read");
    let row: Row = result.single_row().expect("a row");
    for (((name, _, expected), read), column) in cases().into_iter().zip(row).zip(result.columns()) {
        let plain = |value: &CqlValue, typ: &CqlType| bytes(&canonical(value, typ), typ);
        let read = read.unwrap_or_else(|| panic!("{name} is null"));
        assert_eq!(
            plain(&read, &column.typ),
            plain(&expected, &column.typ),
            "{name}: {read} is not {expected}"
        );
    }
    let nulls = session.execute(&select, (4,)).await.expect("read");
    assert!(nulls.single_row::<Row>().expect("a row").into_iter().all(|value| value.is_none()));
    let count = session.query("SELECT n FROM exchange.counts WHERE id = 1", ()).await.expect("read");
    assert_eq!(count.single_row::<Scalar<i64>>().expect("a row"), Scalar(12));
}

#[cfg(feature = "encryption")]
mod encrypted {
    use std::sync::Arc;

    use chorus::encryption::{Aes256CbcColumnEncryption, ColumnRef, EncryptionKey};
    use chorus::{CqlType, Session};

    /// The policy that `exchange.py` has as well.
    pub(super) fn policy() -> Arc<Aes256CbcColumnEncryption> {
        let key = EncryptionKey::new(std::array::from_fn(|index| index as u8));
        let column = |table, column| ColumnRef::new("exchange", table, column);
        let policy = Aes256CbcColumnEncryption::new().fixed_iv(std::array::from_fn(|index| index as u8 + 16));
        let policy = policy.column(column("secrets", "secret"), CqlType::Text, &key);
        let policy = policy.column(column("secrets", "score"), CqlType::Int, &key);
        Arc::new(policy.column(column("keyed", "key"), CqlType::Text, &key))
    }

    pub(super) async fn write(session: &Session) {
        for table in [
            "CREATE TABLE exchange.secrets (id int PRIMARY KEY, secret blob, score blob)",
            "CREATE TABLE exchange.keyed (key blob PRIMARY KEY, note text)",
        ] {
            session.query(table, ()).await.expect("created");
        }
        let insert = "INSERT INTO exchange.secrets (id, secret, score) VALUES (?, ?, ?)";
        session.query(insert, (1, "from chorus", 7)).await.expect("written");
        let insert = "INSERT INTO exchange.keyed (key, note) VALUES (?, ?)";
        session.query(insert, ("key of chorus", "by chorus")).await.expect("written");
    }

    pub(super) async fn read(session: &Session) {
        let select = "SELECT secret, score FROM exchange.secrets WHERE id = ?";
        for (id, expected) in [(1, ("from chorus", 7)), (2, ("from python", 8))] {
            let result = session.query(select, (id,)).await.expect("read");
            assert_eq!(result.single_row::<(&str, i32)>().expect("a row"), expected);
        }
        let select = "SELECT note FROM exchange.keyed WHERE key = ?";
        for (key, expected) in [("key of chorus", "seen by python"), ("key of python", "by python")] {
            let result = session.query(select, (key,)).await.expect("read");
            assert_eq!(result.single_row::<(&str,)>().expect("a row"), (expected,));
        }
    }
}

#[test]
#[ignore = "needs a Cassandra in CHORUS_CASSANDRA"]
fn the_python_driver_reads_what_we_write_and_we_what_it_writes() {
    let server = std::env::var("CHORUS_CASSANDRA").expect("CHORUS_CASSANDRA is the HOST:PORT of a server");
    let python = std::env::var("CHORUS_PYTHON")
        .expect("CHORUS_PYTHON is a Python with cassandra-driver and cryptography installed");
    let runtime = crate::runtime();
    let builder = Session::builder().contact_point(server.as_str());
    #[cfg(feature = "encryption")]
    let builder = builder.column_encryption(encrypted::policy());
    let session = runtime.block_on(async {
        let session =
            builder.request_timeout(std::time::Duration::from_secs(30)).connect().await.expect("connects");
        write(&session).await;
        #[cfg(feature = "encryption")]
        encrypted::write(&session).await;
        session
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/values/exchange.py");
    let mut command = Command::new(python);
    command.args([script, &server]);
    if cfg!(feature = "encryption") {
        command.arg("--encrypted");
    }
    let output = command.output().expect("Python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "exchange.py: {said}");
    runtime.block_on(async {
        read(&session).await;
        #[cfg(feature = "encryption")]
        encrypted::read(&session).await;
    });
}
