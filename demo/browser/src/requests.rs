//! Which cookies the requests of a tab carried, and which the browser withheld
//! or refused, with its reasons.

use serde_json::Value;

use crate::Outcome;
use crate::page::Page;

/// What became of the cookies that one request could have carried.
#[derive(Debug)]
pub(crate) struct Cookies {
    pub(crate) sent: Vec<String>,
    pub(crate) withheld: Vec<(String, Value)>,
}

/// The cookies of the request for a page, such as `POST http://host/path`.
pub(crate) fn cookies_of(page: &Page, line: &str) -> Outcome<Cookies> {
    page.wait(|| associated(page, line).is_some())
        .map_err(|error| format!("{line} was expected: {error}"))?;
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

/// The browser tells of a request and of its cookies separately, in any order.
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

/// Why the browser did not take a `Set-Cookie` line.
pub(crate) fn refusal(page: &Page, line: &str) -> Outcome<Value> {
    let find = || {
        let responses = page.events("Network.responseReceivedExtraInfo");
        let refused = responses.iter().filter_map(|one| one["blockedCookies"].as_array()).flatten();
        refused.into_iter().find(|one| one["cookieLine"] == line).cloned()
    };
    page.wait(|| find().is_some()).map_err(|error| format!("{line} was to be refused: {error}"))?;
    Ok(find().unwrap_or_default()["blockedReasons"].clone())
}
