//! Rows that know what has changed of them.

use std::collections::HashSet;
use std::time::Duration;

use chorus::mapper::{Counter, MapperError, Tracked};
use chorus_node::{Fault, Requests};

use crate::tables::{Hits, Reading, Shop, User};

async fn stored(shop: &Shop, id: i64) -> User {
    shop.mapper.get::<User>((id,)).await.expect("there")
}

#[tokio::test]
async fn new_row_is_inserted_and_then_updated() {
    let shop = Shop::open().await;
    let mut user = Tracked::new(User::new(1, "Io"));
    assert!(!user.is_persisted() && user.is_changed());
    assert_eq!(user.changed(), ["id", "name"]);
    assert!(user.save(&shop.mapper).await.expect("inserted").was_sent());
    assert!(user.is_persisted() && !user.is_changed());
    assert!(!user.save(&shop.mapper).await.expect("nothing to do").was_sent());
    user.email = Some("io@example.org".into());
    user.tags.insert("a".into());
    assert_eq!(user.changed(), ["email", "tags"]);
    shop.mapper.save(&mut user).await.expect("updated");
    assert_eq!(stored(&shop, 1).await, *user);
}

#[tokio::test]
async fn only_what_has_changed_is_written() {
    let shop = Shop::with_users(1).await;
    let mut mine = shop.mapper.get::<User>((1,)).tracked().await.expect("there");
    assert!(!mine.is_changed(), "what was read has not changed");
    shop.mapper.update::<User>((1,)).set(User::VERSION, 9).await.expect("somebody else's");
    mine.name = "mine".into();
    mine.save(&shop.mapper).await.expect("saved");
    let both = stored(&shop, 1).await;
    assert_eq!((both.name.as_str(), both.version), ("mine", Some(9)));
}

#[tokio::test]
async fn what_became_null_is_deleted_with_the_rest() {
    let shop = Shop::with_users(1).await;
    shop.mapper.update::<User>((1,)).set(User::EMAIL, "e").set(User::VERSION, 1).await.expect("updated");
    let mut user = shop.mapper.find::<User>((1,)).tracked().await.expect("read").expect("there");
    user.email = None;
    user.version = Some(2);
    assert_eq!((user.changed(), user.deleted()), (vec!["email", "version"], vec!["email"]));
    assert_eq!(user.previous(User::EMAIL).expect("text"), Some("e".to_owned()));
    assert_eq!(user.previous(User::VERSION).expect("a number"), Some(1));
    user.save(&shop.mapper).await.expect("saved");
    assert_eq!(stored(&shop, 1).await, *user);
    assert_eq!(user.previous(User::EMAIL).expect("nothing"), None);
    let absent = chorus::mapper::Column::<User, i32>::named("absent");
    assert!(matches!(user.previous(absent), Err(MapperError::Statement { .. })));
    let wrong = chorus::mapper::Column::<User, i32>::named("name");
    assert!(matches!(user.previous(wrong), Err(MapperError::Request(_))));
}

#[tokio::test]
async fn collections_of_two_writers_are_joined() {
    let shop = Shop::open().await;
    let mut user = User::new(1, "Io");
    user.tags = ["a", "b"].map(str::to_owned).into();
    user.steps = vec![1, 2];
    user.marks = [("x".to_owned(), 1), ("y".to_owned(), 2)].into();
    shop.mapper.insert(&user).await.expect("inserted");
    let read = || async { shop.mapper.get::<User>((1,)).tracked().await.expect("there") };
    let (mut one, mut other) = (read().await, read().await);
    one.tags.remove("a");
    one.tags.insert("c".into());
    one.steps.push(3);
    one.marks.insert("x".into(), 5);
    other.tags.insert("d".into());
    other.steps.insert(0, 0);
    other.marks.remove("y");
    other.marks.insert("z".into(), 3);
    one.save(&shop.mapper).await.expect("saved");
    other.save(&shop.mapper).await.expect("saved");
    let both = stored(&shop, 1).await;
    assert_eq!(both.tags, ["b", "c", "d"].map(str::to_owned).into());
    assert_eq!(both.steps, [0, 1, 2, 3]);
    assert_eq!(both.marks, [("x".to_owned(), 5), ("z".to_owned(), 3)].into());
    let mut user = read().await;
    user.steps = vec![2, 1];
    user.tags.clear();
    user.save(&shop.mapper).await.expect("saved");
    let after = stored(&shop, 1).await;
    assert_eq!((after.steps, after.tags.len()), (vec![2, 1], 0));
}

#[tokio::test]
async fn row_with_another_key_is_inserted_there() {
    let shop = Shop::with_users(1).await;
    shop.mapper.insert(&User { email: Some("there".into()), ..User::new(2, "old") }).await.expect("inserted");
    shop.mapper.update::<User>((1,)).set(User::EMAIL, "e").await.expect("updated");
    let mut user = shop.mapper.get::<User>((1,)).tracked().await.expect("there");
    user.id = 2;
    user.email = None;
    user.save(&shop.mapper).await.expect("inserted");
    let moved = stored(&shop, 2).await;
    assert_eq!((moved.name.as_str(), moved.email), ("a", None));
    assert_eq!(stored(&shop, 1).await.email.as_deref(), Some("e"), "the former row stays");
    assert!(!user.is_changed());
}

