//! Logins that cameras refused: counted per host, port and user, over all cameras that share them.
//!
//! Cameras lock an account after a few wrong passwords; a recorder with many channels has one account.
//! So tries that are under way count too: three at most, less those that were refused.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::catalog::Secret;

/// Whose password it is.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Account {
    /// The address that the camera's host was resolved to.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The user.
    pub user: String,
}

/// An account whose password was refused: what survives a restart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The account.
    pub account: Account,
    /// How often since it was accepted.
    pub times: u32,
    /// Until when it must not be tried.
    pub locked_until: Option<SystemTime>,
    /// Tell the passwords that were refused from others; 16 bits each, so that they do not tell them.
    pub marks: BTreeSet<u16>,
}

/// Whether an account may be tried.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// It may, and the try is counted until it ends.
    Go,
    /// Others try it: ask again when this tells that one of them has ended.
    Wait(watch::Receiver<u64>),
    /// Not before that.
    Locked(Instant),
}

/// The accounts whose password was refused and not accepted since, and those that are being tried.
#[derive(Debug, Default)]
pub(super) struct Logins {
    refused: HashMap<Account, Refused>,
    trying: HashMap<Account, Trying>,
}

#[derive(Debug, Default)]
struct Trying {
    count: u32,
    /// Counts the tries that have ended.
    ended: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Refused {
    times: u32,
    locked_until: Option<Instant>,
    marks: BTreeSet<u16>,
}

impl Logins {
    /// What was refused before the start. A clock that was set back locks nothing for longer than a
    /// lock is.
    pub(super) fn new(refusals: Vec<Refusal>, (now, wall): (Instant, SystemTime)) -> Self {
        let refused = refusals.into_iter().map(|refusal| {
            let Refusal {
                account,
                times,
                locked_until,
                marks,
            } = refusal;
            let left = locked_until.and_then(|until| until.duration_since(wall).ok());
            let locked_until = left.map(|left| now + left.min(LOCKED));
            (
                account,
                Refused {
                    times,
                    locked_until,
                    marks,
                },
            )
        });
        Self {
            refused: refused.collect(),
            trying: HashMap::new(),
        }
    }

    /// All accounts that were refused, for the store.
    pub(super) fn refusals(&self, (now, wall): (Instant, SystemTime)) -> Vec<Refusal> {
        let mut all: Vec<_> = self
            .refused
            .iter()
            .map(|(account, refused)| Refusal {
                account: account.clone(),
                times: refused.times,
                locked_until: refused
                    .locked_until
                    .map(|until| wall + until.saturating_duration_since(now)),
                marks: refused.marks.clone(),
            })
            .collect();
        all.sort_by(|a, b| a.account.cmp(&b.account));
        all
    }

    /// Asks for a try; [`Verdict::Go`] is followed by [`Self::end`].
    pub(super) fn begin(&mut self, account: &Account, mark: u16, now: Instant) -> Verdict {
        if let Some(until) = self.locked_until(account, mark, now) {
            return Verdict::Locked(until);
        }
        let left = match self.refused.get(account) {
            None => TIMES_MAX,
            // A lock that has ended, or another password, gives one try and not three.
            Some(refused) if refused.marks.contains(&mark) => {
                TIMES_MAX.saturating_sub(refused.times).max(1)
            }
            Some(_) => 1,
        };
        let trying = self.trying.entry(account.clone()).or_default();
        if trying.count >= left {
            return Verdict::Wait(trying.ended.subscribe());
        }
        trying.count += 1;
        Verdict::Go
    }

    /// Ends a try, whatever came of it.
    pub(super) fn end(&mut self, account: &Account) {
        if let Some(trying) = self.trying.get_mut(account) {
            trying.count = trying.count.saturating_sub(1);
            trying.ended.send_modify(|ended| *ended += 1);
            if trying.count == 0 {
                self.trying.remove(account);
            }
        }
    }

    /// Until when this password of the account must not be tried.
    pub(super) fn locked_until(
        &self,
        account: &Account,
        mark: u16,
        now: Instant,
    ) -> Option<Instant> {
        let refused = self.refused.get(account)?;
        let until = refused.locked_until.filter(|until| *until > now);
        until.filter(|_| refused.marks.contains(&mark))
    }

    /// Whether the account has been refused since it was accepted.
    pub(super) fn is_refused(&self, account: &Account) -> bool {
        self.refused.contains_key(account)
    }

    /// Notes a refusal; returns until when the account is locked, from the third on: whichever of the
    /// passwords that its cameras have it was.
    pub(super) fn handle_refused(
        &mut self,
        account: &Account,
        mark: u16,
        now: Instant,
    ) -> Option<Instant> {
        let refused = self.refused.entry(account.clone()).or_default();
        if refused.marks.len() >= MARKS_MAX {
            refused.marks.pop_first();
        }
        refused.marks.insert(mark);
        refused.times = refused.times.saturating_add(1);
        if refused.times >= TIMES_MAX {
            refused.locked_until = Some(now + LOCKED);
        }
        refused.locked_until
    }

