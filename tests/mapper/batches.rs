//! Several writes as one.

use std::sync::atomic::{AtomicUsize, Ordering};

use chorus::Consistency;
use chorus::mapper::{Mapper, MapperError, Tracked};
use chorus_node::{Fault, Requests};

use crate::tables::{Hits, Reading, Shop, User};

#[tokio::test]
async fn members_of_every_kind_take_effect_together() {
    let shop = Shop::with_users(2).await;
    let (new, reading) = (User::new(3, "c"), Reading::new(1, 1, 0.5));
    let mut tracked = shop.mapper.get::<User>((1,)).tracked().await.expect("there");
    tracked.version = Some(5);
    let batch = shop
        .mapper
        .batch()
        .consistency(Consistency::One)
        .insert(&new)
        .insert(&reading)
        .push(shop.mapper.save(&mut tracked))
        .push(shop.mapper.update::<User>((1,)).add(User::TAGS, ["t"]))
        .push(shop.mapper.update::<User>((1,)))
        .push(shop.mapper.delete::<User>((2,)));
    assert_eq!((batch.len(), batch.is_empty()), (5, false), "an update without assignments is no member");
    assert!(batch.await.expect("written").was_sent());
    assert!(!tracked.is_changed());
    let mut users = shop.mapper.select::<User>().all().await.expect("read");
    users.sort_by_key(|user| user.id);
    let one = User { version: Some(5), tags: ["t".to_owned()].into(), ..User::new(1, "a") };
    assert_eq!(users, [one, new]);
    assert_eq!(shop.mapper.select::<Reading>().one().await.expect("one"), reading);
}

#[tokio::test]
async fn empty_batch_sends_nothing_and_calls_back() {
    let shop = Shop::open().await;
    let calls = AtomicUsize::new(0);
    let rule = shop.cluster.faults().add(Requests::all(), Fault::Close);
    let written = shop
        .mapper
        .batch()
        .after(|| {
            calls.fetch_add(1, Ordering::Relaxed);
        })
        .await
        .expect("fine");
    assert!(!written.was_sent());
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    assert_eq!(shop.cluster.faults().remove(rule), Some(0));
}

#[tokio::test]
async fn callbacks_come_in_order_after_success_and_never_after_a_failure() {
    let shop = Shop::open().await;
    let user = User::new(1, "a");
    let calls = std::sync::Mutex::new(Vec::new());
    let call = |name: &'static str| {
        let calls = &calls;
        move || calls.lock().expect("not poisoned").push(name)
    };
    shop.mapper.batch().insert(&user).after(call("first")).after(call("second")).await.expect("written");
    let bad = User::new(2, &"x".repeat(21));
    let failed = shop.mapper.batch().insert(&user).insert(&bad).after(call("third")).await;
    assert!(matches!(failed, Err(MapperError::Invalid(_))), "{failed:?}");
    assert_eq!(*calls.lock().expect("not poisoned"), ["first", "second"]);
    assert_eq!(shop.mapper.select::<User>().count().await.expect("read"), 1);
}

#[tokio::test]
async fn batch_that_is_dropped_is_not_sent() {
    let shop = Shop::open().await;
    let user = User::new(1, "a");
    drop(shop.mapper.batch().insert(&user));
    assert_eq!(shop.mapper.find::<User>((1,)).await.expect("read"), None);
}

#[tokio::test]
async fn condition_of_a_member_decides_for_all() {
    let shop = Shop::with_readings().await;
    let other = Reading::new(1, 9, 1.0);
    let update = |value: f64| {
        shop.mapper.update::<Reading>((1, Some(1))).set(Reading::VALUE, 0.0).if_(Reading::VALUE.eq(value))
    };
    let mut tracked = Tracked::new(other.clone());
    let refused = shop.mapper.batch().push(shop.mapper.save(&mut tracked)).push(update(99.0)).await;
    let Err(MapperError::NotApplied { existing, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(existing.value::<f64>("value").expect("shown"), 11.0);
    assert!(!tracked.is_persisted());
    assert_eq!(shop.mapper.find::<Reading>((1, Some(9))).await.expect("read"), None);
    shop.mapper.batch().insert(&other).push(update(11.0)).await.expect("holds");
    assert_eq!(shop.mapper.get::<Reading>((1, Some(9))).await.expect("there").value, Some(1.0));
}

#[tokio::test]
async fn times_of_the_batch_and_of_its_members_are_sent() {
    let shop = Shop::open().await;
    let (one, other) = (User::new(1, "a"), User::new(2, "b"));
    let batch = shop.mapper.batch().unlogged().timestamp(1000).insert(&one);
    batch.push(shop.mapper.insert(&other).timestamp(2000)).await.expect("written");
    for (id, expected) in [(1_i64, 1000), (2, 2000)] {
        let text = "SELECT WRITETIME(name) FROM user WHERE id = ?";
        let result = shop.mapper.session().query(text, (id,)).await.expect("read");
        assert_eq!(result.single_row::<(i64,)>().expect("a row"), (expected,));
    }
}

#[tokio::test]
async fn counters_are_counted_in_batches_of_their_own() {
    let shop = Shop::open().await;
    let update = |day: i32| shop.mapper.update::<Hits>(("/".into(), day)).increment(Hits::SEEN, 2);
    shop.mapper.batch().counter().push(update(1)).push(update(1)).push(update(2)).await.expect("counted");
    let seen = |day: i32| shop.mapper.get::<Hits>(("/".into(), day));
    assert_eq!(seen(1).await.expect("there").seen.0, 4);
    assert_eq!(seen(2).await.expect("there").seen.0, 2);
}

#[tokio::test]
async fn batch_goes_to_one_session() {
    let (shop, other) = (Shop::open().await, Shop::open().await);
    let user = User::new(1, "a");
    let error = shop.mapper.batch().push(other.mapper.insert(&user)).await.expect_err("another session");
    assert!(error.to_string().contains("one session"), "{error}");
    let same: Mapper = shop.mapper.with_keyspace("shop");
    shop.mapper.batch().push(same.insert(&user)).await.expect("the same session");
}
