//! The main ways of the mapper, on the embedded node, and in `real` on Cassandra: what servers must take word for word.

use std::time::Duration;

use chorus::Session;
use chorus::mapper::{Counter, Mapper, MapperError, Operator, TokenBound, Tracked, token};
use chorus_node::EmbeddedCluster;

use crate::tables::{Hits, Reading, User, make_tables};

#[tokio::test]
async fn main_ways_work_on_the_embedded_node() {
    let cluster = EmbeddedCluster::start(1).expect("the node starts");
    let session = Session::builder().contact_points(cluster.addresses()).connect().await.expect("connects");
    make_tables(&session, "mapped").await;
    go_the_main_ways(&Mapper::new(&session)).await;
}

pub(crate) async fn go_the_main_ways(mapper: &Mapper) {
    rows_and_collections(mapper).await;
    conditions(mapper).await;
    tracked_rows(mapper).await;
    partitions(mapper).await;
    counters_and_batches(mapper).await;
}

async fn rows_and_collections(mapper: &Mapper) {
    let user = User { tags: ["a".to_owned()].into(), steps: vec![1], ..User::new(1, "Io") };
    mapper.insert(&user).ttl(Duration::from_secs(600)).timestamp(1_000_000).await.expect("inserted");
    mapper.insert(&user).await.expect("inserted again");
    mapper
        .update::<User>((1,))
        .ttl(Duration::from_secs(600))
        .timestamp(Duration::from_secs(1))
        .set(User::NAME, "Ion")
        .clear(User::EMAIL)
        .add(User::TAGS, ["b", "c"])
        .remove(User::TAGS, ["a"])
        .append(User::STEPS, [2])
        .prepend(User::STEPS, [-1, 0])
        .put(User::MARKS, "x", 1)
        .put_all(User::MARKS, [("y", 2), ("z", 3)])
        .await
        .expect("updated");
    let after = mapper.get::<User>((1,)).await.expect("there");
    assert_eq!((after.name.as_str(), &after.steps[..], after.marks.len()), ("Ion", &[-1, 0, 1, 2][..], 3));
    assert_eq!(after.tags, ["b", "c"].map(str::to_owned).into());
    let later = Duration::from_secs(2);
    let update = || mapper.update::<User>((1,)).timestamp(later);
    update().replace(User::STEPS, 0, 9).remove_keys(User::MARKS, ["y"]).await.expect("updated");
    update().remove_all(User::STEPS, [1]).await.expect("updated");
    mapper.delete::<User>((1,)).timestamp(later).entry(User::MARKS, "z").await.expect("deleted");
    let after = mapper.get::<User>((1,)).await.expect("there");
    assert_eq!((after.steps, after.marks), (vec![9, 0, 2], [("x".to_owned(), 1)].into()));
    let found = mapper.select::<User>().filter(User::ID.is_in([1, 2])).only(User::NAME).all().await;
    assert_eq!(found.expect("read"), ["Ion"]);
    let searched = mapper.select::<User>().filter(User::TAGS.contains("b")).allow_filtering();
    assert_eq!(searched.filter(User::MARKS.contains_key("x")).count().await.expect("read"), 1);
    let named = mapper.table("mapped", "user").select().filter("id", Operator::Equal, 1_i64);
    assert_eq!(named.only(["name"]).one::<(String,)>().await.expect("one"), ("Ion".to_owned(),));
    mapper.delete::<User>((1,)).timestamp(Duration::from_secs(3)).await.expect("deleted");
    assert_eq!(mapper.find::<User>((1,)).await.expect("read"), None);
}

