//! What a response carries for a session: the closing half of its state machine.

use std::time::Duration;

use crate::session::judge::{Alive, ChannelKeys, Copied, Renewal, Source};
use crate::session::shared::{Channel, Shared};
use crate::session::tokens::{self, Seen};
use crate::time::UnixTime;
use crate::token::error::SealError;
use crate::transport::bundle::Bundle;
use crate::transport::cookie::Role;

/// The tokens of a session that was started or changed.
pub(crate) struct NewTokens {
    pub(crate) channel: Channel,
    pub(crate) state: String,
    /// Goes with the state token of a new id over the bearer channel.
    pub(crate) renewal: Option<String>,
    /// To the absolute deadline.
    pub(crate) age: Duration,
}

/// What is done with the renewal token that came with the request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// It stays, or there is none.
    Stays,
    /// It is of a session that is no more.
    Goes,
}

/// Writes a state token that is new.
pub(crate) fn write(shared: &Shared, tokens: &NewTokens, beside: Beside, bundle: &mut Bundle) {
    match (tokens.channel, &shared.cookie, &shared.bearer) {
        (Channel::Cookie, Some((cookie, _)), _) => {
            bundle.set_cookies(cookie.store(Role::State, tokens.state.clone(), tokens.age));
            if beside == Beside::Goes {
                bundle.set_cookies(cookie.remove(Role::Renewal));
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

/// Removes the tokens. The state token goes last: of several cookies removed
/// at once, curl up to 8 keeps all but the last in its jar (curl's pull request 10685).
pub(crate) fn remove(shared: &Shared, channel: Channel, beside: Beside, bundle: &mut Bundle) {
    match (channel, &shared.cookie, &shared.bearer) {
        (Channel::Cookie, Some((cookie, _)), _) => {
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

/// Issues the renewal token anew beside a changed state, when it is dead or under
/// another key than the primary. It would stay behind else, be judged nowhere once that
/// key has retired, and keep any other from being written. So it is when the session was
/// validated. The state is new, so it needs no copy.
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
    match alive.renewal {
        Renewal::LeftAlone => return Ok(()),
        Renewal::Absent if !(validated && keeps_renewals(tokens.channel, alive)) => return Ok(()),
        Renewal::Counts { key_id, .. }
            if !validated && key_id == keys.renewal.primary_at(seen.at)? =>
        {
            return Ok(());
        }
        Renewal::Absent | Renewal::Counts { .. } | Renewal::Dead => {}
    }
    let token = tokens::renewal(keys, &shared.policy, alive, Copied::No, seen)?;
    match (tokens.channel, &shared.cookie, &shared.bearer) {
        (Channel::Cookie, Some((cookie, _)), _) => {
            bundle.set_cookies(cookie.store(Role::Renewal, token, tokens.age));
        }
        (Channel::Bearer, _, Some((bearer, _))) => bundle.token(bearer.renewal_header(), token),
        _ => {}
    }
    Ok(())
}

/// Records the activity of a request, that the session was validated, and the
/// move to a new primary key, when one is due, in the renewal token: an
/// overlapping request may be changing the state. `leaves` is asked for the time
/// at which the response leaves, so that a slow one does not put an older time
/// over a newer.
pub(crate) fn renew<T>(
    shared: &Shared,
    channel: Channel,
    alive: &Alive<T>,
    seen: Seen,
    leaves: impl FnOnce() -> UnixTime,
    bundle: &mut Bundle,
) -> Result<(), SealError> {
    let Some(keys) = shared.keys(channel) else {
        return Ok(());
    };
    let idle = seen.at.since(alive.last_seen);
    let touches = !idle.is_zero() && idle >= shared.policy.touch_threshold()
        || seen.validated_at > alive.validated_at && keeps_renewals(channel, alive);
    let primary = match keys.renewal.primary_at(seen.at) {
        Ok(primary) => primary,
        Err(error) => return if touches { Err(error) } else { Ok(()) },
    };
    let copy = match alive.token.source {
        Source::Token if alive.token.key_id == primary => Copied::No,
        Source::Token | Source::Copy => Copied::Yes,
    };
    let moves = match alive.renewal {
        Renewal::LeftAlone => return Ok(()),
        Renewal::Absent | Renewal::Dead => copy == Copied::Yes,
        Renewal::Counts { key_id, copy: held } => {
            key_id != primary || (copy, held) == (Copied::Yes, Copied::No)
        }
    };
    let due = match (touches, moves) {
        (true, _) => Due::Touch,
        (false, true) => Due::Move,
        (false, false) => return Ok(()),
    };
    let seen = Seen { at: leaves(), ..seen };
    match (channel, &shared.cookie, &shared.bearer) {
        (Channel::Cookie, Some((cookie, _)), _) => {
            let age = alive.expires_at.since(seen.at);
            if let Some(token) = fitting_renewal(shared, keys, alive, copy, due, seen)? {
                bundle.set_cookies(cookie.store(Role::Renewal, token, age));
            }
        }
        // A client that sends no renewal token keeps only the state token.
        (Channel::Bearer, _, Some((bearer, _))) if !keeps_renewals(channel, alive) => {
            bundle.token(bearer.token_header(), tokens::state_again(keys, alive, seen.at)?);
        }
        (Channel::Bearer, _, Some((bearer, _))) => {
            let token = tokens::renewal(keys, &shared.policy, alive, copy, seen)?;
            bundle.token(bearer.renewal_header(), token);
        }
        _ => {}
    }
    Ok(())
}

/// Whether the client sends a renewal token back: a bearer client that sends
/// none knows only of the state token.
fn keeps_renewals<T>(channel: Channel, alive: &Alive<T>) -> bool {
    (channel, alive.renewal) != (Channel::Bearer, Renewal::Absent)
}

/// Why a renewal token is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    /// To record activity, and perhaps the move.
    Touch,
    /// Only to move to the primary key.
    Move,
}

/// A renewal token that fits its cookie. A copy may not when the cookie's
/// settings have changed since the state was set: activity is recorded without
/// it then, for as long as the state token opens by itself.
fn fitting_renewal<T>(
    shared: &Shared,
    keys: &ChannelKeys,
    alive: &Alive<T>,
    copy: Copied,
    due: Due,
    seen: Seen,
) -> Result<Option<String>, SealError> {
    let (_, limit) = shared.room(Channel::Cookie, Role::Renewal);
    let token = tokens::renewal(keys, &shared.policy, alive, copy, seen)?;
    if token.len() <= limit {
        return Ok(Some(token));
    }
    match (alive.token.source, due) {
        (Source::Token, Due::Move) => Ok(None),
        (Source::Token, Due::Touch) => {
            tokens::renewal(keys, &shared.policy, alive, Copied::No, seen).map(Some)
        }
        (Source::Copy, _) => Err(SealError::TooLong { len: token.len(), limit }),
    }
}
