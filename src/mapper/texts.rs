//! The texts of all statements, word for word. Nothing is sent: they are made for a session that could.

use std::time::Duration;

use chorus_node::EmbeddedCluster;

use super::operation::Source;
use super::operation::sealed::Writes;
use super::test_models::{Hits, Visit};
use super::{Filter, Mapper, MapperError, Model, TokenBound, Tracked, token};
use crate::Session;

async fn mapper() -> (EmbeddedCluster, Mapper) {
    let cluster = EmbeddedCluster::start(1).expect("starts");
    let session = Session::builder().contact_points(cluster.addresses()).connect().await.expect("connects");
    (cluster, Mapper::new(&session))
}

fn text<'v>(write: impl Writes<'v>) -> String {
    match write.into_operation().expect("makes a statement").expect("is not empty").statement {
        Source::Text(text) => text,
        Source::Common(common, table) => common.text(table),
    }
}

/// The fault that keeps a write from being sent.
fn fault<'v>(write: impl Writes<'v>) -> String {
    write.into_operation().expect_err("makes no statement").to_string()
}

#[tokio::test]
async fn inserts_in_every_form() {
    let (_cluster, mapper) = mapper().await;
    let visit = Visit::new(1, Some(2));
    let all = "id, at, region, \"Name\", email, tags, note, marks, steps, sealed";
    let markers = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?";
    let insert = format!("INSERT INTO shop.visit ({all}) VALUES ({markers})");
    assert_eq!(text(mapper.insert(&visit)), insert);
    assert_eq!(text(mapper.insert(&visit).if_not_exists()), format!("{insert} IF NOT EXISTS"));
    let minute = Duration::from_secs(60);
    assert_eq!(text(mapper.insert(&visit).ttl(minute)), format!("{insert} USING TTL ?"));
    assert_eq!(text(mapper.insert(&visit).timestamp(5)), format!("{insert} USING TIMESTAMP ?"));
    assert_eq!(
        text(mapper.insert(&visit).if_not_exists().timestamp(5).ttl(minute)),
        format!("{insert} IF NOT EXISTS USING TTL ? AND TIMESTAMP ?")
    );
    let partition = Visit::new(1, None);
    assert_eq!(text(mapper.insert(&partition)), "INSERT INTO shop.visit (id, region) VALUES (?, ?)");
    let elsewhere = mapper.with_keyspace("Else");
    assert!(text(elsewhere.insert(&partition)).starts_with("INSERT INTO \"Else\".visit ("));
}

#[tokio::test]
async fn updates_in_every_form() {
    let (_cluster, mapper) = mapper().await;
    let update = || mapper.update::<Visit>((1, Some(2)));
    let check = |update, set: &str| {
        assert_eq!(text(update), format!("UPDATE shop.visit SET {set} WHERE id = ? AND at = ?"));
    };
    check(update().set(Visit::NAME, "Io"), "\"Name\" = ?");
    check(update().set(Visit::NAME, "Io").clear(Visit::EMAIL), "\"Name\" = ?, email = ?");
    check(update().add(Visit::TAGS, ["a", "b"]), "tags = tags + ?");
    check(update().remove(Visit::TAGS, ["a"]), "tags = tags - ?");
    check(update().add(Visit::TAGS, ["a"]).remove(Visit::TAGS, ["b"]), "tags = tags + ?, tags = tags - ?");
    check(update().append(Visit::STEPS, [1, 2]), "steps = steps + ?");
    check(update().prepend(Visit::STEPS, [1]), "steps = ? + steps");
    check(update().remove_all(Visit::STEPS, [1]), "steps = steps - ?");
    check(update().replace(Visit::STEPS, 0, 7), "steps[?] = ?");
    check(update().put(Visit::MARKS, "a", 1), "marks[?] = ?");
    check(update().put_all(Visit::MARKS, [("a", 1), ("b", 2)]), "marks = marks + ?");
    check(update().remove_keys(Visit::MARKS, ["a"]), "marks = marks - ?");
    check(update().set(Visit::REGION, "eu").set(Visit::NOTE, "n"), "region = ?, note = ?");
    assert_eq!(
        text(update().set(Visit::REGION, "eu")),
        "UPDATE shop.visit SET region = ? WHERE id = ?",
        "static columns have no clustering key"
    );
    assert_eq!(
        text(update().ttl(Duration::from_secs(1)).timestamp(2).set(Visit::NOTE, "n").if_exists()),
        "UPDATE shop.visit USING TTL ? AND TIMESTAMP ? SET note = ? WHERE id = ? AND at = ? IF EXISTS"
    );
    assert_eq!(
        text(update().set(Visit::NOTE, "n").if_(Visit::NAME.eq("Io")).if_(Visit::NOTE.ne("m"))),
        "UPDATE shop.visit SET note = ? WHERE id = ? AND at = ? IF \"Name\" = ? AND note != ?"
    );
    assert_eq!(
        text(mapper.update_where([Visit::ID.is_in([1, 2]), Visit::AT.eq(3)]).set(Visit::NOTE, "n")),
        "UPDATE shop.visit SET note = ? WHERE id IN ? AND at = ?"
    );
    assert_eq!(
        text(mapper.update::<Hits>(("/".into(), 3)).increment(Hits::SEEN, 1).decrement(Hits::SOLD, 2)),
        "UPDATE shop.\"Hits\" SET seen = seen + ?, sold = sold - ? WHERE page = ? AND day = ?"
    );
    let nothing = mapper.update::<Visit>((1, Some(2))).into_operation().expect("is fine");
    assert!(nothing.is_none(), "an update without assignments sends nothing");
}

