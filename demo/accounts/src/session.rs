//! All code for sessions: their state, the user of a session, guards, and messages for the next
//! page. A test counts its lines.

use std::time::Duration;

use bulla::transport::CookieError;
use bulla::{
    GuardLayer, KeyRing, Payload, Policy, SealedCookie, SealedLayer, SessionLayer, Sessions,
    SignedIn,
};
use serde::{Deserialize, Serialize};

use crate::users::{Database, User};

/// The state of a session.
#[derive(Serialize, Deserialize, Payload)]
#[payload(purpose = "accounts.example/session")]
pub(crate) struct Login {
    pub(crate) user: i64,
    pub(crate) password_changes: i64,
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
#[payload(purpose = "accounts.example/message")]
pub(crate) struct Message(pub(crate) String);

pub(crate) fn sessions(ring: &KeyRing, database: Database) -> SessionLayer<Login> {
    let sessions = Sessions::<Login>::builder(ring, Policy::default()).sign_in_page("/login");
    SessionLayer::from(sessions.user(move |login| database.clone().user(login.user)).build())
}

pub(crate) fn messages(ring: &KeyRing) -> Result<SealedLayer<Message>, CookieError> {
    Ok(SealedLayer::from(SealedCookie::new(ring, "message", Duration::from_secs(60))?))
}

pub(crate) fn only(permission: &'static str) -> GuardLayer<SignedIn<User>> {
    GuardLayer::only_if(move |user: &User| user.may(permission))
}
