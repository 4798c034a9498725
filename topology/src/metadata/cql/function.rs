//! Functions, aggregates and user types as CQL.

use chorus_protocol::identifier;
use chorus_protocol::literal::quote_text;

use super::{list, qualified, thawed};
use crate::metadata::function::{Aggregate, Function};
use crate::metadata::user_types::UserType;

impl UserType {
    /// The statement that makes the type, without a semicolon.
    pub fn create_statement(&self) -> String {
        let fields = self.fields().map(|(name, typ)| format!("    {} {typ}", identifier::quote(name)));
        let fields = fields.collect::<Vec<_>>().join(",\n");
        format!("CREATE TYPE {} (\n{fields}\n)", qualified(&self.typ.keyspace, &self.typ.name))
    }
}

impl Function {
    /// The statement that makes the function, without a semicolon.
    pub fn create_statement(&self) -> String {
        let arguments = (self.arguments.iter().zip(&self.signature.argument_types))
            .map(|((name, _), typ)| format!("{} {}", identifier::quote(name), thawed(typ)));
        let mut lines = vec![
            format!(
                "CREATE FUNCTION {}({})",
                qualified(&self.keyspace, &self.signature.name),
                arguments.collect::<Vec<_>>().join(", ")
            ),
            match self.called_on_null_input {
                true => "CALLED ON NULL INPUT".to_owned(),
                false => "RETURNS NULL ON NULL INPUT".to_owned(),
            },
            format!("RETURNS {}", thawed(&self.declared_return_type)),
        ];
        if self.deterministic {
            lines.push("DETERMINISTIC".to_owned());
        }
        if self.monotonic {
            lines.push("MONOTONIC".to_owned());
        } else if let Some(argument) = self.monotonic_on.first() {
            lines.push(format!("MONOTONIC ON {}", identifier::quote(argument)));
        }
        lines.push(format!("LANGUAGE {}", language(&self.language)));
        lines.push(format!("AS {}", body(&self.body)));
        lines.join("\n    ")
    }
}

/// The name of a language is a word even where the same word is reserved as a name.
fn language(name: &str) -> String {
    let is_word = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_word { name.to_owned() } else { identifier::always_quote(name) }
}

/// Between double dollars where those are not part of it.
fn body(text: &str) -> String {
    let dollars = text.contains("$$") || text.ends_with('$');
    if dollars { quote_text(text) } else { format!("$${text}$$") }
}

impl Aggregate {
    /// The statement that makes the aggregate, without a semicolon.
    pub fn create_statement(&self) -> String {
        let arguments: Vec<_> = self.signature.argument_types.iter().map(|typ| thawed(typ)).collect();
        let name = qualified(&self.keyspace, &self.signature.name);
        let mut lines = vec![format!("CREATE AGGREGATE {name}({})", arguments.join(", "))];
        lines.extend(self.state_function.iter().map(|name| format!("SFUNC {}", list([&**name]))));
        lines.push(format!("STYPE {}", thawed(&self.declared_state_type)));
        lines.extend(self.final_function.iter().map(|name| format!("FINALFUNC {}", list([&**name]))));
        lines.extend(self.initial_condition.iter().map(|literal| format!("INITCOND {literal}")));
        if self.deterministic {
            lines.push("DETERMINISTIC".to_owned());
        }
        lines.join("\n    ")
    }
}
