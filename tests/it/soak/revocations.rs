//! Who revokes what, and when do the other servers learn of it?

use bulla::Payload;
use bulla::revocation::{Revocation, Subject};

use super::device::Meta;
use super::fleet::Fleet;
use super::queue::Event;
use super::releases::{Act, After, Release};
use super::told::{Ended, of_account};
use super::{ACCOUNTS, LATE, SERVERS};

impl Fleet {
    /// Passes on what a handler has revoked, and checks that its request asked for it.
    pub(super) fn spread(
        &mut self,
        server: usize,
        act: Act,
        state: Option<Meta>,
        lived: bool,
        done: bool,
    ) {
        let added = self.servers[server].says();
        let clock = self.now + self.servers[server].ahead;
        for revocation in added {
            let ended = match revocation {
                Revocation::Session { .. } => {
                    assert!(matches!(act, Act::SignOut | Act::SignOutEverywhere));
                    Ended::Session(state.expect("the state token is genuine").serial)
                }
                Revocation::Subject { before, except: Some(except), .. } => {
                    assert!(matches!(act, Act::SignOutEverywhere | Act::SignOutOthers) && done);
                    let state = state.expect("the state token is genuine");
                    let by = (act == Act::SignOutOthers).then_some(state.serial);
                    if by.is_some() {
                        self.count_attack(server, &state);
                    }
                    Ended::Account(state.account, of_account(before, by, except.mark, clock))
                }
                other => panic!("no request asked for {other}"),
            };
            self.tell(server, revocation, ended);
        }
        if lived && done && matches!(act, Act::SignOut) {
            let state = state.expect("the request had a session");
            assert!(
                self.servers[server].told.ends(&state),
                "a sign-out must revoke the copies of its tokens"
            );
        }
    }

    /// Counts revoked sessions that ended the others on a server that did not know yet of their
    /// revocation. They must end when the server learns of it, and `verdict` expects that.
    fn count_attack(&mut self, server: usize, state: &Meta) {
        let ends = |ended: &Ended| match ended {
            Ended::Account(of, one) => *of == state.account && one.ends(state),
            Ended::Session(_) => false,
        };
        if self.kept.iter().any(|(_, ended)| ends(ended)) {
            assert!(!self.servers[server].told.ends(state));
            self.count("attack: a revoked session ended the others before its server had heard");
        }
    }

    /// A server learns of another server's revocation.
    pub(super) fn hear(&mut self, server: usize, revocation: Revocation, ended: Ended) {
        let at = &mut self.servers[server];
        at.list.learn([revocation]);
        at.told.hear(ended);
        assert_eq!(at.says(), [], "a server must not pass on what it learned");
    }

    /// Stores a revocation of `server`. The other servers learn of it later.
    fn tell(&mut self, server: usize, revocation: Revocation, ended: Ended) {
        self.count("revocations");
        self.servers[server].told.hear(ended);
        self.kept.push((revocation, ended));
        for other in (0..SERVERS).filter(|other| *other != server) {
            let (late, run) = (self.dice.between(0, LATE), self.servers[other].run);
            self.after(late, Event::Hear(other, run, revocation, ended));
        }
    }

    /// A random server revokes all sessions of the account, or of a random one.
    pub(super) fn revoke_account(&mut self, account: Option<u64>) {
        if account.is_none() {
            let pause = self.dice.between(1_000, 20_000);
            self.after(pause, Event::RevokeAccount(None));
        }
        let index = self.dice.index(SERVERS);
        let any = self.dice.between(0, ACCOUNTS - 1);
        let account = account.unwrap_or(any);
        let clock = self.servers[index].set_clock(self.now);
        match &self.servers[index].release {
            Release::Older(sessions) => sessions.revoke_subject(&account.to_string()).unwrap(),
            Release::Newer(sessions) => sessions.revoke_subject(&account.to_string()).unwrap(),
        }
        let added = self.servers[index].says();
        let subject = Subject::of(After::PURPOSE, &account.to_string());
        for revocation in added {
            let Revocation::Subject { subject: of, before, except: Some(except), .. } = revocation
            else {
                panic!("{revocation} is not of an account")
            };
            assert_eq!(of, subject);
            let ended = Ended::Account(account, of_account(before, None, except.mark, clock));
            self.tell(index, revocation, ended);
        }
    }
}