#[tokio::test]
async fn deletions_in_every_form() {
    let (_cluster, mapper) = mapper().await;
    let delete = || mapper.delete::<Visit>((1, Some(2)));
    assert_eq!(text(delete()), "DELETE FROM shop.visit WHERE id = ? AND at = ?");
    assert_eq!(
        text(delete().timestamp(1).if_exists()),
        "DELETE FROM shop.visit USING TIMESTAMP ? WHERE id = ? AND at = ? IF EXISTS"
    );
    assert_eq!(
        text(delete().column(Visit::NAME).entry(Visit::MARKS, "a").timestamp(1).if_(Visit::NOTE.eq("n"))),
        "DELETE \"Name\", marks[?] FROM shop.visit USING TIMESTAMP ? WHERE id = ? AND at = ? IF note = ?"
    );
    assert_eq!(text(delete().column(Visit::REGION)), "DELETE region FROM shop.visit WHERE id = ?");
    assert_eq!(
        text(mapper.delete_where([Visit::ID.eq(1), Visit::AT.gt(2)])),
        "DELETE FROM shop.visit WHERE id = ? AND at > ?"
    );
    let (visit, partition) = (Visit::new(1, Some(2)), Visit::new(1, None));
    assert_eq!(text(mapper.remove(&visit)), "DELETE FROM shop.visit WHERE id = ? AND at = ?");
    assert_eq!(text(mapper.remove(&partition)), "DELETE FROM shop.visit WHERE id = ?");
}

#[tokio::test]
async fn selections_in_every_form() {
    let (_cluster, mapper) = mapper().await;
    let select = || mapper.select::<Visit>();
    let all = "SELECT id, at, region, \"Name\", email, tags, note, marks, steps, sealed FROM shop.visit";
    assert_eq!(select().cql().expect("fine"), all);
    let check = |filters: Vec<Filter<Visit>>, wanted: &str| {
        let text = select().allow_filtering().filters(filters).cql().expect("fine");
        assert_eq!(text, format!("{all} WHERE {wanted} ALLOW FILTERING"));
    };
    check(vec![Visit::ID.eq(1), Visit::AT.gt(2), Visit::AT.le(3)], "id = ? AND at > ? AND at <= ?");
    check(vec![Visit::ID.is_in([1, 2])], "id IN ?");
    check(vec![Visit::AT.ge(2), Visit::AT.lt(3)], "at >= ? AND at < ?");
    check(vec![Visit::TAGS.contains("a"), Visit::MARKS.contains(1)], "tags CONTAINS ? AND marks CONTAINS ?");
    check(vec![Visit::MARKS.contains_key("a")], "marks CONTAINS KEY ?");
    check(vec![Visit::NAME.like("I%"), Visit::EMAIL.is_not_null()], "\"Name\" LIKE ? AND email IS NOT NULL");
    check(
        vec![token().gt(TokenBound::of((1,))), token().le(TokenBound::at(5))],
        "token(id) > token(?) AND token(id) <= ?",
    );
    let hits = mapper.select::<Hits>().filter(token().ge(TokenBound::of(("/".into(), 1)))).only(Hits::SEEN);
    assert_eq!(
        hits.cql().expect("fine"),
        "SELECT seen FROM shop.\"Hits\" WHERE token(page, day) >= token(?, ?)"
    );
    assert_eq!(
        select()
            .only((Visit::NAME, Visit::AT))
            .filter(Visit::ID.eq(1))
            .order_by(Visit::AT.desc())
            .per_partition_limit(2)
            .limit(3)
            .cql()
            .expect("fine"),
        "SELECT \"Name\", at FROM shop.visit WHERE id = ? ORDER BY at DESC PER PARTITION LIMIT ? LIMIT ?"
    );
    let ordered = select().filter(Visit::ID.eq(1)).order_by(Visit::AT.asc()).limit(5);
    assert!(ordered.clone().cql().expect("fine").ends_with(" WHERE id = ? ORDER BY at ASC LIMIT ?"));
    assert_eq!(ordered.clone().unordered().limit(0).cql().expect("fine"), format!("{all} WHERE id = ?"));
    assert!(ordered.cql().expect("fine").ends_with("LIMIT ?"), "the selection it was made from is as it was");
    assert_eq!(select().partition_keys().cql().expect("fine"), "SELECT DISTINCT id FROM shop.visit");
    assert_eq!(
        select().only((Visit::ID, Visit::REGION.optional())).distinct().cql().expect("fine"),
        "SELECT DISTINCT id, region FROM shop.visit"
    );
    let mut counted = select().filter(Visit::ID.eq(1)).order_by(Visit::AT.desc()).limit(5);
    counted.count_only();
    assert_eq!(counted.cql().expect("fine"), "SELECT COUNT(*) FROM shop.visit WHERE id = ?");
}

