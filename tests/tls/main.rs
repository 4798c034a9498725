//! Sessions over TLS: whom they trust, as whom they come, and what happens when certificates change.

mod authority;
#[cfg(feature = "cli")]
mod command;
mod identity;
mod names;
mod real;
mod reload;
mod settings;
mod traffic;
mod trust;
