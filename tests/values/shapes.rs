//! The types that are tried: every type without parameters, and every way to nest three levels of the others around one.

use std::fmt::Write as _;

use chorus::CqlType;
use chorus::protocol::NativeType;

/// What a level of nesting can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nest {
    List,
    Set,
    Key,
    Value,
    Tuple,
    UserType,
    Vector,
}

const NESTS: [Nest; 7] =
    [Nest::List, Nest::Set, Nest::Key, Nest::Value, Nest::Tuple, Nest::UserType, Nest::Vector];

/// Types of columns, and what has to be created before tables may have them.
#[derive(Default)]
pub(crate) struct Shapes {
    pub(crate) types: Vec<CqlType>,
    /// `CREATE TYPE` statements, in order.
    pub(crate) user_types: Vec<String>,
}

impl Shapes {
    /// All of them, of a keyspace.
    pub(crate) fn all(keyspace: &str) -> Self {
        let mut shapes = Self::default();
        // A counter has tables of its own.
        let natives: Vec<NativeType> =
            NativeType::ALL.into_iter().filter(|native| *native != NativeType::Counter).collect();
        shapes.types.extend(natives.iter().copied().map(CqlType::Native));
        let mut next = natives.iter().copied().cycle();
        for outer in NESTS {
            for middle in NESTS {
                for inner in NESTS {
                    let sorted =
                        [outer, middle, inner].iter().any(|nest| matches!(nest, Nest::Set | Nest::Key));
                    // Durations have no order, so servers take none where they sort.
                    let native = next.find(|native| !(sorted && *native == NativeType::Duration));
                    let innermost = CqlType::Native(native.expect("they go round"));
                    let typ = [inner, middle, outer]
                        .into_iter()
                        .fold(innermost, |typ, nest| shapes.nest(keyspace, nest, typ));
                    shapes.types.push(typ);
                }
            }
        }
        shapes
    }

    fn nest(&mut self, keyspace: &str, nest: Nest, typ: CqlType) -> CqlType {
        match nest {
            Nest::List => CqlType::list(typ),
            Nest::Set => CqlType::set(typ),
            Nest::Key => CqlType::map(typ, CqlType::Text),
            Nest::Value => CqlType::map(CqlType::Int, typ),
            Nest::Tuple => CqlType::tuple([typ, CqlType::Boolean]),
            Nest::Vector => CqlType::vector(typ, 2),
            Nest::UserType => {
                let name = format!("kind{}", self.user_types.len());
                self.user_types
                    .push(format!("CREATE TYPE {keyspace}.{name} (it {}, more text)", column(&typ)));
                CqlType::udt(keyspace, name, [("it", typ), ("more", CqlType::Text)])
            }
        }
    }
}

/// A type as a column's: what can be frozen is, so that an empty collection is not null.
pub(crate) fn column(typ: &CqlType) -> String {
    match typ {
        CqlType::List(_) | CqlType::Set(_) | CqlType::Map(_) | CqlType::Udt(_) => {
            format!("frozen<{}>", inside(typ))
        }
        typ => inside(typ),
    }
}

fn inside(typ: &CqlType) -> String {
    match typ {
        CqlType::List(element) => format!("list<{}>", column(element)),
        CqlType::Set(element) => format!("set<{}>", column(element)),
        CqlType::Map(types) => format!("map<{}, {}>", column(&types.0), column(&types.1)),
        CqlType::Vector(element, dimension) => format!("vector<{}, {dimension}>", column(element)),
        CqlType::Tuple(fields) => {
            let mut text = "tuple<".to_owned();
            for (index, field) in fields.iter().enumerate() {
                let _ = write!(text, "{}{}", if index == 0 { "" } else { ", " }, column(field));
            }
            text + ">"
        }
        typ => typ.to_string(),
    }
}

#[test]
fn every_type_stands_in_every_way_to_nest_three_deep() {
    let shapes = Shapes::all("ks");
    assert_eq!(shapes.types.len(), 19 + 7 * 7 * 7);
    for native in NativeType::ALL.into_iter().filter(|native| *native != NativeType::Counter) {
        let name = native.name();
        let nested = shapes
            .types
            .iter()
            .filter(|typ| typ.depth() == 4 && format!("{typ:?}").contains(&format!("{native:?}")));
        assert!(nested.count() >= 6, "{name} is nested");
    }
}
