//! Users, a permission and messages for the next page in actix-web. `demo/accounts` is the same for
//! axum, with a database.
//!
//! ```sh
//! cargo run --example users_actix --features actix4
//! curl -i -c jar -d 'name=ada&password=1815' http://127.0.0.1:3000/sign-in
//! curl -i -c jar -b jar http://127.0.0.1:3000/clerks
//! ```
#![allow(missing_docs, clippy::print_stdout, reason = "an example program")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web::{self, Data, Form, Query, Redirect};
use actix_web::{App, HttpServer, rt};
use bulla::session::local_path;
use bulla::transport::CookieError;
use bulla::{
    Fresh, GuardMiddleware, KeyRing, Payload, Policy, Sealed, SealedCookie, SealedMiddleware,
    Session, SessionError, SessionMiddleware, Sessions, SignedIn,
};
use serde::{Deserialize, Serialize};

/// A row of the database.
#[derive(Clone)]
struct User {
    name: String,
    password: String, // a real application stores a hash
    password_changes: u32,
    is_clerk: bool,
}

/// The users. This map replaces a database.
type Users = Mutex<BTreeMap<String, User>>;

/// The state of a session.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/session")]
struct Login {
    user: String,
    password_changes: u32,
}

impl bulla::session::User for User {
    type State = Login;

    /// A change of the password ends the sessions that started before it.
    fn accepts(&self, login: &Login) -> bool {
        login.password_changes == self.password_changes
    }
}

/// A message for the next page.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "bank.example/message")]
struct Message(String);

fn sessions(ring: &KeyRing, users: Arc<Users>) -> SessionMiddleware<Login> {
    let load = move |login: Arc<Login>| {
        let user = users.lock().unwrap().get(&login.user).cloned();
        async { Ok::<_, Infallible>(user) }
    };
    let sessions = Sessions::builder(ring, Policy::default()).sign_in_page("/sign-in").user(load);
    SessionMiddleware::from(sessions.build())
}

fn messages(ring: &KeyRing) -> Result<SealedMiddleware<Message>, CookieError> {
    Ok(SealedMiddleware::from(SealedCookie::new(ring, "message", Duration::from_secs(60))?))
}

fn routes(config: &mut web::ServiceConfig) {
    let customers = GuardMiddleware::<SignedIn<User>>::new();
    let clerks = GuardMiddleware::<SignedIn<User>>::only_if(|user| user.is_clerk);
    let form = || async { "POST a name and a password to this address\n" };
    config
        .route("/sign-in", web::get().to(form))
        .route("/sign-in", web::post().to(sign_in))
        .route("/sign-out", web::post().to(sign_out))
        .service(
            web::scope("/account")
                .wrap(customers)
                .route("", web::get().to(account))
                .route("/password", web::post().to(change_password)),
        )
        .service(
            web::scope("/clerks").wrap(clerks).route("", web::get().to(|| async { "a report\n" })),
        );
}

async fn account(user: SignedIn<User>, message: Sealed<Message>) -> String {
    let message = message.take().map_or(String::new(), |message| message.0 + " ");
    format!("{message}Signed in as {}.\n", user.name)
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

async fn sign_in(
    session: Session<Login>,
    message: Sealed<Message>,
    users: Data<Users>,
    back: Query<Back>,
    form: Form<Credentials>,
) -> Result<Redirect, SessionError> {
    let user = users.lock().unwrap().get(&form.name).cloned();
    let Some(user) = user.filter(|user| user.password == form.password) else {
        return Ok(Redirect::to("/sign-in").see_other());
    };
    session.start(Login { user: user.name, password_changes: user.password_changes })?;
    message.set(&Message("Welcome back.".to_owned()))?;
    let next = back.next.as_deref().and_then(local_path).unwrap_or("/account");
    Ok(Redirect::to(next.to_owned()).see_other())
}

/// Requires a sign-in within the last five minutes.
async fn change_password(
    _: Fresh<Login, 300>,
    user: SignedIn<User>,
    session: Session<Login>,
    message: Sealed<Message>,
    users: Data<Users>,
    new: String,
) -> Result<Redirect, SessionError> {
    let changed =
        User { password: new, password_changes: user.password_changes + 1, ..(*user).clone() };
    let login = Login { user: user.name.clone(), password_changes: changed.password_changes };
    users.lock().unwrap().insert(user.name.clone(), changed);
    session.start(login)?;
    message.set(&Message("All other devices are signed out.".to_owned()))?;
    Ok(Redirect::to("/account").see_other())
}

async fn sign_out(session: Session<Login>) -> Result<Redirect, SessionError> {
    session.end()?;
    Ok(Redirect::to("/sign-in").see_other())
}

fn users() -> Arc<Users> {
    let user = |name: &str, password: &str, is_clerk| {
        let (name, password) = (name.to_owned(), password.to_owned());
        (name.clone(), User { name, password, password_changes: 0, is_clerk })
    };
    Arc::new(Mutex::new([user("ada", "1815", true), user("alan", "1912", false)].into()))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    let (ring, users) = (KeyRing::generate()?, users());
    let (sessions, messages) = (sessions(&ring, Arc::clone(&users)), messages(&ring)?);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::from(Arc::clone(&users)))
            .configure(routes)
            .wrap(messages.clone())
            .wrap(sessions.clone())
    });
    println!("http://127.0.0.1:3000");
    Ok(rt::System::new().block_on(server.bind("127.0.0.1:3000")?.run())?)
}

