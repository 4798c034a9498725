//! What became of a table.

use std::fmt;

/// What was done to bring a table or a type into step with its model, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SyncReport {
    /// Every statement, in the order of sending; empty when nothing differed.
    pub statements: Vec<String>,
    /// Whether the table is new.
    pub created_table: bool,
    /// The user-defined types that are new, by name.
    pub created_types: Vec<String>,
    /// The columns that the table got.
    pub added_columns: Vec<String>,
    /// The fields that types got, as `type.field`.
    pub added_fields: Vec<String>,
    /// The columns that got an index.
    pub created_indexes: Vec<String>,
    /// The options that have another value now.
    pub altered_options: Vec<String>,
    /// Columns of the table that the model does not know. They stay.
    pub unknown_columns: Vec<String>,
    /// What differs and cannot be changed.
    pub warnings: Vec<SyncWarning>,
}

impl SyncReport {
    /// Whether nothing was done.
    pub fn is_unchanged(&self) -> bool {
        self.statements.is_empty()
    }

    /// Adds what another one says after it.
    pub(super) fn append(&mut self, next: Self) {
        self.statements.extend(next.statements);
        self.created_table |= next.created_table;
        self.created_types.extend(next.created_types);
        self.added_columns.extend(next.added_columns);
        self.added_fields.extend(next.added_fields);
        self.created_indexes.extend(next.created_indexes);
        self.altered_options.extend(next.altered_options);
        self.unknown_columns.extend(next.unknown_columns);
        self.warnings.extend(next.warnings);
    }
}

/// A difference that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncWarning {
    /// A column of the table, or a field of a type, is of another type than the model says.
    Type {
        /// `table.column` or `type.field`.
        of: String,
        /// The type there is.
        existing: String,
        /// The type the model says.
        model: String,
    },
    /// A column is static in the table and not in the model, or the other way round.
    Static {
        /// `table.column`
        of: String,
        /// Whether it is in the table.
        existing: bool,
    },
    /// Rows stand in the other order of a clustering column.
    Order {
        /// `table.column`
        of: String,
        /// Whether that of the table is descending.
        existing_descending: bool,
    },
    /// An index finds the column, and is of another class than the model says.
    Index {
        /// `table.column`
        of: String,
        /// Its name.
        index: String,
    },
    /// The server does not tell what an option is set to, so that it was left alone.
    Option {
        /// The table.
        of: String,
        /// The option.
        option: String,
    },
}

impl fmt::Display for SyncWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { of, existing, model } => {
                write!(f, "{of} is {existing}, and the model says {model}: change the model")
            }
            Self::Static { of, existing: true } => write!(f, "{of} is static, and the model does not say so"),
            Self::Static { of, existing: false } => write!(f, "{of} is not static, and the model says so"),
            Self::Order { of, existing_descending } => {
                let (existing, model) = if *existing_descending {
                    ("descending", "ascending")
                } else {
                    ("ascending", "descending")
                };
                write!(f, "rows stand in {existing} order of {of}, and the model says {model}")
            }
            Self::Index { of, index } => {
                write!(f, "the index {index} on {of} is of another class than the model says")
            }
            Self::Option { of, option } => {
                write!(f, "the server does not tell what {option} of {of} is: it was left alone")
            }
        }
    }
}
