//! The program `examples/cart.rs`: a guest's cart survives the sign-in, and nobody else gets it.

#[allow(dead_code, reason = "`main` is for the program")]
#[path = "../../examples/cart.rs"]
mod program;

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use bulla::{KeyRing, Policy, Sessions};
use futures_executor::block_on;
use http::{Request, header};
use tower::ServiceExt as _;

use self::program::shop;

/// A browser with its cookies.
#[derive(Clone, Default)]
struct Browser(BTreeMap<String, String>);

impl Browser {
    /// Sends a form, or a request for a page if there is no form. Returns the status and the body.
    fn visit(&mut self, shop: &Router, path: &str, form: Option<&str>) -> (u16, String) {
        let cookies: Vec<_> =
            self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder()
            .method(form.map_or("GET", |_| "POST"))
            .uri(path)
            .header(header::COOKIE, cookies.join("; "))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.unwrap_or_default().to_owned()))
            .unwrap();
        let response = block_on(shop.clone().oneshot(request)).unwrap();
        for line in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie::Cookie::parse(line.to_str().unwrap()).unwrap();
            match cookie.max_age() {
                Some(_) => self.0.remove(cookie.name()),
                None => self.0.insert(cookie.name().to_owned(), cookie.value().to_owned()),
            };
        }
        let status = response.status().as_u16();
        let body = block_on(axum::body::to_bytes(response.into_body(), 1 << 20)).unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    fn send(&mut self, shop: &Router, path: &str, form: &str) -> u16 {
        self.visit(shop, path, Some(form)).0
    }

    fn cart(&mut self, shop: &Router) -> String {
        self.visit(shop, "/cart", None).1
    }
}

fn new_shop() -> Router {
    shop(Sessions::new(KeyRing::generate().unwrap(), Policy::default()))
}

#[test]
fn a_guest_keeps_the_cart_when_signing_in_and_loses_it_when_signing_out() {
    let shop = new_shop();
    let mut ada = Browser::default();
    assert_eq!(ada.cart(&shop), "an empty cart\n");
    assert!(ada.0.is_empty(), "a guest who only looks gets no cookie");
    assert_eq!(ada.send(&shop, "/pay", ""), 401);
    assert_eq!(ada.send(&shop, "/cart", "item=tea"), 303);
    assert_eq!(ada.send(&shop, "/cart", "item=milk"), 303);
    assert_eq!(ada.cart(&shop), "guest: tea, milk\n");
    assert_eq!(ada.send(&shop, "/pay", ""), 401, "a guest has a session, but no rights");
    assert_eq!(ada.send(&shop, "/sign-in", "user=ada"), 303);
    assert_eq!(ada.cart(&shop), "ada: tea, milk\n");
    let paid = (200, "ada has paid for tea, milk\n".to_owned());
    assert_eq!(ada.visit(&shop, "/pay", Some("")), paid);
    assert_eq!(ada.send(&shop, "/sign-out", ""), 303);
    assert_eq!(ada.cart(&shop), "an empty cart\n");
}

#[test]
fn a_copy_of_the_guests_cookie_shows_nothing_of_the_user() {
    let shop = new_shop();
    let mut attacker = Browser::default();
    attacker.send(&shop, "/cart", "item=tea");
    let mut ada = attacker.clone();
    ada.send(&shop, "/sign-in", "user=ada");
    ada.send(&shop, "/cart", "item=a+gift");
    assert_eq!(ada.cart(&shop), "ada: tea, a gift\n");
    assert_eq!(attacker.cart(&shop), "guest: tea\n");
    assert_eq!(attacker.send(&shop, "/pay", ""), 401);
}

#[test]
fn a_user_does_not_get_the_cart_of_the_previous_user() {
    let shop = new_shop();
    let mut browser = Browser::default();
    browser.send(&shop, "/sign-in", "user=ada");
    browser.send(&shop, "/cart", "item=tea");
    browser.send(&shop, "/sign-in", "user=alan");
    assert_eq!(browser.cart(&shop), "alan: \n");
}
