//! Which of the tables that tell a schema a server has.

use super::tables::SchemaTable;
use crate::server_version::ServerVersion;

/// Whose kind a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum ServerFamily {
    /// Apache Cassandra, or something that passes for it.
    #[default]
    Cassandra,
    /// ScyllaDB.
    Scylla,
    /// DataStax Enterprise.
    Dse,
}

/// Where a server keeps its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum SchemaLayout {
    /// In `system.schema_keyspaces` and its like, as before version 3.0: see [`LegacyRows`](super::LegacyRows).
    Legacy,
    /// In `system_schema`.
    #[default]
    Modern,
}

/// What a server is, as far as its schema tables are concerned.
///
/// | version | its schema |
/// |---|---|
/// | below 3.0 | [`SchemaLayout::Legacy`] |
/// | 3.0 | [`SchemaLayout::Modern`] |
/// | 4.0 and its pre-releases | virtual tables too |
/// | 5.0 and its pre-releases | masks of columns too |
/// | DataStax Enterprise 6.0 | as 3.0, whatever release it tells |
/// | 6.7 | virtual tables too |
/// | 6.8 | labels of vertices and edges too |
///
/// What options a table or keyspace has is not asked for by version: rows are read by the names of their columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaSource {
    family: ServerFamily,
    release: Option<ServerVersion>,
    dse: Option<ServerVersion>,
}

impl SchemaSource {
    /// A server of that kind, of a version that is not known: it is taken for a new one.
    pub const fn new(family: ServerFamily) -> Self {
        Self { family, release: None, dse: None }
    }

    /// A server that told its release, and that of DataStax Enterprise if it is one. Texts that cannot be read are as good as
    /// none.
    #[must_use]
    pub fn of_versions(self, release: Option<&str>, dse: Option<&str>) -> Self {
        let read = |text: Option<&str>| text?.parse::<ServerVersion>().ok();
        let family = if dse.is_some() { ServerFamily::Dse } else { self.family };
        // Zero and one are placeholders of servers that only pretend to be Cassandra: no real one of those is spoken to.
        let release = read(release).filter(|release| release.major() >= 2);
        Self { family, release, dse: read(dse) }
    }

    /// Whose kind it is.
    pub const fn family(&self) -> ServerFamily {
        self.family
    }

    /// Where it keeps its schema.
    pub fn layout(&self) -> SchemaLayout {
        match &self.release {
            Some(release) if release.major() == 2 && self.family != ServerFamily::Scylla => {
                SchemaLayout::Legacy
            }
            _ => SchemaLayout::Modern,
        }
    }

    /// Whether it may have a table: others need not be asked.
    pub fn may_have(&self, table: SchemaTable) -> bool {
        if self.layout() == SchemaLayout::Legacy {
            return table.name(SchemaLayout::Legacy).is_some();
        }
        let major = self.release.as_ref().map_or(u32::MAX, ServerVersion::major);
        let dse_from = |major, minor| {
            self.family == ServerFamily::Dse
                && self.dse.as_ref().is_none_or(|dse| (dse.major(), dse.minor()) >= (major, minor))
        };
        match table {
            SchemaTable::ScyllaKeyspaces => self.family == ServerFamily::Scylla,
            SchemaTable::Triggers => self.family != ServerFamily::Scylla,
            SchemaTable::Vertices | SchemaTable::Edges => dse_from(6, 8),
            SchemaTable::ColumnMasks => self.family == ServerFamily::Cassandra && major >= 5,
            SchemaTable::VirtualKeyspaces | SchemaTable::VirtualTables | SchemaTable::VirtualColumns => {
                match self.family {
                    ServerFamily::Cassandra => major >= 4,
                    ServerFamily::Dse => dse_from(6, 7),
                    // It says that it is Cassandra 3.0.8, whatever it has.
                    ServerFamily::Scylla => true,
                }
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(release: &str, dse: Option<&str>) -> SchemaSource {
        SchemaSource::default().of_versions(Some(release), dse)
    }

    fn tables(source: &SchemaSource) -> Vec<SchemaTable> {
        SchemaTable::ALL.into_iter().filter(|table| source.may_have(*table)).collect()
    }

    #[test]
    fn a_server_is_not_asked_for_what_its_kind_never_has() {
        let of = |family| tables(&SchemaSource::new(family));
        assert_eq!(of(ServerFamily::Cassandra).len(), 13);
        assert!(of(ServerFamily::Scylla).contains(&SchemaTable::ScyllaKeyspaces));
        assert!(!of(ServerFamily::Scylla).contains(&SchemaTable::Triggers));
        assert!(of(ServerFamily::Dse).contains(&SchemaTable::Edges));
        let everywhere = |table: &SchemaTable| {
            [ServerFamily::Cassandra, ServerFamily::Scylla, ServerFamily::Dse]
                .into_iter()
                .all(|family| of(family).contains(table))
        };
        assert!(SchemaTable::ALL.iter().all(|table| table.is_optional() || everywhere(table)));
    }

    #[test]
    fn the_version_tells_where_the_schema_is_and_what_is_in_it() {
        use SchemaTable::{ColumnMasks, Edges, Indexes, Views, VirtualTables};
        for (release, dse, layout, has, lacks) in [
            ("2.1.22", None, SchemaLayout::Legacy, &[][..], &[Views, Indexes, VirtualTables][..]),
            ("2.2.19", None, SchemaLayout::Legacy, &[], &[Views, Indexes, VirtualTables]),
            ("2.1.8.689", Some("4.8.2"), SchemaLayout::Legacy, &[], &[Views, Edges]),
            ("3.0.0-rc1", None, SchemaLayout::Modern, &[Views, Indexes], &[VirtualTables, ColumnMasks]),
            ("3.11.16", None, SchemaLayout::Modern, &[Views], &[VirtualTables]),
            ("4.0-alpha1", None, SchemaLayout::Modern, &[VirtualTables], &[ColumnMasks, Edges]),
            ("5.0-beta1", None, SchemaLayout::Modern, &[VirtualTables, ColumnMasks], &[Edges]),
            ("3.0.9.1346", Some("5.0.4"), SchemaLayout::Modern, &[Views], &[VirtualTables, Edges]),
            (
                "4.0.0.2349",
                Some("6.0.5"),
                SchemaLayout::Modern,
                &[Views],
                &[VirtualTables, ColumnMasks, Edges],
            ),
            ("4.0.0.671", Some("6.7.2"), SchemaLayout::Modern, &[VirtualTables], &[ColumnMasks, Edges]),
            ("4.0.0.6816", Some("6.8.0"), SchemaLayout::Modern, &[VirtualTables, Edges], &[ColumnMasks]),
        ] {
            let source = source(release, dse);
            assert_eq!(source.layout(), layout, "{release}");
            assert!(has.iter().all(|table| source.may_have(*table)), "{release}: {:?}", tables(&source));
            assert!(!lacks.iter().any(|table| source.may_have(*table)), "{release}: {:?}", tables(&source));
        }
    }

    #[test]
    fn a_version_that_cannot_be_read_is_taken_for_a_new_one() {
        for odd in ["", "unknown", "0.0", "1.0"] {
            assert_eq!(source(odd, None).layout(), SchemaLayout::Modern, "{odd}");
        }
        assert_eq!(tables(&source("unknown", None)), tables(&SchemaSource::default()));
        assert!(source("4.0.0.1", Some("new")).may_have(SchemaTable::Edges));
        let scylla = SchemaSource::new(ServerFamily::Scylla).of_versions(Some("2.0"), None);
        assert_eq!(scylla.layout(), SchemaLayout::Modern);
    }
}
