//! Writes, renews and deletes a session's tokens in the header lines of a response. `closing`
//! decides which of these happens.
//!
//! A session has two tokens. The state token holds the state. The renewal token records the last
//! activity. To *renew* a session is to write a new renewal token.

use std::time::Duration;

use crate::keys::key::KeyId;
use crate::session::carried::Place;
use crate::session::judge::{Alive, ChannelKeys, Copied, Renewal, Source};
use crate::session::policy::{Policy, Term};
use crate::session::shared::{Channel, Shared};
use crate::session::tokens::{self, Seen};
use crate::time::UnixTime;
use crate::token::error::SealError;
use crate::transport::bundle::Bundle;
use crate::transport::cookie::{Cookie, Kept, Role};

/// The tokens of a session that was started or changed.
pub(crate) struct NewTokens {
    pub(crate) channel: Channel,
    pub(crate) state: String,
    /// `None` if the session keeps its id, or if it is in a cookie and not bound to a device.
    pub(crate) renewal: Option<String>,
    pub(crate) kept: Kept,
}

/// How long a browser keeps a session's cookies. The session ends after `age`, even with activity.
pub(crate) fn kept(term: Term, age: Duration) -> Kept {
    match term {
        Term::Ordinary => Kept::AsConfigured(age),
        Term::Remembered => Kept::UntilDeadline(age),
    }
}

/// What happens to the renewal token that came with the request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// The token is kept, or there is none.
    Stays,
    /// The token is deleted, because its session has ended or was replaced.
    Goes,
}

/// Writes a new state token, and deletes the tokens in former cookies.
pub(crate) fn write(shared: &Shared, tokens: &NewTokens, beside: Beside, bundle: &mut Bundle) {
    match (tokens.channel, &shared.cookie, &shared.bearer) {
        (Channel::Cookie, Some((cookie, _)), _) => {
            remove_former(cookie, bundle);
            bundle.set_cookies(cookie.store(Role::State, tokens.state.clone(), tokens.kept));
            match &tokens.renewal {
                Some(renewal) => {
                    bundle.set_cookies(cookie.store(Role::Renewal, renewal.clone(), tokens.kept));
                }
                None if beside == Beside::Goes => {
                    bundle.set_cookies(cookie.remove(Role::Renewal));
                }
                None => {}
            }
        }
        (Channel::Bearer, _, Some((bearer, _))) => {
            bundle.token(bearer.token_header(), tokens.state.clone());
            if let Some(renewal) = &tokens.renewal {
                bundle.token(bearer.renewal_header(), renewal.clone());
            }
        }
        _ => {}
    }
}

/// Deletes the tokens, the state token last. If a response deletes several cookies, curl up to
/// version 8 deletes only the last one from its jar (curl's pull request 10685). Without its state
/// token, the session is over.
pub(crate) fn remove(shared: &Shared, channel: Channel, beside: Beside, bundle: &mut Bundle) {
    match (channel, &shared.cookie, &shared.bearer) {
        (Channel::Cookie, Some((cookie, _)), _) => {
            remove_former(cookie, bundle);
            if beside == Beside::Goes {
                bundle.set_cookies(cookie.remove(Role::Renewal));
            }
            bundle.set_cookies(cookie.remove(Role::State));
        }
        (Channel::Bearer, _, Some((bearer, _))) => {
            bundle.token(bearer.token_header(), String::new());
            bundle.token(bearer.renewal_header(), String::new());
        }
        _ => {}
    }
}

/// Deletes the tokens in former cookies. Without a former cookie, this writes nothing.
pub(crate) fn remove_former(cookie: &Cookie, bundle: &mut Bundle) {
    bundle.set_cookies(cookie.remove_former(Role::Renewal));
    bundle.set_cookies(cookie.remove_former(Role::State));
}

