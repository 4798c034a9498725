//! What a selected expression is called when it has no alias.

use crate::cql::ast::{FunctionName, Literal, Selector, Term};

/// The name Cassandra gives the column.
pub(super) fn selector_name(selector: &Selector) -> String {
    match selector {
        Selector::Column(name) => name.clone(),
        Selector::CountRows => "count".to_owned(),
        Selector::WriteTime { column, max: false, .. } => format!("writetime({column})"),
        Selector::WriteTime { column, max: true, .. } => format!("maxwritetime({column})"),
        Selector::Ttl { column, .. } => format!("ttl({column})"),
        Selector::Cast(inner, typ) => format!("cast({} as {})", selector_name(inner), type_name(typ)),
        Selector::Call { function, arguments } => {
            let arguments: Vec<String> = arguments.iter().map(selector_name).collect();
            format!("{}({})", function_name(function), arguments.join(", "))
        }
        Selector::Field(inner, field) => format!("{}.{field}", selector_name(inner)),
        Selector::Element(inner, key) => format!("{}[{}]", selector_name(inner), term_name(key)),
        Selector::Slice(inner, ..) => format!("{}[..]", selector_name(inner)),
        Selector::Term(term) => term_name(term),
    }
}

fn function_name(function: &FunctionName) -> String {
    format!("{}.{}", function.keyspace.as_deref().unwrap_or("system"), function.name)
}

fn type_name(typ: &crate::cql::ast::TypeName) -> String {
    match typ {
        crate::cql::ast::TypeName::Named { name, .. } if name == "varchar" => "text".to_owned(),
        crate::cql::ast::TypeName::Named { name, .. } => name.clone(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn term_name(term: &Term) -> String {
    match term {
        Term::Literal(Literal::Null) => "null".to_owned(),
        Term::Literal(Literal::Boolean(value)) => value.to_string(),
        Term::Literal(Literal::String(text)) => format!("'{text}'"),
        Term::Literal(Literal::Blob(digits)) => format!("0x{digits}"),
        Term::Literal(
            Literal::Integer(text) | Literal::Float(text) | Literal::Uuid(text) | Literal::Duration(text),
        ) => text.clone(),
        Term::Hint(typ, inner) => format!("({}){}", type_name(typ), term_name(inner)),
        Term::Call { function, arguments } => {
            let arguments: Vec<String> = arguments.iter().map(term_name).collect();
            format!("{}({})", function_name(function), arguments.join(", "))
        }
        Term::Bind(_) => "?".to_owned(),
        Term::List(_) | Term::Set(_) | Term::Map(_) | Term::Tuple(_) | Term::Udt(_) => "literal".to_owned(),
    }
}
