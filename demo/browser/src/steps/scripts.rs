//! What htmx and scripts get after a session has ended, and where the user goes.

use super::{World, expect};
use crate::Outcome;
use crate::htmx::RELEASES;
use crate::office::{Office, Site};
use crate::page::Page;

pub(super) fn htmx(world: &World) -> Outcome {
    for release in &RELEASES {
        let script = release.script()?;
        for site in Site::BOTH {
            for button in ["#more", "#add"] {
                let office = Office::open(site, script.clone())?;
                htmx_with(world, &office, button).map_err(|error| {
                    format!("htmx {}, {site:?}, {button}: {error}", release.version())
                })?;
            }
        }
    }
    Ok(())
}

/// Presses a button that loads rows of a table with htmx, before and after the session has ended.
fn htmx_with(world: &World, office: &Office, button: &str) -> Outcome {
    let window = world.chromium.window()?;
    let page = window.tab()?;
    sign_in(&page, office, "/?tab=2")?;
    page.click(button)?;
    page.wait(|| {
        page.run("rows.innerText").is_ok_and(|rows| rows.to_string().contains("order of"))
    })?;

    office.end_sessions()?;
    office.forget();
    page.press(button)?;
    expect_at(&page, "/sign-in?next=/%3Ftab%3D2")?;
    // If htmx had followed a redirect, it would have loaded the page itself, as a part of the table.
    let line = if button == "#add" { "POST /rows" } else { "GET /rows" };
    let (asked, pages) = (office.seen(line), office.seen("GET /sign-in"));
    expect(asked.len() == 1 && asked[0].status == 401, || format!("expected a 401: {asked:?}"))?;
    let navigated =
        pages.len() == 1 && pages[0].mode.as_deref().unwrap_or("navigate") == "navigate";
    expect(navigated, || format!("expected one navigation to the page: {pages:?}"))?;

    fill_in(&page)?;
    expect_at(&page, "/?tab=2")?;
    page.click(button)?;
    page.wait(|| page.run("rows.innerText").is_ok_and(|rows| rows.to_string().contains("order of")))
}

pub(super) fn fetch(world: &World) -> Outcome {
    for site in Site::BOTH {
        let (office, window) = (Office::open(site, String::new())?, world.chromium.window()?);
        let page = window.tab()?;
        sign_in(&page, &office, "/?tab=2")?;
        let with_fetch = |method: &str| {
            page.run(&format!(
                "fetch('/rows', {{ method: '{method}' }}).then(async response =>
                     [response.status, response.redirected, await response.text()].join())"
            ))
        };
        let with_xhr = |method: &str| {
            page.run(&format!(
                "new Promise(done => {{
                    const xhr = new XMLHttpRequest();
                    xhr.open('{method}', '/rows');
                    xhr.onload = () => done([xhr.status, xhr.responseURL.endsWith('/sign-in'), xhr.response].join());
                    xhr.send();
                }})"
            ))
        };
        let got = [with_fetch("GET")?, with_fetch("POST")?, with_xhr("GET")?];
        let rows = ["200,false,<p>An order of ada</p>", "200,false,<p>A new order of ada</p>"];
        expect(got == [rows[0], rows[1], rows[0]], || format!("{site:?}: {got:?}"))?;

        office.end_sessions()?;
        for got in [with_fetch("GET")?, with_fetch("POST")?, with_xhr("GET")?, with_xhr("POST")?] {
            expect(got == "401,false,Sign in first.", || {
                format!("{site:?}: expected a 401: {got}")
            })?;
        }
        // The browser itself is sent to the page, and comes back.
        page.reload()?;
        expect_at(&page, "/sign-in?next=/%3Ftab%3D2")?;
        fill_in(&page)?;
        expect_at(&page, "/?tab=2")?;
    }
    Ok(())
}

/// Opens a page as a guest, and signs in on the page to which the guard redirects.
pub(super) fn sign_in(page: &Page, office: &Office, path: &str) -> Outcome {
    page.go(&office.url(path))?;
    fill_in(page)?;
    expect_at(page, path)
}

fn fill_in(page: &Page) -> Outcome {
    page.type_into("input[name=user]", "ada")?;
    page.press("button")
}

fn expect_at(page: &Page, path: &str) -> Outcome {
    let at = page.run("location.pathname + location.search")?;
    expect(at == path, || format!("expected the page {path}: {at}"))
}