/// Writes a new renewal token together with a changed state token, if the old renewal token is
/// invalid or was not made with the primary key, if the application's check has just succeeded, or
/// if the request has a new proof.
///
/// Otherwise the client would keep the old renewal token. After the key of that token has retired,
/// no server could open it, and a renewal token that this server cannot open is never overwritten.
/// So the session could no longer be renewed. The new renewal token needs no copy of the state
/// token, because the state token is new too.
///
/// If the session moves from a former cookie, the response deletes the old renewal token. A new
/// renewal token then keeps the activity and the check that the old one recorded.
pub(crate) fn follow<T>(
    shared: &Shared,
    tokens: &NewTokens,
    alive: &Alive<T>,
    seen: Seen,
    bundle: &mut Bundle,
) -> Result<(), SealError> {
    let Some(keys) = shared.keys(tokens.channel) else {
        return Ok(());
    };
    let validated = seen.validated_at > alive.validated_at;
    let proves = has_new_proof(alive, &seen);
    let is_deleted = || tokens.channel == Channel::Cookie && shared.has_former_namesake();
    match alive.renewal {
        _ if alive.place != Place::Current => {}
        Renewal::LeftAlone => return Ok(()),
        Renewal::Absent if !(proves || validated && keeps_renewals(tokens.channel, alive)) => {
            return Ok(());
        }
        Renewal::Counts { key_id, .. }
            if !validated
                && !proves
                && !is_deleted()
                && key_id == keys.renewal.primary_at(seen.at)? =>
        {
            return Ok(());
        }
        Renewal::Absent | Renewal::Counts { .. } | Renewal::Dead => {}
    }
    let policy = shared.policy(alive.record.term);
    let token = tokens::renewal(keys, &policy, alive, Copied::No, seen)?;
    match (tokens.channel, &shared.cookie, &shared.bearer) {
        (Channel::Cookie, Some((cookie, _)), _) => {
            bundle.set_cookies(cookie.store(Role::Renewal, token, tokens.kept));
        }
        (Channel::Bearer, _, Some((bearer, _))) => bundle.token(bearer.renewal_header(), token),
        _ => {}
    }
    Ok(())
}

/// Writes a renewal token if activity, a successful check or the move to a new primary key must be
/// recorded.
///
/// It does not write the state token, because a concurrent request may be changing the state. The
/// exception is a bearer client that sends no renewal token, because such a client keeps only the
/// state token.
///
/// `leaves` returns the time at which the response is built. The renewal token gets this time and
/// not the time of the request. Otherwise the response of a slow request could replace a later time
/// in the client with an earlier one.
pub(crate) fn renew<T>(
    shared: &Shared,
    channel: Channel,
    alive: &Alive<T>,
    seen: Seen,
    leaves: impl FnOnce() -> UnixTime,
    bundle: &mut Bundle,
) -> Result<(), SealError> {
    let Some(keys) = shared.keys_at(channel, alive.place) else {
        return Ok(());
    };
    let idle = seen.at.since(alive.last_seen);
    let policy = shared.policy(alive.record.term);
    let touches = !idle.is_zero() && idle >= policy.touch_threshold()
        || seen.validated_at > alive.validated_at && keeps_renewals(channel, alive);
    let proves = has_new_proof(alive, &seen);
    let primary = match keys.renewal.primary_at(seen.at) {
        Ok(primary) => primary,
        Err(error) => return if touches || proves { Err(error) } else { Ok(()) },
    };
    let copy = needed_copy(alive, primary);
    let moves = match alive.renewal {
        Renewal::LeftAlone => return Ok(()),
        Renewal::Absent | Renewal::Dead => copy == Copied::Yes,
        Renewal::Counts { key_id, copy: held } => {
            key_id != primary || (copy, held) == (Copied::Yes, Copied::No)
        }
    };
    let due = match (touches || proves, moves) {
        (true, _) => Due::Touch,
        (false, true) => Due::Move,
        (false, false) => return Ok(()),
    };
    let leaves = leaves();
    let seen = Seen { at: leaves, sealed_at: leaves, ..seen };
    match (channel, shared.cookie_at(alive.place), &shared.bearer) {
        (Channel::Cookie, Some(at), _) => {
            store_renewal(&policy, at, alive, copy, due, seen, bundle)?;
        }
        (Channel::Bearer, _, Some((bearer, _))) => {
            let keeps = keeps_renewals(channel, alive);
            // A client that sends no renewal token keeps only the state token, so this token is
            // written.
            if !keeps && (touches || moves) {
                bundle.token(bearer.token_header(), tokens::state_again(keys, alive, seen.at)?);
            }
            // Only a renewal token can record a proof, so this client gets one all the same.
            if keeps || proves {
                let token = tokens::renewal(keys, &policy, alive, copy, seen)?;
                bundle.token(bearer.renewal_header(), token);
            }
        }
        _ => {}
    }
    Ok(())
}

