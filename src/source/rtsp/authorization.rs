//! What a camera asks its password with, and what it is told.

use http_auth::{PasswordClient, PasswordParams};

use crate::catalog::Secret;

/// A user and a password, and the challenge that they answer.
pub(super) struct Authorization {
    username: String,
    password: Secret,
    challenge: Option<PasswordClient>,
}

impl Authorization {
    pub(super) fn new(username: String, password: Secret) -> Self {
        Self {
            username,
            password,
            challenge: None,
        }
    }

    /// Whether requests bear it by now.
    pub(super) fn is_challenged(&self) -> bool {
        self.challenge.is_some()
    }

    /// Takes the challenges of a 401; `false` when none of them can be answered.
    pub(super) fn take<'a>(&mut self, challenges: impl Iterator<Item = &'a str>) -> bool {
        let mut builder = PasswordClient::builder();
        for challenge in challenges {
            builder = builder.challenges(challenge);
        }
        let challenge = builder.build().ok();
        let is_readable = challenge.is_some();
        // One that cannot be read does not make the one before useless.
        self.challenge = challenge.or_else(|| self.challenge.take());
        is_readable
    }

    /// The value of `Authorization` for a request; `None` before a challenge.
    pub(super) fn value(&mut self, method: &str, uri: &str) -> Option<String> {
        let parameters = PasswordParams {
            username: &self.username,
            password: self.password.expose(),
            uri,
            method,
            body: Some(&[]),
        };
        self.challenge.as_mut()?.respond(&parameters).ok()
    }
}
