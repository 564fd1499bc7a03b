//! What other sites and sibling hosts can do to a customer who is signed in.

use serde_json::Value;

use super::{BALANCE, COOKIE, World, expect, shows, sign_in};
use crate::Outcome;
use crate::bank::{HOST, Open};
use crate::page::Page;
use crate::requests::{Cookies, cookies_of, refusal};
use crate::stranger::{ELSEWHERE, Leaf, SIBLING, Stranger};

pub(super) fn form(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&[])?, world.chromium.window()?);
    let page = window.tab()?;
    sign_in(&page, &bank)?;
    let stranger = Stranger::with(vec![forged_form(&bank)])?;
    page.go(&stranger.url(ELSEWHERE, "/form"))?;
    let cookies = cookies_of(&page, &format!("POST {}", bank.url("/transfer")))?;
    withheld(&cookies)?;
    money_is_there(&page, &bank)
}

/// The page submits itself.
fn forged_form(bank: &Open) -> Leaf {
    let html = format!(
        "<form method=post action='{}'><input name=to value=alan><input name=amount value=99></form>\
         <script>document.forms[0].submit()</script>",
        bank.url("/transfer")
    );
    Leaf { path: "/form", head: String::new(), html }
}

pub(super) fn embedded(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&[])?, world.chromium.window()?);
    let page = window.tab()?;
    sign_in(&page, &bank)?;
    let (image, frame) = (bank.url("/balance?image"), bank.url("/balance?frame"));
    let html = format!("<img src='{image}'><iframe src='{frame}'></iframe>");
    let stranger = Stranger::with(vec![Leaf { path: "/", head: String::new(), html }])?;
    page.go(&stranger.url(ELSEWHERE, "/"))?;
    for url in [image, frame] {
        withheld(&cookies_of(&page, &format!("GET {url}"))?)?;
    }
    Ok(())
}

pub(super) fn link(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&[])?, world.chromium.window()?);
    let page = window.tab()?;
    sign_in(&page, &bank)?;
    let url = bank.url("/balance?link");
    let html = format!("<a href='{url}'>your bank</a>");
    let stranger = Stranger::with(vec![Leaf { path: "/", head: String::new(), html }])?;
    page.go(&stranger.url(ELSEWHERE, "/"))?;
    page.press("a")?;
    carried(&cookies_of(&page, &format!("GET {url}"))?)?;
    shows(&page, BALANCE)
}

/// The same site for SameSite, so that the bank's own guard has to refuse.
pub(super) fn sibling_form(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&[])?, world.chromium.window()?);
    let page = window.tab()?;
    sign_in(&page, &bank)?;
    let stranger = Stranger::with(vec![forged_form(&bank)])?;
    page.go(&stranger.url(SIBLING, "/form"))?;
    carried(&cookies_of(&page, &format!("POST {}", bank.url("/transfer")))?)?;
    // The request has left; its answer comes when it comes.
    page.wait(|| page.text().is_ok_and(|text| text.contains("belongs to another site.")))?;
    money_is_there(&page, &bank)
}

pub(super) fn planted(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&[])?, world.chromium.window()?);
    let page = window.tab()?;
    sign_in(&page, &bank)?;
    let before = page.cookie(COOKIE)?["value"].clone();
    let (prefixed, plain) = (
        format!("{COOKIE}=planted; Domain={HOST}; Path=/; Secure"),
        format!("session=planted; Domain={HOST}; Path=/"),
    );
    let head = format!("Set-Cookie: {prefixed}\r\nSet-Cookie: {plain}\r\n");
    let html = format!("<script>document.cookie = {prefixed:?}</script>");
    let stranger = Stranger::with(vec![Leaf { path: "/", head, html }])?;
    page.go(&stranger.url(SIBLING, "/"))?;
    let reasons = refusal(&page, &prefixed)?;
    expect(reasons.to_string().contains("InvalidPrefix"), || {
        format!("a refusal for the prefix was expected: {reasons}")
    })?;

    page.go(&bank.url("/balance"))?;
    let after = page.cookie(COOKIE)?["value"].clone();
    expect(after == before, || format!("the cookie became {after}"))?;
    // Shows that a sibling's cookies do arrive when no prefix keeps them off.
    page.cookie("session")?;
    shows(&page, BALANCE)
}

fn carried(cookies: &Cookies) -> Outcome {
    expect(cookies.sent.iter().any(|name| name == COOKIE), || {
        format!("the session was expected to go along: {cookies:?}")
    })
}

/// Withheld for this reason (also told as `SchemefulSameSiteLax`), and not
/// because there was nothing to send.
fn withheld(cookies: &Cookies) -> Outcome {
    let lax = |(name, reasons): &(String, Value)| {
        name == COOKIE && reasons.to_string().contains("SameSiteLax")
    };
    let is_so = cookies.withheld.iter().any(lax) && cookies.sent.is_empty();
    expect(is_so, || format!("the session was expected to stay: {cookies:?}"))
}

fn money_is_there(page: &Page, bank: &Open) -> Outcome {
    page.go(&bank.url("/balance"))?;
    shows(page, BALANCE)
}
