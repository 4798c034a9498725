use syn::DeriveInput;

use super::attributes::Kind;
use super::*;

fn parsed(text: &str) -> DeriveInput {
    syn::parse_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn error_of(text: &str, kind: Kind) -> String {
    match Definition::parse(parsed(text), kind) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

/// A model whose field `a: TYPE` has these attributes.
fn field(attributes: &str, typ: &str) -> String {
    format!("struct M {{ #[chorus(partition_key)] id: i64, #[chorus({attributes})] a: {typ}, b: i32 }}")
}

/// One with these attributes itself.
fn at_struct(attributes: &str) -> String {
    format!("#[chorus({attributes})] struct M {{ #[chorus(partition_key)] id: i64 }}")
}

#[test]
fn what_makes_no_table_is_refused_with_a_reason() {
    let key = "#[chorus(partition_key)] id: i64";
    for (text, reason) in [
        (
            "struct M { id: i64 }".to_owned(),
            "mark the first of the primary key with `#[chorus(partition_key)]`",
        ),
        ("struct M { #[chorus(clustering_key)] id: i64 }".to_owned(), "`partition_key` instead"),
        (format!("struct M<T> {{ {key}, t: T }}"), "no type parameters and no lifetimes"),
        (format!("struct M<'a> {{ {key}, t: &'a str }}"), "no type parameters and no lifetimes"),
        (format!("struct M<const N: usize> {{ {key}, t: [i32; N] }}"), "no type parameters"),
        ("struct M(i64);".to_owned(), "named fields"),
        ("union M { a: i64 }".to_owned(), "only structs"),
        (field(r#"rename = "b""#, "i32"), "column \"b\" already belongs to field `a`"),
        (
            "struct M { #[chorus(partition_key)] id: i64, ID: i32 }".to_owned(),
            "constant `ID` of this column already belongs to field `id`",
        ),
        (field("clustering_key", "Counter"), "a counter cannot be part of a key"),
        (field("partition_key", "mapper::Counter"), "a counter cannot be part of a key"),
        (
            field("required", "Counter"),
            "counters and other values do not go into one table: beside its key it has counter `a` and `b`",
        ),
        (field("static", "Option<Counter>"), "counters and other values"),
        (field("index", "Counter"), "no server has an index on a counter"),
        (field("partition_key", "Option<i32>"), "a partition key is never null"),
        (field("static", "i32"), "without a clustering key"),
        (field("partition_key, clustering_key", "i32"), "one of three"),
        (field("static, clustering_key", "i32"), "one of three"),
        (field("partition_key, partition_key", "i32"), "`partition_key` is given twice"),
        (field("clustering_key, frozen = false", "Vec<i32>"), "therefore frozen"),
        ("struct Größe { #[chorus(partition_key)] id: i64 }".to_owned(), "no table can be called größe"),
        ("struct M { #[chorus(partition_key, index)] id: i64 }".to_owned(), "needs no index"),
        (field("min_len = 3, max_len = 2", "String"), "`max_len` is less than `min_len`"),
        (field("skip, index", "i32"), "no attributes of one"),
        (field("flatten, partition_key", "A"), "no attributes of one"),
    ] {
        let error = error_of(&text, Kind::Model);
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn more_key_columns_than_a_tuple_has_are_refused() {
    let fields: String = (0..17).map(|place| format!("#[chorus(partition_key)] a{place}: i64,")).collect();
    assert!(error_of(&format!("struct M {{ {fields} }}"), Kind::Model).contains("16 columns at most"));
}

#[test]
fn attributes_of_a_field_say_how_they_are_meant() {
    for (attributes, reason) in [
        (
            "primary_key",
            "unknown attribute `primary_key` of a field; there are `partition_key`, `clustering_key`",
        ),
        ("partition_key = 1", "`partition_key` takes no value"),
        ("clustering_key(sideways)", "`clustering_key(descending)`"),
        ("clustering_key()", "expected nested attribute"),
        ("clustering_key = \"desc\"", "`clustering_key(descending)`"),
        ("clustering_key(descending, ascending)", "given twice"),
        ("descending", "the order stands at the key"),
        ("static(no)", "`static` takes no value"),
        ("index = \"x\"", "`index(name = \"..\", class = \"..\")`"),
        ("index, index", "`index` is given twice"),
        ("index(names = \"x\")", "unknown attribute `names` of an index"),
        ("index(name = \"\")", "`name` is not empty"),
        ("index(name = \"a\", name = \"b\")", "`name` is given twice"),
        ("index(options = \"{}\")", "give its `class` too"),
        ("index(keys, entries)", "given twice"),
        ("frozen, frozen", "`frozen` is given twice"),
        ("frozen = 1", "expected boolean"),
        ("required, required", "`required` is given twice"),
        ("min_len", "`min_len` is set to a number from 0"),
        ("min_len = -1", "`min_len` is set to a number from 0"),
        ("max_len = \"8\"", "`max_len` is set to a number from 0"),
        ("max_len = 1, max_len = 2", "`max_len` is given twice"),
        ("validate", "`validate` is set to the path of a function"),
        ("validate = \"f\"", "`validate` is set to the path of a function"),
        ("discriminator", "`discriminator` is for enums"),
        ("default = 1, default = 2", "`default` is given twice"),
    ] {
        let error = error_of(&field(attributes, "i32"), Kind::Model);
        assert!(error.contains(reason), "{attributes}: {error}");
    }
}

#[test]
fn attributes_of_a_struct_say_how_they_are_meant() {
    for (attributes, reason) in [
        ("tabel = \"x\"", "unknown attribute `tabel` of a struct; there are `table = \"name\"`"),
        ("table", "`table` is set to a text in quotes"),
        ("table = \"\"", "`table` is not empty"),
        ("table = \"a\", table = \"b\"", "`table` is given twice"),
        ("table = \"shop.orders\"", "digits and underscores, and nothing else"),
        ("keyspace = \"a-b\"", "digits and underscores, and nothing else"),
        ("keyspace = 1", "`keyspace` is set to a text in quotes"),
        ("options", "options are given as `options(name = value, ..)`"),
        ("options(comment = \"a\", comment = \"b\")", "option `comment` is given twice"),
        ("options(gc_grace_seconds = 'x')", "an option is a number"),
        ("options(comment = -\"a\")", "an option is a number"),
        ("discriminator = \"kind\"", "`discriminator` is for enums"),
        ("type_name = \"t\"", "unknown attribute `type_name`"),
    ] {
        let error = error_of(&at_struct(attributes), Kind::Model);
        assert!(error.contains(reason), "{attributes}: {error}");
    }
}

#[test]
fn each_derive_has_attributes_of_its_own() {
    assert!(error_of("#[chorus(table = \"t\")] struct F { a: i32 }", Kind::Fields).contains("`table`"));
    assert!(error_of("#[chorus(table = \"t\")] struct U { a: i32 }", Kind::UserType).contains("`table`"));
    for attribute in ["partition_key", "static", "index", "frozen"] {
        let text = format!("struct U {{ #[chorus({attribute})] a: i32 }}");
        assert!(error_of(&text, Kind::UserType).contains(attribute), "{attribute}");
    }
    assert!(error_of("struct U { a: Counter }", Kind::UserType).contains("no field of a type"));
    let flattened = user_type(parsed("struct U { #[chorus(flatten)] a: A }")).unwrap_err();
    assert!(flattened.to_string().contains("`flatten` is for rows"), "{flattened}");
}

#[test]
fn columns_that_models_share_need_no_key() {
    for text in [
        "struct F { a: i32 }",
        "struct F { #[chorus(clustering_key)] a: i32 }",
        "struct F { a: Counter }",
        "struct Größe { a: i32 }",
    ] {
        assert!(fields(parsed(text)).is_ok(), "{text}");
    }
    assert!(model(parsed("struct M { #[chorus(flatten)] f: F, #[chorus(static)] a: i32 }")).is_ok());
}

fn error_of_enum(text: &str) -> String {
    match model(parsed(text)) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_enum_says_what_tells_its_variants_apart() {
    let kind = "#[chorus(discriminator = \"kind\")]";
    for (text, reason) in [
        ("enum P { Cat(Cat) }".to_owned(), "`#[chorus(discriminator = \"kind\")]`"),
        (format!("{kind} {kind} enum P {{ Cat(Cat) }}"), "`discriminator` is given twice"),
        (format!("{kind} enum P {{}}"), "without variants"),
        (format!("{kind} enum P<T> {{ Cat(T) }}"), "no type parameters"),
        (format!("{kind} enum P {{ Cat }}"), "a variant holds one struct"),
        (format!("{kind} enum P {{ Cat(Cat, Dog) }}"), "a variant holds one struct"),
        (format!("{kind} enum P {{ Cat {{ a: i32 }} }}"), "a variant holds one struct"),
        (
            format!("{kind} enum P {{ Cat(Cat), #[chorus(value = \"cat\")] Dog(Dog) }}"),
            "value \"cat\" already stands for `Cat`",
        ),
        (format!("{kind} enum P {{ #[chorus(value = \"\")] Cat(Cat) }}"), "`value` is not empty"),
        (format!("{kind} enum P {{ #[chorus(kind = \"a\")] Cat(Cat) }}"), "a variant has `value = \"..\"`"),
        (format!("{kind} #[chorus(validate = f)] enum P {{ Cat(Cat) }}"), "an enum has `discriminator"),
        ("#[chorus(discriminator)] enum P { Cat(Cat) }".to_owned(), "a discriminator is"),
        ("#[chorus(discriminator(index))] enum P { Cat(Cat) }".to_owned(), "a discriminator is"),
        (
            "#[chorus(discriminator(name = \"k\", static))] enum P { Cat(Cat) }".to_owned(),
            "unknown attribute `static` of a discriminator",
        ),
        (
            "#[chorus(discriminator(name = \"k\", partition_key, clustering_key))] enum P { Cat(Cat) }"
                .to_owned(),
            "given twice",
        ),
    ] {
        let error = error_of_enum(&text);
        assert!(error.contains(reason), "{text}: {error}");
    }
    assert!(model(parsed(&format!("{kind} enum P {{ Cat(Cat), Dog(Dog) }}"))).is_ok());
}
