//! Who asks.

use std::convert::Infallible;
use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use nix::unistd::{Uid, User};

/// Who asks: a user of this machine on the admin socket, or who has the token of `listen.http`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Caller {
    /// A user of this machine, by the kernel's word.
    Local(u32),
    /// Who has the token.
    Token,
    /// Nobody says.
    Unknown,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(uid) => match User::from_uid(Uid::from_raw(*uid)) {
                Ok(Some(user)) => write!(f, "local:{}", user.name),
                _ => write!(f, "local:{uid}"),
            },
            Self::Token => f.write_str("token:http"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self::Unknown))
    }
}
