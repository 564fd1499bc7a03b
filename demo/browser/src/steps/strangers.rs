//! What pages from other sites and of sibling hosts can do to a customer who is signed in.

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

/// A page that submits a forged transfer by itself.
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

/// A sibling host is the same site for `SameSite`, so the session itself has to refuse the form.
pub(super) fn sibling_form(world: &World) -> Outcome {
    let (bank, window) = (world.bank.open(&[])?, world.chromium.window()?);
    let page = window.tab()?;
    sign_in(&page, &bank)?;
    let stranger = Stranger::with(vec![forged_form(&bank)])?;
    page.go(&stranger.url(SIBLING, "/form"))?;
    carried(&cookies_of(&page, &format!("POST {}", bank.url("/transfer")))?)?;
    // The request has been sent, but the response may not have arrived yet.
    page.wait(|| page.text().is_ok_and(|text| text.contains("another site sent this request.")))?;
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
        format!("expected a refusal because of the prefix: {reasons}")
    })?;

    page.go(&bank.url("/balance"))?;
    let after = page.cookie(COOKIE)?["value"].clone();
    expect(after == before, || format!("the cookie changed to {after}"))?;
    // A cookie without the prefix is accepted, so the prefix is what protects the session.
    page.cookie("session")?;
    shows(&page, BALANCE)
}

fn carried(cookies: &Cookies) -> Outcome {
    expect(cookies.sent.iter().any(|name| name == COOKIE), || {
        format!("expected the session cookie to be sent: {cookies:?}")
    })
}

/// Checks that the browser withheld the session cookie because of `SameSite=Lax`, which it
/// may also report as `SchemefulSameSiteLax`.
fn withheld(cookies: &Cookies) -> Outcome {
    let lax = |(name, reasons): &(String, Value)| {
        name == COOKIE && reasons.to_string().contains("SameSiteLax")
    };
    let is_so = cookies.withheld.iter().any(lax) && cookies.sent.is_empty();
    expect(is_so, || format!("expected the session cookie to be withheld: {cookies:?}"))
}

fn money_is_there(page: &Page, bank: &Open) -> Outcome {
    page.go(&bank.url("/balance"))?;
    shows(page, BALANCE)
}
