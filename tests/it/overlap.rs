//! Requests that overlap, and servers with different keys, schemas and clocks.

use bulla::{Payload, Policy, Sessions};
use serde::{Deserialize, Serialize};

use crate::support::{Account, Client, RENEWAL, STATE, T0, ada, effect, key_text, ring, secs};

fn sessions(keys: &[&str]) -> Sessions<Account> {
    Sessions::builder(ring(keys), Policy::default())
        .cookie(bulla::Cookie::default())
        .bearer(bulla::Bearer::default())
        .build()
}

/// One request changes the state, while another request only renews the session (records activity
/// or moves the session to a new key). The responses arrive in either order.
#[test]
fn a_renewal_never_undoes_a_change_in_either_order() {
    let (old, new) = (key_text(), key_text());
    let (before, after) = (sessions(&[&old]), sessions(&[&new, &old]));
    for client in [Client::browser(), Client::mobile()] {
        // The renewal is due because of activity, because of a new key, or because of both.
        for (sealed_by, renews_at) in [(&after, 600), (&before, 1), (&before, 600)] {
            for change_arrives_first in [true, false] {
                let mut client = client.clone().signed_in(sealed_by, T0, ada());
                let now = T0 + secs(renews_at);
                let renewing = client.send(&after, now);
                let changing = client.send(&after, now);
                renewing.get().unwrap();
                changing.update(|account| account.name = "Countess".into()).unwrap();
                let renewal = if change_arrives_first {
                    client.receive(&changing);
                    client.receive(&renewing)
                } else {
                    let renewal = client.receive(&renewing);
                    client.receive(&changing);
                    renewal
                };
                assert_eq!(effect(&renewal), "+renewal");
                for (sessions, at) in [(&after, 0), (&after, 1700)] {
                    let session = client.send(sessions, now + secs(at));
                    assert_eq!(session.get().unwrap().name, "Countess");
                }
            }
        }
    }
}

#[test]
fn dropping_the_old_key_refuses_exactly_the_sessions_not_used_since_the_rotation() {
    let (old, new) = (key_text(), key_text());
    let (before, during, after) = (sessions(&[&old]), sessions(&[&new, &old]), sessions(&[&new]));
    for client in [Client::browser(), Client::mobile()] {
        let unseen = client.clone().signed_in(&before, T0, ada());
        let mut seen = unseen.clone();
        seen.visit(&during, T0 + secs(5), |session| assert!(session.get().is_some()));
        assert!(seen.send(&after, T0 + secs(10)).get().is_some());

        let mut refused = unseen.clone();
        assert!(refused.visit(&after, T0 + secs(10), |session| session.get().is_none()));
        assert_eq!(refused, unseen, "left alone, because another server may have the key");

        // The session continues under the new key: two renewals, then a change, and all this twice.
        let mut now = T0 + secs(10);
        for round in 0..6 {
            now = now + secs(1500);
            seen.visit(&after, now, |session| {
                assert_eq!(session.get().unwrap().id, 1815 + round / 3);
                if round % 3 == 2 {
                    session.update(|account| account.id += 1).unwrap();
                }
            });
        }
    }
}

#[test]
fn an_older_copy_never_replaces_a_state_token_that_cannot_be_opened() {
    let (old, new, newest) = (key_text(), key_text(), key_text());
    let (before, here) = (sessions(&[&old]), sessions(&[&new, &old]));
    let ahead = sessions(&[&newest, &new, &old]);
    let mut client = Client::browser().signed_in(&before, T0, ada());
    client.visit(&here, T0, |session| assert!(session.get().is_some()));
    let copy = client.kept["__Host-session-renewal"].clone();
    client.visit(&ahead, T0, |session| session.update(|a| a.name = "Countess".into()).unwrap());
    // The response of an overlapping renewal arrives late, so the client has the older copy again.
    client.kept.insert("__Host-session-renewal".into(), copy);

    let untouched = client.clone();
    assert!(client.visit(&here, T0, |session| session.get().is_none()), "cannot be judged here");
    assert_eq!(client, untouched);
    client.visit(&ahead, T0, |session| assert_eq!(session.get().unwrap().name, "Countess"));
}

/// A mobile client that stores both headers is not treated like a client that stores only the state
/// token, even if its renewal token belongs to another session.
#[test]
fn a_stale_renewal_token_does_not_put_renewals_into_the_state_token() {
    let key = key_text();
    let sessions = sessions(&[&key]);
    let mut client = Client::mobile().signed_in(&sessions, T0, ada());
    let late = client.kept["session-renewal"].clone();
    client.visit(&sessions, T0, |session| session.reauthenticated().unwrap());
    client.kept.insert("session-renewal".into(), late);
    let session = client.send(&sessions, T0 + secs(600));
    assert!(session.get().is_some());
    assert_eq!(effect(&client.receive(&session)), "+renewal");
}

