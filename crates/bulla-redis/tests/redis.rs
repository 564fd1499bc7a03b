//! Tests against a real Redis. Each test starts its own `redis-server` on a Unix socket. If
//! `redis-server` is not installed, the tests are skipped, unless `BULLA_NEED_REDIS` is set.
#![cfg(unix)]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bulla::revocation::Revocation;
use bulla::session::{Dpop, SessionId};
use bulla::token::OnceError;
use bulla::{
    KeyRing, Payload, Policy, RingHandle, Sealer, Session, SessionError, Sessions, UnixTime,
};
use bulla_conformance::DeviceKey;
use bulla_redis::{RedisRing, RedisRingError, SharedRevocations, UsedInRedis};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "redis.example/session")]
struct Account {
    id: u64,
}

struct Redis {
    server: Option<Child>,
    folder: PathBuf,
}

impl Redis {
    fn start() -> Option<Redis> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("bulla-redis-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut redis = Redis { server: None, folder };
        match redis.run() {
            Ok(()) => Some(redis),
            Err(error) if std::env::var_os("BULLA_NEED_REDIS").is_none() => {
                eprintln!("skipped: redis-server does not start ({error})");
                None
            }
            Err(error) => panic!("redis-server does not start: {error}"),
        }
    }

    /// Starts the server. It has the data from before its last stop, in an append-only file.
    fn run(&mut self) -> std::io::Result<()> {
        let server = Command::new("redis-server")
            .args(["--port", "0", "--appendonly", "yes", "--appendfsync", "always", "--save", ""])
            .args(["--unixsocket", "socket", "--dir"])
            .arg(&self.folder)
            .stdout(Stdio::null())
            .spawn()?;
        self.server = Some(server);
        let begun = Instant::now();
        while self.ring("ping").load().is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "redis-server does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    fn ring(&self, name: &str) -> RedisRing {
        let url = format!("unix://{}", self.folder.join("socket").display());
        RedisRing::new(&url, name).unwrap()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn key_text() -> String {
    KeyRing::generate().unwrap().expose_text().trim().to_owned()
}

fn put(ring: &mut RedisRing, text: &str) {
    let before = ring.load().unwrap();
    ring.store(&before, text.as_bytes()).unwrap();
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_announced_change_reaches_every_server_before_its_interval() {
    let Some(redis) = Redis::start() else { return };
    let (a, b) = (key_text(), key_text());
    put(&mut redis.ring("bank"), &a);
    let servers = [0, 1, 2].map(|_| redis.ring("bank").watch(Duration::from_secs(3600)).unwrap());
    put(&mut redis.ring("bank"), &format!("{b}\n{a}"));
    for server in &servers {
        eventually("the change arrives", || server.ring().entries().len() == 2);
    }
}

#[test]
fn one_of_two_concurrent_changes_is_refused() {
    let Some(redis) = Redis::start() else { return };
    let mut ring = redis.ring("bank");
    put(&mut ring, &key_text());
    let (mine, theirs) = (ring.load().unwrap(), redis.ring("bank").load().unwrap());
    redis.ring("bank").store(&theirs, key_text().as_bytes()).unwrap();
    assert_eq!(ring.store(&mine, b"mine"), Err(RedisRingError::Changed));
    assert_ne!(&ring.load().unwrap().text[..], b"mine");

    // With eight writers, no added key is lost.
    put(&mut ring, &key_text());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut ring = redis.ring("bank");
                let key = key_text();
                loop {
                    let before = ring.load().unwrap();
                    let text = [&before.text[..], b"\n", key.as_bytes()].concat();
                    match ring.store(&before, &text) {
                        Ok(()) => break,
                        Err(error) => assert_eq!(error, RedisRingError::Changed),
                    }
                }
            });
        }
    });
    let text = ring.load().unwrap().text;
    assert_eq!(KeyRing::try_from(&text[..]).unwrap().entries().len(), 9);
}

