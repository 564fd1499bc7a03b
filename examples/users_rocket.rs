//! Users, a permission and messages for the next page in Rocket. `demo/accounts` is the same for
//! axum, with a database.
//!
//! ```sh
//! cargo run --example users_rocket --features rocket05
//! curl -i -c jar -d 'name=ada&password=1815' http://127.0.0.1:8000/sign-in
//! curl -i -c jar -b jar http://127.0.0.1:8000/clerks
//! ```
#![allow(missing_docs, reason = "an example program")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulla::session::local_path;
use bulla::transport::CookieError;
use bulla::{
    Fresh, KeyRing, Payload, Policy, RouteGuard, Sealed, SealedCookie, SealedFairing, Session,
    SessionError, SessionFairing, Sessions, SignedIn,
};
use rocket::form::{Form, FromForm};
use rocket::response::Redirect;
use rocket::{Build, Config, Rocket, State, get, post, routes};
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
type Users = Arc<Mutex<BTreeMap<String, User>>>;

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

fn sessions(ring: &KeyRing, users: Users) -> SessionFairing<Login> {
    let load = move |login: Arc<Login>| {
        let user = users.lock().unwrap().get(&login.user).cloned();
        async { Ok::<_, Infallible>(user) }
    };
    let sessions = Sessions::builder(ring, Policy::default()).sign_in_page("/sign-in").user(load);
    SessionFairing::from(sessions.build())
}

fn messages(ring: &KeyRing) -> Result<SealedFairing<Message>, CookieError> {
    Ok(SealedFairing::from(SealedCookie::new(ring, "message", Duration::from_secs(60))?))
}

fn bank(config: Config, ring: &KeyRing, users: Users) -> Result<Rocket<Build>, CookieError> {
    let customers = RouteGuard::<SignedIn<User>>::new();
    let clerks = RouteGuard::<SignedIn<User>>::only_if(|user| user.is_clerk);
    Ok(rocket::custom(config)
        .attach(sessions(ring, Arc::clone(&users)))
        .attach(messages(ring)?)
        .manage(users)
        .mount("/", routes![sign_in_form, sign_in, sign_out])
        .mount("/account", customers.around(routes![account, change_password]))
        .mount("/clerks", clerks.around(routes![report])))
}

#[get("/")]
fn account(user: SignedIn<User>, message: Sealed<Message>) -> String {
    let message = message.take().map_or(String::new(), |message| message.0 + " ");
    format!("{message}Signed in as {}.\n", user.name)
}

#[get("/")]
fn report() -> &'static str {
    "a report\n"
}

#[get("/sign-in")]
fn sign_in_form() -> &'static str {
    "POST a name and a password to this address\n"
}

#[derive(FromForm)]
struct Credentials<'r> {
    name: &'r str,
    password: &'r str,
}

#[post("/sign-in?<next>", data = "<form>")]
fn sign_in(
    session: Session<Login>,
    message: Sealed<Message>,
    users: &State<Users>,
    next: Option<String>,
    form: Form<Credentials<'_>>,
) -> Result<Redirect, SessionError> {
    let user = users.lock().unwrap().get(form.name).cloned();
    let Some(user) = user.filter(|user| user.password == form.password) else {
        return Ok(Redirect::to("/sign-in"));
    };
    session.start(Login { user: user.name, password_changes: user.password_changes })?;
    message.set(&Message("Welcome back.".to_owned()))?;
    Ok(Redirect::to(next.as_deref().and_then(local_path).unwrap_or("/account").to_owned()))
}

/// Requires a sign-in within the last five minutes.
#[post("/password", data = "<new>")]
fn change_password(
    _fresh: Fresh<Login, 300>,
    user: SignedIn<User>,
    session: Session<Login>,
    message: Sealed<Message>,
    users: &State<Users>,
    new: String,
) -> Result<Redirect, SessionError> {
    let changed =
        User { password: new, password_changes: user.password_changes + 1, ..(*user).clone() };
    let login = Login { user: user.name.clone(), password_changes: changed.password_changes };
    users.lock().unwrap().insert(user.name.clone(), changed);
    session.start(login)?;
    message.set(&Message("All other devices are signed out.".to_owned()))?;
    Ok(Redirect::to("/account"))
}

#[post("/sign-out")]
fn sign_out(session: Session<Login>) -> Result<Redirect, SessionError> {
    session.end()?;
    Ok(Redirect::to("/sign-in"))
}

fn users() -> Users {
    let user = |name: &str, password: &str, is_clerk| {
        let (name, password) = (name.to_owned(), password.to_owned());
        (name.clone(), User { name, password, password_changes: 0, is_clerk })
    };
    Arc::new(Mutex::new([user("ada", "1815", true), user("alan", "1912", false)].into()))
}

#[rocket::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In production, use std::env::var("BULLA_KEYS")?.parse()? or a file.
    bank(Config::default(), &KeyRing::generate()?, users())?.launch().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use rocket::http::Header;
    use rocket::local::blocking::Client;

    use super::*;

    type Jar = BTreeMap<String, String>;

    #[test]
    fn users_sign_in_need_permissions_and_change_passwords() {
        let config = Config { log_level: rocket::config::LogLevel::Off, ..Config::debug_default() };
        let bank = bank(config, &KeyRing::generate().unwrap(), users()).unwrap();
        let client = Client::untracked(bank).unwrap();
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
            (ada, "GET /account", "", "200 All other devices are signed out. Signed in as ada.\n"),
            (elsewhere, "GET /account", "", "303 /sign-in?next=/account"),
            (ada, "POST /sign-out", "", "303 /sign-in"),
            (ada, "GET /account", "", "303 /sign-in?next=/account"),
        ] {
            let jar = jars.entry(who).or_default();
            let (method, path) = line.split_once(' ').unwrap();
            let cookies: String = jar.iter().map(|(k, v)| format!("{k}={v}; ")).collect();
            let mut request = client.req(method.parse().unwrap(), path).body(form);
            for (name, value) in [
                ("content-type", "application/x-www-form-urlencoded"),
                ("cookie", &cookies),
                ("sec-fetch-mode", "navigate"),
            ] {
                request.add_header(Header::new(name, value.to_owned()));
            }
            let response = request.dispatch();
            for line in response.headers().get("set-cookie") {
                let (name, value) = line.split_once('=').unwrap();
                jar.insert(name.to_owned(), value.split(';').next().unwrap().to_owned());
            }
            let status = response.status().code;
            let location = response.headers().get_one("location").map(str::to_owned);
            let went = location.or_else(|| response.into_string()).unwrap_or_default();
            assert_eq!(format!("{status} {went}"), answer, "{who}: {line}");
        }
    }
}
