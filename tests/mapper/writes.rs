//! Inserting, updating and deleting.

use std::time::{Duration, SystemTime};

use chorus::mapper::{MapperError, Written};
use chorus::{Consistency, ErrorKind};
use chorus_node::{Fault, Requests};

use crate::tables::{Hits, Reading, Shop, User};

async fn user(shop: &Shop, id: i64) -> User {
    shop.mapper.get::<User>((id,)).await.expect("there")
}

fn full() -> User {
    User {
        id: 1,
        name: "Io".into(),
        email: Some("io@example.org".into()),
        version: Some(3),
        tags: ["a".to_owned(), "b".to_owned()].into(),
        steps: vec![1, 2, 3],
        marks: [("x".to_owned(), 1)].into(),
    }
}

#[tokio::test]
async fn inserted_row_is_read_back_by_its_key() {
    let shop = Shop::open().await;
    let written =
        shop.mapper.insert(&full()).consistency(Consistency::One).tracing(true).await.expect("inserted");
    assert!(written.was_sent() && written.result().expect("sent").tracing_id().is_some());
    assert_eq!(user(&shop, 1).await, full());
    assert_eq!(shop.mapper.find::<User>((1,)).await.expect("read"), Some(full()));
    assert_eq!(shop.mapper.find::<User>((2,)).await.expect("read"), None);
    let missing = shop.mapper.get::<User>((2,)).await.expect_err("not there");
    assert!(matches!(missing, MapperError::NotFound { table } if table == "user"));
}

#[tokio::test]
async fn nulls_leave_what_is_there_unless_they_are_to_be_written() {
    let shop = Shop::open().await;
    shop.mapper.insert(&full()).await.expect("inserted");
    let poor = User::new(1, "Ion");
    shop.mapper.insert(&poor).await.expect("inserted");
    assert_eq!(user(&shop, 1).await, User { name: "Ion".into(), ..full() });
    shop.mapper.insert(&poor).write_nulls().await.expect("inserted");
    assert_eq!(user(&shop, 1).await, poor);
}

#[tokio::test]
async fn nulls_are_left_out_where_the_protocol_has_no_unset() {
    use chorus::ProtocolVersion;
    let shop = Shop::with(|builder| builder.protocol_version(ProtocolVersion::V3)).await;
    shop.mapper.insert(&full()).await.expect("inserted");
    let expiring = Duration::from_secs(1000);
    shop.mapper
        .insert(&User::new(1, "Ion"))
        .ttl(expiring)
        .timestamp(Duration::from_secs(5))
        .await
        .expect("inserted");
    assert_eq!(user(&shop, 1).await, User { name: "Ion".into(), ..full() });
}

#[tokio::test]
async fn row_that_exists_is_not_inserted_again_and_is_told() {
    let shop = Shop::open().await;
    shop.mapper.insert(&full()).if_not_exists().await.expect("it is new");
    let error = shop.mapper.insert(&User::new(1, "Eve")).if_not_exists().await.expect_err("it is there");
    let MapperError::NotApplied { table, existing } = &error else { panic!("{error}") };
    assert_eq!(table, "user");
    assert_eq!(existing.value::<String>("name").expect("shown"), "Io");
    assert_eq!(existing.read::<User>().expect("all of it"), Some(full()));
    assert!(existing.columns().all(|column| &*column.name != "[applied]"));
    let shown = format!("{existing:?}");
    assert!(shown.contains("Io") && !shown.contains("applied"), "{shown}");
    assert_eq!(user(&shop, 1).await, full());
}

#[tokio::test]
async fn time_to_live_and_write_time_are_those_asked_for() {
    let shop = Shop::open().await;
    let hour = Duration::from_secs(3600);
    shop.mapper.insert(&full()).ttl(hour).timestamp(1_000_000).await.expect("inserted");
    let session = shop.mapper.session();
    let times = || session.query("SELECT TTL(name), WRITETIME(name) FROM user WHERE id = 1", ());
    let (ttl, time): (i32, i64) = times().await.expect("read").single_row().expect("a row");
    assert!((3590..=3600).contains(&ttl) && time == 1_000_000, "{ttl} {time}");
    shop.mapper.update::<User>((1,)).set(User::NAME, "late").timestamp(999_999).await.expect("written");
    assert_eq!(user(&shop, 1).await.name, "Io", "an older write does not win");
    let soon = SystemTime::now();
    shop.mapper.update::<User>((1,)).ttl(hour).set(User::NAME, "new").timestamp(soon).await.expect("written");
    assert_eq!(user(&shop, 1).await.name, "new");
}

