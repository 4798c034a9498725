//! CQL statements as data, before anything is known about the schema.

use chorus_protocol::request::BatchKind;

/// A statement and the bind markers in it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parsed {
    pub(crate) statement: Statement,
    /// The name of each marker in the order of the text; `None` for `?`.
    pub(crate) markers: Vec<Option<String>>,
    /// What in the statement only ScyllaDB understands, if anything. It has no effect here beyond being allowed or not.
    pub(crate) scylla_only: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Statement {
    Select(Select),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    Batch(Batch),
    Use(String),
    Truncate(TableName),
    CreateKeyspace(CreateKeyspace),
    AlterKeyspace(AlterKeyspace),
    DropKeyspace { name: String, if_exists: bool },
    CreateTable(CreateTable),
    AlterTable(AlterTable),
    DropTable { name: TableName, if_exists: bool },
    CreateType(CreateType),
    AlterType(AlterType),
    DropType { name: TableName, if_exists: bool },
    CreateIndex(CreateIndex),
    DropIndex { name: TableName, if_exists: bool },
    Describe(Describe),
}

/// A table, type or index, with its keyspace where the statement names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableName {
    pub(crate) keyspace: Option<String>,
    pub(crate) name: String,
}

/// A CQL type as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TypeName {
    /// A native type or a user type without keyspace; lower case unless it was quoted.
    Named {
        keyspace: Option<String>,
        name: String,
    },
    List(Box<TypeName>),
    Set(Box<TypeName>),
    Map(Box<TypeName>, Box<TypeName>),
    Tuple(Vec<TypeName>),
    Vector(Box<TypeName>, u32),
    Frozen(Box<TypeName>),
    /// A Java class name between single quotes.
    Custom(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Boolean(bool),
    /// Digits, perhaps after a minus sign.
    Integer(String),
    /// A number with fraction or exponent, `NaN` or `Infinity`, perhaps after a minus sign.
    Float(String),
    String(String),
    Uuid(String),
    /// Hexadecimal digits.
    Blob(String),
    Duration(String),
}

/// Something that yields one value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Term {
    Literal(Literal),
    /// Position among the statement's markers.
    Bind(usize),
    List(Vec<Term>),
    /// `{a, b}`; an empty one may also be a map.
    Set(Vec<Term>),
    Map(Vec<(Term, Term)>),
    Tuple(Vec<Term>),
    Udt(Vec<(String, Term)>),
    Call {
        function: FunctionName,
        arguments: Vec<Term>,
    },
    /// `(type) term`
    Hint(TypeName, Box<Term>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FunctionName {
    pub(crate) keyspace: Option<String>,
    pub(crate) name: String,
}

/// One of the things a SELECT asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Selector {
    Column(String),
    CountRows,
    WriteTime { column: String, element: Option<Term>, max: bool },
    Ttl { column: String, element: Option<Term> },
    Cast(Box<Selector>, TypeName),
    Call { function: FunctionName, arguments: Vec<Selector> },
    Field(Box<Selector>, String),
    Element(Box<Selector>, Term),
    Slice(Box<Selector>, Option<Term>, Option<Term>),
    Term(Term),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Select {
    pub(crate) table: TableName,
    pub(crate) json: bool,
    pub(crate) distinct: bool,
    /// `None` for `*`.
    pub(crate) selectors: Option<Vec<(Selector, Option<String>)>>,
    pub(crate) filter: Vec<Relation>,
    pub(crate) group_by: Vec<String>,
    pub(crate) order_by: Vec<(String, Order)>,
    pub(crate) per_partition_limit: Option<Term>,
    pub(crate) limit: Option<Term>,
    pub(crate) allow_filtering: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
    ContainsKey,
}

impl Operator {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Contains => "CONTAINS",
            Self::ContainsKey => "CONTAINS KEY",
        }
    }
}

/// The right side of `IN`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InValues {
    Terms(Vec<Term>),
    /// `IN ?`: one marker for the whole list.
    Marker(usize),
}

/// One conjunct of a WHERE clause.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Relation {
    Single { column: String, operator: Operator, value: Term },
    In { column: String, values: InValues },
    Element { column: String, key: Term, operator: Operator, value: Term },
    Multi { columns: Vec<String>, operator: Operator, value: Term },
    MultiIn { columns: Vec<String>, values: InValues },
    Token { columns: Vec<String>, operator: Operator, value: Term },
}

