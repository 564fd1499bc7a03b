//! How a session is renewed, and how it ends.

use std::thread::sleep;
use std::time::Duration;

use super::cookies::strict;
use super::{
    RENEWAL, World, asks_to_sign_in, expect, fill_in_and_sign_in, shows, shows_nobody, sign_in,
    sign_out,
};
use crate::Outcome;
use crate::bank::HOST;
use crate::browser::Window;
use crate::page::Network;

/// With such a short idle timeout, activity is recorded when half of the timeout has passed.
/// Times are whole seconds, so a wait of 3.1 s counts as 3 or 4 s.
const IDLE_6S: [&str; 2] = ["--idle", "6s"];
const MORE_THAN_HALF: Duration = Duration::from_millis(3100);

pub(super) fn renewal(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&IDLE_6S)?, world.chromium.window()?);
    let page = window.tab()?;
    sign_in(&page, &bank)?;
    // Together, the two waits are longer than the idle timeout.
    for _ in 0..2 {
        sleep(MORE_THAN_HALF);
        page.reload()?;
        shows(&page, "Ada Lovelace")?;
    }
    strict(&page.cookie(RENEWAL)?, HOST)
}

pub(super) fn idle(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&["--idle", "3s"])?, world.chromium.window()?);
    let page = window.tab()?;
    sign_in(&page, &bank)?;
    sleep(Duration::from_millis(3100));
    page.reload()?;
    asks_to_sign_in(&page)?;
    let at = page.run("location.pathname + location.search")?;
    expect(at == "/sign-in?next=/balance", || format!("expected the sign-in page: {at}"))?;
    // The expired cookie is still there: it is kept for one more minute, because the clock of
    // another server may be behind.
    world.shots.take(&page, "5-expired")?;
    fill_in_and_sign_in(&page)?;
    let at = page.run("location.pathname")?;
    expect(at == "/balance", || format!("expected to come back to the balance: {at}"))
}

pub(super) fn signing_out(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&IDLE_6S)?, world.chromium.window()?);
    let page = window.tab()?;
    sign_in(&page, &bank)?;
    sleep(MORE_THAN_HALF);
    page.reload()?;
    // There are two cookies now, and signing out has to delete both.
    page.cookie(RENEWAL)?;
    sign_out(&page)?;
    shows(&page, "You are signed out")?;
    keeps_no_cookie(&window)?;
    world.shots.take(&page, "6-signed-out")
}

fn keeps_no_cookie(window: &Window) -> Outcome {
    let kept = window.cookie_names()?;
    expect(kept.is_empty(), || format!("expected no cookies: {kept:?}"))
}

pub(super) fn back(world: &World) -> Outcome {
    for network in [Network::Up, Network::Down] {
        let (bank, window) = (world.bank.open(&[])?, world.chromium.window()?);
        let page = window.tab()?;
        sign_in(&page, &bank)?;
        sign_out(&page)?;
        // Without a network, the browser can only show pages from a cache.
        page.network(&network)?;
        page.back()?;
        shows_nobody(&page)?;
        expect(page.run("document.title")? != "Your account · Bank of Bulla", || {
            "expected another page than the account".to_owned()
        })?;
        page.network(&Network::Up)?;
        page.reload()?;
        asks_to_sign_in(&page)?;
    }
    Ok(())
}
