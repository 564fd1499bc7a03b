//! Benchmarks of a request in a session that is bound to a device, beside one in an ordinary
//! session. Both requests have a state token and a renewal token.

use std::collections::BTreeMap;

use bulla::session::DeviceBound;
use bulla::{Policy, Sessions, UnixTime};
use bulla_conformance::DeviceKey;
use divan::Bencher;

use crate::state::{LIFETIME, NOW, SIZES, Size, State, ring};

#[divan::bench(args = SIZES)]
fn reads_an_ordinary_session(bencher: Bencher<'_, '_>, size: Size) {
    let sessions = sessions();
    let mut cookies = Cookies::default();
    cookies.sign_in(&sessions, size);
    let renewed = NOW + LIFETIME / 20;
    let session = sessions.load_at(renewed, "GET", |name| cookies.header(name));
    assert!(session.get().is_some());
    cookies.store(session.commit());
    reads(bencher, &sessions, &cookies, renewed);
}

#[divan::bench(args = SIZES)]
fn reads_a_bound_session(bencher: Bencher<'_, '_>, size: Size) {
    let sessions = sessions();
    let mut cookies = Cookies::default();
    let challenge = cookies.sign_in(&sessions, size);
    let [register, refresh] = sessions.device_bound_paths().expect("there are settings");
    let key = DeviceKey::new(7);
    let challenge = cookies.prove(&sessions, register, &key.registration(&challenge));
    cookies.prove(&sessions, refresh, &key.proof(&challenge));
    reads(bencher, &sessions, &cookies, NOW);
}

fn sessions() -> Sessions<State> {
    let policy = Policy::default().with_touch_threshold(LIFETIME / 30);
    Sessions::builder(ring(1), policy).device_bound(DeviceBound::default()).build()
}

fn reads(bencher: Bencher<'_, '_>, sessions: &Sessions<State>, cookies: &Cookies, at: UnixTime) {
    let header = cookies.text.as_bytes();
    bencher.bench(|| {
        let header = divan::black_box(header);
        let session = sessions.load_at(at, "GET", |name| (name == "cookie").then_some(header));
        assert!(session.get().is_some());
        session.commit()
    });
}

/// The cookies of a browser.
#[derive(Default)]
struct Cookies {
    kept: BTreeMap<String, String>,
    text: String,
}

impl Cookies {
    fn text(&self) -> String {
        let pairs: Vec<_> =
            self.kept.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        (name == "cookie").then_some(self.text.as_bytes())
    }

    /// Stores the cookies of a response. Returns its challenge, if it has one.
    fn store(&mut self, lines: bulla::transport::Bundle) -> Option<String> {
        let mut challenge = None;
        for line in lines {
            match &*line.name {
                "set-cookie" => {
                    let pair = line.value.split(';').next().expect("a pair");
                    let (name, value) = pair.split_once('=').expect("a name and a value");
                    self.kept.insert(name.to_owned(), value.to_owned());
                }
                "secure-session-registration" => {
                    challenge = line.value.split('"').nth(3).map(str::to_owned);
                }
                "secure-session-challenge" => {
                    challenge = line.value.split('"').nth(1).map(str::to_owned);
                }
                _ => {}
            }
        }
        self.text = self.text();
        challenge
    }

    fn sign_in(&mut self, sessions: &Sessions<State>, size: Size) -> String {
        let session = sessions.load_at(NOW, "POST", |_| None::<&[u8]>);
        session.start(size.state()).expect("it fits");
        self.store(session.commit()).expect("an offer")
    }

    /// Sends a registration or a proof. Returns the challenge for the next proof.
    fn prove(&mut self, sessions: &Sessions<State>, path: &str, proof: &str) -> String {
        let info = sessions.load_at(NOW, "GET", |name| self.header(name)).info();
        let identifier = format!("s{}", info.expect("a session").origin);
        let values = |name: &str| match name {
            "secure-session-response" => Some(proof.as_bytes()),
            "sec-secure-session-id" => Some(identifier.as_bytes()),
            name => self.header(name),
        };
        let response = sessions.device_bound_response_at(NOW, "POST", path, values);
        self.store(response.expect("an answer").headers).expect("a challenge")
    }
}
