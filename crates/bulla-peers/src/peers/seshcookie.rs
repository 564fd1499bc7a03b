//! seshcookie, measured through its layer, because it has no lower-level API.
//!
//! Therefore the figures of seshcookie include the time to find the cookie in the headers and to
//! write Set-Cookie.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum_core::extract::FromRequestParts as _;
use http::header::{COOKIE, SET_COOKIE};
use http::{Request, Response};
use seshcookie::{Session, SessionConfig, SessionKeys, SessionLayer};
use tower::{Layer as _, Service as _, service_fn};

use crate::peers::{Expiry, Kind, Peer, Ways};
use crate::states::State;

pub(super) const PEER: Peer = Peer {
    name: "seshcookie, as a layer",
    kind: Kind::Encrypts,
    suite: "ChaCha20-Poly1305",
    encoding: "JSON",
    expiry: Expiry::Enforced,
};

pub(super) fn ways<S: State>(lifetime: u64) -> Ways<S> {
    let layer = || {
        let config = SessionConfig::default()
            .cookie_name("s")
            .max_age(std::time::Duration::from_secs(lifetime))
            .refresh_after(None);
        SessionLayer::<S>::new(SessionKeys::new(&super::KEY).unwrap(), config).unwrap()
    };
    let (sealing, opening) = (layer(), layer());
    Ways::new(
        move |state: &S| {
            let state = state.clone();
            let app = service_fn(move |request: Request<()>| {
                let state = state.clone();
                async move {
                    session::<S>(request).await.insert(state).await;
                    Ok::<_, Infallible>(Response::new(()))
                }
            });
            let response = now(sealing.layer(app).call(Request::new(()))).unwrap();
            let line = response.headers()[SET_COOKIE].to_str().unwrap();
            line["s=".len()..line.find(';').unwrap()].to_owned()
        },
        move |text| {
            let app = service_fn(|request: Request<()>| async move {
                let state = session::<S>(request).await.get().await;
                Ok::<_, Infallible>(Response::new(state))
            });
            let request = Request::builder().header(COOKIE, format!("s={text}"));
            let response = now(opening.layer(app).call(request.body(()).unwrap())).unwrap();
            response.into_body()
        },
    )
}

async fn session<S: State>(request: Request<()>) -> Session<S> {
    let (mut parts, ()) = request.into_parts();
    Session::from_request_parts(&mut parts, &()).await.unwrap()
}

/// The output of a future that is ready at once.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("no future here waits"),
    }
}
