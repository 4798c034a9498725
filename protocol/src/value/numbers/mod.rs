//! Numbers of other crates, each behind the feature of its name.

#[cfg(feature = "bigdecimal")]
mod bigdecimal;
#[cfg(feature = "num-bigint")]
mod num_bigint;
#[cfg(feature = "rust_decimal")]
mod rust_decimal;
