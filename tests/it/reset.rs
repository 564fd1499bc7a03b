//! The program `examples/reset.rs`: a link resets a password once, also after a restart.

#[allow(dead_code, reason = "`main` is for the program")]
#[path = "../../examples/reset.rs"]
mod program;

use std::fs;
use std::path::PathBuf;

use axum::Router;
use axum::body::Body;
use http::{Request, header};
use tower::ServiceExt as _;

use self::program::{Shop, routes};
use crate::support::{key_text, ring};

/// Returns the status and the text of the response.
fn send(shop: &Shop, method: &str, path: &str, form: String) -> (u16, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();
    let app: Router = routes(shop.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let response = app.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    })
}

fn reset(shop: &Shop, token: &str) -> u16 {
    send(shop, "POST", "/reset", format!("token={token}&password=new")).0
}

#[test]
fn a_reset_link_works_once_even_if_the_server_restarts() {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("reset-links");
    let _ = fs::remove_file(&path);
    let key = key_text();
    let start = || Shop::open(ring(&[&key]), &path).unwrap();
    let shop = start();
    let (token, other) = (shop.link("ada").unwrap(), shop.link("ada").unwrap());
    assert!(shop.link("alan").is_none());

    // The page shows a form, and does not use the link.
    let page = send(&shop, "GET", &format!("/reset?token={token}"), String::new());
    assert!(page.0 == 200 && page.1.contains(&format!("value=\"{token}\"")), "{page:?}");
    let odd = send(&shop, "GET", "/reset?token=%22%3E%3Cscript%3E", String::new());
    assert!(odd.0 == 200 && odd.1.contains("value=\"\""), "{odd:?}");

    assert_eq!((reset(&shop, &token), reset(&shop, &token)), (200, 400));
    drop(shop);
    let shop = start();
    assert_eq!((reset(&shop, &token), reset(&shop, &other)), (400, 200));

    // Without the file, the server does not know which links were used.
    let third = shop.link("ada").unwrap();
    fs::rename(&path, path.with_extension("away")).unwrap();
    assert_eq!((reset(&shop, &third), reset(&shop, &token)), (503, 400));
    fs::rename(path.with_extension("away"), &path).unwrap();
    assert_eq!((reset(&shop, &third), reset(&shop, &third)), (200, 400));
}