#[tokio::test]
async fn invalid_model_is_not_sent() {
    let shop = Shop::open().await;
    let rule = shop.cluster.faults().add(Requests::all(), Fault::Close);
    let error = shop.mapper.insert(&User::new(1, &"x".repeat(21))).await.expect_err("too long");
    assert!(matches!(&error, MapperError::Invalid(invalid) if invalid.column == "name"), "{error}");
    assert_eq!(shop.cluster.faults().remove(rule), Some(0));
}

#[tokio::test]
async fn every_column_changes_in_its_own_ways() {
    let shop = Shop::open().await;
    shop.mapper.insert(&full()).await.expect("inserted");
    let update = || shop.mapper.update::<User>((1,));
    update()
        .set(User::NAME, "Ion")
        .clear(User::EMAIL)
        .set_or_clear(User::VERSION, Some(4))
        .add(User::TAGS, ["c", "d"])
        .remove(User::TAGS, ["a"])
        .prepend(User::STEPS, [-1, 0])
        .append(User::STEPS, [4])
        .put(User::MARKS, "y", 2)
        .remove_keys(User::MARKS, ["x"])
        .await
        .expect("updated");
    let expected = User {
        name: "Ion".into(),
        email: None,
        version: Some(4),
        tags: ["b", "c", "d"].map(str::to_owned).into(),
        steps: vec![-1, 0, 1, 2, 3, 4],
        marks: [("y".to_owned(), 2)].into(),
        ..full()
    };
    assert_eq!(user(&shop, 1).await, expected);
    update()
        .replace(User::STEPS, 0, 9)
        .put_all(User::MARKS, [("y", 5), ("z", 6)])
        .set_or_clear(User::VERSION, None::<i32>)
        .await
        .expect("updated");
    update().remove_all(User::STEPS, [1, 3]).await.expect("updated");
    let after = user(&shop, 1).await;
    assert_eq!((after.steps, after.version), (vec![9, 0, 2, 4], None));
    assert_eq!(after.marks, [("y".to_owned(), 5), ("z".to_owned(), 6)].into());
    let nothing: Written = update().await.expect("fine");
    assert!(!nothing.was_sent());
}

#[tokio::test]
async fn conditions_decide_and_tell_what_is_there() {
    let shop = Shop::open().await;
    shop.mapper.insert(&full()).await.expect("inserted");
    let update = |version: i32| {
        shop.mapper.update::<User>((1,)).set(User::VERSION, version + 1).if_(User::VERSION.eq(version))
    };
    update(3).if_(User::NAME.ne("Eve")).await.expect("holds");
    let error = update(3).await.expect_err("it is 4 now");
    let MapperError::NotApplied { existing, .. } = &error else { panic!("{error}") };
    assert_eq!(existing.value::<i32>("version").expect("shown"), 4);
    let absent = shop.mapper.update::<User>((2,)).set(User::VERSION, 1).if_exists().await;
    let Err(MapperError::NotApplied { existing, .. }) = absent else { panic!("{absent:?}") };
    assert!(existing.is_empty());
    assert_eq!(existing.read::<User>().expect("nothing"), None);
    let delete = || shop.mapper.delete::<User>((1,));
    delete().if_(User::VERSION.lt(4)).await.expect_err("it is 4");
    delete().if_(User::VERSION.is_in([4, 5])).await.expect("holds");
    delete().if_exists().await.expect_err("it is gone");
}

#[tokio::test]
async fn null_in_a_comparison_is_refused_before_it_is_sent() {
    let shop = Shop::open().await;
    let nobody = chorus::mapper::Column::<User, chorus::MaybeUnset<i32>>::named("version");
    let unset = || nobody.eq(chorus::MaybeUnset::Unset);
    let update = shop.mapper.update::<User>((1,)).set(User::NAME, "x").if_(unset()).await;
    let Err(MapperError::Request(error)) = update else { panic!("{update:?}") };
    assert_eq!((error.kind(), error.column().map(|(_, name)| name)), (ErrorKind::Values, Some("version")));
    let select = shop.mapper.select::<User>().filter(unset()).allow_filtering().all().await;
    assert!(matches!(select, Err(MapperError::Request(error)) if error.kind() == ErrorKind::Values));
}

