//! What does a client keep, and what does the model know of each token?

use std::collections::BTreeMap;

use bulla::keys::KeyId;
use bulla::session::{Channel, SessionId};
use bulla::transport::Line;

use super::told::{Mark, OfAccount};
use crate::support::{Client, RENEWAL, STATE};

/// What the model knows of a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meta {
    /// The number of its session. It stays the same when the session gets a new id.
    pub(super) serial: u64,
    pub(super) id: SessionId,
    pub(super) account: u64,
    pub(super) mark: u64,
    pub(super) schema: u32,
    pub(super) key: KeyId,
    pub(super) started_at: u64,
    pub(super) expires_at: u64,
    /// The earliest and the latest time at which it can have been issued, by the server's clock.
    pub(super) issued: (u64, u64),
    /// The time and the mark of the revocation by which the session last ended the others.
    pub(super) ended_others: Option<(u64, Mark)>,
    /// The revocations of the account that the server knew when the session started and that
    /// reach past that time: the latest 32. They do not end this session.
    pub(super) follows: [Option<OfAccount>; 32],
}

/// A client, and the model's notes on the tokens that it keeps, by their names.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) client: Client,
    pub(super) channel: Channel,
    pub(super) notes: BTreeMap<String, Meta>,
}

impl Device {
    pub(super) fn new(channel: Channel) -> Device {
        let client = match channel {
            Channel::Cookie => Client::browser(),
            Channel::Bearer => Client::mobile(),
        };
        Device { client, channel, notes: BTreeMap::new() }
    }

    /// The names of the state token and of the renewal token.
    pub(super) fn names(&self) -> [&'static str; 2] {
        match self.channel {
            Channel::Cookie => [STATE, RENEWAL],
            Channel::Bearer => ["session-token", "session-renewal"],
        }
    }

    /// The model's notes on the state token, and on the renewal token if it belongs to the same
    /// session.
    pub(super) fn carried(&self) -> (Option<Meta>, Option<Meta>) {
        let [state, renewal] = self.names().map(|name| self.notes.get(name).copied());
        (state, renewal.filter(|renewal| state.is_some_and(|state| state.id == renewal.id)))
    }

    /// Stores and deletes tokens as a response says.
    pub(super) fn receive(&mut self, lines: &[(Line, Option<Meta>)]) {
        for (line, note) in lines.iter().filter(|(line, _)| line.sensitive) {
            self.client.take(line);
            let (name, _) = token_of(line);
            match note {
                Some(note) => self.notes.insert(name.to_owned(), *note),
                None => self.notes.remove(name),
            };
        }
        assert!(
            self.client.kept.keys().eq(self.notes.keys()),
            "the client and the model keep different tokens"
        );
    }
}

/// The name and the token of a header line. The token is empty if the line deletes it.
pub(super) fn token_of(line: &Line) -> (&str, &str) {
    if line.name == "set-cookie" {
        line.value.split(';').next().unwrap().split_once('=').unwrap()
    } else {
        (&line.name, &line.value)
    }
}
