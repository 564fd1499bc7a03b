//! Which cookies the browser sent with the requests of a tab, and which cookies it did not send
//! or refused to store, with the browser's reasons.

use serde_json::Value;

use crate::Outcome;
use crate::page::Page;

/// The cookies for the address of one request: those that were sent, and those that were not.
#[derive(Debug)]
pub(crate) struct Cookies {
    pub(crate) sent: Vec<String>,
    pub(crate) withheld: Vec<(String, Value)>,
}

/// Returns the cookies of a request, such as `POST http://host/path`.
pub(crate) fn cookies_of(page: &Page, line: &str) -> Outcome<Cookies> {
    page.wait(|| associated(page, line).is_some())
        .map_err(|error| format!("expected a request {line}: {error}"))?;
    let associated = associated(page, line).ok_or("a request that was seen")?;
    let mut cookies = Cookies { sent: Vec::new(), withheld: Vec::new() };
    for one in associated.as_array().ok_or("a list of cookies")? {
        let name = one["cookie"]["name"].as_str().unwrap_or_default().to_owned();
        match &one["blockedReasons"] {
            Value::Array(reasons) if reasons.is_empty() => cookies.sent.push(name),
            reasons => cookies.withheld.push((name, reasons.clone())),
        }
    }
    Ok(cookies)
}

/// The browser reports a request and its cookies in separate events, in any order.
fn associated(page: &Page, line: &str) -> Option<Value> {
    let requests = page.events("Network.requestWillBeSent");
    let request = requests.iter().find(|one| {
        let (method, url) = (&one["request"]["method"], &one["request"]["url"]);
        line.split_once(' ') == method.as_str().zip(url.as_str())
    })?;
    let extras = page.events("Network.requestWillBeSentExtraInfo");
    let extra = extras.iter().find(|one| one["requestId"] == request["requestId"])?;
    Some(extra["associatedCookies"].clone())
}

/// Returns the reasons why the browser refused a `Set-Cookie` line.
pub(crate) fn refusal(page: &Page, line: &str) -> Outcome<Value> {
    let find = || {
        let responses = page.events("Network.responseReceivedExtraInfo");
        let refused = responses.iter().filter_map(|one| one["blockedCookies"].as_array()).flatten();
        refused.into_iter().find(|one| one["cookieLine"] == line).cloned()
    };
    page.wait(|| find().is_some())
        .map_err(|error| format!("expected the browser to refuse {line}: {error}"))?;
    Ok(find().unwrap_or_default()["blockedReasons"].clone())
}
