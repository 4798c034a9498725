//! What a derived model says of its table.

use std::collections::{BTreeMap, BTreeSet};

use chorus::mapper::{
    Ascii, ClusteringOrder, ColumnRole, Counter, Model as _, ModelFields as _, ValidationError,
};
use chorus::{Model, ModelFields, UserType};

#[derive(Debug, Clone, PartialEq, UserType)]
struct Address {
    #[chorus(min_len = 2)]
    street: String,
    lines: Vec<String>,
    #[chorus(rename = "zipCode", default)]
    zip: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, ModelFields)]
struct Audit {
    created: i64,
    #[chorus(required)]
    author: Option<String>,
}

fn is_even(number: &i32) -> Result<(), String> {
    if number % 2 == 0 { Ok(()) } else { Err(format!("{number} is odd")) }
}

fn agrees(account: &UserAccount) -> Result<(), ValidationError> {
    match account.level == Some(42) {
        true => Err(ValidationError::new("level", "42 is taken")),
        false => Ok(()),
    }
}

/// Who uses it.
#[derive(Debug, Clone, PartialEq, Model)]
#[chorus(options(
    default_time_to_live = 3600,
    comment = "it's",
    compaction(class = "LeveledCompactionStrategy", n = 4)
))]
#[chorus(keyspace = "Shop", validate = agrees)]
struct UserAccount {
    #[chorus(partition_key)]
    id: i64,
    #[chorus(clustering_key(descending))]
    at: i32,
    #[chorus(clustering_key)]
    path: Vec<i32>,
    #[chorus(static)]
    plan: Option<Ascii>,
    #[chorus(flatten)]
    audit: Audit,
    #[chorus(rename = "Name", min_len = 2, max_len = 4, index(name = "by_name"))]
    name: String,
    #[chorus(validate = is_even)]
    level: Option<i32>,
    tags: BTreeSet<String>,
    #[chorus(frozen)]
    marks: BTreeMap<String, Vec<i32>>,
    home: Option<Address>,
    #[chorus(skip)]
    seen: bool,
    #[chorus(ascii)]
    r#type: String,
}

fn account() -> UserAccount {
    UserAccount {
        id: 1,
        at: 2,
        path: vec![3],
        plan: None,
        audit: Audit { created: 9, author: Some("Ada".into()) },
        name: "Bob".into(),
        level: None,
        tags: BTreeSet::new(),
        marks: BTreeMap::new(),
        home: Some(Address { street: "Main".into(), lines: vec![], zip: None }),
        seen: true,
        r#type: "x".into(),
    }
}

#[test]
fn a_table_follows_from_the_struct() {
    let table = UserAccount::table();
    assert_eq!((table.name.as_ref(), table.keyspace.as_deref()), ("user_account", Some("Shop")));
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|column| format!("{} {} {}", column.name, column.typ, column.required))
        .collect();
    assert_eq!(
        columns,
        [
            "id bigint true",
            "at int true",
            "path frozen<list<int>> true",
            "plan ascii false",
            "created bigint true",
            "author text true",
            "Name text true",
            "level int false",
            "tags set<text> true",
            "marks frozen<map<text, frozen<list<int>>>> true",
            "home frozen<address> false",
            "type ascii true",
        ]
    );
    let roles: Vec<_> = table.columns.iter().take(5).map(|column| column.role).collect();
    use ColumnRole::{Clustering, Partition, Regular, Static};
    let (up, down) = (Clustering(ClusteringOrder::Ascending), Clustering(ClusteringOrder::Descending));
    assert_eq!(roles, [Partition, down, up, Static, Regular]);
    let options: Vec<_> =
        table.options.iter().map(|option| format!("{} = {}", option.name, option.value)).collect();
    assert_eq!(
        options,
        [
            "default_time_to_live = 3600",
            "comment = 'it''s'",
            "compaction = {'class': 'LeveledCompactionStrategy', 'n': '4'}",
        ]
    );
    assert_eq!(table.column("Name").unwrap().index.as_ref().unwrap().name.as_deref(), Some("by_name"));
    assert_eq!(table.column("Name").unwrap().field, "name");
}

#[test]
fn keys_and_values_of_a_row_are_found_by_their_places() {
    let account = account();
    assert_eq!(account.partition_key(), (1,));
    assert_eq!(account.clustering_key(), (2, vec![3]));
    assert_eq!(account.primary_key(), (1, 2, vec![3]));
    let nulls: Vec<_> = UserAccount::columns()
        .iter()
        .enumerate()
        .filter(|(place, _)| account.is_null(*place))
        .map(|(_, column)| &*column.name)
        .collect();
    assert_eq!(nulls, ["plan", "level", "tags"]);
    assert_eq!(
        (UserAccount::NAME.name(), UserAccount::TYPE.name(), Audit::AUTHOR.name()),
        ("Name", "type", "author")
    );
    let level: chorus::mapper::Column<UserAccount, i32> = UserAccount::LEVEL;
    assert_eq!(level.name(), "level");
}

#[test]
fn values_are_held_against_their_attributes() {
    assert_eq!(account().validate(), Ok(()));
    let refused = |change: fn(&mut UserAccount)| {
        let mut account = account();
        change(&mut account);
        account.validate().unwrap_err().to_string()
    };
    for (error, said) in [
        (refused(|account| account.name = "é".into()), "column Name: has 1 characters, and takes 2 at least"),
        (
            refused(|account| account.name = "ééééé".into()),
            "column Name: has 5 characters, and takes 4 at most",
        ),
        (refused(|account| account.level = Some(3)), "column level: 3 is odd"),
        (refused(|account| account.level = Some(42)), "column level: 42 is taken"),
        (
            refused(|account| account.r#type = "é".into()),
            "column type: has characters beyond the 7 bits of ascii",
        ),
        (refused(|account| account.audit.author = None), "column author: is null, and required"),
        (
            refused(|account| account.audit.author = Some(String::new())),
            "column author: is empty, and required",
        ),
        (
            refused(|account| account.home.as_mut().unwrap().street.clear()),
            "column home.street: has 0 characters, and takes 2 at least",
        ),
    ] {
        assert_eq!(error, said);
    }
}

#[derive(Model)]
struct Hits {
    #[chorus(partition_key)]
    page: String,
    hits: Counter,
}

#[test]
fn a_table_counts_when_its_columns_do() {
    assert!(Hits::table().counts() && !UserAccount::table().counts());
    assert_eq!(Hits { page: "a".into(), hits: Counter(1) }.primary_key(), ("a".to_owned(),));
}
