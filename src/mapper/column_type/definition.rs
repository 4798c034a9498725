//! Types as a table's definition has them.

use std::fmt;

use chorus_protocol::CqlType;

use crate::schema::quote;

/// The type of a column, of an element in one, or of a field of a user-defined type.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeDefinition {
    /// The type. The keyspaces of user-defined types in it are empty: they are where their table is.
    pub typ: CqlType,
    /// Whether the whole is one cell, although it has parts. User-defined types and tuples of a table are unless asked
    /// otherwise, and so is everything inside of something.
    pub frozen: bool,
    /// The user-defined types it needs, those within others first.
    pub user_types: Vec<UserTypeDefinition>,
}

/// A user-defined type, as a struct with `#[derive(UserType)]` has it.
#[derive(Debug, Clone, PartialEq)]
pub struct UserTypeDefinition {
    /// Its name, as spelled in the schema.
    pub name: String,
    /// Its fields.
    pub fields: Vec<(String, TypeDefinition)>,
}

impl TypeDefinition {
    /// A type without parts.
    pub fn plain(typ: CqlType) -> Self {
        Self { typ, frozen: false, user_types: Vec::new() }
    }

    /// `list<element>`
    pub fn list(element: Self) -> Self {
        Self { typ: CqlType::list(element.typ), frozen: false, user_types: element.user_types }
    }

    /// `set<element>`
    pub fn set(element: Self) -> Self {
        Self { typ: CqlType::set(element.typ), frozen: false, user_types: element.user_types }
    }

    /// `map<key, value>`
    pub fn map(key: Self, value: Self) -> Self {
        let user_types = together([key.user_types, value.user_types]);
        Self { typ: CqlType::map(key.typ, value.typ), frozen: false, user_types }
    }

    /// `vector<element, dimension>`
    pub fn vector(element: Self, dimension: u16) -> Self {
        Self { typ: CqlType::vector(element.typ, dimension), frozen: false, user_types: element.user_types }
    }

    /// `tuple<fields>`
    pub fn tuple(fields: impl IntoIterator<Item = Self>) -> Self {
        let fields: Vec<Self> = fields.into_iter().collect();
        let typ = CqlType::tuple(fields.iter().map(|field| field.typ.clone()).collect::<Vec<_>>());
        let user_types = together(fields.into_iter().map(|field| field.user_types));
        Self { typ, frozen: true, user_types }
    }

    /// A user-defined type of that name, as spelled in the schema.
    pub fn user_type(
        name: impl Into<String>,
        fields: impl IntoIterator<Item = (&'static str, Self)>,
    ) -> Self {
        let name = name.into();
        let fields = fields.into_iter().map(|(field, typ)| (field.to_owned(), typ.within()));
        let definition = UserTypeDefinition { name, fields: fields.collect() };
        let parts = definition.fields.iter().map(|(field, definition)| (&**field, definition.typ.clone()));
        let typ = CqlType::udt("", &*definition.name, parts);
        let mut user_types = together(definition.fields.iter().map(|(_, typ)| typ.user_types.clone()));
        user_types.push(definition);
        Self { typ, frozen: true, user_types }
    }

    /// The same, as one cell or in parts. Only collections and user-defined types have a choice.
    #[must_use]
    pub fn frozen(mut self, frozen: bool) -> Self {
        self.frozen = match self.typ {
            CqlType::List(_) | CqlType::Set(_) | CqlType::Map(_) | CqlType::Udt(_) => frozen,
            _ => self.frozen,
        };
        self
    }

    /// The same inside of something.
    fn within(self) -> Self {
        self.frozen(true)
    }

    /// Whether it is `counter`.
    pub fn is_counter(&self) -> bool {
        self.typ == CqlType::Counter
    }

    /// Whether it is a list, a set or a map.
    pub fn is_collection(&self) -> bool {
        matches!(self.typ, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(_))
    }

    /// Whether its parts are cells of their own: a collection or a user-defined type that is not frozen.
    pub fn is_multi_cell(&self) -> bool {
        !self.frozen && (self.is_collection() || matches!(self.typ, CqlType::Udt(_)))
    }
}

/// Each type once, in the order of their first need.
fn together(parts: impl IntoIterator<Item = Vec<UserTypeDefinition>>) -> Vec<UserTypeDefinition> {
    let mut all: Vec<UserTypeDefinition> = Vec::new();
    for definition in parts.into_iter().flatten() {
        if !all.contains(&definition) {
            all.push(definition);
        }
    }
    all
}

/// As in `CREATE TABLE`: `frozen` where it must be.
impl fmt::Display for TypeDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.frozen { write_frozen(&self.typ, f) } else { write_bare(&self.typ, f) }
    }
}