#[cfg(test)]
mod tests {
    use actix_web::test::{TestRequest, call_service, init_service, read_body};

    use super::*;

    type Jar = BTreeMap<String, String>;

    #[test]
    fn users_sign_in_need_permissions_and_change_passwords() {
        let (ring, users) = (KeyRing::generate().unwrap(), users());
        let (sessions, messages) = (sessions(&ring, Arc::clone(&users)), messages(&ring).unwrap());
        rt::System::new().block_on(async {
            let app = App::new().app_data(Data::from(users)).configure(routes);
            let app = init_service(app.wrap(messages).wrap(sessions)).await;
            let (ada, alan, elsewhere) = ("ada", "alan", "ada, on another device");
            let mut jars: BTreeMap<&str, Jar> = BTreeMap::new();
            for (who, line, form, answer) in [
                (ada, "GET /account", "", "303 /sign-in?next=/account"),
                (ada, "POST /sign-in", "name=ada&password=1912", "303 /sign-in"),
                (ada, "POST /sign-in?next=/clerks", "name=ada&password=1815", "303 /clerks"),
                (ada, "GET /clerks", "", "200 a report\n"),
                (ada, "GET /account", "", "200 Welcome back. Signed in as ada.\n"),
                (ada, "GET /account", "", "200 Signed in as ada.\n"),
                (alan, "GET /clerks", "", "303 /sign-in?next=/clerks"),
                (alan, "POST /sign-in", "name=alan&password=1912", "303 /account"),
                (alan, "GET /clerks", "", "403 You may not do this."),
                (elsewhere, "POST /sign-in", "name=ada&password=1815", "303 /account"),
                (ada, "POST /account/password", "1843", "303 /account"),
                (
                    ada,
                    "GET /account",
                    "",
                    "200 All other devices are signed out. Signed in as ada.\n",
                ),
                (elsewhere, "GET /account", "", "303 /sign-in?next=/account"),
                (ada, "POST /sign-out", "", "303 /sign-in"),
                (ada, "GET /account", "", "303 /sign-in?next=/account"),
            ] {
                let jar = jars.entry(who).or_default();
                let (method, path) = line.split_once(' ').unwrap();
                let request = TestRequest::with_uri(path).method(method.parse().unwrap());
                let cookies: String = jar.iter().map(|(k, v)| format!("{k}={v}; ")).collect();
                let type_of_form = ("content-type", "application/x-www-form-urlencoded");
                let request =
                    request.insert_header(type_of_form).insert_header(("cookie", cookies));
                let request = request.insert_header(("sec-fetch-mode", "navigate"));
                let response = call_service(&app, request.set_payload(form).to_request()).await;
                for line in response.headers().get_all("set-cookie") {
                    let (name, value) = line.to_str().unwrap().split_once('=').unwrap();
                    jar.insert(name.to_owned(), value.split(';').next().unwrap().to_owned());
                }
                let status = response.status().as_u16();
                let location = response.headers().get("location").cloned();
                let went = match location {
                    Some(location) => format!("{status} {}", location.to_str().unwrap()),
                    None => {
                        format!("{status} {}", String::from_utf8_lossy(&read_body(response).await))
                    }
                };
                assert_eq!(went, answer, "{who}: {line}");
            }
        });
    }
}