#[tokio::test]
async fn what_makes_no_statement_is_told_with_the_way_out() {
    let (_cluster, mapper) = mapper().await;
    let update = || mapper.update::<Visit>((1, Some(2)));
    let absent = super::Column::<Visit, i32>::named("absent");
    assert!(fault(update().set(absent, 1)).contains("no column absent"));
    assert!(fault(update().set(Visit::ID, 1)).contains("insert the row with the new key"));
    assert!(fault(update().add(Visit::SEALED, [1])).contains("sealed is frozen"));
    assert!(fault(update().set(Visit::NOTE, "n").if_(Visit::AT.eq(1))).contains("of the primary key"));
    assert!(fault(update().set(Visit::NOTE, "n").if_(Visit::NAME.eq("a")).if_exists()).contains("if_exists"));
    assert!(fault(update().set(Visit::NOTE, "n").if_(token().eq(TokenBound::at(1)))).contains("token"));
    assert!(
        fault(mapper.update_where([Visit::AT.eq(1)]).set(Visit::NOTE, "n"))
            .contains("column id of the partition key")
    );
    assert!(fault(mapper.delete_where([Visit::ID.gt(1)])).contains("column id of the partition key"));
    assert!(fault(mapper.delete_where::<Visit>([])).contains("column id of the partition key"));
    assert!(fault(mapper.delete::<Visit>((1, Some(2))).column(Visit::AT)).contains("goes only with its row"));
    let hits = Hits { page: "/".into(), day: 1, seen: super::Counter(1), sold: super::Counter(0) };
    assert!(fault(mapper.insert(&hits)).contains("increment"));
    let count = || mapper.update::<Hits>(("/".into(), 3)).increment(Hits::SEEN, 1);
    assert!(fault(count().if_exists()).contains("not changed under conditions"));
    assert!(fault(count().if_(Hits::SOLD.eq(super::Counter(1)))).contains("not changed under conditions"));
    assert!(fault(count().set(Hits::SOLD, super::Counter(1))).contains("incremented"));
    let error = mapper.select::<Visit>().distinct().cql().expect_err("not distinct");
    assert!(error.to_string().contains("partition_keys"), "{error}");
}

