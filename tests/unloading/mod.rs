//! What an unload writes, held against what the server itself says of the same rows.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::sync::{Arc, Mutex};

use chorus::bulk::{BulkLoader, Destination, RowFormat, Source, TableName, Unloader};
use chorus::{CqlValue, Row, Session};
use serde_json::Value;

type Outcome = Result<(), Box<dyn Error>>;

/// Memory that an unload writes into.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("it is text")
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The columns of a table of all types, its keys aside.
const COLUMNS: &str = "a ascii, b bigint, c blob, d boolean, e decimal, f double, g float, h inet, i smallint, j text, \
    k timestamp, l uuid, m varint, n timeuuid, o date, p time, q tinyint, r duration, s list<int>, t set<text>, \
    u map<timestamp, text>, v tuple<int, text>, w vector<float, 2>, x frozen<\"Place\">, y map<int, frozen<list<inet>>>, \
    z frozen<set<decimal>>, \"Odd Name\" int";

/// Values of those columns.
const ROWS: [&str; 3] = [
    "'plain', -9223372036854775808, 0x00ff10, true, -12345678901234567890.50, 2.5e300, -0.25, '2001:db8::1', -32768, \
     'quoted '' \"and\" ünï, \\ \n', '2026-11-23T21:55:03.123Z', 123e4567-e89b-42d3-a456-426614174000, \
     -170141183460469231731687303715884105729, 50554d6e-29bb-11e5-b345-feff819cdc9f, '1969-12-31', \
     '23:59:59.000000001', -128, 1y1mo2d3h4ns, [1, 2, 3], {'a', 'b'}, {'2026-11-23T21:55:03.123Z': 'x'}, (1, null), \
     [1.0, 2.5], {name: 'Oslo', \"At\": (59.9, null)}, {1: ['::1', '10.0.0.1'], -2: []}, {1E-7, 1.0, 12300000000}, 7",
    "'', 0, 0x, false, 0.00, NaN, Infinity, '10.0.0.1', 0, '', 0, 123e4567-e89b-42d3-a456-426614174000, 0, \
     50554d6e-29bb-11e5-b345-feff819cdc9f, '-0044-03-15', '00:00:00', 0, -1mo, null, null, null, (null, ''), [0, -0.0], \
     {name: null}, null, {}, 0",
    "null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, \
     null, null, null, null, null, null, null, null",
];

/// The rows of a table by their id, as values.
async fn rows(session: &Session, table: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let result = session.query(format!("SELECT * FROM {table}"), ()).await?;
    let mut rows = Vec::new();
    for row in result.rows::<Row>()? {
        rows.push(format!("{:?}", row?.values));
    }
    rows.sort();
    Ok(rows)
}

/// JSON lines are the server's own, and CSV is loaded into the same values.
pub(crate) async fn a_table_of_all_types_goes_out_and_comes_back(
    session: &Session,
    keyspace: &str,
) -> Outcome {
    session.query("CREATE TYPE \"Place\" (name text, \"At\" frozen<tuple<double, text>>)", ()).await?;
    for table in ["everything", "copy"] {
        session.query(format!("CREATE TABLE {table} (id int PRIMARY KEY, {COLUMNS})"), ()).await?;
    }
    let names = "a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z, \"Odd Name\"";
    for (id, values) in ROWS.iter().enumerate() {
        session.query(format!("INSERT INTO everything (id, {names}) VALUES ({id}, {values})"), ()).await?;
    }
    let unload = async |format: RowFormat| -> Result<String, Box<dyn Error>> {
        let kept = Kept::default();
        let unloader = Unloader::new(session, TableName::new(keyspace, "everything")).format(format);
        let report = unloader.unload(Destination::writer("memory", kept.clone())).await?;
        assert!(report.is_complete() && report.rows == ROWS.len() as u64, "{report}");
        Ok(kept.text())
    };
    let by_id = |text: &str| -> Result<(i64, Value), serde_json::Error> {
        let object: Value = serde_json::from_str(text)?;
        Ok((object["id"].as_i64().expect("every row has one"), object))
    };

    let mut theirs = BTreeMap::new();
    for row in session.query("SELECT JSON * FROM everything", ()).await?.rows::<(&str,)>()? {
        let (id, object) = by_id(row?.0)?;
        theirs.insert(id, object);
    }
    let ours: BTreeMap<_, _> =
        unload(RowFormat::JsonLines).await?.lines().map(by_id).collect::<Result<_, _>>()?;
    assert_eq!(ours.len(), ROWS.len());
    for (id, theirs) in &theirs {
        for (name, value) in theirs.as_object().expect("an object") {
            assert_eq!(&ours[id][name], value, "{name} of row {id}");
        }
        assert_eq!(&ours[id], theirs);
    }
    // The server takes them for what they are.
    session
        .query("CREATE TABLE by_json (id int PRIMARY KEY, \"Odd Name\" int, x frozen<\"Place\">)", ())
        .await?;
    let object = &ours[&0];
    let part: serde_json::Map<_, _> =
        ["id", "x", "\"Odd Name\""].map(|name| (name.to_owned(), object[name].clone())).into_iter().collect();
    session.query("INSERT INTO by_json JSON ?", (Value::from(part).to_string(),)).await?;
    let read =
        session.query("SELECT \"Odd Name\", x FROM by_json", ()).await?.single_row::<(i32, CqlValue)>()?;
    let written =
        session.query("SELECT x FROM everything WHERE id = 0", ()).await?.single_row::<(CqlValue,)>()?;
    assert_eq!(read, (7, written.0));

    let text = unload(RowFormat::Csv).await?;
    let source = Source::reader("memory", std::io::Cursor::new(text.clone().into_bytes())).open()?;
    let report = BulkLoader::new(session, TableName::new(keyspace, "copy")).null("\\N").load(source).await?;
    assert_eq!((report.written, report.rejected), (ROWS.len() as u64, 0), "{:?}", report.first_rejections);
    assert_eq!(rows(session, "copy").await?, rows(session, "everything").await?, "{text}");
    Ok(())
}
