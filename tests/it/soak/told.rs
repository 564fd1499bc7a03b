//! Which sessions must a server refuse, given the revocations that it knows?

use std::cmp::Reverse;
use std::collections::BTreeMap;

use bulla::UnixTime;

use super::SKEW;
use super::device::Meta;

/// The revocations that a server knows, as the model records them.
#[derive(Clone, Default)]
pub(super) struct Told {
    /// The numbers of the sessions that are revoked.
    sessions: Vec<u64>,
    /// The revocations of each account. The library merges them, but the model checks each.
    accounts: BTreeMap<u64, Vec<OfAccount>>,
}

/// A revocation of an account. It ends the sessions that started before a time, except those that
/// follow the revocation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct OfAccount {
    pub(super) before: u64,
    /// The session that ended the others. `None` if all sessions were revoked.
    by: Option<u64>,
    mark: Mark,
}

impl OfAccount {
    /// Whether the revocation ends the session of a token.
    pub(super) fn ends(&self, token: &Meta) -> bool {
        let own = token.ended_others.map(|(before, mark)| OfAccount {
            before,
            by: Some(token.serial),
            mark,
        });
        let mut follows = own.into_iter().chain(token.follows.into_iter().flatten());
        token.started_at < self.before && !follows.any(|of| of.is_or_follows(self))
    }

    /// Whether this is the revocation `of`, or a later one by the same session.
    fn is_or_follows(&self, of: &OfAccount) -> bool {
        self.mark == of.mark || (self.by.is_some() && self.by == of.by && self.before > of.before)
    }
}

/// The random mark of a revocation.
pub(super) type Mark = [u8; 8];

/// What a revocation ends: a session, by its number, or sessions of an account.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ended {
    Session(u64),
    Account(u64, OfAccount),
}

impl Told {
    pub(super) fn hear(&mut self, ended: Ended) {
        match ended {
            Ended::Session(serial) => self.sessions.push(serial),
            Ended::Account(account, revocation) => {
                let held = self.accounts.entry(account).or_default();
                if !held.contains(&revocation) {
                    held.push(revocation);
                }
            }
        }
    }

    /// The revocations that a session of the account follows if it starts now.
    pub(super) fn followed(&self, account: u64, now: u64) -> [Option<OfAccount>; 32] {
        let held = self.accounts.get(&account).into_iter().flatten();
        let reach = held.filter(|of| of.before > now && of.before <= now + 2 * SKEW + 1);
        let mut reach: Vec<OfAccount> = reach.copied().collect();
        reach.sort_by_key(|of| Reverse(of.before));
        let mut follows = [None; 32];
        let mut at = 0;
        for (n, of) in reach.iter().enumerate() {
            let later = reach[..n].iter().any(|other| of.by.is_some() && other.by == of.by);
            if !later && at < follows.len() {
                follows[at] = Some(*of);
                at += 1;
            }
        }
        follows
    }

    /// Whether a revocation ends the session of a token.
    pub(super) fn ends(&self, token: &Meta) -> bool {
        let of_account = self.accounts.get(&token.account);
        of_account.is_some_and(|all| all.iter().any(|one| one.ends(token)))
            || self.sessions.contains(&token.serial)
    }
}

/// The model's record of a revocation that a server made when its clock was `clock`. The time of
/// the revocation must be `SKEW` + 1 seconds ahead.
pub(super) fn of_account(before: UnixTime, by: Option<u64>, mark: Mark, clock: u64) -> OfAccount {
    let before = before.as_secs();
    assert_eq!(before, clock + SKEW + 1);
    OfAccount { before, by, mark }
}
