//! Sessions that are the same in every run. The independent implementation makes their tokens with
//! fixed nonces.

use bulla::Payload;
use bulla::session::SessionId;
use serde::{Deserialize, Serialize};

use crate::fixed::{T0, key_bytes};
use crate::independent::{Fields, Key, Mode, Record, make, varint};

/// The name of the cookie.
pub(crate) const NAME: &str = "__Host-session";

/// The state of a session.
#[derive(Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "fuzz.example/session")]
pub(crate) struct State {
    pub(crate) text: String,
}

/// A session that started at `T0`.
pub(crate) struct Planted {
    pub(crate) id: SessionId,
    pub(crate) token: String,
}

/// Makes the session with this number. Its state is a text of `len` letters (spec section 9).
pub(crate) fn planted(cookie: &str, number: u8, len: usize) -> Planted {
    let id = [number; 16];
    let record = Record {
        id,
        started_at: T0,
        reauthenticated_at: T0,
        ceiling: None,
        origin: None,
        ended_others: None,
        follows: Vec::new(),
        remembered: false,
        bound: None,
    };
    let mut payload = record.write();
    payload.extend(varint(len as u64));
    payload.extend(vec![b'a' + number % 26; len]);
    let token = sealed(cookie, number, payload);
    Planted { id: SessionId::from_bytes(id), token }
}

/// Seals the payload of a state token that is issued at `T0` and valid for 12 hours.
pub(crate) fn sealed(cookie: &str, nonce: u8, payload: Vec<u8>) -> String {
    let fields = Fields { issued_at: T0, lifetime: 43_200, schema: 1, payload };
    make(Mode::Sealed, &key(cookie), &[nonce; 24], &fields.body(32))
}

/// The key of state tokens in a cookie.
pub(crate) fn key(cookie: &str) -> Key {
    let purpose = ["fuzz.example/session", "state", "cookie", cookie].join("\0");
    Key::new(&key_bytes(1), purpose.as_bytes())
}
