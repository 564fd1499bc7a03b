//! `Debug` shows no key, token or state.

use bulla::{KeyRing, Policy, Sealer, Sessions, Signer};

use crate::support::{Account, Client, STATE, T0, ada, secs};

#[test]
fn debug_shows_ids_and_times_and_no_secret() {
    let ring = KeyRing::generate().unwrap();
    let key = ring.expose_text();
    let key = &key["bulla-key-1.".len()..][..43];
    let shown = format!("{ring:?}");
    assert!(shown.contains(&ring.primary_at(T0).unwrap().to_string()), "{shown}");

    let (sealer, signer) =
        (Sealer::<Account>::new(&ring, secs(60)), Signer::<Account>::new(&ring, secs(60)));
    let token = sealer.seal_at(&ada(), T0).unwrap();
    let opened = sealer.open_at(&token, T0).unwrap();
    assert_eq!(format!("{:?}", opened.key_id), opened.key_id.to_string());
    let shown = format!("{shown} {sealer:?} {signer:?} {opened:?}");

    let sessions = Sessions::<Account>::new(ring, Policy::default());
    let mut client = Client::browser().signed_in(&sessions, T0, ada());
    let session = client.send(&sessions, T0);
    session.get().unwrap();
    session.update(|account| account.id += 1).unwrap();
    let status = session.status();
    let lines = client.receive(&session);
    let shown =
        format!("{shown} {sessions:?} {session:?} {status:?} {lines:?} {:?}", session.info());

    let cookie = &client.kept[STATE];
    for secret in [key, &token[3..], &cookie[3..], "Ada", "1815"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
