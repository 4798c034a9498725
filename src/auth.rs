//! Who a session is to servers that ask: a user and a password, a mechanism of SASL, or a program's own conversation.
//!
//! [`SessionBuilder::credentials`](crate::SessionBuilder::credentials) is all it takes for a password. Everything else goes
//! through [`SessionBuilder::auth`](crate::SessionBuilder::auth), which takes an [`AuthProvider`]:
//!
//! ```no_run
//! # async fn example() -> Result<(), chorus::Error> {
//! use chorus::Session;
//! use chorus::auth::Credentials;
//!
//! // A password that also goes to an authenticator of our own, by its exact class name.
//! let credentials = Credentials::new("shop", "s3cret".to_owned()).allow_authenticator("org.example.ShopAuthenticator");
//! let session = Session::builder().contact_point("db.example").auth(credentials).connect().await?;
//! # Ok(())
//! # }
//! ```

pub use chorus_actors::auth::{
    AuthError, AuthProvider, AuthServer, Authenticator, Credentials, KNOWN_AUTHENTICATORS, MAX_CHALLENGES,
    SaslMechanism, SaslProvider, Token,
};
