//! The schema as a script.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{comment, qualified};
use crate::metadata::ClusterState;
use crate::metadata::keyspace::Keyspace;
use crate::metadata::table::{CompactStorage, Table};
use crate::metadata::warning::Warning;

/// Text for the extension of a table that has these bytes; `None` for nothing.
type PrintExtension = Arc<dyn Fn(&Table, &[u8]) -> Option<String> + Send + Sync>;

/// Prints schema as scripts, with words for what other software keeps in the extensions of tables.
///
/// ```
/// # fn example(state: &chorus_topology::ClusterState) {
/// use chorus_topology::metadata::SchemaPrinter;
///
/// let printer = SchemaPrinter::default()
///     .extension("audit", |table, _| Some(format!("-- {} is audited", table.name)));
/// println!("{}", printer.schema(state));
/// # }
/// ```
#[derive(Clone)]
pub struct SchemaPrinter {
    extensions: BTreeMap<String, PrintExtension>,
}

/// With words for row-level access control of DataStax Enterprise.
impl Default for SchemaPrinter {
    fn default() -> Self {
        let printer = SchemaPrinter { extensions: BTreeMap::new() };
        printer.extension("DSE_RLACA", |table, bytes| {
            let column = std::str::from_utf8(bytes).ok()?;
            let (table, column) = (qualified(&table.keyspace, &table.name), super::list([column]));
            Some(format!("RESTRICT ROWS ON {table} USING {column};"))
        })
    }
}

impl SchemaPrinter {
    /// The same printer, with `print` for the extension `key` of tables: its text follows the table, and has to bring its
    /// own semicolon. Replaces what there was for that key.
    #[must_use]
    pub fn extension(
        mut self,
        key: impl Into<String>,
        print: impl Fn(&Table, &[u8]) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.extensions.insert(key.into(), Arc::new(print));
        self
    }

    /// All keyspaces but those that every server has, with a blank line between them.
    pub fn schema(&self, state: &ClusterState) -> String {
        let own = state.keyspaces.values().filter(|keyspace| !keyspace.is_virtual && !keyspace.is_system());
        own.map(|keyspace| self.keyspace(keyspace)).collect::<Vec<_>>().join("\n\n")
    }

    /// A keyspace and everything in it; see [`Keyspace::describe`].
    pub fn keyspace(&self, keyspace: &Keyspace) -> String {
        script(&self.pieces(keyspace))
    }

    /// A table with what hangs on it, or a view; see [`Keyspace::describe_table`].
    pub fn table(&self, keyspace: &Keyspace, name: &str) -> Option<String> {
        let mut pieces = Vec::new();
        match (keyspace.tables.get(name), keyspace.views.get(name)) {
            (Some(table), _) => self.put_table(keyspace, table, &mut pieces),
            (None, Some(view)) => pieces.push(Piece::of(view.create_statement(), &view.table)),
            (None, None) => return None,
        }
        Some(script(&pieces))
    }

    /// The statements of a keyspace; see [`Keyspace::create_statements`].
    pub(super) fn statements(&self, keyspace: &Keyspace) -> Vec<String> {
        let statement = |piece| match piece {
            Piece::Statement(text) => Some(text),
            Piece::Comment(_) | Piece::Extension(_) => None,
        };
        self.pieces(keyspace).into_iter().filter_map(statement).collect()
    }

    fn pieces(&self, keyspace: &Keyspace) -> Vec<Piece> {
        let create = keyspace.create_statement();
        let mut pieces = vec![match keyspace.is_virtual {
            true => Piece::Comment(create),
            false => Piece::Statement(create),
        }];
        let mut put = |create: String, problems: &[Warning], what: &str| {
            pieces.push(if problems.is_empty() {
                Piece::Statement(create)
            } else {
                Piece::incomplete(&create, problems, what)
            });
        };
        for typ in keyspace.types_in_order() {
            put(typ.create_statement(), &typ.problems, typ.name());
        }
        for function in keyspace.functions.values() {
            put(function.create_statement(), &function.problems, &function.signature.to_string());
        }
        for aggregate in keyspace.aggregates.values() {
            put(aggregate.create_statement(), &aggregate.problems, &aggregate.signature.to_string());
        }
        for table in keyspace.tables_in_order() {
            self.put_table(keyspace, table, &mut pieces);
        }
        pieces
    }

    /// A table, its indexes, its triggers, its views, its extensions.
    fn put_table(&self, keyspace: &Keyspace, table: &Table, pieces: &mut Vec<Piece>) {
        let own = Piece::of(table.create_statement(), table);
        let is_made = matches!(own, Piece::Statement(_));
        pieces.push(own);
        let mut put = |create: String| {
            // On a table that is not made nothing can hang.
            pieces.push(if is_made { Piece::Statement(create) } else { Piece::Comment(comment(&create)) });
        };
        table.indexes.values().for_each(|index| put(index.create_statement(table)));
        table.triggers.values().for_each(|trigger| put(trigger.create_statement(table)));
        for view in table.views.iter().filter_map(|name| keyspace.views.get(name)) {
            if view.belongs_to_index_of(table) {
                continue;
            }
            let create = view.create_statement();
            pieces.push(match is_made {
                true => Piece::of(create, &view.table),
                false => Piece::Comment(comment(&create)),
            });
        }
        for (key, bytes) in table.options.extensions() {
            let text = self.extensions.get(key).and_then(|print| print(table, bytes));
            pieces.extend(text.filter(|_| is_made).map(Piece::Extension));
        }
    }
}

impl fmt::Debug for SchemaPrinter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.extensions.keys().collect::<Vec<_>>();
        f.debug_struct("SchemaPrinter").field("extensions", &keys).finish()
    }
}

/// A part of a script.
enum Piece {
    /// To be carried out; without a semicolon.
    Statement(String),
    /// To be read.
    Comment(String),
    /// What a caller has to say about an extension.
    Extension(String),
}

impl Piece {
    /// A table or view: a statement where that makes it again.
    fn of(create: String, table: &Table) -> Piece {
        let name = qualified(&table.keyspace, &table.name);
        if table.is_virtual {
            return Piece::Comment(comment(&format!("{name} is computed by the server:\n\n{create};")));
        }
        if table.compact_storage == Some(CompactStorage::Super) {
            return Piece::Comment(comment(&format!(
                "{name} has super columns, which CQL has no words for. This comes near, and does not make it \
                 again:\n\n{create};"
            )));
        }
        if table.problems.is_empty() {
            return Piece::Statement(create);
        }
        Piece::incomplete(&create, &table.problems, &name)
    }

    fn incomplete(create: &str, problems: &[Warning], what: &str) -> Piece {
        let problems: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
        Piece::Comment(comment(&format!(
            "{what} could not be read as a whole, so this does not make it again:\n{problems}\n{create};"
        )))
    }
}

fn script(pieces: &[Piece]) -> String {
    let text = |piece: &Piece| match piece {
        Piece::Statement(text) => format!("{text};"),
        Piece::Comment(text) | Piece::Extension(text) => text.clone(),
    };
    pieces.iter().map(text).collect::<Vec<_>>().join("\n\n")
}
