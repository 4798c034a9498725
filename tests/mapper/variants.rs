//! Enums: several kinds of rows in one table.

use chorus::mapper::{ColumnRole, Model as _, ModelFields as _};
use chorus::{ErrorKind, Model, ModelFields, QueryResult};

use crate::shop;

#[derive(Debug, Clone, PartialEq, ModelFields)]
struct Animal {
    #[chorus(partition_key)]
    id: i32,
    #[chorus(max_len = 8)]
    name: String,
}

#[derive(Debug, Clone, PartialEq, ModelFields)]
struct Cat {
    #[chorus(flatten)]
    animal: Animal,
    lives: i32,
}

#[derive(Debug, Clone, PartialEq, ModelFields)]
struct Dog {
    #[chorus(flatten)]
    animal: Animal,
    owner: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[chorus(table = "pets", discriminator(name = "kind", index), options(comment = "all of them"))]
enum Pet {
    Cat(Cat),
    #[chorus(value = "hound")]
    Dog(Dog),
}

fn cat() -> Pet {
    Pet::Cat(Cat { animal: Animal { id: 1, name: "Tom".into() }, lives: 7 })
}

fn dog() -> Pet {
    Pet::Dog(Dog { animal: Animal { id: 2, name: "Rex".into() }, owner: Some("Ada".into()) })
}

const INSERT: &str = "INSERT INTO shop.pets (id, kind, name, lives, owner) VALUES (?, ?, ?, ?, ?)";

#[test]
fn a_table_has_the_columns_of_all_variants() {
    let table = Pet::table();
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|column| format!("{} {} {}", column.name, column.typ, column.required))
        .collect();
    assert_eq!(
        columns,
        ["kind text true", "id int true", "name text true", "lives int false", "owner text false"]
    );
    assert_eq!(table.columns[1].role, ColumnRole::Partition);
    let discriminator = table.discriminator.as_ref().unwrap();
    assert_eq!(
        (&*discriminator.column, &discriminator.values[..]),
        ("kind", &["cat".into(), "hound".into()][..])
    );
    assert_eq!((cat().partition_key(), cat().clustering_key(), dog().primary_key()), ((1,), (), (2,)));
    let nulls = |pet: &Pet| (0..5).filter(|place| pet.is_null(*place)).collect::<Vec<_>>();
    assert_eq!((nulls(&cat()), nulls(&dog())), (vec![4], vec![3]));
    assert_eq!(Pet::KIND.name(), "kind");
    let mut long = cat();
    let Pet::Cat(inner) = &mut long else { unreachable!() };
    inner.animal.name = "Bartholomew".into();
    assert!(long.validate().is_err() && dog().validate().is_ok());
}

#[tokio::test]
async fn rows_are_written_and_read_as_what_they_are() {
    let (_cluster, mapper) = shop().await;
    let report = mapper.schema().sync_table::<Pet>().await.unwrap();
    assert_eq!(report.created_indexes, ["kind"]);
    let session = mapper.session();
    let insert = session.prepare(INSERT).await.unwrap();
    session.bulk(&insert).load([cat(), dog()]).await.unwrap();

    let select = "SELECT * FROM shop.pets";
    let rows = |result: &QueryResult| result.rows::<Pet>().unwrap().collect::<Result<Vec<_>, _>>();
    let mut pets = rows(&session.query(select, ()).await.unwrap()).unwrap();
    pets.sort_by_key(|pet| pet.partition_key());
    assert_eq!(pets, [cat(), dog()]);

    // What another variant has is left alone, not deleted.
    let change = session.prepare(INSERT).await.unwrap();
    let changed = Pet::Cat(Cat { animal: Animal { id: 2, name: "Tom".into() }, lives: 9 });
    session.execute(&change, &changed).await.unwrap();
    let result = session.query("SELECT kind, lives, owner FROM shop.pets WHERE id = 2", ()).await.unwrap();
    let row = result.rows::<(String, i32, String)>().unwrap().next().unwrap().unwrap();
    assert_eq!(row, ("cat".into(), 9, "Ada".into()));

    for (kind, said) in [
        ("'bird'", "\"bird\" is none of the variants' values: cat, hound"),
        ("null", "is null, and should tell"),
    ] {
        let change = format!("UPDATE shop.pets SET kind = {kind} WHERE id = 2");
        session.query(change, ()).await.unwrap();
        let result = session.query("SELECT * FROM shop.pets WHERE id = 2", ()).await.unwrap();
        let error = rows(&result).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rows, "{error}");
        let text = format!("{error} {:?}", std::error::Error::source(&error).map(ToString::to_string));
        assert!(text.contains("kind"), "{text}");
        assert!(text.contains(&said.replace('"', "\\\"")) || text.contains(said), "{text}");
    }

    let without = session.query("SELECT id, name, lives, owner FROM shop.pets", ()).await.unwrap();
    assert!(without.rows::<Pet>().is_err(), "nobody said what they are");
    let insert =
        session.prepare("INSERT INTO shop.pets (id, name, lives, owner) VALUES (?, ?, ?, ?)").await.unwrap();
    assert!(session.execute(&insert, cat()).await.is_err(), "nobody would know what it is");
}

