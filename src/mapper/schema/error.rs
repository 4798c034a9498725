//! What a schema cannot become.

/// Why a table or a type was not brought into step with its model. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// There is no such keyspace.
    #[error("there is no keyspace {keyspace}: make it first, with `schema().create_keyspace(..)`")]
    NoSuchKeyspace {
        /// Its name.
        keyspace: String,
    },
    /// A keyspace cannot be made without a number of replicas.
    #[error("keyspace {keyspace} has no replicas: say how many with `replication_factor` or `datacenter`")]
    NoReplicas {
        /// Its name.
        keyspace: String,
    },
    /// The primary key of a table cannot change, and the model has another one.
    #[error(
        "the primary key of {table} is {existing}, and that of its model {model}: change the model, or drop the table"
    )]
    KeyDiffers {
        /// The table.
        table: String,
        /// The model's key, as CQL.
        model: String,
        /// The table's key, as CQL.
        existing: String,
    },
    /// The server has no such option.
    #[error("{table} has no option {option}; the server knows {}", known.join(", "))]
    UnknownOption {
        /// The table.
        table: String,
        /// The option.
        option: String,
        /// The options there are.
        known: Vec<String>,
    },
    /// The value of an option is not CQL.
    #[error("option {option} of {table} is {value}, which is no value in CQL")]
    MalformedOption {
        /// The table.
        table: String,
        /// The option.
        option: String,
        /// What it is set to.
        value: String,
    },
    /// What has the table's name is a materialized view.
    #[error("{table} is a materialized view, which cannot be changed through a model")]
    View {
        /// Its name.
        table: String,
    },
}