/// Writes a renewal token that records a proof of the session's device.
///
/// A proof is not activity of the user, because browsers also send proofs for a page that nobody
/// looks at. So the token has the time of the last activity.
pub(crate) fn prove<T>(
    shared: &Shared,
    channel: Channel,
    alive: &Alive<T>,
    seen: Seen,
    bundle: &mut Bundle,
) -> Result<(), SealError> {
    let Some(keys) = shared.keys_at(channel, alive.place) else { return Ok(()) };
    let policy = shared.policy(alive.record.term);
    let copy = needed_copy(alive, keys.renewal.primary_at(seen.sealed_at)?);
    match (channel, shared.cookie_at(alive.place), &shared.bearer) {
        (Channel::Cookie, Some(at), _) => {
            store_renewal(&policy, at, alive, copy, Due::Touch, seen, bundle)?;
        }
        (Channel::Bearer, _, Some((bearer, _))) if alive.renewal != Renewal::LeftAlone => {
            let token = tokens::renewal(keys, &policy, alive, copy, seen)?;
            bundle.token(bearer.renewal_header(), token);
        }
        _ => {}
    }
    Ok(())
}

/// Whether the request has a proof that the client's renewal token does not record yet.
pub(crate) fn has_new_proof<T>(alive: &Alive<T>, seen: &Seen) -> bool {
    seen.proof.map(|proof| proof.at) > alive.proved_at
}

/// Whether a renewal token needs a copy of the state token: if the state token is not under the
/// primary key.
fn needed_copy<T>(alive: &Alive<T>, primary: KeyId) -> Copied {
    match alive.token.source {
        Source::Token if alive.token.key_id == primary => Copied::No,
        Source::Token | Source::Copy => Copied::Yes,
    }
}

/// Stores a renewal token in its cookie, if one needs to be written.
fn store_renewal<T>(
    policy: &Policy,
    at: &(Cookie, ChannelKeys),
    alive: &Alive<T>,
    copy: Copied,
    due: Due,
    seen: Seen,
    bundle: &mut Bundle,
) -> Result<(), SealError> {
    if let Some(token) = fitting_renewal(policy, at, alive, copy, due, seen)? {
        let kept = kept(alive.record.term, alive.expires_at.since(seen.sealed_at));
        bundle.set_cookies(at.0.store(Role::Renewal, token, kept));
    }
    Ok(())
}

/// Whether the client sends renewal tokens back. A bearer client that sends none is assumed to keep
/// only the state token.
fn keeps_renewals<T>(channel: Channel, alive: &Alive<T>) -> bool {
    (channel, alive.renewal) != (Channel::Bearer, Renewal::Absent)
}

/// Why a renewal token is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    /// To record activity or a successful check and, if necessary, to move to the primary key.
    Touch,
    /// Only to move to the primary key.
    Move,
}

/// Seals a renewal token that fits its cookie. `None` if no token needs to be written.
///
/// If the cookie's settings have changed since the state was set, a renewal token with a copy of
/// the state token may be too long. Then the copy is left out, if this server can still open the
/// state token.
fn fitting_renewal<T>(
    policy: &Policy,
    (cookie, keys): &(Cookie, ChannelKeys),
    alive: &Alive<T>,
    copy: Copied,
    due: Due,
    seen: Seen,
) -> Result<Option<String>, SealError> {
    let limit = cookie.capacity(Role::Renewal);
    let token = tokens::renewal(keys, policy, alive, copy, seen)?;
    if token.len() <= limit {
        return Ok(Some(token));
    }
    match (alive.token.source, due) {
        (Source::Token, Due::Move) => Ok(None),
        (Source::Token, Due::Touch) => {
            tokens::renewal(keys, policy, alive, Copied::No, seen).map(Some)
        }
        (Source::Copy, _) => Err(SealError::TooLong { len: token.len(), limit }),
    }
}
