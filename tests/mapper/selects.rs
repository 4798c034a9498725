//! Reading rows that are chosen by filters.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use chorus::mapper::{Mapper, MapperError, TokenBound, max_timeuuid, min_timeuuid, token};
use chorus::{CqlTimestamp, CqlTimeuuid, ErrorKind};
use futures::TryStreamExt;

use crate::tables::{Contact, Event, Reading, Shop, User, make_tables};

#[tokio::test]
async fn rows_are_filtered_ordered_and_limited() {
    let shop = Shop::with_readings().await;
    let of_one = || shop.mapper.select::<Reading>().filter(Reading::SENSOR.eq(1));
    let times = |rows: Vec<Reading>| rows.into_iter().filter_map(|row| row.at).collect::<Vec<_>>();
    assert_eq!(times(of_one().all().await.expect("read")), [1, 2, 3, 4]);
    let newest = of_one().order_by(Reading::AT.desc()).limit(2).all().await.expect("read");
    assert_eq!(times(newest), [4, 3]);
    let between = of_one().filters([Reading::AT.gt(1), Reading::AT.le(3)]).all().await.expect("read");
    assert_eq!(times(between), [2, 3]);
    let some = of_one().filter(Reading::AT.is_in([1, 4, 9])).all().await.expect("read");
    assert_eq!(times(some), [1, 4]);
    let none = of_one().filter(Reading::AT.is_in(Vec::<i32>::new())).all().await.expect("read");
    assert!(none.is_empty());
    let first_of_each = shop.mapper.select::<Reading>().per_partition_limit(1).all().await.expect("read");
    assert_eq!(times(first_of_each), [1, 1]);
    let filtered = shop.mapper.select::<Reading>().filter(Reading::VALUE.gt(23.0)).allow_filtering();
    assert_eq!(times(filtered.all().await.expect("read")), [4]);
}

#[tokio::test]
async fn selection_that_was_refined_is_as_it_was() {
    let shop = Shop::with_readings().await;
    let base = shop.mapper.select::<Reading>().filter(Reading::SENSOR.eq(1));
    let narrow = base.clone().filter(Reading::AT.gt(3));
    assert_eq!(narrow.count().await.expect("read"), 1);
    assert_eq!(base.count().await.expect("read"), 4);
}

#[tokio::test]
async fn one_row_is_asked_for_without_counting() {
    let shop = Shop::with_readings().await;
    let at =
        |at: i32| shop.mapper.select::<Reading>().filter(Reading::SENSOR.eq(1)).filter(Reading::AT.ge(at));
    assert_eq!(at(4).one().await.expect("one").at, Some(4));
    assert!(matches!(at(5).one().await, Err(MapperError::NotFound { table }) if table == "reading"));
    assert!(matches!(at(3).one().await, Err(MapperError::MultipleRows { table }) if table == "reading"));
    assert_eq!(at(5).at_most_one().await.expect("none"), None);
    assert!(matches!(at(1).at_most_one().await, Err(MapperError::MultipleRows { .. })));
    assert_eq!(at(3).first().await.expect("read").expect("a row").at, Some(3));
    assert_eq!(at(5).first().await.expect("read"), None);
    assert_eq!(at(3).limit(1).one().await.expect("one").at, Some(3), "who asks for one gets one");
}

#[tokio::test]
async fn results_come_page_by_page_without_a_hidden_limit() {
    let shop = Shop::open().await;
    let rows: Vec<Reading> = (0..12_000).map(|at| Reading::new(1, at, 0.0)).collect();
    let report = shop.mapper.insert_all::<Reading>(&rows).await.expect("written");
    assert_eq!(report.written, 12_000);
    let select = || shop.mapper.select::<Reading>().filter(Reading::SENSOR.eq(1));
    assert_eq!(select().all().await.expect("read").len(), 12_000);
    assert_eq!(select().count().await.expect("read"), 12_000);
    let mut stream = select().page_size(1000).only(Reading::AT).stream().await.expect("begun");
    let mut next = 0;
    while let Some(at) = stream.try_next().await.expect("read") {
        assert_eq!(at, next);
        next += 1;
    }
    assert_eq!(next, 12_000);
    let first = select().page_size(5000).page(None).await.expect("read");
    assert_eq!(first.items.len(), 5000);
    let second = select().page_size(5000).page(first.next).await.expect("read");
    assert_eq!(second.items[0].at, Some(5000));
    let last = select().page_size(5000).page(second.next).await.expect("read");
    assert_eq!((last.items.len(), last.next.is_some()), (2000, false));
}

#[tokio::test]
async fn columns_are_read_alone_as_tuples_and_as_structs() {
    let shop = Shop::with_users(3).await;
    shop.mapper.update::<User>((1,)).set(User::EMAIL, "a@example.org").await.expect("updated");
    let mut names = shop.mapper.select::<User>().only(User::NAME).all().await.expect("read");
    names.sort();
    assert_eq!(names, ["a", "b", "c"]);
    let of = |id: i64| shop.mapper.select::<User>().filter(User::ID.eq(id));
    let both = of(1).only((User::NAME, User::EMAIL)).one().await.expect("one");
    assert_eq!(both, ("a".to_owned(), "a@example.org".to_owned()));
    let absent = of(2).only((User::NAME, User::EMAIL.optional())).one().await.expect("one");
    assert_eq!(absent, ("b".to_owned(), None));
    let error = of(2).only(User::EMAIL).one().await.expect_err("null is no text");
    let MapperError::Request(error) = error else { panic!("{error}") };
    assert_eq!((error.kind(), error.column()), (ErrorKind::Rows, Some((0, "email"))));
    assert_eq!(of(2).only(User::EMAIL.optional()).one().await.expect("one"), None);
    let contact: Contact = of(1).fields::<Contact>().one().await.expect("one");
    assert_eq!(contact, Contact { name: "a".into(), email: Some("a@example.org".into()) });
}

