//! Columns that the server sees only encrypted.

use std::collections::HashMap;
use std::sync::Arc;

use chorus::encryption::{
    Aes256CbcColumnEncryption, Aes256GcmColumnEncryption, ColumnEncryptionPolicy, ColumnRef, EncryptionError,
    EncryptionKey,
};
use chorus::{
    Batch, CqlType, CqlValue, ErrorKind, FromRow, IntoRow, ProtocolVersion, Row, Scalar, Session, Statement,
    Unset,
};
use chorus_node::Requests;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::stage::Stage;

const PEOPLE: &str = "CREATE TABLE people (id int PRIMARY KEY, name text, ssn blob, scores blob)";
const SSN: ColumnRef<'_> = ColumnRef::new("ks", "people", "ssn");
const SCORES: ColumnRef<'_> = ColumnRef { column: "scores", ..SSN };
const INSERT: &str = "INSERT INTO people (id, name, ssn, scores) VALUES (?, ?, ?, ?)";
const SELECT: &str = "SELECT id, name, ssn, scores FROM people WHERE id = ?";

fn recommended() -> Arc<dyn ColumnEncryptionPolicy> {
    let encrypted = || {
        Aes256GcmColumnEncryption::new()
            .key(1, &EncryptionKey::new([1; 32]))?
            .column(SSN, CqlType::Text, 1)?
            .column(SCORES, CqlType::list(CqlType::Int), 1)
    };
    Arc::new(encrypted().expect("one key"))
}

/// A session that encrypts and one that sees what the server sees.
async fn stage(policy: Arc<dyn ColumnEncryptionPolicy>) -> (Stage, Session) {
    let stage = Stage::with(|builder| builder.column_encryption(policy)).await;
    let server = Session::builder().contact_points(stage.cluster.addresses()).keyspace("ks");
    let server = server.connect().await.expect("the node is reachable");
    (stage, server)
}

#[derive(Debug, Clone, PartialEq, FromRow, IntoRow)]
struct Person {
    id: i32,
    name: String,
    ssn: Option<String>,
    scores: Option<Vec<i32>>,
}

fn person(id: i32) -> Person {
    Person {
        id,
        name: format!("person {id}"),
        ssn: Some(format!("123-45-{id:04}")),
        scores: Some(vec![id, 2 * id]),
    }
}

/// The people there are, by id.
async fn people(session: &Session) -> Vec<Person> {
    let result = session.query("SELECT id, name, ssn, scores FROM people", ()).await.expect("read");
    let mut people: Vec<Person> = result.rows().expect("fits").collect::<Result<_, _>>().expect("reads");
    people.sort_by_key(|person| person.id);
    people
}

#[tokio::test]
async fn values_are_encrypted_on_every_way_to_the_server_and_plain_on_every_way_back() {
    let (stage, server) = stage(recommended()).await;
    stage.run(PEOPLE).await;
    let session = &stage.session;
    let insert = stage.prepare(INSERT).await;
    assert_eq!(insert.bind_columns()[2].typ, CqlType::Text);

    session.execute(&insert, person(0)).await.expect("executed");
    session.query(INSERT, person(1)).await.expect("text with values");
    let bound = insert.bind(person(2)).expect("bound");
    let mut batch = Batch::unlogged();
    batch.push(bound).bind(&insert, (3, "person 3", "123-45-0003", vec![3, 6])).expect("fits");
    session.batch(&batch).await.expect("batched");
    let many = (4..8).map(person);
    session.execute_concurrent_with_args(&insert, many).run().await.expect("concurrent");
    let statements = (8..10).map(|id| (insert.clone(), person(id)));
    for (statement, values) in statements {
        let bound = statement.bind(values).expect("bound");
        session.execute_concurrent([bound]).run().await.expect("mixed");
    }
    let report = session.bulk(&insert).load((10..500).map(person)).await.expect("bulk");
    assert_eq!(report.written, 490);

    let expected: Vec<Person> = (0..500).map(person).collect();
    assert_eq!(people(session).await, expected, "as text, by derive");
    let select = stage.prepare(SELECT).await;
    assert_eq!(select.result_columns()[3].typ, CqlType::list(CqlType::Int));
    for id in [0, 1, 3, 5, 9, 499] {
        let result = session.execute(&select, (id,)).await.expect("read");
        let (found, name, ssn, scores): (i32, &str, &str, Vec<i32>) = result.single_row().expect("borrowed");
        assert_eq!((found, name, ssn), (id, &*format!("person {id}"), &*format!("123-45-{id:04}")));
        assert_eq!(scores, [id, 2 * id]);
        let row: Row = result.single_row().expect("dynamic");
        assert_eq!(row.get(2), Some(&CqlValue::Text(ssn.to_owned())));
        let row: HashMap<String, CqlValue> = result.single_row().expect("by name");
        assert_eq!(row["scores"], CqlValue::list([CqlValue::Int(id), CqlValue::Int(2 * id)]));
    }
    let text = Statement::new("SELECT id, name, ssn, scores FROM people").page_size(7);
    let pages = session.query_iter(text, ()).await.expect("a first page");
    let streamed: Vec<Person> = pages.rows().expect("fits").try_collect().await.expect("reads");
    assert_eq!(streamed.len(), 500);
    let answers = session.execute_concurrent_with_args(&select, (0..20).map(|id| (id,)));
    let answers: Vec<_> = answers.stream().expect("begins").collect().await;
    assert_eq!(answers.len(), 20);
    for answer in answers {
        let (index, answer) = answer.expect("read");
        assert_eq!(answer.single_row::<Person>().expect("reads"), person(index as i32));
    }

    // What the server has.
    let mut seen = std::collections::HashSet::new();
    let stored = server.query("SELECT id, name, ssn, scores FROM people", ()).await.expect("read");
    for row in stored.rows::<(i32, &str, Vec<u8>, Vec<u8>)>().expect("blobs") {
        let (id, name, ssn, scores) = row.expect("reads");
        assert_eq!(name, format!("person {id}"), "other columns stay as they are");
        let plain = format!("123-45-{id:04}");
        assert!(!ssn.windows(plain.len()).any(|window| window == plain.as_bytes()));
        assert_eq!(ssn.len(), plain.len() + 33);
        assert!(seen.insert(ssn) && seen.insert(scores), "no two look alike");
    }
}

