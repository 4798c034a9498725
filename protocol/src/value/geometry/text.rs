//! Geometry as well-known text.

use std::fmt;
use std::str::FromStr;

use super::{Distance, LineString, Point, Polygon};
use crate::error::{ValueError, ValueErrorReason};

/// Well-known text.
impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() { f.write_str("POINT EMPTY") } else { write!(f, "POINT ({} {})", self.x, self.y) }
    }
}

/// Well-known text.
impl fmt::Display for LineString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.points.is_empty() {
            return f.write_str("LINESTRING EMPTY");
        }
        f.write_str("LINESTRING ")?;
        write_points(f, &self.points)
    }
}

/// Well-known text.
impl fmt::Display for Polygon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rings.is_empty() {
            return f.write_str("POLYGON EMPTY");
        }
        for (index, ring) in self.rings.iter().enumerate() {
            f.write_str(if index == 0 { "POLYGON (" } else { ", " })?;
            write_points(f, ring)?;
        }
        f.write_str(")")
    }
}

/// `DISTANCE ((x y) radius)`.
impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DISTANCE (({} {}) {})", self.center.x, self.center.y, self.radius)
    }
}

fn write_points(f: &mut fmt::Formatter<'_>, points: &[Point]) -> fmt::Result {
    f.write_str("(")?;
    for (index, point) in points.iter().enumerate() {
        write!(f, "{}{} {}", if index == 0 { "" } else { ", " }, point.x, point.y)?;
    }
    f.write_str(")")
}

/// Text that is read from its beginning; blanks are passed over.
struct Wkt<'a>(&'a str);

impl Wkt<'_> {
    fn take(&mut self, expected: char) -> Option<()> {
        self.0 = self.0.trim_start().strip_prefix(expected)?;
        Some(())
    }

    fn comes_next(&self, expected: char) -> bool {
        self.0.trim_start().starts_with(expected)
    }

    /// A word, in any case.
    fn word(&mut self, expected: &str) -> Option<()> {
        let text = self.0.trim_start();
        let (word, rest) = text.split_at_checked(expected.len())?;
        self.0 = if word.eq_ignore_ascii_case(expected) { rest } else { return None };
        Some(())
    }

    fn number(&mut self) -> Option<f64> {
        let text = self.0.trim_start();
        let end = text.find([' ', '\t', '\n', ',', '(', ')']).unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        self.0 = rest;
        number.parse().ok()
    }

    fn coordinates(&mut self) -> Option<Point> {
        Some(Point { x: self.number()?, y: self.number()? })
    }

    /// `(` any number of `item`s with commas between, one at least, `)`.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.take('(')?;
        let mut items = Vec::new();
        // An empty ring is one too.
        while !self.comes_next(')') {
            if !items.is_empty() {
                self.take(',')?;
            }
            items.push(item(self)?);
        }
        self.take(')')?;
        Some(items)
    }

    /// What follows the name of a kind: nothing at all, or what `read` reads, up to the end.
    fn whole<T>(
        text: &str,
        kind: &str,
        empty: Option<T>,
        read: impl Fn(&mut Wkt<'_>) -> Option<T>,
    ) -> Option<T> {
        let mut wkt = Wkt(text);
        wkt.word(kind)?;
        let value = match empty {
            Some(empty) if wkt.word("EMPTY").is_some() => empty,
            _ => read(&mut wkt)?,
        };
        wkt.0.trim_start().is_empty().then_some(value)
    }
}

fn invalid(what: &'static str) -> ValueError {
    ValueErrorReason::InvalidText { what }.into()
}

/// Well-known text, in any case.
impl FromStr for Point {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let read = |wkt: &mut Wkt<'_>| {
            wkt.take('(')?;
            let point = wkt.coordinates()?;
            wkt.take(')')?;
            Some(point)
        };
        Wkt::whole(text, "POINT", Some(Point::EMPTY), read).ok_or_else(|| invalid("point"))
    }
}