#[tokio::test]
async fn indexed_columns_and_collections_are_searched() {
    let shop = Shop::with_users(3).await;
    let update = |id: i64| shop.mapper.update::<User>((id,));
    update(2)
        .set(User::EMAIL, "b@example.org")
        .add(User::TAGS, ["x"])
        .put(User::MARKS, "k", 7)
        .await
        .expect("updated");
    let by_email =
        shop.mapper.select::<User>().filter(User::EMAIL.eq("b@example.org")).one().await.expect("one");
    assert_eq!(by_email.id, 2);
    let select = || shop.mapper.select::<User>().allow_filtering().only(User::ID);
    assert_eq!(select().filter(User::TAGS.contains("x")).one().await.expect("one"), 2);
    assert_eq!(select().filter(User::MARKS.contains(7)).one().await.expect("one"), 2);
    assert_eq!(select().filter(User::MARKS.contains_key("k")).one().await.expect("one"), 2);
    assert_eq!(select().filter(User::TAGS.contains("y")).first().await.expect("read"), None);
}

#[tokio::test]
async fn selection_that_would_read_everything_is_refused_before_it_is_sent() {
    let shop = Shop::open().await;
    for (filter, complaint) in [
        (User::NAME.eq("a"), "no filter finds rows"),
        (User::ID.gt(1), "no filter finds rows"),
        (User::TAGS.contains("a"), "no filter finds rows"),
    ] {
        let error = shop.mapper.select::<User>().filter(filter).all().await.expect_err("refused");
        assert!(
            matches!(&error, MapperError::Statement { reason, .. } if reason.contains(complaint)),
            "{error}"
        );
    }
    let error = shop.mapper.select::<Reading>().filter(Reading::AT.eq(1)).all().await.expect_err("refused");
    assert!(error.to_string().contains("partition is not named"), "{error}");
}

#[tokio::test]
async fn partitions_are_listed_and_read_part_by_part() {
    let shop = Shop::with_readings().await;
    let mut keys = shop.mapper.select::<Reading>().partition_keys().all().await.expect("read");
    keys.sort();
    assert_eq!(keys, [(1,), (2,)]);
    let part = |filter| shop.mapper.select::<Reading>().filter(filter).only(Reading::SENSOR).all();
    let low = part(token().le(TokenBound::of((1,)))).await.expect("read");
    let high = part(token().gt(TokenBound::of((1,)))).await.expect("read");
    assert_eq!(low.len() + high.len(), 8);
    assert!(low.contains(&1) && !high.contains(&1));
    let (low, high): (HashSet<i64>, HashSet<i64>) = (low.into_iter().collect(), high.into_iter().collect());
    assert!(low.is_disjoint(&high));
    assert_eq!(part(token().ge(TokenBound::at(i64::MIN))).await.expect("read").len(), 8);
}

#[tokio::test]
async fn timeuuids_are_found_by_their_time() {
    let shop = Shop::open().await;
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_000);
    for second in 0..5 {
        let id = CqlTimeuuid::at(now + Duration::from_secs(second)).expect("in range");
        shop.mapper.insert(&Event { stream: 1, id, what: second.to_string() }).await.expect("inserted");
    }
    let instant = |second: i64| CqlTimestamp(1_700_000_000_000 + second * 1000);
    let found = shop
        .mapper
        .select::<Event>()
        .filter(Event::STREAM.eq(1))
        .filter(Event::ID.ge(min_timeuuid(instant(1))))
        .filter(Event::ID.le(max_timeuuid(instant(3))))
        .only(Event::WHAT)
        .all()
        .await
        .expect("read");
    assert_eq!(found, ["1", "2", "3"]);
}

#[tokio::test]
async fn models_live_in_the_keyspace_of_the_mapper() {
    let shop = Shop::with_users(1).await;
    make_tables(shop.mapper.session(), "copy").await;
    let (shop_users, copy) = (shop.mapper.with_keyspace("shop"), shop.mapper.with_keyspace("copy"));
    assert_eq!(shop_users.select::<User>().count().await.expect("read"), 1);
    assert_eq!(copy.select::<User>().count().await.expect("read"), 0);
    copy.insert(&User::new(1, "z")).await.expect("inserted");
    assert_eq!(copy.get::<User>((1,)).await.expect("there").name, "z");
    assert_eq!(shop_users.get::<User>((1,)).await.expect("there").name, "a");
    // The session uses the keyspace that was made last.
    assert_eq!(Mapper::new(shop.mapper.session()).get::<User>((1,)).await.expect("there").name, "z");
}

#[tokio::test]
async fn operations_run_in_tasks_of_their_own() {
    let shop = Shop::with_users(2).await;
    let mapper = shop.mapper.clone();
    let task = tokio::spawn(async move {
        mapper.insert(&User::new(3, "c")).await?;
        let mut one = mapper.get::<User>((1,)).tracked().await?;
        one.version = Some(1);
        mapper.batch().push(one.save(&mapper)).after(|| ()).await?;
        mapper.insert_all::<User>([User::new(4, "d")]).await?;
        mapper.insert_stream(futures::stream::iter([User::new(5, "e")])).await?;
        let named = mapper.table("shop", "user").select().count().await?;
        let stream = mapper.select::<User>().only((User::ID, User::NAME)).stream().await?;
        let users: Vec<_> = stream.try_collect().await?;
        Ok::<_, MapperError>((named, users.len(), mapper.select::<User>().all().await?.len()))
    });
    assert_eq!(task.await.expect("no panic").expect("all of it"), (5, 5, 5));
}
