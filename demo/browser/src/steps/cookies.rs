//! Which cookies the browser stores, and which of them scripts can read or change.

use serde_json::Value;

use super::{BALANCE, COOKIE, World, asks_to_sign_in, expect, fill_in_and_sign_in, shows, sign_in};
use crate::Outcome;
use crate::bank::HOST;

pub(super) fn guest(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&[])?, world.chromium.window()?);
    let page = window.tab()?;
    page.go(&bank.url("/"))?;
    asks_to_sign_in(&page)?;
    let kept = window.cookie_names()?;
    expect(kept.is_empty(), || format!("expected no cookies: {kept:?}"))?;
    world.shots.take(&page, "1-home")
}

pub(super) fn sign_in_form(world: &World) -> Outcome {
    sign_in_at(world, HOST)
}

/// The bank prints the address with 127.0.0.1 when it starts.
pub(super) fn loopback(world: &World) -> Outcome {
    ["127.0.0.1", "localhost"].iter().try_for_each(|host| sign_in_at(world, host))
}

fn sign_in_at(world: &World, host: &str) -> Outcome {
    let (bank, window) = (world.bank.open(&[])?, world.chromium.window()?);
    let page = window.tab()?;
    page.go(&bank.url_at(host, "/"))?;
    fill_in_and_sign_in(&page)?;
    shows(&page, BALANCE)?;
    let kept = window.cookie_names()?;
    expect(kept == [COOKIE], || format!("expected one cookie: {kept:?}"))?;
    strict(&page.cookie(COOKIE)?, host)?;
    if host == HOST {
        world.shots.take(&page, "2-balance")?;
    }
    Ok(())
}

/// Checks the attributes of a cookie. With a `Domain`, the host would begin with a dot.
pub(super) fn strict(cookie: &Value, host: &str) -> Outcome {
    let is_so = cookie["name"].as_str().is_some_and(|name| name.starts_with("__Host-"))
        && cookie["value"].as_str().is_some_and(|value| value.starts_with("b1."))
        && cookie["httpOnly"] == true
        && cookie["secure"] == true
        && cookie["sameSite"] == "Lax"
        && cookie["path"] == "/"
        && cookie["domain"] == host
        && cookie["session"] == true;
    expect(is_so, || format!("expected a strict cookie of {host}: {cookie}"))
}

pub(super) fn scripts(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&[])?, world.chromium.window()?);
    let page = window.tab()?;
    sign_in(&page, &bank)?;
    let before = page.cookie(COOKIE)?["value"].clone();
    let read = page.run("document.cookie")?;
    expect(read == "", || format!("scripts read {read}"))?;
    let store = page.run("cookieStore.getAll().then(all => all.map(one => one.name).join())")?;
    expect(store == "", || format!("scripts read {store}"))?;
    for line in [
        format!("{COOKIE}=mine; Secure; Path=/"),
        format!("{COOKIE}=mine; Secure; Path=/balance"),
        format!("{COOKIE}=mine; Path=/"),
        format!("{COOKIE}=; Secure; Path=/; Max-Age=0"),
    ] {
        page.run(&format!("document.cookie = {line:?}"))?;
        let after = page.cookie(COOKIE)?["value"].clone();
        expect(after == before, || {
            format!("a script changed the cookie to {after} with {line:?}")
        })?;
    }
    // A script can set a cookie of another name, which has no effect on the session.
    page.run("document.cookie = 'session=mine; Path=/'")?;
    expect(page.run("document.cookie")? == "session=mine", || {
        "expected the plain cookie to be stored".to_owned()
    })?;
    page.reload()?;
    shows(&page, BALANCE)
}