/// Well-known text, in any case.
impl FromStr for LineString {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let read = |wkt: &mut Wkt<'_>| wkt.list(Wkt::coordinates).map(|points| LineString { points });
        Wkt::whole(text, "LINESTRING", Some(LineString::default()), read)
            .ok_or_else(|| invalid("line string"))
    }
}

/// Well-known text, in any case.
impl FromStr for Polygon {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let read = |wkt: &mut Wkt<'_>| {
            let rings = wkt.list(|wkt| wkt.list(Wkt::coordinates))?;
            Some(Polygon { rings })
        };
        Wkt::whole(text, "POLYGON", Some(Polygon::default()), read).ok_or_else(|| invalid("polygon"))
    }
}

/// `DISTANCE ((x y) radius)`, in any case.
impl FromStr for Distance {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let read = |wkt: &mut Wkt<'_>| {
            wkt.take('(')?;
            wkt.take('(')?;
            let center = wkt.coordinates()?;
            wkt.take(')')?;
            let radius = wkt.number()?;
            wkt.take(')')?;
            Some(Distance { center, radius })
        };
        Wkt::whole(text, "DISTANCE", None, read).ok_or_else(|| invalid("distance"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_back<T: FromStr<Err = ValueError> + fmt::Display>(text: &str) {
        let value: T = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value.to_string(), text);
        let loose = text.to_lowercase().replace('(', " ( ").replace(',', " , ");
        let again: T = loose.parse().unwrap_or_else(|error| panic!("{loose}: {error}"));
        assert_eq!(again.to_string(), text);
    }

    #[test]
    fn geometry_is_read_from_the_text_it_prints() {
        comes_back::<Point>("POINT (1 2)");
        comes_back::<Point>("POINT (-1.5 0.000001)");
        comes_back::<Point>("POINT EMPTY");
        comes_back::<LineString>("LINESTRING EMPTY");
        comes_back::<LineString>("LINESTRING (0 0, 1 1, -2.5 3)");
        comes_back::<Polygon>("POLYGON EMPTY");
        comes_back::<Polygon>("POLYGON ((0 0, 1 0, 1 1, 0 0))");
        comes_back::<Polygon>("POLYGON ((0 0, 9 0, 9 9, 0 0), (1 1, 2 1, 2 2, 1 1))");
        comes_back::<Distance>("DISTANCE ((1 2) 3.5)");
        let polygon: Polygon = "POLYGON ((0 0, 9 0, 9 9, 0 0), (1 1, 2 1, 2 2, 1 1))".parse().unwrap();
        assert_eq!(polygon.exterior().map(<[_]>::len), Some(4));
        assert_eq!(polygon.interiors().len(), 1);
        assert_eq!((Polygon::default().exterior(), Polygon::default().interiors().len()), (None, 0));
        assert!("POINT EMPTY".parse::<Point>().unwrap().is_empty());
    }

    #[test]
    fn text_that_is_none_is_refused() {
        for text in [
            "",
            "POINT",
            "POINT (1)",
            "POINT (1 2",
            "POINT (1 2) x",
            "POINT (a b)",
            "LINESTRING (1 2)",
            "\u{e9}",
        ] {
            assert!(text.parse::<Point>().is_err(), "{text}");
        }
        for text in ["LINESTRING", "LINESTRING (1 2,)", "LINESTRING (1 2 3)", "LINESTRING 1 2", "POINT (1 2)"]
        {
            assert!(text.parse::<LineString>().is_err(), "{text}");
        }
        for text in ["POLYGON (1 2, 3 4)", "POLYGON ((1 2)", "POLYGON ((1 2), )"] {
            assert!(text.parse::<Polygon>().is_err(), "{text}");
        }
        for text in ["DISTANCE EMPTY", "DISTANCE (1 2) 3", "DISTANCE ((1 2))", "DISTANCE ((1 2) 3) 4"] {
            assert!(text.parse::<Distance>().is_err(), "{text}");
        }
    }
}