#[tokio::test]
async fn tracked_rows_are_saved_by_their_difference() {
    let (_cluster, mapper) = mapper().await;
    let visit = |change: fn(&mut Visit)| {
        let mut before = Visit::new(1, Some(2));
        before.email = Some("e".into());
        before.tags = ["a".to_owned(), "b".to_owned()].into();
        before.marks = [("x".to_owned(), 1), ("y".to_owned(), 2)].into();
        before.steps = vec![1, 2];
        let mut tracked = Tracked::stored(before);
        change(&mut tracked);
        tracked
    };
    let check = |change: fn(&mut Visit), set: &str| {
        let mut tracked = visit(change);
        assert_eq!(
            text(mapper.save(&mut tracked)),
            format!("UPDATE shop.visit SET {set} WHERE id = ? AND at = ?")
        );
    };
    check(|visit| visit.name = Some("n".into()), "\"Name\" = ?");
    check(|visit| visit.email = None, "email = ?");
    check(
        |visit| {
            visit.tags.insert("c".into());
        },
        "tags = tags + ?",
    );
    check(
        |visit| {
            visit.tags.remove("a");
        },
        "tags = tags - ?",
    );
    check(|visit| visit.tags = ["a".to_owned(), "c".to_owned()].into(), "tags = tags + ?, tags = tags - ?");
    check(|visit| visit.tags.clear(), "tags = ?");
    check(|visit| visit.steps.push(3), "steps = steps + ?");
    check(|visit| visit.steps = vec![0, 1, 2, 3], "steps = ? + steps, steps = steps + ?");
    check(|visit| visit.steps = vec![2], "steps = ?");
    check(
        |visit| {
            visit.marks.insert("x".into(), 5);
        },
        "marks = marks + ?",
    );
    check(
        |visit| {
            visit.marks.remove("x");
        },
        "marks = marks - ?",
    );
    check(
        |visit| {
            visit.sealed.insert(1);
        },
        "sealed = ?",
    );
    let mut of_partition = visit(|visit| visit.region = Some("eu".into()));
    assert_eq!(text(mapper.save(&mut of_partition)), "UPDATE shop.visit SET region = ? WHERE id = ?");
    let mut unchanged = visit(|visit| visit.email = Some("e".into()));
    assert!(mapper.save(&mut unchanged).into_operation().expect("fine").is_none());
    let mut moved = visit(|visit| visit.at = Some(3));
    assert!(text(mapper.save(&mut moved)).starts_with("INSERT INTO shop.visit (id, at, "));
    let mut new = Tracked::new(Visit::new(1, Some(2)));
    assert!(text(mapper.save(&mut new).if_not_exists()).ends_with(" IF NOT EXISTS"));
    assert!(fault(mapper.save(&mut new).if_exists()).contains("to be inserted"));
    assert!(fault(mapper.save(&mut moved).if_(Visit::NOTE.eq("n"))).contains("to be inserted"));
    assert!(fault(mapper.save(&mut unchanged).if_not_exists()).contains("this one is"));
}

#[tokio::test]
async fn counters_are_saved_by_their_steps() {
    let (_cluster, mapper) = mapper().await;
    let hits = |seen, sold| Hits {
        page: "/".into(),
        day: 1,
        seen: super::Counter(seen),
        sold: super::Counter(sold),
    };
    let key = "WHERE page = ? AND day = ?";
    let mut new = Tracked::new(hits(5, 0));
    assert_eq!(
        text(mapper.save(&mut new)),
        format!("UPDATE shop.\"Hits\" SET seen = seen + ?, sold = sold + ? {key}")
    );
    let mut known = Tracked::stored(hits(5, 3));
    known.sold = super::Counter(1);
    assert_eq!(text(mapper.save(&mut known)), format!("UPDATE shop.\"Hits\" SET sold = sold - ? {key}"));
    let operation = mapper.save(&mut known).into_operation().expect("fine").expect("changed");
    assert!(!operation.idempotent);
}

#[tokio::test]
async fn what_may_be_sent_twice_is_known() {
    let (_cluster, mapper) = mapper().await;
    fn twice<'v>(write: impl Writes<'v>) -> bool {
        write.into_operation().expect("fine").expect("not empty").idempotent
    }
    let visit = Visit::new(1, Some(2));
    let update = || mapper.update::<Visit>((1, Some(2)));
    assert!(twice(mapper.insert(&visit)));
    assert!(!twice(mapper.insert(&visit).if_not_exists()));
    assert!(twice(mapper.insert(&visit).if_not_exists().idempotent(true)));
    assert!(twice(update().set(Visit::NOTE, "n").add(Visit::TAGS, ["a"]).put(Visit::MARKS, "a", 1)));
    assert!(!twice(update().set(Visit::NOTE, "n").append(Visit::STEPS, [1])));
    assert!(!twice(update().set(Visit::NOTE, "n").if_exists()));
    assert!(!twice(update().set(Visit::NOTE, "n").idempotent(false)));
    assert!(!twice(mapper.update::<Hits>(("/".into(), 1)).increment(Hits::SEEN, 1)));
    assert!(twice(mapper.delete::<Visit>((1, Some(2)))));
    assert!(!twice(mapper.delete::<Visit>((1, Some(2))).if_exists()));
}

#[tokio::test]
async fn tables_without_a_keyspace_are_told() {
    let (_cluster, mapper) = mapper().await;
    let mut table = Visit::table().clone();
    table.keyspace = None;
    let error = mapper.keyspace_of(&table).expect_err("nobody says where");
    assert!(matches!(error, MapperError::NoKeyspace { .. }));
    assert_eq!(&*mapper.with_keyspace("a").keyspace_of(&table).expect("said"), "a");
}