#[test]
fn servers_continue_without_redis_and_follow_it_again_later() {
    let Some(mut redis) = Redis::start() else { return };
    let (a, b) = (key_text(), key_text());
    put(&mut redis.ring("bank"), &a);
    let server = redis.ring("bank").watch(Duration::from_millis(50)).unwrap();
    let sessions = Sessions::<Account>::new(&server, Policy::default());
    let sealer = Sealer::<Account>::new(&server, Duration::from_secs(60));
    let token = sealer.seal(&Account { id: 7 }).unwrap();

    redis.stop();
    eventually("the outage is noticed", || server.health().failing.is_some());
    assert_eq!(sealer.open(&token).unwrap().payload.id, 7);
    let session = sessions.load("POST", |_| Vec::<&[u8]>::new());
    session.start(Account { id: 7 }).unwrap();

    redis.run().unwrap();
    eventually("the end of the outage is noticed", || server.health().failing.is_none());
    put(&mut redis.ring("bank"), &format!("{b}\n{a}"));
    eventually("the change arrives", || server.ring().entries().len() == 2);
    assert_eq!(sealer.open(&token).unwrap().payload.id, 7);
}

#[test]
fn a_server_that_cannot_load_a_ring_reports_why() {
    let Some(mut redis) = Redis::start() else { return };
    let start =
        |redis: &Redis| redis.ring("bank").watch(Duration::from_secs(60)).unwrap_err().to_string();
    assert!(start(&redis).contains("no key"), "{}", start(&redis));
    redis.stop();
    assert!(start(&redis).contains("the request to Redis failed"), "{}", start(&redis));
}

#[test]
fn a_wrapped_ring_hides_its_keys_and_opens_only_with_its_wrapping_keys_and_name() {
    let Some(redis) = Redis::start() else { return };
    let key = key_text();
    let (kek, next) = (key_text(), key_text());
    let with = |keys: &str| RingHandle::from(keys.parse::<KeyRing>().unwrap());
    put(&mut redis.ring("bank").wrapped_with(with(&kek)), &key);

    let raw = redis.ring("bank").load().unwrap().text;
    let raw = std::str::from_utf8(&raw).unwrap();
    assert!(raw.starts_with("b1.") && !raw.contains(&key[12..55]));
    let unwrapped = redis.ring("bank").wrapped_with(with(&kek)).load().unwrap();
    assert_eq!(&unwrapped.text[..], key.as_bytes());

    // Wrapping keys rotate like other keys.
    let both = with(&format!("{next}\n{kek}"));
    assert!(redis.ring("bank").wrapped_with(&both).load().is_ok());
    put(&mut redis.ring("bank").wrapped_with(&both), &key);
    assert!(redis.ring("bank").wrapped_with(with(&next)).load().is_ok());
    let old = redis.ring("bank").wrapped_with(with(&kek)).load().map(|_| ());
    assert!(matches!(old, Err(RedisRingError::Wrapped(_))));

    // A value that is copied to another name does not open.
    put(&mut redis.ring("staging"), raw);
    let moved = redis.ring("staging").wrapped_with(with(&kek)).load().map(|_| ());
    assert!(matches!(moved, Err(RedisRingError::Wrapped(_))));

    put(&mut redis.ring("bank"), &key);
    let bare = redis.ring("bank").wrapped_with(with(&kek)).load().map(|_| ());
    assert_eq!(bare, Err(RedisRingError::NotWrapped));
}

impl Redis {
    fn revocations(&self) -> SharedRevocations {
        let url = format!("unix://{}", self.folder.join("socket").display());
        SharedRevocations::join(&url, "bank:revocations").unwrap()
    }
}

fn revocation(n: u8) -> Revocation {
    let until = UnixTime::now() + Duration::from_secs(3600);
    Revocation::Session { id: SessionId::from_bytes([n; 16]), until }
}

#[test]
fn a_revocation_reaches_all_servers_and_those_that_start_later() {
    let Some(redis) = Redis::start() else { return };
    let servers = [0, 1, 2].map(|_| redis.revocations());
    servers[0].list().add(revocation(1));
    servers[1].list().add(revocation(2));
    for server in &servers {
        eventually("the revocation is received", || server.list().len() == 2);
    }
    assert!(servers[0].flush(Duration::from_secs(5)));
    assert_eq!(redis.revocations().list().len(), 2);
}