#[tokio::test]
async fn static_columns_are_saved_without_the_clustering_key() {
    let shop = Shop::with_readings().await;
    let mut reading = shop.mapper.get::<Reading>((1, Some(2))).tracked().await.expect("there");
    reading.place = Some("roof".into());
    reading.save(&shop.mapper).await.expect("saved");
    let mut partition =
        Tracked::new(Reading { sensor: 9, at: None, place: Some("attic".into()), value: None });
    partition.save(&shop.mapper).await.expect("inserted");
    partition.place = Some("cellar".into());
    partition.save(&shop.mapper).await.expect("updated");
    let places =
        shop.mapper.select::<Reading>().only((Reading::SENSOR, Reading::PLACE.optional())).distinct();
    let places: HashSet<_> = places.all().await.expect("read").into_iter().collect();
    let expected = [(1, Some("roof".to_owned())), (2, None), (9, Some("cellar".to_owned()))];
    assert_eq!(places, HashSet::from(expected));
}

#[tokio::test]
async fn counters_are_saved_by_their_difference() {
    let shop = Shop::open().await;
    let new = Hits { page: "/".into(), day: 1, seen: Counter(5), sold: Counter(0) };
    let mut hits = Tracked::new(new);
    hits.save(&shop.mapper).await.expect("counted");
    shop.mapper.update::<Hits>(("/".into(), 1)).increment(Hits::SEEN, 100).await.expect("somebody else's");
    hits.seen = Counter(2);
    hits.sold = Counter(1);
    hits.save(&shop.mapper).await.expect("counted");
    assert!(!hits.save(&shop.mapper).await.expect("nothing to do").was_sent());
    let there = shop.mapper.get::<Hits>(("/".into(), 1)).await.expect("there");
    assert_eq!((there.seen, there.sold), (Counter(102), Counter(1)));
}

#[tokio::test]
async fn save_that_failed_is_made_up_for_by_the_next() {
    let shop = Shop::with_users(1).await;
    let mut user = shop.mapper.get::<User>((1,)).tracked().await.expect("there");
    user.name = "x".repeat(21);
    assert!(matches!(user.save(&shop.mapper).await, Err(MapperError::Invalid(_))));
    user.name = "good".into();
    let lost = shop.cluster.faults().add(Requests::containing("UPDATE"), Fault::DropAnswer);
    let error = user.save(&shop.mapper).timeout(Duration::from_millis(100)).await.expect_err("no answer");
    assert!(matches!(&error, MapperError::Request(error) if error.is_timeout()), "{error}");
    assert_eq!(user.changed(), ["name"], "nobody knows, so it is still to be written");
    shop.cluster.faults().remove(lost);
    user.save(&shop.mapper).await.expect("saved");
    assert_eq!((stored(&shop, 1).await, user.is_changed()), ((*user).clone(), false));
}

#[tokio::test]
async fn conditions_hold_or_leave_the_row_changed() {
    let shop = Shop::with_users(1).await;
    let mut user = shop.mapper.get::<User>((1,)).tracked().await.expect("there");
    user.version = Some(1);
    let refused = user.save(&shop.mapper).if_(User::NAME.eq("z")).await;
    assert!(matches!(refused, Err(MapperError::NotApplied { .. })), "{refused:?}");
    assert_eq!(user.changed(), ["version"]);
    user.save(&shop.mapper).if_(User::NAME.eq("a")).await.expect("holds");
    let mut twin = Tracked::new(User::new(1, "twin"));
    assert!(matches!(twin.save(&shop.mapper).if_not_exists().await, Err(MapperError::NotApplied { .. })));
    assert!(!twin.is_persisted());
}

#[tokio::test]
async fn removed_row_is_new_again() {
    let shop = Shop::with_users(1).await;
    let mut user = shop.mapper.get::<User>((1,)).tracked().await.expect("there");
    user.remove(&shop.mapper).await.expect("deleted");
    assert!(!user.is_persisted());
    assert_eq!(shop.mapper.find::<User>((1,)).await.expect("read"), None);
    user.save(&shop.mapper).await.expect("inserted");
    assert_eq!(stored(&shop, 1).await, user.into_inner());
}

#[tokio::test]
async fn selected_rows_are_tracked_too() {
    let shop = Shop::with_users(3).await;
    let mut users = shop.mapper.select::<User>().tracked().all().await.expect("read");
    for user in &mut users {
        user.version = Some(7);
        user.save(&shop.mapper).await.expect("saved");
    }
    let versions = shop.mapper.select::<User>().only(User::VERSION).all().await.expect("read");
    assert_eq!(versions, [7; 3]);
    assert_eq!(users[0], users[0].clone(), "tracked rows are compared by what they are");
}