    /// Notes that a password was accepted; others that were refused stay so. `true` where anything
    /// was forgiven.
    pub(super) fn handle_accepted(&mut self, account: &Account, mark: u16) -> bool {
        let Some(refused) = self.refused.get_mut(account) else {
            return false;
        };
        let was_refused = refused.marks.remove(&mark);
        if refused.marks.is_empty() {
            self.refused.remove(account);
        }
        was_refused
    }
}

/// A mark of a password.
pub(super) fn mark(account: &Account, password: &Secret) -> u16 {
    let mut hash = Sha256::new();
    for part in [&account.host, &account.user, password.expose()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    u16::from_be_bytes([hash[0], hash[1]])
}

const TIMES_MAX: u32 = 3;
/// Passwords of one account that are told apart.
const MARKS_MAX: usize = 64;
const LOCKED: Duration = Duration::from_secs(900);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_refusal_locks_for_all_that_share_the_account() {
        let (mut logins, now) = (Logins::default(), start());
        let account = account("admin");
        assert_eq!(logins.handle_refused(&account, 1, now), None);
        assert_eq!(logins.handle_refused(&account, 1, now), None);
        let until = logins.handle_refused(&account, 1, now).unwrap();
        assert_eq!(until, now + LOCKED);
        assert_eq!(begin(&mut logins, &account, 1, now), Err(Some(until)));
        let viewer = self::account("viewer");
        assert_eq!(begin(&mut logins, &viewer, 1, now), Ok(()));
        assert_eq!(
            begin(&mut logins, &account, 2, now),
            Ok(()),
            "a new password"
        );
        logins.end(&account);
        assert_eq!(begin(&mut logins, &account, 1, until), Ok(()));
        assert_eq!(
            begin(&mut logins, &account, 1, until),
            Err(None),
            "one at a time"
        );
        let again = logins.handle_refused(&account, 1, until);
        assert_eq!(again, Some(until + LOCKED), "a fourth locks again");
    }

    #[test]
    fn tries_under_way_count_as_if_they_were_refused() {
        let (mut logins, now) = (Logins::default(), start());
        let account = account("admin");
        for _ in 0..3 {
            assert_eq!(begin(&mut logins, &account, 1, now), Ok(()));
        }
        assert_eq!(begin(&mut logins, &account, 1, now), Err(None));
        logins.handle_refused(&account, 1, now);
        logins.end(&account);
        assert_eq!(
            begin(&mut logins, &account, 1, now),
            Err(None),
            "two are left and out"
        );
        logins.end(&account);
        assert_eq!(begin(&mut logins, &account, 1, now), Ok(()));
    }

    #[test]
    fn an_accepted_password_starts_the_count_anew() {
        let (mut logins, now) = (Logins::default(), start());
        let account = account("admin");
        logins.handle_refused(&account, 1, now);
        logins.handle_refused(&account, 1, now);
        assert!(logins.handle_accepted(&account, 1));
        assert!(!logins.handle_accepted(&account, 1));
        assert_eq!(logins.handle_refused(&account, 1, now), None);
    }

    #[test]
    fn two_wrong_passwords_of_one_account_are_counted_together() {
        let (mut logins, now) = (Logins::default(), start());
        let account = account("admin");
        assert_eq!(logins.handle_refused(&account, 1, now), None);
        assert_eq!(logins.handle_refused(&account, 2, now), None);
        let until = logins.handle_refused(&account, 1, now).unwrap();
        for mark in [1, 2] {
            assert_eq!(begin(&mut logins, &account, mark, now), Err(Some(until)));
        }
        assert_eq!(
            begin(&mut logins, &account, 3, now),
            Ok(()),
            "it is another"
        );
        logins.end(&account);
        logins.handle_accepted(&account, 3);
        assert_eq!(
            begin(&mut logins, &account, 2, now),
            Err(Some(until)),
            "wrong all the same"
        );
        assert_eq!(begin(&mut logins, &account, 3, now), Ok(()));
    }

    #[test]
    fn locks_survive_a_restart_and_a_clock_that_is_set() {
        let wall = SystemTime::UNIX_EPOCH + 9 * LOCKED;
        let (mut logins, now) = (Logins::default(), start());
        let account = account("admin");
        for _ in 0..3 {
            logins.handle_refused(&account, 7, now);
        }
        let kept = logins.refusals((now, wall));
        let later = |wall| {
            begin(
                &mut Logins::new(kept.clone(), (now, wall)),
                &account,
                7,
                now,
            )
        };
        assert_eq!(later(wall), Err(Some(now + LOCKED)));
        assert_eq!(
            later(wall + LOCKED / 3),
            Err(Some(now + LOCKED - LOCKED / 3))
        );
        assert_eq!(later(wall - 5 * LOCKED), Err(Some(now + LOCKED)));
        assert_eq!(later(wall + LOCKED), Ok(()));
    }

    #[test]
    fn a_mark_tells_passwords_apart() {
        let account = account("admin");
        let of = |password| mark(&account, &Secret::new(password));
        assert_ne!(of("one"), of("another"));
        assert_eq!(of("one"), of("one"));
    }

    /// `Err` holds until when the account is locked; nothing where others try it.
    fn begin(
        logins: &mut Logins,
        account: &Account,
        mark: u16,
        now: Instant,
    ) -> Result<(), Option<Instant>> {
        match logins.begin(account, mark, now) {
            Verdict::Go => Ok(()),
            Verdict::Wait(_) => Err(None),
            Verdict::Locked(until) => Err(Some(until)),
        }
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