#[test]
fn during_an_outage_revocations_still_apply_and_afterwards_they_reach_all_servers() {
    let Some(mut redis) = Redis::start() else { return };
    let (here, there) = (redis.revocations(), redis.revocations());
    here.list().add(revocation(1));
    eventually("the revocation is received", || there.list().len() == 1);
    assert!(here.flush(Duration::from_secs(5)));

    redis.stop();
    here.list().add(revocation(2));
    assert!(!here.flush(Duration::from_millis(200)));
    assert_eq!((here.list().len(), there.list().len()), (2, 1));
    assert_eq!(here.pending(), 1);

    redis.run().unwrap();
    for server in [&here, &there] {
        eventually("the revocation is passed on", || server.list().len() == 2);
    }
    assert!(here.flush(Duration::from_secs(5)));
    eventually("the list is confirmed again", || {
        let heard_at = here.list().confirmed_at().unwrap();
        heard_at + Duration::from_secs(2) > UnixTime::now()
    });
}

#[test]
fn a_redis_that_lost_its_data_gets_the_revocations_again() {
    let Some(mut redis) = Redis::start() else { return };
    let here = redis.revocations();
    here.list().add(revocation(1));
    assert!(here.flush(Duration::from_secs(5)));
    redis.stop();
    std::fs::remove_dir_all(redis.folder.join("appendonlydir")).unwrap();
    redis.run().unwrap();
    eventually("Redis has the revocation again", || redis.revocations().list().len() == 1);
}

/// For example, if its disk is full, Redis passes messages on but stores nothing.
#[test]
fn a_redis_that_refuses_writes_does_not_confirm_the_list() {
    let Some(redis) = Redis::start() else { return };
    let (here, there) = (redis.revocations(), redis.revocations());
    let socket = redis.folder.join("socket");
    let client = redis::Client::open(format!("unix://{}", socket.display())).unwrap();
    let mut command = redis::cmd("config");
    command.arg(&["set", "min-replicas-to-write", "1"]);
    command.exec(&mut client.get_connection().unwrap()).unwrap();
    let before = UnixTime::now();
    here.list().add(revocation(1));
    assert!(!here.flush(Duration::from_secs(4)));
    assert_eq!((here.pending(), there.list().len()), (1, 0));
    for server in [&here, &there] {
        let confirmed_at = server.list().confirmed_at().unwrap();
        assert!(confirmed_at <= before + Duration::from_secs(1), "{confirmed_at}, {before}");
    }
}

#[test]
fn a_token_that_two_servers_open_at_once_opens_on_one_of_them() {
    let Some(mut redis) = Redis::start() else { return };
    let url = format!("unix://{}", redis.folder.join("socket").display());
    let ring = KeyRing::generate().unwrap();
    let servers = [0, 1].map(|_| {
        let links = Sealer::<Account>::new(&ring, Duration::from_secs(60));
        (links, UsedInRedis::new(&url, "bank:used").unwrap())
    });
    for id in 0..1000 {
        let token = servers[0].0.seal(&Account { id }).unwrap();
        let begin = std::sync::Barrier::new(2);
        let opened = thread::scope(|scope| {
            let tries = servers.each_ref().map(|(links, used)| {
                scope.spawn(|| {
                    begin.wait();
                    match links.open_once(&token, used) {
                        Ok(opened) => u64::from(opened.payload.id == id),
                        Err(OnceError::Used) => 0,
                        Err(error) => panic!("{error}"),
                    }
                })
            });
            tries.map(|opening| opening.join().unwrap()).iter().sum::<u64>()
        });
        assert_eq!(opened, 1, "{id}");
    }
    redis.stop();
    let token = servers[0].0.seal(&Account { id: 1 }).unwrap();
    let refused = servers[0].0.open_once(&token, &servers[0].1);
    assert!(matches!(refused, Err(OnceError::Claim(_))));
}

