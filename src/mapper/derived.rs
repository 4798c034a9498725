//! What derived code calls and people do not.

use std::fmt::Display;
use std::sync::Arc;

use chorus_protocol::CqlType;

use super::{Ascii, ColumnType, ValidationError};

pub use super::shape::Shape;
pub use super::union::{Union, check_kind, kind_of, unknown_kind, write_kind};

/// The type of fields of user-defined types with `ascii`.
pub const ASCII: CqlType = CqlType::Ascii;

/// Keys of several structs as one: tuples joined.
pub trait Join<Next> {
    /// Both, one after the other.
    type Joined;

    /// Joins them.
    fn join(self, next: Next) -> Self::Joined;
}

macro_rules! join {
    ($([$($a:ident)*] [$($b:ident)*];)*) => {$(
        impl<$($a,)* $($b,)*> Join<($($b,)*)> for ($($a,)*) {
            type Joined = ($($a,)* $($b,)*);

            #[allow(non_snake_case, clippy::unused_unit)]
            fn join(self, ($($b,)*): ($($b,)*)) -> Self::Joined {
                let ($($a,)*) = self;
                ($($a,)* $($b,)*)
            }
        }
    )*};
}

join! {
    [] []; [] [S]; [] [S T]; [] [S T U]; [] [S T U V]; [] [S T U V W]; [] [S T U V W X];
    [A] []; [A] [S]; [A] [S T]; [A] [S T U]; [A] [S T U V]; [A] [S T U V W];
    [A B] []; [A B] [S]; [A B] [S T]; [A B] [S T U]; [A B] [S T U V];
    [A B C] []; [A B C] [S]; [A B C] [S T]; [A B C] [S T U];
    [A B C D] []; [A B C D] [S]; [A B C D] [S T];
    [A B C D E] []; [A B C D E] [S];
    [A B C D E F] [];
}

/// What `min_len` and `max_len` count: characters of text, bytes of blobs, elements of collections.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no length",
    note = "`min_len`, `max_len` and `required` texts are for text, blobs and collections"
)]
pub trait Length {
    /// How long it is; `None` for null.
    fn length(&self) -> Option<usize>;

    /// What is counted.
    const UNIT: &'static str;
}

macro_rules! length {
    ($([$($generics:tt)*] $rust:ty, $unit:literal, $self:ident => $length:expr;)*) => {$(
        impl<$($generics)*> Length for $rust {
            const UNIT: &'static str = $unit;

            fn length(&$self) -> Option<usize> {
                Some($length)
            }
        }
    )*};
}

length! {
    [] str, "characters", self => self.chars().count();
    [] String, "characters", self => self.chars().count();
    [] Ascii, "characters", self => self.len();
    [] Vec<u8>, "bytes", self => self.len();
    [] bytes::Bytes, "bytes", self => self.len();
    [T: ColumnType] Vec<T>, "elements", self => self.len();
    [T] std::collections::VecDeque<T>, "elements", self => self.len();
    [T] std::collections::BTreeSet<T>, "elements", self => self.len();
    [T, S] std::collections::HashSet<T, S>, "elements", self => self.len();
    [K, V] std::collections::BTreeMap<K, V>, "elements", self => self.len();
    [K, V, S] std::collections::HashMap<K, V, S>, "elements", self => self.len();
    [K, V] chorus_protocol::value::OrderedMap<K, V>, "elements", self => self.len();
}

macro_rules! length_through_deref {
    ($($pointer:ty),*) => {$(
        impl<T: Length + ?Sized> Length for $pointer {
            const UNIT: &'static str = T::UNIT;

            fn length(&self) -> Option<usize> {
                T::length(self)
            }
        }
    )*};
}

length_through_deref!(Box<T>, Arc<T>);

impl<T: Length> Length for Option<T> {
    const UNIT: &'static str = T::UNIT;

    fn length(&self) -> Option<usize> {
        self.as_ref().and_then(T::length)
    }
}

#[cfg(feature = "secrecy")]
mod secret {
    use secrecy::zeroize::Zeroize;
    use secrecy::{ExposeSecret as _, SecretBox};

    use super::Length;

    impl<T: Length + Zeroize + ?Sized> Length for SecretBox<T> {
        const UNIT: &'static str = T::UNIT;

        fn length(&self) -> Option<usize> {
            self.expose_secret().length()
        }
    }
}

/// Holds a length against its limits.
pub fn check_length<T: Length>(
    column: &str,
    value: &T,
    least: usize,
    most: usize,
) -> Result<(), ValidationError> {
    let (length, unit) = (value.length(), T::UNIT);
    match length {
        Some(length) if length < least => {
            Err(ValidationError::new(column, format!("has {length} {unit}, and takes {least} at least")))
        }
        Some(length) if length > most => {
            Err(ValidationError::new(column, format!("has {length} {unit}, and takes {most} at most")))
        }
        _ => Ok(()),
    }
}

/// Refuses null.
pub fn check_present<T: ColumnType>(column: &str, value: &T) -> Result<(), ValidationError> {
    match value.is_null() {
        true => Err(ValidationError::new(column, "is null, and required")),
        false => Ok(()),
    }
}

/// Refuses text without a character.
pub fn check_not_empty<T: ColumnType>(column: &str, value: &T) -> Result<(), ValidationError> {
    match value.is_empty_text() {
        true => Err(ValidationError::new(column, "is empty, and required")),
        false => Ok(()),
    }
}

/// Text that a column of type `ascii` is to hold.
#[diagnostic::on_unimplemented(message = "`ascii` is for text, and `{Self}` is none")]
pub trait AsciiText {
    /// Whether it has 7-bit characters only.
    fn fits_ascii(&self) -> bool;
}

impl AsciiText for str {
    fn fits_ascii(&self) -> bool {
        self.is_ascii()
    }
}

impl AsciiText for String {
    fn fits_ascii(&self) -> bool {
        self.is_ascii()
    }
}

impl<T: AsciiText + ?Sized> AsciiText for Box<T> {
    fn fits_ascii(&self) -> bool {
        T::fits_ascii(self)
    }
}

impl<T: AsciiText + ?Sized> AsciiText for Arc<T> {
    fn fits_ascii(&self) -> bool {
        T::fits_ascii(self)
    }
}

impl<T: AsciiText> AsciiText for Option<T> {
    fn fits_ascii(&self) -> bool {
        self.as_ref().is_none_or(T::fits_ascii)
    }
}

/// Holds text against the characters of `ascii`.
pub fn check_ascii<T: AsciiText>(column: &str, value: &T) -> Result<(), ValidationError> {
    match value.fits_ascii() {
        true => Ok(()),
        false => Err(ValidationError::new(column, "has characters beyond the 7 bits of ascii")),
    }
}

/// The answer of a field's own function.
pub fn of_function<E: Display>(column: &str, answer: Result<(), E>) -> Result<(), ValidationError> {
    answer.map_err(|error| ValidationError::new(column, error.to_string()))
}

/// For a place beyond the last column.
#[cold]
#[track_caller]
pub fn no_such_column(model: &str) -> ! {
    panic!("{model} has no column of that place")
}
