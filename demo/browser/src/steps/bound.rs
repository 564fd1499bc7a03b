//! Sessions that are bound to the device of a browser, over HTTPS.

use std::thread::sleep;
use std::time::{Duration, Instant};

use bulla::{KeyRing, UnixTime};
use serde_json::json;

use super::{BALANCE, COOKIE, RENEWAL, World, asks_to_sign_in, expect, shows, sign_out};
use crate::Outcome;
use crate::bank::Open;
use crate::browser::{Chromium, Extras, Window};
use crate::https::{Exchange, Front};
use crate::page::Page;
use crate::stranger::{ELSEWHERE, Leaf, Stranger};
use crate::thief::Thief;

/// The cookie that tells the browser when to send the next proof.
const BOUND: &str = "__Host-session-bound";

/// How long a proof counts. The least that bulla allows.
///
/// Chromium signs at most 6 times in 9 minutes for a site, including the registration. It sends a
/// proof beside each request in the last 2 minutes before the bound cookie expires, so here beside
/// every request. So the steps open few pages.
const LIFETIME: Duration = Duration::from_secs(10);
/// A proof counts in whole seconds.
const SECOND: Duration = Duration::from_secs(1);

/// Device-bound sessions are on in Chrome on Windows. Elsewhere, chrome://flags switches them on,
/// with keys in a file instead of a TPM.
const BINDS: &[&str] = &[
    "enable-standard-device-bound-session-credentials@1",
    "enable-bound-session-credentials-software-keys-for-manual-testing@1",
];

/// A bank over HTTPS and a browser that trusts its certificate.
struct Scene {
    // The fields are dropped in this order.
    window: Window,
    _chromium: Chromium,
    front: Front,
    bank: Open,
}

impl Scene {
    fn open(world: &World, experiments: &[&str]) -> Outcome<Scene> {
        let lifetime = format!("{}s", LIFETIME.as_secs());
        let bank = world.bank.open(&["--proof-lifetime", &lifetime, "--reload", "1s"])?;
        let front = Front::of(&bank)?;
        let extras = Extras { home: Some(front.home()), experiments };
        let chromium = Chromium::start(&world.program, &extras)?;
        Ok(Scene { window: chromium.window()?, _chromium: chromium, front, bank })
    }

    fn sign_in(&self) -> Outcome<Page> {
        let page = self.window.tab()?;
        page.go(&self.front.url("/"))?;
        super::fill_in_and_sign_in(&page)?;
        Ok(page)
    }

    /// Signs in, and waits until the browser has bound the session.
    fn bind(&self) -> Outcome<Page> {
        let page = self.sign_in()?;
        page.wait(|| !self.front.seen("POST /bulla/session/register").is_empty())
            .map_err(|error| format!("expected the browser to register a key: {error}"))?;
        let registered = self.front.seen("POST /bulla/session/register");
        expect(registered.len() == 1 && registered[0].status() == 200, || {
            format!("expected one registration: {registered:?}")
        })?;
        page.wait(|| page.cookie(BOUND).is_ok())?;
        Ok(page)
    }

    fn proofs(&self) -> usize {
        let seen = self.front.seen("POST /bulla/session/refresh");
        seen.iter().filter(|one| one.status() == 200).count()
    }
}

pub(super) fn life(world: &World) -> Outcome {
    let scene = Scene::open(world, BINDS)?;
    let page = scene.bind()?;
    let mut kept = scene.window.cookie_names()?;
    kept.sort();
    expect(kept == [COOKIE, BOUND, RENEWAL], || format!("expected three cookies: {kept:?}"))?;
    page.reload()?;
    shows(&page, "Bound to this device")?;
    world.shots.take(&page, "8-bound")?;

    prove(&scene, &page, 1)?;
    let new = KeyRing::generate()?.expose_text().trim().to_owned();
    scene.bank.change_ring(|old| {
        format!("{}\n{new} primary-from={}\n", old.trim(), UnixTime::now() + 2 * SECOND)
    })?;
    // The bound cookie expires, so that the next request waits for a proof.
    sleep(LIFETIME);
    page.go(&scene.front.url("/balance"))?;
    shows(&page, BALANCE)?;
    let proofs = scene.proofs();
    expect(proofs >= 2, || format!("expected a proof under the new key: {proofs}"))?;

    // The old key is removed.
    scene.bank.change_ring(|_| format!("{new}\n"))?;
    sleep(LIFETIME);
    page.go(&scene.front.url("/balance"))?;
    shows(&page, BALANCE)?;
    let proofs = scene.proofs();
    expect(proofs >= 3, || format!("expected a proof without the old key: {proofs}"))
}

pub(super) fn signing_out(world: &World) -> Outcome {
    let scene = Scene::open(world, BINDS)?;
    let page = scene.bind()?;
    // The request to sign out waits for a proof. Another one may run beside it.
    sleep(LIFETIME);
    sign_out(&page)?;
    let ends = |one: &Exchange| one.body().contains("\"continue\":false");
    let seen = || -> Vec<bool> {
        scene.front.seen("POST /bulla/session/refresh").iter().map(ends).collect()
    };
    let began = Instant::now();
    while !seen().contains(&true) {
        expect(began.elapsed() < 2 * LIFETIME, || format!("the session went on: {:?}", seen()))?;
        sleep(Duration::from_millis(500));
        page.go(&scene.front.url("/"))?;
        asks_to_sign_in(&page)?;
    }
    let before = seen();
    for _ in 0..3 {
        page.go(&scene.front.url("/"))?;
        asks_to_sign_in(&page)?;
        sleep(SECOND);
    }
    expect(seen() == before && before.iter().filter(|over| **over).count() == 1, || {
        format!("expected one refresh that ends the session, and none after it: {:?}", seen())
    })?;
    let kept = scene.window.cookie_names()?;
    expect(!kept.contains(&COOKIE.to_owned()), || format!("expected no session: {kept:?}"))
}

