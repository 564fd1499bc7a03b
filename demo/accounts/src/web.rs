//! The pages.

use axum::extract::{Form, Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{Router, get, post};
use bulla::session::local_path;
use bulla::transport::{CookieError, SetError};
use bulla::{KeyRing, Sealed, Session, SessionError, SignedIn};
use serde::Deserialize;

use crate::session::{Login, Message, messages, only, sessions};
use crate::users::{self, Database, User};

/// The application.
///
/// # Errors
/// [`CookieError`] if the name of a cookie is not valid.
pub fn app(ring: &KeyRing, database: Database) -> Result<Router, CookieError> {
    Ok(Router::new()
        .route("/restricted", get(restricted))
        .route_layer(only("restricted.read"))
        // A guard applies to the routes above it, so /restricted has two guards.
        .route("/", get(protected))
        .route("/password", get(password_form).post(change_password))
        .route_layer(only("protected.read"))
        .route("/login", get(login_form).post(login))
        .route("/logout", post(logout))
        .layer(sessions(ring, database.clone()))
        .layer(messages(ring)?)
        .with_state(database))
}

async fn protected(user: SignedIn<User>, message: Sealed<Message>) -> Html<String> {
    let name = escape(&user.name);
    page(
        &message,
        &format!(
            "<p>Signed in as {name}.</p>
            <p><a href=/restricted>Restricted page</a> <a href=/password>Change the password</a></p>
            <form method=post action=/logout><button>Sign out</button></form>"
        ),
    )
}

async fn restricted(user: SignedIn<User>, message: Sealed<Message>) -> Html<String> {
    let name = escape(&user.name);
    page(&message, &format!("<p>{name} may read this.</p><p><a href=/>Back</a></p>"))
}

/// The form has no `action`, so it is sent to the address of the page, with `next`.
async fn login_form(message: Sealed<Message>) -> Html<String> {
    page(
        &message,
        "<form method=post>
        <p><label>Name <input name=name autocomplete=username></label></p>
        <p><label>Password <input name=password type=password autocomplete=current-password></label></p>
        <button>Sign in</button></form>",
    )
}

#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

#[derive(Deserialize)]
struct Back {
    next: Option<String>,
}

async fn login(
    session: Session<Login>,
    message: Sealed<Message>,
    State(database): State<Database>,
    uri: Uri,
    Query(back): Query<Back>,
    Form(Credentials { name, password }): Form<Credentials>,
) -> Result<Redirect, Failure> {
    let Some(user) = database.authenticate(&name, password).await? else {
        message.set(&Message("The name or the password is wrong.".to_owned()))?;
        let same_page = uri.path_and_query().map_or("/login", |page| page.as_str());
        return Ok(Redirect::to(same_page));
    };
    session.start(Login { user: user.id, password_changes: user.password_changes })?;
    message.set(&Message(format!("Hello {}.", user.name)))?;
    Ok(Redirect::to(back.next.as_deref().and_then(local_path).unwrap_or("/")))
}

async fn logout(session: Session<Login>) -> Result<Redirect, Failure> {
    session.end()?;
    Ok(Redirect::to("/login"))
}

async fn password_form(message: Sealed<Message>) -> Html<String> {
    page(
        &message,
        "<form method=post>
        <p><label>Password <input name=old type=password></label></p>
        <p><label>New password <input name=new type=password></label></p>
        <button>Change</button></form>",
    )
}

#[derive(Deserialize)]
struct Passwords {
    old: String,
    new: String,
}

/// Starts a session with the new count of changes. The change of the password ends all other
/// sessions of the user.
async fn change_password(
    user: SignedIn<User>,
    session: Session<Login>,
    message: Sealed<Message>,
    State(database): State<Database>,
    Form(passwords): Form<Passwords>,
) -> Result<Redirect, Failure> {
    let known = database.authenticate(&user.name, passwords.old).await?;
    let changed = match known {
        Some(user) => database.set_password(&user, passwords.new).await?,
        None => None,
    };
    let Some(user) = changed else {
        message.set(&Message("The password is wrong.".to_owned()))?;
        return Ok(Redirect::to("/password"));
    };
    session.start(Login { user: user.id, password_changes: user.password_changes })?;
    message.set(&Message("All other devices are signed out.".to_owned()))?;
    Ok(Redirect::to("/"))
}

fn page(message: &Sealed<Message>, body: &str) -> Html<String> {
    let message = message
        .take()
        .map_or(String::new(), |Message(text)| format!("<p role=status>{}</p>\n", escape(&text)));
    Html(format!("<!doctype html><html lang=en><title>Accounts</title>\n{message}{body}"))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The response if a handler fails.
struct Failure(Response);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.0
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Failure {
        Failure(error.into_response())
    }
}

impl From<SetError> for Failure {
    fn from(error: SetError) -> Failure {
        Failure(error.into_response())
    }
}

impl From<users::Error> for Failure {
    fn from(error: users::Error) -> Failure {
        eprintln!("{error}");
        Failure((StatusCode::SERVICE_UNAVAILABLE, "Try again in a moment.").into_response())
    }
}
