//! The steps. Each has its own window, so that it does not depend on another step.

mod bound;
mod cookies;
mod customers;
mod devices;
mod endings;
mod origins;
mod scripts;
mod strangers;

use std::path::PathBuf;

use crate::Outcome;
use crate::bank::{Bank, Open};
use crate::browser::Chromium;
use crate::page::Page;
use crate::shots::Shots;

/// The default name of the session cookie.
const COOKIE: &str = "__Host-session";
const RENEWAL: &str = "__Host-session-renewal";

/// The balance of ada when a bank starts.
const BALANCE: &str = "£1,843.00";

pub(crate) struct World {
    pub(crate) bank: Bank,
    pub(crate) chromium: Chromium,
    /// The browser's program, for steps that start one with other settings.
    pub(crate) program: PathBuf,
    pub(crate) shots: Shots,
}

type Step = fn(&World) -> Outcome;

pub(crate) const ALL: [(&str, Step); 27] = [
    ("a guest gets no cookie", cookies::guest),
    (
        "signing in shows the balance and sets __Host-, Secure, HttpOnly, SameSite=Lax",
        cookies::sign_in_form,
    ),
    ("signing in sets the same at http://127.0.0.1 and http://localhost", cookies::loopback),
    ("a script in the page can neither read nor replace the cookie", cookies::scripts),
    ("a form from another site does not send the session cookie", strangers::form),
    ("an image or a frame in another site does not send the session cookie", strangers::embedded),
    ("a link in another site sends the session cookie", strangers::link),
    ("the bank refuses a form of a sibling host, which sends the cookie", strangers::sibling_form),
    ("a sibling host cannot plant a __Host- cookie", strangers::planted),
    ("long after sign-in, a transfer asks for the PIN and is then sent", customers::step_up),
    ("two tabs share a session, its changes and its sign-out", customers::two_tabs),
    ("a customer stays signed in when the bank restarts", customers::restart),
    ("a device that is ended on another device is signed out, and only that one", devices::end),
    ("activity renews a session, with a cookie that has the same attributes", endings::renewal),
    ("an idle session ends, and after the sign-in the customer comes back", endings::idle),
    ("signing out deletes the cookies", endings::signing_out),
    ("after signing out, Back shows no balance, online or offline", endings::back),
    ("htmx 1, 2 and 4 lead from an ended session to the sign-in page, and back", scripts::htmx),
    ("fetch and XMLHttpRequest without a session get 401, and no page", scripts::fetch),
    ("forms, fetch and WebSockets of the same origin use the session", origins::same),
    ("those of other origins find no session, and links do", origins::others),
    (
        "the browser binds the session to its device and proves it, while the bank's keys change",
        bound::life,
    ),
    ("signing out ends a bound session in the browser too", bound::signing_out),
    ("a thief of all cookies of a bound session has it until the next proof", bound::theft),
    ("without the feature, the browser has an ordinary session", bound::ordinary),
    ("a link in another site leads to a bound session whose proof is due", bound::link),
    ("fetch sends a request again whose proof was due, once", bound::fetch),
];

/// Opens the sign-in page and signs in through its form.
fn sign_in(page: &Page, bank: &Open) -> Outcome {
    page.go(&bank.url("/"))?;
    fill_in_and_sign_in(page)
}

fn fill_in_and_sign_in(page: &Page) -> Outcome {
    page.type_into("input[name=user]", "ada")?;
    page.type_into("input[name=pin]", "1815")?;
    page.press("form[action='/login'] button")?;
    shows(page, "Ada Lovelace")
}

fn transfer(page: &Page, amount: &str) -> Outcome {
    page.type_into("input[name=amount]", amount)?;
    page.press("form[action='/transfer'] button")
}

fn sign_out(page: &Page) -> Outcome {
    page.press("form[action='/logout'] button")
}

fn shows(page: &Page, text: &str) -> Outcome {
    let found = page.text()?;
    expect(found.contains(text), || format!("expected {text:?} on the page:\n{found}"))
}

/// Checks that the page shows no data of a signed-in customer.
fn shows_nobody(page: &Page) -> Outcome {
    let found = page.text()?;
    let private = ["Ada", "£", "Sign out"].iter().any(|text| found.contains(text));
    expect(!private, || format!("expected no private data on the page:\n{found}"))
}

fn asks_to_sign_in(page: &Page) -> Outcome {
    shows_nobody(page)?;
    expect(page.run("!!document.querySelector('input[name=pin]')")? == true, || {
        "expected a form to sign in".to_owned()
    })
}

fn expect(is_so: bool, what: impl FnOnce() -> String) -> Outcome {
    if is_so { Ok(()) } else { Err(what().into()) }
}