#[test]
fn a_proof_that_two_servers_receive_is_accepted_by_one_of_them() {
    let Some(mut redis) = Redis::start() else { return };
    let url = format!("unix://{}", redis.folder.join("socket").display());
    let ring = KeyRing::generate().unwrap();
    let servers = [0, 1].map(|_| {
        let used = UsedInRedis::new(&url, "bank:proofs").unwrap();
        let dpop = Dpop::at("https://api.bank.example").unwrap().with_used(used);
        Sessions::<Account>::builder(&ring, Policy::default()).dpop(dpop).build()
    });
    let proof = |id: &str| {
        let claims = serde_json::json!({
            "jti": id, "htm": "POST", "htu": "https://api.bank.example/sign-in",
            "iat": UnixTime::now().as_secs(),
        });
        DeviceKey::new(7).dpop(&claims)
    };
    let sign_in = |server: &Sessions<Account>, proof: &str| {
        let session = server.load("POST", |name| (name == "dpop").then_some(proof.as_bytes()));
        session.set_target("POST", "/sign-in");
        session.start(Account { id: 7 })
    };
    let [here, there] = &servers;
    let first = proof("1");
    assert_eq!(sign_in(here, &first), Ok(()));
    for server in &servers {
        assert_eq!(sign_in(server, &first), Err(SessionError::ProofRefused));
    }
    assert_eq!(sign_in(there, &proof("2")), Ok(()));
    redis.stop();
    assert_eq!(sign_in(here, &proof("3")), Err(SessionError::NotNow));
}

#[test]
fn the_list_is_updated_as_long_as_sessions_use_it() {
    let Some(redis) = Redis::start() else { return };
    let other = redis.revocations();
    // As in an application that builds the sessions and then drops `SharedRevocations`.
    let sessions = {
        let shared = redis.revocations();
        Sessions::<Account>::builder(KeyRing::generate().unwrap(), Policy::default())
            .revocations(shared.list())
            .subject(|account| account.id.to_string())
            .build()
    };
    sessions.revoke_subject("7").unwrap();
    eventually("the revocation is passed on", || other.list().len() == 1);
    let session = sessions.load("POST", |_| Vec::<&[u8]>::new());
    session.start(Account { id: 8 }).unwrap();
    let line = session.commit().into_iter().next().unwrap().value;
    let cookie = line.split(';').next().unwrap();
    let load = || sessions.load("GET", |name| (name == "cookie").then_some(cookie.as_bytes()));
    other.list().add(Revocation::Session { id: load().info().unwrap().id, until: UnixTime::MAX });
    eventually("the revocation is received", || load().get().is_none());
}

/// `end_others` protects the calling session only from revocations that its server knows already.
#[test]
fn a_session_that_ended_the_others_during_an_outage_ends_by_a_revocation_that_arrives_later() {
    let Some(mut redis) = Redis::start() else { return };
    let ring = RingHandle::from(KeyRing::generate().unwrap());
    let [here, there] = [0, 1].map(|_| {
        Sessions::<Account>::builder(&ring, Policy::default())
            .revocations(redis.revocations().list())
            .subject(|account| account.id.to_string())
            .build()
    });
    let load = |sessions: &Sessions<Account>, cookie: &str| {
        sessions.load("GET", |name| (name == "cookie").then_some(cookie.as_bytes()))
    };
    let cookie_of = |session: &Session<Account>| {
        let line = session.commit().into_iter().next().unwrap().value;
        line.split(';').next().unwrap().to_owned()
    };
    let session = load(&here, "");
    session.start(Account { id: 7 }).unwrap();
    let cookie = cookie_of(&session);

    redis.stop();
    there.revoke_subject("7").unwrap();
    let session = load(&here, &cookie);
    session.end_others().unwrap();
    let stayed = cookie_of(&session);
    assert!(load(&here, &stayed).get().is_some());

    redis.run().unwrap();
    for server in [&here, &there] {
        eventually("the session has ended", || load(server, &stayed).get().is_none());
    }
}

#[test]
fn outdated_entries_are_removed_from_redis() {
    let Some(redis) = Redis::start() else { return };
    let server = redis.revocations();
    let until = UnixTime::from_secs(UnixTime::now().as_secs() - 1);
    server.list().add(Revocation::Session { id: SessionId::from_bytes([1; 16]), until });
    server.list().add(revocation(2));
    assert!(server.flush(Duration::from_secs(5)));
    assert_eq!(redis.revocations().list().len(), 1);
}

#[test]
fn errors_and_debug_output_omit_keys_and_the_address() {
    let ring = RedisRing::new("redis://:password@127.0.0.1:1/", "bank").unwrap();
    assert!(!format!("{ring:?}").contains("password"));
    let error = RedisRing::new("redis://:password@127.0.0.1:1/", "bank").unwrap().load();
    assert!(!error.unwrap_err().to_string().contains("password"));
    assert!(RedisRing::new("not an address", "bank").is_err());
}
