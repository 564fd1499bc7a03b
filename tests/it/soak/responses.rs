//! What must a response carry, and how does it reach the client?

use bulla::token::Visible;
use bulla::transport::Line;

use super::device::{Meta, token_of};
use super::fleet::Fleet;
use super::queue::Event;
use super::releases::Act;
use super::requests::Request;
use super::{DELAY, TOUCH};

impl Fleet {
    /// Builds the response to a request, checks it against the model and sends it.
    pub(super) fn answer(&mut self, request: Request) {
        let Request { device, server, run, begun, session, act, fails, notes, .. } = &request;
        let (device, server, act) = (*device, *server, *act);
        if self.servers[server].run != *run {
            self.count("fault: a server restarted before it answered");
            return;
        }
        let clock = self.servers[server].set_clock(self.now);
        if *fails {
            self.count("fault: a handler failed");
            session.fail();
        }
        let lacks = self.switch.is_some() && self.dice.once_in(25);
        let lines = self.without_randomness(lacks, || session.leave());
        self.count(if lacks { "fault: an answer without randomness" } else { "answers" });
        let schema = self.servers[server].release.schema();
        let written = request.written.filter(|_| !*fails);
        let leaves: Vec<(Line, Option<Meta>)> = lines
            .into_iter()
            .map(|line| {
                let note = self.note(&request, written, &line, clock, schema);
                (line, note)
            })
            .collect();

        let what = || format!("{act:?} of server {server} at {begun}: {notes:#?}");
        let stores = |name: &str| {
            leaves.iter().any(|(line, note)| note.is_some() && token_of(line).0.ends_with(name))
        };
        let state = if leaves.iter().any(|(line, _)| line.name.starts_with("session-")) {
            "session-token"
        } else {
            "session"
        };
        let changes = stores(state) && !(request.alone && written.is_none());
        assert_eq!(
            changes,
            written.is_some(),
            "the response must write the state if and only if the handler did: {}",
            what()
        );
        let removes = leaves.iter().any(|(line, note)| {
            line.sensitive && note.is_none() && token_of(line).0.ends_with(state)
        });
        let signs_out = request.ended;
        if removes && !signs_out && written.is_none() {
            self.check_dead(&request);
            self.count("dead tokens cleared");
        }
        assert!(removes || !signs_out, "a sign-out must delete the state token: {}", what());
        if act == Act::Poll {
            assert!(!stores("renewal"), "a poll must not record activity: {}", what());
        }

        // If the recorded activity is too old, the response must record this request. Otherwise a
        // user who only reads would be signed out while active.
        let idle = request.had.map(|had| begun.saturating_sub(had.last_seen.as_secs()));
        if act == Act::Look && device.is_some() && !lacks && idle.is_some_and(|idle| idle >= TOUCH)
        {
            let recorded = stores("renewal") || request.alone && stores(state);
            // If a change found no randomness, it could not seal the renewal token again with a
            // new key. When the ring has lost the old key, the server cannot open that token and
            // must not replace it.
            let left_behind = self.switch.is_some()
                && request.carried.1.is_some_and(|renewal| !self.opens(server, clock, renewal.key));
            assert!(recorded || left_behind, "activity must be recorded: {}", what());
        }

        let Some(device) = device else { return };
        match self.dice.between(0, 99) {
            0..=4 => self.count("fault: an answer was lost"),
            5..=14 => {
                self.count("fault: an answer was late");
                let late = self.dice.between(1, 2 * DELAY);
                self.after(late, Event::Arrive(device, leaves));
            }
            _ => self.devices[device].receive(&leaves),
        }
    }

    /// The model's note on a token of a response.
    fn note(
        &mut self,
        request: &Request,
        written: Option<Meta>,
        line: &Line,
        clock: u64,
        schema: u32,
    ) -> Option<Meta> {
        let (name, token) = token_of(line);
        if !line.sensitive || token.is_empty() {
            return None;
        }
        let visible = Visible::of(token).unwrap();
        let key = visible.unverified_key_id;
        let keys = &self.rings[self.servers[request.server].version];
        let known = keys.iter().find(|held| held.id == key).expect("the server's ring has the key");
        // Checked at the latest time at which the token can have been sealed.
        assert!(known.primary_from <= clock.max(request.begun), "the key is not primary yet");
        if name.ends_with("renewal") {
            self.count("renewals");
            let (state, _) = request.carried;
            let had = request.had.map(|had| had.id);
            let id = written.map(|written| written.id).or(had).expect("a session was renewed");
            let base = written.or(state).expect("a session was renewed");
            return Some(Meta {
                id,
                key,
                issued: (request.begun, clock.max(request.begun)),
                ..base
            });
        }
        let Some(written) = written else {
            assert!(request.alone, "only a change may write the state");
            self.count("renewals in the state token");
            let issued = (request.begun, clock.max(request.begun));
            return Some(Meta { key, issued, ..request.carried.0.expect("a session was renewed") });
        };
        self.count("changes");
        assert_eq!(written.key, key);
        Some(Meta { schema, issued: (request.begun, request.begun), ..written })
    }
}