/// Uses the page until the browser has sent so many proofs.
fn prove(scene: &Scene, page: &Page, proofs: usize) -> Outcome {
    let began = Instant::now();
    while scene.proofs() < proofs {
        if began.elapsed() > 4 * LIFETIME {
            let log = scene.bank.log();
            return Err(
                format!("{} proofs instead of {proofs}; the bank: {log}", scene.proofs()).into()
            );
        }
        sleep(Duration::from_millis(700));
        page.go(&scene.front.url("/balance"))?;
        shows(page, BALANCE)?;
    }
    Ok(())
}

pub(super) fn theft(world: &World) -> Outcome {
    let scene = Scene::open(world, BINDS)?;
    let page = scene.bind()?;
    prove(&scene, &page, 1)?;
    let proved = Instant::now();
    let all = Thief::copy(&page, &scene.front, |_| true)?;
    let state = Thief::copy(&page, &scene.front, |name| name == COOKIE)?;
    let status = state.open(&scene.front, "/balance")?;
    expect(status == 401, || format!("the state cookie alone got {status}"))?;
    let status = all.open(&scene.front, "/balance")?;
    expect(status == 200, || format!("all cookies got {status}"))?;

    while all.open(&scene.front, "/balance")? == 200 {
        expect(proved.elapsed() <= LIFETIME + SECOND, || {
            format!("the thief had the session for {:?}", proved.elapsed())
        })?;
        sleep(Duration::from_millis(500));
    }
    expect(proved.elapsed() > LIFETIME / 2, || {
        format!("the session ended after {:?}", proved.elapsed())
    })?;
    // The customer goes on, and the thief does not.
    page.reload()?;
    shows(&page, BALANCE)?;
    expect(scene.proofs() > 1, || "expected the browser to send a proof".to_owned())?;
    for _ in 0..3 {
        let status = all.open(&scene.front, "/balance")?;
        expect(status == 401, || format!("the thief got {status}"))?;
        sleep(SECOND);
    }
    Ok(())
}

pub(super) fn ordinary(world: &World) -> Outcome {
    let scene = Scene::open(world, &[])?;
    let page = scene.sign_in()?;
    let thief = Thief::copy(&page, &scene.front, |_| true)?;
    sleep(LIFETIME + 2 * SECOND);
    page.reload()?;
    shows(&page, BALANCE)?;
    shows(&page, "Not bound to a device")?;
    let status = thief.open(&scene.front, "/balance")?;
    expect(status == 200, || format!("a copy of an ordinary session got {status}"))?;
    for path in ["register", "refresh"] {
        let seen = scene.front.seen(&format!("POST /bulla/session/{path}"));
        expect(seen.is_empty(), || format!("expected no key: {seen:?}"))?;
    }
    Ok(())
}

pub(super) fn link(world: &World) -> Outcome {
    let scene = Scene::open(world, BINDS)?;
    let page = scene.bind()?;
    let html = format!("<a href='{}'>your bank</a>", scene.front.url("/balance?link"));
    let stranger = Stranger::with(vec![Leaf { path: "/", head: String::new(), html }])?;
    page.go(&stranger.url(ELSEWHERE, "/"))?;
    sleep(LIFETIME + 2 * SECOND);
    page.press("a")?;
    page.wait(|| page.text().is_ok_and(|text| text.contains(BALANCE)))?;
    // The browser sends no proof for a request that another site caused, and none without cookies.
    let seen = scene.front.seen("GET /balance?link");
    let statuses: Vec<_> = seen.iter().map(|one| (one.status(), one.header("refresh"))).collect();
    let expected = [(401, Some("0;url=/balance?link")), (200, None)];
    expect(statuses == expected, || format!("expected {expected:?}: {statuses:?}"))
}

pub(super) fn fetch(world: &World) -> Outcome {
    let scene = Scene::open(world, BINDS)?;
    let page = scene.bind()?;
    // The bank's pages have no scripts. Its policy is switched off for the script of this step.
    page.call("Page.setBypassCSP", &json!({ "enabled": true }))?;
    page.reload()?;
    // The bound cookie stays for too long, as if the clock of the browser were behind.
    let cookie = json!({
        "name": BOUND, "value": "1", "url": scene.front.url("/"), "path": "/", "secure": true,
        "httpOnly": true, "sameSite": "Lax", "expires": UnixTime::now().as_secs() + 3600,
    });
    page.call("Network.setCookie", &cookie)?;
    sleep(LIFETIME + SECOND);
    let before = scene.proofs();
    let got = page.run(
        "fetch('/transfer', { method: 'POST', body: new URLSearchParams({ to: 'alan', amount: '1' }) })
             .then(response => response.status + ' ' + new URL(response.url).pathname)",
    )?;
    expect(got == "200 /balance", || format!("expected the page after a transfer: {got}"))?;
    let seen = scene.front.seen("POST /transfer");
    let statuses: Vec<_> = seen.iter().map(|one| one.status()).collect();
    expect(statuses == [307, 303], || format!("expected two requests: {statuses:?}"))?;
    expect(scene.proofs() > before, || "expected a proof".to_owned())?;
    page.reload()?;
    shows(&page, "£1,842.00")
}
