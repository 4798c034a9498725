//! Several kinds of rows in one table: what derived code for enums calls.

use chorus_protocol::row::{IntoNamedRow, RowWriter};
use chorus_protocol::{ColumnSpec, FromCql, RowCells, ToCql, ValueError, ValueErrorReason};

use super::{ColumnDefinition, ColumnRole, Model, ModelFields};

/// The columns of all variants: that which tells them apart, then each of theirs once.
#[derive(Debug)]
pub struct Union {
    columns: Vec<ColumnDefinition>,
    /// What the discriminator says of each variant.
    values: Vec<&'static str>,
    /// For each variant and each column the place of that column in the variant's own.
    places: Vec<Vec<Option<usize>>>,
}

/// What a row has in the columns of other variants.
static NULL: Option<bool> = None;

impl Union {
    /// Of the variants' values and columns.
    ///
    /// # Panics
    ///
    /// When they do not fit one table: columns of one name that differ, or a key that is not that of all.
    pub fn new(
        model: &str,
        discriminator: ColumnDefinition,
        variants: Vec<(&'static str, &'static [ColumnDefinition])>,
    ) -> Self {
        let mut columns = vec![discriminator];
        for (value, own) in &variants {
            for column in *own {
                match columns.iter().position(|known| known.name == column.name) {
                    None => columns.push(column.clone()),
                    Some(0) => panic!(
                        "{model}: column {} tells variants apart, and {value} has one of that name",
                        column.name
                    ),
                    Some(place) => {
                        let known = &columns[place];
                        assert!(
                            known.typ == column.typ
                                && known.role == column.role
                                && known.index == column.index,
                            "{model}: column {} of {value} is not as another variant has it",
                            column.name,
                        );
                    }
                }
            }
        }
        let place_of =
            |own: &[ColumnDefinition], name: &str| own.iter().position(|column| column.name == name);
        for column in &mut columns[1..] {
            let everywhere = variants.iter().all(|(_, own)| place_of(own, &column.name).is_some());
            let is_key = matches!(column.role, ColumnRole::Partition | ColumnRole::Clustering(_));
            assert!(
                everywhere || !is_key,
                "{model}: column {} is of the key, and not all variants have it",
                column.name
            );
            column.required &= everywhere;
        }
        let places = variants.iter();
        let places =
            places.map(|(_, own)| columns.iter().map(|column| place_of(own, &column.name)).collect());
        Self { places: places.collect(), values: variants.iter().map(|(value, _)| *value).collect(), columns }
    }

    /// All columns.
    pub fn columns(&self) -> &[ColumnDefinition] {
        &self.columns
    }

    /// The value of a column in a row of a variant.
    pub fn value<'r>(
        &'static self,
        variant: usize,
        row: &'r impl ModelFields,
        column: usize,
    ) -> &'r (dyn ToCql + Send + Sync) {
        match (column, self.places[variant][column]) {
            (0, _) => &self.values[variant],
            (_, Some(place)) => row.value(place),
            (_, None) => &NULL,
        }
    }

    /// Whether a column is null in a row of a variant.
    pub fn is_null(&self, variant: usize, row: &impl ModelFields, column: usize) -> bool {
        match (column, self.places[variant][column]) {
            (0, _) => false,
            (_, place) => place.is_none_or(|place| row.is_null(place)),
        }
    }
}

/// Whether rows of these columns say what they are.
pub fn check_kind(columns: &[ColumnSpec], discriminator: &str) -> Result<(), ValueError> {
    let Some(place) = columns.iter().position(|column| &*column.name == discriminator) else {
        return Err(ValueErrorReason::MissingColumn(discriminator.into()).into());
    };
    <&str>::check(&columns[place].typ).map_err(|error| error.in_column(place, discriminator))
}

/// What a row says that it is, and where.
pub fn kind_of<'f>(
    columns: &[ColumnSpec],
    row: &RowCells<'f>,
    discriminator: &str,
) -> Result<(usize, &'f str), ValueError> {
    let mut cells = row.clone();
    for (place, column) in columns.iter().enumerate() {
        if &*column.name != discriminator {
            cells.cell()?;
            continue;
        }
        let kind = cells.value::<Option<&str>>()?;
        let missing = || ValueError::custom("is null, and should tell which variant this row is");
        return Ok((place, kind.ok_or_else(|| missing().in_column(place, discriminator))?));
    }
    Err(ValueErrorReason::MissingColumn(discriminator.into()).into())
}

/// For a row that says it is none of the variants.
#[cold]
pub fn unknown_kind(kind: &str, known: &[&str]) -> ValueError {
    ValueError::custom(format!("{kind:?} is none of the variants' values: {}", known.join(", ")))
}

/// Writes a row of a variant: its own columns, what it is, and leaves the columns of others as they are.
pub fn write_kind<M: Model, R: IntoNamedRow>(
    row: &R,
    discriminator: &str,
    kind: &str,
    columns: &[ColumnSpec],
    out: &mut RowWriter<'_>,
) -> Result<(), ValueError> {
    let mut said = false;
    for (place, column) in columns.iter().enumerate() {
        let name = &*column.name;
        if name == discriminator {
            out.value(kind)?;
            said = true;
        } else if !row.write_column(name, out)? {
            if M::table().column(name).is_none() {
                return Err(
                    ValueError::new(ValueErrorReason::UnknownColumn(name.into())).in_column(place, name)
                );
            }
            out.value(&chorus_protocol::Unset)?;
        }
    }
    if !said {
        return Err(ValueErrorReason::MissingColumn(discriminator.into()).into());
    }
    R::check_columns(columns)
}
