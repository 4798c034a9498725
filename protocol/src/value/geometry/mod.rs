//! Geometry of DataStax Enterprise: custom types whose bytes are well-known binary.

mod text;

use crate::error::{ValueError, ValueErrorReason};
use crate::types::CqlType;
use crate::value::from_cql::not_null;
use crate::value::{FromCql, ToCql, ValueWriter};

/// A `PointType`. The empty point has no coordinates (NaN).
///
/// ```
/// use chorus_protocol::value::{LineString, Point};
///
/// let line: LineString = "LINESTRING (0 0, 1.5 2)".parse()?;
/// assert_eq!(line.points[1], Point { x: 1.5, y: 2.0 });
/// assert_eq!(line.to_string(), "LINESTRING (0 0, 1.5 2)");
/// # Ok::<(), chorus_protocol::ValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// First coordinate.
    pub x: f64,
    /// Second coordinate.
    pub y: f64,
}

/// A `LineStringType`: points in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LineString {
    /// At least two, or none.
    pub points: Vec<Point>,
}

/// A `PolygonType`: one outer ring, then holes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Polygon {
    /// Each ends where it began.
    pub rings: Vec<Vec<Point>>,
}

/// A circle, for searches: its centre and its radius. Has a text form and no bytes: it is no type of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    /// The centre.
    pub center: Point,
    /// The radius, in degrees.
    pub radius: f64,
}

impl Point {
    /// The point without coordinates.
    pub const EMPTY: Point = Point { x: f64::NAN, y: f64::NAN };

    /// Whether it has no coordinates.
    pub const fn is_empty(self) -> bool {
        self.x.is_nan() && self.y.is_nan()
    }
}

impl Polygon {
    /// The ring around it; `None` for the empty polygon.
    pub fn exterior(&self) -> Option<&[Point]> {
        self.rings.first().map(Vec::as_slice)
    }

    /// Its holes.
    pub fn interiors(&self) -> &[Vec<Point>] {
        self.rings.get(1..).unwrap_or_default()
    }
}

/// The marshal class of a geometry, by the end of its name.
fn check_class<T>(typ: &CqlType, class: &str) -> Result<(), ValueError> {
    match typ {
        CqlType::Custom(name) if name.rsplit('.').next() == Some(class) => Ok(()),
        _ => Err(ValueError::mismatch::<T>(typ)),
    }
}

/// Well-known binary: a byte order, a kind, then numbers in that order.
struct Wkb<'a> {
    rest: &'a [u8],
    little: bool,
}

impl<'a> Wkb<'a> {
    fn new<T>(cell: Option<&'a [u8]>, kind: u32) -> Result<Self, ValueError> {
        let (order, rest) =
            not_null::<T>(cell)?.split_first().ok_or(ValueErrorReason::Truncated { what: "geometry" })?;
        let mut wkb = Self { rest, little: *order == 1 };
        if wkb.number()? == kind {
            Ok(wkb)
        } else {
            Err(ValueErrorReason::OutOfRange { what: "geometry" }.into())
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ValueError> {
        let (taken, rest) =
            self.rest.split_first_chunk::<N>().ok_or(ValueErrorReason::Truncated { what: "geometry" })?;
        self.rest = rest;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u32, ValueError> {
        let bytes = self.array()?;
        Ok(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// A count of things that take `smallest` bytes each at least.
    fn count(&mut self, smallest: usize) -> Result<usize, ValueError> {
        let count = self.number()?;
        if count as usize > self.rest.len() / smallest {
            return Err(ValueErrorReason::InvalidCount { what: "geometry", count: i64::from(count) }.into());
        }
        Ok(count as usize)
    }

    fn point(&mut self) -> Result<Point, ValueError> {
        let (x, y) = (self.array()?, self.array()?);
        let number = if self.little { f64::from_le_bytes } else { f64::from_be_bytes };
        Ok(Point { x: number(x), y: number(y) })
    }

    fn points(&mut self) -> Result<Vec<Point>, ValueError> {
        (0..self.count(16)?).map(|_| self.point()).collect()
    }

    fn end<T>(self, value: T) -> Result<T, ValueError> {
        match self.rest.len() {
            0 => Ok(value),
            count => Err(ValueErrorReason::TrailingBytes { what: "geometry", count }.into()),
        }
    }
}

/// Little-endian, as every client writes it.
fn write_wkb(
    out: ValueWriter<'_>,
    kind: u32,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    let mut bytes = vec![1];
    bytes.extend_from_slice(&kind.to_le_bytes());
    write(&mut bytes)?;
    out.bytes(&bytes)
}

fn put_count(out: &mut Vec<u8>, count: usize) -> Result<(), ValueError> {
    let count = u32::try_from(count).map_err(|_| ValueErrorReason::TooLarge { length: count })?;
    out.extend_from_slice(&count.to_le_bytes());
    Ok(())
}

fn put_point(out: &mut Vec<u8>, point: &Point) {
    out.extend_from_slice(&point.x.to_le_bytes());
    out.extend_from_slice(&point.y.to_le_bytes());
}

fn put_points(out: &mut Vec<u8>, points: &[Point]) -> Result<(), ValueError> {
    put_count(out, points.len())?;
    points.iter().for_each(|point| put_point(out, point));
    Ok(())
}

impl ToCql for Point {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        check_class::<Self>(typ, "PointType")?;
        write_wkb(out, 1, |out| {
            put_point(out, self);
            Ok(())
        })
    }
}

impl<'f> FromCql<'f> for Point {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        check_class::<Self>(typ, "PointType")
    }

    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let mut wkb = Wkb::new::<Self>(cell, 1)?;
        let point = wkb.point()?;
        wkb.end(point)
    }
}

impl ToCql for LineString {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        check_class::<Self>(typ, "LineStringType")?;
        write_wkb(out, 2, |out| put_points(out, &self.points))
    }
}

impl<'f> FromCql<'f> for LineString {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        check_class::<Self>(typ, "LineStringType")
    }

    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let mut wkb = Wkb::new::<Self>(cell, 2)?;
        let points = wkb.points()?;
        wkb.end(Self { points })
    }
}

