//! What a response carries for a session: the closing half of its state machine.

use std::time::Duration;

use crate::bundle::Bundle;
use crate::cookie::Role;
use crate::error::SealError;
use crate::judge::{Alive, Copied, Renewal, Source};
use crate::shared::{Channel, Shared};
use crate::time::UnixTime;
use crate::tokens;

/// The tokens of a session that was started or changed.
pub(crate) struct NewTokens {
    pub(crate) channel: Channel,
    pub(crate) state: String,
    /// Goes with the state token over the bearer channel.
    pub(crate) renewal: Option<String>,
    /// To the absolute deadline.
    pub(crate) age: Duration,
}

/// The renewal token that came beside a state token that is replaced or removed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    Nothing,
    /// It counts no more.
    Stale,
    /// It cannot be judged here, so it is not touched.
    LeftAlone,
}

/// Writes a state token that is new.
pub(crate) fn write(shared: &Shared, tokens: &NewTokens, beside: Beside, bundle: &mut Bundle) {
    match (tokens.channel, &shared.cookie, &shared.bearer) {
        (Channel::Cookie, Some((cookie, _)), _) => {
            bundle.set_cookies(cookie.store(Role::State, tokens.state.clone(), tokens.age));
            if beside == Beside::Stale {
                bundle.set_cookies(cookie.remove(Role::Renewal));
            }
        }
        (Channel::Bearer, _, Some((bearer, _))) => {
            bundle.token(bearer.token_header(), tokens.state.clone());
            if let Some(renewal) = tokens.renewal.as_ref().filter(|_| beside != Beside::LeftAlone) {
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
            if beside != Beside::Nothing {
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

/// Records activity at `seen` and the move to a new primary key, when either
/// is due, in the renewal token: an overlapping request may be changing the state.
pub(crate) fn renew<T>(
    shared: &Shared,
    channel: Channel,
    alive: &Alive<T>,
    seen: UnixTime,
    now: UnixTime,
    bundle: &mut Bundle,
) -> Result<(), SealError> {
    let Some(keys) = shared.keys(channel) else {
        return Ok(());
    };
    let Ok(primary) = keys.renewal.primary_at(now) else {
        return Ok(());
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
    let idle = seen.since(alive.last_seen);
    let touches = !idle.is_zero() && idle >= shared.policy.touch_threshold();
    if !moves && !touches {
        return Ok(());
    }
    let renewal = || tokens::renewal(keys, &shared.policy, alive, copy, seen, now);
    match (channel, &shared.cookie, &shared.bearer) {
        (Channel::Cookie, Some((cookie, _)), _) => {
            let (token, age) = (renewal()?, alive.expires_at.since(now));
            let (_, limit) = shared.room(channel, Role::Renewal);
            if token.len() > limit {
                // Only when the cookie's settings have changed since the state was set.
                return Err(SealError::TooLong { len: token.len(), limit });
            }
            bundle.set_cookies(cookie.store(Role::Renewal, token, age));
        }
        // A client that sends no renewal token keeps only the state token.
        (Channel::Bearer, _, Some((bearer, _))) if alive.renewal == Renewal::Absent => {
            let token = tokens::state_again(keys, alive, seen, now)?;
            bundle.token(bearer.token_header(), token);
        }
        (Channel::Bearer, _, Some((bearer, _))) => {
            bundle.token(bearer.renewal_header(), renewal()?);
        }
        _ => {}
    }
    Ok(())
}
