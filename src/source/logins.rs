//! Logins that cameras refused: counted per host, port and user, over all cameras that share them. Pure.
//!
//! Cameras lock an account after a few wrong passwords; a recorder with many channels has one account.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Whose password it is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Account {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
}

/// The accounts whose password was refused and not accepted since.
#[derive(Debug, Default)]
pub(super) struct Logins(HashMap<Account, Refused>);

#[derive(Debug, Default)]
struct Refused {
    times: u32,
    locked_until: Option<Instant>,
}

impl Logins {
    /// Until when the account must not be tried.
    pub(super) fn locked_until(&self, account: &Account, now: Instant) -> Option<Instant> {
        self.0
            .get(account)?
            .locked_until
            .filter(|until| *until > now)
    }

    /// Notes a refusal; returns until when the account is locked, from the third on.
    pub(super) fn handle_refused(&mut self, account: &Account, now: Instant) -> Option<Instant> {
        let refused = self.0.entry(account.clone()).or_default();
        refused.times = refused.times.saturating_add(1);
        refused.locked_until = (refused.times >= TIMES_MAX).then(|| now + LOCKED);
        refused.locked_until
    }

    /// Notes that the password was accepted.
    pub(super) fn handle_accepted(&mut self, account: &Account) {
        self.0.remove(account);
    }
}

const TIMES_MAX: u32 = 3;
const LOCKED: Duration = Duration::from_secs(900);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_refusal_locks_for_all_that_share_the_account() {
        let (mut logins, now) = (Logins::default(), start());
        let account = account("admin");
        assert_eq!(logins.handle_refused(&account, now), None);
        assert_eq!(logins.handle_refused(&account, now), None);
        let until = logins.handle_refused(&account, now).unwrap();
        assert_eq!(until, now + LOCKED);
        assert_eq!(logins.locked_until(&account, now), Some(until));
        assert_eq!(logins.locked_until(&self::account("viewer"), now), None);
        assert_eq!(logins.locked_until(&account, until), None);
        assert!(
            logins.handle_refused(&account, until).is_some(),
            "a fourth locks again"
        );
    }

    #[test]
    fn an_accepted_password_starts_the_count_anew() {
        let (mut logins, now) = (Logins::default(), start());
        let account = account("admin");
        logins.handle_refused(&account, now);
        logins.handle_refused(&account, now);
        logins.handle_accepted(&account);
        assert_eq!(logins.handle_refused(&account, now), None);
    }

    fn account(user: &str) -> Account {
        Account {
            host: "10.0.0.1".into(),
            port: 554,
            user: user.into(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn start() -> Instant {
        Instant::now()
    }
}
