//! Changes of the state: how they reach the client, including in streams and WebSockets.

use crate::Build;
use crate::behaviours::setup::{new_sessions, sets_nothing};
use crate::client::Client;

pub fn a_change_sets_a_cookie_and_an_equal_value_does_not(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    let response = client.post(&*app, "/rename/countess");
    assert_eq!(response.all("set-cookie").count(), 1);
    assert_eq!(client.get(&*app, "/look").body, "countess");
    sets_nothing(&client.post(&*app, "/rename/countess"));
}

pub fn a_stream_starts_after_a_change_was_sent_and_reads_the_session(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    let response = client.get(&*app, "/events");
    assert_eq!(response.body, "data: streamed\n\ndata: streamed\n\n");
    assert_eq!(response.all("set-cookie").count(), 1);
    assert_eq!(response.one("cache-control"), Some("no-store"));
    assert_eq!(client.get(&*app, "/look").body, "streamed");
}

pub fn a_websocket_upgrade_reads_and_changes_the_session(build: Build) {
    let app = build(new_sessions());
    let mut client = Client::new();
    client.post(&*app, "/start/ada");
    let mut request = client.request("GET", "/socket");
    for (name, value) in [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ] {
        request.headers.push((name.to_owned(), value.to_owned()));
    }
    let response = app.send(&request);
    assert_eq!((response.status, response.one("upgrade")), (101, Some("websocket")));
    assert_eq!(response.one("x-was"), Some("ada"));
    client.receive(&response);
    assert_eq!(client.get(&*app, "/look").body, "upgraded");
}