#[derive(Debug, PartialEq, Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session", version = 2, previous = Account)]
struct AccountV2 {
    id: u64,
    name: String,
    visits: u32,
}

impl From<Account> for AccountV2 {
    fn from(old: Account) -> AccountV2 {
        AccountV2 { id: old.id, name: old.name, visits: 0 }
    }
}

/// The newer server has an additional key, which is primary, and a newer schema. Requests
/// alternate between the two servers.
#[test]
fn a_rolling_deploy_signs_no_user_out_and_old_servers_overwrite_nothing_newer() {
    let (old_key, new_key) = (key_text(), key_text());
    let old = sessions(&[&old_key]);
    let new = Sessions::<AccountV2>::new(ring(&[&new_key, &old_key]), Policy::default());

    let mut client = Client::browser().signed_in(&old, T0, ada());
    let mut now = T0;
    for round in 0..8 {
        now = now + secs(120);
        client.visit(&new, now, |session| assert_eq!(session.get().unwrap().id, 1815));
        let before = client.clone();
        client.visit(&old, now, |session| assert_eq!(session.get().unwrap().id, 1815));
        assert_eq!(
            client, before,
            "round {round}: the old server overwrites no token of the new server"
        );
    }
    client.visit(&new, now, |session| session.update(|account| account.visits += 1).unwrap());
    for _ in 0..8 {
        now = now + secs(1700);
        let before = client.clone();
        assert!(client.visit(&old, now, |session| session.get().is_none()), "cannot be judged");
        assert_eq!(client, before);
        client.visit(&new, now, |session| assert_eq!(session.get().unwrap().visits, 1));
    }

    // If both servers have the same ring, only the schema differs.
    let same_ring = sessions(&[&new_key, &old_key]);
    let before = client.clone();
    assert!(client.visit(&same_ring, now, |session| session.get().is_none()));
    assert_eq!(client, before);

    // The new server reads a change that the old server made.
    let mut client = Client::browser().signed_in(&old, T0, ada());
    client.visit(&new, T0, |session| assert!(session.get().is_some()));
    client.visit(&old, T0, |session| session.update(|account| account.id = 7).unwrap());
    client.visit(&new, T0, |session| assert_eq!(session.get().unwrap().id, 7));
    assert!(client.kept.contains_key(STATE));
}

#[test]
fn servers_with_clocks_a_minute_apart_agree() {
    let key = key_text();
    let sessions = sessions(&[&key]);
    let mut client = Client::browser().signed_in(&sessions, T0 + secs(60), ada());
    for round in 0..40 {
        let now = T0 + secs(round * 300);
        for ahead in [0, 60] {
            client.visit(&sessions, now + secs(ahead), |session| assert!(session.get().is_some()));
        }
    }
}

#[test]
fn a_renewal_token_left_by_a_late_response_does_not_block_the_next_session() {
    let (old, new) = (key_text(), key_text());
    let (before, after) = (sessions(&[&old]), sessions(&[&new]));
    let mut client = Client::browser().signed_in(&before, T0, ada());
    let renewing = client.send(&before, T0 + secs(600));
    renewing.get().unwrap();
    client.visit(&before, T0 + secs(600), |session| session.end().unwrap());
    client.receive(&renewing);
    assert_eq!(client.kept.keys().collect::<Vec<_>>(), [RENEWAL]);

    let mut client = client.signed_in(&after, T0 + secs(1000), ada());
    assert_eq!(client.kept.keys().collect::<Vec<_>>(), [STATE]);
    for minute in 1..60 {
        let now = T0 + secs(1000 + 60 * minute);
        assert!(client.visit(&after, now, |session| session.get().is_some()));
    }
}

#[test]
fn a_renewal_cookie_planted_by_an_attacker_stops_no_renewal() {
    let cookie = bulla::Cookie::new("session").unwrap().shared_with_domain("bank.example");
    let sessions = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::default())
        .cookie(cookie.unwrap())
        .build();
    let mut client = Client::browser().signed_in(&sessions, T0, ada());
    client.visit(&sessions, T0 + secs(600), |session| assert!(session.get().is_some()));
    for minute in 11..120 {
        let pairs = client.kept.iter().map(|(name, value)| format!("{name}={value}"));
        let planted = "__Secure-session-renewal=x".to_owned();
        let cookies = pairs.chain([planted]).collect::<Vec<_>>().join("; ");
        let session = sessions.load_at(T0 + secs(60 * minute), "GET", |name| {
            (name == "cookie").then_some(cookies.as_bytes())
        });
        assert!(session.get().is_some(), "minute {minute}");
        client.receive(&session);
    }
}

