//! Sealing a session's state token and renewal token (spec section 9).

use crate::keys::key::KeyId;
use crate::session::judge::{Alive, ChannelKeys, Copied};
use crate::session::policy::Policy;
use crate::session::record::{Proof, Record, RenewalRecord, StateCopy};
use crate::time::UnixTime;
use crate::token::error::SealError;
use crate::token::id::{SessionId, fingerprint};
use crate::token::payload::PayloadError;
use crate::token::wipe::{append_wiped, reserve_wiped};
use crate::token::wire::{Body, Claims, Mode};

/// The maximum number of bytes before the payload in the body of a renewal token: 6 for the time of
/// issue, 6 for the lifetime, 1 for the schema version and 2 for the length of the payload.
const MAX_CLAIMS_LEN: usize = 15;

/// Seals a state token that is issued now.
pub(crate) fn state(
    keys: &ChannelKeys,
    record: &Record,
    claims: Claims,
    encode: impl FnOnce(&mut Vec<u8>) -> Result<(), PayloadError>,
) -> Result<(KeyId, String), SealError> {
    let mut token = String::new();
    let key_id = keys.state.make(claims.issued_at, claims, &mut token, |out| {
        record.write(out);
        encode(out)
    })?;
    Ok((key_id, token))
}

/// Seals the same state again with the primary key. The new token is issued at `seen`.
pub(crate) fn state_again<T>(
    keys: &ChannelKeys,
    alive: &Alive<T>,
    seen: UnixTime,
) -> Result<String, SealError> {
    let mut token = String::new();
    let claims = Claims::new(seen, alive.expires_at.since(seen), alive.token.claims.schema);
    let payload = Body::parse(&alive.token.body).map(|body| body.payload).unwrap_or_default();
    keys.state.make(seen, claims, &mut token, |out| {
        append_wiped(out, payload);
        Ok(())
    })?;
    Ok(token)
}

/// What a renewal token records.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    /// The last activity.
    pub(crate) at: UnixTime,
    /// When the token is sealed. The key that is primary at this time seals it.
    pub(crate) sealed_at: UnixTime,
    /// When the application's check last returned `Holds`.
    pub(crate) validated_at: UnixTime,
    /// The last proof of the device to which the session is bound.
    pub(crate) proof: Option<Proof>,
}

/// Seals a renewal token, with a copy of the state token if `copy` is [`Copied::Yes`].
pub(crate) fn renewal<T>(
    keys: &ChannelKeys,
    policy: &Policy,
    alive: &Alive<T>,
    copy: Copied,
    seen: Seen,
) -> Result<String, SealError> {
    let copy = (copy == Copied::Yes).then(|| StateCopy {
        fingerprint: fingerprint(&alive.token.text),
        body: &alive.token.body,
    });
    let Seen { at, sealed_at, validated_at, proof } = seen;
    let record = RenewalRecord { id: alive.record.id, validated_at, proof, copy };
    seal_renewal(keys, policy, &record, (at, sealed_at))
}

/// Seals the renewal token for a new session id.
pub(crate) fn first_renewal(
    keys: &ChannelKeys,
    policy: &Policy,
    id: SessionId,
    proof: Option<Proof>,
    now: UnixTime,
) -> Result<String, SealError> {
    let record = RenewalRecord { id, validated_at: UnixTime::EPOCH, proof, copy: None };
    seal_renewal(keys, policy, &record, (now, now))
}

fn seal_renewal(
    keys: &ChannelKeys,
    policy: &Policy,
    record: &RenewalRecord<'_>,
    (seen, now): (UnixTime, UnixTime),
) -> Result<String, SealError> {
    let mut token = String::new();
    let claims = Claims::new(seen, policy.idle_timeout(), record.schema());
    keys.renewal.make(now, claims, &mut token, |out| {
        reserve_wiped(out, record.max_len());
        record.write(out);
        Ok(())
    })?;
    Ok(token)
}

/// The maximum length in characters of a renewal token that holds a copy of a state token. `len` is
/// the length of that state token in characters.
pub(crate) fn renewal_len(keys: &ChannelKeys, record: &Record, len: usize) -> usize {
    let copy = RenewalRecord::max_len_with_copy(record, Mode::Sealed.body_len(len));
    keys.renewal.text_len(copy.saturating_add(MAX_CLAIMS_LEN))
}