#[tokio::test]
async fn static_columns_are_written_without_a_row() {
    let shop = Shop::open().await;
    let partition = Reading { sensor: 1, at: None, place: Some("roof".into()), value: Some(5.0) };
    shop.mapper.insert(&partition).await.expect("inserted");
    shop.mapper.insert(&Reading::new(1, 7, 2.5)).await.expect("inserted");
    let row = shop.mapper.get::<Reading>((1, Some(7))).await.expect("there");
    assert_eq!(row.place.as_deref(), Some("roof"));
    shop.mapper.update::<Reading>((1, Some(7))).set(Reading::PLACE, "cellar").await.expect("updated");
    shop.mapper.update_where([Reading::SENSOR.eq(2)]).set(Reading::PLACE, "attic").await.expect("updated");
    let places = shop.mapper.select::<Reading>().only((Reading::SENSOR, Reading::PLACE)).distinct();
    let mut places: Vec<(i64, String)> = places.all().await.expect("read");
    places.sort();
    assert_eq!(places, [(1, "cellar".to_owned()), (2, "attic".to_owned())]);
    shop.mapper.delete::<Reading>((1, Some(7))).column(Reading::PLACE).await.expect("deleted");
    assert_eq!(shop.mapper.get::<Reading>((1, Some(7))).await.expect("there").place, None);
}

#[tokio::test]
async fn several_rows_are_updated_and_deleted_by_filters() {
    let shop = Shop::with_readings().await;
    let sensors = || Reading::SENSOR.is_in([1, 2]);
    shop.mapper.update_where([sensors(), Reading::AT.eq(2)]).set(Reading::VALUE, 0.5).await.expect("updated");
    for sensor in [1, 2] {
        assert_eq!(shop.mapper.get::<Reading>((sensor, Some(2))).await.expect("there").value, Some(0.5));
    }
    shop.mapper.delete_where([Reading::SENSOR.eq(1), Reading::AT.gt(2)]).await.expect("deleted");
    let of = |sensor| shop.mapper.select::<Reading>().filter(Reading::SENSOR.eq(sensor)).count();
    assert_eq!((of(1).await.expect("read"), of(2).await.expect("read")), (2, 4));
    shop.mapper.delete_where([sensors()]).await.expect("deleted");
    assert_eq!(shop.mapper.select::<Reading>().count().await.expect("read"), 0);
    let error = shop.mapper.delete_where([Reading::AT.eq(1)]).await.expect_err("which partition?");
    assert!(matches!(error, MapperError::Statement { .. }), "{error}");
}

#[tokio::test]
async fn columns_and_entries_are_deleted_alone() {
    let shop = Shop::open().await;
    shop.mapper.insert(&full()).await.expect("inserted");
    shop.mapper.delete::<User>((1,)).column(User::EMAIL).entry(User::MARKS, "x").await.expect("deleted");
    let after = user(&shop, 1).await;
    assert_eq!(after, User { email: None, marks: Default::default(), ..full() });
    shop.mapper.remove(&after).await.expect("deleted");
    assert_eq!(shop.mapper.find::<User>((1,)).await.expect("read"), None);
}

#[tokio::test]
async fn model_without_its_clustering_key_stands_for_the_partition() {
    let shop = Shop::with_readings().await;
    let partition = Reading { sensor: 1, at: None, place: None, value: None };
    shop.mapper.remove(&partition).await.expect("deleted");
    let left = shop.mapper.select::<Reading>().only(Reading::SENSOR).all().await.expect("read");
    assert_eq!(left, [2; 4]);
}

#[tokio::test]
async fn counters_are_counted() {
    let shop = Shop::open().await;
    let update = || shop.mapper.update::<Hits>(("/".into(), 1));
    update().increment(Hits::SEEN, 5).await.expect("counted");
    update().decrement(Hits::SEEN, 2).increment(Hits::SOLD, 1).await.expect("counted");
    let hits = shop.mapper.get::<Hits>(("/".into(), 1)).await.expect("there");
    assert_eq!((hits.seen.0, hits.sold.0), (3, 1));
    let error = shop.mapper.insert(&hits).await.expect_err("counters are not inserted");
    assert!(matches!(error, MapperError::Statement { .. }), "{error}");
}

#[tokio::test]
async fn requests_go_to_the_partition_they_are_about() {
    let shop = Shop::open().await;
    let session = shop.mapper.session();
    let insert =
        "INSERT INTO shop.user (id, name, email, version, tags, steps, marks) VALUES (?, ?, ?, ?, ?, ?, ?)";
    let update = "UPDATE shop.user SET name = ? WHERE id = ?";
    shop.mapper.insert(&full()).await.expect("inserted");
    shop.mapper.update::<User>((1,)).set(User::NAME, "x").await.expect("updated");
    for (text, key) in [(insert, 0), (update, 1)] {
        let known = session.prepare(text).await.expect("it is known already");
        assert_eq!(known.partition_key_indexes(), [key], "{text}");
    }
    let sent = shop.cluster.watch(Requests::containing("shop.user"));
    shop.mapper.insert(&full()).await.expect("inserted");
    shop.mapper.update::<User>((1,)).set(User::NAME, "y").await.expect("updated");
    shop.mapper.get::<User>((1,)).await.expect("there");
    assert_eq!(sent.count(), 4, "one operation is one request; the first of its shape is prepared before");
}
