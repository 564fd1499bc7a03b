//! The cookies that a response sets when a session starts, and deletes when a session ends.

use std::sync::{Arc, Mutex};

use bulla::session::Event;

use crate::Build;
use crate::behaviours::setup::{Clock, RENEWAL, STATE, builder, key, minutes, new_sessions};
use crate::client::Client;

pub fn starting_sets_a_cookie_with_every_attribute(build: Build) {
    let app = build(new_sessions());
    let response = Client::new().post(&*app, "/start/ada");
    let lines: Vec<&str> = response.all("set-cookie").collect();
    let [line] = lines[..] else { panic!("{} cookies", lines.len()) };
    let (pair, attributes) = line.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-session=b1."), "{pair}");
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/");
}

/// Session fixation: an attacker sets the cookie of the attacker's session in a user's browser.
pub fn signing_in_replaces_a_session_that_an_attacker_planted(build: Build) {
    let app = build(new_sessions());
    let mut attacker = Client::new();
    attacker.post(&*app, "/start/mallory");
    let mut victim = attacker.clone();
    victim.post(&*app, "/start/ada");
    assert_eq!(victim.get(&*app, "/look").body, "ada");
    assert_eq!(attacker.get(&*app, "/look").body, "mallory");
    assert_ne!(victim.kept[STATE], attacker.kept[STATE]);
}

/// A cart that a guest has filled survives the sign-in. Somebody else has a copy of the guest's
/// token, or has planted it in the user's browser.
pub fn signing_in_continues_the_state_of_a_guest_in_a_new_session(build: Build) {
    let (clock, started) = (Clock::new(), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&started);
    let app = build(
        builder(&[&key()], &clock)
            .on_event(move |event| {
                if let Event::Started { id, .. } = event {
                    seen.lock().unwrap().push(*id);
                }
            })
            .build(),
    );
    for (start, guest_name) in [("/start/cart", "cart"), ("/start-bearer", "ada")] {
        started.lock().unwrap().clear();
        let mut guest = Client::new();
        guest.post(&*app, start);
        clock.advance(minutes(3));
        guest.get(&*app, "/look"); // sends a renewal token
        let mut copy = guest.clone();
        let mut user = guest.clone();
        user.post(&*app, "/sign-in/user");
        let signed_in = format!("{guest_name}+user");
        assert_eq!(user.get(&*app, "/look").body, signed_in);
        let ids = started.lock().unwrap().clone();
        assert!(matches!(ids[..], [guest, user] if guest != user), "{ids:?}");
        assert!(guest.kept.values().all(|token| !user.kept.values().any(|new| new == token)));

        // The copy keeps the session of a guest, whatever the user does and whatever is sent with
        // it.
        user.post(&*app, "/rename/secret");
        assert_eq!(copy.get(&*app, "/look").body, guest_name);
        let renewal = ["session-renewal", RENEWAL].map(|name| user.kept.get(name).cloned());
        for (name, token) in ["session-renewal", RENEWAL].into_iter().zip(renewal) {
            copy.kept.extend(token.map(|token| (name.to_owned(), token)));
        }
        assert_eq!(copy.get(&*app, "/look").body, guest_name);
        copy.post(&*app, "/prove");
        assert_eq!(copy.get(&*app, "/look").body, guest_name);
        copy.post(&*app, "/end");
        assert_eq!(user.get(&*app, "/look").body, "secret");
    }
}

pub fn a_token_is_not_cached_unless_the_application_says_so(build: Build) {
    let app = build(new_sessions());
    let response = Client::new().post(&*app, "/start/ada");
    assert_eq!(response.one("cache-control"), Some("no-store"));
    assert_eq!(response.one("vary"), Some("Cookie, Authorization"));
    let response = Client::new().get(&*app, "/cached");
    assert_eq!(response.all("cache-control").collect::<Vec<_>>(), ["private"]);
    let vary: Vec<&str> = response.all("vary").collect();
    assert_eq!(vary.join(", "), "Accept, Cookie, Authorization");
}

pub fn ending_deletes_the_cookie_with_the_same_attributes(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    let response = client.post(&*app, "/end");
    assert_eq!(
        response.one("set-cookie"),
        Some(
            "__Host-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; \
             Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        )
    );
    assert!(client.kept.is_empty());
    assert_eq!(client.get(&*app, "/look").body, "guest");
}