#[tokio::test]
async fn variants_are_inserted_selected_changed_and_saved() {
    let (_cluster, mapper) = shop().await;
    mapper.schema().sync_table::<Pet>().await.unwrap();
    mapper.insert_all::<Pet>(&[cat(), dog()]).await.unwrap();
    assert_eq!(mapper.get::<Pet>((2,)).await.unwrap(), dog());
    let hounds = mapper.select::<Pet>().filter(Pet::KIND.eq("hound")).all().await.unwrap();
    assert_eq!(hounds, [dog()]);
    mapper.update::<Pet>((1,)).set(Cat::LIVES.of(), 6).await.unwrap();
    let Pet::Cat(tom) = mapper.get::<Pet>((1,)).await.unwrap() else { panic!("it was a cat") };
    assert_eq!(tom.lives, 6);

    // What the other variant had is deleted when a row becomes one of another.
    let mut pet = mapper.get::<Pet>((2,)).tracked().await.unwrap();
    *pet = Pet::Cat(Cat { animal: Animal { id: 2, name: "Rex".into() }, lives: 9 });
    assert_eq!(pet.changed(), ["kind", "lives", "owner"]);
    pet.save(&mapper).await.unwrap();
    let result =
        mapper.session().query("SELECT kind, lives, owner FROM shop.pets WHERE id = 2", ()).await.unwrap();
    let row: (String, i32, Option<String>) = result.single_row().unwrap();
    assert_eq!(row, ("cat".into(), 9, None));

    let mut long = cat();
    let Pet::Cat(inner) = &mut long else { unreachable!() };
    inner.animal.name = "Bartholomew".into();
    let error = mapper.insert(&long).await.unwrap_err();
    assert!(error.to_string().contains("column name: has 11 characters, and takes 8 at most"), "{error}");
}

#[derive(Debug, Clone, PartialEq, ModelFields)]
struct Circle {
    #[chorus(clustering_key)]
    id: i32,
    radius: f64,
}

#[derive(Debug, Clone, PartialEq, ModelFields)]
struct Square {
    #[chorus(clustering_key)]
    id: i32,
    side: f64,
}

#[derive(Debug, Clone, PartialEq, Model)]
#[chorus(discriminator(name = "shape", partition_key))]
enum Shape {
    Circle(Circle),
    Square(Square),
}

#[test]
fn what_tells_variants_apart_may_lead_the_key() {
    let circle = Shape::Circle(Circle { id: 3, radius: 1.0 });
    assert_eq!(circle.primary_key(), ("circle".to_owned(), 3));
    assert_eq!(Shape::table().partition_key().map(|column| &*column.name).collect::<Vec<_>>(), ["shape"]);
    assert_eq!(Shape::Square(Square { id: 1, side: 2.0 }).partition_key(), ("square".to_owned(),));
}

#[tokio::test]
async fn one_kind_is_a_partition_where_it_leads_the_key() {
    let (_cluster, mapper) = shop().await;
    mapper.schema().sync_table::<Shape>().await.unwrap();
    let circles = [3, 4].map(|id| Shape::Circle(Circle { id, radius: 1.0 }));
    mapper.insert_all::<Shape>(&circles).await.unwrap();
    mapper.insert(&Shape::Square(Square { id: 3, side: 2.0 })).await.unwrap();
    let found = mapper.select::<Shape>().filter(Shape::SHAPE.eq("circle")).all().await.unwrap();
    assert_eq!(found, circles);
    mapper.remove(&circles[0]).await.unwrap();
    assert!(mapper.find::<Shape>(circles[0].primary_key()).await.unwrap().is_none());
    assert!(mapper.find::<Shape>(("square".to_owned(), 3)).await.unwrap().is_some());
}

#[derive(Debug, Clone, ModelFields)]
struct Odd {
    #[chorus(partition_key)]
    id: i32,
    lives: String,
}

#[derive(Debug, Clone, ModelFields)]
struct Named {
    #[chorus(partition_key)]
    number: i32,
    kind: i32,
}

#[derive(Debug, Clone, Model)]
#[chorus(discriminator = "kind")]
enum Differing {
    Cat(Cat),
    Odd(Odd),
}

#[derive(Debug, Clone, Model)]
#[chorus(discriminator = "kind")]
enum Clashing {
    Named(Named),
}

#[derive(Debug, Clone, Model)]
#[chorus(discriminator = "what")]
enum Keyless {
    Cat(Cat),
    Named(Named),
}

#[test]
#[should_panic(expected = "Differing: column lives of odd is not as another variant has it")]
fn columns_of_one_name_are_one_column() {
    Differing::table();
}

#[test]
#[should_panic(expected = "Clashing: column kind tells variants apart, and named has one of that name")]
fn the_discriminator_is_no_column_of_a_variant() {
    Clashing::table();
}

#[test]
#[should_panic(expected = "Keyless: column id is of the key, and not all variants have it")]
fn all_variants_have_the_key() {
    Keyless::table();
}

#[tokio::test]
async fn variants_go_through_the_operations_of_a_mapper() {
    let (_cluster, mapper) = shop().await;
    mapper.schema().sync_table::<Pet>().await.unwrap();
    mapper.batch().insert(&cat()).insert(&dog()).await.unwrap();
    assert_eq!(mapper.get::<Pet>((2,)).await.unwrap(), dog());
    let cats = || mapper.select::<Pet>().filter(Pet::KIND.eq("cat"));
    assert_eq!(cats().all().await.unwrap(), [cat()]);
    let mut tom = cats().tracked().one().await.unwrap();
    let Pet::Cat(inner) = &mut *tom else { panic!("{tom:?}") };
    inner.lives -= 1;
    assert_eq!(tom.changed(), ["lives"]);
    tom.save(&mapper).await.unwrap();
    assert_eq!(mapper.get::<Pet>((1,)).await.unwrap(), *tom);
    mapper.remove(&*tom).await.unwrap();
    assert_eq!(mapper.insert_all::<Pet>([cat(), dog()]).await.unwrap().written, 2);
    assert_eq!(mapper.select::<Pet>().count().await.unwrap(), 2);
}
