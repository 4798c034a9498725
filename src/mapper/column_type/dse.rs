//! Types that DataStax Enterprise has beside those of CQL, by their Java classes.

use chorus_protocol::CqlType;
use chorus_protocol::value::{DateRange, LineString, Point, Polygon};

use super::values::column_types;
use super::{ColumnType, TypeDefinition};

column_types! {
    Point => marshal("PointType");
    LineString => marshal("LineStringType");
    Polygon => marshal("PolygonType");
    DateRange => marshal("DateRangeType");
}

fn marshal(class: &str) -> CqlType {
    CqlType::custom(format!("org.apache.cassandra.db.marshal.{class}"))
}