impl ToCql for Polygon {
    fn to_cql(&self, typ: &CqlType, out: ValueWriter<'_>) -> Result<(), ValueError> {
        check_class::<Self>(typ, "PolygonType")?;
        write_wkb(out, 3, |out| {
            put_count(out, self.rings.len())?;
            self.rings.iter().try_for_each(|ring| put_points(out, ring))
        })
    }
}

impl<'f> FromCql<'f> for Polygon {
    fn check(typ: &CqlType) -> Result<(), ValueError> {
        check_class::<Self>(typ, "PolygonType")
    }

    fn from_cql(_: &'f CqlType, cell: Option<&'f [u8]>) -> Result<Self, ValueError> {
        let mut wkb = Wkb::new::<Self>(cell, 3)?;
        let rings = (0..wkb.count(4)?).map(|_| wkb.points()).collect::<Result<Vec<_>, _>>()?;
        wkb.end(Self { rings })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::to_cql::encode_value;
    use crate::vectors::hex;

    fn class(name: &str) -> CqlType {
        CqlType::custom(format!("org.apache.cassandra.db.marshal.{name}"))
    }

    #[test]
    fn geometry_is_little_endian_well_known_binary() {
        let point = Point { x: 1.0, y: 2.0 };
        let bytes = hex("0101000000 000000000000f03f 0000000000000040");
        assert_eq!(encode_value(&point, &class("PointType")).unwrap()[4..], bytes);
        assert_eq!(Point::from_cql(&class("PointType"), Some(&bytes)), Ok(point));
        let big = hex("0000000001 3ff0000000000000 4000000000000000");
        assert_eq!(Point::from_cql(&class("PointType"), Some(&big)), Ok(point));
        assert_eq!(point.to_string(), "POINT (1 2)");

        let points = vec![point, Point { x: -1.5, y: 0.0 }];
        for (rings, text) in [
            (vec![], "POLYGON EMPTY"),
            (vec![points.clone()], "POLYGON ((1 2, -1.5 0))"),
            (vec![points.clone(), vec![]], "POLYGON ((1 2, -1.5 0), ())"),
        ] {
            let polygon = Polygon { rings };
            let bytes = encode_value(&polygon, &class("PolygonType")).unwrap();
            assert_eq!(polygon.to_string(), text);
            assert_eq!(Polygon::from_cql(&class("PolygonType"), Some(&bytes[4..])), Ok(polygon));
        }
        let line = LineString { points };
        let bytes = encode_value(&line, &class("LineStringType")).unwrap();
        assert_eq!(bytes[4..13], [1, 2, 0, 0, 0, 2, 0, 0, 0]);
        assert_eq!(LineString::from_cql(&class("LineStringType"), Some(&bytes[4..])), Ok(line.clone()));
        for length in 0..bytes.len() - 4 {
            assert!(LineString::from_cql(&class("LineStringType"), Some(&bytes[4..4 + length])).is_err());
        }
        assert_eq!(line.to_string(), "LINESTRING (1 2, -1.5 0)");
    }

    #[test]
    fn another_kind_or_an_impossible_count_is_an_error() {
        assert_eq!(Option::<Point>::from_cql(&class("PointType"), Some(&[])), Ok(None));
        assert!(Point::check(&class("PolygonType")).is_err() && Point::check(&CqlType::Blob).is_err());
        assert!(Point::from_cql(&class("PointType"), Some(&hex("0102000000 00000000"))).is_err());
        assert!(LineString::from_cql(&class("LineStringType"), Some(&hex("0102000000 ffffffff"))).is_err());
        assert!(Polygon::from_cql(&class("PolygonType"), Some(&hex("0103000000 ffffffff 00"))).is_err());
    }
}
