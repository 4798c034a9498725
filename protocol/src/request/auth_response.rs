//! AUTH_RESPONSE: an answer to AUTHENTICATE or AUTH_CHALLENGE.

use crate::error::{DecodeError, EncodeError};
use crate::wire::{Reader, put_bytes};

/// A token of whatever mechanism the server asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuthResponse<'a> {
    /// Null and empty are different.
    pub token: Option<&'a [u8]>,
}

impl<'a> AuthResponse<'a> {
    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_bytes(out, self.token, "authentication token")
    }

    /// Reads the body.
    pub fn decode(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { token: reader.bytes("authentication token")? })
    }

    /// Appends the token of plain password authentication: a zero byte before the name and before the password.
    pub fn put_plain_token(user: &str, password: &str, out: &mut Vec<u8>) {
        out.push(0);
        out.extend_from_slice(user.as_bytes());
        out.push(0);
        out.extend_from_slice(password.as_bytes());
    }

    /// Takes a plain token apart: user and password.
    pub fn plain_credentials(&self) -> Option<(&'a str, &'a str)> {
        let mut parts = self.token?.splitn(3, |byte| *byte == 0);
        // The first part is whom to act as, which servers ignore.
        let (_, user, password) = (parts.next()?, parts.next()?, parts.next()?);
        Some((std::str::from_utf8(user).ok()?, std::str::from_utf8(password).ok()?))
    }
}

/// Without the token: it may be a password.
impl std::fmt::Debug for AuthResponse<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthResponse").field("token_length", &self.token.map(<[u8]>::len)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;
    use crate::vectors::{V4, check_plain_request};

    #[test]
    fn a_token_is_bytes_that_may_be_null_or_empty() {
        let request = |token| Request::AuthResponse(AuthResponse { token });
        check_plain_request(
            &V4,
            1,
            request(Some(b"\0cassandra\0cassandra")),
            "040000010f00000018 00000014 0063617373616e647261 0063617373616e647261",
        );
        check_plain_request(&V4, 1, request(Some(b"")), "040000010f00000004 00000000");
        check_plain_request(&V4, 1, request(None), "040000010f00000004 ffffffff");
    }

    #[test]
    fn plain_tokens_come_apart_again_and_are_not_printed() {
        let mut token = Vec::new();
        AuthResponse::put_plain_token("cassandra", "se cret", &mut token);
        let response = AuthResponse { token: Some(&token) };
        assert_eq!(response.plain_credentials(), Some(("cassandra", "se cret")));
        assert!(!format!("{response:?}").contains("cret"));
        assert_eq!(AuthResponse { token: Some(b"\0user") }.plain_credentials(), None);
        assert_eq!(AuthResponse { token: None }.plain_credentials(), None);
    }
}
