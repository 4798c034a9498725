//! Checking a password, the way `PasswordAuthenticator` does.

use std::fmt;

/// The class name clients are told to authenticate with.
pub(crate) const AUTHENTICATOR: &str = "org.apache.cassandra.auth.PasswordAuthenticator";

/// The user that may connect.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    user: String,
    password: String,
}

/// Why a client was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The token is not in the form of SASL PLAIN.
    Malformed(&'static str),
    /// No such user, or another password. The client is not told which.
    Wrong(String),
}

impl Credentials {
    pub(crate) fn new(user: String, password: String) -> Self {
        Self { user, password }
    }

    /// Checks a SASL PLAIN token: authorization id, user and password, each after a zero byte except the first.
    pub(crate) fn check(&self, token: &[u8]) -> Result<(), Refusal> {
        let mut parts = token.split(|&byte| byte == 0);
        // What is before the first zero byte, an authorization id, has no effect.
        let (_, user, password) = (parts.next(), parts.next(), parts.next());
        if parts.next().is_some() {
            return Err(Refusal::Malformed(
                "Credential format error: username or password is empty or contains NUL(\\0) character",
            ));
        }
        let Some(user) = user.filter(|user| !user.is_empty()) else {
            return Err(Refusal::Malformed("Authentication ID must not be null"));
        };
        let Some(password) = password.filter(|password| !password.is_empty()) else {
            return Err(Refusal::Malformed("Password must not be null"));
        };
        let right_user = same(user, self.user.as_bytes());
        let right_password = same(password, self.password.as_bytes());
        if right_user & right_password {
            Ok(())
        } else {
            let user = String::from_utf8_lossy(user);
            Err(Refusal::Wrong(format!("Provided username {user} and/or password are incorrect")))
        }
    }
}

/// The password is never shown.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Compares in a time that depends on the length of `given` only.
fn same(given: &[u8], expected: &[u8]) -> bool {
    let mut difference = given.len() ^ expected.len();
    for (index, byte) in given.iter().enumerate() {
        difference |= usize::from(byte ^ expected.get(index).copied().unwrap_or(!byte));
    }
    difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials::new("ann".to_owned(), "s3cret".to_owned())
    }

    #[test]
    fn the_right_user_and_password_are_let_in() {
        assert_eq!(credentials().check(b"\0ann\0s3cret"), Ok(()));
        assert_eq!(credentials().check(b"role\0ann\0s3cret"), Ok(()));
    }

    #[test]
    fn anything_else_is_refused_without_saying_what_was_wrong() {
        let wrong = |token: &[u8]| match credentials().check(token) {
            Err(Refusal::Wrong(message)) => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(wrong(b"\0ann\0S3cret"), "Provided username ann and/or password are incorrect");
        assert_eq!(wrong(b"\0bob\0s3cret"), "Provided username bob and/or password are incorrect");
        wrong(b"\0ann\0s3cre");
        wrong(b"\0ann\0s3cret2");
        wrong(b"\0a\xff\0x");
    }

    #[test]
    fn tokens_of_another_form_are_malformed() {
        for token in [&b""[..], b"ann", b"\0\0", b"\0ann", b"\0ann\0", b"\0ann\0s3cret\0", b"\0\0s3cret"] {
            assert!(matches!(credentials().check(token), Err(Refusal::Malformed(_))), "{token:?}");
        }
    }

    #[test]
    fn the_password_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", credentials()), "Credentials { user: \"ann\", .. }");
    }
}
