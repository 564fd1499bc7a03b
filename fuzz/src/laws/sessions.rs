//! Sessions that are the same in every run. The independent implementation makes their tokens with
//! fixed nonces.

use bulla::Payload;
use bulla::session::SessionId;
use serde::{Deserialize, Serialize};

use crate::fixed::{T0, key_bytes};
use crate::independent::{Fields, Key, Mode, make, varint};

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
    let mut payload = id.to_vec();
    for instant in [T0, T0, 0] {
        payload.extend(varint(instant));
    }
    payload.extend(varint(len as u64));
    payload.extend(vec![b'a' + number % 26; len]);
    let fields = Fields { issued_at: T0, lifetime: 43_200, schema: 1, payload };
    let purpose = ["fuzz.example/session", "state", "cookie", cookie].join("\0");
    let key = Key::new(&key_bytes(1), purpose.as_bytes());
    let token = make(Mode::Sealed, &key, &[number; 24], &fields.body(32));
    Planted { id: SessionId::from_bytes(id), token }
}
