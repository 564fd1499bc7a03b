//! Actions of a customer who is signed in.

use std::thread::sleep;
use std::time::Duration;

use super::{
    BALANCE, COOKIE, World, asks_to_sign_in, expect, fill_in_and_sign_in, shows, sign_in, sign_out,
    transfer,
};
use crate::Outcome;

pub(super) fn step_up(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&["--fresh", "1s"])?, world.chromium.window()?);
    let page = window.tab()?;
    sign_in(&page, &bank)?;
    let before = page.cookie(COOKIE)?["value"].clone();
    // The time since the sign-in is in whole seconds, and 1 s still counts as fresh.
    sleep(Duration::from_millis(2100));
    transfer(&page, "12.50")?;
    shows(&page, "Confirm it is you")?;
    expect(page.status()? == 401, || "expected status 401".to_owned())?;
    world.shots.take(&page, "3-step-up")?;

    page.type_into("input[name=pin]", "0000")?;
    page.press("form[action='/transfer'] button")?;
    shows(&page, "The PIN is wrong.")?;
    page.type_into("input[name=pin]", "1815")?;
    page.press("form[action='/transfer'] button")?;
    shows(&page, "You sent £12.50 to Alan Turing.")?;
    shows(&page, "£1,830.50")?;
    let after = page.cookie(COOKIE)?["value"].clone();
    expect(after != before, || "expected a new token".to_owned())?;
    world.shots.take(&page, "4-transfer-done")?;

    page.reload()?;
    let said = page.text()?;
    expect(!said.contains("You sent"), || format!("expected the notice only once:\n{said}"))
}

pub(super) fn two_tabs(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&[])?, world.chromium.window()?);
    let (one, other) = (window.tab()?, window.tab()?);
    one.go(&bank.url("/"))?;
    other.go(&bank.url("/"))?;
    asks_to_sign_in(&other)?;
    fill_in_and_sign_in(&one)?;
    other.reload()?;
    shows(&other, BALANCE)?;

    transfer(&one, "43")?;
    shows(&one, "£1,800.00")?;
    other.reload()?;
    shows(&other, "£1,800.00")?;
    // The other tab now changes the session that the first tab has changed.
    transfer(&other, "100")?;
    one.reload()?;
    shows(&one, "£1,700.00")?;
    shows(&one, "Transfers in this session\n2")?;

    sign_out(&one)?;
    other.reload()?;
    asks_to_sign_in(&other)
}

pub(super) fn restart(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&[])?, world.chromium.window()?);
    let page = window.tab()?;
    sign_in(&page, &bank)?;
    let before = page.cookie(COOKIE)?["value"].clone();
    let bank = world.bank.reopen(bank, &[])?;
    page.reload()?;
    shows(&page, "Ada Lovelace")?;
    shows(&page, BALANCE)?;
    let after = page.cookie(COOKIE)?["value"].clone();
    expect(after == before, || format!("the cookie changed to {after}\n{}", bank.log()))
}