/// `USING TTL … AND TIMESTAMP …`
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Using {
    pub(crate) timestamp: Option<Term>,
    pub(crate) ttl: Option<Term>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Insert {
    pub(crate) table: TableName,
    pub(crate) source: InsertSource,
    pub(crate) if_not_exists: bool,
    pub(crate) using: Using,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum InsertSource {
    Values { columns: Vec<String>, values: Vec<Term> },
    Json { value: Term, default_unset: bool },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    pub(crate) table: TableName,
    pub(crate) using: Using,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) filter: Vec<Relation>,
    pub(crate) condition: Condition,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Assignment {
    /// `c = term`
    Set { column: String, value: Term },
    /// `c = c + term`, `c += term`
    Add { column: String, value: Term },
    /// `c = c - term`, `c -= term`
    Subtract { column: String, value: Term },
    /// `c = term + c`
    Prepend { column: String, value: Term },
    /// `c[key] = term`
    Element { column: String, key: Term, value: Term },
    /// `c.field = term`
    Field { column: String, field: String, value: Term },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Delete {
    pub(crate) table: TableName,
    pub(crate) using: Using,
    /// Empty: whole rows.
    pub(crate) targets: Vec<DeleteTarget>,
    pub(crate) filter: Vec<Relation>,
    pub(crate) condition: Condition,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DeleteTarget {
    Column(String),
    Element { column: String, key: Term },
    Field { column: String, field: String },
}

/// The IF clause of an UPDATE or DELETE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    None,
    Exists,
    All(Vec<ColumnCondition>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnCondition {
    pub(crate) column: String,
    pub(crate) part: ConditionPart,
    pub(crate) test: ConditionTest,
}

/// What of the column is compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ConditionPart {
    Whole,
    Element(Term),
    Field(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ConditionTest {
    Compare(Operator, Term),
    In(InValues),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Batch {
    pub(crate) kind: BatchKind,
    pub(crate) using: Using,
    /// Inserts, updates and deletes only.
    pub(crate) statements: Vec<Statement>,
}

/// The value of a WITH option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OptionValue {
    /// A string, number or boolean, as text.
    Text(String),
    Map(Vec<(String, String)>),
}

pub(crate) type Options = Vec<(String, OptionValue)>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateKeyspace {
    pub(crate) name: String,
    pub(crate) if_not_exists: bool,
    pub(crate) options: Options,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AlterKeyspace {
    pub(crate) name: String,
    pub(crate) if_exists: bool,
    pub(crate) options: Options,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnDefinition {
    pub(crate) name: String,
    pub(crate) typ: TypeName,
    pub(crate) is_static: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateTable {
    pub(crate) name: TableName,
    pub(crate) if_not_exists: bool,
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) partition_key: Vec<String>,
    pub(crate) clustering: Vec<String>,
    pub(crate) clustering_order: Vec<(String, Order)>,
    pub(crate) options: Options,
    /// `WITH ID = …`
    pub(crate) id: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AlterTable {
    pub(crate) name: TableName,
    pub(crate) if_exists: bool,
    pub(crate) change: TableChange,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TableChange {
    Add { columns: Vec<ColumnDefinition>, if_not_exists: bool },
    Drop { columns: Vec<String>, if_exists: bool },
    Rename { pairs: Vec<(String, String)>, if_exists: bool },
    With(Options),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateType {
    pub(crate) name: TableName,
    pub(crate) if_not_exists: bool,
    pub(crate) fields: Vec<(String, TypeName)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AlterType {
    pub(crate) name: TableName,
    pub(crate) if_exists: bool,
    pub(crate) change: TypeChange,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TypeChange {
    Add { field: String, typ: TypeName, if_not_exists: bool },
    Rename { pairs: Vec<(String, String)>, if_exists: bool },
}

/// Which part of a collection an index covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexPart {
    Simple,
    Keys,
    Values,
    Entries,
    Full,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CreateIndex {
    pub(crate) name: Option<String>,
    pub(crate) if_not_exists: bool,
    pub(crate) table: TableName,
    pub(crate) targets: Vec<(String, IndexPart)>,
    pub(crate) class: Option<String>,
    pub(crate) options: Options,
}

/// What DESCRIBE asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Describe {
    Cluster,
    Keyspaces,
    Tables,
    Types,
    Schema {
        full: bool,
    },
    Keyspace(Option<String>),
    Table(TableName),
    Type(TableName),
    Index(TableName),
    /// `DESCRIBE name`: whatever has that name.
    Any(TableName),
}
