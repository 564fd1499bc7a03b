//! What pages of other origins can do with the session of a user: with forms, `fetch`, WebSockets and
//! links. The cookie of `Site::Trusted` is sent with all of them, so only the rule of bulla refuses
//! them. `Site::Plain` gets no `Sec-Fetch-Site`, so only `Origin` tells where a request comes from.

use super::scripts::sign_in;
use super::{World, expect};
use crate::Outcome;
use crate::office::{Office, Seen, Site};
use crate::page::Page;
use crate::stranger::{Leaf, Stranger};

pub(super) fn same(world: &World) -> Outcome {
    for site in Site::BOTH {
        let (office, window) = (Office::open(site, String::new())?, world.chromium.window()?);
        let page = window.tab()?;
        sign_in(&page, &office, "/")?;
        let sent = match site {
            Site::Trusted => Some("same-origin"),
            Site::Plain => None,
        };
        let origin = Some(office.url(""));
        let accepted = Expected { site: sent, origin, cookie: true, status: 200 };
        office.forget();
        page.run("fetch('/rows', { method: 'POST' }).then(response => response.text())")?;
        check(&page, &office, "POST /rows", &accepted)?;

        office.forget();
        page.press("#form")?;
        check(&page, &office, "POST /rows", &accepted)?;

        office.forget();
        page.run(&socket(&office))?;
        // Chromium sends no `Sec-Fetch-Site` with a WebSocket.
        let opened = Expected { site: None, status: 101, ..accepted };
        check(&page, &office, "GET /socket", &opened)?;
    }
    Ok(())
}

/// A page of another origin, as the browser sees it.
struct Origin {
    host: &'static str,
    /// `Sec-Fetch-Site` to a host that the browser trusts.
    site: &'static str,
    /// Whether `SameSite=Lax` lets the cookie pass.
    lax: bool,
}

const OF_TRUSTED: [Origin; 4] = [
    Origin { host: "evil.localhost", site: "cross-site", lax: false },
    // The browser does not trust this host, but the office.
    Origin { host: "evil.test", site: "cross-site", lax: false },
    Origin { host: "evil.office.localhost", site: "same-site", lax: true },
    // The office's own host with another port.
    Origin { host: "office.localhost", site: "same-site", lax: true },
];

const OF_PLAIN: [Origin; 3] = [
    Origin { host: "evil.test", site: "cross-site", lax: false },
    Origin { host: "evil.office.test", site: "same-site", lax: true },
    Origin { host: "office.test", site: "same-site", lax: true },
];

pub(super) fn others(world: &World) -> Outcome {
    for site in Site::BOTH {
        let office = Office::open(site, String::new())?;
        let (form, rows) = (office.url("/rows"), office.url("/"));
        let leaf = |path, html| Leaf { path, head: String::new(), html };
        let stranger = Stranger::with(vec![
            leaf("/", format!("<a href='{rows}'>orders</a>")),
            leaf(
                "/form",
                format!(
                    "<form method=post action='{form}'></form><script>document.forms[0].submit()</script>"
                ),
            ),
        ])?;
        let origins: &[Origin] = match site {
            Site::Trusted => &OF_TRUSTED,
            Site::Plain => &OF_PLAIN,
        };
        for origin in origins {
            let window = world.chromium.window()?;
            let page = window.tab()?;
            sign_in(&page, &office, "/")?;
            attack(&page, &office, &stranger, site, origin)
                .map_err(|error| format!("{site:?}, a page of {}: {error}", origin.host))?;
        }
    }
    Ok(())
}

fn attack(
    page: &Page,
    office: &Office,
    stranger: &Stranger,
    site: Site,
    origin: &Origin,
) -> Outcome {
    let (sent, cookie) = match site {
        Site::Trusted => (Some(origin.site), true),
        Site::Plain => (None, origin.lax),
    };
    let refused =
        Expected { site: sent, origin: Some(stranger.url(origin.host, "")), cookie, status: 403 };

    page.go(&stranger.url(origin.host, "/"))?;
    for mode in ["cors", "no-cors"] {
        office.forget();
        page.run(&format!(
            "fetch('{}', {{ method: 'POST', mode: '{mode}', credentials: 'include', body: 'x' }})
                 .then(() => 'answered', () => 'not readable')",
            office.url("/rows")
        ))?;
        check(page, office, "POST /rows", &refused)?;
    }

    office.forget();
    page.go(&stranger.url(origin.host, "/form"))?;
    check(page, office, "POST /rows", &refused)?;
    page.wait(|| page.text().is_ok_and(|text| text.contains("another site sent this request.")))?;

    page.go(&stranger.url(origin.host, "/"))?;
    office.forget();
    page.run(&socket(office))?;
    check(page, office, "GET /socket", &Expected { site: None, ..refused })?;

    // A link leads to the page of the user, who is still signed in.
    office.forget();
    page.press("a")?;
    let linked = Expected { site: sent, origin: None, cookie: true, status: 200 };
    check(page, office, "GET /", &linked)?;
    super::shows(page, "Orders of ada")
}

/// A script that opens a WebSocket to the office, and waits until it is open or has failed.
fn socket(office: &Office) -> String {
    let url = office.url("/socket").replacen("http", "ws", 1);
    format!(
        "new Promise(done => {{
            const socket = new WebSocket('{url}');
            socket.onopen = () => done('open');
            socket.onerror = () => done('failed');
        }})"
    )
}

/// How a request arrives, and the status of its response.
#[derive(Debug)]
struct Expected {
    /// `Sec-Fetch-Site`.
    site: Option<&'static str>,
    origin: Option<String>,
    cookie: bool,
    status: u16,
}

/// Checks the only request with this line.
fn check(page: &Page, office: &Office, line: &str, expected: &Expected) -> Outcome {
    page.wait(|| !office.seen(line).is_empty())?;
    let seen = office.seen(line);
    let [Seen { site, origin, cookie, status, .. }] = &seen[..] else {
        return Err(format!("expected one request {line}: {seen:?}").into());
    };
    let is_so = site.as_deref() == expected.site
        && *origin == expected.origin
        && *cookie == expected.cookie
        && *status == expected.status;
    expect(is_so, || format!("expected {expected:?}: {seen:?}"))
}
