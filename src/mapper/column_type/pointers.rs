//! What stands for another value: options, pointers, secrets.

use std::sync::Arc;

use chorus_protocol::MaybeEmpty;

use super::{ColumnType, TypeDefinition};
use crate::mapper::ValidationError;

/// Null, or a value.
impl<T: ColumnType> ColumnType for Option<T> {
    const NULLABLE: bool = true;
    const COUNTER: bool = T::COUNTER;

    fn definition() -> TypeDefinition {
        T::definition()
    }

    fn is_null(&self) -> bool {
        self.as_ref().is_none_or(T::is_null)
    }

    fn is_empty_collection(&self) -> bool {
        self.as_ref().is_some_and(T::is_empty_collection)
    }

    fn is_empty_text(&self) -> bool {
        self.as_ref().is_some_and(T::is_empty_text)
    }

    fn validate(&self) -> Result<(), ValidationError> {
        self.as_ref().map_or(Ok(()), T::validate)
    }
}

impl<T: ColumnType> ColumnType for MaybeEmpty<T> {
    fn definition() -> TypeDefinition {
        T::definition()
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Value(value) if value.is_null())
    }

    fn is_empty_collection(&self) -> bool {
        matches!(self, Self::Value(value) if value.is_empty_collection())
    }

    fn is_empty_text(&self) -> bool {
        matches!(self, Self::Value(value) if value.is_empty_text())
    }

    fn validate(&self) -> Result<(), ValidationError> {
        match self {
            Self::Empty => Ok(()),
            Self::Value(value) => value.validate(),
        }
    }
}

macro_rules! through_deref {
    ($($pointer:ty),*) => {$(
        impl<T: ColumnType> ColumnType for $pointer {
            const NULLABLE: bool = T::NULLABLE;
            const COUNTER: bool = T::COUNTER;

            fn definition() -> TypeDefinition {
                T::definition()
            }

            fn is_null(&self) -> bool {
                T::is_null(self)
            }

            fn is_empty_collection(&self) -> bool {
                T::is_empty_collection(self)
            }

            fn is_empty_text(&self) -> bool {
                T::is_empty_text(self)
            }

            fn validate(&self) -> Result<(), ValidationError> {
                T::validate(self)
            }
        }
    )*};
}

through_deref!(Box<T>, Arc<T>);

#[cfg(feature = "secrecy")]
mod secret {
    use chorus_protocol::CqlType;
    use secrecy::zeroize::Zeroize;
    use secrecy::{ExposeSecret as _, SecretBox};

    use super::{ColumnType, TypeDefinition, ValidationError};

    impl<T: ColumnType + Zeroize> ColumnType for SecretBox<T> {
        fn definition() -> TypeDefinition {
            T::definition()
        }

        fn is_empty_collection(&self) -> bool {
            self.expose_secret().is_empty_collection()
        }

        fn is_empty_text(&self) -> bool {
            self.expose_secret().is_empty_text()
        }

        fn validate(&self) -> Result<(), ValidationError> {
            self.expose_secret().validate()
        }
    }

    /// `SecretString`.
    impl ColumnType for SecretBox<str> {
        fn definition() -> TypeDefinition {
            TypeDefinition::plain(CqlType::Text)
        }

        fn is_empty_text(&self) -> bool {
            self.expose_secret().is_empty()
        }
    }
}
