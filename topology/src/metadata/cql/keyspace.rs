//! A keyspace and all it holds as CQL, in an order that can be carried out.

use std::collections::BTreeSet;
use std::sync::Arc;

use chorus_protocol::CqlType;
use chorus_protocol::identifier;
use chorus_protocol::literal::quote_text;

use super::options::replication;
use super::printer::SchemaPrinter;
use crate::metadata::keyspace::Keyspace;
use crate::metadata::table::Table;
use crate::metadata::user_types::UserType;

impl Keyspace {
    /// The statement that makes the keyspace itself, without a semicolon. For a virtual keyspace it is a comment.
    pub fn create_statement(&self) -> String {
        let name = identifier::quote(&self.name);
        if self.is_virtual {
            // A line that a name could end would be no comment.
            return format!("// VIRTUAL KEYSPACE {}", name.replace(['\n', '\r'], " "));
        }
        let strategy = replication(self.replication.class(), &self.replication.options());
        let agreement = match &self.consistency {
            Some(mode) => format!(" AND consistency = {}", quote_text(mode)),
            None => String::new(),
        };
        let graph = match &self.graph_engine {
            Some(engine) => format!(" AND graph_engine = {}", quote_text(engine)),
            None => String::new(),
        };
        format!(
            "CREATE KEYSPACE {name} WITH replication = {strategy} {agreement} AND durable_writes = {}{graph}",
            self.durable_writes
        )
    }

    /// The keyspace and everything in it as a script: each object behind those it is made of, each statement with a
    /// semicolon. What CQL cannot make again is there as a comment. Use a [`SchemaPrinter`] for what other software keeps in
    /// the extensions of tables.
    pub fn describe(&self) -> String {
        SchemaPrinter::default().keyspace(self)
    }

    /// The same statements one by one, without semicolons and without what CQL cannot make again, to be carried out in this
    /// order.
    pub fn create_statements(&self) -> Vec<String> {
        SchemaPrinter::default().statements(self)
    }

    /// A table with its indexes, triggers and views, or a view alone, as [`describe`](Self::describe) has them. `None` when
    /// there is none of that name.
    pub fn describe_table(&self, name: &str) -> Option<String> {
        SchemaPrinter::default().table(self, name)
    }

    /// Whether it is one of those that every server has and nobody makes.
    pub fn is_system(&self) -> bool {
        const OTHERS: [&str; 8] = [
            "dse_analytics",
            "dse_insights",
            "dse_insights_local",
            "dse_leases",
            "dse_perf",
            "dse_security",
            "dse_system",
            "solr_admin",
        ];
        &*self.name == "system" || self.name.starts_with("system_") || OTHERS.contains(&&*self.name)
    }

    /// Its user types, each behind those it is made of, otherwise by name.
    pub(super) fn types_in_order(&self) -> Vec<&UserType> {
        let mut placed = BTreeSet::new();
        let mut ordered = Vec::with_capacity(self.user_types.len());
        for typ in self.user_types.values() {
            self.place(typ, &mut placed, &mut ordered);
        }
        ordered
    }

    fn place<'k>(
        &'k self,
        typ: &'k UserType,
        placed: &mut BTreeSet<&'k Arc<str>>,
        ordered: &mut Vec<&'k UserType>,
    ) {
        // Types nest only so deep and never in a circle, see `UserTypes`.
        if !placed.insert(typ.name()) {
            return;
        }
        let mut parts = BTreeSet::new();
        typ.typ.fields.iter().for_each(|(_, field)| user_types_of(field, &mut parts));
        for name in parts {
            if let Some(part) = self.user_types.get(&name) {
                self.place(part, placed, ordered);
            }
        }
        ordered.push(typ);
    }

    /// Its tables by name, those of vertices before those of edges, which refer to them.
    pub(super) fn tables_in_order(&self) -> impl Iterator<Item = &Arc<Table>> {
        let is_vertex = |table: &&Arc<Table>| table.vertex_label.is_some();
        let vertices = self.tables.values().filter(is_vertex);
        vertices.chain(self.tables.values().filter(move |table| !is_vertex(table)))
    }
}

/// The names of the user types that `typ` is directly made of.
fn user_types_of(typ: &CqlType, names: &mut BTreeSet<Arc<str>>) {
    match typ {
        CqlType::Native(_) | CqlType::Custom(_) => {}
        CqlType::List(element) | CqlType::Set(element) | CqlType::Vector(element, _) => {
            user_types_of(element, names);
        }
        CqlType::Map(pair) => {
            user_types_of(&pair.0, names);
            user_types_of(&pair.1, names);
        }
        CqlType::Tuple(fields) => fields.iter().for_each(|field| user_types_of(field, names)),
        CqlType::Udt(udt) => {
            names.insert(udt.name.clone());
        }
    }
}