#[tokio::test]
async fn null_and_unset_and_empty_stay_what_they_are() {
    for version in [ProtocolVersion::V3, ProtocolVersion::V4, ProtocolVersion::V5] {
        let stage =
            Stage::with(|builder| builder.column_encryption(recommended()).protocol_version(version)).await;
        stage.run(PEOPLE).await;
        let session = &stage.session;
        let insert = stage.prepare(INSERT).await;
        let read = async |id: i32| {
            let result = session.query(SELECT, (id,)).await.expect("read");
            result.single_row::<Person>().expect("reads")
        };
        session.execute(&insert, (1, "a", "", Vec::<i32>::new())).await.expect("written");
        let row = read(1).await;
        assert_eq!((row.ssn.as_deref(), row.scores.as_deref()), (Some(""), Some(&[][..])), "{version}");
        if version.has_unset() {
            session.execute(&insert, (1, "a", Unset, Unset)).await.expect("written");
            assert_eq!(read(1).await.ssn.as_deref(), Some(""), "unset leaves alone, {version}");
        }
        session.execute(&insert, (1, "a", None::<&str>, None::<Vec<i32>>)).await.expect("written");
        assert_eq!((read(1).await.ssn, read(1).await.scores), (None, None), "{version}");
    }
}

#[tokio::test]
async fn a_deterministic_column_may_be_the_key_and_is_found_by_its_value() {
    let key = EncryptionKey::new([5; 32]);
    let column = ColumnRef::new("ks", "accounts", "iban");
    let policy = Aes256CbcColumnEncryption::new().column(column, CqlType::Text, &key);
    let (stage, server) = stage(Arc::new(policy.clone().fixed_iv([3; 16]))).await;
    stage.run("CREATE TABLE accounts (iban blob PRIMARY KEY, balance bigint)").await;
    let insert = stage.prepare("INSERT INTO accounts (iban, balance) VALUES (?, ?)").await;
    for (iban, balance) in [("NO93", 5_i64), ("DE89", 7), ("NO93", 9)] {
        stage.session.execute(&insert, (iban, balance)).await.expect("written");
    }
    let select = stage.prepare("SELECT balance FROM accounts WHERE iban = ?").await;
    let result = stage.session.execute(&select, ("NO93",)).await.expect("read");
    assert_eq!(result.single_row::<Scalar<i64>>().expect("one"), Scalar(9), "written again, not beside");
    // Routed by the bytes that the server has.
    let stored = server.query("SELECT iban FROM accounts", ()).await.expect("read");
    assert_eq!(stored.row_count(), 2);
    for iban in stored.rows::<Scalar<Vec<u8>>>().expect("blobs") {
        let Scalar(iban) = iban.expect("reads");
        let mut plain = Vec::new();
        policy.decrypt(column, &iban, &mut plain).expect("ours");
        let plain = std::str::from_utf8(&plain).expect("text");
        assert_eq!(select.routing_key((plain,)).expect("routable"), Some(iban));
    }
    // Each value of a list for IN is encrypted.
    let among = stage.prepare("SELECT iban, balance FROM accounts WHERE iban IN ?").await;
    assert_eq!(among.bind_columns()[0].typ, CqlType::list(CqlType::Text));
    let result = stage.session.execute(&among, (vec!["DE89", "NO93", "XX"],)).await.expect("read");
    let mut found: Vec<(String, i64)> = result.rows().expect("fits").map(|row| row.expect("reads")).collect();
    found.sort();
    assert_eq!(found, [("DE89".to_owned(), 7), ("NO93".to_owned(), 9)]);

    // The same with a vector for each value: no row would be found again.
    let random = Session::builder().contact_points(stage.cluster.addresses()).keyspace("ks");
    let random = random.column_encryption(Arc::new(policy)).connect().await.expect("connects");
    for text in [
        "SELECT balance FROM accounts WHERE iban = ?",
        "SELECT balance FROM accounts WHERE iban IN ?",
        "INSERT INTO accounts (iban, balance) VALUES (?, ?)",
    ] {
        let error = random.prepare(text).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(
            error.to_string().contains("\"iban\"") && error.to_string().contains("primary key"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_encrypted_or_decrypted_is_an_error_that_names_the_column() {
    let (stage, server) = stage(recommended()).await;
    stage.run(PEOPLE).await;
    stage.run("CREATE TABLE clustered (id int, ssn blob, PRIMARY KEY (id, ssn))").await;
    let insert = stage.prepare(INSERT).await;

    let sent = stage.cluster.watch(Requests::containing("insert into people"));
    let error = stage.session.execute(&insert, (1, "a", 5, vec![1])).await.expect_err("an int is no text");
    assert_eq!((error.kind(), error.column()), (ErrorKind::Values, Some((2, "ssn"))));
    assert_eq!(sent.count(), 0);

    let plain = "INSERT INTO people (id, name, ssn) VALUES (?, ?, ?)";
    server.query(plain, (1, "a", b"never encrypted".to_vec())).await.expect("written");
    let error = stage.session.query(SELECT, (1,)).await.expect_err("no value of this policy");
    assert_eq!((error.kind(), error.column()), (ErrorKind::Rows, Some((2, "ssn"))), "{error}");
    let source = std::error::Error::source(&error).expect("a reason");
    assert_eq!(source.downcast_ref(), Some(&EncryptionError::Malformed(15)));

    stage.session.execute(&insert, person(2)).await.expect("written");
    let stored = server.query("SELECT ssn FROM people WHERE id = 2", ()).await.expect("read");
    let mut changed = stored.single_row::<Scalar<Vec<u8>>>().expect("a blob").0;
    changed[20] ^= 1;
    server.query(plain, (2, "a", changed)).await.expect("written");
    let error = stage.session.query(SELECT, (2,)).await.expect_err("changed on the server");
    let source = std::error::Error::source(&error).expect("a reason");
    assert_eq!(source.downcast_ref(), Some(&EncryptionError::NotAuthentic));
    assert!(!format!("{error:?} {error}").contains("123-45"), "no part of a value");

    // A column that is no blob.
    stage.run("ALTER TABLE people DROP scores").await;
    stage.run("ALTER TABLE people ADD other int").await;
    let wrong = Aes256GcmColumnEncryption::new()
        .key(1, &EncryptionKey::new([1; 32]))
        .and_then(|policy| policy.column(ColumnRef { column: "other", ..SSN }, CqlType::Int, 1))
        .expect("one key");
    let session = Session::builder().contact_points(stage.cluster.addresses()).keyspace("ks");
    let session = session.column_encryption(Arc::new(wrong)).connect().await.expect("connects");
    let error = session.prepare("INSERT INTO people (id, other) VALUES (?, ?)").await.expect_err("no blob");
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("\"other\"") && error.to_string().contains("int"), "{error}");
}

#[tokio::test]
async fn pages_of_encrypted_rows_end_where_they_ended() {
    let (stage, _) = stage(recommended()).await;
    stage.run(PEOPLE).await;
    let insert = stage.prepare(INSERT).await;
    stage.session.execute_concurrent_with_args(&insert, (0..50).map(person)).run().await.expect("written");
    let select = stage.prepare("SELECT id, ssn FROM people").await.page_size(20);
    let (mut page, mut ids) = (None, Vec::new());
    loop {
        let result = stage.session.execute_page(&select, (), page).await.expect("a page");
        ids.extend(result.rows::<(i32, &str)>().expect("fits").map(|row| row.expect("reads").0));
        page = result.paging_state();
        if page.is_none() {
            break;
        }
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..50).collect::<Vec<_>>());
}