#[test]
fn a_slow_change_does_not_undo_later_activity() {
    let sessions = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::high_value())
        .cookie(bulla::Cookie::default())
        .bearer(bulla::Bearer::default())
        .build();
    for client in [Client::browser(), Client::mobile()] {
        let mut client = client.signed_in(&sessions, T0, ada());
        let look = |client: &mut Client, at| {
            client.visit(&sessions, T0 + secs(at), |session| session.get().is_some())
        };
        assert!(look(&mut client, 100));
        let slow = client.send(&sessions, T0 + secs(101));
        slow.update(|account| account.id += 1).unwrap();
        assert!(look(&mut client, 200) && look(&mut client, 340));
        client.receive(&slow);
        let session = client.send(&sessions, T0 + secs(402)); // 62 s idle, of 300
        assert_eq!(session.get().unwrap().id, 1816);
    }
}

#[test]
fn a_slow_renewal_records_the_time_of_its_response() {
    let clock = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(T0.as_secs()));
    let reads = std::sync::Arc::clone(&clock);
    let at = |seconds| clock.store(T0.as_secs() + seconds, std::sync::atomic::Ordering::Relaxed);
    let sessions = Sessions::<Account>::builder(ring(&[&key_text()]), Policy::high_value())
        .clock(move || bulla::UnixTime::from_secs(reads.load(std::sync::atomic::Ordering::Relaxed)))
        .build();
    let mut client = Client::browser().signed_in(&sessions, T0, ada());
    at(100);
    let slow = client.send_now(&sessions);
    slow.get().unwrap();
    at(340);
    let quick = client.send_now(&sessions);
    assert!(quick.get().is_none(), "no activity has been recorded since 0");
    at(299);
    client.receive(&slow);
    at(598);
    assert!(client.send_now(&sessions).get().is_some());
}

#[test]
fn a_background_request_does_not_overwrite_newer_activity() {
    let (old, new) = (key_text(), key_text());
    let before = Sessions::<Account>::new(ring(&[&old]), Policy::high_value());
    let after = Sessions::<Account>::new(ring(&[&new, &old]), Policy::high_value());
    let mut client = Client::browser().signed_in(&before, T0, ada());
    let poll = client.send(&after, T0 + secs(240));
    poll.ignore_activity();
    poll.get().unwrap();
    client.visit(&after, T0 + secs(250), |session| session.get().unwrap());
    client.receive(&poll);
    assert!(client.send(&after, T0 + secs(301)).get().is_some());
}

#[test]
fn overlapping_requests_around_the_idle_timeout_keep_the_session() {
    let sessions = sessions(&[&key_text()]);
    let mut client = Client::browser().signed_in(&sessions, T0, ada());
    let in_time = client.send(&sessions, T0 + secs(1799));
    let too_late = client.send(&sessions, T0 + secs(1800));
    assert!(in_time.get().is_some() && too_late.get().is_none());
    client.receive(&in_time);
    client.receive(&too_late);
    assert!(client.send(&sessions, T0 + secs(1801)).get().is_some());
}

/// At this time, the renewal token has expired, and no other token records the last activity.
#[test]
fn overlapping_requests_around_the_idle_timeout_keep_a_renewed_session() {
    let sessions = sessions(&[&key_text()]);
    for client in [Client::browser(), Client::mobile()] {
        let mut client = client.signed_in(&sessions, T0, ada());
        client.visit(&sessions, T0 + secs(600), |session| assert!(session.get().is_some()));
        let in_time = client.send(&sessions, T0 + secs(2399));
        let too_late = client.send(&sessions, T0 + secs(2400));
        assert!(in_time.get().is_some() && too_late.get().is_none());
        client.receive(&in_time);
        client.receive(&too_late);
        assert!(client.send(&sessions, T0 + secs(2401)).get().is_some());
        // A minute after the timeout, both tokens are deleted.
        let over = client.send(&sessions, T0 + secs(2399 + 1800 + 60));
        assert!(over.get().is_none());
        client.receive(&over);
        assert!(client.kept.is_empty());
    }
}

/// Otherwise, after the old key has retired, no server could open the renewal token, and no server
/// could record activity in it.
#[test]
fn a_change_also_replaces_a_renewal_token_under_an_old_key() {
    let (old, new) = (key_text(), key_text());
    let before = sessions(&[&old]);
    let retires = format!("{old} open-until={}", T0 + secs(2000));
    let after = sessions(&[&new, &retires]);
    for client in [Client::browser(), Client::mobile()] {
        let mut client = client.signed_in(&before, T0, ada());
        client.visit(&before, T0 + secs(90), |session| session.get().unwrap());
        let session = client.send(&after, T0 + secs(1500));
        session.update(|account| account.id += 1).unwrap();
        assert_eq!(effect(&client.receive(&session)), "+state +renewal");
        // The old key has retired. The idle timeout counts from the last activity.
        for at in [2100, 3500, 5000] {
            client.visit(&after, T0 + secs(at), |session| {
                assert_eq!(session.get().expect("it was active").id, 1816, "{at}");
            });
        }
        // Now that both tokens are under the new key, a change does not touch the renewal token.
        let session = client.send(&after, T0 + secs(5100));
        session.update(|account| account.id += 1).unwrap();
        assert_eq!(effect(&client.receive(&session)), "+state");
    }
}
