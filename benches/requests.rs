//! Benchmarks of one request: `load`, the handler, `commit`.

use bulla::{Policy, Session, Sessions};
use divan::Bencher;

use crate::state::{LIFETIME, NOW, SIZES, Size, State, ring};

#[divan::bench(args = SIZES)]
fn does_not_look(bencher: Bencher<'_, '_>, size: Size) {
    request(bencher, size, |_| {});
}

#[divan::bench(args = SIZES)]
fn reads(bencher: Bencher<'_, '_>, size: Size) {
    request(bencher, size, |session| assert!(session.get().is_some()));
}

#[divan::bench(args = SIZES)]
fn changes(bencher: Bencher<'_, '_>, size: Size) {
    request(bencher, size, |session| {
        session.update(|state| state.id += 1).expect("there is a session");
    });
}

#[divan::bench(args = SIZES)]
fn renews(bencher: Bencher<'_, '_>, size: Size) {
    let policy = Policy::default().with_touch_threshold(LIFETIME / 60);
    with(bencher, size, policy, NOW + LIFETIME / 30, |session| assert!(session.get().is_some()));
}

#[divan::bench(args = SIZES)]
fn starts(bencher: Bencher<'_, '_>, size: Size) {
    request(bencher, size, |session| session.start(size.state()).expect("it fits"));
}

fn request(bencher: Bencher<'_, '_>, size: Size, handle: impl Fn(&Session<State>) + Sync) {
    with(bencher, size, Policy::default(), NOW, handle);
}

fn with(
    bencher: Bencher<'_, '_>,
    size: Size,
    policy: Policy,
    at: bulla::UnixTime,
    handle: impl Fn(&Session<State>) + Sync,
) {
    let sessions = Sessions::<State>::new(ring(1), policy);
    let session = sessions.load_at(NOW, "POST", |_| None::<&[u8]>);
    session.start(size.state()).expect("it fits");
    let mut lines = session.commit().into_iter().filter(|line| line.name == "set-cookie");
    let line = lines.next().expect("a session has started").value;
    let cookie = line.split(';').next().expect("a name and a value").as_bytes();
    bencher.bench(|| {
        let header = divan::black_box(cookie);
        let session = sessions.load_at(at, "GET", |name| (name == "cookie").then_some(header));
        handle(&session);
        session.commit()
    });
}
