//! Law: the fields that are read from a token without a key can be written back as the same text.

use bulla::token::{Mode, Visible, read_unverified_raw};

use crate::fixed::name;
use crate::independent::{Fields, from_base64url, to_base64url, unverified};

/// `data` is the text of a token.
///
/// # Panics
/// If the text that is written back differs, or if the independent implementation reads other
/// fields.
pub fn token(data: &[u8]) {
    let visible = Visible::of(data);
    if let Ok(visible) = visible {
        let (prefix, overhead) = match visible.mode {
            Mode::Sealed => ("b1.", 44),
            Mode::Signed => ("s1.", 36),
        };
        let raw = from_base64url(&data[3..]).expect("it is base64url");
        let id: String = raw[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(format!("{prefix}{}", to_base64url(&raw)).as_bytes(), data);
        assert_eq!(visible.unverified_key_id.to_string(), id);
        assert_eq!(visible.body_len, raw.len() - overhead);
        assert!(data.len() < 8192 && visible.body_len >= 4);
    }

    let read = read_unverified_raw(data);
    match (&read, unverified(data)) {
        (Err(here), Err(there)) => assert_eq!(name(here), there),
        (Ok(here), Ok((id, there))) => {
            let fields = Fields {
                issued_at: here.issued_at.as_secs(),
                lifetime: here.expires_at.since(here.issued_at).as_secs(),
                schema: here.schema,
                payload: here.payload.to_vec(),
            };
            assert_eq!(fields, there);
            let visible = visible.expect("it was read above");
            // Writes the token from its parts. The MAC is copied, because making a MAC needs the key.
            let mut body = fields.body(1);
            assert!(body.len() <= visible.body_len);
            body.resize(visible.body_len, 0);
            let raw = from_base64url(&data[3..]).expect("it is base64url");
            let again = [&id, &body[..], &raw[raw.len() - 32..]].concat();
            assert_eq!(format!("s1.{}", to_base64url(&again)).as_bytes(), data);
        }
        (here, there) => panic!("{here:?} here, {there:?} there"),
    }
}