async fn conditions(mapper: &Mapper) {
    let user = User { version: Some(1), ..User::new(2, "Ada") };
    mapper.insert(&user).if_not_exists().await.expect("it is new");
    let refused = mapper.insert(&User::new(2, "Eve")).if_not_exists().await;
    let Err(MapperError::NotApplied { existing, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(existing.read::<User>().expect("all of it"), Some(user));
    let update = || mapper.update::<User>((2,)).set(User::NAME, "Ida");
    update().if_(User::VERSION.eq(1)).if_(User::NAME.ne("Eve")).await.expect("holds");
    let refused = update().if_(User::VERSION.is_in([5, 6])).await;
    let Err(MapperError::NotApplied { existing, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(existing.value::<i32>("version").expect("shown"), 1);
    mapper.delete::<User>((2,)).if_exists().await.expect("it is there");
    assert!(matches!(update().if_exists().await, Err(MapperError::NotApplied { .. })));
}

async fn tracked_rows(mapper: &Mapper) {
    let mut user = Tracked::new(User { email: Some("e".into()), ..User::new(3, "Bo") });
    user.marks = [("x".to_owned(), 1), ("y".to_owned(), 2)].into();
    user.steps = vec![1, 2];
    user.save(mapper).await.expect("inserted");
    user.email = None;
    user.tags.insert("t".into());
    user.marks.remove("x");
    user.marks.insert("z".into(), 3);
    user.steps.insert(0, 0);
    user.steps.push(3);
    user.save(mapper).await.expect("updated");
    assert_eq!(mapper.get::<User>((3,)).await.expect("there"), *user);
    assert!(!user.save(mapper).await.expect("nothing to do").was_sent());
}

async fn partitions(mapper: &Mapper) {
    let rows: Vec<Reading> = (1..=20).map(|at| Reading::new(i64::from(at % 2), at, f64::from(at))).collect();
    let report = mapper.insert_all::<Reading>(&rows).await.expect("written");
    assert_eq!(report.written, 20);
    let of_one = || mapper.select::<Reading>().filter(Reading::SENSOR.eq(1));
    let newest = of_one().order_by(Reading::AT.desc()).limit(2).only(Reading::AT).all().await.expect("read");
    assert_eq!(newest, [19, 17]);
    mapper.update::<Reading>((1, Some(1))).set(Reading::PLACE, "roof").await.expect("updated");
    let mut places = mapper.select::<Reading>().only((Reading::SENSOR, Reading::PLACE.optional())).distinct();
    places = places.allow_filtering();
    assert!(places.all().await.expect("read").contains(&(1, Some("roof".to_owned()))));
    let low = mapper.select::<Reading>().filter(token().le(TokenBound::of((1,)))).per_partition_limit(1);
    let high = mapper.select::<Reading>().filter(token().gt(TokenBound::of((1,)))).per_partition_limit(1);
    assert_eq!(low.all().await.expect("read").len() + high.all().await.expect("read").len(), 2);
    mapper.delete_where([Reading::SENSOR.eq(1), Reading::AT.gt(3)]).await.expect("deleted");
    assert_eq!(of_one().count().await.expect("read"), 2);
    mapper.delete::<Reading>((1, Some(1))).column(Reading::PLACE).await.expect("deleted");
    let partition = Reading { sensor: 1, at: None, place: None, value: None };
    mapper.remove(&partition).await.expect("deleted");
    assert_eq!(of_one().first().await.expect("read"), None);
}

async fn counters_and_batches(mapper: &Mapper) {
    let count = |day: i32| mapper.update::<Hits>(("/".into(), day)).increment(Hits::SEEN, 2);
    mapper.batch().counter().push(count(1)).push(count(2)).await.expect("counted");
    count(1).decrement(Hits::SOLD, 1).await.expect("counted");
    let mut hits = mapper.get::<Hits>(("/".into(), 1)).tracked().await.expect("there");
    assert_eq!((hits.seen, hits.sold), (Counter(4), Counter(-1)));
    hits.seen = Counter(3);
    hits.save(mapper).await.expect("counted");
    assert_eq!(mapper.get::<Hits>(("/".into(), 1)).await.expect("there").seen, Counter(3));
    let (one, other) = (User::new(8, "h"), User::new(9, "i"));
    let batch =
        mapper.batch().insert(&one).push(mapper.insert(&other).ttl(Duration::from_secs(60)).timestamp(5));
    batch.push(mapper.delete::<User>((3,))).await.expect("written");
    assert_eq!(mapper.find::<User>((3,)).await.expect("read"), None);
    let held = mapper.update::<User>((8,)).set(User::VERSION, 1).if_(User::NAME.eq("h"));
    mapper.batch().push(held).await.expect("holds");
    let refused = mapper.batch().push(mapper.insert(&other).if_not_exists()).await;
    assert!(matches!(refused, Err(MapperError::NotApplied { .. })), "{refused:?}");
}