/// As everything inside of something is.
fn write_frozen(typ: &CqlType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match typ {
        CqlType::List(_) | CqlType::Set(_) | CqlType::Map(_) | CqlType::Tuple(_) | CqlType::Udt(_) => {
            f.write_str("frozen<")?;
            write_bare(typ, f)?;
            f.write_str(">")
        }
        // Always one cell, without being told.
        CqlType::Native(_) | CqlType::Vector(..) | CqlType::Custom(_) => write_bare(typ, f),
    }
}

fn write_bare(typ: &CqlType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let of = |name: &str, parts: &[&CqlType], f: &mut fmt::Formatter<'_>| {
        write!(f, "{name}<")?;
        for (place, part) in parts.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            write_frozen(part, f)?;
        }
        f.write_str(">")
    };
    match typ {
        CqlType::List(element) => of("list", &[element], f),
        CqlType::Set(element) => of("set", &[element], f),
        CqlType::Map(pair) => of("map", &[&pair.0, &pair.1], f),
        CqlType::Tuple(fields) => of("tuple", &fields.iter().collect::<Vec<_>>(), f),
        CqlType::Udt(udt) => f.write_str(&quote(&udt.name)),
        CqlType::Vector(element, dimension) => {
            f.write_str("vector<")?;
            write_frozen(element, f)?;
            write!(f, ", {dimension}>")
        }
        CqlType::Native(_) | CqlType::Custom(_) => write!(f, "{typ}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(typ: CqlType) -> TypeDefinition {
        TypeDefinition::plain(typ)
    }

    fn address() -> TypeDefinition {
        let lines = TypeDefinition::list(plain(CqlType::Text));
        TypeDefinition::user_type("Address", [("lines", lines), ("zip", plain(CqlType::Int))])
    }

    #[test]
    fn what_is_inside_of_something_is_frozen() {
        let numbers = || TypeDefinition::list(plain(CqlType::Int));
        for (definition, text) in [
            (numbers(), "list<int>"),
            (numbers().frozen(true), "frozen<list<int>>"),
            (TypeDefinition::set(numbers()), "set<frozen<list<int>>>"),
            (TypeDefinition::map(plain(CqlType::Text), address()), "map<text, frozen<\"Address\">>"),
            (
                TypeDefinition::tuple([numbers(), plain(CqlType::Uuid)]),
                "frozen<tuple<frozen<list<int>>, uuid>>",
            ),
            (TypeDefinition::vector(plain(CqlType::Float), 3), "vector<float, 3>"),
            (
                TypeDefinition::list(TypeDefinition::vector(numbers(), 2)),
                "list<vector<frozen<list<int>>, 2>>",
            ),
            (address(), "frozen<\"Address\">"),
            (address().frozen(false), "\"Address\""),
            (plain(CqlType::Int).frozen(true), "int"),
            (plain(CqlType::custom("org.example.Odd")), "'org.example.Odd'"),
        ] {
            assert_eq!(definition.to_string(), text);
        }
    }

    #[test]
    fn user_types_are_listed_once_and_those_within_others_first() {
        let person = TypeDefinition::user_type(
            "person",
            [("home", address()), ("work", address()), ("name", plain(CqlType::Text))],
        );
        let map = TypeDefinition::map(address(), TypeDefinition::list(person));
        let names: Vec<_> = map.user_types.iter().map(|definition| &*definition.name).collect();
        assert_eq!(names, ["Address", "person"]);
        let fields: Vec<_> =
            map.user_types[0].fields.iter().map(|(name, typ)| format!("{name} {typ}")).collect();
        assert_eq!(fields, ["lines frozen<list<text>>", "zip int"]);
    }

    #[test]
    fn parts_are_cells_of_their_own_unless_frozen() {
        assert!(TypeDefinition::list(plain(CqlType::Int)).is_multi_cell());
        assert!(address().frozen(false).is_multi_cell());
        for whole in [address(), plain(CqlType::Blob), TypeDefinition::tuple([plain(CqlType::Int)])] {
            assert!(!whole.is_multi_cell(), "{whole}");
        }
        assert!(!TypeDefinition::tuple([plain(CqlType::Int)]).frozen(false).is_multi_cell());
    }
}
