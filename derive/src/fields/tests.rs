use syn::parse_quote;

use super::*;

fn error_of(input: DeriveInput) -> String {
    match Record::parse(input) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

/// A struct with one field `a: i32` of these attributes.
fn field_with(attributes: &str) -> DeriveInput {
    syn::parse_str(&format!("struct A {{ #[chorus({attributes})] a: i32, b: i32 }}")).expect("it is Rust")
}

#[test]
fn what_cannot_be_a_row_is_refused_with_a_reason() {
    let inputs: [(DeriveInput, &str); 8] = [
        (syn::parse_str("enum A { B }").unwrap(), "only structs"),
        (syn::parse_str("union A { b: u8 }").unwrap(), "only structs"),
        (syn::parse_str("struct A(i32);").unwrap(), "named fields"),
        (syn::parse_str("struct A;").unwrap(), "named fields"),
        (syn::parse_str("struct A<'a, 'b> { a: &'a str, b: &'b str }").unwrap(), "at most one lifetime"),
        (field_with(r#"rename = "b""#), "column \"b\" already belongs to field `a`"),
        (syn::parse_str(r#"#[chorus(rename_all = "x")] struct A { a: i32 }"#).unwrap(), "`rename_all`"),
        (syn::parse_str("#[chorus(crate)] struct A { a: i32 }").unwrap(), "`crate = \"..\"`"),
    ];
    for (input, reason) in inputs {
        let error = error_of(input);
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn errors_name_the_attribute_and_say_what_there_is() {
    for (attributes, reason) in [
        (r#"renamed = "b""#, "unknown attribute `renamed` of a field; there are `rename = \"name\"`"),
        ("path :: to", "unknown attribute `path :: to`"),
        ("rename", "`rename` is set to a text in quotes: `rename = \"..\"`"),
        ("rename = 5", "`rename` is set to a text in quotes"),
        (r#"rename("b")"#, "`rename` is set to a text in quotes"),
        (r#"rename = """#, "see `rename`"),
        (r#"rename = "x", rename = "y""#, "`rename` is given twice"),
        ("default, default", "`default` is given twice"),
        (r#"default = "none""#, "`default` takes no value"),
        ("skip(false)", "`skip` takes no value"),
        ("skip, default", "a field with `skip` has no column"),
        (r#"skip, rename = "x""#, "a field with `skip` has no column"),
        ("skip, flatten", "a field with `skip` has no column"),
        ("flatten, default", "a field with `flatten` has no column of its own"),
        (r#"flatten, rename = "x""#, "a field with `flatten` has no column of its own"),
    ] {
        let error = error_of(field_with(attributes));
        assert!(error.contains(reason), "{attributes}: {error}");
    }
}

#[test]
fn an_error_becomes_a_compile_error_at_its_place_and_nothing_else() {
    let error = Record::parse(field_with("wrong")).err().expect("refused").into_compile_error().to_string();
    assert!(error.contains("compile_error !") && error.contains("`wrong`"), "{error}");
    assert!(!error.contains("impl"), "{error}");
}

#[test]
fn columns_are_named_like_fields_unless_renamed() {
    let record = Record::parse(parse_quote! {
        struct A<'a, T> {
            r#type: &'a str,
            #[chorus(rename = "Other", default)]
            b: T,
            #[chorus(skip)]
            c: u8,
            #[chorus(flatten)]
            d: D,
        }
    });
    let record = record.unwrap_or_else(|error| panic!("{error}"));
    let columns: Vec<_> = record.columns().map(|field| (field.column.as_str(), field.default)).collect();
    assert_eq!(columns, [("type", false), ("Other", true)]);
    assert_eq!(record.flattened().map(|field| field.ident.to_string()).collect::<Vec<_>>(), ["d"]);
    assert_eq!(record.frame.ident, "a");
}

#[test]
fn skipped_and_flattened_fields_do_not_collide() {
    for attribute in ["skip", "flatten"] {
        let text = format!(r#"struct A {{ #[chorus(rename = "b")] a: i32, #[chorus({attribute})] b: B }}"#);
        assert!(Record::parse(syn::parse_str(&text).unwrap()).is_ok(), "{attribute}");
    }
}

#[test]
fn user_defined_types_have_no_flattened_fields() {
    let record = Record::parse(field_with("flatten")).unwrap_or_else(|error| panic!("{error}"));
    let error = record.without_flattened().err().expect("refused");
    assert!(error.to_string().contains("`flatten` is for rows"), "{error}");
    let plain = Record::parse(field_with("default")).unwrap_or_else(|error| panic!("{error}"));
    assert!(plain.without_flattened().is_ok());
}
